"""A classifier of any library behind numbers for labels; imported only where one is fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.metaestimators import available_if


class NumberedLabels(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier fitted on the numbers of the labels, which some libraries need.

    Parameters
    ----------
    classifier
        Any object with scikit-learn's `fit`, `predict`, and `get_params`; it is cloned.
    """

    def __init__(self, classifier: Any) -> None:  # noqa: ANN401 - any library's
        self.classifier = classifier

    def fit(self, frame: object, labels: NDArray[Any]) -> NumberedLabels:
        """Fit a clone on the numbers of the labels in sorted order."""
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        self.fitted_ = clone(self.classifier).fit(frame, numbers)
        return self

    def predict(self, frame: object) -> NDArray[Any]:
        """The predicted labels."""
        numbers = np.asarray(self.fitted_.predict(frame)).ravel().astype(np.intp)
        found: NDArray[Any] = self.classes_[numbers]
        return found

    @available_if(lambda self: hasattr(self.classifier, "predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, frame: object) -> NDArray[np.float64]:
        """The probabilities of `classes_`."""
        return np.asarray(self.fitted_.predict_proba(frame), dtype=np.float64)
