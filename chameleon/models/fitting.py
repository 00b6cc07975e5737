"""Fitting each version's model, and asking it about every row of the timeline."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version as release_of
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import SPLITS, BinKind, EvolvingDataset, content_digest
from chameleon.errors import ModelError
from chameleon.models.pipelines import NATIVE_CATEGORIES, RECIPE, unfitted_pipeline
from chameleon.models.prediction_cache import Kept, read_kept, read_model, write_model
from chameleon.models.predictions import Says
from chameleon.project import ModelSpec, Problem, Project, Severity, Split, Version, named
from chameleon.storage import digest, tidy, write_folder

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

MODEL_ERRORS = (
    ValueError,
    TypeError,
    IndexError,
    ArithmeticError,
    np.linalg.LinAlgError,
    MemoryError,
)
"""What a classifier raises when it does not get along with the data."""

_KEPT_PER_VERSION = 3
"""So many models are kept for every version of the timeline before the oldest leave."""


class Fitter:
    """Fits and asks one version's model after the other.

    Attributes
    ----------
    fitted
        The versions whose models had to be fitted.
    failures
        Why some versions have no model.
    seconds
        How long the fit of a version's model took, by version name, where that is known.
    """

    def __init__(self, dataset: EvolvingDataset, folder: Path) -> None:
        self._dataset = dataset
        self._folder = folder
        self._settings = dataset.project.settings
        self._spec = self._settings.model  # of the version that is asked about
        self._hashes = dataset.content_hashes()
        self._warnings: list[str] = []
        self.fitted: list[str] = []
        self.failures: list[Problem] = []
        self.seconds: dict[str, float] = {}

    @property
    def description(self) -> str:
        """The fixed model code in one line, and the versions with one of their own."""
        names = [version.name for version in self._dataset.versions]
        own = [
            f"; version {name}: {_words(spec)}"
            for name, spec in self._settings.own_models.items()
            if name in names
        ]
        release = f", scikit-learn {release_of('scikit-learn')}"
        return _words(self._settings.model) + "".join(own) + release

    def says(self, version: Version) -> Says | None:
        """What the version's model says of every row; None where it can have no model."""
        made_of = self._made_of(version)
        if made_of is None:
            return None
        key, features, train, label = made_of
        target = self._folder / f"model-{key}"
        kept = read_kept(target)
        unseen = self._hashes if kept is None else np.setdiff1d(self._hashes, kept.hashes)
        self._warn_of_merged(train)
        for warning in () if kept is None else kept.warnings:
            self._note(warning)
        if kept is not None and kept.seconds is not None:
            self.seconds[version.name] = kept.seconds
        if kept is not None and not unseen.size:
            return kept.says(self._hashes)
        self._warnings.clear()
        pipeline = self._model(key, version, train, label)
        if pipeline is None:
            return None
        try:
            seconds = self.seconds.get(version.name)
            kept = self._asked(pipeline, features, np.unique(unseen), kept, seconds)
        except MODEL_ERRORS as error:
            self._fail(
                version,
                f"has no predictions: {self._spec.estimator} was fitted but cannot predict all "
                f"rows: {_first_line(error)}",
            )
            return None
        tidy(self._folder, "model", keep=_KEPT_PER_VERSION * len(self._dataset.versions))
        write_folder(target, kept.write)
        return kept.says(self._hashes)

    def says_of(self, version: Version, name: str, frame: pl.DataFrame) -> Says | None:
        """What the version's model says of rows that are no rows of the timeline.

        Parameters
        ----------
        name
            A name of the rows by their content, under which the answer is kept.
        frame
            Their features as `EvolvingDataset.feature_frame` gives them, all of them.
        """
        made_of = self._made_of(version)
        if made_of is None:
            return None
        key, features, train, label = made_of
        target = self._folder / f"asked-{digest(key, name)}"
        places = np.arange(len(frame), dtype=np.uint64)
        kept = read_kept(target)
        if kept is None or len(kept.hashes) != len(frame):
            pipeline = self._model(key, version, train, label)
            if pipeline is None:
                return None
            wanted = [self._dataset.features[number].name for number in features]
            try:
                kept = self._answer(pipeline, frame.select(named(*wanted)), places, None)
            except MODEL_ERRORS as error:
                self._fail(version, f"says nothing of other rows: {_first_line(error)}")
                return None
            tidy(self._folder, "asked", keep=_KEPT_PER_VERSION * len(self._dataset.versions))
            write_folder(target, kept.write)
        return kept.says(places)

    def _made_of(self, version: Version) -> tuple[str, list[int], pl.DataFrame, pl.Series] | None:
        """The key of the version's model, its features, and its train rows and labels."""
        self._spec = self._settings.model_of(version.name)
        rows = self._train_rows(version)
        if rows is None:
            return None
        features = usable_features(self._dataset, rows)
        train = self._dataset.feature_frame(rows, features)
        label = self._dataset.labels(rows)
        ids = self._dataset.instance_ids.gather(self._dataset.instance[rows])
        key = digest(
            content_digest([ids, label, *train]),
            asdict(self._spec), RECIPE, release_of("scikit-learn"),
        )  # fmt: skip
        return key, features, train, label

    def _train_rows(self, version: Version) -> NDArray[np.intp] | None:
        """The labelled train rows, in the dataset's order."""
        dataset = self._dataset
        held = dataset.rows_of(dataset.version_number(version.name))
        train = dataset.split[held] == SPLITS.index(Split.TRAIN)
        rows: NDArray[np.intp] = held[train & (dataset.label[held] >= 0)]
        classes = np.unique(dataset.label[rows])
        if classes.size < 2:
            found = f"one class only ('{dataset.classes[classes[0]]}')" if classes.size else "none"
            self._fail(
                version,
                f"has no model: it needs two classes among its labelled train "
                f"rows, found {found}. Its outcomes are unknown.",
            )
            return None
        return rows

    def _model(
        self, key: str, version: Version, train: pl.DataFrame, label: pl.Series
    ) -> Pipeline | None:
        path = self._dataset.project.models_folder / f"model-{key}"
        kept = read_model(path)
        if kept is not None:
            pipeline, self.seconds[version.name] = kept
            return pipeline
        if not train.width:
            self._fail(
                version,
                "has no model: none of its features has a value in its train "
                "rows. Its outcomes are unknown.",
            )
            return None
        numbers = [name for name, dtype in train.schema.items() if dtype != pl.String]
        texts = [name for name, dtype in train.schema.items() if dtype == pl.String]
        with _noted_warnings(self._note):
            unfitted = unfitted_pipeline(self._spec, numbers, texts)
            began = time.perf_counter()  # what is imported for the first fit is no part of it
            pipeline = fit(self._dataset.project, unfitted, train, label)
        if isinstance(pipeline, str):
            self._fail(
                version,
                f"has no model: {self._spec.estimator} could not be fitted on "
                f"its {len(train):,} labelled train rows: {pipeline}",
            )
            return None
        seconds = self.seconds[version.name] = time.perf_counter() - began
        self.fitted.append(version.name)
        write_model(path, pipeline, seconds, keep=_KEPT_PER_VERSION * len(self._dataset.versions))
        return pipeline

    def _asked(
        self,
        pipeline: Pipeline,
        features: list[int],
        unseen: NDArray[np.uint64],
        kept: Kept | None,
        seconds: float | None,
    ) -> Kept:
        """What was kept, and what the model says of rows whose features it was not asked of."""
        first = np.unique(self._hashes, return_index=True)
        rows = first[1][np.isin(first[0], unseen)]
        frame = self._dataset.feature_frame(rows, features)
        new = self._answer(pipeline, frame, self._hashes[rows], seconds)
        return new if kept is None else kept.joined(new)

    def _answer(
        self,
        pipeline: Pipeline,
        frame: pl.DataFrame,
        hashes: NDArray[np.uint64],
        seconds: float | None,
    ) -> Kept:
        from threadpoolctl import threadpool_limits

        frame = model_input(frame)
        classes = tuple(str(name) for name in pipeline.classes_)
        with threadpool_limits(1), _noted_warnings(self._note):
            if hasattr(pipeline, "predict_proba"):
                probabilities = np.asarray(pipeline.predict_proba(frame), dtype=np.float64)
            else:
                probabilities = None
            predicted = _numbered(pipeline.predict(frame), classes)
        return Kept(classes, hashes, predicted, probabilities, tuple(self._warnings), seconds)

    def _fail(self, version: Version, message: str) -> None:
        self.failures.append(
            Problem(Severity.WARNING, f"{version.place} {message}", version.name, version.file)
        )

    def _note(self, said: str) -> None:
        self._warnings.append(said)
        message = f"{self._spec.estimator} warns: {said}"
        if all(problem.message != message for problem in self.failures):
            self.failures.append(Problem(Severity.NOTE, message))

    def _warn_of_merged(self, train: pl.DataFrame) -> None:
        for name in (name for name, dtype in train.schema.items() if dtype == pl.String):
            distinct = train[name].n_unique()
            known = any(problem.column == name for problem in self.failures)
            if distinct > NATIVE_CATEGORIES and not known:
                self.failures.append(
                    Problem(
                        Severity.NOTE,
                        f"Feature '{name}' has {distinct:,} categories: for the model the rarer "
                        f"ones beyond {NATIVE_CATEGORIES} are merged into one.",
                        column=name,
                    )
                )


