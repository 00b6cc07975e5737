"""Fitting the fixed model on train sets that no version has, such as half of an iteration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chameleon.models.evaluation import Evaluation
from chameleon.models.trainer import (
    FitError,
    FittedModel,
    cached_array,
    fit_model,
    training_key,
    usable_features,
)
from chameleon.project import ModelSpec


class Refitter:
    """Fits model code on any rows and predicts others; the predictions are cached.

    Parameters
    ----------
    asked
        The rows to predict.
    spec
        The model code; the project's fixed one if None.

    Attributes
    ----------
    fitted
        How many models were fitted, and not read from the cache.
    """

    def __init__(
        self, evaluation: Evaluation, asked: NDArray[np.int32], spec: ModelSpec | None = None
    ) -> None:
        self._dataset = evaluation.dataset
        self._classes = evaluation.classes
        self._spec = self._dataset.project.settings.model if spec is None else spec
        self._asked = asked.astype(np.intp)
        self._about = self._dataset.content_hashes()[asked].tobytes()
        self.fitted = 0

    def predicted(self, rows: NDArray[np.int32]) -> NDArray[np.int16] | None:
        """The predictions for the asked rows of a model fitted on these; None without a model.

        Rows may repeat. As for a version's own model, only labelled ones count, in the dataset's
        order.
        """
        dataset = self._dataset
        rows = np.sort(rows[dataset.label[rows] >= 0])
        features = usable_features(dataset, rows)
        if len(np.unique(dataset.label[rows])) < 2 or not features:
            return None
        key = training_key(dataset, rows, features, self._spec)

        def find() -> NDArray[np.int16]:
            model = self._fitted(rows, features)
            self.fitted += 1
            predicted = model.predicted(dataset.feature_frame(self._asked, features))
            codes = np.array([self._classes.index(name) for name in model.classes], dtype=np.int16)
            return codes[predicted]

        made_of = (key, self._about, self._classes)
        try:
            return cached_array(dataset.project, "refit", "refit", made_of, find)
        except FitError:
            return None

    def seconds(self, rows: NDArray[np.int32], most: int) -> float | None:
        """How long a fit on these rows may take, by one on at most `most` of them; measured.

        The time is taken to grow with the rows. None where there is no model.
        """
        rows = rows[self._dataset.label[rows] >= 0]
        some = rows[:: max(1, -(-len(rows) // most))]
        features = usable_features(self._dataset, some)
        try:
            return self._fitted(some, features).seconds * len(rows) / len(some)
        except FitError:
            return None

    def _fitted(self, rows: NDArray[np.int32], features: list[int]) -> FittedModel:
        dataset, places = self._dataset, rows.astype(np.intp)
        if not features:
            raise FitError("no feature has a value in the train rows")
        train = dataset.feature_frame(places, features)
        return fit_model(dataset.project, self._spec, train, dataset.labels(places))
