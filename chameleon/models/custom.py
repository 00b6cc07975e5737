"""Classifiers that a caller passes as objects, in place of the model of chameleon.toml.

It is imported only where there is one: it imports scikit-learn.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.metaestimators import available_if

from chameleon.errors import ModelError
from chameleon.models.trainer import classifiers
from chameleon.project import ModelSpec, Project

_NEEDED = ("fit", "predict", "get_params")


def with_classifier(project: Project, classifier: object) -> Project:
    """The project with a classifier in place of its model, and of every version's own.

    A classifier of scikit-learn with plain parameters is cached as if chameleon.toml named it.
    ModelError if the object is no classifier.
    """
    absent = [name for name in _NEEDED if not hasattr(classifier, name)]
    if absent or isinstance(classifier, type):
        raise ModelError(
            f"model must be a classifier object with {', '.join(_NEEDED)}, such as "
            f"LogisticRegression(); found {classifier!r:.80}."
        )
    settings = replace(project.settings, model=_spec(classifier), own_models={}, predictions=None)
    return replace(project, settings=settings, prediction_files={})


def _spec(classifier: Any) -> ModelSpec:  # noqa: ANN401 - any class with scikit-learn's methods
    name = type(classifier).__name__
    params = classifier.get_params(deep=False)
    own = type(classifier).__module__.partition(".")[0] == "sklearn" and name in classifiers()
    if own and _is_plain(params):
        return ModelSpec(name, params)
    return ModelSpec(name, {}, classifier, token=uuid4().hex)


def _is_plain(params: object) -> bool:
    try:
        return bool(json.loads(json.dumps(params)) == params)
    except (TypeError, ValueError):
        return False


class NumberedLabels(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Any library's classifier, cloned and fitted on the numbers of the labels: some need them."""

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
