"""Slices on which a model became better or worse.

Slices are searched on one half of the test instances and confirmed on the other, so that an effect
of examining many slices isn't mistaken for a change (as in Chung et al., "Slice Finder", ICDE 2019,
with a held-out half instead of alpha-investing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from chameleon.analysis.values import Mask, Rows
from chameleon.counting import CORRECT
from chameleon.data import BarKind, EvolvingDataset, Feature
from chameleon.models import Evaluation
from chameleon.selection import FeatureFilter, Filters, Range, filter_of_bars, has_histogram, pairs

LEAST = 15
"""The fewest instances of a slice in either half."""

_PARTS = 8
_CROSSED = 40
_CANDIDATES = 15
_SIMILAR = 0.7
_AT_ONCE = 128
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice of the test instances and the model's change on it.

    `filters` match it, and similar instances that are no test instances. `instances` and all
    further figures are of the half that confirms, `found_in` of the other. `fixed` and `regressed`
    instances became correct, and incorrect; `ci_low` and `ci_high` are the 95% interval of their
    difference (Bonett and Price 2012). `q_value` is the smallest false discovery rate at which the
    slice counts as confirmed (Benjamini and Hochberg 1995, over McNemar's exact one-sided tests of
    all candidates).
    """

    filters: Filters
    instances: int
    found_in: int
    fixed: int
    regressed: int
    accuracy_before: float
    accuracy_after: float
    ci_low: float
    ci_high: float
    q_value: float

    @property
    def change(self) -> float:
        """Accuracy after less accuracy before."""
        return self.accuracy_after - self.accuracy_before


