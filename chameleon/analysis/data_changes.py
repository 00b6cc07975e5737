"""Changes of the data between two versions: counts, by split, class, and source, and lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.instance_order import id_ranks
from chameleon.analysis.matching import FILTERS, of_selection
from chameleon.analysis.values import SPLIT_NAMES, named_column, value_texts
from chameleon.data import SPLITS, EvolvingDataset, Pair, evolving_dataset, pair_of
from chameleon.models import Evaluation
from chameleon.project import Project
from chameleon.selection import ChangeType, DataChange, Selection, instance_mask, rows_of_change


@dataclass(frozen=True, slots=True)
class Iteration:
    """The instances that changed from one version to another.

    Added, removed and kept instances are disjoint. Among the kept, relabelled, edited and moved
    may overlap; the overlaps are given. Edits are counted over the features that both versions
    have: a column that joins or leaves is told in `columns_joined` and `columns_left` instead.
    Label probabilities and votes of labelling rules are no features: see `labeling_functions`.

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
    """The changes from one version of a project to another.

    Raises
    ------
    SelectionError
        No usable version has that name.
    VersionError
        A file changed or vanished since the project was opened.
    """
    return iteration(evolving_dataset(project), before=before, after=after)


def iteration(dataset: EvolvingDataset, *, before: str, after: str) -> Iteration:
    """The changes from one version of a dataset to another; see `Iteration`."""
    pair = pair_of(dataset, before=before, after=after)
    has = dataset.has_column[[pair.before, pair.after]]
    names = [feature.name for feature in dataset.features]
    relabelled, edited, moved = pair.relabeled, pair.edited, pair.changed_split
    dates = [dataset.date[rows].view(np.int64) for rows in (pair.old, pair.new)]
    return Iteration(
        before=before,
        after=after,
        added=len(pair.added),
        removed=len(pair.removed),
        kept=len(pair.old),
        relabelled=int(relabelled.sum()),
        labels_added=int((dataset.label[pair.old] < 0)[relabelled].sum()),
        labels_removed=int((dataset.label[pair.new] < 0)[relabelled].sum()),
        edited=int(edited.sum()),
        moved=int(moved.sum()),
        redated=int((dates[0] != dates[1]).sum()),
        resourced=int((dataset.source[pair.old] != dataset.source[pair.new]).sum()),
        relabelled_and_edited=int((relabelled & edited).sum()),
        relabelled_and_moved=int((relabelled & moved).sum()),
        edited_and_moved=int((edited & moved).sum()),
        relabelled_edited_and_moved=int((relabelled & edited & moved).sum()),
        unchanged=int(pair.unchanged.sum()),
        edited_features=_edited_features(names, pair),
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
    names = [version.name for version in dataset.versions]
    steps = [iteration(dataset, before=before, after=after) for before, after in pairwise(names)]
    versions, counts = (
        ("before", "after"),
        ("added", "removed", "relabelled", "labels_added", "edited", "moved", "unchanged"),
    )
    frame = pl.DataFrame(
        [{name: getattr(step, name) for name in (*versions, *counts)} for step in steps],
        schema=dict.fromkeys(versions, pl.String) | dict.fromkeys(counts, pl.Int64),
    )
    return frame.with_columns(pl.col("relabelled") - pl.col("labels_added"))


def _edited_features(names: list[str], pair: Pair) -> pl.DataFrame:
    frame = pl.DataFrame(
        {"feature": [names[f] for f in pair.common], "edited": pair.edits.sum(axis=1)},
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


MOST = 200


@dataclass(frozen=True, slots=True)
class InstanceList:
    """Some of the instances to which something happened.

    Attributes
    ----------
    frame
        id, label_before, label_after, split_before, split_after, source, feature, value_before,
        value_after: a row an instance, and for edited ones a row an instance and edited feature;
        null where a version lacks it.
    instances
        How many instances there are in all.
    rows
        How many rows the whole list has.
    """

    frame: pl.DataFrame
    instances: int
    rows: int


@of_selection(*FILTERS, own=["data_changes"])
def data_changes(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """How many instances were added, removed, changed or left alone by the step.

    What was chosen among these counts does not narrow them.

    Returns
    -------
    pl.DataFrame
        happened (added, removed, relabelled, labelled, edited, moved, unchanged), instances, of
        (the instances of both versions together). Relabelled includes labelled, those that had no
        label before; relabelled, edited and moved may overlap.
    """
    dataset = evaluation.dataset
    pair = pair_of(dataset, before=selection.secondary, after=selection.primary)
    mask = instance_mask(evaluation, selection)
    every = np.concatenate([pair.new, pair.added, pair.removed])
    of = int(mask[dataset.instance[every]].sum())
    counts = [
        int(mask[dataset.instance[rows_of_change(dataset, pair, DataChange(happened))]].sum())
        for happened in ChangeType
    ]
    return pl.DataFrame(
        {"happened": [happened.value for happened in ChangeType], "instances": counts, "of": of},
        schema={"happened": pl.String, "instances": pl.Int64, "of": pl.Int64},
    )


@of_selection(*FILTERS, own=["data_changes"])
def data_changes_by(evaluation: Evaluation, selection: Selection, by: str) -> pl.DataFrame:
    """The counts of `data_changes` for every split, class or source.

    Read from the instance's row in the primary version, or in the secondary where it was removed.

    Parameters
    ----------
    by
        "split", "label" or "source".

    Returns
    -------
    pl.DataFrame
        group (null where there is none), added, removed, relabelled, labelled, edited, moved,
        unchanged, instances (of either version); groups that occur, in their own order.
    """
    if by not in ("split", "label", "source"):
        raise ValueError(f"by must be 'split', 'label' or 'source', not {by!r}")
    dataset = evaluation.dataset
    pair = pair_of(dataset, before=selection.secondary, after=selection.primary)
    mask = instance_mask(evaluation, selection)
    known: tuple[str, ...] = {
        "split": tuple(split.value for split in SPLITS),
        "label": dataset.classes,
        "source": dataset.sources,
    }[by]
    codes: NDArray[np.integer] = getattr(dataset, by)

    def counted(rows: NDArray[np.int32]) -> NDArray[np.int64]:
        own = codes[rows[mask[dataset.instance[rows]]]].astype(np.int64)
        return np.bincount(np.where(own < 0, len(known), own), minlength=len(known) + 1)

    columns = {
        happened.value: counted(rows_of_change(dataset, pair, DataChange(happened)))
        for happened in ChangeType
    }
    columns["instances"] = counted(np.concatenate([pair.new, pair.added, pair.removed]))
    occurring = np.flatnonzero(columns["instances"])
    names = [*known, None]
    return pl.DataFrame(
        {
            "group": [names[place] for place in occurring],
            **{name: found[occurring] for name, found in columns.items()},
        },
        schema={"group": pl.String, **dict.fromkeys(columns, pl.Int64)},
    )


@of_selection(*FILTERS, own=["data_changes"])
def changed_instances(
    evaluation: Evaluation, selection: Selection, change: DataChange, *, most: int = MOST
) -> InstanceList:
    """The instances to which something happened in the pair, before and after side by side.

    Parameters
    ----------
    change
        What happened; with a feature, only edits of that feature.
    most
        So many rows are listed, in the order of the ids.
    """
    dataset = evaluation.dataset
    pair = pair_of(dataset, before=selection.secondary, after=selection.primary)
    mask = instance_mask(evaluation, selection)
    rows = rows_of_change(dataset, pair, change)
    instances = dataset.instance[rows]
    instances = instances[mask[instances]]
    instances = instances[np.argsort(id_ranks(dataset)[instances])]
    before, after = (dataset.row_of_instance(v)[instances] for v in (pair.before, pair.after))
    if change.happened is not ChangeType.EDITED:
        frame = _listed(dataset, before[:most], after[:most])
        return InstanceList(frame, len(instances), len(instances))
    features = list(_edits(dataset, pair, change, instances))
    total = sum(len(places) for _, places in features)
    pairs = sorted((int(k), f) for f, places in features for k in places[:most])[:most]
    frame = _edited_list(dataset, before, after, pairs)
    return InstanceList(frame, len(instances), total)


def _edits(
    dataset: EvolvingDataset, pair: Pair, change: DataChange, instances: NDArray[np.int32]
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """For each feature the places, among the instances, of those whose value changed."""
    touched = dataset.instance[pair.new[pair.touched]]
    wanted = None if change.feature is None else dataset.feature_number(change.feature)
    for place, feature in enumerate(pair.common):
        if wanted in (None, feature):
            found = touched[pair.edits[place]]
            yield int(feature), np.flatnonzero(np.isin(instances, found))


def _listed(
    dataset: EvolvingDataset, before: NDArray[np.int32], after: NDArray[np.int32]
) -> pl.DataFrame:
    """Labels, splits and source of instances by their rows, -1 where a version lacks them."""
    present = np.where(after < 0, before, after)
    nothing = [None] * len(present)

    def named(
        name: str, names: Sequence[str], codes: NDArray[np.integer], rows: NDArray[np.int32]
    ) -> pl.Series:
        return named_column(name, names, np.where(rows < 0, -1, codes[rows].astype(np.int64)))

    return pl.DataFrame(
        [
            dataset.instance_ids.gather(dataset.instance[present]).alias("id"),
            named("label_before", dataset.classes, dataset.label, before),
            named("label_after", dataset.classes, dataset.label, after),
            named("split_before", SPLIT_NAMES, dataset.split, before),
            named("split_after", SPLIT_NAMES, dataset.split, after),
            named("source", dataset.sources, dataset.source, present),
        ]
    ).with_columns(
        pl.Series(name, nothing, dtype=pl.String)
        for name in ("feature", "value_before", "value_after")
    )


def _edited_list(
    dataset: EvolvingDataset,
    before: NDArray[np.int32],
    after: NDArray[np.int32],
    pairs: list[tuple[int, int]],
) -> pl.DataFrame:
    """A row for each pair of a place among the instances and a feature that was edited."""
    places = np.array([place for place, _ in pairs], dtype=np.intp)
    features = np.array([feature for _, feature in pairs], dtype=np.intp)
    frame = _listed(dataset, before[places], after[places])
    columns: list[list[str | None]] = []
    for rows in (before[places], after[places]):
        texts: list[str | None] = [None] * len(pairs)
        for feature in np.unique(features):
            own = np.flatnonzero(features == feature)
            for place, text in zip(own, value_texts(dataset, feature, rows[own]), strict=True):
                texts[place] = text
        columns.append(texts)
    return frame.with_columns(
        pl.Series("feature", [dataset.features[f].name for f in features], dtype=pl.String),
        pl.Series("value_before", columns[0], dtype=pl.String),
        pl.Series("value_after", columns[1], dtype=pl.String),
    )
