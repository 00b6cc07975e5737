"""Filters: the values let through, as frozen objects, and as text in an address.

They hold values, never bin numbers, so that a link means the same after new data came.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from chameleon.counting import OUTCOMES
from chameleon.errors import SelectionError
from chameleon.project import Split
from chameleon.selection.view_filters import (
    AlwaysFails,
    ClassChange,
    ConfusionCell,
    DataChange,
    LabelProbability,
    OutcomeChange,
    Region,
    RuleVote,
    SensitivityChoice,
    VoteChange,
)

QueryItems = tuple[tuple[str, str], ...]

_FEATURE_PREFIX = "f:"
_ABSENT, _EMPTY, _ESCAPE = "~", "~0", "~"


class Range(NamedTuple):
    """Values from `low` up to `high`: `low` itself unless `open`, `high` only where `closed`."""

    low: float
    high: float
    closed: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True)
class FeatureFilter:
    """The values of one feature that are let through. Its parts widen each other.

    Attributes
    ----------
    feature
        The feature's name.
    ranges
        Ranges of numbers or dates (microseconds since 1970); of booleans 0 and 1.
    categories
        Texts let through.
    other
        Whether texts that the histogram merges into "other" are let through.
    missing, non_finite
        Whether missing and non-finite values are let through.
    """

    feature: str
    ranges: tuple[Range, ...] = ()
    categories: tuple[str, ...] = ()
    other: bool = False
    missing: bool = False
    non_finite: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether the filter lets nothing through, that is, asks for nothing."""
        return not (self.ranges or self.categories or self.other or self.missing or self.non_finite)


_SEVERAL = (
    "splits",
    "labels",
    "sources",
    "outcomes",
    "features",
    "outcome_changes",
    "class_changes",
    "data_changes",
    "confusions",
    "regions",
    "votes",
    "label_probabilities",
    "vote_changes",
)
_SINGLE = ("dates", "sensitivity", "always_fails")


class Choice(NamedTuple):
    """One removable part of `Filters`: a value of a field, or a feature's whole filter."""

    field: str
    value: object


