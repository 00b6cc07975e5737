"""The values of filters, in words, and to and from the bars of a histogram.

They are frozen and never contain bin numbers, so that links stay valid when new data moves bins.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from chameleon.data import Bar, BarKind, BinKind, Bins, Feature
from chameleon.errors import Option
from chameleon.project import Kind

_MOST_PARTS = 4


class Range(NamedTuple):
    """Values from `low` to `high`: `low` itself unless `open`, `high` only if `closed`."""

    low: float
    high: float
    closed: bool = False
    open: bool = False

    @property
    def in_order(self) -> Range:
        """The range between the same ends, the lower one first."""
        if self.low <= self.high:
            return self
        return Range(self.high, self.low, closed=not self.open, open=not self.closed)


@dataclass(frozen=True, slots=True)
class FeatureFilter:
    """Values of one feature; a value that any part contains matches.

    `ranges` are of numbers, booleans (0 and 1), or dates (microseconds since 1970), `categories`
    are texts, and `other` is those texts that the histogram merges into "other".
    """

    feature: str
    ranges: tuple[Range, ...] = ()
    categories: tuple[str, ...] = ()
    other: bool = False
    missing: bool = False
    non_finite: bool = False

    def __post_init__(self) -> None:
        """Put reversed ranges in order, and drop repetitions."""
        ranges = tuple(dict.fromkeys(limits.in_order for limits in self.ranges))
        object.__setattr__(self, "ranges", ranges)
        object.__setattr__(self, "categories", tuple(dict.fromkeys(self.categories)))

    @property
    def flags(self) -> tuple[str, ...]:
        """Those of "other", "missing", and "non-finite" that match."""
        found = {"other": self.other, "missing": self.missing, "non-finite": self.non_finite}
        return tuple(name for name, wanted in found.items() if wanted)

    @property
    def is_empty(self) -> bool:
        """Return True if the filter has no part."""
        return not (self.ranges or self.categories or self.flags)


class OutcomeChange(NamedTuple):
    """A cell of the prediction change matrix: the outcome before and after.

    `same_label` evaluates both against the primary row's label, instead of each against its own.
    """

    secondary: str
    primary: str
    same_label: bool = False


class ClassChange(NamedTuple):
    """A cell of the table of class changes: the class predicted before and after."""

    secondary: str
    primary: str


class ConfusionCell(NamedTuple):
    """A cell of the confusion matrix of the primary or secondary version: label and prediction."""

    label: str
    prediction: str
    secondary: bool = False


class ChangeType(Option):
    """A change of an instance from the secondary to the primary version.

    An instance is added, removed, or shared; a shared one is relabeled, edited, of another split,
    several of these, or unchanged. `LABELED` is relabeled from no label.
    """

    ADDED = "added"
    REMOVED = "removed"
    RELABELED = "relabeled"
    LABELED = "labeled"
    EDITED = "edited"
    CHANGED_SPLIT = "changed_split"
    UNCHANGED = "unchanged"

    @property
    def words(self) -> str:
        """The change as screens show it."""
        words = {"labeled": "newly labeled", "changed_split": "changed split"}
        return words.get(self.value, self.value)


class DataChange(NamedTuple):
    """A change of an instance in the step; if it was edited, optionally the edited feature."""

    happened: ChangeType
    feature: str | None = None


class Voted(Option):
    """A change of a labeling function's vote from the secondary to the primary version.

    It starts (abstained before), stops (abstains after), or switches to another class; `CHANGED`
    is any of these.
    """

    CHANGED = "changed"
    STARTED = "started"
    STOPPED = "stopped"
    SWITCHED = "switched"


class VoteChange(NamedTuple):
    """Instances in both versions for which a labeling function's vote changed in that way."""

    rule: str
    voted: Voted = Voted.CHANGED


class RuleVote(NamedTuple):
    """The vote of a labeling function; None: it abstains."""

    rule: str
    vote: str | None


class LabelProbability(NamedTuple):
    """Label probabilities of a class from `low` to below `high`; a `high` of 1 is included."""

    of_class: str
    low: float
    high: float


class SensitivityRange(NamedTuple):
    """The versions, `first` and `last` included, and the changes that the sensitivity counts.

    `held_only` counts only versions that contain the instance, `classes` changes of the predicted
    class instead of the outcome.
    """

    first: str
    last: str
    held_only: bool = False
    classes: bool = False


class SensitivityChoice(NamedTuple):
    """Bars of the sensitivity histogram: numbers of changes over a range of versions."""

    over: SensitivityRange
    changes: tuple[int, ...]


class AlwaysFails(NamedTuple):
    """Instances that every version's model gets wrong, `first` and `last` included.

    At least one outcome is known, and every known one is incorrect. Versions without the instance
    use its nearest row, as for the sensitivity, unless `held_only`.
    """

    first: str
    last: str
    held_only: bool = False


class Region(NamedTuple):
    """A rectangle of the embedding, [x0, x1) by [y0, y1), in the layout with that key."""

    layout: str
    x0: float
    x1: float
    y0: float
    y1: float


# ---------------------------------------------------------------- values in words


def shortened(text: str, length: int = 40) -> str:
    """The text, cut off where it is longer."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def number(value: float) -> str:
    """A feature's value, rounded to six digits."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"


