"""The selection: two versions and their filters, as one frozen value, as a link, and as masks.

An exclusion rule consists of the filters, and the restriction of the primary side, under which it
was created. It is applied to version v by making v the primary version. The secondary version is
then as many steps from v as it was from the primary when the rule was created, limited to the
first and last version; if a version of that pair no longer exists, it is the one before v.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np

from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection.exclusion_lists import ExclusionList, ExclusionRule
from chameleon.selection.filter_base import (
    Filter,
    InstanceFilter,
    Mask,
    QueryItems,
    RowFilter,
    Rows,
    Sides,
    escaped,
    unescaped,
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
from chameleon.selection.instance_filters import INSTANCE_FILTERS, InstanceSet, instance_numbers
from chameleon.selection.row_filters import ROW_FILTERS

AnyFilter = Filter[Any, Any]

_MOST_MESSAGES = 20


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a selection. Those of one kind are combined with OR, kinds with AND.

    The class whose `field` names one of these fields validates, applies, and labels its values,
    and writes them into links. Links and filter chips have the order of the fields.

    A label or source of None matches instances without one. The first and last day of `dates` are
    included; either may be None. `outcomes` are those of the primary version's model. Changes of
    outcomes, classes, and votes match only instances in both versions, and confusions those in the
    cell's version. Votes of different functions, label probabilities of different classes, and
    different features, with at most one filter each, are combined with AND. `instances` are ids,
    `excluded` names of exclusion lists, and `chosen` a set of instances, which no link contains.
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
        """Drop repetitions and empty filters, and put reversed ends in order."""
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
        """Every filter that can be removed separately."""
        return tuple(part for parts in self.by_kind.values() for part in parts)

    @property
    def by_kind(self) -> dict[type[AnyFilter], list[AnyFilter]]:
        """The `parts` by kind."""
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
        """The filter of one feature, empty if it has none."""
        return next((f for f in self.features if f.feature == name), FeatureFilter(name))

    def with_feature(self, changed: FeatureFilter) -> Filters:
        """These filters with one feature's filter replaced, or removed if it is empty."""
        others = tuple(f for f in self.features if f.feature != changed.feature)
        return replace(self, features=(*others, changed))

    def without_feature(self, name: str) -> Filters:
        """These filters without that of one feature."""
        return self.with_feature(FeatureFilter(name))

    @property
    def of_rows(self) -> Filters:
        """The filters that depend on one version's row alone."""
        return self._of(RowFilter)

    @property
    def of_instances(self) -> Filters:
        """The filters that depend on several versions."""
        return self._of(InstanceFilter)

    def _of(self, base: type) -> Filters:
        found = self._by_field()
        return Filters(
            **{name: _stored(kind, v) for name, kind, v in found if issubclass(kind, base)}
        )

    def usable(self, at: Sides, *, side: str | None = None) -> tuple[Filters, tuple[str, ...]]:
        """The filters that can be applied, also to restrict a `side`; messages for the others."""
        kept: dict[str, Any] = {}
        messages: list[str] = []
        no_rows = Rows(at.evaluation, 0, np.zeros(0, dtype=np.int32))
        for name, kind, values in self._by_field():
            good = []
            for part in map(kind, values):
                try:
                    if side is not None:
                        _require_of_rows(part, side)
                    part.check(no_rows if isinstance(part, RowFilter) else at)
                    good.append(part.value)
                except SelectionError as error:
                    messages.append(str(error))
            kept[name] = _stored(kind, tuple(good))
        return Filters(**kept), tuple(dict.fromkeys(messages))

    def to_query(self) -> QueryItems:
        """The filters as names and values of a query string."""
        return tuple(item for part in self.parts for item in part.to_query())

    @classmethod
    def from_query(cls, items: Iterable[tuple[str, str]]) -> Filters:
        """The filters of a query string; unknown names are ignored, unreadable values raise."""
        texts: dict[str, list[str]] = {}
        for name, value in items:
            texts.setdefault(name, []).append(value)
        return cls(**{name: _stored(kind, kind.from_query(texts)) for name, kind in _KINDS.items()})


