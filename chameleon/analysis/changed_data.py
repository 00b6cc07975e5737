"""What happened to the instances of a step: counts, by split, class and source, and lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.arguments import FILTERS, of_selection
from chameleon.analysis.instance_order import id_ranks
from chameleon.analysis.values import value_texts
from chameleon.data import SPLITS, EvolvingDataset, Step, step_of
from chameleon.models import Evaluation
from chameleon.selection import (
    DataChange,
    Happened,
    Selection,
    instance_mask,
    rows_of_change,
)

MOST = 200
_LIST_SCHEMA = dict.fromkeys(
    ("id", "label_before", "label_after", "split_before", "split_after", "source", "feature",
     "value_before", "value_after"),
    pl.String,
)  # fmt: skip


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

    Raises
    ------
    SelectionError
        A version or value does not exist.
    """
    dataset = evaluation.dataset
    step = step_of(dataset, before=selection.secondary, after=selection.primary)
    mask = instance_mask(evaluation, selection)
    every = np.concatenate([step.new, step.added, step.removed])
    of = int(mask[dataset.instance[every]].sum())
    counts = [
        int(mask[dataset.instance[rows_of_change(dataset, step, DataChange(happened))]].sum())
        for happened in Happened
    ]
    return pl.DataFrame(
        {"happened": [happened.value for happened in Happened], "instances": counts, "of": of},
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
    step = step_of(dataset, before=selection.secondary, after=selection.primary)
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
        happened.value: counted(rows_of_change(dataset, step, DataChange(happened)))
        for happened in Happened
    }
    columns["instances"] = counted(np.concatenate([step.new, step.added, step.removed]))
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
    """The instances to which something happened in the step, before and after side by side.

    Parameters
    ----------
    change
        What happened; with a feature, only edits of that feature.
    most
        So many rows are listed, in the order of the ids.

    Raises
    ------
    SelectionError
        A version, feature or value does not exist.
    """
    dataset = evaluation.dataset
    step = step_of(dataset, before=selection.secondary, after=selection.primary)
    mask = instance_mask(evaluation, selection)
    rows = rows_of_change(dataset, step, change)
    instances = dataset.instance[rows]
    instances = instances[mask[instances]]
    instances = instances[np.argsort(id_ranks(dataset)[instances])]
    before, after = (dataset.row_of_instance(v)[instances] for v in (step.before, step.after))
    if change.happened is not Happened.EDITED:
        frame = _listed(dataset, before[:most], after[:most])
        return InstanceList(frame, len(instances), len(instances))
    features = list(_edits(dataset, step, change, instances))
    total = sum(len(places) for _, places in features)
    pairs = sorted((int(k), f) for f, places in features for k in places[:most])[:most]
    frame = _edited_list(dataset, before, after, pairs)
    return InstanceList(frame, len(instances), total)


def _edits(
    dataset: EvolvingDataset, step: Step, change: DataChange, instances: NDArray[np.int32]
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """For each feature the places, among the instances, of those whose value changed."""
    touched = dataset.instance[step.new[step.touched]]
    wanted = None if change.feature is None else dataset.feature_number(change.feature)
    for place, feature in enumerate(step.common):
        if wanted in (None, feature):
            found = touched[step.edits[place]]
            yield int(feature), np.flatnonzero(np.isin(instances, found))


def _listed(
    dataset: EvolvingDataset, before: NDArray[np.int32], after: NDArray[np.int32]
) -> pl.DataFrame:
    """Labels, splits and source of instances by their rows, -1 where a version lacks them."""
    present = np.where(after < 0, before, after)
    instance = dataset.instance[present]
    sources = [*dataset.sources, None]
    labels = [*dataset.classes, None]

    def label(rows: NDArray[np.int32]) -> list[str | None]:
        return [None if row < 0 else labels[dataset.label[row]] for row in rows]

    def split(rows: NDArray[np.int32]) -> list[str | None]:
        return [None if row < 0 else SPLITS[dataset.split[row]].value for row in rows]

    nothing = [None] * len(instance)
    return pl.DataFrame(
        {
            "id": dataset.instance_ids.gather(instance),
            "label_before": label(before),
            "label_after": label(after),
            "split_before": split(before),
            "split_after": split(after),
            "source": [sources[dataset.source[row]] for row in present],
            **dict.fromkeys(("feature", "value_before", "value_after"), nothing),
        },
        schema=_LIST_SCHEMA,
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