def date(microseconds: float) -> str:
    """A date feature's value, without the time if that is midnight."""
    try:
        moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=microseconds)
    except (OverflowError, ValueError):  # infinite, or beyond the years 1 to 9999
        return number(microseconds)
    midnight = moment.time() == dt.time()
    return moment.date().isoformat() if midnight else moment.isoformat(" ", "minutes")


def range_words(limits: Range, kind: Kind) -> str:
    """A range in words: 0.5 to 2.5, below 3, above 8, or a single value."""
    spell = date if kind is Kind.DATE else number
    if kind is Kind.BOOLEAN and limits.low == limits.high:
        return "true" if limits.low else "false"
    if math.isinf(limits.low) and math.isinf(limits.high):
        return "any number"
    if math.isinf(limits.low):
        return f"{'at most' if limits.closed else 'below'} {spell(limits.high)}"
    if math.isinf(limits.high):
        return f"{'above' if limits.open else 'at least'} {spell(limits.low)}"
    if limits.low == limits.high:
        return spell(limits.low)
    return f"{spell(limits.low)} to {spell(limits.high)}"


def filter_words(chosen: FeatureFilter, kind: Kind) -> str:
    """A feature's filter in words."""
    parts = [range_words(limits, kind) for limits in chosen.ranges]
    parts += [*map(shortened, chosen.categories), *chosen.flags]
    shown = ", ".join(parts[:_MOST_PARTS])
    more = len(parts) - _MOST_PARTS
    return f"{shown} and {more} more" if more > 0 else shown


# ---------------------------------------------------------------- bars of a histogram


def has_histogram(feature: Feature) -> bool:
    """Return True if the feature has a histogram; texts that nearly all differ have none."""
    return feature.bins.kind is not BinKind.TEXT


def bars_of_filter(feature: Feature, chosen: FeatureFilter) -> frozenset[int]:
    """The codes of the bars all of whose values match a filter."""
    if chosen.is_empty:
        return frozenset()
    return frozenset(
        code for code, bar in enumerate(feature.bins.bars) if _contains(chosen, bar, feature.bins)
    )


def filter_of_bars(feature: Feature, codes: Iterable[int]) -> FeatureFilter:
    """The filter that matches exactly the values of these bars; adjacent ranges become one."""
    bars = feature.bins.bars
    chosen = [bars[code] for code in sorted(set(codes))]
    kinds = {bar.kind for bar in chosen}
    ranges: list[Range] = []
    for one in (_range(bar, feature.bins) for bar in chosen if bar.low is not None):
        last = ranges[-1] if ranges else None
        if last is not None and last.high == one.low and last.closed == one.open:
            ranges[-1] = Range(last.low, one.high, one.closed, last.open)
        else:
            ranges.append(one)
    return FeatureFilter(
        feature=feature.name,
        ranges=tuple(ranges),
        categories=tuple(bar.category for bar in chosen if bar.category is not None),
        other=BarKind.OTHER in kinds,
        missing=BarKind.MISSING in kinds,
        non_finite=BarKind.NON_FINITE in kinds,
    )


def chosen_filter(
    feature: Feature, current: FeatureFilter, codes: Iterable[int], *, extend: bool
) -> FeatureFilter:
    """The feature's filter after bars were clicked or brushed.

    Without `extend` the bars replace the current choice, and the same bars again clear it. With
    `extend` they are added, or removed if all were chosen. No bars clear the filter.
    """
    clicked = frozenset(codes)
    before = bars_of_filter(feature, current)
    if not clicked:
        return FeatureFilter(feature.name)
    if not extend:
        return filter_of_bars(feature, frozenset() if clicked == before else clicked)
    made = filter_of_bars(feature, before - clicked if clicked <= before else before | clicked)
    if filter_of_bars(feature, before) == current:
        return made
    # the filter was more than whole bars, such as a range typed in, which stays
    return replace(made, ranges=(*current.ranges, *made.ranges))


def _range(bar: Bar, bins: Bins) -> Range:
    """The values of a bar of numbers."""
    assert bar.low is not None
    assert bar.high is not None
    match bar.kind:
        case BarKind.BELOW:
            return Range(-math.inf, bar.high)
        case BarKind.ABOVE:
            return Range(bar.low, math.inf, open=True)
        case BarKind.RANGE:
            return Range(bar.low, bar.high, closed=bar.high == bins.edges[-1])
    return Range(bar.low, bar.high, closed=True)


def _contains(chosen: FeatureFilter, bar: Bar, bins: Bins) -> bool:
    """Return True if all values of a bar match the filter."""
    match bar.kind:
        case BarKind.MISSING:
            return chosen.missing
        case BarKind.NON_FINITE:
            return chosen.non_finite
        case BarKind.OTHER:
            return chosen.other
        case BarKind.CATEGORY:
            return bar.category in chosen.categories
        case BarKind.TEXT:
            return False
    inner = _range(bar, bins)
    return any(
        # at equal ends, the inner range must not contain an end that the outer one lacks
        (one.low, one.open and not inner.open) <= (inner.low, False)
        and (one.high, one.closed or not inner.closed) >= (inner.high, True)
        for one in chosen.ranges
    )
