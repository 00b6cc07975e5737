"""How good every model is on its own and on other test sets, and how large every version is."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.measures import TEST, TRAIN, Floats, Measure, in_split, measure_of
from chameleon.analysis.values import SPLIT_NAMES, named_column
from chameleon.counting import CORRECT, LEVEL, UNKNOWN, clopper_pearson
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.models import METRICS, Evaluation, golden_test
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
    known = {
        (version, split, metric): (value, reason)
        for version, split, metric, value, reason in evaluation.scores.iter_rows()
    }
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "version": pl.String, "date": pl.Date, "note": pl.String, "instances": pl.Int64,
    }  # fmt: skip
    for split in SPLITS:
        for name in ("instances", "unknown"):
            schema[f"{split}_{name}"] = pl.Int64
        for metric in METRICS:
            schema[f"{split}_{metric}"] = pl.Float64
            schema[f"{split}_{metric}_reason"] = pl.String
        if split is not Split.TRAIN:
            schema |= {f"{split}_accuracy_{end}": pl.Float64 for end in ("low", "high")}
    lines: list[dict[str, object]] = []
    for number, version in enumerate(dataset.versions):
        rows = dataset.rows_of(number)
        row: dict[str, object] = {
            "version": version.name, "date": version.date, "note": version.note,
            "instances": len(rows),
        }  # fmt: skip
        for code, split in enumerate(SPLITS):
            own = rows[dataset.split[rows] == code]
            row[f"{split}_instances"] = len(own)
            row[f"{split}_unknown"] = int((evaluation.outcome[number, own] == UNKNOWN).sum())
            for metric in METRICS:
                value, reason = known[version.name, split.value, metric]
                row[f"{split}_{metric}"] = value
                row[f"{split}_{metric}_reason"] = reason
            if split is not Split.TRAIN:
                row |= _accuracy_interval(evaluation.outcome[number, own], split)
        lines.append(row)
    return pl.DataFrame(lines, schema=schema)


def _accuracy_interval(outcome: NDArray[np.uint8], split: Split) -> dict[str, float | None]:
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
                    "split": named_column("", SPLIT_NAMES, found // width),
                    "source": named_column("", dataset.sources, found % width - 1),
                    "instances": total[found],
                    "correct": right[found],
                },
                schema={
                    "version": pl.String, "split": pl.String, "source": pl.String,
                    "instances": pl.Int64, "correct": pl.Int64,
                },
            )
        )  # fmt: skip
    return pl.concat(frames)


_RESAMPLES = 500
_EXACT = ("accuracy", "recall")


def model_on_tests(
    evaluation: Evaluation, *, metric: str = "accuracy", of_class: str | None = None
) -> pl.DataFrame:
    """The metric of every version's model on every version's test set.

    A test instance that stands, by id, in the model's own train set is left out.

    Returns
    -------
    pl.DataFrame
        model, test, value (null where nothing is left to score), instances, leaked, unknown (no
        label or no prediction); a row a pair of versions, old to new.
    """
    dataset = evaluation.dataset
    measure = measure_of(evaluation, metric, of_class)
    rows = np.flatnonzero(dataset.split == TEST).astype(np.int32)
    holds = dataset.present[:, rows].astype(np.float64)  # (versions, rows)
    names = [version.name for version in dataset.versions]
    frames: list[pl.DataFrame] = []
    for model, name in enumerate(names):
        leaked = _trained(dataset, model)[dataset.instance[rows]]
        traits = measure.traits(model, rows)
        judged = np.isfinite(traits).all(axis=1)
        scored = judged & ~leaked
        sums = holds[:, scored] @ measure.added(traits[scored])
        frames.append(
            pl.DataFrame(
                {
                    "model": [name] * len(names),
                    "test": names,
                    "value": measure.value(sums),
                    "instances": holds[:, scored].sum(axis=1).astype(np.int64),
                    "leaked": holds[:, leaked].sum(axis=1).astype(np.int64),
                    "unknown": holds[:, ~judged & ~leaked].sum(axis=1).astype(np.int64),
                },
                nan_to_null=True,
            )
        )
    return pl.concat(frames)


def fixed_test_set(
    evaluation: Evaluation,
    *,
    test: str | None = None,
    golden: bool = False,
    metric: str = "accuracy",
    of_class: str | None = None,
    seed: int = 0,
) -> pl.DataFrame:
    """Every version's model on one test set: the same instances for all.

    Instances that stand, by id, in the train set of any version, or that some model does not
    judge, are left out for all models.

    Parameters
    ----------
    test
        The version whose test set is used.
    golden
        Use the golden test set instead, which stands in a file of its own (see `golden_test`).

    Returns
    -------
    pl.DataFrame
        version, value, low, high (95 %: Clopper-Pearson for accuracy and recall, else by
        resampling the instances), instances, leaked, unknown.

    Raises
    ------
    SelectionError
        There is no such version, metric or class, or no golden test set.
    ProjectError
        The file of the golden test set cannot be used.
    """
    dataset = evaluation.dataset
    models = range(len(dataset.versions))
    if golden:
        asked = golden_test(evaluation)
        measure = measure_of(evaluation, metric, of_class, asked)
        rows = np.arange(len(asked.label), dtype=np.int32)
        leaked = asked.leaked.any(axis=0)
    elif test is None:
        raise SelectionError("Name the version whose test set is used, or ask for the golden one.")
    else:
        measure = measure_of(evaluation, metric, of_class)
        rows = dataset.rows_of(dataset.version_number(test)).astype(np.int32)
        rows = rows[dataset.split[rows] == TEST]
        trained = [_trained(dataset, model)[dataset.instance[rows]] for model in models]
        leaked = np.any(trained, axis=0)
    rows, leaks = rows[~leaked], int(leaked.sum())
    traits = [measure.traits(model, rows) for model in models]
    judged = np.all([np.isfinite(of_model).all(axis=1) for of_model in traits], axis=0)
    found = []
    for version, of_model in zip(dataset.versions, traits, strict=True):
        added = measure.added(of_model[judged])
        value = float(measure.value(added.sum(axis=0)))
        low, high = _interval(measure, metric, added, seed)
        found.append((version.name, value, low, high, len(added), leaks, int((~judged).sum())))
    schema = {
        "version": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
        "instances": pl.Int64, "leaked": pl.Int64, "unknown": pl.Int64,
    }  # fmt: skip
    frame = pl.DataFrame(found, schema=schema, orient="row")
    return frame.with_columns(pl.col("value", "low", "high").fill_nan(None))


def _trained(dataset: EvolvingDataset, version: int) -> NDArray[np.bool_]:
    """The instances that stand in a version's train set; shape (n_instances,)."""
    return in_split(dataset, dataset.row_of_instance(version), TRAIN)


def _interval(measure: Measure, metric: str, added: Floats, seed: int) -> tuple[float, float]:
    if metric in _EXACT:
        right, of = added.sum(axis=0)
        return clopper_pearson(int(right), int(of))
    if not len(added):
        return np.nan, np.nan
    random = np.random.default_rng(seed)
    alike, counts = np.unique(added, axis=0, return_counts=True)
    weights = random.multinomial(len(added), counts / len(added), size=_RESAMPLES)
    drawn = measure.value(weights.astype(np.float64) @ alike)
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
