"""Sensitivity of outcomes over versions, the most sensitive instances, and instance histories.

Method: Hohman et al., CHI 2020, "Sensitivity Histogram".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import FILTERS, of_selection
from chameleon.analysis.metrics import TRAIN
from chameleon.analysis.values import Codes, Counts, Mask, Rows, id_column, named_column
from chameleon.counting import CORRECT, OUTCOMES, UNKNOWN
from chameleon.data import EvolvingDataset
from chameleon.models import Evaluation
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
from chameleon.storage import MemoryCache


@of_selection(*FILTERS, own=["sensitivity"])
def sensitivity(
    evaluation: Evaluation, selection: Selection, *, over: SensitivityRange
) -> pl.DataFrame:
    """Counts of instances by their changes of outcome over some versions.

    Counted are the instances that at least one version of the range contains and whose outcome is
    known at least twice. Its own filter does not narrow it.

    Columns: changes, instances: from 0 to the most changes; then a row whose changes are null, for
    instances with fewer than two known outcomes.
    """
    found = sensitivity_of(evaluation, over)
    matching = _matching(evaluation, selection)
    counted = found.counted & matching
    counts = np.bincount(found.changes[counted])
    if not len(counts):
        counts = np.zeros(1, dtype=np.int64)
    few = int((found.held & matching & ~found.counted).sum())
    return pl.DataFrame(
        {"changes": [*range(len(counts)), None], "instances": [*counts.tolist(), few]},
        schema={"changes": pl.Int64, "instances": pl.Int64},
    )


@of_selection(*FILTERS)
def most_sensitive(
    evaluation: Evaluation, selection: Selection, *, over: SensitivityRange, most: int = 30
) -> pl.DataFrame:
    """The instances that changed most often, with the predictions of every version's model.

    Columns: instance (id), changes, course, place, version, outcome ("correct", "incorrect",
    "unknown", "absent"), prediction, in_train: one row per instance and version, the most sensitive
    first, ties by id. `course` separates a lasting improvement or regression (one change that
    lasted to the end) from flicker, or is "none". "absent" occurs with `held_only` where the
    version lacks the instance.
    """
    dataset = evaluation.dataset
    found = sensitivity_of(evaluation, over)
    matching = _matching(evaluation, selection)
    chosen = np.flatnonzero(found.counted & matching & (found.changes > 0))
    ids = dataset.instance_ids.gather(chosen)
    order = pl.DataFrame({"changes": -found.changes[chosen], "id": ids}).select(
        pl.arg_sort_by("changes", "id")
    )[:, 0]
    top = chosen[order.to_numpy()[:most]]
    versions = version_range(dataset, over.first, over.last)
    frames: list[pl.DataFrame] = []
    outcomes: list[NDArray[np.uint8]] = []
    for number, (rows, own) in zip(versions, rows_by_version(dataset, versions), strict=True):
        row, held = rows[top], own[top]
        outcome = evaluation.outcome[number, row]
        known = np.where(held | (not over.held_only), outcome, UNKNOWN)
        outcomes.append(known.astype(np.uint8))
        signs = np.where(held | (not over.held_only), outcome, len(OUTCOMES))
        name = pl.Series("version", [dataset.versions[number].name])
        frames.append(
            pl.DataFrame(
                [
                    id_column(dataset, top),
                    pl.Series("changes", found.changes[top], dtype=pl.Int64),
                    pl.Series("place", np.arange(len(top))),
                    name.new_from_index(0, len(top)),
                    named_column("outcome", (*OUTCOMES, "absent"), signs),
                    named_column(
                        "prediction", evaluation.classes, evaluation.predicted[number, row]
                    ),
                    pl.Series("in_train", held & (dataset.split[row] == TRAIN)),
                ]
            )
        )
    course = named_column("course", COURSES, courses(outcomes))
    return pl.concat(frames).with_columns(pl.concat([course] * len(frames)))


def _matching(evaluation: Evaluation, selection: Selection) -> Mask:
    """The instances that match the filters; without filters those of no given version as well."""
    for name in (selection.primary, selection.secondary):
        evaluation.dataset.version_number(name)
    if selection.filters.is_empty:
        return np.ones(evaluation.dataset.instance_count, dtype=np.bool_)
    return instance_mask(evaluation, selection)


COURSES = ("none", "lasting improvement", "lasting regression", "flicker")
STRIP = ("✓", "✗", "?")
STRIP_ABSENT = ("v", "x", "·")
"""The outcomes of a strip, where the version contains the instance and where it lacks it."""

_starts: MemoryCache[EvolvingDataset, None, Rows] = MemoryCache(1)


def known_changes(evaluation: Evaluation, instance: Rows) -> Counts:
    """Changes of the outcome over all versions; -1 with fewer than two known ones."""
    versions = evaluation.dataset.versions
    found = sensitivity_of(evaluation, SensitivityRange(versions[0].name, versions[-1].name))
    changes = found.changes[instance].astype(np.int64)
    changes[~found.counted[instance]] = -1
    return changes


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The row and the outcome of some instances in every version.

    All of shape (n_versions, n): `row` is int32, the version's own row, else the nearest earlier
    one, else the first later one; `own` is bool, true if the version contains the instance;
    `outcome` is uint8.
    """

    row: Rows
    own: Mask
    outcome: NDArray[np.uint8]

    @classmethod
    def of(cls, evaluation: Evaluation, instance: Codes) -> History:
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
        """A sign per version, old to new."""
        signs = np.array([*STRIP, *STRIP_ABSENT])[self.codes().T]
        joined = np.ascontiguousarray(signs).view(f"U{signs.shape[1]}")[:, 0]
        return pl.Series("strip", joined.tolist(), dtype=pl.String)

    def courses(self) -> Counts:
        """The course of each as an index into `COURSES`; -1 with fewer than two known outcomes."""
        known = (self.outcome != UNKNOWN).sum(axis=0)
        return np.where(known < 2, -1, courses(self.outcome))


def courses(outcomes: Iterable[NDArray[np.uint8]]) -> Counts:
    """The course of each instance as an index into `COURSES`, from one array per version."""
    changes, _, last = counted_changes(known_outcomes(outcome) for outcome in outcomes)
    lasting = np.where(last == CORRECT, 1, 2)
    return np.where(changes == 0, 0, np.where(changes == 1, lasting, 3))


def own_rows(dataset: EvolvingDataset, instance: Codes) -> Rows:
    """int32 of shape (n_versions, n): the row of each instance in each version, -1 where absent.

    Only the rows of these instances are examined.
    """
    rows, place = rows_of_instances(dataset, instance)
    result = np.full((len(dataset.versions), len(instance)), -1, dtype=np.int32)
    for version, held in enumerate(dataset.present):
        own = held[rows]
        result[version, place[own]] = rows[own]
    return result


def rows_of_instances(dataset: EvolvingDataset, instance: Codes) -> tuple[Rows, NDArray[np.intp]]:
    """All rows of some instances, and the place of each row's instance among them."""
    every = np.arange(dataset.instance_count + 1)  # the last is the number of rows
    starts = _starts.recall(
        dataset, None, lambda: np.searchsorted(dataset.instance, every).astype(np.int32)
    )
    counts = starts[instance + 1] - starts[instance]
    place = np.repeat(np.arange(len(instance)), counts)
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts[instance], counts) + within, place
