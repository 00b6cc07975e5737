"""Selections as arguments of an analysis, the rows that match them, and their counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from chameleon.analysis.values import Rows
from chameleon.counting import CORRECT, UNKNOWN
from chameleon.data import SPLITS, Pair
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import Filters, Selection, held_rows, instance_mask

Function = TypeVar("Function", bound=Callable[..., Any])

FILTERS = ("filters",)
FILTERS_AND_PRIMARY = (*FILTERS, "primary_only")
EVERYTHING = (*FILTERS_AND_PRIMARY, "secondary_only")

_DECLARED = "of_selection"


@dataclass(frozen=True, slots=True)
class _Declared:
    """The declared part of a selection; the two versions always belong to it."""

    fields: tuple[str, ...]
    own: tuple[str, ...]

    def part(self, selection: Selection) -> Selection:
        kept = {field: getattr(selection, field) for field in self.fields}
        part = Selection(selection.primary, selection.secondary, read=selection.read, **kept)
        return without_fields(part, *self.own)


def of_selection(*fields: str, own: Sequence[str] = ()) -> Callable[[Function], Function]:
    """A decorator of an analysis `(evaluation, selection, …)`: it gets the declared part alone."""

    def decorate(function: Function) -> Function:
        declared = _Declared(fields, tuple(own))

        @wraps(function)
        def analysis(
            evaluation: Evaluation, selection: Selection, *args: object, **options: object
        ) -> object:
            return function(evaluation, declared.part(selection), *args, **options)

        analysis.__dict__[_DECLARED] = declared
        return cast("Function", analysis)

    return decorate


def selection_part(function: Callable[..., object], selection: Selection) -> Selection | None:
    """The part of a selection that an analysis depends on; None if it takes none."""
    declared: _Declared | None = getattr(function, _DECLARED, None)
    return None if declared is None else declared.part(selection)


def without_fields(selection: Selection, *fields: str) -> Selection:
    """The selection without the filters of these fields."""
    nothing: dict[str, Any] = {field: getattr(Filters(), field) for field in fields}
    return (
        replace(selection, filters=replace(selection.filters, **nothing)) if fields else selection
    )


@dataclass(frozen=True, slots=True)
class Selected:
    """Instances that match the filters, of all on the primary or secondary side.

    `instances` of `of` are on at least one side, the others on each side alone. `by_split` are the
    matching instances of the primary and of the secondary version, by split. `outcomes` are, for
    either side and whatever the filters, the correct instances of those with known outcomes, by
    split.
    """

    instances: int
    of: int
    primary: int
    of_primary: int
    secondary: int
    of_secondary: int
    by_split: Mapping[str, tuple[int, int]]
    outcomes: tuple[Mapping[str, tuple[int, int]], Mapping[str, tuple[int, int]]]


def matching_pair(evaluation: Evaluation, selection: Selection, split: Split | None = None) -> Pair:
    """The pair of both sides' rows that match the filters, in a split.

    An instance that matches on one side only, such as one that left the split, counts as removed
    or added.
    """
    dataset = evaluation.dataset
    versions = tuple(dataset.version_number(n) for n in (selection.secondary, selection.primary))
    rows = [dataset.row_of_instance(version) for version in versions]
    if not (selection.primary_only.is_empty and selection.secondary_only.is_empty):
        # the row of an absent instance, -1, reads the last row: it stays -1 either way
        sides = reversed(held_rows(evaluation, selection))
        rows = [np.where(side[of], of, -1) for side, of in zip(sides, rows, strict=True)]
    if not selection.filters.is_empty:
        matching = instance_mask(evaluation, selection)
        rows = [np.where(matching, of, -1) for of in rows]
    if split is not None:
        code = SPLITS.index(Split(split))
        rows = [np.where(dataset.split[of] == code, of, -1) for of in rows]
    return Pair.of_rows(dataset, (versions[0], versions[1]), rows[0], rows[1])


@of_selection(*EVERYTHING)
def selected(evaluation: Evaluation, selection: Selection) -> Selected:
    """Counts of the instances that match the filters of a selection."""
    dataset = evaluation.dataset
    found = matching_pair(evaluation, selection)
    sides = matching_pair(evaluation, replace(selection, filters=Filters()))
    matching = found.all_after, found.all_before
    splits = [np.bincount(dataset.split[rows], minlength=len(SPLITS)).tolist() for rows in matching]
    return Selected(
        instances=found.size,
        of=sides.size,
        primary=len(matching[0]),
        of_primary=len(sides.all_after),
        secondary=len(matching[1]),
        of_secondary=len(sides.all_before),
        outcomes=(
            _outcomes(evaluation, sides.after, sides.all_after),
            _outcomes(evaluation, sides.before, sides.all_before),
        ),
        by_split={split.value: (splits[0][k], splits[1][k]) for k, split in enumerate(SPLITS)},
    )


def _outcomes(evaluation: Evaluation, version: int, rows: Rows) -> dict[str, tuple[int, int]]:
    """By split, a side's correct instances, and those with known outcomes."""
    outcome = evaluation.outcome[version, rows]
    result: dict[str, tuple[int, int]] = {}
    for code, split in enumerate(SPLITS):
        own = outcome[evaluation.dataset.split[rows] == code]
        result[split.value] = int((own == CORRECT).sum()), int((own != UNKNOWN).sum())
    return result