_BY_FIELD = {kind.field: kind for kind in (*ROW_FILTERS, *INSTANCE_FILTERS)}
_KINDS: dict[str, type[AnyFilter]] = {one.name: _BY_FIELD[one.name] for one in fields(Filters)}


def _require_of_rows(part: AnyFilter, side: str) -> None:
    """Raise SelectionError if a filter can't restrict a side."""
    if isinstance(part, InstanceFilter):
        raise SelectionError(
            f"The {side} side can't be restricted by a filter of {part.view}, which depends on "
            "several versions. Set it as a filter instead."
        )


def _stored(kind: type[AnyFilter], values: tuple[Any, ...]) -> Any:  # noqa: ANN401 - of the field
    """Values as the field of their kind stores them."""
    if kind.single:
        return values[-1] if values else None
    return values


@dataclass(frozen=True, slots=True)
class Selection:
    """The two versions shown, by name, and the filters.

    `primary_only` and `secondary_only` restrict a side, such as to one source: unlike filters they
    are read from that side's own rows, and rows that don't match are not part of the side.
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
        """The selection of these arguments, None for no filters."""
        none = Filters()
        return cls(
            primary, secondary, filters or none, primary_only or none, secondary_only or none
        )

    @classmethod
    def newest(cls, evaluation: Evaluation) -> Selection:
        """The newest version compared with the one before it."""
        names = [version.name for version in evaluation.dataset.versions]
        return cls(primary=names[-1], secondary=names[max(len(names) - 2, 0)])

    @classmethod
    def opening(cls, evaluation: Evaluation) -> Selection:
        """The step into the version that the project opens at, by default into the newest one."""
        names = [version.name for version in evaluation.dataset.versions]
        asked = evaluation.dataset.project.settings.open_at
        if asked is None or asked not in names:
            return cls.newest(evaluation)
        return cls(primary=asked, secondary=names[max(names.index(asked) - 1, 0)])

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
        """The selection of a query string; versions that it lacks are those of `default`."""
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
        """The selection of a query string as text; see `from_query`."""
        return cls.from_query(parse_qsl(text, keep_blank_values=True), default)


def _prefixed(items: QueryItems, prefix: str) -> Filters:
    own = ((n.removeprefix(prefix), value) for n, value in items if n.startswith(prefix))
    return Filters.from_query(own)


def usable(
    evaluation: Evaluation, selection: Selection, default: Selection
) -> tuple[Selection, tuple[str, ...]]:
    """The parts of a selection that can be applied, and messages about the others, at most 21.

    Versions that don't exist are taken from `default`.
    """
    messages: list[str] = []
    versions = {"primary": default.primary, "secondary": default.secondary}
    for side in versions:
        try:
            evaluation.dataset.version_number(getattr(selection, side))
            versions[side] = getattr(selection, side)
        except SelectionError as error:
            messages.append(str(error))
    sides = Sides(evaluation, **versions)
    filters, more = selection.filters.usable(sides)
    primary_only, of_primary = selection.primary_only.usable(sides, side="primary")
    secondary_only, of_secondary = selection.secondary_only.usable(sides, side="secondary")
    messages += [*more, *of_primary, *of_secondary]
    if len(messages) > _MOST_MESSAGES:
        count = len(messages) - _MOST_MESSAGES
        messages[_MOST_MESSAGES:] = [f"{count:,} more filters do not exist."]
    kept = replace(
        selection, **versions, filters=filters, primary_only=primary_only,
        secondary_only=secondary_only,
    )  # fmt: skip
    return kept, tuple(messages)


def held_rows(evaluation: Evaluation, selection: Selection) -> tuple[Mask, Mask]:
    """The rows of the primary side, and those of the secondary side.

    Each bool of shape (n_rows,): in the side's version and matching its restriction.
    """
    return _side(evaluation, selection, "primary"), _side(evaluation, selection, "secondary")


def _side(evaluation: Evaluation, selection: Selection, side: str) -> Mask:
    version = evaluation.dataset.version_number(getattr(selection, side))
    only: Filters = getattr(selection, f"{side}_only")
    held: Mask = evaluation.dataset.present[version]
    if only.is_empty:
        return held
    for part in only.parts:
        _require_of_rows(part, side)
    rows = np.flatnonzero(held).astype(np.int32)
    mask = np.zeros(len(held), dtype=np.bool_)
    mask[rows[_row_mask(Rows(evaluation, version, rows), only)]] = True
    return mask


def instance_mask(
    evaluation: Evaluation, selection: Selection, *, without: str | None = None
) -> Mask:
    """The instances that match the filters, bool of shape (n_instances,).

    Features, split, label, source, and date are read from the instance's row in the version of
    the side `read`, else from its row in the other one; the outcome is that version's model's.
    Instances in neither version don't match.

    The filter of the feature `without` is not applied. SelectionError if a version, feature,
    label, or source of the selection does not exist.
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


