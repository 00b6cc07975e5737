"""Histograms of two versions as chance would make them, where the versions share instances.

What is permuted is the *role* of an instance: held by both versions, removed or added. Each draw
has as many of each as the data, so that versions which share much stay as alike as sharing makes
them: whoever is dealt the role of a kept instance stands on both sides, as the kept ones do. To
deal out sides among the removed and the added alone, the kept ones held fast, would be fair too,
but leaves nothing to deal where instances only joined or only left. An instance whose value changed
lends its two values to the two versions in either order.

Measured over 600 steps of pure chance each (eight bins, 200 draws), Jensen-Shannon, Wasserstein and
PSI passed their levels in 4.3, 4.5 and 4.3 % of steps without shared instances, 5.2, 6.8 and 5.2 %
with four of five shared, 4.8, 5.8 and 4.5 % where instances only joined or only left, 5.8, 5.0 and
5.8 % where a quarter of the shared ones changed their value; one of the three in 8 to 11 %. With
sides dealt out instead, 5.3, 5.8 and 5.3 % with four of five shared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Roles:
    """The values, as bins, of the instances of two versions by their role.

    Attributes
    ----------
    steady, removed, added
        Instances by bin, shape (n_bins,): of both versions with the value in the same bin,
        of the first alone, of the second alone.
    left, entered, moves
        For the instances of both versions whose bin changed: every pair of bins that occurs, the
        bin before, the bin after, and how many instances went that way.
    """

    steady: Counts
    removed: Counts
    added: Counts
    left: Counts
    entered: Counts
    moves: Counts

    @classmethod
    def of_codes(
        cls,
        old: NDArray[np.integer],
        new: NDArray[np.integer],
        removed: NDArray[np.integer],
        added: NDArray[np.integer],
        bins: int,
    ) -> Roles:
        """The roles from the bins of the kept instances before and after, and of the others."""
        same = old == new
        moved = old[~same].astype(np.int64) * bins + new[~same]
        kinds, moves = np.unique(moved, return_counts=True)
        return cls(
            steady=np.bincount(old[same], minlength=bins),
            removed=np.bincount(removed, minlength=bins),
            added=np.bincount(added, minlength=bins),
            left=kinds // bins,
            entered=kinds % bins,
            moves=moves.astype(np.int64),
        )

    @property
    def before(self) -> Counts:
        """The histogram of the first version."""
        return self.steady + self.removed + self._spread(self.left, self.moves)

    @property
    def after(self) -> Counts:
        """The histogram of the second version."""
        return self.steady + self.added + self._spread(self.entered, self.moves)

    def _spread(self, places: Counts, moves: Counts) -> Counts:
        """The sums of `moves`, shape (..., n_pairs), by bin."""
        into = np.zeros((len(places), len(self.steady)), dtype=np.int64)
        into[np.arange(len(places)), places] = 1
        result: Counts = moves @ into
        return result

    def drawn(self, draws: int, seed: int) -> tuple[Counts, Counts]:
        """Histograms of both versions under chance, each of shape (draws, n_bins)."""
        random = np.random.default_rng(seed)
        pool = np.tile(self.steady + self.removed + self.added, (draws, 1))
        added = _sample(random, pool, int(self.added.sum()))
        removed = _sample(random, pool - added, int(self.removed.sum()))
        kept = random.binomial(self.moves, 0.5, size=(draws, len(self.moves)))
        turned = self.moves - kept
        before = pool - added + self._spread(self.left, kept) + self._spread(self.entered, turned)
        after = pool - removed + self._spread(self.entered, kept) + self._spread(self.left, turned)
        return before, after


def _sample(random: np.random.Generator, pool: Counts, size: int) -> Counts:
    """So many of each row of the pool, drawn without replacement: counts by bin.

    Bin by bin, all draws at once; numpy's own multivariate draw takes one pool only.
    """
    chosen = np.zeros_like(pool)
    if not size:
        return chosen
    rest = pool.sum(axis=1)
    wanted = np.full(len(pool), size, dtype=np.int64)
    for place in range(pool.shape[1]):
        own = pool[:, place]
        rest = rest - own
        if own.any():
            chosen[:, place] = random.hypergeometric(own, rest, wanted)
            wanted = wanted - chosen[:, place]
    return chosen
