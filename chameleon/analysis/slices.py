"""Slices on which a model became better or worse.

Groups are searched on one half of the test instances and confirmed on the other, so that what is
found by looking at many groups is not mistaken for an effect (as in Chung et al., "Slice Finder",
ICDE 2019, with a held-out half instead of alpha-investing).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from chameleon.counting import CORRECT
from chameleon.data import BarKind, EvolvingDataset, Feature
from chameleon.models import Evaluation
from chameleon.selection import FeatureFilter, Filters, Range, filter_of_bars, has_histogram, pairs

LEAST = 15
"""Fewer instances in either half are no group."""

_GROUPS = 8
_PAIRED = 40
_CANDIDATES = 15
_ALIKE = 0.7
_AT_ONCE = 128
_LEVEL = 0.95

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Slice:
    """A group of test instances and how the model changed on it.

    Attributes
    ----------
    filters
        What lets the group through, and other instances like it that are no test instances.
    instances
        Its instances in the half that confirms; the figures below are of these.
    found_in
        Its instances in the half in which it was found.
    improved, regressed
        Instances that became right, and wrong.
    before, after
        The accuracies.
    low, high
        95 % interval of their difference (Bonett and Price 2012).
    q
        The smallest false discovery rate at which the group counts as confirmed (Benjamini and
        Hochberg 1995, over McNemar's exact one-sided tests of all groups that were tried there).
    """

    filters: Filters
    instances: int
    found_in: int
    improved: int
    regressed: int
    before: float
    after: float
    low: float
    high: float
    q: float

    @property
    def change(self) -> float:
        """Accuracy after less accuracy before."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Slices:
    """The groups that were found between two versions.

    Attributes
    ----------
    worse, better
        Confirmed groups, the largest loss and the largest gain first.
    tried
        How many groups were looked at in the first half, and how many were taken to the second.
    instances
        Test instances of both versions that neither model was trained on, with their label kept
        and both outcomes known.
    """

    worse: tuple[Slice, ...]
    better: tuple[Slice, ...]
    tried: tuple[int, int]
    instances: int


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Instances (bool over all that are looked at), what they are of, and what makes their filter.

    Of two thousand groups a few dozen are told: only these need one.
    """

    mask: Mask
    of: str
    made: Callable[[], Filters]

    @property
    def filters(self) -> Filters:
        """The filter that lets these instances through."""
        return self.made()


def changed_slices(
    evaluation: Evaluation, *, before: str, after: str, rate: float = 0.05, seed: int = 0
) -> Slices:
    """The classes, sources and ranges of features, and pairs of them, where accuracy changed.

    Parameters
    ----------
    rate
        The false discovery rate among the groups told.
    seed
        Of the cut into two halves.
    """
    dataset = evaluation.dataset
    rows, gain = _paired(evaluation, before, after)
    half = np.zeros(len(rows), dtype=np.bool_)
    half[np.random.default_rng(seed).permutation(len(rows))[: len(rows) // 2]] = True
    singles = _large(list(_single_groups(dataset, rows)), gain, half)
    # the most telling ones are crossed with one another
    strength = np.abs([scored.score for scored in singles])
    strongest = [singles[k].group for k in np.argsort(-strength, kind="stable")[:_PAIRED]]
    crossed = [
        _Group(a.mask & b.mask, f"{a.of} {b.of}", partial(_both, a, b))
        for a, b in combinations(strongest, 2)
        if a.of != b.of
    ]
    groups = singles + _large(crossed, gain, half)
    worse, better = (_candidates(groups, sign) for sign in (-1, 1))
    told = _confirmed(evaluation, [*worse, *better], rows, gain, half, after)
    signs = [-1] * len(worse) + [1] * len(better)
    kept = [
        (sign, one) for sign, one in zip(signs, told, strict=True)
        if one.q <= rate and one.change * sign > 0
    ]  # fmt: skip
    return Slices(
        worse=tuple(sorted((s for n, s in kept if n < 0), key=lambda s: s.change)),
        better=tuple(sorted((s for n, s in kept if n > 0), key=lambda s: -s.change)),
        tried=(len(groups), len(worse) + len(better)),
        instances=len(rows),
    )


def _paired(
    evaluation: Evaluation, before: str, after: str
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """The after-rows of fair test instances, and -1, 0 or 1: lost, as before, gained."""
    found = pairs(evaluation, primary=after, secondary=before)
    fair = found.pair.fair & found.known
    right = found.primary[fair] == CORRECT
    gain = right.astype(np.int8) - (found.secondary[fair] == CORRECT).astype(np.int8)
    return found.pair.new[fair], gain


def _single_groups(dataset: EvolvingDataset, rows: NDArray[np.int32]) -> Iterator[_Group]:
    for code, name in enumerate(dataset.classes):
        yield _Group(dataset.label[rows] == code, "label", partial(Filters, labels=(name,)))
    for code, name in enumerate(dataset.sources):
        yield _Group(dataset.source[rows] == code, "source", partial(Filters, sources=(name,)))
    for number, feature in enumerate(dataset.features):
        if has_histogram(feature):
            codes = dataset.codes[number, rows]
            for chosen in _ranges(feature, codes):
                among = np.zeros(feature.bins.count, dtype=np.bool_)
                among[chosen] = True
                made = partial(_filters, feature, chosen)
                yield _Group(among[codes], f"feature {feature.name}", made)


def _filters(feature: Feature, codes: list[int]) -> Filters:
    """The filter of neighbouring bars; single values in a row become a range."""
    return Filters(features=(_filter(feature, codes),))


def _filter(feature: Feature, codes: list[int]) -> FeatureFilter:
    bars = feature.bins.bars
    first, last = bars[codes[0]], bars[codes[-1]]
    if len(codes) == 1 or first.kind is not BarKind.VALUE or first.low is None or last.high is None:
        return filter_of_bars(feature, codes)
    return FeatureFilter(feature.name, ranges=(Range(first.low, last.high, closed=True),))


def _ranges(feature: Feature, codes: NDArray[np.uint8]) -> Iterator[list[int]]:
    """Bars by bars: categories one by one; of numbers, neighbours that are about equally full."""
    counts = np.bincount(codes, minlength=feature.bins.count)
    special = range(feature.bins.missing_code, feature.bins.count)
    for code in special:
        if counts[code]:
            yield [code]
    ordinary = [code for code in range(feature.bins.missing_code) if counts[code]]
    if feature.bins.categories:
        for code in ordinary:
            yield [code]
        return
    total = sum(counts[code] for code in ordinary)
    groups: list[list[int]] = [[]]
    held = 0
    for code in range(feature.bins.missing_code):
        if groups[-1] and held >= total * len(groups) / _GROUPS:
            groups.append([])
        groups[-1].append(code)
        held += counts[code]
    for first in range(len(groups)):
        for last in range(first, len(groups)):
            if last - first + 1 < len(groups):
                yield [code for group in groups[first : last + 1] for code in group]


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """A group, and McNemar's statistic with its sign in the half that is searched.

    That is: gains less losses over the root of their sum.
    """

    group: _Group
    score: float


def _large(groups: list[_Group], gain: NDArray[np.int8], half: Mask) -> list[_Scored]:
    """The groups that are large enough in both halves."""
    columns = np.stack([half, ~half, gain * half, np.abs(gain) * half], axis=1).astype(np.float64)
    found: list[_Scored] = []
    for first in range(0, len(groups), _AT_ONCE):
        some = groups[first : first + _AT_ONCE]
        sums = np.stack([group.mask for group in some]).astype(np.float64) @ columns
        scores = sums[:, 2] / np.sqrt(np.maximum(sums[:, 3], 1))
        large = (sums[:, :2] >= LEAST).all(axis=1)
        found += [_Scored(some[k], float(scores[k])) for k in np.flatnonzero(large)]
    return found


def _candidates(groups: list[_Scored], sign: int) -> list[_Scored]:
    """The groups with the strongest change of one sign, none much like a stronger one."""
    scores = np.array([scored.score for scored in groups]) * sign
    chosen: list[_Scored] = []
    for place in np.argsort(-scores, kind="stable"):
        if scores[place] <= 0 or len(chosen) == _CANDIDATES:
            break
        mask, taken = groups[place].group.mask, [scored.group.mask for scored in chosen]
        alike = ((mask & other).sum() / (mask | other).sum() > _ALIKE for other in taken)
        if not any(alike):
            chosen.append(groups[place])
    return chosen


def _confirmed(
    evaluation: Evaluation,
    groups: list[_Scored],
    rows: NDArray[np.int32],
    gain: NDArray[np.int8],
    half: Mask,
    after: str,
) -> list[Slice]:
    """The figures of each group in the other half."""
    if not groups:
        return []
    from scipy.stats import binom, false_discovery_control

    right = evaluation.outcome[evaluation.dataset.version_number(after), rows] == CORRECT
    figures: list[tuple[int, int, int, float]] = []
    chances: list[float] = []
    for scored in groups:
        own = scored.group.mask & ~half
        improved, regressed = int((gain[own] > 0).sum()), int((gain[own] < 0).sum())
        wins = improved if scored.score > 0 else regressed
        # at least so many flips this way if both ways were as likely
        chances.append(float(binom.sf(wins - 1, improved + regressed, 0.5)))
        figures.append((int(own.sum()), improved, regressed, float(right[own].mean())))
    told = false_discovery_control(chances)
    return [
        Slice(
            filters=scored.group.filters,
            instances=size,
            found_in=int((scored.group.mask & half).sum()),
            improved=improved,
            regressed=regressed,
            before=share - (improved - regressed) / size,
            after=share,
            low=interval[0],
            high=interval[1],
            q=float(q),
        )
        for scored, (size, improved, regressed, share), q in zip(groups, figures, told, strict=True)
        for interval in [_bonett_price(improved, regressed, size)]
    ]


def _bonett_price(improved: int, regressed: int, size: int) -> tuple[float, float]:
    """The adjusted Wald interval of a difference of paired shares."""
    gain, loss = (improved + 1) / (size + 2), (regressed + 1) / (size + 2)
    reach = NormalDist().inv_cdf((1 + _LEVEL) / 2)
    reach *= sqrt((gain + loss - (gain - loss) ** 2) / (size + 2))
    return max(gain - loss - reach, -1.0), min(gain - loss + reach, 1.0)


def _both(one: _Group, other: _Group) -> Filters:
    """The filters of both; they are of different kinds, or of different features."""
    a, b = one.filters, other.filters
    return Filters(
        labels=a.labels or b.labels,
        sources=a.sources or b.sources,
        features=(*a.features, *b.features),
    )