def primary_mask(evaluation: Evaluation, selection: Selection) -> Mask:
    """The instances of the primary side that match the filters; bool of shape (n_instances,)."""
    dataset = evaluation.dataset
    held, _ = held_rows(evaluation, selection)
    mask = np.zeros(dataset.instance_count, dtype=np.bool_)
    mask[dataset.instance[np.flatnonzero(held)]] = True
    mask &= instance_mask(evaluation, selection)
    return mask


def excluded_mask(evaluation: Evaluation, exclusion_list: ExclusionList, *, version: str) -> Mask:
    """The instances of a version that are on a list; bool of shape (n_instances,)."""
    dataset = evaluation.dataset
    held = dataset.row_of_instance(dataset.version_number(version)) >= 0
    mask = np.zeros(dataset.instance_count, dtype=np.bool_)
    numbers = instance_numbers(dataset, exclusion_list.entries["instance"])
    mask[numbers[numbers >= 0]] = True
    mask &= held
    for rule in exclusion_list.rules:
        mask |= rule_mask(evaluation, rule, version=version)
    return mask


def rule_of(selection: Selection, reason: str) -> ExclusionRule:
    """The filters of a selection, and the restriction of its primary side, as a rule."""
    query = urlencode(_of_rule(selection.to_query()))
    return ExclusionRule(0, query, selection.primary, selection.secondary, reason)


def rule_selection(evaluation: Evaluation, rule: ExclusionRule, *, version: str) -> Selection:
    """The selection of a rule that is applied to a version."""
    dataset = evaluation.dataset
    names = [one.name for one in dataset.versions]
    other = dataset.version_number(version) - 1
    if rule.primary in names and rule.secondary in names:
        other += 1 - names.index(rule.primary) + names.index(rule.secondary)
    secondary = names[min(max(other, 0), len(names) - 1)]
    items = _of_rule(parse_qsl(rule.query, keep_blank_values=True))
    return Selection.from_query(items, Selection(version, secondary))


def _of_rule(items: Iterable[tuple[str, str]]) -> QueryItems:
    """The items of a link that belong to a rule."""
    return tuple(
        (name, value)
        for name, value in items
        if name not in ("primary", "secondary") and not name.startswith("secondary.")
    )


def rule_mask(evaluation: Evaluation, rule: ExclusionRule, *, version: str) -> Mask:
    """The instances of a version that a rule excludes; bool of shape (n_instances,).

    SelectionError if the version, or something that the rule names, does not exist.
    """
    evaluation.dataset.version_number(version)
    try:
        return primary_mask(evaluation, rule_selection(evaluation, rule, version=version))
    except SelectionError as error:
        raise SelectionError(
            f"Rule {rule.number} can't be applied to version {version}: {error}"
        ) from error
