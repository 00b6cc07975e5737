"""The selection: two versions, and the filters that narrow the instances shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

import numpy as np

from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.selection.filter_base import (
    InstanceFilter,
    Mask,
    QueryItems,
    RowFilter,
    Rows,
    Sides,
    escaped,
    unescaped,
)
from chameleon.selection.filters import Filters, require_of_rows

_MOST_COMPLAINTS = 20


@dataclass(frozen=True, slots=True)
class Selection:
    """The two versions shown, by name, and the filters.

    `primary_only` and `secondary_only` restrict a side, such as to one source: unlike filters they
    are read from that side's own rows, and rows that don't match are no part of the side at all.
    `read` is the side whose row of an instance filters read first.
    """

    primary: str
    secondary: str
    filters: Filters = field(default_factory=Filters)
    primary_only: Filters = field(default_factory=Filters)
    secondary_only: Filters = field(default_factory=Filters)
    read: str = "primary"

    @classmethod
    def of(
        cls,
        primary: str,
        secondary: str,
        filters: Filters | None = None,
        primary_only: Filters | None = None,
        secondary_only: Filters | None = None,
    ) -> Selection:
        """The selection of functions' arguments, None for no filters."""
        none = Filters()
        return cls(
            primary, secondary, filters or none, primary_only or none, secondary_only or none
        )

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
            *([("read", self.read)] if self.read != "primary" else []),
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
            primary=unescaped(named.get("primary", "")) or default.primary,
            secondary=unescaped(named.get("secondary", "")) or default.secondary,
            filters=Filters.from_query(items),
            primary_only=_prefixed(items, "primary."),
            secondary_only=_prefixed(items, "secondary."),
            read="secondary" if named.get("read") == "secondary" else "primary",
        )

    @classmethod
    def from_query_string(cls, text: str, default: Selection) -> Selection:
        """The selection that a query string names, see `from_query`."""
        return cls.from_query(parse_qsl(text, keep_blank_values=True), default)


def _prefixed(items: QueryItems, prefix: str) -> Filters:
    own = ((n.removeprefix(prefix), value) for n, value in items if n.startswith(prefix))
    return Filters.from_query(own)


def held_rows(evaluation: Evaluation, selection: Selection) -> tuple[Mask, Mask]:
    """The rows that are the primary side, and those that are the secondary one.

    Each bool of shape (n_rows,): held by the side's version and matching its restriction.
    """
    return _side(evaluation, selection, "primary"), _side(evaluation, selection, "secondary")


def _side(evaluation: Evaluation, selection: Selection, side: str) -> Mask:
    version = evaluation.dataset.version_number(getattr(selection, side))
    only: Filters = getattr(selection, f"{side}_only")
    held: Mask = evaluation.dataset.present[version]
    if only.is_empty:
        return held
    for part in only.parts:
        require_of_rows(part, side)
    rows = np.flatnonzero(held).astype(np.int32)
    mask = np.zeros(len(held), dtype=np.bool_)
    mask[rows[_row_mask(Rows(evaluation, version, rows), only)]] = True
    return mask


def instance_mask(
    evaluation: Evaluation, selection: Selection, *, without: str | None = None
) -> Mask:
    """The instances that match the filters, bool of shape (n_instances,).

    Features, split, label, source and date are read from the instance's row in the version of
    the side `read`, else from its row in the other one; the outcome is that version's model's.
    Instances that neither version holds do not match.

    Parameters
    ----------
    without
        A feature whose own filter is left out, as its own histogram wants it.

    Raises
    ------
    SelectionError
        A version, feature, label or source of the selection does not exist.
    """
    dataset, filters = evaluation.dataset, selection.filters
    if without is not None:
        filters = filters.without_feature(without)
    first = dataset.version_number(selection.primary)
    second = dataset.version_number(selection.secondary)
    if selection.read == "secondary":
        first, second = second, first
    held, rows = dataset.rows_of_pair(first, second)
    mask = np.zeros(dataset.instance_count, dtype=np.bool_)
    mask[held[_row_mask(Rows(evaluation, first, rows), filters)]] = True
    sides = Sides(evaluation, selection.primary, selection.secondary)
    for kind, parts in filters.by_kind.items():
        if issubclass(kind, InstanceFilter):
            mask &= kind.mask(parts, sides)
    return mask


def _row_mask(rows: Rows, filters: Filters) -> Mask:
    mask = np.ones(len(rows.rows), dtype=np.bool_)
    for kind, parts in filters.by_kind.items():
        if issubclass(kind, RowFilter):
            mask &= kind.mask(parts, rows)
    return mask


def usable(
    evaluation: Evaluation, selection: Selection, default: Selection
) -> tuple[Selection, tuple[str, ...]]:
    """What of a selection can be applied, and sentences about what was left out, at most 21.

    Parameters
    ----------
    default
        Where versions are taken from when the named ones do not exist.
    """
    complaints: list[str] = []
    versions = {"primary": default.primary, "secondary": default.secondary}
    for side in versions:
        try:
            evaluation.dataset.version_number(getattr(selection, side))
            versions[side] = getattr(selection, side)
        except SelectionError as error:
            complaints.append(str(error))
    sides = Sides(evaluation, versions["primary"], versions["secondary"])
    filters, said = selection.filters.usable(sides)
    primary_only, of_primary = selection.primary_only.usable(sides, side="primary")
    secondary_only, of_secondary = selection.secondary_only.usable(sides, side="secondary")
    complaints += [*said, *of_primary, *of_secondary]
    more = len(complaints) - _MOST_COMPLAINTS
    if more > 0:
        complaints[_MOST_COMPLAINTS:] = [f"{more:,} more filters do not exist."]
    kept = Selection(
        sides.primary, sides.secondary, filters, primary_only, secondary_only, selection.read
    )
    return kept, tuple(complaints)
