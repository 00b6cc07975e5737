"""Predictions of one model for rows, and their metrics as scikit-learn defines them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.storage import read_parts, write_parts


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """The predictions of one model for rows.

    `predicted` is int of shape (n_rows,): index into `classes`, -1 without a prediction.
    `probabilities` is float64 of shape (n_rows, n_classes) with NaN where unknown, or None.
    """

    classes: tuple[str, ...]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None

    def probability_of(
        self, wanted: NDArray[np.int16], names: Sequence[str]
    ) -> NDArray[np.float32]:
        """float32 of shape (n_rows,): the probability of a class per row, NaN where unknown.

        `wanted` is an index into `names` per row; -1 where no class is wanted.
        """
        result = np.full(len(wanted), np.nan, dtype=np.float32)
        if self.probabilities is None:
            return result
        known = {name: column for column, name in enumerate(self.classes)}
        column_of = np.array([*(known.get(name, -1) for name in names), -1])
        columns = column_of[wanted]
        # a class the model never saw has no probability of its own
        rows = np.flatnonzero(columns >= 0)
        result[rows] = self.probabilities[rows, columns[rows]]
        return result

    def probabilities_of_rows(self, rows: NDArray[np.intp]) -> NDArray[np.float64] | None:
        """The probabilities of some rows, shape (n, n_classes)."""
        return None if self.probabilities is None else self.probabilities[rows]


class CachedPredictions:
    """Predictions of a model by the hash of a row's features, and the model's warnings.

    `seconds` is the duration of its fit; None where that was not measured.
    """

    def __init__(
        self,
        classes: tuple[str, ...],
        hashes: NDArray[np.uint64],
        predicted: NDArray[np.int64],
        probabilities: NDArray[np.float64] | None,
        warnings: tuple[str, ...] = (),
        seconds: float | None = None,
    ) -> None:
        self.warnings = tuple(dict.fromkeys(warnings))
        self.seconds = seconds
        order = np.argsort(hashes)
        self.classes = classes
        self.hashes = hashes[order]
        self.predicted = predicted[order]
        self.probabilities = None if probabilities is None else probabilities[order]

    def of_hashes(self, hashes: NDArray[np.uint64]) -> Predictions:
        """The predictions for rows of these hashes, all of which are cached."""
        places = np.searchsorted(self.hashes, hashes)
        shares = self.probabilities
        return Predictions(
            self.classes, self.predicted[places], None if shares is None else shares[places]
        )

    def joined(self, other: CachedPredictions) -> CachedPredictions:
        """Both together; their rows are disjoint."""
        shares = None
        if self.probabilities is not None and other.probabilities is not None:
            shares = np.concatenate([self.probabilities, other.probabilities])
        return CachedPredictions(
            self.classes,
            np.concatenate([self.hashes, other.hashes]),
            np.concatenate([self.predicted, other.predicted]),
            shares,
            (*self.warnings, *other.warnings),
            self.seconds if other.seconds is None else other.seconds,
        )

    def write(self, target: Path, *, keep: int) -> None:
        """Write all of it into a folder of the cache."""
        meta = {"classes": self.classes, "warnings": self.warnings, "seconds": self.seconds}
        parts: dict[str, object] = {
            "hashes": self.hashes, "predicted": self.predicted, "meta": meta,
        }  # fmt: skip
        if self.probabilities is not None:
            parts["probabilities"] = self.probabilities
        write_parts(target, parts, keep=keep)


def read_predictions(target: Path) -> CachedPredictions | None:
    """The predictions cached in a folder; None without a complete one."""

    def build(parts: Mapping[str, Any]) -> CachedPredictions:
        meta = parts["meta"]
        return CachedPredictions(
            tuple(meta["classes"]), parts["hashes"], parts["predicted"], parts.get("probabilities"),
            tuple(meta["warnings"]), meta["seconds"],
        )  # fmt: skip

    return read_parts(target, "set of predictions", build)


METRICS = ("accuracy", "macro_f1", "log_loss", "roc_auc")
_PROBABILITY_METRICS = METRICS[2:]

SCORES_SCHEMA = {
    "version": pl.String,
    "split": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "reason": pl.String,
}
"""The columns of `Evaluation.scores`."""

ROUNDED = 0.02
"""Largest difference from 1 of a row's summed probabilities, rounded to two or three digits."""


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's value, or None with the reason."""

    value: float | None
    reason: str | None = None


def scores(
    label: NDArray[np.int16],
    predicted: NDArray[np.int16],
    probabilities: NDArray[np.float64] | None,
    classes: Sequence[str],
    model_classes: Sequence[str],
) -> dict[str, Score]:
    """All metrics over the rows of one split whose label and prediction are known.

    `label` and `predicted` are indices into `classes`, -1 where unknown; `probabilities` has shape
    (n_rows, n_model_classes), NaN where unknown, with columns for `model_classes`.
    """
    if not len(label):
        return _undefined("there are no such rows")
    known = (label >= 0) & (predicted >= 0)
    if not known.any():
        return _undefined("no row has both a label and a prediction")
    truth, guess = label[known], predicted[known]
    from sklearn.metrics import accuracy_score, f1_score

    found = {
        "accuracy": Score(float(accuracy_score(truth, guess))),
        "macro_f1": Score(float(f1_score(truth, guess, average="macro"))),
    }
    if probabilities is None:
        reason = "the predictions come without probabilities"
        return found | _undefined(reason, _PROBABILITY_METRICS)
    complete = known & np.isfinite(probabilities).all(axis=1)
    names = np.asarray(classes, dtype=object)[label[complete]]
    return found | _probability_scores(names, probabilities[complete], list(model_classes))


def _probability_scores(
    names: NDArray[np.object_], probabilities: NDArray[np.float64], model_classes: list[str]
) -> dict[str, Score]:
    from sklearn.metrics import log_loss, roc_auc_score

    if not len(names):
        return _undefined("no row has probabilities", _PROBABILITY_METRICS)
    if len(model_classes) < 2:
        return _undefined("there are probabilities for one class only", _PROBABILITY_METRICS)
    unseen = sorted(set(names) - set(model_classes))
    if unseen:
        reason = f"class '{unseen[0]}' has no probability: the model never saw it"
        return _undefined(reason, _PROBABILITY_METRICS)
    order = np.argsort(model_classes)  # scikit-learn wants the classes sorted
    ordered = [model_classes[i] for i in order]
    texts = names.astype(str)
    shares = probabilities[:, order]
    sums = shares.sum(axis=1, keepdims=True)
    if not np.allclose(sums, 1, atol=ROUNDED):
        return _undefined("the probabilities of a row do not add up to 1", _PROBABILITY_METRICS)
    if not np.allclose(sums, 1, rtol=0, atol=np.sqrt(np.finfo(np.float64).eps)):
        shares = shares / sums  # written with few digits; scikit-learn wants exact sums
    loss = Score(float(log_loss(texts, shares, labels=ordered)))
    absent = sorted(set(ordered) - set(texts))
    if absent:
        reason = f"class '{absent[0]}' does not occur among these rows"
        return {"log_loss": loss, "roc_auc": Score(None, reason)}
    if len(ordered) == 2:
        auc = roc_auc_score(texts == ordered[1], shares[:, 1])
    else:
        auc = roc_auc_score(texts, shares, multi_class="ovr", labels=ordered)
    return {"log_loss": loss, "roc_auc": Score(float(auc))}


def _undefined(reason: str, metrics: tuple[str, ...] = METRICS) -> dict[str, Score]:
    return dict.fromkeys(metrics, Score(None, reason))
