"""Metrics as sums over rows, the test sets that they are taken over, and the sizes of versions.

Sums can be divided and added up again, which is what attribution does with test sets. Values are
those of scikit-learn on the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.values import SPLIT_NAMES, Floats, Mask, Rows, named_column
from chameleon.counting import CORRECT, LEVEL, UNKNOWN, clopper_pearson
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.errors import SelectionError, choices, place_of
from chameleon.models import METRICS, Evaluation, GoldenTest, golden_test
from chameleon.project import Split

MEASURES = ("accuracy", "macro_f1", "log_loss", "recall")
TRAIN, TEST = SPLITS.index(Split.TRAIN), SPLITS.index(Split.TEST)

Part = TypeVar("Part", str, int)
Value = TypeVar("Value", float, Floats)


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric that is a function of sums over rows.

    `traits` of a model (number) and rows decide the row's summands: shape (n_rows, n_traits), NaN
    where the row can't be judged. `added` are the summands of rows with these traits, shape
    (n_rows, width). `value` is the metric of sums of shape (..., width), NaN where undefined.
    `better` is 1 where a higher value is better, -1 where a lower one is.
    """

    name: str
    traits: Callable[[int, Rows], Floats]
    added: Callable[[Floats], Floats]
    value: Callable[[Floats], Floats]
    better: int = 1


def measure_of(
    evaluation: Evaluation,
    metric: str,
    of_class: str | None = None,
    golden: GoldenTest | None = None,
) -> Measure:
    """The metric of that name, one of `MEASURES`; with `golden`, over the rows of that test set.

    `of_class` is the class of the recall, and only given with it.
    """
    if metric not in MEASURES:
        raise SelectionError(
            f"There is no metric '{metric}'. Metrics: {', '.join(MEASURES)}; recall is of a class."
        )
    if of_class is not None and metric != "recall":
        raise SelectionError(f"The metric '{metric}' isn't of one class. Ask for 'recall'.")
    source = evaluation if golden is None else golden
    if metric == "log_loss":
        losses = partial(_losses, source.probability_of_label)
        return Measure(metric, losses, _with_count, _mean, better=-1)
    label = evaluation.dataset.label if golden is None else golden.label
    guesses = partial(_guesses, label, source.predicted)
    if metric == "macro_f1":
        by_class = partial(_counts_by_class, classes=len(source.classes))
        return Measure(metric, guesses, by_class, _macro_f1)
    if metric == "accuracy":
        return Measure(metric, guesses, _right_and_all, _mean)
    if of_class is None:
        raise SelectionError(f"A recall is of a class. {choices(source.classes)}")
    of_code = partial(_right_of_class, code=place_of(of_class, source.classes, "class"))
    return Measure(f"recall of {of_class}", guesses, of_code, _mean)


def _guesses(
    label: NDArray[np.int16], predicted: NDArray[np.int16], model: int, rows: Rows
) -> Floats:
    """Label and predicted class of rows."""
    labels, guess = label[rows], predicted[model, rows]
    found = np.stack([labels, guess], axis=1).astype(np.float64)
    found[(labels < 0) | (guess < 0)] = np.nan
    return found


def _losses(shares: NDArray[np.float32], model: int, rows: Rows) -> Floats:
    """The log loss of each row, from the stored probability of its label (float32)."""
    smallest = np.finfo(np.float64).eps
    share = np.clip(shares[model, rows].astype(np.float64), smallest, 1 - smallest)
    return np.asarray(-np.log(share)[:, None])


def _with_count(traits: Floats) -> Floats:
    return np.hstack([traits, np.ones((len(traits), 1))])


def _right_and_all(traits: Floats) -> Floats:
    return _with_count((traits[:, 0] == traits[:, 1])[:, None].astype(np.float64))


def _right_of_class(traits: Floats, code: int) -> Floats:
    own = traits[:, 0] == code
    return np.stack([own & (traits[:, 1] == code), own], axis=1).astype(np.float64)


def _counts_by_class(traits: Floats, classes: int) -> Floats:
    """True positives, then label and prediction counts together, by class."""
    label = traits[:, [0]] == np.arange(classes)
    guess = traits[:, [1]] == np.arange(classes)
    return np.hstack([(label & guess).astype(np.float64), label.astype(np.float64) + guess])


