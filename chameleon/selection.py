"""What is looked at: two versions, and the filters that narrow the instances shown.

Both are frozen; every change gives a changed copy. Both go to a query string and back, so that
a link opens the same view. They hold values, never bin numbers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

import numpy as np
from numpy.typing import NDArray

from chameleon.dataset import SPLITS, EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.models import OUTCOMES, Evaluation
from chameleon.project import Kind, Split

QueryItems = tuple[tuple[str, str], ...]

_FEATURE_PREFIX = "f:"
_ABSENT, _EMPTY, _ESCAPE = "~", "~0", "~"


class Range(NamedTuple):
    """Values from `low` up to `high`; `high` itself only where `closed`."""

    low: float
    high: float
    closed: bool = False


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
    """

    splits: tuple[Split, ...] = ()
    labels: tuple[str | None, ...] = ()
    sources: tuple[str | None, ...] = ()
    dates: tuple[dt.date | None, dt.date | None] | None = None
    outcomes: tuple[str, ...] = ()
    features: tuple[FeatureFilter, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is filtered."""
        return self == Filters()

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

    def to_query(self) -> QueryItems:
        """The filters as names and values of a query string."""
        items: list[tuple[str, str]] = [("split", split.value) for split in self.splits]
        items += [("label", _escaped(label)) for label in self.labels]
        items += [("source", _escaped(source)) for source in self.sources]
        if self.dates is not None:
            first, last = ("" if day is None else day.isoformat() for day in self.dates)
            items.append(("date", f"{first}..{last}"))
        items += [("outcome", outcome) for outcome in self.outcomes]
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
            labels=tuple(_unescaped(value) for value in values.get("label", ())),
            sources=tuple(_unescaped(value) for value in values.get("source", ())),
            dates=_dates(values["date"][-1]) if "date" in values else None,
            outcomes=tuple(_outcome(value) for value in values.get("outcome", ())),
            features=tuple(
                _feature_filter(name.removeprefix(_FEATURE_PREFIX), found)
                for name, found in values.items()
                if name.startswith(_FEATURE_PREFIX)
            ),
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """The two versions looked at, by name, and the filters."""

    primary: str
    secondary: str
    filters: Filters = field(default_factory=Filters)

    @classmethod
    def newest(cls, evaluation: Evaluation) -> Selection:
        """The newest version against the one before it."""
        names = [version.name for version in evaluation.dataset.versions]
        return cls(primary=names[-1], secondary=names[max(len(names) - 2, 0)])

    def to_query(self) -> QueryItems:
        """The selection as names and values of a query string."""
        return (
            ("primary", _escaped(self.primary)),
            ("secondary", _escaped(self.secondary)),
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
            primary=_unescaped(named["primary"]) or default.primary
            if "primary" in named
            else default.primary,
            secondary=_unescaped(named["secondary"]) or default.secondary
            if "secondary" in named
            else default.secondary,
            filters=Filters.from_query(items),
        )

    @classmethod
    def from_query_string(cls, text: str, default: Selection) -> Selection:
        """The selection that a query string names, see `from_query`."""
        return cls.from_query(parse_qsl(text, keep_blank_values=True), default)


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
    row = dataset.row_of_instance(primary)
    row = np.where(row < 0, dataset.row_of_instance(secondary), row)
    held = np.flatnonzero(row >= 0)
    passing = _row_mask(evaluation, primary, row[held], selection.filters, without)
    mask = np.zeros(dataset.instance_count, dtype=np.bool_)
    mask[held[passing]] = True
    return mask


def checked(evaluation: Evaluation, selection: Selection) -> Selection:
    """The selection itself, when everything it names exists.

    Raises
    ------
    SelectionError
        A version, feature, label or source of the selection does not exist.
    """
    dataset = evaluation.dataset
    dataset.version_number(selection.primary)
    dataset.version_number(selection.secondary)
    filters = selection.filters
    _codes(filters.labels, dataset.classes, "label")
    _codes(filters.sources, dataset.sources, "source")
    for one in filters.features:
        _check_feature(dataset, one)
    return selection


def _check_feature(dataset: EvolvingDataset, one: FeatureFilter) -> None:
    feature = dataset.features[dataset.feature_number(one.feature)]
    if feature.kind is Kind.TEXT and one.ranges:
        raise SelectionError(f"Feature '{one.feature}' is text: it has no ranges to filter by.")
    if feature.kind is not Kind.TEXT and (one.categories or one.other):
        raise SelectionError(f"Feature '{one.feature}' is no text: filter it by ranges.")


def _row_mask(
    evaluation: Evaluation,
    primary: int,
    rows: NDArray[np.int64],
    filters: Filters,
    without: str | None,
) -> NDArray[np.bool_]:
    dataset = evaluation.dataset
    mask = np.ones(len(rows), dtype=np.bool_)
    if filters.splits:
        mask &= np.isin(dataset.split[rows], [SPLITS.index(split) for split in filters.splits])
    if filters.labels:
        wanted = _codes(filters.labels, dataset.classes, "label")
        mask &= np.isin(dataset.label[rows], wanted)
    if filters.sources:
        wanted = _codes(filters.sources, dataset.sources, "source")
        mask &= np.isin(dataset.source[rows], wanted)
    if filters.dates is not None:
        mask &= _within(dataset.date[rows], *filters.dates)
    if filters.outcomes:
        codes = [OUTCOMES.index(outcome) for outcome in filters.outcomes]
        mask &= np.isin(evaluation.outcome[primary, rows], codes)
    for one in filters.features:
        if one.feature != without:
            mask &= _feature_mask(dataset, one, rows)
    return mask


def _codes(names: tuple[str | None, ...], known: tuple[str, ...], what: str) -> list[int]:
    for name in names:
        if name is not None and name not in known:
            raise SelectionError(f"There is no {what} '{name}' in this dataset.")
    return [-1 if name is None else known.index(name) for name in names]


def _within(
    dates: NDArray[np.datetime64], first: dt.date | None, last: dt.date | None
) -> NDArray[np.bool_]:
    mask = ~np.isnat(dates)
    if first is not None:
        mask &= dates >= np.datetime64(first, "us")
    if last is not None:
        mask &= dates.astype("datetime64[D]") <= np.datetime64(last, "D")
    return mask


def _feature_mask(
    dataset: EvolvingDataset, one: FeatureFilter, rows: NDArray[np.int64]
) -> NDArray[np.bool_]:
    _check_feature(dataset, one)
    number = dataset.feature_number(one.feature)
    feature = dataset.features[number]
    codes = dataset.codes[number, rows]
    mask = np.zeros(len(rows), dtype=np.bool_)
    if one.missing:
        mask |= codes == feature.bins.missing_code
    if one.non_finite:
        mask |= codes == feature.bins.missing_code + 1
    if one.other and feature.bins.other:
        mask |= codes == feature.bins.missing_code - 1
    if one.ranges:
        values = np.asarray(dataset.values[number][rows])
        finite = np.isfinite(values)
        for low, high, closed in one.ranges:
            below = values <= high if closed else values < high
            mask |= finite & (values >= low) & below
    if one.categories:
        texts = dataset.texts[one.feature]
        wanted = np.flatnonzero(texts.is_in(list(one.categories)).to_numpy())
        mask |= np.isin(dataset.values[number][rows], wanted)
    return mask


def _escaped(text: str | None) -> str:
    if text is None:
        return _ABSENT
    if text == "":
        return _EMPTY
    return _ESCAPE + text if text.startswith(_ESCAPE) else text


def _unescaped(value: str) -> str | None:
    if value == _ABSENT:
        return None
    if value == _EMPTY:
        return ""
    return value[1:] if value.startswith(_ESCAPE) else value


def _feature_values(one: FeatureFilter) -> list[str]:
    """The parts of a feature's filter as texts: 0.5..2.5, 0.5..=2.5, =text, other, missing."""
    values = [f"{r.low!r}..{'=' if r.closed else ''}{r.high!r}" for r in one.ranges]
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
    closed = high.startswith("=")
    try:
        found = Range(float(low), float(high.removeprefix("=")), closed)
    except ValueError:
        raise SelectionError(
            f"The link asks for '{value}' of feature '{feature}', which is no range such as 0..2.5."
        ) from None
    if np.isnan(found.low) or np.isnan(found.high):
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
