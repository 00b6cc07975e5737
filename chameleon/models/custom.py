"""Classifiers that a caller passes as objects, in place of the model of chameleon.toml."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

from chameleon.errors import ModelError
from chameleon.models.trainer import classifier_names
from chameleon.project import ModelSpec, Project

_NEEDED = ("fit", "predict", "get_params")


def with_classifier(project: Project, classifier: object) -> Project:
    """The project with a classifier in place of its model, and of every version's own.

    A classifier of scikit-learn with plain parameters is cached as if chameleon.toml named it.

    Raises
    ------
    ModelError
        The object is no classifier.
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
    own = type(classifier).__module__.partition(".")[0] == "sklearn" and name in classifier_names()
    if own and _is_plain(params):
        return ModelSpec(name, params)
    return ModelSpec(name, {}, classifier, token=uuid4().hex)


def _is_plain(params: object) -> bool:
    try:
        return bool(json.loads(json.dumps(params)) == params)
    except (TypeError, ValueError):
        return False
