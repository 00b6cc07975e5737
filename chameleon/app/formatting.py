"""Text for screens: numbers, dates, and filters, and foreign text made safe for Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from chameleon.data import Bar, BarKind, Feature
from chameleon.project import Kind
from chameleon.selection import Filters, Range, Selection
from chameleon.selection import date as date
from chameleon.selection import number as number
from chameleon.selection import range_words as range_words
from chameleon.selection import shortened as shortened

_ENDS = (BarKind.RANGE, BarKind.VALUE, BarKind.CATEGORY)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:^=&\"'/@])")


def plain(text: str) -> str:
    """Foreign text escaped for Markdown, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split())) or "(no text)"


def brief(text: str, length: int = 40) -> str:
    """Foreign text escaped for Markdown, its end cut off where it is longer."""
    return plain(shortened(text, length))


def counted(count: int, noun: str) -> str:
    """A count and its noun, in the plural by "s" unless there is one."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def figure(value: float | None, decimals: int = 3) -> str:
    """A metric with its decimals; "-" where it is undefined."""
    return "-" if value is None else f"{value:.{decimals}f}"


def duration_words(seconds: float) -> str:
    """A duration, as coarse as an estimate is."""
    if seconds < 1.5:
        return "1 s"
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds < 20 else f"{round(seconds / 5) * 5} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"


def bar_words(bar: Bar, kind: Kind) -> str:
    """The values of a bar."""
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
    """The values from the first to the last bar of a feature."""
    bars = [bar for bar in feature.bins.bars if bar.kind in _ENDS]
    if not bars:
        return ""
    if bars[0].category is not None:
        return f"{shortened(bars[0].category, 12)} … {shortened(bars[-1].category or '', 12)}"
    spell = date if feature.kind is Kind.DATE else number
    return f"{spell(bars[0].low or 0.0)} to {spell(bars[-1].high or 0.0)}"


def side_words(selection: Selection, *, primary: bool) -> str:
    """A side: its version and its restriction."""
    name = selection.primary if primary else selection.secondary
    only = selection.primary_only if primary else selection.secondary_only
    return ", ".join([name, *(part.side_label for part in only.parts)])


def filters_words(filters: Iterable[Filters], kinds: Mapping[str, Kind], nothing: str = "") -> str:
    """The labels of all these filters; `nothing` where there are none."""
    labels = [part.label(kinds) for one in filters for part in one.parts]
    return " and ".join(labels) or nothing