def _mean(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])


def _macro_f1(sums: Floats) -> Floats:
    """2 TP / (labels + predictions), averaged over the classes that occur as either."""
    both, either = np.split(sums, 2, axis=-1)
    occurs = either > 0
    of_class = np.divide(2 * both, either, out=np.zeros_like(both), where=occurs)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(of_class.sum(axis=-1) / occurs.sum(axis=-1))


def shapley_values(
    values: Mapping[frozenset[Part], Value], orders: Sequence[tuple[Part, ...]]
) -> dict[Part, Value]:
    """The contribution of each part, averaged over the orders in which the parts happen.

    `values` are those of every set of parts that has happened at some time in some order.
    """
    shares: dict[Part, Value] = {}
    for order in orders:
        for place, part in enumerate(order):
            gain = values[frozenset(order[: place + 1])] - values[frozenset(order[:place])]
            share = gain / len(orders)
            shares[part] = shares[part] + share if part in shares else share
    return shares


PARTS = ("removed", "added", "relabeled", "edited")
"""The changes of an instance of a test set. One that is relabeled and edited counts as relabeled;
one that comes from, or goes to, another split as added, or removed; an added or removed column
edits the instances with a value in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The instances of either test set, and the traits of their rows under both models.

    `part` is int of shape (n_instances,): 0 for unchanged ones, else 1 + index in PARTS. `traits`
    is float64 of shape (n_instances, 2 rows, 2 models, n_traits): of the old and the new row, under
    the old and the new model; NaN where the test set has no such row.
    """

    part: NDArray[np.intp]
    traits: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts by their numbers."""
        return ("same", *PARTS)

    @property
    def sizes(self) -> Mapping[str, int]:
        """The number of instances of each part."""
        found = np.bincount(self.part, minlength=len(self.names))
        return dict(zip(self.names, found.tolist(), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class ScoredTests:
    """Both test sets after the guard, and the numbers of excluded instances.

    `duplicates` counts the duplicates of train rows, `excluded_duplicates` the excluded ones;
    `rows` are the remaining rows of both test sets.
    """

    segments: Segments
    rows: tuple[Rows, Rows]
    size_before: int
    size_after: int
    leaked: int
    unknown: int
    duplicates: int
    excluded_duplicates: int
    note: str | None


def scored_tests(
    evaluation: Evaluation,
    measure: Measure,
    before: str,
    after: str,
    *,
    exclude_duplicates: bool = False,
    split: int = TEST,
) -> ScoredTests:
    """The test sets of two versions without the instances that either model was fitted on.

    Or their validation sets, by the code of the `split`.
    """
    dataset = evaluation.dataset
    numbers = dataset.version_number(before), dataset.version_number(after)
    rows = [dataset.row_of_instance(number) for number in numbers]
    tested = [in_split(dataset, own, split) for own in rows]
    trained = [in_split(dataset, own, TRAIN) for own in rows]
    union = tested[0] | tested[1]
    leaks = union & (trained[0] | trained[1])
    instances = np.flatnonzero(union & ~leaks)
    traits = _traits(measure, numbers, rows, tested, instances)
    has_row = np.stack([of_side[instances] for of_side in tested], axis=1)
    judged = np.isfinite(traits).all(axis=(2, 3))
    known = (judged | ~has_row).all(axis=1)
    instances, traits, has_row = instances[known], traits[known], has_row[known]
    duplicates = _duplicates(dataset, rows, tested, trained, instances)
    kept = ~duplicates if exclude_duplicates else np.ones(len(instances), dtype=np.bool_)
    instances, traits, has_row = instances[kept], traits[kept], has_row[kept]
    part = _parts(dataset, rows[0][instances], rows[1][instances], has_row)
    sizes = has_row.sum(axis=0)
    note = None
    for name, whole, size in zip((before, after), tested, sizes, strict=True):
        if not whole.any():
            note = note or f"Version {name} has no {SPLITS[split]} rows."
        elif not size:
            note = note or (
                f"No {SPLITS[split]} instance of version {name} is left to score: all are in a "
                "train set, or have no label or no prediction of one of the models."
            )
    return ScoredTests(
        segments=Segments(part, traits),
        rows=(rows[0][instances][has_row[:, 0]], rows[1][instances][has_row[:, 1]]),
        size_before=int(sizes[0]),
        size_after=int(sizes[1]),
        leaked=int(leaks.sum()),
        unknown=int((~known).sum()),
        duplicates=int(duplicates.sum()),
        excluded_duplicates=int((~kept).sum()),
        note=note,
    )


def in_split(dataset: EvolvingDataset, rows: Rows, split: int) -> Mask:
    """The instances whose row in a version is in that split; shape (n_instances,)."""
    return np.asarray((rows >= 0) & (dataset.split[rows] == split))


def _traits(
    measure: Measure,
    models: tuple[int, int],
    rows: list[Rows],
    tested: list[Mask],
    instances: NDArray[np.intp],
) -> Floats:
    sides: list[Floats] = []
    for own, of_side in zip(rows, tested, strict=True):
        by_model = np.stack([measure.traits(model, own[instances]) for model in models], axis=1)
        by_model[~of_side[instances]] = np.nan
        sides.append(by_model)
    return np.stack(sides, axis=1)


def _parts(dataset: EvolvingDataset, old: Rows, new: Rows, has_row: Mask) -> NDArray[np.intp]:
    part = np.zeros(len(old), dtype=np.intp)
    both = has_row.all(axis=1)
    hashes = dataset.content_hashes()
    part[both & (hashes[old] != hashes[new])] = 1 + PARTS.index("edited")
    part[both & (dataset.label[old] != dataset.label[new])] = 1 + PARTS.index("relabeled")
    part[~has_row[:, 1]] = 1 + PARTS.index("removed")
    part[~has_row[:, 0]] = 1 + PARTS.index("added")
    return part


def _duplicates(
    dataset: EvolvingDataset,
    rows: list[Rows],
    tested: list[Mask],
    trained: list[Mask],
    instances: NDArray[np.intp],
) -> Mask:
    """The instances of which a test row has the features of a train row of either version."""
    hashes = dataset.content_hashes()
    learned = np.concatenate([hashes[own[t]] for own, t in zip(rows, trained, strict=True)])
    found = np.zeros(len(instances), dtype=np.bool_)
    for own, of_side in zip(rows, tested, strict=True):
        found |= of_side[instances] & np.isin(hashes[own[instances]], learned)
    return found


def version_metrics(evaluation: Evaluation) -> pl.DataFrame:
    """One row per version, old to new.

    Columns: version, date, note, instances, then for each split s of train, test and validation:
    {s}_instances, {s}_unknown (no label or no prediction, excluded from the metrics), {s}_accuracy,
    {s}_macro_f1, {s}_log_loss, {s}_roc_auc, and {s}_{metric}_reason (why a metric is null); for
    test and validation also {s}_accuracy_low and {s}_accuracy_high, the exact 95% interval
    (Clopper-Pearson; train rows are no fair sample). Metrics are those of scikit-learn on the
    version's own rows of that split; ROC AUC of several classes is the macro average of one against
    the rest.
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

    Columns: those of `Evaluation.sizes`.
    """
    dataset = evaluation.dataset
    frames: list[pl.DataFrame] = []
    for number, version in enumerate(dataset.versions):
        rows = dataset.rows_of(number)
        own = pl.DataFrame(
            {
                "split": dataset.split[rows],
                "source": dataset.source[rows],
                "correct": evaluation.outcome[number, rows] == CORRECT,
            }
        )
        counts = own.group_by("split", "source").agg(pl.len().alias("instances"), pl.sum("correct"))
        counts = counts.sort("split", "source")
        frames.append(
            counts.select(
                pl.lit(version.name).alias("version"),
                named_column("split", SPLIT_NAMES, counts["split"].to_numpy()),
                named_column("source", dataset.sources, counts["source"].to_numpy()),
                pl.col("instances", "correct").cast(pl.Int64),
            )
        )
    return pl.concat(frames)


_RESAMPLES = 500
_EXACT = ("accuracy", "recall")


def model_on_tests(
    evaluation: Evaluation, *, metric: str = "accuracy", of_class: str | None = None
) -> pl.DataFrame:
    """The metric of every version's model on every version's test set.

    A test instance whose id is in the model's own train set is excluded.

    Columns: those of `Evaluation.cross_test`; old to new.
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

    Columns: those of `Evaluation.fixed_test_set`, with low and high.
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
