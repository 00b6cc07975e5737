"""How good every version's model is, and how large every version."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.counting import CORRECT, UNKNOWN, clopper_pearson
from chameleon.data import SPLITS
from chameleon.models import METRICS, Evaluation
from chameleon.project import Split


def version_metrics(evaluation: Evaluation) -> pl.DataFrame:
    """One row a version, old to new.

    Returns
    -------
    pl.DataFrame
        version, date, note, instances, then for each split s of train, test and validation:
        {s}_instances, {s}_unknown (no label or no prediction, left out of the metrics),
        {s}_accuracy, {s}_macro_f1, {s}_log_loss, {s}_roc_auc, and {s}_{metric}_reason, which
        says why a metric is null; for test and validation also {s}_accuracy_low and
        {s}_accuracy_high, the exact 95 % interval (Clopper-Pearson; train rows are no fair
        sample). Metrics are those of scikit-learn on the version's own rows of that split; ROC
        AUC of several classes is the macro average of one against the rest.
    """
    dataset = evaluation.dataset
    columns: dict[str, list[object]] = {"version": [], "date": [], "note": [], "instances": []}
    known = {
        (version, split, metric): (value, reason)
        for version, split, metric, value, reason in evaluation.scores.iter_rows()
    }
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "version": pl.String,
        "date": pl.Date,
        "note": pl.String,
        "instances": pl.Int64,
    }
    for split in SPLITS:
        for name in ("instances", "unknown"):
            schema[f"{split}_{name}"] = pl.Int64
        for metric in METRICS:
            schema[f"{split}_{metric}"] = pl.Float64
            schema[f"{split}_{metric}_reason"] = pl.String
        if split is not Split.TRAIN:
            schema |= {f"{split}_accuracy_{end}": pl.Float64 for end in ("low", "high")}
    columns = {name: [] for name in schema}
    for number, version in enumerate(dataset.versions):
        rows = dataset.rows_of(number)
        row: dict[str, object] = {
            "version": version.name,
            "date": version.date,
            "note": version.note,
            "instances": len(rows),
        }
        for code, split in enumerate(SPLITS):
            own = rows[dataset.split[rows] == code]
            row[f"{split}_instances"] = len(own)
            row[f"{split}_unknown"] = int((evaluation.outcome[number, own] == UNKNOWN).sum())
            for metric in METRICS:
                value, reason = known[version.name, split.value, metric]
                row[f"{split}_{metric}"] = value
                row[f"{split}_{metric}_reason"] = reason
            if split is not Split.TRAIN:
                row |= _interval(evaluation.outcome[number, own], split)
        for name in schema:
            columns[name].append(row[name])
    return pl.DataFrame(columns, schema=schema)


def _interval(outcome: NDArray[np.uint8], split: Split) -> dict[str, float | None]:
    bounds = clopper_pearson(int((outcome == CORRECT).sum()), int((outcome != UNKNOWN).sum()))
    return {
        f"{split}_accuracy_{end}": None if np.isnan(bound) else bound
        for end, bound in zip(("low", "high"), bounds, strict=True)
    }


def version_sizes(evaluation: Evaluation) -> pl.DataFrame:
    """How many instances every version holds, by split and source.

    Returns
    -------
    pl.DataFrame
        version, split, source (null where an instance names none), instances, correct; only
        combinations that occur.
    """
    dataset = evaluation.dataset
    frames: list[pl.DataFrame] = []
    for number, version in enumerate(dataset.versions):
        rows = dataset.rows_of(number)
        width = len(dataset.sources) + 1
        key = dataset.split[rows].astype(np.int64) * width + dataset.source[rows] + 1
        total = np.bincount(key, minlength=len(SPLITS) * width)
        right = np.bincount(
            key[evaluation.outcome[number, rows] == CORRECT], minlength=len(SPLITS) * width
        )
        found = np.flatnonzero(total)
        frames.append(
            pl.DataFrame(
                {
                    "version": [version.name] * len(found),
                    "split": [SPLITS[k // width].value for k in found],
                    "source": [
                        None if k % width == 0 else dataset.sources[k % width - 1] for k in found
                    ],
                    "instances": total[found],
                    "correct": right[found],
                },
                schema={
                    "version": pl.String,
                    "split": pl.String,
                    "source": pl.String,
                    "instances": pl.Int64,
                    "correct": pl.Int64,
                },
            )
        )
    return pl.concat(frames)