@dataclass(frozen=True, slots=True)
class Filters:
    """Sets of instances. Values of one choice widen each other; different choices narrow.

    Attributes
    ----------
    splits
        Train, test or validation.
    labels, sources
        None stands for instances without a label or source.
    dates
        First and last day, both included; either may be open. An instance without a date
        passes only where this is None.
    outcomes
        "correct", "incorrect" or "unknown" under the primary version's model.
    features
        At most one filter a feature.
    outcome_changes, class_changes
        Cells of the prediction change matrix and of the class-to-class table; they let through
        instances of both versions only.
    data_changes
        What happened to the instance in the step from the secondary to the primary version.
    sensitivity
        Bars of the sensitivity histogram.
    confusions
        Cells of the confusion matrices; they let through instances that the cell's version holds.
    always_fails
        A range of versions all of which get the instance wrong.
    regions
        Cells of the embedding.
    votes, label_probabilities
        What labelling rules vote for, and ranges of label probabilities: those of one rule, or of
        one class, widen each other, different ones narrow.
    vote_changes
        Labelling rules whose vote changed in the step; they let through instances of both versions
        only.
    """

    splits: tuple[Split, ...] = ()
    labels: tuple[str | None, ...] = ()
    sources: tuple[str | None, ...] = ()
    dates: tuple[dt.date | None, dt.date | None] | None = None
    outcomes: tuple[str, ...] = ()
    features: tuple[FeatureFilter, ...] = ()
    outcome_changes: tuple[OutcomeChange, ...] = ()
    class_changes: tuple[ClassChange, ...] = ()
    sensitivity: SensitivityChoice | None = None
    regions: tuple[Region, ...] = ()
    data_changes: tuple[DataChange, ...] = ()
    votes: tuple[RuleVote, ...] = ()
    label_probabilities: tuple[LabelProbability, ...] = ()
    vote_changes: tuple[VoteChange, ...] = ()
    confusions: tuple[ConfusionCell, ...] = ()
    always_fails: AlwaysFails | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is filtered."""
        return replace(self, features=()) == Filters() and all(f.is_empty for f in self.features)

    def of_feature(self, name: str) -> FeatureFilter:
        """The filter of one feature; an empty one where it has none."""
        return next((f for f in self.features if f.feature == name), FeatureFilter(name))

    def with_feature(self, changed: FeatureFilter) -> Filters:
        """These filters with one feature's filter replaced, or taken off where it is empty."""
        kept = tuple(f for f in self.features if f.feature != changed.feature)
        return replace(self, features=kept if changed.is_empty else (*kept, changed))

    def without_feature(self, name: str) -> Filters:
        """These filters without that of one feature."""
        return self.with_feature(FeatureFilter(name))

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Every choice made, in the order of the fields."""
        made = [Choice(field, value) for field in _SEVERAL for value in getattr(self, field)]
        single = [Choice(f, getattr(self, f)) for f in _SINGLE if getattr(self, f) is not None]
        return (*made, *single)

    @property
    def of_rows(self) -> Filters:
        """The part that one version's row alone can tell."""
        return replace(
            self,
            outcome_changes=(),
            class_changes=(),
            data_changes=(),
            sensitivity=None,
            vote_changes=(),
            confusions=(),
            always_fails=None,
        )

    @property
    def of_instances(self) -> Filters:
        """The part that needs several versions."""
        return Filters(
            outcome_changes=self.outcome_changes,
            class_changes=self.class_changes,
            data_changes=self.data_changes,
            sensitivity=self.sensitivity,
            vote_changes=self.vote_changes,
            confusions=self.confusions,
            always_fails=self.always_fails,
        )

    def with_choice(self, choice: Choice) -> Filters:
        """These filters with one choice made besides."""
        changes: dict[str, Any] = {choice.field: choice.value}
        if choice.field not in _SINGLE:
            changes[choice.field] = (*getattr(self, choice.field), choice.value)
        return replace(self, **changes)

    def without(self, choice: Choice) -> Filters:
        """These filters with one choice taken off."""
        changes: dict[str, Any] = {choice.field: None}
        if choice.field not in _SINGLE:
            kept = (value for value in getattr(self, choice.field) if value != choice.value)
            changes[choice.field] = tuple(kept)
        return replace(self, **changes)

    def to_query(self) -> QueryItems:
        """The filters as names and values of a query string."""
        items: list[tuple[str, str]] = [("split", split.value) for split in self.splits]
        items += [("label", escaped(label)) for label in self.labels]
        items += [("source", escaped(source)) for source in self.sources]
        if self.dates is not None:
            first, last = ("" if day is None else day.isoformat() for day in self.dates)
            items.append(("date", f"{first}..{last}"))
        items += [("outcome", outcome) for outcome in self.outcomes]
        items += [("change", change.to_text()) for change in self.outcome_changes]
        items += [("class-change", change.to_text()) for change in self.class_changes]
        items += [("data-change", change.to_text()) for change in self.data_changes]
        if self.sensitivity is not None:
            items.append(("sensitivity", self.sensitivity.to_text()))
        items += [("confusion", cell.to_text()) for cell in self.confusions]
        if self.always_fails is not None:
            items.append(("always-fails", self.always_fails.to_text()))
        items += [("cell", region.to_text()) for region in self.regions]
        items += [("vote", vote.to_text()) for vote in self.votes]
        items += [("label-probability", one.to_text()) for one in self.label_probabilities]
        items += [("vote-change", change.to_text()) for change in self.vote_changes]
        for one in self.features:
            items += [(_FEATURE_PREFIX + one.feature, value) for value in _feature_values(one)]
        return tuple(items)

    @classmethod
    def from_query(cls, items: Iterable[tuple[str, str]]) -> Filters:
        """The filters that a query string names; names it does not know are passed over.

        Raises
        ------
        SelectionError
            A value cannot be read.
        """
        values: dict[str, list[str]] = {}
        for name, value in items:
            values.setdefault(name, []).append(value)
        return cls(
            splits=tuple(_split(value) for value in values.get("split", ())),
            labels=tuple(unescaped(value) for value in values.get("label", ())),
            sources=tuple(unescaped(value) for value in values.get("source", ())),
            dates=_dates(values["date"][-1]) if "date" in values else None,
            outcomes=tuple(_outcome(value) for value in values.get("outcome", ())),
            features=tuple(
                _feature_filter(name.removeprefix(_FEATURE_PREFIX), found)
                for name, found in values.items()
                if name.startswith(_FEATURE_PREFIX)
            ),
            outcome_changes=tuple(map(OutcomeChange.from_text, values.get("change", ()))),
            class_changes=tuple(map(ClassChange.from_text, values.get("class-change", ()))),
            data_changes=tuple(map(DataChange.from_text, values.get("data-change", ()))),
            sensitivity=SensitivityChoice.from_text(values["sensitivity"][-1])
            if "sensitivity" in values
            else None,
            confusions=tuple(map(ConfusionCell.from_text, values.get("confusion", ()))),
            always_fails=AlwaysFails.from_text(values["always-fails"][-1])
            if "always-fails" in values
            else None,
            regions=tuple(map(Region.from_text, values.get("cell", ()))),
            votes=tuple(map(RuleVote.from_text, values.get("vote", ()))),
            label_probabilities=tuple(
                map(LabelProbability.from_text, values.get("label-probability", ()))
            ),
            vote_changes=tuple(map(VoteChange.from_text, values.get("vote-change", ()))),
        )


