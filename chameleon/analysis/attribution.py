"""The causes of a change of a metric between two versions: the model, or the test set.

The change is divided exactly. With a(v, w) the metric of v's model on w's test set, the model
contribution is the mean of a(after, before) - a(before, before) and a(after, after) - a(before,
after), the test-set contribution the mean of the two other differences (a symmetric decomposition;
Kitagawa 1955). The latter is divided among rows removed, added, relabeled, and edited by Shapley
values (Shapley 1953) over the sixteen test sets in between. Intervals: bootstrap over the instances
of both test sets (Efron 1979), percentiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, permutations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.metrics import (
    PARTS,
    TEST,
    TRAIN,
    Measure,
    ScoredTests,
    Segments,
    measure_of,
    scored_tests,
    shapley_values,
)
from chameleon.analysis.values import Floats
from chameleon.models import Evaluation, has_external_predictions

RESAMPLES = 1000
_LEVEL = 95
_UNDEFINED_AT_MOST = 0.05
_NONE, _ALL = frozenset[str](), frozenset(PARTS)
_NO_ROW = -1.0  # no label, class or loss is negative


@dataclass(frozen=True, slots=True)
class Attribution:
    """The change of a metric on test rows, and its causes.

    `iteration` is whether the models differ by their train data, by their code, or by both. A
    higher value of `metric` is better if `better` is 1, else -1. `reported_before` and
    `reported_after` are those of `version_metrics` (accuracy, macro F1, log loss), None where
    undefined.

    `crossed` has model, test, value, instances: both models on both test sets, after the guard.
    `parts` has part, value, low, high (95%, null where undefined), instances: "leakage" is the
    reported change less the guarded one; then "model"; then "removed", "added", "relabeled",
    "edited", or "test" where the test set can't be divided. They add up to the reported change, or
    to the guarded one where none is reported. `change` is value, low, and high of the guarded
    change, None where undefined.

    `interaction` is the difference of the test-set change under the new model and under the old
    one; if it is more than half of the change, the division is arbitrary and `is_ambiguous`.
    `leaked` test instances are in the train set of either version, `unknown` ones have no label or
    no prediction of either model, and both are excluded everywhere; `duplicates` of the others
    duplicate a train row and are excluded on demand. `reason` is why something is undefined or
    can't be divided.
    """

    before: str
    after: str
    iteration: IterationOf
    metric: str
    better: int
    reported_before: float | None
    reported_after: float | None
    crossed: pl.DataFrame
    parts: pl.DataFrame
    change: tuple[float, float | None, float | None] | None
    interaction: float | None
    is_ambiguous: bool
    leaked: int
    unknown: int
    duplicates: int
    reason: str | None

    @property
    def within_noise(self) -> bool:
        """Return True if the 95% CI of the change contains zero; training noise isn't included."""
        if self.change is None or self.change[1] is None or self.change[2] is None:
            return False
        return self.change[1] <= 0 <= self.change[2]


