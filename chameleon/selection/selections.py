"""What is looked at: two versions, and the filters that narrow the instances shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
from numpy.typing import NDArray

from chameleon.counting import OUTCOMES, UNKNOWN
from chameleon.errors import SelectionError, place_of
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection.change_masks import changed_instances_mask, check_change
from chameleon.selection.filters import (
    FeatureFilter,
    Filters,
    QueryItems,
    Range,
    escaped,
    unescaped,
)
from chameleon.selection.histories import always_fails, pairs, sensitivity_of, version_range
from chameleon.selection.row_masks import check_feature, codes_of, region_mask, row_mask
from chameleon.selection.view_filters import ConfusionCell
from chameleon.selection.weak_masks import check_weak_filters, vote_change_mask

__all__ = [
    "FeatureFilter",
    "Filters",
    "QueryItems",
    "Range",
    "Selection",
    "checked",
    "held_rows",
    "instance_mask",
    "usable",
]


@dataclass(frozen=True, slots=True)
class Selection:
    """The two versions looked at, by name, and the filters.

    `primary_only` and `secondary_only` restrict what counts as that side, such as to one source:
    unlike filters they are read from that side's own rows, and what fails them is no part of the
    side at all.
    """

    primary: str
    secondary: str
    filters: Filters = field(default_factory=Filters)
    primary_only: Filters = field(default_factory=Filters)
    secondary_only: Filters = field(default_factory=Filters)

    @classmethod
    def of(
        cls,
        primary: str,
        secondary: str,
        filters: Filters | None = None,
        primary_only: Filters | None = None,
        secondary_only: Filters | None = None,
    ) -> Selection:
        """The selection of what functions take as their arguments, None for no filters."""
        given = (filters, primary_only, secondary_only)
        return cls(primary, secondary, *(one or Filters() for one in given))

    @classmethod
    def newest(cls, evaluation: Evaluation) -> Selection:
        """The newest version against the one before it."""
        names = [version.name for version in evaluation.dataset.versions]
        return cls(primary=names[-1], secondary=names[max(len(names) - 2, 0)])

    def to_query(self) -> QueryItems:
        """The selection as names and values of a query string."""
        return (
            ("primary", escaped(self.primary)),
            ("secondary", escaped(self.secondary)),
            *((f"primary.{name}", value) for name, value in self.primary_only.to_query()),
            *((f"secondary.{name}", value) for name, value in self.secondary_only.to_query()),
            *self.filters.to_query(),
        )

    def to_query_string(self) -> str:
        """The selection as a query string, without the question mark."""
        return urlencode(self.to_query())

    @classmethod
    def from_query(cls, items: Iterable[tuple[str, str]], default: Selection) -> Selection:
        """The selection that a query string names; what it leaves out is taken from `default`.

        Raises
        ------
        SelectionError
            A value cannot be read.
        """
        items = tuple(items)
        named = dict(items)
        return cls(
            primary=unescaped(named["primary"]) or default.primary
            if "primary" in named
            else default.primary,
            secondary=unescaped(named["secondary"]) or default.secondary
            if "secondary" in named
            else default.secondary,
            filters=Filters.from_query(items),
            primary_only=_prefixed(items, "primary."),
            secondary_only=_prefixed(items, "secondary."),
        )

    @classmethod
    def from_query_string(cls, text: str, default: Selection) -> Selection:
        """The selection that a query string names, see `from_query`."""
        return cls.from_query(parse_qsl(text, keep_blank_values=True), default)


def _prefixed(items: QueryItems, prefix: str) -> Filters:
    own = ((n.removeprefix(prefix), value) for n, value in items if n.startswith(prefix))
    return Filters.from_query(own)


def held_rows(
    evaluation: Evaluation, selection: Selection
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The rows that are the primary side, and those that are the secondary one.

    Each bool of shape (n_rows,): held by the side's version and passing its restriction.
    """
    return _side(evaluation, selection, "primary"), _side(evaluation, selection, "secondary")


def _side(evaluation: Evaluation, selection: Selection, side: str) -> NDArray[np.bool_]:
    version = evaluation.dataset.version_number(getattr(selection, side))
    only = _restriction(selection, side)
    held: NDArray[np.bool_] = evaluation.dataset.present[version]
    if only.is_empty:
        return held
    rows = np.flatnonzero(held).astype(np.int32)
    mask = np.zeros(len(held), dtype=np.bool_)
    mask[rows[row_mask(evaluation, version, rows, only, None)]] = True
    return mask


def _restriction(selection: Selection, side: str) -> Filters:
    only: Filters = getattr(selection, f"{side}_only")
    if not only.of_instances.is_empty:
        raise SelectionError(
            f"The {side} side cannot be restricted by a choice of a view that looks at "
            "several versions. Choose it as a filter instead."
        )
    return only


def instance_mask(
    evaluation: Evaluation, selection: Selection, *, without: str | None = None
) -> NDArray[np.bool_]:
    """The instances that the filters let through, bool of shape (n_instances,).

    Features, split, label, source and date are read from the instance's row in the primary
    version, else from its row in the secondary one; the outcome is the primary model's of that
    row. Instances that neither version holds do not pass.

    Parameters
    ----------
    without
        A feature whose own filter is left out, as its own histogram wants it.

    Raises
    ------
    SelectionError
        A version, feature, label or source of the selection does not exist.
    """
    dataset = evaluation.dataset
    primary = dataset.version_number(selection.primary)
    secondary = dataset.version_number(selection.secondary)
    held, rows = dataset.rows_of_pair(primary, secondary)
    passing = row_mask(evaluation, primary, rows, selection.filters, without)
    mask = np.zeros(dataset.instance_count, dtype=np.bool_)
    mask[held[passing]] = True
    for of_view in _view_masks(evaluation, selection):
        mask &= of_view
    return mask


