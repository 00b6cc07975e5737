"""Filter chips: a removable one for each filter, and the number of instances that match."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st

from chameleon import analysis
from chameleon.app import cached, state
from chameleon.app.formatting import brief, plain
from chameleon.app.view import View
from chameleon.selection import Filters, RegionFilter


@dataclass(frozen=True, slots=True)
class Chip:
    """The label of a filter, and the function that removes it from `field` of the selection."""

    words: str
    without: Callable[[Filters], Filters]
    field: str = "filters"


def draw_chips(view: View) -> None:
    """A removable chip for each filter, and the number of instances that match them."""
    found = view.call(analysis.selected)
    chips = list(chips_of(view))
    # as high with chips as without (see the page's style): the first click must move nothing
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="chips")
    if not chips:
        names = " and ".join(map(brief, view.versions.values()))
        row.caption(f"All {found.of:,} instances of {names}, unfiltered.")
        return
    with row:
        st.markdown(f"**{found.instances:,} of {found.of:,} instances**", width="content")
        for number, chip in enumerate(chips):
            st.button(
                f"{brief(chip.words, 60)} :material/close:", key=f"chip-{number}",
                help=f"Remove filter: {plain(chip.words)}",
                on_click=state.change, args=(chip.field, chip.without),
            )  # fmt: skip
        st.button("Clear all", key="clear-all", type="tertiary", on_click=state.clear)
    if found.instances == 0:
        shows = relief(view, chips)
        st.info(
            "No instance in either version matches all filters. Remove one: "
            + "; ".join(f"removing *{brief(words)}* shows {count:,}" for words, count in shows),
            icon=":material/filter_alt_off:",
        )


def chips_of(view: View) -> Iterator[Chip]:
    """The chips of all filters, then those of the restrictions of sides."""
    kinds, selection = view.evaluation.dataset.project.kinds, view.selection
    for part in selection.filters.parts:
        if not isinstance(part, RegionFilter):
            yield Chip(part.label(kinds), partial(Filters.without, part=part))
    cells = len(selection.filters.regions)
    if cells:
        words = "a cell of the embedding" if cells == 1 else f"{cells} cells of the embedding"
        yield Chip(words, partial(replace, regions=()))
    for side, words in view.sides.items():
        field = f"{side}_only"
        if not getattr(selection, field).is_empty:
            yield Chip(f"{side} is {words}", lambda _: Filters(), field)


def relief(view: View, chips: Sequence[Chip]) -> list[tuple[str, int]]:
    """The number of instances without each chip."""
    found: list[tuple[str, int]] = []
    for chip in chips:
        relaxed = state.changed(view.selection, chip.field, chip.without)
        count = cached.call(analysis.selected, view.evaluation, relaxed).instances
        found.append((chip.words, count))
    return found
