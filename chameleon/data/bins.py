"""The bins of a feature: the same for all versions, splits, and filters.

Every value becomes a small integer, its code. In order of the codes:

ranges       below the first edge, the ranges between edges, above the last edge, missing,
             non-finite
categories   one code per value or category (the last may be "other"), missing, non-finite
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from chameleon.project import Kind

RANGE_COUNT = 30
FEW_VALUES = 30  # the most distinct integers with one bar per value
MOST_CATEGORIES = 20
TEXT_SHARE = 0.5
"""A text that differs between more than this share of the instances has no histogram."""

_MIDDLE = (0.005, 0.995)
_NICE_STEPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_SECOND, _MINUTE, _HOUR, _DAY = 10**6, 60 * 10**6, 3600 * 10**6, 86400 * 10**6
_DATE_STEPS = tuple(
    float(step)
    for step in (
        *(n * _SECOND for n in (1, 2, 5, 10, 15, 30)),
        *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
        *(n * _HOUR for n in (1, 2, 3, 6, 12)),
        *(n * _DAY for n in (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 61, 91, 122, 183, 274)),
        *(n * 365 * _DAY for n in (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 400)),
    )
)


class BinKind(StrEnum):
    """The kind of a feature's bins."""

    RANGES = "ranges"
    VALUES = "values"
    CATEGORIES = "categories"
    TEXT = "text"


class BarKind(StrEnum):
    """The content of one bar of a histogram."""

    BELOW = "below"
    RANGE = "range"
    ABOVE = "above"
    VALUE = "value"
    CATEGORY = "category"
    OTHER = "other"
    TEXT = "text"
    MISSING = "missing"
    NON_FINITE = "non-finite"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: its kind, and its range [low, high) or category.

    Only the last range is closed on the right. `below` starts at the true minimum and `above` ends
    at the true maximum of all versions.
    """

    kind: BarKind
    low: float | None = None
    high: float | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Bins:
    """The bins of one feature.

    `edges` are the 31 of 30 ranges, rounded; `values` the distinct numbers, ascending; `categories`
    the most frequent first, and `other` the number of further ones; `low` and `high` the true
    minimum and maximum of the finite values.
    """

    kind: BinKind
    edges: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    other: int = 0
    low: float | None = None
    high: float | None = None

    @property
    def bars(self) -> tuple[Bar, ...]:
        """All bars in the order of their codes."""
        return (*self._value_bars(), Bar(BarKind.MISSING), Bar(BarKind.NON_FINITE))

    @property
    def count(self) -> int:
        """The number of codes."""
        return self.missing_code + 2

    @property
    def missing_code(self) -> int:
        """The code of missing values; that of non-finite ones is the next."""
        match self.kind:
            case BinKind.RANGES:
                return len(self.edges) + 1
            case BinKind.VALUES:
                return len(self.values)
            case BinKind.CATEGORIES:
                return len(self.categories) + (self.other > 0)
            case BinKind.TEXT:
                return 1

    def _value_bars(self) -> list[Bar]:
        match self.kind:
            case BinKind.RANGES:
                first, last = self.edges[0], self.edges[-1]
                low = first if self.low is None else min(self.low, first)
                high = last if self.high is None else max(self.high, last)
                pairs = zip(self.edges[:-1], self.edges[1:], strict=True)
                return [
                    Bar(BarKind.BELOW, low, first),
                    *(Bar(BarKind.RANGE, a, b) for a, b in pairs),
                    Bar(BarKind.ABOVE, last, high),
                ]
            case BinKind.VALUES:
                return [Bar(BarKind.VALUE, v, v) for v in self.values]
            case BinKind.CATEGORIES:
                bars = [Bar(BarKind.CATEGORY, category=c) for c in self.categories]
                return [*bars, Bar(BarKind.OTHER)] if self.other else bars
            case BinKind.TEXT:
                return [Bar(BarKind.TEXT)]

    def codes(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The code of every number or date; NaN is missing, infinities are non-finite."""
        if self.kind is BinKind.VALUES:
            codes = np.searchsorted(np.asarray(self.values), values, side="left")
        else:
            edges = np.asarray(self.edges)
            codes = np.searchsorted(edges, values, side="right")
            codes[values == edges[-1]] = len(edges) - 1
        result = codes.astype(np.uint8)
        finite = np.isfinite(values)
        if not finite.all():
            result[~finite] = self.missing_code + 1
            result[np.isnan(values)] = self.missing_code
        return result


