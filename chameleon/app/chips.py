"""Filter chips: the label of every filter, and what its removal would show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from chameleon import analysis
from chameleon.app import cached, state
from chameleon.app.view import View
from chameleon.selection import Filters, RegionFilter


@dataclass(frozen=True, slots=True)
class Chip:
    """The label of a filter, and the function that removes it from `field` of the selection."""

    words: str
    without: Callable[[Filters], Filters]
    field: str = "filters"


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