def attribute_change(
    evaluation: Evaluation,
    *,
    before: str,
    after: str,
    metric: str = "accuracy",
    of_class: str | None = None,
    exclude_duplicates: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Attribution:
    """The change of a metric on test rows, and its causes.

    `metric` and `of_class` are those of `measure_of`; `exclude_duplicates` excludes test rows that
    duplicate a train row of either version; `resamples` of the test instances give the intervals, 0
    none.
    """
    measure = measure_of(evaluation, metric, of_class)
    tests = scored_tests(evaluation, measure, before, after, exclude_duplicates=exclude_duplicates)
    reported = tuple(_reported(evaluation, name, metric) for name in (before, after))
    values = _values(_totals(tests.segments, measure, resamples, seed), measure)
    a, b, c, d = corners = [values[model][test] for model in (0, 1) for test in (_NONE, _ALL)]
    known = bool(np.isfinite([corner[0] for corner in corners]).all())
    change, interaction = d - a, d - c - b + a
    shares, note = _shares(values) if known else ({}, None)
    guard = None
    if known and reported[0] is not None and reported[1] is not None:
        guard = reported[1] - reported[0] - float(change[0])
    return Attribution(
        before=before,
        after=after,
        iteration=iteration_of(evaluation, before=before, after=after),
        metric=measure.name,
        better=measure.better,
        reported_before=reported[0],
        reported_after=reported[1],
        crossed=pl.DataFrame(
            {
                "model": [before, before, after, after],
                "test": [before, after, before, after],
                "value": [float(corner[0]) for corner in corners],
                "instances": [tests.size_before, tests.size_after] * 2,
            }
        ).with_columns(pl.col("value").fill_nan(None)),
        parts=_parts(guard, shares, tests),
        change=(float(change[0]), *percentile_interval(change)) if known else None,
        interaction=float(interaction[0]) if known else None,
        is_ambiguous=known and bool(abs(interaction[0]) > abs(change[0]) / 2 + 1e-12),
        leaked=tests.leaked,
        unknown=tests.unknown,
        duplicates=tests.duplicates,
        reason=tests.note or note,
    )


def corner_draws(
    evaluation: Evaluation, *, before: str, after: str, split: int = TEST
) -> tuple[Floats, ScoredTests]:
    """The accuracy of both models on both test sets, and those sets; or on their validation sets.

    The accuracies have shape (2 models, 2 test sets, 1 + resamples), before and after: first as
    they are, then by the resamples of `attribute_change`, so that intervals are the same as there.
    """
    measure = measure_of(evaluation, "accuracy")
    tests = scored_tests(evaluation, measure, before, after, split=split)
    totals = _totals(tests.segments, measure, RESAMPLES, seed=0)
    sums = totals.sum(axis=1)  # (resamples, old/new rows, models, width)
    return measure.value(np.moveaxis(sums, (2, 1, 0), (0, 1, 2))), tests


def _reported(evaluation: Evaluation, version: str, metric: str) -> float | None:
    """The metric as the timeline shows it; None where it is undefined or none of its metrics."""
    found = evaluation.scores.filter(version=version, split="test", metric=metric)
    return None if found.is_empty() else found["value"][0]


def _totals(segments: Segments, measure: Measure, resamples: int, seed: int) -> Floats:
    """The sums over all instances; shape (1 + resamples, segments, old/new, models, width).

    The first are the instances as they are, the others as they are drawn with replacement.
    """
    random = np.random.default_rng(seed)
    traits = segments.traits  # (instances, old/new, models, traits)
    flat = np.column_stack([segments.part, traits.reshape(len(traits), 4 * traits.shape[-1])])
    distinct, counts = np.unique(np.nan_to_num(flat, nan=_NO_ROW), axis=0, return_counts=True)
    by_side = distinct[:, 1:].reshape(-1, traits.shape[-1])
    added = measure.added(by_side)
    added[(by_side == _NO_ROW).any(axis=1)] = 0
    added = added.reshape(len(distinct), 4 * added.shape[1])
    width = added.shape[1]
    by_part = np.zeros((len(distinct), len(segments.names), width))
    by_part[np.arange(len(distinct)), distinct[:, 0].astype(np.intp)] = added
    spread = by_part.reshape(len(distinct), len(segments.names) * width)
    drawn = [counts[None, :].astype(np.float64) @ spread]
    size = int(counts.sum())
    step = max(1, 20_000_000 // max(len(distinct), 1))
    for first in range(0, resamples if size else 0, step):
        times = min(step, resamples - first)
        weights = random.multinomial(size, counts / size, size=times).astype(np.float64)
        drawn.append(weights @ spread)
    return np.concatenate(drawn).reshape(-1, len(segments.names), 2, 2, width // 4)


def _values(totals: Floats, measure: Measure) -> list[dict[frozenset[str], Floats]]:
    """The metric of each model on each test set in between the two, by the parts that happened."""
    old, new = 0, 1
    found: list[dict[frozenset[str], Floats]] = [{}, {}]
    for model, by_parts in enumerate(found):
        for done in (of for size in range(len(PARTS) + 1) for of in combinations(PARTS, size)):
            sums = totals[:, 0, old, model].copy()  # what stayed the same
            for number, name in enumerate(PARTS, start=1):
                if name == "removed":
                    sums += 0 if name in done else totals[:, number, old, model]
                elif name == "added":
                    sums += totals[:, number, new, model] if name in done else 0
                else:
                    sums += totals[:, number, new if name in done else old, model]
            by_parts[frozenset(done)] = measure.value(sums)
    return found


def _shares(
    values: list[dict[frozenset[str], Floats]],
) -> tuple[dict[str, Floats], str | None]:
    """The contributions of the model and the test set's parts, each of shape (1 + resamples,)."""
    a, b, c, d = (values[model][test] for model in (0, 1) for test in (_NONE, _ALL))
    found = {"model": ((c - a) + (d - b)) / 2}
    if any(np.isnan(value[0]) for by_parts in values for value in by_parts.values()):
        found["test"] = ((b - a) + (d - c)) / 2
        return found, (
            "The test set can't be divided: a test set in between the two would have no instance "
            "to score."
        )
    halves = [shapley_values(by_parts, list(permutations(PARTS))) for by_parts in values]
    return found | {name: (halves[0][name] + halves[1][name]) / 2 for name in PARTS}, None


def _parts(guard: float | None, shares: dict[str, Floats], tests: ScoredTests) -> pl.DataFrame:
    rows: list[tuple[str, float, float | None, float | None, int | None]] = []
    if guard is not None:
        rows.append(
            ("leakage", guard, None, None, tests.leaked + tests.unknown + tests.excluded_duplicates)
        )
    sizes = {**tests.segments.sizes, "test": len(tests.segments.part)}
    for name, share in shares.items():
        rows.append((name, float(share[0]), *percentile_interval(share), sizes.get(name)))
    schema = {
        "part": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
        "instances": pl.Int64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def percentile_interval(values: Floats) -> tuple[float | None, float | None]:
    """The middle 95% of the resamples, all but the first value; none if too many are undefined."""
    drawn = values[1:]
    finite = drawn[np.isfinite(drawn)]
    if not len(drawn) or len(finite) < (1 - _UNDEFINED_AT_MOST) * len(drawn):
        return None, None
    tail = (100 - _LEVEL) / 2
    low, high = np.percentile(finite, [tail, 100 - tail])
    return float(low), float(high)


class IterationOf(StrEnum):
    """The kind of a step: a change of train data, of model code, of both, or of neither.

    Of both, neither can be named as the cause. External predictions don't reveal it.
    """

    DATA = "data"
    MODEL = "model"
    MIXED = "mixed"
    NOTHING = "nothing"
    UNKNOWN = "unknown"


def iteration_of(evaluation: Evaluation, *, before: str, after: str) -> IterationOf:
    """The kind of the step from one version to another.

    Train data is the labeled train rows: their ids, features, and labels. The model code is that of
    chameleon.toml for each version.
    """
    dataset = evaluation.dataset
    first, second = (
        _train_data(evaluation, dataset.version_number(name)) for name in (before, after)
    )
    project = dataset.project
    if has_external_predictions(project):
        return IterationOf.UNKNOWN
    data = not np.array_equal(first, second)
    code = project.settings.model_of(before) != project.settings.model_of(after)
    if data and code:
        return IterationOf.MIXED
    if code:
        return IterationOf.MODEL
    return IterationOf.DATA if data else IterationOf.NOTHING


def _train_data(evaluation: Evaluation, number: int) -> NDArray[np.uint64]:
    """Instance, label, and feature hash of every labeled train row, of shape (n_rows, 3)."""
    dataset = evaluation.dataset
    rows = dataset.rows_of(number)
    rows = rows[(dataset.split[rows] == TRAIN) & (dataset.label[rows] >= 0)]
    return np.stack(
        [
            dataset.instance[rows].astype(np.uint64),
            dataset.label[rows].astype(np.uint64),
            dataset.content_hashes()[rows],
        ],
        axis=1,
    )