def number_bins(values: NDArray[np.float64], kind: Kind) -> Bins:
    """Bins for all values of a number, boolean, or date feature; NaN is missing."""
    if kind is Kind.BOOLEAN:
        return Bins(BinKind.VALUES, values=(0.0, 1.0), low=0.0, high=1.0)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return Bins(BinKind.VALUES)
    low, high = float(finite.min()), float(finite.max())
    head = finite[:1000]  # enough for most features
    whole = kind is Kind.NUMBER and all((v == np.floor(v)).all() for v in (head, finite))
    if whole and np.unique(head).size <= FEW_VALUES:
        distinct = np.unique(finite)
        if distinct.size <= FEW_VALUES:
            return Bins(BinKind.VALUES, values=tuple(distinct.tolist()), low=low, high=high)
    position = [int(share * (finite.size - 1)) for share in _MIDDLE]
    position[1] = min(position[1] + 1, finite.size - 1)
    parted = np.partition(finite, position)
    first, last = float(parted[position[0]]), float(parted[position[1]])
    if first == last:  # nearly all values are the same: bin the others
        first, last = low, high
    if kind is Kind.DATE:
        edges = _date_edges(first, last)
    else:
        edges = _number_edges(first, last, whole=whole)
    return Bins(BinKind.RANGES, edges=edges, low=low, high=high)


def text_bins(counts: Mapping[str, int], *, holders: int) -> Bins:
    """Bins for a text feature from the rows with each text.

    `holders` is the number of different pairs of an instance and a text.
    """
    if len(counts) > FEW_VALUES and len(counts) > TEXT_SHARE * holders:
        return Bins(BinKind.TEXT)
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    if len(ordered) <= MOST_CATEGORIES + 1:  # a bar "other" for a single category hides it
        return Bins(BinKind.CATEGORIES, categories=tuple(ordered))
    kept = tuple(ordered[:MOST_CATEGORIES])
    return Bins(BinKind.CATEGORIES, categories=kept, other=len(ordered) - MOST_CATEGORIES)


def text_codes(
    values: NDArray[np.float64], instance: NDArray[np.int32], texts: Sequence[str]
) -> tuple[Bins, NDArray[np.uint8]]:
    """Bins and codes of a text feature whose values are places in `texts`; NaN is missing."""
    missing = np.isnan(values)
    numbers = np.where(missing, len(texts), values).astype(np.int64)
    counts = np.bincount(numbers, minlength=len(texts) + 1)[: len(texts)]
    pairs = (instance.astype(np.int64) * (len(texts) + 1) + numbers)[~missing]
    bins = text_bins(dict(zip(texts, counts.tolist(), strict=True)), holders=np.unique(pairs).size)
    # in addition to the shown categories: "other", or the one bar of a text without histogram
    code_of = np.full(len(texts) + 1, max(bins.missing_code - 1, 0), dtype=np.uint8)
    places = {category: code for code, category in enumerate(bins.categories)}
    for number, text in enumerate(texts):
        if text in places:
            code_of[number] = places[text]
    code_of[len(texts)] = bins.missing_code
    return bins, code_of[numbers]


def _number_edges(first: float, last: float, *, whole: bool) -> tuple[float, ...]:
    """Edges k * step with a step of one or two digits, rounded to decimals.

    Whole numbers get whole steps, so that every range has equally many of them.
    """
    middle, span = (first + last) / 2, last / RANGE_COUNT - first / RANGE_COUNT
    smallest = max(abs(first), abs(last), 1e-300) * 1e-13  # steps that a float still resolves
    step = max(span, smallest, 1.0 if whole else 0.0)
    exponent = math.floor(math.log10(step))
    for power in (exponent, exponent + 1, exponent + 2):
        for nice in _NICE_STEPS:
            unit = nice * 10.0**power
            if unit < step or (whole and unit % 1):
                continue
            start = math.floor(first / unit)
            if (start + RANGE_COUNT) * unit >= last:
                return _rounded(start, unit, nice, power)
    return tuple(np.linspace(middle - 15 * step, middle + 15 * step, RANGE_COUNT + 1).tolist())


def _rounded(start: int, unit: float, nice: float, power: int) -> tuple[float, ...]:
    decimals = 1 - power if nice % 1 else -power
    edges = [(start + k) * unit for k in range(RANGE_COUNT + 1)]
    if abs(decimals) < 300:
        return tuple(round(edge, decimals) for edge in edges)
    largest = sys.float_info.max  # the outer edges may lie beyond it
    return tuple(sorted({min(max(edge, -largest), largest) for edge in edges}))


def _date_edges(first: float, last: float) -> tuple[float, ...]:
    longest = _DATE_STEPS[-1]
    beyond = longest * math.ceil((last - first) / longest / (RANGE_COUNT - 1))
    for step in (*_DATE_STEPS, beyond):
        start = math.floor(first / step)
        if (start + RANGE_COUNT) * step >= last:
            break
    return tuple((start + k) * step for k in range(RANGE_COUNT + 1))
