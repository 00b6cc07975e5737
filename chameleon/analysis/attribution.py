"""The causes of a change of a metric between two versions: the model, or the test set.

The change is taken apart exactly. With a(v, w) the metric of v's model on w's test set, the part
of the model is the mean of a(after, before) - a(before, before) and a(after, after) -
a(before, after), the part of the test set the mean of the two other differences (a symmetric
decomposition; Kitagawa 1955). The part of the test set goes to its rows removed, added,
relabelled and edited by Shapley values (Shapley 1953) over the sixteen test sets in between.
Intervals: bootstrap over the instances of both test sets (Efron 1979), percentiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from math import comb

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.measures import (
    PARTS,
    TRAIN,
    Floats,
    KeptTests,
    Measure,
    Segments,
    kept_tests,
    measure_of,
)
from chameleon.models import Evaluation, has_external_predictions

RESAMPLES = 1000
_LEVEL = 95
_UNDEFINED_AT_MOST = 0.05
_NO_ROW = -1.0  # no label, class or loss is negative


@dataclass(frozen=True, slots=True)
class Attribution:
    """The change of a metric on test rows, and what made it.

    Attributes
    ----------
    before, after
        The names of the versions.
    iteration
        Whether the models differ by their train data, by their code, or by both.
    metric
        Its name; `better` is 1 where more of it is better, else -1.
    reported_before, reported_after
        As `version_metrics` tells them (accuracy, macro F1, log loss); None where undefined.
    corners
        model, test, value, instances: both models on both test sets, after the guard.
    parts
        part, value, low, high (95 %, null where none can be given), instances. "guard" is the
        reported change less the guarded one; then "model"; then "removed", "added", "relabelled"
        and "edited", or "test" where the test set cannot be taken apart. They add up to the
        reported change, or to the guarded one where none is reported.
    change
        value, low and high of the guarded change; None where it is undefined.
    interaction
        How much more the change of test set brought under the new model than under the old one.
    ambiguous
        The interaction is more than half of the change: how it is split is then arbitrary.
    leaked
        Test instances that stand in the train set of either version, and left all corners.
    unknown
        Test instances without a label or without a prediction of either model; left out as well.
    twins
        Test instances left whose features equal those of a train row; left out if so asked.
    note
        Why something is undefined or cannot be split, or None.
    """

    before: str
    after: str
    iteration: IterationOf
    metric: str
    better: int
    reported_before: float | None
    reported_after: float | None
    corners: pl.DataFrame
    parts: pl.DataFrame
    change: tuple[float, float | None, float | None] | None
    interaction: float | None
    ambiguous: bool
    leaked: int
    unknown: int
    twins: int
    note: str | None

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
    without_twins: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Attribution:
    """The change of a metric on test rows, and its causes.

    Parameters
    ----------
    metric, of_class
        See `measure_of`.
    without_twins
        Leave out test rows whose features equal those of a train row of either version.
    resamples
        How often the test instances are resampled for the intervals; 0 for none.
    """
    measure = measure_of(evaluation, metric, of_class)
    tests = kept_tests(evaluation, measure, before, after, without_twins=without_twins)
    reported = tuple(_reported(evaluation, name, metric) for name in (before, after))
    totals = _totals(tests.segments, measure, resamples, seed)
    values = _values(totals, measure)  # by model and composition, each (1 + resamples,)
    none, every = frozenset[str](), frozenset(PARTS)
    a, b, c, d = values[0, none], values[0, every], values[1, none], values[1, every]
    corners = pl.DataFrame(
        {
            "model": [before, before, after, after],
            "test": [before, after, before, after],
            "value": [float(corner[0]) for corner in (a, b, c, d)],
            "instances": [tests.size_before, tests.size_after] * 2,
        }
    ).with_columns(pl.col("value").fill_nan(None))
    change = d - a
    known = bool(np.isfinite([a[0], b[0], c[0], d[0]]).all())
    interaction = d - c - b + a
    shares, note = _shares(values, known=known)
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
        corners=corners,
        parts=_parts(guard, shares, tests),
        change=(float(change[0]), *_interval(change)) if known else None,
        interaction=float(interaction[0]) if known else None,
        ambiguous=known and bool(abs(interaction[0]) > abs(change[0]) / 2 + 1e-12),
        leaked=tests.leaked,
        unknown=tests.unknown,
        twins=tests.twins,
        note=tests.note or note,
    )


def _reported(evaluation: Evaluation, version: str, metric: str) -> float | None:
    """The metric that the timeline shows; null where it is undefined or none of its metrics."""
    told = evaluation.scores.filter(version=version, split="test", metric=metric)
    return None if told.is_empty() else told["value"][0]


def _totals(segments: Segments, measure: Measure, resamples: int, seed: int) -> Floats:
    """The sums over all instances; shape (1 + resamples, segments, old/new, models, width).

    The first are the instances as they are, the others as they are drawn with replacement.
    """
    random = np.random.default_rng(seed)
    traits = segments.traits  # (instances, old/new, models, traits)
    flat = np.column_stack([segments.part, traits.reshape(len(traits), 4 * traits.shape[-1])])
    alike, counts = np.unique(np.nan_to_num(flat, nan=_NO_ROW), axis=0, return_counts=True)
    by_side = alike[:, 1:].reshape(-1, traits.shape[-1])
    added = measure.added(by_side)
    added[(by_side == _NO_ROW).any(axis=1)] = 0
    added = added.reshape(len(alike), 4 * added.shape[1])
    width = added.shape[1]
    by_part = np.zeros((len(alike), len(segments.names), width))
    by_part[np.arange(len(alike)), alike[:, 0].astype(np.intp)] = added
    spread = by_part.reshape(len(alike), len(segments.names) * width)
    drawn = [counts[None, :].astype(np.float64) @ spread]
    size = int(counts.sum())
    step = max(1, 20_000_000 // max(len(alike), 1))
    for first in range(0, resamples if size else 0, step):
        times = min(step, resamples - first)
        weights = random.multinomial(size, counts / size, size=times).astype(np.float64)
        drawn.append(weights @ spread)
    return np.concatenate(drawn).reshape(-1, len(segments.names), 2, 2, width // 4)


def _values(totals: Floats, measure: Measure) -> dict[tuple[int, frozenset[str]], Floats]:
    """The metric of each model on each test set in between the two."""
    old, new = 0, 1
    found: dict[tuple[int, frozenset[str]], Floats] = {}
    for size in range(len(PARTS) + 1):
        for done in combinations(PARTS, size):
            for model in (0, 1):
                sums = totals[:, 0, old, model].copy()  # what stayed the same
                for number, name in enumerate(PARTS, start=1):
                    if name == "removed":
                        sums += 0 if name in done else totals[:, number, old, model]
                    elif name == "added":
                        sums += totals[:, number, new, model] if name in done else 0
                    else:
                        sums += totals[:, number, new if name in done else old, model]
                found[model, frozenset(done)] = measure.value(sums)
    return found


def _shares(
    values: dict[tuple[int, frozenset[str]], Floats], *, known: bool
) -> tuple[dict[str, Floats], str | None]:
    """The part of the model and those of the test set, each of shape (1 + resamples,)."""
    if not known:
        return {}, None
    none, every = frozenset[str](), frozenset(PARTS)
    a, b, c, d = values[0, none], values[0, every], values[1, none], values[1, every]
    found = {"model": ((c - a) + (d - b)) / 2}
    if any(np.isnan(value[0]) for value in values.values()):
        found["test"] = ((b - a) + (d - c)) / 2
        return found, (
            "The test set cannot be taken apart: on the way from one to the other nothing would "
            "be left of it to score."
        )
    for name in PARTS:
        rest = [other for other in PARTS if other != name]
        share = np.zeros_like(a)
        for size in range(len(rest) + 1):
            weight = 1 / (len(PARTS) * comb(len(rest), size)) / 2
            for done in combinations(rest, size):
                with_it = frozenset((*done, name))
                for model in (0, 1):
                    share += weight * (values[model, with_it] - values[model, frozenset(done)])
        found[name] = share
    return found, None


def _parts(guard: float | None, shares: dict[str, Floats], tests: KeptTests) -> pl.DataFrame:
    rows: list[tuple[str, float, float | None, float | None, int | None]] = []
    if guard is not None:
        rows.append(("guard", guard, None, None, tests.leaked + tests.unknown + tests.left_twins))
    sizes = {**tests.segments.sizes, "test": len(tests.segments.part)}
    for name, share in shares.items():
        rows.append((name, float(share[0]), *_interval(share), sizes.get(name)))
    schema = {
        "part": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
        "instances": pl.Int64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


def _interval(values: Floats) -> tuple[float | None, float | None]:
    """The middle 95 % of the resamples; none where too many of them are undefined."""
    drawn = values[1:]
    finite = drawn[np.isfinite(drawn)]
    if not len(drawn) or len(finite) < (1 - _UNDEFINED_AT_MOST) * len(drawn):
        return None, None
    tail = (100 - _LEVEL) / 2
    low, high = np.percentile(finite, [tail, 100 - tail])
    return float(low), float(high)


class IterationOf(StrEnum):
    """The kind of a step: a change of train data, of model code, of both, or of neither.

    Of both nothing can be blamed on either. Predictions that were made elsewhere do not tell.
    """

    DATA = "data"
    MODEL = "model"
    ENTANGLED = "entangled"
    NOTHING = "nothing"
    UNTOLD = "untold"


def iteration_of(evaluation: Evaluation, *, before: str, after: str) -> IterationOf:
    """The kind of the step from one version to another.

    Train data is the labelled train rows: who they are, their features and labels. The model code
    is what chameleon.toml says of each version.
    """
    dataset = evaluation.dataset
    first, second = (
        _train_data(evaluation, dataset.version_number(name)) for name in (before, after)
    )
    project = dataset.project
    if has_external_predictions(project):
        return IterationOf.UNTOLD
    data = not np.array_equal(first, second)
    code = project.settings.model_of(before) != project.settings.model_of(after)
    if data and code:
        return IterationOf.ENTANGLED
    if code:
        return IterationOf.MODEL
    return IterationOf.DATA if data else IterationOf.NOTHING


def _train_data(evaluation: Evaluation, number: int) -> NDArray[np.uint64]:
    """Instance, label and the hash of the features of every labelled train row, of (rows, 3)."""
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
