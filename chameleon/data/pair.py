"""The instances of two versions and their rows in each: what happened between the versions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from chameleon.data.dataset import SPLITS, EvolvingDataset
from chameleon.project import Split
from chameleon.storage import MemoryCache

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]

_TEST = SPLITS.index(Split.TEST)
_steps: MemoryCache[EvolvingDataset, tuple[int, int], Pair] = MemoryCache(4)


# without slots, for the cached properties
@dataclass(frozen=True, eq=False)
class Pair:
    """The instances of two versions, or some of them, and which of the shared ones changed.

    All arrays are in the order of the instances; masks have one entry per shared instance.

    Attributes
    ----------
    before, after
        The numbers of the versions.
    rows_before, rows_after
        Row of every instance of the dataset in each version, -1 where it has none.
    common
        The features that both versions have.
    """

    before: int
    after: int
    rows_before: Rows
    rows_after: Rows
    common: NDArray[np.intp]
    # arrays of the dataset, not the dataset itself: it is the key under which pairs are cached
    _label: NDArray[np.int16]
    _split: NDArray[np.uint8]
    _values: NDArray[np.float64]

    @classmethod
    def of_rows(
        cls, dataset: EvolvingDataset, versions: tuple[int, int], before: Rows, after: Rows
    ) -> Pair:
        """The pair of some instances' rows in two versions, -1 for the others."""
        has = dataset.has_column
        common = np.flatnonzero(has[versions[0]] & has[versions[1]])
        return cls(*versions, before, after, common, dataset.label, dataset.split, dataset.values)

    @cached_property
    def shared(self) -> NDArray[np.intp]:
        """The numbers of the instances of both versions."""
        return np.flatnonzero((self.rows_before >= 0) & (self.rows_after >= 0))

    @cached_property
    def old(self) -> Rows:
        """The rows of the shared instances in `before`."""
        return self.rows_before[self.shared]

    @cached_property
    def new(self) -> Rows:
        """The rows of the shared instances in `after`."""
        return self.rows_after[self.shared]

    @cached_property
    def removed(self) -> Rows:
        """The rows of the instances of `before` alone."""
        return self.rows_before[(self.rows_before >= 0) & (self.rows_after < 0)]

    @cached_property
    def added(self) -> Rows:
        """The rows of the instances of `after` alone."""
        return self.rows_after[(self.rows_before < 0) & (self.rows_after >= 0)]

    @property
    def size(self) -> int:
        """How many instances there are."""
        return len(self.shared) + len(self.removed) + len(self.added)

    @property
    def all_before(self) -> Rows:
        """All rows of `before`."""
        return self.rows_before[self.rows_before >= 0]

    @property
    def all_after(self) -> Rows:
        """All rows of `after`."""
        return self.rows_after[self.rows_after >= 0]

    @property
    def sides(self) -> tuple[tuple[int, Rows], tuple[int, Rows]]:
        """The version and all its rows, before and after."""
        return (self.before, self.all_before), (self.after, self.all_after)

    @cached_property
    def relabeled(self) -> Mask:
        """The label differs."""
        found: Mask = self._label[self.old] != self._label[self.new]
        return found

    @cached_property
    def changed_split(self) -> Mask:
        """The split differs."""
        found: Mask = self._split[self.old] != self._split[self.new]
        return found

    @cached_property
    def touched(self) -> NDArray[np.intp]:
        """Places of the shared instances whose rows differ in anything at all."""
        return np.flatnonzero(self.old != self.new)

    @cached_property
    def edits(self) -> Mask:
        """The common features that differ, of shape (n_common, n_touched)."""
        # an unchanged row is the same row: only pairs of different rows need a look
        old, new = self.old[self.touched], self.new[self.touched]
        edits = np.zeros((len(self.common), len(self.touched)), dtype=np.bool_)
        for place, feature in enumerate(self.common):
            values = self._values[feature]
            edits[place] = differ(values[old], values[new])
        return edits

    @cached_property
    def edited(self) -> Mask:
        """A common feature differs."""
        edited = np.zeros(len(self.old), dtype=np.bool_)
        edited[self.touched] = self.edits.any(axis=0)
        return edited

    @property
    def unchanged(self) -> Mask:
        """Neither label, features, nor split differ."""
        found: Mask = ~(self.relabeled | self.edited | self.changed_split)
        return found

    @cached_property
    def fair(self) -> Mask:
        """Test rows in both versions with the same label: neither model was fitted on them."""
        tested = (self._split[self.old] == _TEST) & (self._split[self.new] == _TEST)
        found: Mask = tested & ~self.relabeled
        return found

    def edited_in(self, feature: int) -> Mask:
        """That feature differs; nowhere if a version lacks it."""
        found = np.zeros(len(self.old), dtype=np.bool_)
        place = np.flatnonzero(self.common == feature)
        if place.size:
            found[self.touched] = self.edits[place[0]]
        return found


def pair_of(dataset: EvolvingDataset, *, before: str, after: str) -> Pair:
    """The pair of two versions, whatever their order; the last ones asked for are cached."""
    pair = dataset.version_number(before), dataset.version_number(after)
    return _steps.recall(dataset, pair, lambda: _step(dataset, *pair))


def _step(dataset: EvolvingDataset, before: int, after: int) -> Pair:
    rows = dataset.row_of_instance(before), dataset.row_of_instance(after)
    return Pair.of_rows(dataset, (before, after), *rows)


def differ(old: NDArray[np.float64], new: NDArray[np.float64]) -> Mask:
    """Return True where values differ; missing is equal to missing."""
    result: Mask = (old != new) & ~(np.isnan(old) & np.isnan(new))
    return result