def _view_masks(evaluation: Evaluation, selection: Selection) -> Iterator[NDArray[np.bool_]]:
    """What the views that look at several versions let through."""
    filters, count = selection.filters, evaluation.dataset.instance_count
    if filters.outcome_changes:
        mask = np.zeros(count, dtype=np.bool_)
        for before, after, same_label in filters.outcome_changes:
            found = pairs(
                evaluation,
                primary=selection.primary,
                secondary=selection.secondary,
                same_label=same_label,
            )
            old, new = _known_outcomes((before, after))
            mask[found.instance[(found.secondary == old) & (found.primary == new)]] = True
        yield mask
    if filters.class_changes:
        mask = np.zeros(count, dtype=np.bool_)
        found = pairs(evaluation, primary=selection.primary, secondary=selection.secondary)
        for change in filters.class_changes:
            old, new = codes_of(change, evaluation.classes, "class")
            wanted = (found.secondary_class == old) & (found.primary_class == new)
            mask[found.instance[wanted]] = True
        yield mask
    if filters.data_changes:
        mask = np.zeros(count, dtype=np.bool_)
        sides = {"before": selection.secondary, "after": selection.primary}
        for happened in filters.data_changes:
            mask |= changed_instances_mask(evaluation.dataset, happened, **sides)
        yield mask
    if filters.vote_changes:
        sides = {"before": selection.secondary, "after": selection.primary}
        yield vote_change_mask(evaluation.dataset, filters.vote_changes, **sides)
    if filters.sensitivity is not None:
        over, changes = filters.sensitivity
        sensitivity = sensitivity_of(evaluation, over)
        yield sensitivity.counted & np.isin(sensitivity.changes, changes)
    yield from _failure_masks(evaluation, selection)


def _known_outcomes(words: Iterable[str]) -> list[int]:
    return [place_of(word, OUTCOMES[:UNKNOWN], "known outcome") for word in words]


def _failure_masks(evaluation: Evaluation, selection: Selection) -> Iterator[NDArray[np.bool_]]:
    """What the views of failures let through."""
    filters = selection.filters
    if filters.confusions:
        mask = np.zeros(evaluation.dataset.instance_count, dtype=np.bool_)
        for cell in filters.confusions:
            mask |= _confused(evaluation, selection, cell)
        yield mask
    if filters.always_fails is not None:
        yield always_fails(evaluation, filters.always_fails)


def _confused(
    evaluation: Evaluation, selection: Selection, cell: ConfusionCell
) -> NDArray[np.bool_]:
    dataset = evaluation.dataset
    name = selection.secondary if cell.secondary else selection.primary
    version = dataset.version_number(name)
    label, prediction = codes_of((cell.label, cell.prediction), evaluation.classes, "class")
    rows = dataset.row_of_instance(version)
    said = evaluation.predicted[version, rows]
    mask: NDArray[np.bool_] = (rows >= 0) & (dataset.label[rows] == label) & (said == prediction)
    return mask


def checked(evaluation: Evaluation, selection: Selection) -> Selection:
    """The selection itself, when everything it names exists.

    Raises
    ------
    SelectionError
        A version, feature, label or source of the selection does not exist, or a side is
        restricted by what its version's rows alone cannot tell.
    """
    dataset = evaluation.dataset
    dataset.version_number(selection.primary)
    dataset.version_number(selection.secondary)
    only = (_restriction(selection, side) for side in ("primary", "secondary"))
    for filters in (selection.filters, *only):
        _check_filters(evaluation, filters)
    return selection


def _check_filters(evaluation: Evaluation, filters: Filters) -> None:
    dataset = evaluation.dataset
    codes_of(filters.labels, dataset.classes, "label")
    codes_of(filters.sources, dataset.sources, "source")
    for one in filters.features:
        check_feature(dataset, one)
    for split in filters.splits:
        Split(split)
    codes_of(filters.outcomes, OUTCOMES, "outcome")
    for before, after, _ in filters.outcome_changes:
        _known_outcomes((before, after))
    for change in filters.class_changes:
        codes_of(change, evaluation.classes, "class")
    for happened in filters.data_changes:
        check_change(dataset, happened)
    check_weak_filters(dataset, filters)
    for cell in filters.confusions:
        codes_of((cell.label, cell.prediction), evaluation.classes, "class")
    if filters.sensitivity is not None:
        over = filters.sensitivity.over
        version_range(dataset, over.first, over.last)
    if filters.always_fails is not None:
        version_range(dataset, filters.always_fails.first, filters.always_fails.last)
    if filters.regions:
        region_mask(evaluation, filters.regions, np.zeros(0, dtype=np.int32))


def usable(
    evaluation: Evaluation, selection: Selection, default: Selection
) -> tuple[Selection, tuple[str, ...]]:
    """What of a selection still exists, and a sentence for everything that was left out.

    Parameters
    ----------
    default
        Where versions are taken from when the named ones do not exist.
    """
    complaints: list[str] = []

    def tried(changed: Selection, otherwise: Selection) -> Selection:
        try:
            return checked(evaluation, changed)
        except SelectionError as error:
            complaints.append(str(error))
            return otherwise

    result = default
    result = tried(replace(result, primary=selection.primary), result)
    result = tried(replace(result, secondary=selection.secondary), result)
    for place in ("filters", "primary_only", "secondary_only"):
        wanted: Filters = getattr(selection, place)
        for choice in wanted.choices:
            kept: Filters = getattr(result, place)
            changes: dict[str, Any] = {place: kept.with_choice(choice)}
            result = tried(replace(result, **changes), result)
    return result, tuple(complaints)
