"""Fitting a scikit-learn classifier by name, behind fixed preprocessing, the same way for all.

Text columns are categories. The default, histogram gradient boosting, takes missing values and
categories natively; other classifiers get median imputation with indicators, scaling, and one
column per category. Infinities count as missing. Fits run on one thread, timed, with warnings
collected. Fitted models are cached for this user alone and never read from a project: reading one
runs no code of its file (skops, no pickle), but the trees of gradient boosting hold raw positions
that a stranger's file could abuse.
"""

from __future__ import annotations

import inspect
import threading
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version as release_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import BinKind, EvolvingDataset, content_digest
from chameleon.errors import ModelError
from chameleon.project import ModelSpec, Project, named
from chameleon.storage import (
    digest,
    load_parts,
    prune_cache,
    read_folder,
    read_parts,
    save_parts,
    write_folder,
    write_parts,
)

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

RECIPE = 2
"""Raised whenever the preprocessing or the order of train rows changes, so that cached
predictions are made again."""

NATIVE_CATEGORIES = 254
"""Histogram gradient boosting takes 255 codes a feature; one is for the merged rare ones."""

ONE_HOT_CATEGORIES = 30

_NATIVE = "HistGradientBoostingClassifier"
_NON_NEGATIVE = ("MultinomialNB", "ComplementNB", "CategoricalNB")
_listing = threading.Lock()


def classifier_class(name: str) -> type[ClassifierMixin]:
    """The scikit-learn classifier of that class name; ModelError if it can't be used."""
    known = classifiers()
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
            f"({', '.join(required)}). Name one that needs none."
        )
    return known[name]


def classifiers() -> Mapping[str, type[ClassifierMixin]]:
    """All of scikit-learn's classifiers by class name.

    scikit-learn imports all of its modules to list them, some of which cannot be imported. When two
    threads do so at once, one may find no trace of a module that the other one gave up.
    """
    with _listing:
        return _listed()


@cache
def _listed() -> Mapping[str, type[ClassifierMixin]]:
    from sklearn.utils import all_estimators

    return dict(all_estimators(type_filter="classifier"))


def unfitted_pipeline(spec: ModelSpec, numbers: Sequence[str], texts: Sequence[str]) -> Pipeline:
    """The pipeline to fit on train rows, given the names of their Float64 and String columns.

    ModelError if the classifier or one of its parameters does not exist.
    """
    from sklearn.pipeline import Pipeline

    if spec.classifier is not None:
        from chameleon.models.custom import NumberedLabels

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
        max_categories=ONE_HOT_CATEGORIES, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(impute, scale), list(numbers)),
            ("categories", one_hot, list(texts)),
        ]
    )


_MODEL_ERRORS = (
    ValueError,
    TypeError,
    IndexError,
    ArithmeticError,
    np.linalg.LinAlgError,
    MemoryError,
)
"""Errors of a classifier that can't use the data."""

_TRUSTED = ("numpy.dtype", "functools.partial")
"""The types in fitted pipelines, besides scikit-learn's, that skops must trust."""

_MOST_ARRAYS = 400


class FitError(ModelError):
    """A classifier can't be fitted on some rows or can't predict some; its first line."""

    def __init__(self, message: str, warned: list[str] | None = None) -> None:
        super().__init__(message)
        self.warnings = warned or []


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A fitted pipeline, the duration of its fit, and its warnings while fitted or predicting."""

    pipeline: Pipeline
    seconds: float
    warnings: list[str]

    @property
    def is_custom(self) -> bool:
        """Return True if a caller passed the classifier."""
        return type(self.pipeline[-1]).__name__ == "NumberedLabels"

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes it can predict."""
        return tuple(str(name) for name in self.pipeline.classes_)

    def predicted(self, frame: pl.DataFrame) -> NDArray[np.int64]:
        """Indices into `classes`, one per row; FitError if it can't predict them."""
        with _watched(self.warnings):
            predicted = self.pipeline.predict(model_input(frame))
        places = {name: number for number, name in enumerate(self.classes)}
        return np.array([places[str(name)] for name in predicted.tolist()], dtype=np.int64)

    def probabilities(self, frame: pl.DataFrame) -> NDArray[np.float64] | None:
        """float64 of shape (n_rows, n_classes); None for a classifier that gives none."""
        if not hasattr(self.pipeline, "predict_proba"):
            return None
        with _watched(self.warnings):
            shares = self.pipeline.predict_proba(model_input(frame))
        return np.asarray(shares, dtype=np.float64)


