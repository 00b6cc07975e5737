"""Metrics of every model on its own and on other test sets, and the sizes of versions."""

from __future__ import annotations

import numpy as np
import polars as pl

from chameleon.analysis.measures import TEST, TRAIN, Measure, in_split, measure_of
from chameleon.analysis.values import SPLIT_NAMES, Floats, Mask, named_column
from chameleon.counting import CORRECT, LEVEL, UNKNOWN, clopper_pearson
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.models import METRICS, Evaluation, golden_test
from chameleon.project import Split


def version_metrics(evaluation: Evaluation) -> pl.DataFrame:
    """One row per version, old to new.

    Returns
    -------
    pl.DataFrame
        version, date, note, instances, then for each split s of train, test and validation:
        {s}_instances, {s}_unknown (no label or no prediction, excluded from the metrics),
        {s}_accuracy, {s}_macro_f1, {s}_log_loss, {s}_roc_auc, and {s}_{metric}_reason (why a metric
        is null); for test and validation also {s}_accuracy_low and {s}_accuracy_high, the exact 95%
        interval (Clopper-Pearson; train rows are no fair sample). Metrics are those of scikit-learn
        on the version's own rows of that split; ROC AUC of several classes is the macro average of
        one against the rest.
    """
    dataset = evaluation.dataset
    known = {
        (version, split, metric): (value, reason)
        for version, split, metric, value, reason in evaluation.scores.iter_rows()
    }
    lines: list[dict[str, object]] = []
    for number, version in enumerate(dataset.versions):
        rows = dataset.rows_of(number)
        line: dict[str, object] = {
            "version": version.name, "date": version.date, "note": version.note,
            "instances": len(rows),
        }  # fmt: skip
        for code, split in enumerate(SPLITS):
            own = rows[dataset.split[rows] == code]
            outcome = evaluation.outcome[number, own]
            known_count = int((outcome != UNKNOWN).sum())
            line |= {f"{split}_instances": len(own), f"{split}_unknown": len(own) - known_count}
            for metric in METRICS:
                value, reason = known[version.name, split.value, metric]
                line |= {f"{split}_{metric}": value, f"{split}_{metric}_reason": reason}
            if split is not Split.TRAIN:
                bounds = clopper_pearson(int((outcome == CORRECT).sum()), known_count)
                ends = (None if np.isnan(bound) else bound for bound in bounds)
                columns = (f"{split}_accuracy_low", f"{split}_accuracy_high")
                line |= dict(zip(columns, ends, strict=True))
        lines.append(line)
    schema = {"version": pl.String, "date": pl.Date, "note": pl.String, "instances": pl.Int64}
    schema |= {name: _column_type(name) for name in lines[0] if name not in schema}
    return pl.DataFrame(lines, schema=schema)


def _column_type(name: str) -> type[pl.DataType]:
    if name.endswith("_reason"):
        return pl.String
    return pl.Int64 if name.endswith(("_instances", "_unknown")) else pl.Float64


def version_sizes(evaluation: Evaluation) -> pl.DataFrame:
    """Counts of every version's instances by split and source.

    Returns
    -------
    pl.DataFrame
        version, split, source (null without one), instances, correct; only combinations that occur.
    """
    dataset = evaluation.dataset
    frames: list[pl.DataFrame] = []
    width = len(dataset.sources) + 1
    for number, version in enumerate(dataset.versions):
        rows = dataset.rows_of(number)
        key = dataset.split[rows].astype(np.int64) * width + dataset.source[rows] + 1
        correct = key[evaluation.outcome[number, rows] == CORRECT]
        total, right = (np.bincount(of, minlength=len(SPLITS) * width) for of in (key, correct))
        found = np.flatnonzero(total)
        columns = {
            "version": pl.repeat(version.name, len(found), dtype=pl.String, eager=True),
            "split": named_column("", SPLIT_NAMES, found // width),
            "source": named_column("", dataset.sources, found % width - 1),
            "instances": total[found],
            "correct": right[found],
        }
        frames.append(pl.DataFrame(columns, schema_overrides={"instances": pl.Int64}))
    return pl.concat(frames)


_RESAMPLES = 500
_EXACT = ("accuracy", "recall")


def model_on_tests(
    evaluation: Evaluation, *, metric: str = "accuracy", of_class: str | None = None
) -> pl.DataFrame:
    """The metric of every version's model on every version's test set.

    A test instance whose id is in the model's own train set is excluded.

    Returns
    -------
    pl.DataFrame
        model, test, value (null where nothing is left to score), instances, leaked, unknown (no
        label or no prediction); one row per pair of versions, old to new.
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

    It is the test set of the version `test`, or the golden test set (see `golden_test`). Instances
    whose id is in the train set of any version, or that some model doesn't predict, are excluded
    for all models.

    Returns
    -------
    pl.DataFrame
        version, value, low, high (95%: Clopper-Pearson for accuracy and recall, else by resampling
        the instances), instances, leaked, unknown.
    """
    dataset = evaluation.dataset
    models = range(len(dataset.versions))
    if golden:
        asked = golden_test(evaluation)
        measure = measure_of(evaluation, metric, of_class, asked)
        rows = np.arange(len(asked.label), dtype=np.int32)
        leaked = asked.leaked.any(axis=0)
    elif test is None:
        raise SelectionError("Name the version of the test set, or choose the golden one.")
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


def _trained(dataset: EvolvingDataset, version: int) -> Mask:
    """The instances in a version's train set; bool of shape (n_instances,)."""
    return in_split(dataset, dataset.row_of_instance(version), TRAIN)


def _interval(measure: Measure, metric: str, added: Floats, seed: int) -> tuple[float, float]:
    if metric in _EXACT:
        right, of = added.sum(axis=0)
        return clopper_pearson(int(right), int(of))
    if not len(added):
        return np.nan, np.nan
    random = np.random.default_rng(seed)
    distinct, counts = np.unique(added, axis=0, return_counts=True)
    weights = random.multinomial(len(added), counts / len(added), size=_RESAMPLES)
    drawn = measure.value(weights.astype(np.float64) @ distinct)
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
