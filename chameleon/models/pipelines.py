"""The fixed model code: a scikit-learn classifier by name, behind fixed preprocessing.

Text columns are categories. The default, histogram gradient boosting, takes missing values and
categories natively; other classifiers get median imputation with indicators, scaling, and one
column a category. Infinities count as missing for the model.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from chameleon.errors import ModelError
from chameleon.project import ModelSpec

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

RECIPE = 2
"""Raised whenever the preprocessing or the order of train rows changes, so that kept predictions
are made again."""

NATIVE_CATEGORIES = 254
"""Histogram gradient boosting takes 255 codes a feature; one is for the merged rare ones."""

ONE_HOT_CATEGORIES = 30

_NATIVE = "HistGradientBoostingClassifier"
_NON_NEGATIVE = ("MultinomialNB", "ComplementNB", "CategoricalNB")
_listing = threading.Lock()


def classifier_class(name: str) -> type[ClassifierMixin]:
    """The scikit-learn classifier of that class name.

    Raises
    ------
    ModelError
        scikit-learn has no such classifier, or it needs another estimator inside.
    """
    with _listing:
        known = _classifiers()
    if name not in known:
        close = [k for k in known if name.casefold() in k.casefold()][:5]
        hint = f" Perhaps {', '.join(close)}?" if close else ""
        raise ModelError(
            f"chameleon.toml names the estimator '{name}' under [model], but scikit-learn has no "
            f"such classifier.{hint} Only scikit-learn's own classifiers can be named."
        )
    required = [
        p.name
        for p in inspect.signature(known[name]).parameters.values()
        if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD
    ]
    if required:
        raise ModelError(
            f"chameleon.toml names '{name}' under [model], which needs another estimator inside "
            f"({', '.join(required)}). Name a classifier that stands alone."
        )
    return known[name]


def classifier_names() -> frozenset[str]:
    """The class names of scikit-learn's classifiers."""
    with _listing:
        return frozenset(_classifiers())


@cache
def _classifiers() -> Mapping[str, type[ClassifierMixin]]:
    """All of scikit-learn's classifiers by name; to be called under `_listing`.

    scikit-learn imports all of its modules to list them, some of which cannot be imported. When two
    threads do so at once, one may find no trace of a module that the other one gave up.
    """
    from sklearn.utils import all_estimators

    return dict(all_estimators(type_filter="classifier"))


def unfitted_pipeline(spec: ModelSpec, numbers: Sequence[str], texts: Sequence[str]) -> Pipeline:
    """The pipeline to fit on a version's train rows.

    Parameters
    ----------
    spec
        The classifier and its parameters.
    numbers, texts
        The names of the Float64 and of the String columns of its input.

    Raises
    ------
    ModelError
        The classifier or one of its parameters does not exist.
    """
    from sklearn.pipeline import Pipeline

    if spec.classifier is not None:
        from chameleon.models.numbered_labels import NumberedLabels

        encode = _encoder(spec.estimator, numbers, texts)
        return Pipeline([("encode", encode), ("classify", NumberedLabels(spec.classifier))])
    model_class = classifier_class(spec.estimator)
    params: dict[str, Any] = dict(spec.params)
    accepted = inspect.signature(model_class).parameters
    unknown = set(params) - set(accepted)
    if unknown:
        raise ModelError(
            f"{spec.estimator} has no parameter '{min(unknown)}' (chameleon.toml, [model] "
            f"params). It has: {', '.join(accepted)}."
        )
    if "random_state" in accepted:
        params.setdefault("random_state", 0)  # one seed for every version
    native = spec.estimator == _NATIVE
    if native and texts:
        # the encoder puts the categories first
        params.setdefault("categorical_features", list(range(len(texts))))
    encode = _native_encoder(texts) if native else _encoder(spec.estimator, numbers, texts)
    return Pipeline([("encode", encode), ("classify", model_class(**params))])


def _native_encoder(texts: Sequence[str]) -> ColumnTransformer:
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OrdinalEncoder

    categories = OrdinalEncoder(
        max_categories=NATIVE_CATEGORIES,
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
    )
    return ColumnTransformer([("categories", categories, list(texts))], remainder="passthrough")


def _encoder(estimator: str, numbers: Sequence[str], texts: Sequence[str]) -> ColumnTransformer:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

    scale = MinMaxScaler(clip=True) if estimator in _NON_NEGATIVE else StandardScaler()
    impute = SimpleImputer(strategy="median", add_indicator=True)
    one_hot = OneHotEncoder(
        max_categories=ONE_HOT_CATEGORIES,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
    )
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(impute, scale), list(numbers)),
            ("categories", one_hot, list(texts)),
        ]
    )
