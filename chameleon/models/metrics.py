"""Metrics of one version's model on that version's own rows, as scikit-learn defines them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

METRICS = ("accuracy", "macro_f1", "log_loss", "roc_auc")

SCORES_SCHEMA = {
    "version": pl.String,
    "split": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "reason": pl.String,
}
"""The columns of `Evaluation.scores`."""

ROUNDED = 0.02
"""So far from 1 may the probabilities of a row add up, written with two or three digits."""


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's value, or None with the reason why it is undefined."""

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

    Parameters
    ----------
    label, predicted
        Indices into `classes`, shape (n_rows,); -1 is unknown and left out.
    probabilities
        Shape (n_rows, n_model_classes), NaN where unknown; None where there are none.
    model_classes
        The classes of the probabilities' columns.
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
        none = Score(None, "the predictions come without probabilities")
        return {**found, "log_loss": none, "roc_auc": none}
    complete = known & np.isfinite(probabilities).all(axis=1)
    names = np.asarray(classes, dtype=object)[label[complete]]
    return found | _probability_scores(names, probabilities[complete], list(model_classes))


def _probability_scores(
    names: NDArray[np.object_], probabilities: NDArray[np.float64], model_classes: list[str]
) -> dict[str, Score]:
    from sklearn.metrics import log_loss, roc_auc_score

    if not len(names):
        return dict.fromkeys(("log_loss", "roc_auc"), Score(None, "no row has probabilities"))
    if len(model_classes) < 2:
        reason = "there are probabilities for one class only"
        return dict.fromkeys(("log_loss", "roc_auc"), Score(None, reason))
    strange = sorted(set(names) - set(model_classes))
    if strange:
        reason = f"class '{strange[0]}' has no probability: the model never saw it"
        return dict.fromkeys(("log_loss", "roc_auc"), Score(None, reason))
    order = np.argsort(model_classes)  # scikit-learn wants the classes sorted
    ordered = [model_classes[i] for i in order]
    texts = names.astype(str)
    shares = probabilities[:, order]
    sums = shares.sum(axis=1, keepdims=True)
    if not np.allclose(sums, 1, atol=ROUNDED):
        reason = "the probabilities of a row do not add up to 1"
        return dict.fromkeys(("log_loss", "roc_auc"), Score(None, reason))
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


def _undefined(reason: str) -> dict[str, Score]:
    return dict.fromkeys(METRICS, Score(None, reason))
