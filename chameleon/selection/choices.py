"""From bars of a histogram to the values they stand for, and back.

What a person clicks is a bar; what is kept is its values, so that a link still means the same
when new data moved the bins.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from chameleon.data import Bar, BarKind, BinKind, Bins, Feature
from chameleon.selection.filter_values import FeatureFilter, Range


def bars_of_filter(feature: Feature, chosen: FeatureFilter) -> frozenset[int]:
    """The codes of the bars all of whose values a filter lets through."""
    if chosen.is_empty:
        return frozenset()
    return frozenset(
        code for code, bar in enumerate(feature.bins.bars) if _lets_through(chosen, bar, feature)
    )


def filter_of_bars(feature: Feature, codes: Iterable[int]) -> FeatureFilter:
    """The filter that lets through the values of these bars and nothing else.

    Neighbouring ranges become one. The bar of a text without histogram stands for nothing.
    """
    bars = feature.bins.bars
    chosen = [bars[code] for code in sorted(set(codes))]
    kinds = {bar.kind for bar in chosen}
    return FeatureFilter(
        feature=feature.name,
        ranges=_joined(_range(bar, feature.bins) for bar in chosen if bar.low is not None),
        categories=tuple(bar.category for bar in chosen if bar.category is not None),
        other=BarKind.OTHER in kinds,
        missing=BarKind.MISSING in kinds,
        non_finite=BarKind.NON_FINITE in kinds,
    )


def chosen_filter(
    feature: Feature, current: FeatureFilter, codes: Iterable[int], *, extend: bool
) -> FeatureFilter:
    """The feature's filter after bars were clicked or brushed.

    Without `extend` the bars take the place of what was chosen, and choosing the very same bars
    again takes them off. With it they are added, or taken off where all were chosen already.
    No bars at all clear the filter.
    """
    clicked = frozenset(codes)
    before = bars_of_filter(feature, current)
    if not clicked:
        return FeatureFilter(feature.name)
    if not extend:
        return filter_of_bars(feature, frozenset() if clicked == before else clicked)
    after = before - clicked if clicked <= before else before | clicked
    made = filter_of_bars(feature, after)
    if filter_of_bars(feature, before) == current:
        return made
    # the filter held more than whole bars, such as a range typed in: keep that beside them
    return replace(made, ranges=tuple(dict.fromkeys((*current.ranges, *made.ranges))))


def _range(bar: Bar, bins: Bins) -> Range:
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


def _joined(ranges: Iterable[Range]) -> tuple[Range, ...]:
    result: list[Range] = []
    for one in ranges:
        last = result[-1] if result else None
        if last is not None and last.high == one.low and last.closed == one.open:
            result[-1] = Range(last.low, one.high, one.closed, last.open)
        else:
            result.append(one)
    return tuple(result)


def _lets_through(chosen: FeatureFilter, bar: Bar, feature: Feature) -> bool:
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
    wanted = _range(bar, feature.bins)
    return any(_contains(one, wanted) for one in chosen.ranges)


def _contains(outer: Range, inner: Range) -> bool:
    above = outer.low < inner.low or (outer.low == inner.low and (inner.open or not outer.open))
    below = outer.high > inner.high or (
        outer.high == inner.high and (outer.closed or not inner.closed)
    )
    return above and below


def has_histogram(feature: Feature) -> bool:
    """Whether the feature is drawn as a histogram; texts that nearly all differ are not."""
    return feature.bins.kind is not BinKind.TEXT
