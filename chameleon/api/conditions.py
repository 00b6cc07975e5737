"""From the keywords and expressions of `filter` to filters, and filters on top of filters."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from types import EllipsisType
from typing import Any, get_args

import numpy as np
import polars as pl

from chameleon import types
from chameleon.analysis import (
    default_cells,
    failure_filters,
    raw_columns,
    region_of_cells,
    selection_part,
)
from chameleon.api.frames import FLIPS
from chameleon.api.instance_ids import instance_ids
from chameleon.api.options import require_option
from chameleon.errors import SelectionError, choices
from chameleon.models import Evaluation
from chameleon.project import Kind, Split
from chameleon.selection import (
    ChangeType,
    ClassChange,
    ConfusionCell,
    DataChange,
    FeatureFilter,
    Filters,
    InstanceSet,
    LabelProbability,
    OutcomeChange,
    RuleVote,
    Selection,
    SensitivityChoice,
    SensitivityRange,
    Sides,
    VoteChange,
    Voted,
    instance_mask,
)
from chameleon.selection import Range as ValueRange
from chameleon.types import Range, Read

UNSET = ...
"""What a condition is that was not given; None stands for a missing value."""

NOTHING = Filters(chosen=InstanceSet(np.zeros(0, dtype=np.int32)))
"""The condition of an empty collection of values: it matches nothing."""

FLIP_OUTCOMES: Mapping[str, tuple[str, str]] = {name: pair for pair, name in FLIPS.items()}
FAILURE_SETS: Mapping[str, str] = {
    "always_incorrect": "fails in every version",
    "newly_incorrect": "newly failing",
    "fixed": "fixed",
    "flickering": "flickering",
}


def values_of(limits: Range, kind: Kind, feature: str) -> ValueRange:
    """The range as numbers; SelectionError where its ends are no values of the feature."""
    with_low, with_high = _ends(limits)
    low, high = -math.inf, math.inf
    if limits.low is not None:
        low = _number(limits.low, kind, feature)
    if limits.high is not None:
        high = _number(limits.high, kind, feature, last=with_high)
    return ValueRange(low, high, closed=with_high, open=not with_low)


def _days(limits: Range) -> tuple[dt.date | None, dt.date | None]:
    """The first and the last day of the range."""
    ends = []
    given = (limits.low, limits.high)
    for end, included, step in zip(given, _ends(limits), (1, -1), strict=True):
        day = None if end is None else _day(end)
        ends.append(day if day is None or included else day + dt.timedelta(days=step))
    return ends[0], ends[1]


def _ends(limits: Range) -> tuple[bool, bool]:
    """The ends that belong to the range."""
    require_option(limits.closed, get_args(types.Closed), "closed")
    return limits.closed in ("both", "left"), limits.closed in ("both", "right")


def listed(value: object) -> tuple[Any, ...]:
    """One value of a condition or several as a tuple."""
    if isinstance(value, EllipsisType):
        return ()
    if isinstance(value, pl.Series):
        return tuple(value.to_list())
    if isinstance(value, str) or not isinstance(value, Iterable):
        return (value,)
    return tuple(value)


def _is_empty(value: object) -> bool:
    """Return True for a condition that lists no value, or, in a dict, none for a key."""
    if isinstance(value, Mapping):
        return not value or any(map(_is_empty, value.values()))
    return not listed(value) if isinstance(value, Sized) else False


def pairs_of(value: object) -> tuple[tuple[Any, Any], ...]:
    """One pair of a condition or several."""
    if isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], (tuple, list)):
        return (value,)
    return tuple((first, second) for first, second in listed(value))


def options(value: object, option: Any, name: str) -> tuple[Any, ...]:  # noqa: ANN401 - a Literal
    """The values of a condition, each of which the `Literal` allows."""
    found = listed(value)
    for one in found:
        require_option(one, get_args(option), name)
    return found


@dataclass(frozen=True, slots=True)
class Conditions:
    """Keyword conditions of one call of `filter`, for a selection of an evaluation."""

    evaluation: Evaluation
    selection: Selection
    over: SensitivityRange
    same_label: bool

    def filters(
        self, given: Mapping[str, object], features: Mapping[str, object]
    ) -> Iterator[Filters]:
        """The filters of each condition that was given, those of features by name."""
        for name, value in given.items():
            if value is not UNSET:
                yield NOTHING if _is_empty(value) else _CONVERSIONS[name](self, value)
        for name, value in features.items():
            own = Filters(features=(self.of_feature(name, value),))
            yield NOTHING if _is_empty(value) else own

    def of_feature(self, name: str, value: object) -> FeatureFilter:
        """The filter of a feature."""
        kind = self._kind(name)
        if kind is not Kind.TEXT and isinstance(value, tuple) and len(value) == 2:
            low, high = value
            raise SelectionError(
                f"{name}={value!r} may be a range or two values. Pass Range({low!r}, {high!r}), or "
                f"a list for the values: [{low!r}, {high!r}].",
                column=name,
            )
        ranges: list[ValueRange] = []
        texts: list[str] = []
        missing = non_finite = False
        for one in listed(value):
            if one is None:
                missing = True
            elif isinstance(one, Range):
                ranges.append(values_of(one, kind, name))
            elif isinstance(one, float) and not math.isfinite(one):
                non_finite = True
            elif kind is Kind.TEXT:
                texts.append(_text(one, name))
            else:
                ranges.append(values_of(Range(one, one), kind, name))
        return FeatureFilter(name, tuple(ranges), tuple(texts), False, missing, non_finite)

    def _kind(self, name: str) -> Kind:
        """The kind of a feature; the error for another name suggests conditions, too."""
        dataset = self.evaluation.dataset
        kinds = {feature.name: feature.kind for feature in dataset.features}
        if name in kinds:
            return kinds[name]
        roles = dataset.project.roles
        meant = dict.fromkeys(("id", "ids", "instance", *roles.id), "instances")
        meant |= {str(getattr(roles, role)): role for role in ("label", "split", "date", "source")}
        near = meant.get(name) or next(
            iter(get_close_matches(name, [*_CONVERSIONS, *kinds], 1)), ""
        )
        hint = f" Did you mean '{near}'?" if near else ""
        raise SelectionError(
            f"There is no condition and no feature '{name}'.{hint} Features: {choices(kinds)}",
            column=name,
        )

    def split(self, value: object) -> Filters:
        """Rows of these splits."""
        return Filters(splits=tuple(map(Split, options(value, types.Split, "split"))))

    def date(self, value: object) -> Filters:
        """Rows of a day, or of a range of days."""
        found = listed(value)
        if len(found) != 1 or found[0] is None:
            raise SelectionError("date must be one day or one Range of days.")
        only = found[0]
        return Filters(dates=_days(only) if isinstance(only, Range) else (_day(only), _day(only)))

    def change(self, value: object) -> Filters:
        """Instances that changed so in the step."""
        found = options(value, types.Change, "change")
        return Filters(data_changes=tuple(DataChange(ChangeType(one)) for one in found))

    def edited(self, value: object) -> Filters:
        """Instances that were edited in these features."""
        found = tuple(DataChange(ChangeType.EDITED, one) for one in listed(value))
        return Filters(data_changes=found)

    def flip(self, value: object) -> Filters:
        """Instances with these outcomes before and after."""
        found = [FLIP_OUTCOMES[one] for one in options(value, types.Flip, "flip")]
        return Filters(outcome_changes=tuple(OutcomeChange(*f, self.same_label) for f in found))

    def failure_set(self, value: object) -> Filters:
        """Instances of a set of failures."""
        found = options(value, types.FailureSet, "failure_set")
        if len(found) != 1:
            raise SelectionError("failure_set takes one set: two exclude each other.")
        name = FAILURE_SETS[found[0]]
        over = self.over._replace(held_only=False)
        filters = failure_filters(self.evaluation, name, Filters(), over)
        if filters is None:
            raise SelectionError(
                f"failure_set={found[0]!r}: too few versions for such an instance."
            )
        return filters

    def sensitivity(self, value: object) -> Filters:
        """Instances with these numbers of changes."""
        numbers = tuple(int(one) for one in listed(value))
        return Filters(sensitivity=SensitivityChoice(self.over, numbers))

    def cell(self, value: object) -> Filters:
        """Instances in these cells of the embedding."""
        layout = self.evaluation.layout
        if layout is None:
            raise SelectionError("There is no embedding, so that no cell can be chosen.")
        cells = default_cells(self.evaluation.dataset)
        regions = (region_of_cells(layout, one, cells=cells) for one in listed(value))
        return Filters(regions=tuple(regions))

    def vote(self, value: object) -> Filters:
        """Instances with these votes of labeling functions."""
        chosen = _mapping(value, "vote", "labeling functions")
        votes = (RuleVote(name, one) for name, many in chosen.items() for one in listed(many))
        return Filters(votes=tuple(votes))

    def vote_change(self, value: object) -> Filters:
        """Instances whose votes changed so."""
        chosen = _mapping(value, "vote_change", "labeling functions")
        changes = (
            VoteChange(name, Voted(one))
            for name, many in chosen.items()
            for one in options(many, types.VoteChange, "vote_change")
        )
        return Filters(vote_changes=tuple(changes))

    def label_probability(self, value: object) -> Filters:
        """Instances with these probabilities of classes."""
        chosen = _mapping(value, "label_probability", "classes")
        found = []
        for name, many in chosen.items():
            for one in listed(many):
                given = one if isinstance(one, Range) else Range(one, one)
                limits = values_of(given, Kind.NUMBER, name)
                low, high = max(limits.low, 0.0), min(limits.high, 1.0)
                found.append(
                    LabelProbability(
                        name,
                        _next(low) if limits.open else low,
                        _next(high) if limits.closed else high,  # which is left out below 1
                    )
                )
        return Filters(label_probabilities=tuple(found))


Conversion = Callable[[Conditions, object], Filters]

_CONVERSIONS: Mapping[str, Conversion] = {
    "split": Conditions.split,
    "label": lambda _, value: Filters(labels=listed(value)),
    "source": lambda _, value: Filters(sources=listed(value)),
    "outcome": lambda _, value: Filters(outcomes=options(value, types.Outcome, "outcome")),
    "date": Conditions.date,
    "change": Conditions.change,
    "edited": Conditions.edited,
    "flip": Conditions.flip,
    "class_change": lambda _, value: Filters(
        class_changes=tuple(ClassChange(*pair) for pair in pairs_of(value))
    ),
    "confusion": lambda _, value: Filters(
        confusions=tuple(ConfusionCell(*pair, secondary=False) for pair in pairs_of(value))
    ),
    "confusion_before": lambda _, value: Filters(
        confusions=tuple(ConfusionCell(*pair, secondary=True) for pair in pairs_of(value))
    ),
    "failure_set": Conditions.failure_set,
    "sensitivity": Conditions.sensitivity,
    "cell": Conditions.cell,
    "vote": Conditions.vote,
    "vote_change": Conditions.vote_change,
    "label_probability": Conditions.label_probability,
    "instances": lambda _, value: Filters(instances=instance_ids(value)),
    "excluded": lambda _, value: Filters(excluded=listed(value)),
}


def _next(share: float) -> float:
    """The next larger probability as they are stored, in 32 bits; at most 1."""
    return min(float(np.nextafter(np.float32(share), np.float32(2))), 1.0)


def _mapping(value: object, name: str, what: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise SelectionError(f"{name} must be a dict by {what}, found {value!r}.")
    return value


def _text(value: object, feature: str) -> str:
    if isinstance(value, str):
        return value
    raise SelectionError(f"Feature '{feature}' holds texts, found {value!r}.", column=feature)


def _number(value: object, kind: Kind, feature: str, *, last: bool = False) -> float:
    """A value as the dataset holds it; a day that ends a range is its last microsecond."""
    if kind is Kind.DATE and isinstance(value, dt.date):
        return _microseconds(value, last=last)
    if kind in (Kind.NUMBER, Kind.BOOLEAN) and isinstance(value, (bool, int, float)):
        return float(value)
    raise SelectionError(f"Feature '{feature}' holds {kind}s, found {value!r}.", column=feature)


def _microseconds(value: dt.date, *, last: bool) -> float:
    """Microseconds since 1970 in UTC; a moment without a time zone is in UTC."""
    if not isinstance(value, dt.datetime):
        end = dt.timedelta(days=1, microseconds=-1) if last else dt.timedelta()
        value = dt.datetime.combine(value, dt.time()) + end
    moment = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return float((moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1))


def _day(value: object) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise SelectionError(f"date must be a date such as 2019-01-11, found {value!r}.") from None


_SETS = ("splits", "labels", "sources", "outcomes", "instances")
"""Fields whose values are alternatives, so that two filters have those in common."""

_SIDES = {"after": "primary", "before": "secondary"}


def narrowed(
    evaluation: Evaluation, selection: Selection, filters: Filters, read: Read
) -> Selection:
    """The selection narrowed further by filters that read that version's row first.

    Where filters of one kind can't be combined into one, what matches becomes a set of instances.
    """
    if filters.is_empty:
        return selection
    _, complaints = filters.usable(Sides(evaluation, selection.primary, selection.secondary))
    if complaints:
        raise SelectionError(complaints[0])
    old = selection.filters
    side = selection.read if filters.of_rows.is_empty else _SIDES[read]  # only rows are read
    free = old.of_rows.is_empty or side == selection.read
    both = _combined(old, filters) if free else None
    if both is not None:
        return replace(selection, filters=both, read=side)
    alone = replace(selection, filters=filters, read=side)
    chosen = InstanceSet.of_mask(instance_mask(evaluation, alone))
    kept = chosen if old.chosen is None else old.chosen & chosen
    return replace(selection, filters=replace(old, chosen=kept))


def _combined(old: Filters, new: Filters) -> Filters | None:
    """Filters that match what both match; None where one kind can't hold both."""
    changes: dict[str, Any] = {}
    for one in fields(Filters):
        before, added = getattr(old, one.name), getattr(new, one.name)
        if added in ((), None):
            continue
        if before in ((), None) or before == added:
            changes[one.name] = added
        elif one.name in _SETS and (common := tuple(v for v in before if v in added)):
            changes[one.name] = common
        elif one.name == "chosen":
            changes[one.name] = before & added
        elif one.name == "features" and not {f.feature for f in before} & {
            f.feature for f in added
        }:
            changes[one.name] = (*before, *added)
        else:
            return None
    return replace(old, **changes)


