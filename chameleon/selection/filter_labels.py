"""Values and ranges of features in words, as labels of filters and of bars show them."""

from __future__ import annotations

import datetime as dt
import math

from chameleon.project import Kind
from chameleon.selection.filter_values import FeatureFilter, Range

_MOST_PARTS = 4


def shortened(text: str, length: int = 40) -> str:
    """The text, its end cut off where it is longer."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


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


def filter_words(chosen: FeatureFilter, kind: Kind) -> str:
    """A feature's filter in words."""
    parts = [range_words(limits, kind) for limits in chosen.ranges]
    parts += [shortened(category) for category in chosen.categories]
    parts += chosen.flags
    shown = ", ".join(parts[:_MOST_PARTS])
    more = len(parts) - _MOST_PARTS
    return f"{shown} and {more} more" if more > 0 else shown