def fit_model(
    project: Project, spec: ModelSpec, train: pl.DataFrame, label: pl.Series
) -> FittedModel:
    """Fit model code on rows, in their order.

    FitError if the classifier does not take the rows or the project is `cached_only`, ModelError
    if the classifier or one of its parameters does not exist.
    """
    if project.cached_only:
        raise FitError("the model isn't cached, and this process fits none for the project")
    from sklearn.utils._param_validation import InvalidParameterError

    texts = [name for name, dtype in train.schema.items() if dtype == pl.String]
    numbers = [name for name in train.columns if name not in set(texts)]
    warned: list[str] = []
    try:
        with _watched(warned):
            pipeline = unfitted_pipeline(spec, numbers, texts)
            frame, classes = model_input(train), label.to_numpy().astype(str)
            began = time.perf_counter()  # imports of the first fit don't count
            pipeline.fit(frame, classes)
            seconds = time.perf_counter() - began
    except FitError as error:
        if isinstance(error.__cause__, InvalidParameterError):
            raise ModelError(
                f"{error.__cause__} Change it under [model] params in chameleon.toml, or in the "
                "model that you pass."
            ) from error
        raise
    return FittedModel(pipeline, seconds, warned)


@contextmanager
def _watched(warned: list[str]) -> Iterator[None]:
    """Collect a classifier's warnings, and raise its errors as FitError."""
    from threadpoolctl import threadpool_limits

    try:
        # one thread: more are far slower where cores are shared (scikit-learn issue 30662), and
        # sums in another order would change the last digits
        with warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
            warnings.simplefilter("always")
            try:
                yield
            finally:
                warned += [_first_line(warning.message) for warning in caught]
    except _MODEL_ERRORS as error:
        raise FitError(_first_line(error), warned) from error


def _first_line(message: Warning | BaseException | str) -> str:
    lines = str(message).strip().splitlines()
    return lines[0] if lines else type(message).__name__


def model_input(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as models take it: infinities count as missing."""
    finite = [
        pl.when(named(name).is_finite()).then(named(name)).fill_null(float("nan")).alias(name)
        for name, dtype in frame.schema.items()
        if dtype != pl.String
    ]
    return frame.with_columns(finite)


def usable_features(dataset: EvolvingDataset, rows: NDArray[np.integer]) -> list[int]:
    """Features with any value in these rows; free text is never usable."""
    return [
        number
        for number, feature in enumerate(dataset.features)
        if feature.bins.kind is not BinKind.TEXT
        and (dataset.codes[number, rows] < feature.bins.missing_code).any()
    ]


def training_key(
    dataset: EvolvingDataset, rows: NDArray[np.integer], features: list[int], spec: ModelSpec
) -> str:
    """A digest of all that decides a model fitted on these rows, found without building a frame."""
    return digest(
        dataset.content_hashes()[rows].tobytes(),
        content_digest([dataset.labels(rows.astype(np.intp))]),
        [dataset.features[number].name for number in features],
        spec.key,
        RECIPE,
        release_of("scikit-learn"),
    )


def cached_array(
    project: Project,
    kind: str,
    name: str,
    made_of: Sequence[object],
    find: Callable[[], NDArray[Any]],
) -> NDArray[Any]:
    """An array computed from fits, cached by its inputs.

    `kind` is its content in one word for its folder, `name` as messages name it. `made_of` are the
    inputs, besides the recipe and scikit-learn's release: bytes, or JSON. An error of `find`, which
    computes it, leaves nothing in the cache; FitError if the project is `cached_only` without it.
    """
    key = digest(*made_of, RECIPE, release_of("scikit-learn"))
    target = project.results_folder / f"{kind}-{key}"
    cached: NDArray[Any] | None = read_parts(target, name, lambda parts: parts["values"])
    if cached is None:
        if project.cached_only:
            raise FitError("The fits aren't cached, and this process makes none.")
        cached = find()
        write_parts(target, {"values": cached}, keep=_MOST_ARRAYS)
    return cached


def cached_model(path: Path, fit: Callable[[], FittedModel], *, keep: int) -> FittedModel:
    """The model cached in this user's folder, else the one from `fit`, which is cached."""
    model = read_folder(path, _read_model, "model")
    if model is not None:
        return model
    model = fit()
    if model.is_custom:  # its code may change while its name stays
        return model
    # one that skops cannot write is fitted again when it is needed again
    with suppress(TypeError, ValueError, AttributeError, NotImplementedError):
        write_folder(path, lambda folder: _write_model(folder, model))
        prune_cache(path.parent, "model", keep=keep)
    return model


def _write_model(folder: Path, model: FittedModel) -> None:
    import skops.io

    file = folder / "model.skops"
    skops.io.dump(model.pipeline, file, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    save_parts(folder, {"fit": {"seconds": model.seconds, "warnings": model.warnings}})


def _read_model(folder: Path) -> FittedModel | None:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    file = folder / "model.skops"
    asked = skops.io.get_untrusted_types(file=file)
    trusted = [name for name in asked if name.startswith("sklearn.") or name in _TRUSTED]
    fit = load_parts(folder)["fit"]
    try:
        pipeline: Pipeline = skops.io.load(file, trusted=trusted)
    except UntrustedTypesFoundException:
        return None
    return FittedModel(pipeline, float(fit["seconds"]), list(map(str, fit["warnings"])))
