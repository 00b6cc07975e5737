"""What happened to the instances in the step from one version to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chameleon.data.dataset import EvolvingDataset
from chameleon.storage import MemoryCache

_steps: MemoryCache[EvolvingDataset, tuple[int, int], Step] = MemoryCache(4)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """The instances of two versions, and which of the kept ones changed.

    Attributes
    ----------
    before, after
        The places of the versions in the timeline.
    removed, added
        Rows of the instances that only `before`, or only `after`, holds.
    old, new
        Rows of the kept instances in both, in the order of the instances.
    relabelled, moved, edited
        bool of shape (n_kept,): whether the label, the split, or a feature changed.
    touched
        Places among the kept whose rows differ in anything at all.
    common
        The features that both versions have.
    edits
        bool of shape (n_common, n_touched): which feature of which touched instance changed.
    """

    before: int
    after: int
    removed: NDArray[np.int32]
    added: NDArray[np.int32]
    old: NDArray[np.int32]
    new: NDArray[np.int32]
    relabelled: NDArray[np.bool_]
    moved: NDArray[np.bool_]
    edited: NDArray[np.bool_]
    touched: NDArray[np.intp]
    common: NDArray[np.intp]
    edits: NDArray[np.bool_]

    @property
    def unchanged(self) -> NDArray[np.bool_]:
        """Kept instances that were neither relabelled nor edited nor moved."""
        result: NDArray[np.bool_] = ~(self.relabelled | self.edited | self.moved)
        return result

    def edited_in(self, feature: int) -> NDArray[np.bool_]:
        """Kept instances of which that feature changed; none where a version lacks it."""
        found = np.zeros(len(self.old), dtype=np.bool_)
        place = np.flatnonzero(self.common == feature)
        if place.size:
            found[self.touched] = self.edits[place[0]]
        return found


def step_of(dataset: EvolvingDataset, *, before: str, after: str) -> Step:
    """The step between two versions, whatever their order; the last ones asked for are kept.

    Raises
    ------
    SelectionError
        No usable version has that name.
    """
    pair = dataset.version_number(before), dataset.version_number(after)
    return _steps.recall(dataset, pair, lambda: _step(dataset, *pair))


def _step(dataset: EvolvingDataset, before: int, after: int) -> Step:
    first, second = dataset.row_of_instance(before), dataset.row_of_instance(after)
    kept = (first >= 0) & (second >= 0)
    old, new = first[kept], second[kept]
    # an unchanged row is the same row: only pairs of different rows need a look
    touched = np.flatnonzero(old != new)
    a, b = old[touched], new[touched]
    common = np.flatnonzero(dataset.has_column[before] & dataset.has_column[after])
    edits = np.zeros((len(common), len(touched)), dtype=np.bool_)
    for place, feature in enumerate(common):
        edits[place] = differ(dataset.values[feature][a], dataset.values[feature][b])
    edited = np.zeros(len(old), dtype=np.bool_)
    edited[touched] = edits.any(axis=0)
    return Step(
        before=before,
        after=after,
        removed=first[(first >= 0) & (second < 0)],
        added=second[(first < 0) & (second >= 0)],
        old=old,
        new=new,
        relabelled=dataset.label[old] != dataset.label[new],
        moved=dataset.split[old] != dataset.split[new],
        edited=edited,
        touched=touched,
        common=common,
        edits=edits,
    )


def differ(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether values differ; missing is equal to missing."""
    result: NDArray[np.bool_] = (old != new) & ~(np.isnan(old) & np.isnan(new))
    return result