def escaped(text: str | None) -> str:
    """A label or source as a query value: the absent one and the empty one have signs."""
    if text is None:
        return _ABSENT
    if text == "":
        return _EMPTY
    return _ESCAPE + text if text.startswith(_ESCAPE) else text


def unescaped(value: str) -> str | None:
    """The label or source that a query value stands for."""
    if value == _ABSENT:
        return None
    if value == _EMPTY:
        return ""
    return value[1:] if value.startswith(_ESCAPE) else value


def _feature_values(one: FeatureFilter) -> list[str]:
    """The parts of a feature's filter as texts: 0.5..2.5, 0.5<..=2.5, =text, other, missing."""
    values = [
        f"{float(r.low)!r}{'<' if r.open else ''}..{'=' if r.closed else ''}{float(r.high)!r}"
        for r in one.ranges
    ]
    values += [f"={category}" for category in one.categories]
    flags: Mapping[str, bool] = {
        "other": one.other,
        "missing": one.missing,
        "non-finite": one.non_finite,
    }
    return [*values, *(name for name, wanted in flags.items() if wanted)]


def _feature_filter(feature: str, values: Iterable[str]) -> FeatureFilter:
    ranges: list[Range] = []
    categories: list[str] = []
    flags: set[str] = set()
    for value in values:
        if value.startswith("="):
            categories.append(value[1:])
        elif value in ("other", "missing", "non-finite"):
            flags.add(value)
        else:
            ranges.append(_range(feature, value))
    return FeatureFilter(
        feature=feature,
        ranges=tuple(ranges),
        categories=tuple(categories),
        other="other" in flags,
        missing="missing" in flags,
        non_finite="non-finite" in flags,
    )


def _range(feature: str, value: str) -> Range:
    low, _, high = value.partition("..")
    try:
        found = Range(
            float(low.removesuffix("<")),
            float(high.removeprefix("=")),
            closed=high.startswith("="),
            open=low.endswith("<"),
        )
    except ValueError:
        raise SelectionError(
            f"The link asks for '{value}' of feature '{feature}', which is no range such as 0..2.5."
        ) from None
    if math.isnan(found.low) or math.isnan(found.high):
        raise SelectionError(f"The link asks for a range of feature '{feature}' without bounds.")
    return found


def _split(value: str) -> Split:
    try:
        return Split(value)
    except ValueError:
        raise SelectionError(
            f"The link asks for a split '{value}', which does not exist."
        ) from None


def _outcome(value: str) -> str:
    if value not in OUTCOMES:
        raise SelectionError(f"The link asks for an outcome '{value}', which does not exist.")
    return value


def _dates(value: str) -> tuple[dt.date | None, dt.date | None]:
    first, _, last = value.partition("..")
    try:
        return (
            dt.date.fromisoformat(first) if first else None,
            dt.date.fromisoformat(last) if last else None,
        )
    except ValueError:
        raise SelectionError(
            f"The link asks for the dates '{value}', which are none such as 2019-01-01..2019-02-01."
        ) from None
