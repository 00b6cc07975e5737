"""Every version's model on test sets that are not its own."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.measures import Floats, Measure, measure_of
from chameleon.analysis.test_sets import TEST, TRAIN
from chameleon.counting import LEVEL, clopper_pearson
from chameleon.data import EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.models import Evaluation, golden_test

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

    Raises
    ------
    SelectionError
        There is no such metric or class.
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


def frozen_test(
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
    trained = np.zeros(dataset.instance_count, dtype=np.bool_)
    trained[dataset.instance[dataset.present[version] & (dataset.split == TRAIN)]] = True
    return trained


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
