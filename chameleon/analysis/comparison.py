"""What changed between two versions of the data."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import EvolvingDataset, Step, evolving_dataset, step_of
from chameleon.project import Project


@dataclass(frozen=True, slots=True)
class Iteration:
    """The instances that changed from one version to another.

    Added, removed and kept instances are disjoint. Among the kept, relabelled, edited and moved
    may overlap; the overlaps are given. Edits are counted over the features that both versions
    have: a column that joins or leaves is told in `columns_joined` and `columns_left` instead.
    Label probabilities and votes of labelling rules are no features: see `labelling_rules`.

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
    columns_retyped
        Features of both whose kind (number, boolean, date, text) differs; a typed file tells the
        kind of a column even where it holds no value.
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
    columns_retyped: tuple[str, ...] = ()


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
    step = step_of(dataset, before=before, after=after)
    has = dataset.has_column[[step.before, step.after]]
    names = [feature.name for feature in dataset.features]
    relabelled, edited, moved = step.relabelled, step.edited, step.moved
    dates = [dataset.date[rows].view(np.int64) for rows in (step.old, step.new)]
    return Iteration(
        before=before,
        after=after,
        added=len(step.added),
        removed=len(step.removed),
        kept=len(step.old),
        relabelled=int(relabelled.sum()),
        labels_added=int((dataset.label[step.old] < 0)[relabelled].sum()),
        labels_removed=int((dataset.label[step.new] < 0)[relabelled].sum()),
        edited=int(edited.sum()),
        moved=int(moved.sum()),
        redated=int((dates[0] != dates[1]).sum()),
        resourced=int((dataset.source[step.old] != dataset.source[step.new]).sum()),
        relabelled_and_edited=int((relabelled & edited).sum()),
        relabelled_and_moved=int((relabelled & moved).sum()),
        edited_and_moved=int((edited & moved).sum()),
        relabelled_edited_and_moved=int((relabelled & edited & moved).sum()),
        unchanged=int(step.unchanged.sum()),
        edited_features=_edited_features(names, step),
        columns_joined=_only(names, has[1], has[0]),
        columns_left=_only(names, has[0], has[1]),
        columns_retyped=_retyped(dataset.project, before, after),
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


def _edited_features(names: list[str], step: Step) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"feature": [names[f] for f in step.common], "edited": step.edits.sum(axis=1)},
        schema={"feature": pl.String, "edited": pl.Int64},
    )
    return frame.filter(pl.col("edited") > 0).sort("edited", descending=True, maintain_order=True)


def _retyped(project: Project, before: str, after: str) -> tuple[str, ...]:
    old, new = project.columns[before], project.columns[after]
    return tuple(
        name for name, kind in old.items() if kind is not None and new.get(name) not in (None, kind)
    )


def _only(names: list[str], has: NDArray[np.bool_], has_not: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(names[number] for number in np.flatnonzero(has & ~has_not))
