"""Fitting a classifier, the same way for all: one thread, timed, warnings collected, cached.

Fitted models are cached for this user alone and never read from a project: reading one runs no code
of its file (skops, no pickle), but the trees of gradient boosting hold raw positions that a
stranger's file could abuse.
"""

from __future__ import annotations

import time
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version as release_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import BinKind, EvolvingDataset, content_digest
from chameleon.errors import ModelError
from chameleon.models.pipelines import RECIPE, unfitted_pipeline
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
    from sklearn.pipeline import Pipeline

_MODEL_ERRORS = (
    ValueError,
    TypeError,
    IndexError,
    ArithmeticError,
    np.linalg.LinAlgError,
    MemoryError,
)
"""What a classifier raises when it does not get along with the data."""

_TRUSTED = ("numpy.dtype", "functools.partial")
"""Beside scikit-learn's own, the types in fitted pipelines that skops asks about."""

_KEPT_ARRAYS = 400


class FitError(ModelError):
    """A classifier can't be fitted on some rows or can't predict some; its own first line."""

    def __init__(self, message: str, warned: list[str] | None = None) -> None:
        super().__init__(message)
        self.warnings = warned or []


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A fitted pipeline, how long its fit took, and what it has warned of while fitted or asked."""

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
        """Indices into `classes`, one a row.

        Raises
        ------
        FitError
            It can't predict these rows.
        """
        with _watched(self.warnings):
            predicted = self.pipeline.predict(model_input(frame))
        places = {name: number for number, name in enumerate(self.classes)}
        return np.array([places[str(name)] for name in predicted.tolist()], dtype=np.int64)

    def probabilities(self, frame: pl.DataFrame) -> NDArray[np.float64] | None:
        """float64 of shape (n_rows, n_classes); None for a classifier that gives none.

        Raises
        ------
        FitError
            It can't predict these rows.
        """
        if not hasattr(self.pipeline, "predict_proba"):
            return None
        with _watched(self.warnings):
            shares = self.pipeline.predict_proba(model_input(frame))
        return np.asarray(shares, dtype=np.float64)


def fit_model(
    project: Project, spec: ModelSpec, train: pl.DataFrame, label: pl.Series
) -> FittedModel:
    """Fit model code on rows, in their order.

    Raises
    ------
    FitError
        The classifier does not take the rows, or the project is `cached_only`.
    ModelError
        The classifier or one of its parameters does not exist.
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
            began = time.perf_counter()  # what is imported for the first fit is no part of it
            pipeline.fit(frame, classes)
            seconds = time.perf_counter() - began
    except FitError as error:
        if isinstance(error.__cause__, InvalidParameterError):
            raise ModelError(f"chameleon.toml, [model] params: {error.__cause__}") from error
        raise
    return FittedModel(pipeline, seconds, warned)


@contextmanager
def _watched(warned: list[str]) -> Iterator[None]:
    """Collect what a classifier warns of, and raise its errors as FitError."""
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


def _first_line(told: Warning | BaseException | str) -> str:
    lines = str(told).strip().splitlines()
    return lines[0] if lines else type(told).__name__


def model_input(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as models take it: infinities count as missing."""
    finite = [
        pl.when(named(name).is_finite()).then(named(name)).fill_null(float("nan")).alias(name)
        for name, dtype in frame.schema.items()
        if dtype != pl.String
    ]
    return frame.with_columns(finite)


def usable_features(dataset: EvolvingDataset, rows: NDArray[np.integer]) -> list[int]:
    """Features with any value in these rows; free text is none."""
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
    """An array that comes of fits, cached by what it is made of.

    Parameters
    ----------
    kind, name
        What it holds: in one word for its folder, and as messages name it.
    made_of
        What decides it, beside the recipe and scikit-learn's release: bytes, or JSON.
    find
        Finds it; what that raises leaves nothing in the cache.

    Raises
    ------
    FitError
        It isn't cached, and the project is `cached_only`.
    """
    key = digest(*made_of, RECIPE, release_of("scikit-learn"))
    target = project.results_folder / f"{kind}-{key}"
    cached: NDArray[Any] | None = read_parts(target, name, lambda parts: parts["values"])
    if cached is None:
        if project.cached_only:
            raise FitError("The fits aren't cached, and this process makes none.")
        cached = find()
        write_parts(target, {"values": cached}, keep=_KEPT_ARRAYS)
    return cached


def cached_model(path: Path, fit: Callable[[], FittedModel], *, keep: int) -> FittedModel:
    """The model cached in this user's folder, else the one that `fit` returns, which is cached."""
    model = read_folder(path, _read_model, "model")
    if model is not None:
        return model
    model = fit()
    if model.is_custom:  # its code may change while its name stays
        return model
    # one that skops cannot write is fitted again when it is asked again
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