def honored(
    evaluation: Evaluation, selection: Selection, name: str, function: Callable[..., object]
) -> Selection:
    """The selection for the analysis behind a method, which then depends on all of it.

    A filter that an analysis shows instead of being narrowed by it becomes a set of instances.

    Raises
    ------
    SelectionError
        The analysis takes no filters, or no restriction of a side.
    """
    part = selection_part(function, selection) or Selection("", "")
    if part.filters != selection.filters:
        matching = InstanceSet.of_mask(instance_mask(evaluation, selection))
        selection = replace(selection, filters=replace(part.filters, chosen=matching))
        part = selection_part(function, selection) or part
    for what, taken, given in (
        ("the filters", part.filters, selection.filters),
        ("a restricted side", part.primary_only, selection.primary_only),
        ("a restricted side", part.secondary_only, selection.secondary_only),
    ):
        if taken != given:
            whole = "where.unfiltered" if name == "where" else f"unfiltered.{name}"
            raise SelectionError(
                f"{name} can't take {what} into account. Use `{whole}`, or a method that counts "
                "instances, such as `prediction_changes`."
            )
    return selection


def swapped(evaluation: Evaluation, selection: Selection) -> Selection:
    """The selection with its sides exchanged, and the same instances matching."""
    of_instances = selection.filters.of_instances
    filters = selection.filters.of_rows
    if not of_instances.is_empty:
        mask = instance_mask(evaluation, replace(selection, filters=of_instances))
        filters = replace(filters, chosen=InstanceSet.of_mask(mask))
    return Selection(
        primary=selection.secondary,
        secondary=selection.primary,
        filters=filters,
        primary_only=selection.secondary_only,
        secondary_only=selection.primary_only,
        read="primary" if selection.read == "secondary" else "secondary",
    )