def model_input(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as models take it: infinities count as missing."""
    finite = [
        pl.when(named(name).is_finite()).then(named(name)).fill_null(float("nan")).alias(name)
        for name, dtype in frame.schema.items()
        if dtype != pl.String
    ]
    return frame.with_columns(finite)


def usable_features(dataset: EvolvingDataset, rows: NDArray[np.intp]) -> list[int]:
    """Features with any value in these rows; free text is none."""
    return [
        number
        for number, feature in enumerate(dataset.features)
        if feature.bins.kind is not BinKind.TEXT
        and (dataset.codes[number, rows] < feature.bins.missing_code).any()
    ]


def fit(
    project: Project, pipeline: Pipeline, train: pl.DataFrame, label: pl.Series
) -> Pipeline | str:
    """The fitted pipeline, or the classifier's own words on why it cannot be fitted."""
    if project.cached_only:
        return "the model isn't cached, and this process fits none for the project"
    from sklearn.utils._param_validation import InvalidParameterError
    from threadpoolctl import threadpool_limits

    try:
        # one thread: more are far slower where cores are shared (scikit-learn issue 30662), and
        # sums in another order would change the last digits
        with threadpool_limits(1):
            return pipeline.fit(model_input(train), label.to_numpy().astype(str))
    except InvalidParameterError as error:
        raise ModelError(f"chameleon.toml, [model] params: {error}") from error
    except MODEL_ERRORS as error:
        return _first_line(error)


def _words(spec: ModelSpec) -> str:
    params = ", ".join(f"{name}={value!r}" for name, value in spec.params.items())
    return f"{spec.estimator}({params})"


def _first_line(error: BaseException) -> str:
    said = str(error).strip().splitlines()
    return said[0] if said else type(error).__name__


@contextmanager
def _noted_warnings(note: Callable[[str], None]) -> Iterator[None]:
    """Hand on what a classifier warns of, instead of printing it where nobody looks."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        note(str(warning.message).strip().splitlines()[0])


def _numbered(predicted: NDArray[np.generic], classes: tuple[str, ...]) -> NDArray[np.int64]:
    places = {name: number for number, name in enumerate(classes)}
    return np.array([places[str(name)] for name in predicted.tolist()], dtype=np.int64)
