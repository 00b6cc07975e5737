"""Metrics as sums over rows, and the test sets of two versions that they are taken over.

Sums can be taken apart and put together again, which is what attribution does with test sets.
Values are those of scikit-learn on the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chameleon.data import SPLITS, EvolvingDataset
from chameleon.errors import SelectionError, place_of
from chameleon.models import Evaluation, GoldenTest
from chameleon.project import Split

MEASURES = ("accuracy", "macro_f1", "log_loss", "recall")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric that is a function of sums over rows.

    Attributes
    ----------
    traits
        Of a model (number) and rows: what decides what a row adds; shape (n_rows, n_traits), NaN
        where the row cannot be judged.
    added
        What rows with these traits add, shape (n_rows, width).
    value
        The metric of sums of shape (..., width); NaN where it is undefined.
    better
        1 where more is better, -1 where less is.
    """

    name: str
    traits: Callable[[int, NDArray[np.int32]], Floats]
    added: Callable[[Floats], Floats]
    value: Callable[[Floats], Floats]
    better: int = 1


def measure_of(
    evaluation: Evaluation,
    metric: str,
    of_class: str | None = None,
    golden: GoldenTest | None = None,
) -> Measure:
    """The metric of that name.

    Parameters
    ----------
    metric
        One of `MEASURES`.
    of_class
        The class whose recall is asked for; only with "recall".
    golden
        The rows are those of this test set, and not rows of the timeline.
    """
    if metric not in MEASURES:
        raise SelectionError(
            f"There is no metric '{metric}'. Metrics: {', '.join(MEASURES)}; recall is of a class."
        )
    if of_class is not None and metric != "recall":
        raise SelectionError(f"The metric '{metric}' isn't of one class. Ask for 'recall'.")
    if metric == "log_loss":
        shares = (evaluation if golden is None else golden).probability_of_label
        return Measure(metric, _Losses(shares), _with_count, _mean, better=-1)
    names = (evaluation if golden is None else golden).classes
    label = evaluation.dataset.label if golden is None else golden.label
    guesses = _Guesses(label, (evaluation if golden is None else golden).predicted)
    if metric == "macro_f1":
        classes = len(names)
        return Measure(metric, guesses, lambda traits: _counts_by_class(traits, classes), _macro_f1)
    if metric == "accuracy":
        return Measure(metric, guesses, _right_and_all, _mean)
    code = place_of(of_class, names, "class")
    return Measure(
        f"recall of {of_class}", guesses, lambda traits: _right_of_class(traits, code), _mean
    )


@dataclass(frozen=True, slots=True)
class _Guesses:
    """Label and predicted class of rows."""

    label: NDArray[np.int16]
    predicted: NDArray[np.int16]

    def __call__(self, model: int, rows: NDArray[np.int32]) -> Floats:
        label, guess = self.label[rows], self.predicted[model, rows]
        found = np.stack([label, guess], axis=1).astype(np.float64)
        found[(label < 0) | (guess < 0)] = np.nan
        return found


@dataclass(frozen=True, slots=True)
class _Losses:
    """The log loss of each row, from the probability of its label as it is kept (float32)."""

    shares: NDArray[np.float32]

    def __call__(self, model: int, rows: NDArray[np.int32]) -> Floats:
        share = self.shares[model, rows].astype(np.float64)
        smallest = np.finfo(np.float64).eps
        losses: Floats = -np.log(np.clip(share, smallest, 1 - smallest))[:, None]
        return losses


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
        result: Floats = sums[..., 0] / sums[..., 1]
    return result


def _macro_f1(sums: Floats) -> Floats:
    """2 TP / (labels + predictions), averaged over the classes that occur as either."""
    both, either = np.split(sums, 2, axis=-1)
    occurs = either > 0
    of_class = np.divide(2 * both, either, out=np.zeros_like(both), where=occurs)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = of_class.sum(axis=-1) / occurs.sum(axis=-1)
    return result


TRAIN, TEST = SPLITS.index(Split.TRAIN), SPLITS.index(Split.TEST)

