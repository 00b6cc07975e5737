"""Numbers, dates and filters in words, and foreign text made safe for Markdown."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from chameleon.data import Bar, BarKind, Feature
from chameleon.project import Kind
from chameleon.selection import (
    AlwaysFails,
    Choice,
    ClassChange,
    ConfusionCell,
    DataChange,
    FeatureFilter,
    Happened,
    LabelProbability,
    OutcomeChange,
    Range,
    Region,
    RuleVote,
    Selection,
    SensitivityChoice,
    VoteChange,
    Voted,
)

_ENDS = (BarKind.RANGE, BarKind.VALUE, BarKind.CATEGORY)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&\"'/@])")


def plain(text: str) -> str:
    """Foreign text so that Markdown shows it as it is, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split())) or "(no text)"


def shortened(text: str, length: int = 40) -> str:
    """The text, its end cut off where it is longer."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def figure(value: float | None, decimals: int = 3) -> str:
    """A metric with its decimals; "-" where it is undefined."""
    return "-" if value is None else f"{value:.{decimals}f}"


def duration_words(seconds: float) -> str:
    """A time to wait in words, as coarse as an estimate is."""
    if seconds < 1.5:
        return "1 s"
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds < 20 else f"{round(seconds / 5) * 5} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def number(value: float) -> str:
    """A value of a feature, short."""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"


def date(microseconds: float) -> str:
    """A date feature's value; without the time where that is midnight."""
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


def bar_words(bar: Bar, kind: Kind) -> str:
    """What a bar holds, in words."""
    if bar.kind is BarKind.CATEGORY:
        return bar.category or ""
    spell = date if kind is Kind.DATE else number
    if bar.low is None or bar.high is None:
        return bar.kind.value
    if bar.kind is BarKind.VALUE:
        return range_words(Range(bar.low, bar.high, closed=True), kind)
    if bar.kind is BarKind.BELOW:
        return f"below {spell(bar.high)}"
    if bar.kind is BarKind.ABOVE:
        return f"above {spell(bar.low)}"
    return f"{spell(bar.low)} to {spell(bar.high)}"


def ends_words(feature: Feature) -> str:
    """What a feature's bars reach from and to."""
    bars = [bar for bar in feature.bins.bars if bar.kind in _ENDS]
    if not bars:
        return ""
    if bars[0].category is not None:
        return f"{shortened(bars[0].category, 12)} … {shortened(bars[-1].category or '', 12)}"
    spell = date if feature.kind is Kind.DATE else number
    return f"{spell(bars[0].low or 0.0)} to {spell(bars[-1].high or 0.0)}"


def filter_words(chosen: FeatureFilter, kind: Kind) -> str:
    """A feature's filter in words."""
    parts = [range_words(limits, kind) for limits in chosen.ranges]
    parts += [shortened(category) for category in chosen.categories]
    flags = {"other": chosen.other, "missing": chosen.missing, "non-finite": chosen.non_finite}
    parts += [name for name, wanted in flags.items() if wanted]
    shown = ", ".join(parts[:4])
    return shown if len(parts) <= 4 else f"{shown} and {len(parts) - 4} more"


def choice_words(choice: Choice, kinds: Mapping[str, Kind]) -> str:
    """One choice of the filters in words, such as "split: test"."""
    value = choice.value
    if isinstance(value, FeatureFilter):
        return f"{shortened(value.feature)}: {filter_words(value, kinds[value.feature])}"
    if isinstance(value, Region):
        return "a cell of the embedding"
    told = _WORDS.get(type(value))
    if told is not None:
        return told(value)
    if isinstance(value, tuple):
        first, last = value
        return f"date: from {first or 'the first'} to {last or 'the last'}"
    name = choice.field.removesuffix("s")
    return f"{name}: {f'no {name}' if value is None else value}"


_HAPPENED = {
    Happened.LABELLED: "got a label",
    Happened.EDITED: "edited",
    Happened.MOVED: "moved to another split",
}


def data_change_words(change: DataChange) -> str:
    """What happened to an instance in the step, in words."""
    words = _HAPPENED.get(change.happened, change.happened.value)
    return words if change.feature is None else f"{words} in {shortened(change.feature)}"


_VOTED = {
    Voted.CHANGED: "changed its vote",
    Voted.STARTED: "began to vote",
    Voted.STOPPED: "began to abstain",
    Voted.SWITCHED: "votes for another class",
}


def weak_words(value: RuleVote | VoteChange | LabelProbability) -> str:
    """A vote, its change, or a range of label probabilities, in words."""
    if isinstance(value, LabelProbability):
        return f"probability of {shortened(value.of_class)}: {value.low:g} to {value.high:g}"
    if isinstance(value, VoteChange):
        return f"rule {shortened(value.rule)} {_VOTED[value.voted]}"
    said = "abstains" if value.vote is None else f"votes {shortened(value.vote)}"
    return f"rule {shortened(value.rule)} {said}"


def confusion_words(cell: ConfusionCell) -> str:
    """A cell of a confusion matrix in words."""
    side = "secondary" if cell.secondary else "primary"
    if cell.label == cell.prediction:
        return f"{shortened(cell.label)} rightly told by the {side}"
    return f"{shortened(cell.label)} taken for {shortened(cell.prediction)} by the {side}"


def _sensitivity_words(choice: SensitivityChoice) -> str:
    over, numbers = choice
    what = "class" if over.classes else "outcome"
    counts = sorted(numbers)
    runs = len(counts) > 3 and counts[-1] - counts[0] == len(counts) - 1
    times = f"{counts[0]} to {counts[-1]}" if runs else ", ".join(str(n) for n in counts)
    return f"{what} changed {times} times, {shortened(over.first)} to {shortened(over.last)}"


def side_words(selection: Selection, *, primary: bool) -> str:
    """What a side stands for: its version, and what it is restricted to."""
    name = selection.primary if primary else selection.secondary
    only = selection.primary_only if primary else selection.secondary_only
    return ", ".join([name, *(_restriction_words(choice) for choice in only.choices)])


def _restriction_words(choice: Choice) -> str:
    value = choice.value
    if isinstance(value, FeatureFilter):
        return shortened(value.feature)
    told = _WORDS.get(type(value))
    return choice_words(choice, {}).split(": ", 1)[-1] if told is None else told(value)


def _outcome_words(change: OutcomeChange) -> str:
    judged = ", judged by the primary's label" if change.same_label else ""
    return f"{change.secondary} before, {change.primary} after{judged}"


def _class_words(change: ClassChange) -> str:
    return f"predicted {shortened(change.secondary)} before, {shortened(change.primary)} after"


def _always_words(value: AlwaysFails) -> str:
    return f"wrong in every version, {shortened(value.first)} to {shortened(value.last)}"


_WORDS: Mapping[type, Callable[[Any], str]] = {
    OutcomeChange: _outcome_words,
    ClassChange: _class_words,
    DataChange: data_change_words,
    ConfusionCell: confusion_words,
    AlwaysFails: _always_words,
    SensitivityChoice: _sensitivity_words,
    RuleVote: weak_words,
    VoteChange: weak_words,
    LabelProbability: weak_words,
}
"""How the choices of views are told."""