@dataclass(frozen=True, slots=True)
class Slices:
    """The slices that were found between two versions.

    `worse` and `better` are confirmed, the largest loss and the largest gain first. `tried` counts
    the slices examined in the first half, and the candidates for the second. `instances` are the
    fair test instances with known outcomes.
    """

    worse: tuple[Slice, ...]
    better: tuple[Slice, ...]
    tried: tuple[int, int]
    instances: int


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Instances (a mask over all), their group, a maker of their filter, and a signed score."""

    mask: Mask
    of: str
    filters: Callable[[], Filters]
    score: float = 0.0


def changed_slices(
    evaluation: Evaluation, *, before: str, after: str, rate: float = 0.05, seed: int = 0
) -> Slices:
    """The classes, sources, and ranges of features, and pairs of them, where accuracy changed.

    `rate` is the false discovery rate among the slices, `seed` that of the cut into two halves.
    """
    rows, gain = _paired(evaluation, before, after)
    half = np.zeros(len(rows), dtype=np.bool_)
    half[np.random.default_rng(seed).permutation(len(rows))[: len(rows) // 2]] = True
    singles = _large(list(_single_groups(evaluation.dataset, rows)), gain, half)
    # the strongest ones are crossed with one another
    strength = np.abs([group.score for group in singles])
    strongest = [singles[k] for k in np.argsort(-strength, kind="stable")[:_CROSSED]]
    crossed = [
        _Group(a.mask & b.mask, f"{a.of} {b.of}", partial(_both, a, b))
        for a, b in combinations(strongest, 2)
        if a.of != b.of
    ]
    groups = singles + _large(crossed, gain, half)
    candidates = [*_candidates(groups, -1), *_candidates(groups, 1)]
    found = _confirmed(evaluation, candidates, rows, gain, half, after)
    kept = [
        one for group, one in zip(candidates, found, strict=True)
        if one.q_value <= rate and one.change * group.score > 0
    ]  # fmt: skip
    return Slices(
        worse=tuple(sorted((s for s in kept if s.change < 0), key=lambda s: s.change)),
        better=tuple(sorted((s for s in kept if s.change > 0), key=lambda s: -s.change)),
        tried=(len(groups), len(candidates)),
        instances=len(rows),
    )


def _paired(evaluation: Evaluation, before: str, after: str) -> tuple[Rows, NDArray[np.int8]]:
    """The after-rows of fair test instances, and -1, 0 or 1: lost, as before, gained."""
    found = pairs(evaluation, primary=after, secondary=before)
    fair = found.pair.fair & found.known
    right = found.primary[fair] == CORRECT
    gain = right.astype(np.int8) - (found.secondary[fair] == CORRECT).astype(np.int8)
    return found.pair.new[fair], gain


def _single_groups(dataset: EvolvingDataset, rows: Rows) -> Iterator[_Group]:
    for code, name in enumerate(dataset.classes):
        yield _Group(dataset.label[rows] == code, "label", partial(Filters, labels=(name,)))
    for code, name in enumerate(dataset.sources):
        yield _Group(dataset.source[rows] == code, "source", partial(Filters, sources=(name,)))
    for number, feature in enumerate(dataset.features):
        if has_histogram(feature):
            codes = dataset.codes[number, rows]
            for chosen in _ranges(feature, codes):
                mask = np.isin(np.arange(feature.bins.count), chosen)[codes]
                yield _Group(mask, f"feature {feature.name}", partial(_filters, feature, chosen))


def _filters(feature: Feature, codes: list[int]) -> Filters:
    """The filter of neighboring bars; single values in a row become a range."""
    bars = feature.bins.bars
    low, high = bars[codes[0]].low, bars[codes[-1]].high
    values = len(codes) > 1 and bars[codes[0]].kind is BarKind.VALUE
    if not values or low is None or high is None:
        return Filters(features=(filter_of_bars(feature, codes),))
    return Filters(features=(FeatureFilter(feature.name, ranges=(Range(low, high, closed=True),)),))


def _ranges(feature: Feature, codes: NDArray[np.uint8]) -> Iterator[list[int]]:
    """Bars by bars: categories one by one; of numbers, neighbors that are about equally full."""
    counts = np.bincount(codes, minlength=feature.bins.count)
    ordinary = range(feature.bins.missing_code)
    alone = [*range(feature.bins.missing_code, feature.bins.count)]
    alone += ordinary if feature.bins.categories else ()
    yield from ([code] for code in alone if counts[code])
    if feature.bins.categories:
        return
    total = sum(counts[code] for code in ordinary)
    groups: list[list[int]] = [[]]
    full = 0
    for code in ordinary:
        if groups[-1] and full >= total * len(groups) / _PARTS:
            groups.append([])
        groups[-1].append(code)
        full += counts[code]
    for first in range(len(groups)):
        for last in range(first, len(groups)):
            if last - first + 1 < len(groups):
                yield [code for group in groups[first : last + 1] for code in group]


def _large(groups: list[_Group], gain: NDArray[np.int8], half: Mask) -> list[_Group]:
    """The groups that are large enough in both halves, with their scores."""
    columns = np.stack([half, ~half, gain * half, np.abs(gain) * half], axis=1).astype(np.float64)
    found: list[_Group] = []
    for first in range(0, len(groups), _AT_ONCE):
        some = groups[first : first + _AT_ONCE]
        sums = np.stack([group.mask for group in some]).astype(np.float64) @ columns
        scores = sums[:, 2] / np.sqrt(np.maximum(sums[:, 3], 1))
        large = (sums[:, :2] >= LEAST).all(axis=1)
        found += [replace(some[k], score=float(scores[k])) for k in np.flatnonzero(large)]
    return found


def _candidates(groups: list[_Group], sign: int) -> list[_Group]:
    """The groups with the strongest change of one sign, none similar to a stronger one."""
    scores = np.array([group.score for group in groups]) * sign
    chosen: list[_Group] = []
    for place in np.argsort(-scores, kind="stable"):
        if scores[place] <= 0 or len(chosen) == _CANDIDATES:
            break
        mask = groups[place].mask
        overlaps = ((mask & g.mask).sum() / (mask | g.mask).sum() > _SIMILAR for g in chosen)
        if not any(overlaps):
            chosen.append(groups[place])
    return chosen


def _confirmed(
    evaluation: Evaluation,
    groups: list[_Group],
    rows: Rows,
    gain: NDArray[np.int8],
    half: Mask,
    after: str,
) -> list[Slice]:
    """The figures of each group in the other half."""
    if not groups:
        return []
    from scipy.stats import binom, false_discovery_control

    right = evaluation.outcome[evaluation.dataset.version_number(after), rows] == CORRECT
    found: list[Slice] = []
    chances: list[float] = []
    for group in groups:
        own = group.mask & ~half
        size, share = int(own.sum()), float(right[own].mean())
        improved, regressed = int((gain[own] > 0).sum()), int((gain[own] < 0).sum())
        wins = improved if group.score > 0 else regressed
        # at least this many flips one way if both ways were equally likely
        chances.append(float(binom.sf(wins - 1, improved + regressed, 0.5)))
        before = share - (improved - regressed) / size
        low, high = _bonett_price(improved, regressed, size)
        found_in = int((group.mask & half).sum())
        counts = (size, found_in, improved, regressed)
        found.append(Slice(group.filters(), *counts, before, share, low, high, q_value=1.0))
    q_values = false_discovery_control(chances).tolist()
    return [replace(one, q_value=q) for one, q in zip(found, q_values, strict=True)]


def _bonett_price(improved: int, regressed: int, size: int) -> tuple[float, float]:
    """The adjusted Wald interval of a difference of paired shares."""
    gain, loss = (improved + 1) / (size + 2), (regressed + 1) / (size + 2)
    reach = NormalDist().inv_cdf((1 + _LEVEL) / 2)
    reach *= sqrt((gain + loss - (gain - loss) ** 2) / (size + 2))
    return max(gain - loss - reach, -1.0), min(gain - loss + reach, 1.0)


def _both(one: _Group, other: _Group) -> Filters:
    """The filters of both; they are of different kinds, or of different features."""
    a, b = one.filters(), other.filters()
    return Filters(
        labels=a.labels or b.labels,
        sources=a.sources or b.sources,
        features=(*a.features, *b.features),
    )
