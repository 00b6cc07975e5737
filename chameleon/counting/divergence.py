"""How far two histograms over the same bins lie apart, for many pairs of histograms at once.

Histograms are counts of shape (..., n_bins). A distance is NaN where a side counts nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Distances = NDArray[np.float64]

_HALF = 0.5  # added to every bin of the stability index, whose logarithm knows no empty bin


def jensen_shannon(p: Counts, q: Counts) -> Distances:
    """The Jensen-Shannon distance in base 2 (Endres and Schindelin 2003): 0 alike, 1 disjoint.

    That of scipy's `jensenshannon(p, q, 2, axis=-1)`, which takes 2.2 times as long; it is called
    for every permutation of every feature.
    """
    a, b = _shares(p), _shares(q)
    middle = (a + b) / 2
    divergence = (_relative_entropy(a, middle) + _relative_entropy(b, middle)) / 2
    result: Distances = np.sqrt(np.clip(divergence, 0.0, 1.0))
    return result


def stability_index(p: Counts, q: Counts) -> Distances:
    """The population stability index, the sum of (b - a) ln(b / a) over the bins.

    Bins that both sides leave empty are left out; to the others 1/2 is added on both sides.
    """
    used = (p + q) > 0
    bins = used.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        a = (p + _HALF) / (p.sum(axis=-1, keepdims=True) + _HALF * bins)
        b = (q + _HALF) / (q.sum(axis=-1, keepdims=True) + _HALF * bins)
        total = np.where(used, (b - a) * np.log(b / a), 0.0).sum(axis=-1)
    result: Distances = np.where(_empty(p, q), np.nan, total)
    return result


def binned_wasserstein(p: Counts, q: Counts, places: NDArray[np.float64]) -> Distances:
    """The Wasserstein distance of values that lie at their bin's place.

    In units of the standard deviation of both sides together; NaN where all values are equal.

    Parameters
    ----------
    places
        Where the values of each bin lie, ascending; shape (n_bins,).
    """
    largest = np.abs(places).max()
    if largest > 0:
        places = places / largest  # the result has no unit, and squares must not overflow
    a, b = _shares(p), _shares(q)
    moved = np.abs(np.cumsum(a - b, axis=-1)[..., :-1]) @ np.diff(places)
    both = _shares(p + q)
    centred = places - places.mean()  # dates are large numbers, whose squares lose digits
    variance = both @ centred**2 - (both @ centred) ** 2
    # what rounding leaves of the variance of equal values is none
    reach = np.square(centred).max()
    spread = np.sqrt(np.where(variance > 1e-12 * reach, variance, np.nan))
    result: Distances = moved / spread
    return result


def _shares(counts: Counts) -> Distances:
    total = counts.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        shares: Distances = counts / np.where(total > 0, total, np.nan)
    return shares


def _relative_entropy(a: Distances, b: Distances) -> Distances:
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = np.where(a == 0, 0.0, a * np.log2(a / b))
    total: Distances = terms.sum(axis=-1)
    return total


def _empty(p: Counts, q: Counts) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = (p.sum(axis=-1) == 0) | (q.sum(axis=-1) == 0)
    return result
