"""Outcomes of instances in two versions, and over the versions.

Method of the sensitivity: Hohman et al., CHI 2020, "Sensitivity Histogram". If a version does not
contain the instance, its nearest earlier row is used, else its first later one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chameleon.counting import UNKNOWN, outcome_codes
from chameleon.data import EvolvingDataset, Pair, pair_of
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.selection.filter_values import SensitivityRange
from chameleon.storage import MemoryCache

_sensitivities: MemoryCache[Evaluation, SensitivityRange, Sensitivity] = MemoryCache(8)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The shared instances of a pair, with the outcome and predicted class in each version.

    All arrays have one entry per shared instance; outcomes may be UNKNOWN, classes -1 (missing).
    """

    pair: Pair
    secondary: NDArray[np.uint8]
    primary: NDArray[np.uint8]
    secondary_class: NDArray[np.int16]
    primary_class: NDArray[np.int16]

    @property
    def instance(self) -> NDArray[np.intp]:
        """The numbers of the instances."""
        return self.pair.shared

    @property
    def known(self) -> NDArray[np.bool_]:
        """Return True where both outcomes are known."""
        result: NDArray[np.bool_] = (self.secondary != UNKNOWN) & (self.primary != UNKNOWN)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivity:
    """Changes of the outcome, or predicted class, of every instance over a range of versions.

    All arrays have shape (n_instances,): changes between adjacent known ones, the number of
    versions in which it is known, and True where any version of the range contains the instance.
    """

    changes: NDArray[np.int32]
    known: NDArray[np.int32]
    held: NDArray[np.bool_]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Return True where the instance is present, and known at least twice."""
        result: NDArray[np.bool_] = self.held & (self.known >= 2)
        return result


def pairs(
    evaluation: Evaluation, *, primary: str, secondary: str, same_label: bool = False
) -> Pairs:
    """The shared instances of two versions with their outcomes; see `pair_outcomes`."""
    pair = pair_of(evaluation.dataset, before=secondary, after=primary)
    return pair_outcomes(evaluation, pair, same_label=same_label)


def pair_outcomes(evaluation: Evaluation, pair: Pair, *, same_label: bool = False) -> Pairs:
    """The shared instances of a pair with their outcomes.

    With `same_label`, the prediction before is evaluated against the label after.
    """
    classes = evaluation.predicted[pair.before, pair.old]
    if same_label:
        before = outcome_codes(classes, evaluation.dataset.label[pair.new])
    else:
        before = evaluation.outcome[pair.before, pair.old]
    return Pairs(
        pair=pair,
        secondary=before,
        primary=evaluation.outcome[pair.after, pair.new],
        secondary_class=classes,
        primary_class=evaluation.predicted[pair.after, pair.new],
    )


def sensitivity_of(evaluation: Evaluation, over: SensitivityRange) -> Sensitivity:
    """The sensitivity of every instance over a range of versions, cached in memory."""
    return _sensitivities.recall(evaluation, over, lambda: _counted(evaluation, over))


def rows_by_version(
    dataset: EvolvingDataset, versions: range
) -> list[tuple[NDArray[np.int32], NDArray[np.bool_]]]:
    """For each version, every instance's row there, and True where it is the version's own.

    If the version does not contain the instance, the row is its nearest earlier one, else its
    first later one.
    """
    own = [dataset.row_of_instance(v) for v in range(len(dataset.versions))]
    rows = zip(own[: versions.stop], filled_rows(own), strict=False)
    return [(row, held >= 0) for held, row in rows][versions.start :]


def filled_rows(own: Sequence[NDArray[np.int32]]) -> Iterator[NDArray[np.int32]]:
    """Rows by version with gaps (-1) filled: the nearest earlier row, else the first later one."""
    current = own[-1]
    for rows in reversed(own):
        current = np.where(rows >= 0, rows, current)  # ends as the first row of every instance
    for rows in own:
        current = np.where(rows >= 0, rows, current)
        yield current


def counted_changes(
    codes: Iterable[NDArray[np.integer]],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.integer]]:
    """Changes between adjacent known codes, the count of known ones, and the last known one.

    `codes` has an array per version with an entry per instance, negative where unknown.
    """
    changes = known = np.zeros(1, dtype=np.int32)
    last: NDArray[np.integer] = np.full(1, -1, dtype=np.int16)
    for code in codes:
        is_known = code >= 0
        changes = changes + (is_known & (last >= 0) & (code != last))
        known = known + is_known
        last = np.where(is_known, code, last)
    return changes, known, last


def version_range(dataset: EvolvingDataset, first: str, last: str) -> range:
    """The versions from one to another, both included; SelectionError if in the wrong order."""
    start, end = dataset.version_number(first), dataset.version_number(last)
    if start > end:
        raise SelectionError(f"Version {first} comes after version {last}. Swap them.")
    return range(start, end + 1)


def _counted(evaluation: Evaluation, over: SensitivityRange) -> Sensitivity:
    dataset = evaluation.dataset
    versions = version_range(dataset, over.first, over.last)
    by_version = rows_by_version(dataset, versions)

    def codes() -> Iterator[NDArray[np.int16]]:
        for version, (rows, own) in zip(versions, by_version, strict=True):
            if over.classes:
                found = evaluation.predicted[version, rows]
            else:
                found = known_outcomes(evaluation.outcome[version, rows])
            yield np.where(own, found, np.int16(-1)) if over.held_only else found

    changes, known, _ = counted_changes(codes())
    return Sensitivity(changes, known, np.any([own for _, own in by_version], axis=0))


def known_outcomes(outcome: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Outcome codes with -1 in place of UNKNOWN."""
    return np.where(outcome == UNKNOWN, np.int16(-1), outcome.astype(np.int16))
