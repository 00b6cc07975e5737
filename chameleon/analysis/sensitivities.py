"""How often outcomes changed over versions, for whom, and every model's predictions.

Method: Hohman et al., CHI 2020, "Sensitivity Histogram".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import FILTERS, of_selection
from chameleon.analysis.values import named_column
from chameleon.counting import CORRECT, OUTCOMES, UNKNOWN
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import (
    Selection,
    SensitivityRange,
    counted_changes,
    filled_rows,
    instance_mask,
    known_outcomes,
    rows_by_version,
    sensitivity_of,
    version_range,
)


@of_selection(*FILTERS, own=["sensitivity"], primary="last", secondary="first")
def sensitivity(
    evaluation: Evaluation,
    selection: Selection,
    *,
    first: str,
    last: str,
    held_only: bool = False,
    classes: bool = False,
) -> pl.DataFrame:
    """How many instances changed their outcome how often, from one version to another.

    Counted are the instances that at least one version of the range holds and whose outcome is
    known at least twice. Bars chosen in the histogram do not narrow it.

    Parameters
    ----------
    first, last
        The range of versions, both included.
    held_only
        Count only versions that hold the instance, instead of asking about its nearest row.
    classes
        Count changes of the predicted class instead of the outcome.

    Returns
    -------
    pl.DataFrame
        changes, instances: from 0 to the most changes; then a row whose changes are null, for
        instances with fewer than two known outcomes.
    """
    over = SensitivityRange(first, last, held_only, classes)
    found = sensitivity_of(evaluation, over)
    through = _through(evaluation, selection)
    counted = found.counted & through
    counts = np.bincount(found.changes[counted])
    if not len(counts):
        counts = np.zeros(1, dtype=np.int64)
    few = int((found.held & through & ~found.counted).sum())
    return pl.DataFrame(
        {"changes": [*range(len(counts)), None], "instances": [*counts.tolist(), few]},
        schema={"changes": pl.Int64, "instances": pl.Int64},
    )


@of_selection(*FILTERS, primary="last", secondary="first")
def most_sensitive(
    evaluation: Evaluation,
    selection: Selection,
    *,
    first: str,
    last: str,
    held_only: bool = False,
    classes: bool = False,
    most: int = 30,
) -> pl.DataFrame:
    """The instances that changed most often, with what every version's model says of them.

    Returns
    -------
    pl.DataFrame
        instance (id), changes, course, place, version, outcome ("correct", "incorrect",
        "unknown", "absent"), predicted, in_train: one row an instance and version, the most
        sensitive first, ties by id. `course` tells a lasting improvement or regression (one
        change that held to the end) from flicker, or "none". "absent" stands where `held_only`
        is set and the version lacks the instance.
    """
    dataset = evaluation.dataset
    found = sensitivity_of(evaluation, SensitivityRange(first, last, held_only, classes))
    through = _through(evaluation, selection)
    chosen = np.flatnonzero(found.counted & through & (found.changes > 0))
    ids = dataset.instance_ids.gather(chosen)
    order = pl.DataFrame({"changes": -found.changes[chosen], "id": ids}).select(
        pl.arg_sort_by("changes", "id")
    )[:, 0]
    top = chosen[order.to_numpy()[:most]]
    versions = version_range(dataset, first, last)
    frames: list[pl.DataFrame] = []
    outcomes: list[NDArray[np.uint8]] = []
    train = SPLITS.index(Split.TRAIN)
    for number, (rows, own) in zip(versions, rows_by_version(dataset, versions), strict=True):
        row, held = rows[top], own[top]
        outcome = evaluation.outcome[number, row]
        told = np.where(held, outcome, UNKNOWN) if held_only else outcome
        outcomes.append(told.astype(np.uint8))
        signs = np.where(held | (not held_only), outcome, len(OUTCOMES))
        frames.append(
            pl.DataFrame(
                {
                    "instance": dataset.instance_ids.gather(top),
                    "changes": found.changes[top],
                    "place": np.arange(len(top)),
                    "version": [dataset.versions[number].name] * len(top),
                    "outcome": named_column("", (*OUTCOMES, "absent"), signs),
                    "predicted": named_column(
                        "", evaluation.classes, evaluation.predicted[number, row]
                    ),
                    "in_train": held & (dataset.split[row] == train),
                },
                schema={
                    "instance": pl.String, "changes": pl.Int64, "place": pl.Int64,
                    "version": pl.String, "outcome": pl.String, "predicted": pl.String,
                    "in_train": pl.Boolean,
                },
            )
        )  # fmt: skip
    course = named_column("course", COURSES, courses(outcomes))
    return pl.concat(frames).with_columns(pl.concat([course] * len(frames)))


def _through(evaluation: Evaluation, selection: Selection) -> NDArray[np.bool_]:
    """The instances that the filters let through."""
    for name in (selection.primary, selection.secondary):
        evaluation.dataset.version_number(name)
    if selection.filters.is_empty:
        return np.ones(evaluation.dataset.instance_count, dtype=np.bool_)
    return instance_mask(evaluation, selection)


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
    """The row and the outcome of some instances in every version.

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
        filled = np.stack(list(filled_rows(list(row))))
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
        """The course of each as an index into `COURSES`; -1 with fewer than two known outcomes."""
        known = (self.outcome != UNKNOWN).sum(axis=0)
        return np.where(known < 2, -1, courses(self.outcome))


def courses(outcomes: Iterable[NDArray[np.uint8]]) -> NDArray[np.int64]:
    """The course of each instance as an index into `COURSES`: one lasting change, or several.

    Parameters
    ----------
    outcomes
        One array per version, one entry per instance.
    """
    changes, _, last = counted_changes(known_outcomes(outcome) for outcome in outcomes)
    lasting = np.where(last == CORRECT, 1, 2)
    return np.where(changes == 0, 0, np.where(changes == 1, lasting, 3))


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
