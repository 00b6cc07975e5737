"""What changed between two versions of the data."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.dataset import EvolvingDataset
from chameleon.dataset_store import evolving_dataset
from chameleon.project import Project


@dataclass(frozen=True, slots=True)
class Iteration:
    """The instances that changed from one version to another.

    Added, removed and kept instances are disjoint. Among the kept, relabelled, edited and moved
    may overlap; the overlaps are given. Edits are counted over the features that both versions
    have: a column that joins or leaves is told in `columns_joined` and `columns_left` instead.

    Attributes
    ----------
    before, after
        The names of the versions.
    added, removed, kept
        Instances of `after` alone, of `before` alone, and of both.
    relabelled
        Kept instances whose label changed, those that gained or lost one included.
    labels_added, labels_removed
        Relabelled instances that had no label before, or have none after.
    edited
        Kept instances of which at least one feature changed.
    moved
        Kept instances whose split changed.
    redated, resourced
        Kept instances whose date, or source, changed: told, but neither edited nor changed.
    relabelled_and_edited, relabelled_and_moved, edited_and_moved, relabelled_edited_and_moved
        The overlaps. The pairs include the instances of all three.
    unchanged
        Kept instances that are neither relabelled nor edited nor moved.
    edited_features
        feature, edited: how many kept instances changed in each feature, most first.
    columns_joined, columns_left
        Features that only `after`, or only `before`, has.
    """

    before: str
    after: str
    added: int
    removed: int
    kept: int
    relabelled: int
    labels_added: int
    labels_removed: int
    edited: int
    moved: int
    redated: int
    resourced: int
    relabelled_and_edited: int
    relabelled_and_moved: int
    edited_and_moved: int
    relabelled_edited_and_moved: int
    unchanged: int
    edited_features: pl.DataFrame
    columns_joined: tuple[str, ...]
    columns_left: tuple[str, ...]


def compare_data(project: Project, *, before: str, after: str) -> Iteration:
    """What changed from one version of a project to another.

    Raises
    ------
    SelectionError
        No usable version has that name.
    VersionError
        A file changed or vanished since the project was opened.
    """
    return iteration(evolving_dataset(project), before=before, after=after)


def iteration(dataset: EvolvingDataset, *, before: str, after: str) -> Iteration:
    """What changed from one version of a dataset to another; see `Iteration`."""
    first, second = dataset.version_number(before), dataset.version_number(after)
    old, new = dataset.row_of_instance(first), dataset.row_of_instance(second)
    kept = np.flatnonzero((old >= 0) & (new >= 0))
    # an unchanged row is the same row: only pairs of different rows need a look
    other = kept[old[kept] != new[kept]]
    a, b = old[other], new[other]
    relabelled = dataset.label[a] != dataset.label[b]
    moved = dataset.split[a] != dataset.split[b]
    common = np.flatnonzero(dataset.has_column[first] & dataset.has_column[second])
    edits = np.array([_differ(dataset.values[f], a, b) for f in common], dtype=np.bool_)
    edited = edits.any(axis=0) if len(common) else np.zeros(len(other), dtype=np.bool_)
    names = [feature.name for feature in dataset.features]
    changed = int((relabelled | edited | moved).sum())
    return Iteration(
        before=before,
        after=after,
        added=int(((old < 0) & (new >= 0)).sum()),
        removed=int(((old >= 0) & (new < 0)).sum()),
        kept=len(kept),
        relabelled=int(relabelled.sum()),
        labels_added=int((dataset.label[a] < 0)[relabelled].sum()),
        labels_removed=int((dataset.label[b] < 0)[relabelled].sum()),
        edited=int(edited.sum()),
        moved=int(moved.sum()),
        redated=int((dataset.date[a].view(np.int64) != dataset.date[b].view(np.int64)).sum()),
        resourced=int((dataset.source[a] != dataset.source[b]).sum()),
        relabelled_and_edited=int((relabelled & edited).sum()),
        relabelled_and_moved=int((relabelled & moved).sum()),
        edited_and_moved=int((edited & moved).sum()),
        relabelled_edited_and_moved=int((relabelled & edited & moved).sum()),
        unchanged=len(kept) - changed,
        edited_features=_edited_features(names, common, edits),
        columns_joined=_only(names, dataset.has_column[second], dataset.has_column[first]),
        columns_left=_only(names, dataset.has_column[first], dataset.has_column[second]),
    )


def timeline_changes(dataset: EvolvingDataset) -> pl.DataFrame:
    """The changes of every step of the timeline.

    Returns
    -------
    pl.DataFrame
        before, after, added, removed, relabelled (without added labels), labels_added, edited,
        moved, unchanged: one row a step, instances; relabelled, edited and moved may overlap.
    """
    schema = {"before": pl.String, "after": pl.String} | dict.fromkeys(
        ("added", "removed", "relabelled", "labels_added", "edited", "moved", "unchanged"),
        pl.Int64,
    )
    names = [version.name for version in dataset.versions]
    steps = [iteration(dataset, before=before, after=after) for before, after in pairwise(names)]
    return pl.DataFrame(
        [
            (
                s.before,
                s.after,
                s.added,
                s.removed,
                s.relabelled - s.labels_added,
                s.labels_added,
                s.edited,
                s.moved,
                s.unchanged,
            )
            for s in steps
        ],
        schema=schema,
        orient="row",
    )


def _differ(
    values: NDArray[np.float64], a: NDArray[np.int64], b: NDArray[np.int64]
) -> NDArray[np.bool_]:
    old, new = values[a], values[b]
    result: NDArray[np.bool_] = (old != new) & ~(np.isnan(old) & np.isnan(new))
    return result


def _edited_features(
    names: list[str], common: NDArray[np.intp], edits: NDArray[np.bool_]
) -> pl.DataFrame:
    counts = edits.sum(axis=1) if len(common) else np.zeros(0, dtype=np.int64)
    frame = pl.DataFrame(
        {"feature": [names[f] for f in common], "edited": counts},
        schema={"feature": pl.String, "edited": pl.Int64},
    )
    return frame.filter(pl.col("edited") > 0).sort("edited", descending=True, maintain_order=True)


def _only(names: list[str], has: NDArray[np.bool_], has_not: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(names[number] for number in np.flatnonzero(has & ~has_not))
