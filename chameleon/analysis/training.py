"""Contributions of the changes of train data to the change of a metric, by Shapley values.

The change of the train set from one version to another is divided into kinds (or sources, or
classes). Models are fitted for train sets in which only some of the kinds have happened, each is
scored on both test sets, and every kind gets its Shapley value (Shapley 1953; for groups of train
data as in Ghorbani and Zou, "Data Shapley", ICML 2019). The values add up to the model contribution
of `attribute_change`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.attribution import IterationOf, iteration_of
from chameleon.analysis.metrics import (
    TRAIN,
    Measure,
    in_split,
    measure_of,
    scored_tests,
    shapley_values,
)
from chameleon.analysis.values import Floats, Mask, Rows, coded
from chameleon.data import EvolvingDataset, Pair
from chameleon.errors import SelectionError
from chameleon.models import Evaluation, Refitter
from chameleon.storage import Progress, ProgressCallback

KINDS = ("added", "removed", "moved", "labels added", "relabeled", "edited", "columns")
"""The changes of an instance of the train set; the first that fits in the order of `removed` and
`added` (not in the other version at all), `moved` (in another split), then the labels, then
the features, then columns of only one version."""

CUTS = ("kind", "source", "label")
MOST_EXACT = 4
REPEATS = 5
_TIMED = 500
_ORDERS = 12
_OTHERS = "others"
_PARTS_SCHEMA = {
    "part": pl.String, "value": pl.Float64, "deviation": pl.Float64, "half_width": pl.Float64,
    "is_noise": pl.Boolean, "instances": pl.Int64,
}  # fmt: skip

OTHER_CODE = (IterationOf.MODEL, IterationOf.MIXED)
NOT_DATA = (
    "The two versions have different model code, so the model contribution can't be attributed to "
    "the train data."
)


@dataclass(frozen=True, slots=True)
class TrainingParts:
    """The model contribution to a change, by the changes of the train data.

    `parts` has part, value, deviation (standard deviation over the repeats, null without),
    half_width (half of the 95% interval: the deviation times Student's t for few repeats), is_noise
    (the value is within its reach of zero), instances; `total` is the sum of the values, the model
    contribution. `fits` counts the models it took, cached ones included, and `repeats` those
    without a failed model. `exact` is true if all combinations were fitted; else orders were
    sampled. `reason` is why there are no parts.
    """

    before: str
    after: str
    metric: str
    parts: pl.DataFrame
    total: float | None
    fits: int
    exact: bool
    reason: str | None
    repeats: int = 0

    @property
    def clear(self) -> pl.DataFrame:
        """The parts clear of the noise of refits; all together err in 5% of steps."""
        if self.repeats < 2:
            return self.parts.clear()
        reach = pl.col("deviation") * deviations(self.repeats, bars=len(self.parts))
        clear = self.parts.filter(pl.col("value").abs() >= reach, pl.col("value") != 0)
        return clear.sort(pl.col("value").abs(), descending=True, maintain_order=True)


def deviations(repeats: int, *, bars: int = 1) -> float:
    """The number of standard deviations from zero that is clear of noise after few repeats.

    The deviation of a handful of repeats is itself uncertain, hence Student's t: with five, two
    deviations would be exceeded by chance in one case of nine. Measured in 200 steps of noise: see
    tests/benchmarks/test_false_alarms.py. That many `bars` together err in 5% of cases
    (Bonferroni).
    """
    from scipy.stats import t

    return float(t.ppf(1 - 0.025 / bars, repeats - 1))


def training_fits(
    evaluation: Evaluation, *, before: str, after: str, by: str = "kind", repeats: int = REPEATS
) -> int:
    """The largest number of models that `attribute_training` fits."""
    count = len(_changes(evaluation.dataset, before, after, by).names)
    if not count:
        return 0
    compositions = len(_compositions(_orders(count, seed=0)))
    return compositions - 2 + repeats * compositions


def training_seconds(
    evaluation: Evaluation,
    *,
    before: str,
    after: str,
    fits: int,
    row_seconds: Callable[[], float | None] | None = None,
) -> float | None:
    """The approximate duration of that many fits, each as long as those of the two models.

    Where these were not measured, one fit on at most 500 train rows is, and its time is assumed to
    grow with the rows; `row_seconds` gives it from an earlier `seconds_per_row` instead. None where
    there can be no model.
    """
    known = [evaluation.seconds[name] for name in (before, after) if name in evaluation.seconds]
    if known:
        return fits * float(np.mean(known))
    train = _learned(evaluation.dataset, after)
    if train is None:
        return None
    each = seconds_per_row(evaluation, after) if row_seconds is None else row_seconds()
    return None if each is None else fits * each * len(train)


def seconds_per_row(evaluation: Evaluation, version: str) -> float | None:
    """The duration of a fit per train row, measured on some of the version's; None without any."""
    train = _learned(evaluation.dataset, version)
    if train is None:
        return None
    # the code that `attribute_training` fits
    spec = evaluation.dataset.project.settings.model_of(version)
    one = Refitter(evaluation, train[:0], spec).seconds(train, _TIMED)
    return None if one is None else one / len(train)


def _learned(dataset: EvolvingDataset, version: str) -> Rows | None:
    """The labeled train rows of a version; None with fewer than two classes."""
    rows = dataset.rows_of(dataset.version_number(version)).astype(np.int32)
    learned: Rows = rows[(dataset.split[rows] == TRAIN) & (dataset.label[rows] >= 0)]
    return None if len(np.unique(dataset.label[learned])) < 2 else learned


def train_changes(evaluation: Evaluation, *, before: str, after: str) -> Mapping[str, int]:
    """Counts of the instances of the train data by `KINDS`; only those that occur."""
    changes = _changes(evaluation.dataset, before, after, "kind")
    return dict(zip(changes.names, changes.sizes, strict=True))


def attribute_training(
    evaluation: Evaluation,
    *,
    before: str,
    after: str,
    metric: str = "accuracy",
    of_class: str | None = None,
    by: str = "kind",
    repeats: int = REPEATS,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> TrainingParts:
    """The contribution of each kind of change of the train data to a metric on test rows.

    Up to four kinds are separated exactly, more by sampled orders. The deviations come from
    `repeats` in which train and test instances are resampled alike for all combinations. Fits are
    cached, so that an interrupted run continues. `by` is "kind", or "source" or "label" of the
    instances that changed (the three with most changes, and the others together); `metric` can't be
    the log loss.
    """
    if metric == "log_loss":
        raise SelectionError("Train data can't be separated by log loss. Choose accuracy.")
    measure = measure_of(evaluation, metric, of_class)
    changes = _changes(evaluation.dataset, before, after, by)
    tests = scored_tests(evaluation, measure, before, after, exclude_duplicates=False)
    note = tests.note
    if iteration_of(evaluation, before=before, after=after) in OTHER_CODE:
        note = NOT_DATA
    elif note is None and not changes.names:
        note = "The train data did not change."
    empty = TrainingParts(
        before, after, measure.name, pl.DataFrame(schema=_PARTS_SCHEMA), None, 0, True, note
    )
    if note is not None:
        return empty
    orders = _orders(len(changes.names), seed)
    spec = evaluation.dataset.project.settings.model_of(after)
    compositions = _compositions(orders)
    work = _Work(
        evaluation.dataset, Refitter(evaluation, np.concatenate(tests.rows), spec), changes,
        tests.rows, measure, compositions, progress, len(compositions) * (1 + repeats),
    )  # fmt: skip
    values = work.values(None, None)
    if values is None:
        return replace(empty, reason="A part of the train data alone gives no model.")
    shares = _shares(values, orders)
    random = np.random.default_rng(seed)
    repeated: list[Floats] = []
    for _ in range(repeats):
        drawn = random.integers(0, len(changes.old), len(changes.old))
        again = work.values(drawn, random)
        if again is not None:
            repeated.append(_shares(again, orders))
    return TrainingParts(
        before, after, measure.name, _parts(changes, shares, repeated), float(shares.sum()),
        work.done, len(changes.names) <= MOST_EXACT, None, repeats=len(repeated),
    )  # fmt: skip


def _shares(values: Mapping[frozenset[int], float], orders: Sequence[tuple[int, ...]]) -> Floats:
    found = shapley_values(values, orders)
    return np.array([found[part] for part in sorted(found)])


def _parts(changes: _Changes, shares: Floats, repeated: Sequence[Floats]) -> pl.DataFrame:
    columns: dict[str, object] = {
        "part": changes.names, "value": shares, "instances": changes.sizes,
    }  # fmt: skip
    if len(repeated) > 1:
        deviation = np.std(repeated, axis=0, ddof=1)
        reach = deviation * deviations(len(repeated))
        columns |= {"deviation": deviation, "half_width": reach, "is_noise": np.abs(shares) < reach}
    unknown: list[None] = [None] * len(shares)
    return pl.DataFrame(
        {name: columns.get(name, unknown) for name in _PARTS_SCHEMA}, schema=_PARTS_SCHEMA
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Changes:
    """The instances of either train set: their rows there (-1: none), and their part.

    `part` is -1 for unchanged instances.
    """

    names: tuple[str, ...]
    old: Rows
    new: Rows
    part: NDArray[np.intp]

    @property
    def sizes(self) -> list[int]:
        return [int((self.part == number).sum()) for number in range(len(self.names))]

    def rows(self, done: Iterable[int], drawn: NDArray[np.intp] | None) -> Rows:
        """The train rows when only these parts have happened, of all or of drawn instances."""
        rows = np.where(np.isin(self.part, list(done)), self.new, self.old)
        if drawn is not None:
            rows = rows[drawn]
        return rows[rows >= 0]


def _changes(dataset: EvolvingDataset, before: str, after: str, by: str) -> _Changes:
    if by not in CUTS:
        raise SelectionError(f"Train data is divided by one of {', '.join(CUTS)}, not by '{by}'.")
    numbers = dataset.version_number(before), dataset.version_number(after)
    held = [dataset.row_of_instance(number) for number in numbers]
    trained = [in_split(dataset, own, TRAIN) for own in held]
    instances = np.flatnonzero(trained[0] | trained[1])
    old, new = (
        np.where(of_side[instances], own[instances], -1).astype(np.int32)
        for own, of_side in zip(held, trained, strict=True)
    )
    kind = _kinds(dataset, numbers, old, new, held[0][instances], held[1][instances])
    changed = kind >= 0
    if by == "kind":
        group, names = kind, list(KINDS)
    else:
        row = np.where(new >= 0, new, old)
        codes, known = coded(dataset, by)
        group, names = _largest(codes[row].astype(np.intp), changed, known, f"no {by}")
    occurring, numbered = np.unique(group[changed], return_inverse=True)
    part = np.full(len(group), -1, dtype=np.intp)
    part[changed] = numbered
    return _Changes(tuple(names[number] for number in occurring), old, new, part)


def _kinds(
    dataset: EvolvingDataset,
    versions: tuple[int, int],
    old: Rows,
    new: Rows,
    held_before: Rows,
    held_after: Rows,
) -> NDArray[np.intp]:
    """The index in KINDS of every instance's change; -1 for unchanged ones."""
    kind = np.full(len(old), -1, dtype=np.intp)
    pair = Pair.of_rows(dataset, versions, old, new)
    hashes = dataset.content_hashes()
    for name, mask in (
        ("columns", hashes[pair.old] != hashes[pair.new]),
        ("edited", pair.edited),
        ("relabeled", pair.relabeled),
        ("labels added", pair.relabeled & (dataset.label[pair.old] < 0)),
    ):
        kind[pair.shared[mask]] = KINDS.index(name)
    kind[((old < 0) & (held_before >= 0)) | ((new < 0) & (held_after >= 0))] = KINDS.index("moved")
    kind[held_before < 0] = KINDS.index("added")
    kind[held_after < 0] = KINDS.index("removed")
    return kind


def _largest(
    codes: NDArray[np.intp], changed: Mask, known: Sequence[str], absent: str
) -> tuple[NDArray[np.intp], list[str]]:
    """The groups with most changes, and the others together."""
    counts = np.bincount(codes[changed] + 1, minlength=len(known) + 1)
    order = [int(code) for code in np.argsort(-counts, kind="stable") if counts[code]]
    alone = order if len(order) <= MOST_EXACT else order[: MOST_EXACT - 1]
    group = np.full(len(codes), len(alone), dtype=np.intp)
    for place, code in enumerate(alone):
        group[codes + 1 == code] = place
    names = [known[code - 1] if code else absent for code in alone]
    return group, [*names, _OTHERS]


def _orders(count: int, seed: int) -> list[tuple[int, ...]]:
    """All orders in which the parts can happen, or some drawn ones where these are too many."""
    if count <= MOST_EXACT:
        return list(permutations(range(count)))
    random = np.random.default_rng(seed)
    drawn: list[tuple[int, ...]] = []
    for _ in range(_ORDERS // 2):
        order = tuple(int(part) for part in random.permutation(count))
        drawn += [order, order[::-1]]  # antithetic: halves the noise of the sampling
    return drawn


def _compositions(orders: Sequence[tuple[int, ...]]) -> tuple[frozenset[int], ...]:
    """The sets of parts that have happened at some time in some order."""
    found = {frozenset(order[:done]) for order in orders for done in range(len(order) + 1)}
    return tuple(sorted(found, key=lambda done: (len(done), sorted(done))))


@dataclass(slots=True)
class _Work:
    """Fits and scores every combination, on all instances or on drawn ones."""

    dataset: EvolvingDataset
    refitter: Refitter
    changes: _Changes
    tests: tuple[Rows, Rows]
    measure: Measure
    compositions: Sequence[frozenset[int]]
    progress: ProgressCallback | None
    total: int
    done: int = 0

    def values(
        self, drawn: NDArray[np.intp] | None, random: np.random.Generator | None
    ) -> dict[frozenset[int], float] | None:
        """The metric of every combination; None where one of them gives no model."""
        weights = self._weights(random)
        found: dict[frozenset[int], float] = {}
        for composition in self.compositions:
            if self.progress is not None:
                step = "one more draw" if drawn is not None else "a combination"
                self.progress(Progress("Refitting", step, self.done, self.total))
            predicted = self.refitter.predicted(self.changes.rows(composition, drawn))
            self.done += 1
            value = np.nan if predicted is None else self._score(predicted, weights)
            if np.isnan(value):
                return None
            found[composition] = value
        return found

    def _weights(self, random: np.random.Generator | None) -> Floats:
        """The weight of each instance of the test sets."""
        count = self.dataset.instance_count
        if random is None:
            return np.ones(count)
        tested = np.unique(self.dataset.instance[np.concatenate(self.tests)])
        weights = np.zeros(count)
        weights[tested] = random.multinomial(len(tested), np.full(len(tested), 1 / len(tested)))
        return weights

    def _score(self, predicted: NDArray[np.int16], weights: Floats) -> float:
        """The mean of the metric on both test sets."""
        scores: list[float] = []
        sides = np.split(predicted, [len(self.tests[0])])
        for rows, guess in zip(self.tests, sides, strict=True):
            traits = np.stack([self.dataset.label[rows], guess], axis=1).astype(np.float64)
            sums = weights[self.dataset.instance[rows]] @ self.measure.added(traits)
            scores.append(float(self.measure.value(sums)))
        return float(np.mean(scores))