def set_of_expressions(
    evaluation: Evaluation, selection: Selection, expressions: Sequence[pl.Expr], read: Read
) -> Filters:
    """The instances of either version for which all polars expressions are true, as a filter."""
    for one in expressions:
        if not isinstance(one, pl.Expr):
            raise SelectionError(
                f"A condition is a polars expression, such as pl.col('x') > 2, or a keyword, such "
                f"as label='a'; found {one!r:.80}."
            )
    dataset = evaluation.dataset
    first, second = selection.primary, selection.secondary
    if read == "before":
        first, second = second, first
    held, rows = dataset.rows_of_pair(dataset.version_number(first), dataset.version_number(second))
    names = [name for expression in expressions for name in expression.meta.root_names()]
    frame = raw_columns(dataset, rows, names)
    mask = np.ones(len(rows), dtype=np.bool_)
    for expression in expressions:
        mask &= _evaluated(frame, expression, len(rows))
    matching = np.zeros(dataset.instance_count, dtype=np.bool_)
    matching[held[mask]] = True
    return Filters(chosen=InstanceSet.of_mask(matching))


def _evaluated(
    frame: pl.DataFrame, expression: pl.Expr, rows: int
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    try:
        found = frame.select(expression).to_series()
    except pl.exceptions.PolarsError as error:
        raise SelectionError(f"The expression can't be evaluated: {error}") from error
    if found.dtype != pl.Boolean or len(found) not in (1, rows):
        raise SelectionError(f"An expression must be a condition, found {found.dtype} values.")
    result = found.fill_null(value=False).to_numpy()
    return np.broadcast_to(result, rows)
