"""What every version's model says of some instances, whichever versions hold them."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.counting import OUTCOMES, UNKNOWN
from chameleon.data import EvolvingDataset
from chameleon.models import Evaluation
from chameleon.selection import SensitivityRange, sensitivity_of

COURSES = ("none", "lasting improvement", "lasting regression", "flicker")
STRIP = ("✓", "✗", "?")
STRIP_ABSENT = ("v", "x", "·")
"""The outcomes of a strip, where the version holds the instance and where it lacks it."""

_starts: WeakKeyDictionary[EvolvingDataset, NDArray[np.int32]] = WeakKeyDictionary()
"""The first row of every instance, and the number of rows."""


def known_changes(evaluation: Evaluation, instance: NDArray[np.int32]) -> NDArray[np.int64]:
    """How often the outcome changed over all versions; -1 with fewer than two known ones."""
    versions = evaluation.dataset.versions
    found = sensitivity_of(evaluation, SensitivityRange(versions[0].name, versions[-1].name))
    changes = found.changes[instance].astype(np.int64)
    changes[~found.counted[instance]] = -1
    return changes


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What every version's model says of some instances, by DESIGN section 2.6.

    Attributes
    ----------
    row
        int32 of shape (n_versions, n): the version's own row, else the nearest earlier one, else
        the first later one.
    own
        bool of shape (n_versions, n): whether the version holds the instance.
    outcome
        uint8 of shape (n_versions, n).
    """

    row: NDArray[np.int32]
    own: NDArray[np.bool_]
    outcome: NDArray[np.uint8]

    @classmethod
    def of(cls, evaluation: Evaluation, instance: NDArray[np.integer]) -> History:
        """The history of these instances, in that order; each at most once."""
        row = own_rows(evaluation.dataset, instance)
        own = row >= 0
        current = row[-1].copy()
        for later in row[::-1]:
            current = np.where(later >= 0, later, current)  # ends as the first row of each
        filled = np.empty_like(row)
        for place, rows in enumerate(row):
            filled[place] = current = np.where(rows >= 0, rows, current)
        versions = np.arange(len(row))[:, None]
        return cls(filled, own, evaluation.outcome[versions, filled])

    def codes(self) -> NDArray[np.uint8]:
        """uint8 of shape (n_versions, n): places in `STRIP` followed by `STRIP_ABSENT`."""
        return np.where(self.own, self.outcome, self.outcome + len(STRIP)).astype(np.uint8)

    def strips(self) -> pl.Series:
        """A sign a version, old to new."""
        signs = np.array([*STRIP, *STRIP_ABSENT])[self.codes().T]
        joined = np.ascontiguousarray(signs).view(f"U{signs.shape[1]}")[:, 0]
        return pl.Series("strip", joined.tolist(), dtype=pl.String)

    def courses(self) -> NDArray[np.int64]:
        """What became of each as an index into `COURSES`; -1 with fewer than two known outcomes."""
        count = self.outcome.shape[1]
        last = np.full(count, UNKNOWN, dtype=np.uint8)
        changes, known = np.zeros((2, count), dtype=np.int64)
        for outcome in self.outcome:
            told = outcome != UNKNOWN
            changes += told & (last != UNKNOWN) & (outcome != last)
            known += told
            last = np.where(told, outcome, last)
        lasting = np.where(last == OUTCOMES.index("correct"), 1, 2)
        course = np.where(changes == 0, 0, np.where(changes == 1, lasting, 3))
        return np.where(known < 2, -1, course)


def own_rows(dataset: EvolvingDataset, instance: NDArray[np.integer]) -> NDArray[np.int32]:
    """int32 of shape (n_versions, n): the row of each instance in each version, -1 where absent.

    Looks at the rows of these instances only, however many others there are.
    """
    rows, place = rows_of_instances(dataset, instance)
    result = np.full((len(dataset.versions), len(instance)), -1, dtype=np.int32)
    for version, held in enumerate(dataset.present):
        own = held[rows]
        result[version, place[own]] = rows[own]
    return result


def rows_of_instances(
    dataset: EvolvingDataset, instance: NDArray[np.integer]
) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """All rows of some instances, and for each the place of its instance among those asked for."""
    if dataset not in _starts:
        _starts[dataset] = np.searchsorted(
            dataset.instance, np.arange(dataset.instance_count + 1)
        ).astype(np.int32)
    starts = _starts[dataset]
    counts = starts[instance + 1] - starts[instance]
    place = np.repeat(np.arange(len(instance)), counts)
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts[instance], counts) + within, place
