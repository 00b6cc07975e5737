"""From the keywords of `filter` to filters."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, get_args

import numpy as np
import polars as pl

from chameleon import types
from chameleon.analysis import default_cells, failure_filters, region_of_cells
from chameleon.api.frames import FLIPS
from chameleon.api.options import require_option
from chameleon.errors import SelectionError, place_of
from chameleon.models import Evaluation
from chameleon.project import Kind, Split
from chameleon.selection import (
    ChangeType,
    ClassChange,
    ConfusionCell,
    DataChange,
    FeatureFilter,
    Filters,
    LabelProbability,
    OutcomeChange,
    RuleVote,
    Selection,
    SensitivityChoice,
    SensitivityRange,
    VoteChange,
    Voted,
)
from chameleon.selection import Range as ValueRange
from chameleon.types import Range

UNSET = ...
"""What a condition is that was not given; None stands for a missing value."""

CHANGES: Mapping[str, ChangeType] = {
    "added": ChangeType.ADDED,
    "removed": ChangeType.REMOVED,
    "relabeled": ChangeType.RELABELLED,
    "labeled": ChangeType.LABELLED,
    "edited": ChangeType.EDITED,
    "changed_split": ChangeType.MOVED,
    "unchanged": ChangeType.UNCHANGED,
}
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

    def filters(
        self, given: Mapping[str, object], features: Mapping[str, object]
    ) -> Iterator[Filters]:
        """The filters of each condition that was given, those of features by name.

        Raises
        ------
        SelectionError
            A condition names what does not exist.
        """
        for name, value in given.items():
            if value is UNSET or name not in _CONVERSIONS:
                continue
            field, values = _CONVERSIONS[name](self, value, given)
            one: dict[str, Any] = {field: values}
            yield self._failing(values) if field == "failure_set" else Filters(**one)
        yield Filters(features=tuple(self._feature(n, value) for n, value in features.items()))

    def _failing(self, name: str) -> Filters:
        found = failure_filters(self.evaluation, FAILURE_SETS[name], Filters(), self.over)
        if found is None:
            raise SelectionError(f"failure_set={name!r}: too few versions for such an instance.")
        return found

    def _feature(self, name: str, value: object) -> FeatureFilter:
        dataset = self.evaluation.dataset
        names = [feature.name for feature in dataset.features]
        kind = dataset.features[place_of(name, names, "feature")].kind
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


Converted = tuple[str, Any]
Conversion = Callable[[Conditions, Any, Mapping[str, object]], Converted]


def _plain(field: str, option: object = None) -> Conversion:
    def convert(_: Conditions, value: object, __: Mapping[str, object]) -> Converted:
        found = listed(value) if option is None else options(value, option, field.rstrip("s"))
        return field, found

    return convert


def _splits(_: Conditions, value: object, __: Mapping[str, object]) -> Converted:
    return "splits", tuple(map(Split, options(value, types.Split, "split")))


def _dates(_: Conditions, value: object, __: Mapping[str, object]) -> Converted:
    found = listed(value)
    if len(found) != 1 or found[0] is None:
        raise SelectionError("date must be one day or one Range of days.")
    only = found[0]
    return "dates", _days(only) if isinstance(only, Range) else (_day(only), _day(only))


def _changes(_: Conditions, value: object, __: Mapping[str, object]) -> Converted:
    found = options(value, types.Change, "change")
    return "data_changes", tuple(DataChange(CHANGES[one]) for one in found)


def _edited(_: Conditions, value: object, __: Mapping[str, object]) -> Converted:
    return "data_changes", tuple(DataChange(ChangeType.EDITED, one) for one in listed(value))


def _flips(_: Conditions, value: object, given: Mapping[str, object]) -> Converted:
    same_label = given.get("same_label") is True
    found = [FLIP_OUTCOMES[one] for one in options(value, types.Flip, "flip")]
    return "outcome_changes", tuple(OutcomeChange(*one, same_label) for one in found)


def _class_changes(_: Conditions, value: object, __: Mapping[str, object]) -> Converted:
    return "class_changes", tuple(ClassChange(*pair) for pair in pairs_of(value))


def _confusions(*, secondary: bool) -> Conversion:
    def convert(_: Conditions, value: object, __: Mapping[str, object]) -> Converted:
        return "confusions", tuple(ConfusionCell(*pair, secondary) for pair in pairs_of(value))

    return convert


def _failure_set(_: Conditions, value: object, __: Mapping[str, object]) -> Converted:
    found = options(value, types.FailureSet, "failure_set")
    if len(found) != 1:
        raise SelectionError("failure_set takes one set: two exclude each other.")
    return "failure_set", found[0]


def _sensitivity(at: Conditions, value: object, given: Mapping[str, object]) -> Converted:
    require_option(given.get("count"), get_args(types.Counted), "count")
    over = at.over._replace(
        held_only=given.get("present_only") is True, classes=given.get("count") == "class"
    )
    return "sensitivity", SensitivityChoice(over, tuple(int(one) for one in listed(value)))


def _cells(at: Conditions, value: object, __: Mapping[str, object]) -> Converted:
    layout = at.evaluation.layout
    if layout is None:
        raise SelectionError("There is no embedding, so that no cell can be chosen.")
    cells = default_cells(at.evaluation.dataset)
    return "regions", tuple(region_of_cells(layout, one, cells=cells) for one in listed(value))


def _votes(_: Conditions, value: object, __: Mapping[str, object]) -> Converted:
    chosen = _mapping(value, "vote", "labeling functions")
    return "votes", tuple(RuleVote(n, one) for n, many in chosen.items() for one in listed(many))


def _vote_changes(_: Conditions, value: object, __: Mapping[str, object]) -> Converted:
    chosen = _mapping(value, "vote_change", "labeling functions")
    return "vote_changes", tuple(
        VoteChange(name, Voted(one))
        for name, many in chosen.items()
        for one in options(many, types.VoteChange, "vote_change")
    )


def _label_probabilities(_: Conditions, value: object, __: Mapping[str, object]) -> Converted:
    chosen = _mapping(value, "label_probability", "classes")
    found = []
    for name, many in chosen.items():
        for one in listed(many):
            limits = values_of(
                one if isinstance(one, Range) else Range(one, one), Kind.NUMBER, name
            )
            low, high = max(limits.low, 0.0), min(limits.high, 1.0)
            found.append(
                LabelProbability(
                    name,
                    _next(low) if limits.open else low,
                    _next(high) if limits.closed else high,  # which is left out below 1
                )
            )
    return "label_probabilities", tuple(found)


def _next(share: float) -> float:
    """The next larger probability as they are stored, in 32 bits; at most 1."""
    return min(float(np.nextafter(np.float32(share), np.float32(2))), 1.0)


_CONVERSIONS: Mapping[str, Conversion] = {
    "split": _splits,
    "label": _plain("labels"),
    "source": _plain("sources"),
    "outcome": _plain("outcomes", types.Outcome),
    "date": _dates,
    "change": _changes,
    "edited": _edited,
    "flip": _flips,
    "class_change": _class_changes,
    "confusion": _confusions(secondary=False),
    "confusion_before": _confusions(secondary=True),
    "failure_set": _failure_set,
    "sensitivity": _sensitivity,
    "cell": _cells,
    "vote": _votes,
    "vote_change": _vote_changes,
    "label_probability": _label_probabilities,
    "instances": _plain("instances"),
    "excluded": _plain("excluded"),
}


def _mapping(value: object, name: str, what: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise SelectionError(f"{name} must be a dict by {what}, found {value!r}.")
    return value


def _text(value: object, feature: str) -> str:
    if isinstance(value, str):
        return value
    raise SelectionError(f"Feature '{feature}' holds texts, found {value!r}.")


def _number(value: object, kind: Kind, feature: str, *, last: bool = False) -> float:
    """A value as the dataset holds it; a day that ends a range is its last microsecond."""
    if kind is Kind.DATE and isinstance(value, dt.date):
        return _microseconds(value, last=last)
    if kind in (Kind.NUMBER, Kind.BOOLEAN) and isinstance(value, (bool, int, float)):
        return float(value)
    raise SelectionError(f"Feature '{feature}' holds {kind}s, found {value!r}.")


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
