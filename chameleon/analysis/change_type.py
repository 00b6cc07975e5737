"""Whether a step changed the data, the model code, or both."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from chameleon.analysis.test_sets import TRAIN, hashes_of
from chameleon.models import Evaluation, are_given


class IterationOf(StrEnum):
    """What a step changed for the model: its train data, its code, both, or neither.

    Of both nothing can be blamed on either. Predictions that were made elsewhere do not tell.
    """

    DATA = "data"
    MODEL = "model"
    ENTANGLED = "entangled"
    NOTHING = "nothing"
    UNTOLD = "untold"


def iteration_of(evaluation: Evaluation, *, before: str, after: str) -> IterationOf:
    """What the step from one version to another changed for the model.

    Train data is the labelled train rows: who they are, their features and labels. The model code
    is what chameleon.toml says of each version.

    Raises
    ------
    SelectionError
        A version does not exist.
    """
    dataset = evaluation.dataset
    first, second = (
        _train_data(evaluation, dataset.version_number(name)) for name in (before, after)
    )
    project = dataset.project
    if are_given(project):
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
            hashes_of(dataset)[rows],
        ],
        axis=1,
    )
