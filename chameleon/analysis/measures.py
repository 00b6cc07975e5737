"""Metrics as sums over rows: what a row adds, and the value of what was added up.

Sums can be taken apart and put together again, which is what attribution does with test sets.
Values are those of scikit-learn on the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chameleon.errors import SelectionError, place_of
from chameleon.models import Evaluation, GoldenTest

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

    Raises
    ------
    SelectionError
        There is no such metric or class.
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