PARTS = ("removed", "added", "relabelled", "edited")
"""What can happen to an instance of a test set. One that is relabelled and edited counts as
relabelled; one that comes from, or goes to, another split as added, or removed; a column that
joins or leaves edits what has a value there."""


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The instances of either test set, and what both models make of their rows.

    Attributes
    ----------
    part
        int of shape (n_instances,): 0 for those that stayed the same, else 1 + index in PARTS.
    traits
        float64 of shape (n_instances, 2 rows, 2 models, n_traits): of the old and the new row,
        under the old and the new model; NaN where the test set has no such row.
    """

    part: NDArray[np.intp]
    traits: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts by their numbers."""
        return ("same", *PARTS)

    @property
    def sizes(self) -> Mapping[str, int]:
        """How many instances are of each part."""
        found = np.bincount(self.part, minlength=len(self.names))
        return dict(zip(self.names, found.tolist(), strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class KeptTests:
    """Both test sets after the guard, and how many instances it took out.

    `left_twins` are the twins that were taken out; `twins` all that were found; `rows` the rows of
    both test sets that are left.
    """

    segments: Segments
    rows: tuple[NDArray[np.int32], NDArray[np.int32]]
    size_before: int
    size_after: int
    leaked: int
    unknown: int
    twins: int
    left_twins: int
    note: str | None


def kept_tests(
    evaluation: Evaluation, measure: Measure, before: str, after: str, *, without_twins: bool
) -> KeptTests:
    """The test sets of two versions without the instances that either model was fitted on."""
    dataset = evaluation.dataset
    numbers = dataset.version_number(before), dataset.version_number(after)
    rows = [dataset.row_of_instance(number) for number in numbers]
    tested = [in_split(dataset, own, TEST) for own in rows]
    trained = [in_split(dataset, own, TRAIN) for own in rows]
    union = tested[0] | tested[1]
    leaks = union & (trained[0] | trained[1])
    instances = np.flatnonzero(union & ~leaks)
    traits = _traits(measure, numbers, rows, tested, instances)
    has_row = np.stack([of_side[instances] for of_side in tested], axis=1)
    judged = np.isfinite(traits).all(axis=(2, 3))
    known = (judged | ~has_row).all(axis=1)
    instances, traits, has_row = instances[known], traits[known], has_row[known]
    twins = _twins(dataset, rows, tested, trained, instances)
    kept = ~twins if without_twins else np.ones(len(instances), dtype=np.bool_)
    instances, traits, has_row = instances[kept], traits[kept], has_row[kept]
    part = _parts(dataset, rows[0][instances], rows[1][instances], has_row)
    sizes = has_row.sum(axis=0)
    note = None
    for name, whole, size in zip((before, after), tested, sizes, strict=True):
        if not whole.any():
            note = note or f"Version {name} has no test rows."
        elif not size:
            note = note or (
                f"No test instance of version {name} is left to score: all stand in a train set, "
                "or have no label or no prediction of one of the models."
            )
    return KeptTests(
        segments=Segments(part, traits),
        rows=(rows[0][instances][has_row[:, 0]], rows[1][instances][has_row[:, 1]]),
        size_before=int(sizes[0]),
        size_after=int(sizes[1]),
        leaked=int(leaks.sum()),
        unknown=int((~known).sum()),
        twins=int(twins.sum()),
        left_twins=int((~kept).sum()),
        note=note,
    )


def in_split(dataset: EvolvingDataset, rows: NDArray[np.int32], split: int) -> NDArray[np.bool_]:
    """The instances whose row in a version stands in that split; shape (n_instances,)."""
    found: NDArray[np.bool_] = (rows >= 0) & (dataset.split[rows] == split)
    return found


def _traits(
    measure: Measure,
    models: tuple[int, int],
    rows: list[NDArray[np.int32]],
    tested: list[NDArray[np.bool_]],
    instances: NDArray[np.intp],
) -> Floats:
    sides: list[Floats] = []
    for own, of_side in zip(rows, tested, strict=True):
        by_model = np.stack([measure.traits(model, own[instances]) for model in models], axis=1)
        by_model[~of_side[instances]] = np.nan
        sides.append(by_model)
    return np.stack(sides, axis=1)


def _parts(
    dataset: EvolvingDataset,
    old: NDArray[np.int32],
    new: NDArray[np.int32],
    has_row: NDArray[np.bool_],
) -> NDArray[np.intp]:
    part = np.zeros(len(old), dtype=np.intp)
    both = has_row.all(axis=1)
    hashes = dataset.content_hashes()
    part[both & (hashes[old] != hashes[new])] = 1 + PARTS.index("edited")
    part[both & (dataset.label[old] != dataset.label[new])] = 1 + PARTS.index("relabelled")
    part[~has_row[:, 1]] = 1 + PARTS.index("removed")
    part[~has_row[:, 0]] = 1 + PARTS.index("added")
    return part


def _twins(
    dataset: EvolvingDataset,
    rows: list[NDArray[np.int32]],
    tested: list[NDArray[np.bool_]],
    trained: list[NDArray[np.bool_]],
    instances: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """The instances of which a test row has the features of a train row of either version."""
    hashes = dataset.content_hashes()
    learnt = np.concatenate([hashes[own[t]] for own, t in zip(rows, trained, strict=True)])
    twin = np.zeros(len(instances), dtype=np.bool_)
    for own, of_side in zip(rows, tested, strict=True):
        twin |= of_side[instances] & np.isin(hashes[own[instances]], learnt)
    return twin
