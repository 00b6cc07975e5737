"""Outcomes of predictions: the codes of `Evaluation.outcome`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CORRECT, INCORRECT, UNKNOWN = range(3)

OUTCOMES = ("correct", "incorrect", "unknown")
"""The outcomes in the order of their codes."""


def outcome_codes(predicted: NDArray[np.int16], label: NDArray[np.integer]) -> NDArray[np.uint8]:
    """uint8 of shape (n_versions, n_rows): whether each prediction is the row's own label.

    Parameters
    ----------
    predicted
        Class numbers of shape (n_versions, n_rows), -1 where there is none.
    label
        Class numbers of shape (n_rows,), -1 where there is none.
    """
    outcome = np.where(predicted == label, CORRECT, INCORRECT).astype(np.uint8)
    outcome[(predicted < 0) | (label < 0)] = UNKNOWN
    return outcome
