"""The active filters as removable chips, with how many instances match them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import streamlit as st

from chameleon import analysis
from chameleon.app import cached, state
from chameleon.app.formatting import plain, shortened, side_words
from chameleon.app.view import View
from chameleon.selection import Filters, RegionFilter


@dataclass(frozen=True, slots=True)
class _Chip:
    """A filter in words, and the filters without it."""

    words: str
    without: Callable[[Filters], Filters]
    side: str = "filters"


def draw(view: View) -> None:
    """Draw the chips and the count; nothing but the count where nothing is filtered."""
    counted = view.call(analysis.selected)
    chips = list(_chips(view))
    # as high with chips as without (see the page's style): the first click must move nothing
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="chips")
    if not chips:
        names = (view.selection.primary, view.selection.secondary)
        primary, secondary = (plain(shortened(name)) for name in names)
        row.caption(f"All {counted.of:,} instances of {primary} and {secondary}, unfiltered.")
        return
    with row:
        st.markdown(f"**{counted.instances:,} of {counted.of:,} instances**", width="content")
        for number, chip in enumerate(chips):
            st.button(
                f"{plain(shortened(chip.words, 60))} :material/close:",
                key=f"chip-{number}",
                help=f"Remove filter: {plain(chip.words)}",
                on_click=_remove,
                args=(chip,),
            )
        st.button("Clear all", key="clear-all", type="tertiary", on_click=state.clear)
    if counted.instances == 0:
        st.info(
            "No instance in either version matches all filters. Remove one: "
            + "; ".join(_relief(view, chips)),
            icon=":material/filter_alt_off:",
        )


def _chips(view: View) -> Iterator[_Chip]:
    kinds = view.evaluation.dataset.project.kinds
    selection = view.selection
    for part in selection.filters.parts:
        if not isinstance(part, RegionFilter):
            yield _Chip(part.label(kinds), partial(Filters.without, part=part))
    cells = len(selection.filters.regions)
    if cells:
        words = "a cell of the embedding" if cells == 1 else f"{cells} cells of the embedding"
        yield _Chip(words, partial(replace, regions=()))
    for side in ("primary", "secondary"):
        field = f"{side}_only"
        if not getattr(selection, field).is_empty:
            words = side_words(selection, primary=side == "primary")
            yield _Chip(f"{side} is {words}", lambda _: Filters(), side=field)


def _relief(view: View, chips: list[_Chip]) -> Iterator[str]:
    """For each chip, how many instances would show without it."""
    for chip in chips:
        relaxed = state.changed(view.selection, chip.side, chip.without)
        count = cached.call(analysis.selected, view.evaluation, relaxed).instances
        yield f"without *{plain(shortened(chip.words))}* {count:,} show"


def _remove(chip: _Chip) -> None:
    state.change(chip.side, chip.without)
