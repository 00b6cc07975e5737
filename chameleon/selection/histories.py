"""What models say of an instance in two versions, and over the versions.

Method of the sensitivity: Hohman et al., CHI 2020, "Sensitivity Histogram"; the row used where a
version lacks the instance is its nearest earlier one, else its first later one.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from chameleon.counting import CORRECT, INCORRECT, UNKNOWN
from chameleon.data import EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.selection.filter_values import SensitivityRange

_KEPT = 8
_sensitivities: WeakKeyDictionary[Evaluation, dict[SensitivityRange, Sensitivity]] = (
    WeakKeyDictionary()
)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Instances that two versions hold, and what each version's own model says of its own row.

    All arrays have one entry an instance that both versions hold.

    Attributes
    ----------
    instance
        The instance's number.
    secondary_row, primary_row
        Its rows in both versions.
    secondary, primary
        Its outcomes; UNKNOWN where there is no label or no prediction.
    secondary_class, primary_class
        Its predicted classes, -1 where there is none.
    """

    instance: NDArray[np.intp]
    secondary_row: NDArray[np.int32]
    primary_row: NDArray[np.int32]
    secondary: NDArray[np.uint8]
    primary: NDArray[np.uint8]
    secondary_class: NDArray[np.int16]
    primary_class: NDArray[np.int16]

    def only(self, chosen: NDArray[np.bool_]) -> Pairs:
        """The chosen instances alone."""
        return Pairs(*(getattr(self, name)[chosen] for name in self.__slots__))


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivity:
    """How often the outcome, or predicted class, of every instance changed over versions.

    Attributes
    ----------
    changes
        int of shape (n_instances,): changes between neighbouring known ones.
    known
        int of shape (n_instances,): in how many versions it is known.
    held
        bool of shape (n_instances,): held by at least one version of the range.
    """

    changes: NDArray[np.int32]
    known: NDArray[np.int32]
    held: NDArray[np.bool_]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Held, and known at least twice."""
        result: NDArray[np.bool_] = self.held & (self.known >= 2)
        return result


def pairs(
    evaluation: Evaluation, *, primary: str, secondary: str, same_label: bool = False
) -> Pairs:
    """The instances that both versions hold.

    Parameters
    ----------
    same_label
        Judge the secondary's prediction against the label of the primary's row.
    """
    dataset = evaluation.dataset
    second, first = dataset.version_number(secondary), dataset.version_number(primary)
    rows = dataset.row_of_instance(second), dataset.row_of_instance(first)
    instance = np.flatnonzero((rows[0] >= 0) & (rows[1] >= 0))
    before, after = rows[0][instance], rows[1][instance]
    judged = evaluation.outcome[second, before]
    if same_label:
        guess, label = evaluation.predicted[second, before], dataset.label[after]
        judged = np.where(guess == label, CORRECT, INCORRECT).astype(np.uint8)
        judged[(guess < 0) | (label < 0)] = UNKNOWN
    return Pairs(
        instance=instance,
        secondary_row=before,
        primary_row=after,
        secondary=judged,
        primary=evaluation.outcome[first, after],
        secondary_class=evaluation.predicted[second, before],
        primary_class=evaluation.predicted[first, after],
    )


def sensitivity_of(evaluation: Evaluation, over: SensitivityRange) -> Sensitivity:
    """The sensitivity of every instance over a range of versions; the last ones are kept.

    Raises
    ------
    SelectionError
        A version does not exist, or the last comes before the first.
    """
    kept = _sensitivities.setdefault(evaluation, {})
    if over not in kept:
        while len(kept) >= _KEPT:
            kept.pop(next(iter(kept)))
        kept[over] = _counted(evaluation, over)
    return kept[over]


def rows_by_version(
    dataset: EvolvingDataset, versions: range
) -> list[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
    """For each version every instance's row there, and whether it is the version's own.

    Where the version lacks the instance, its nearest earlier row stands in, else its first later
    one.
    """
    current = np.full(dataset.instance_count, -1, dtype=np.int32)
    own = [dataset.row_of_instance(v) for v in range(len(dataset.versions))]
    for rows in reversed(own):
        current = np.where(rows >= 0, rows, current)  # ends as the first row of every instance
    result: list[tuple[NDArray[np.int32], NDArray[np.bool_]]] = []
    for number, rows in enumerate(own[: versions.stop]):
        current = np.where(rows >= 0, rows, current)
        if number in versions:
            result.append((current, rows >= 0))
    return result


def version_range(dataset: EvolvingDataset, first: str, last: str) -> range:
    """The versions from one to another, both included.

    Raises
    ------
    SelectionError
        A version does not exist, or the last comes before the first.
    """
    start, end = dataset.version_number(first), dataset.version_number(last)
    if start > end:
        raise SelectionError(f"Version {first} comes after version {last}: swap them.")
    return range(start, end + 1)


def _counted(evaluation: Evaluation, over: SensitivityRange) -> Sensitivity:
    dataset = evaluation.dataset
    versions = version_range(dataset, over.first, over.last)
    count = dataset.instance_count
    changes, known = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.int32)
    held, last = np.zeros(count, dtype=np.bool_), np.full(count, -1, dtype=np.int16)
    for version, (rows, own) in zip(versions, rows_by_version(dataset, versions), strict=True):
        held |= own
        if over.classes:
            said = evaluation.predicted[version, rows]
        else:
            outcome = evaluation.outcome[version, rows].astype(np.int16)
            said = np.where(outcome == UNKNOWN, np.int16(-1), outcome)
        if over.held_only:
            said = np.where(own, said, np.int16(-1))
        told = said >= 0
        changes += told & (last >= 0) & (said != last)
        known += told
        last = np.where(told, said, last)
    return Sensitivity(changes, known, held)
