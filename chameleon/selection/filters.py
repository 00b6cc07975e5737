"""Filters: which instances are shown, as one frozen value, and as text in a link."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from chameleon.errors import SelectionError
from chameleon.project import Split
from chameleon.selection.filter_base import (
    Filter,
    InstanceFilter,
    QueryItems,
    RowFilter,
    Rows,
    Sides,
)
from chameleon.selection.filter_values import (
    AlwaysFails,
    ClassChange,
    ConfusionCell,
    DataChange,
    FeatureFilter,
    LabelProbability,
    OutcomeChange,
    Region,
    RuleVote,
    SensitivityChoice,
    VoteChange,
)
from chameleon.selection.instance_filters import INSTANCE_FILTERS
from chameleon.selection.instance_sets import (
    ExcludedFilter,
    IdFilter,
    InstanceSet,
    InstanceSetFilter,
)
from chameleon.selection.row_filters import ROW_FILTERS

AnyFilter = Filter[Any, Any]


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a selection, by kind. Those of one kind widen each other; kinds narrow.

    The class of its kind that names a field says how its values are written in a link, checked,
    applied, and labeled. Links and filter chips have the order of the fields.

    Attributes
    ----------
    splits, labels, sources
        None stands for instances without a label or source.
    dates
        First and last day, both included; either may be open. An instance without a date matches
        only where this is None.
    outcomes
        "correct", "incorrect" or "unknown" under the primary version's model.
    outcome_changes, class_changes, vote_changes
        Only instances of both versions match.
    data_changes
        What happened in the step from the secondary to the primary version.
    sensitivity, always_fails
        Over a range of versions.
    regions
        Cells of the embedding.
    confusions
        Only instances of the cell's version match.
    votes, label_probabilities
        Votes of labeling functions, and ranges of label probabilities: those of one function, or
        of one class, widen each other, different ones narrow.
    instances, excluded, chosen
        Ids, names of exclusion lists, and a set of instances, which no link holds.
    features
        At most one filter for each feature; different features narrow.
    """

    splits: tuple[Split, ...] = ()
    labels: tuple[str | None, ...] = ()
    sources: tuple[str | None, ...] = ()
    dates: tuple[dt.date | None, dt.date | None] | None = None
    outcomes: tuple[str, ...] = ()
    outcome_changes: tuple[OutcomeChange, ...] = ()
    class_changes: tuple[ClassChange, ...] = ()
    data_changes: tuple[DataChange, ...] = ()
    sensitivity: SensitivityChoice | None = None
    confusions: tuple[ConfusionCell, ...] = ()
    always_fails: AlwaysFails | None = None
    regions: tuple[Region, ...] = ()
    votes: tuple[RuleVote, ...] = ()
    label_probabilities: tuple[LabelProbability, ...] = ()
    vote_changes: tuple[VoteChange, ...] = ()
    instances: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    chosen: InstanceSet | None = None
    features: tuple[FeatureFilter, ...] = ()

    def __post_init__(self) -> None:
        """Drop repetitions and filters that ask for nothing, and put reversed ends in order."""
        for name, kind, values in self._by_field():
            object.__setattr__(self, name, _stored(kind, kind.normal(values)))

    def _by_field(self) -> Iterator[tuple[str, type[AnyFilter], tuple[Any, ...]]]:
        """Every field that filters, its kind, and its values."""
        for name, kind in _KINDS.items():
            value = getattr(self, name)
            if value not in ((), None):
                yield name, kind, (value,) if kind.single else tuple(value)

    @property
    def is_empty(self) -> bool:
        """Return True if nothing is filtered."""
        return next(self._by_field(), None) is None

    @property
    def parts(self) -> tuple[AnyFilter, ...]:
        """Every filter that can be removed by itself."""
        return tuple(part for parts in self.by_kind.values() for part in parts)

    @property
    def by_kind(self) -> dict[type[AnyFilter], list[AnyFilter]]:
        """Every filter that can be removed by itself, by its kind."""
        return {kind: [*map(kind, values)] for _, kind, values in self._by_field()}

    def without(self, part: AnyFilter) -> Filters:
        """These filters with one of `parts` removed."""
        changes: dict[str, Any] = {
            name: _stored(kind, tuple(value for value in values if value != part.value))
            for name, kind, values in self._by_field()
            if kind is type(part)
        }
        return replace(self, **changes)

    def of_feature(self, name: str) -> FeatureFilter:
        """The filter of one feature; an empty one where it has none."""
        return next((f for f in self.features if f.feature == name), FeatureFilter(name))

    def with_feature(self, changed: FeatureFilter) -> Filters:
        """These filters with one feature's filter replaced, or removed where it is empty."""
        others = tuple(f for f in self.features if f.feature != changed.feature)
        return replace(self, features=(*others, changed))

    def without_feature(self, name: str) -> Filters:
        """These filters without that of one feature."""
        return self.with_feature(FeatureFilter(name))

    @property
    def of_rows(self) -> Filters:
        """The part that one version's row alone can answer."""
        return self._only(lambda kind: issubclass(kind, RowFilter))

    @property
    def of_instances(self) -> Filters:
        """The part that needs several versions."""
        return self._only(lambda kind: issubclass(kind, InstanceFilter))

    def _only(self, wanted: Callable[[type[AnyFilter]], bool]) -> Filters:
        found = self._by_field()
        return Filters(**{n: _stored(kind, values) for n, kind, values in found if wanted(kind)})

    def usable(self, at: Sides, *, side: str | None = None) -> tuple[Filters, tuple[str, ...]]:
        """The filters that can be applied, and a sentence for every one that can't.

        Parameters
        ----------
        side
            The side that they restrict, from its version's rows alone.
        """
        kept: dict[str, Any] = {}
        complaints: list[str] = []
        no_rows = Rows(at.evaluation, 0, np.zeros(0, dtype=np.int32))
        for name, kind, values in self._by_field():
            good = []
            for part in map(kind, values):
                try:
                    if side is not None:
                        require_of_rows(part, side)
                    part.check(no_rows if isinstance(part, RowFilter) else at)
                    good.append(part.value)
                except SelectionError as error:
                    complaints.append(str(error))
            kept[name] = _stored(kind, tuple(good))
        return Filters(**kept), tuple(dict.fromkeys(complaints))

    def to_query(self) -> QueryItems:
        """The filters as names and values of a query string."""
        return tuple(item for part in self.parts for item in part.to_query())

    @classmethod
    def from_query(cls, items: Iterable[tuple[str, str]]) -> Filters:
        """The filters that a query string names; names it does not know are passed over.

        Raises
        ------
        SelectionError
            A value cannot be read.
        """
        texts: dict[str, list[str]] = {}
        for name, value in items:
            texts.setdefault(name, []).append(value)
        found = {name: kind.from_query(texts) for name, kind in _KINDS.items()}
        return cls(**{name: _stored(_KINDS[name], values) for name, values in found.items()})


SET_FILTERS = (IdFilter, ExcludedFilter, InstanceSetFilter)
_BY_FIELD = {kind.field: kind for kind in (*ROW_FILTERS, *INSTANCE_FILTERS, *SET_FILTERS)}
_KINDS: dict[str, type[AnyFilter]] = {one.name: _BY_FIELD[one.name] for one in fields(Filters)}


def require_of_rows(part: AnyFilter, side: str) -> None:
    """Raise SelectionError where a filter can't restrict a side."""
    if isinstance(part, InstanceFilter):
        raise SelectionError(
            f"The {side} side cannot be restricted by a filter of {part.view}, which looks at "
            "several versions. Set it as a filter instead."
        )


def _stored(kind: type[AnyFilter], values: tuple[Any, ...]) -> Any:  # noqa: ANN401 - of the field
    """Values as the field of their kind holds them."""
    if kind.single:
        return values[-1] if values else None
    return values
