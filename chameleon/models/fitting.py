"""The models that are fitted where they aren't cached, and what they predict.

A `Fitter` fits those of the versions. A `Refitter` and the folds of `out_of_fold` fit the same code
on other rows; they are cached fit by fit, so that an interrupted run continues.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version as release_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import SPLITS, EvolvingDataset, content_digest
from chameleon.models.external import external_predictions, has_external_predictions
from chameleon.models.predictions import CachedPredictions, Predictions, read_predictions
from chameleon.models.trainer import (
    NATIVE_CATEGORIES,
    RECIPE,
    FitError,
    FittedModel,
    cached_array,
    cached_model,
    fit_model,
    training_key,
    unfitted_pipeline,
    usable_features,
)
from chameleon.project import Finding, Kind, ModelSpec, Severity, Split, Version, named
from chameleon.storage import Progress, ProgressCallback, digest

if TYPE_CHECKING:
    from chameleon.models.evaluation import Evaluation

_CACHED_PER_VERSION = 3
"""Models cached for every version of the timeline before the oldest are removed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """All that decides the model of a version, and a digest of it."""

    version: Version
    spec: ModelSpec
    rows: NDArray[np.intp]
    features: list[int]
    key: str


class Fitter:
    """Fits one version's model after the other and predicts rows with it.

    `fitted` are the versions whose models were fitted, `failures` the findings about the models,
    and `seconds` the duration of the fit of a version's model, by version name, where known.
    """

    def __init__(self, dataset: EvolvingDataset, folder: Path) -> None:
        self._dataset = dataset
        self._folder = folder
        self._settings = dataset.project.settings
        self._hashes = dataset.content_hashes()
        self._keep = _CACHED_PER_VERSION * len(dataset.versions)
        self.fitted: list[str] = []
        self.failures: list[Finding] = []
        self.seconds: dict[str, float] = {}

    @property
    def description(self) -> str:
        """The fixed model code in one line, and the versions with other code."""
        names = [version.name for version in self._dataset.versions]
        own = [
            f"; version {name}: {_description(spec)}"
            for name, spec in self._settings.own_models.items()
            if name in names
        ]
        release = f", scikit-learn {release_of('scikit-learn')}"
        return _description(self._settings.model) + "".join(own) + release

    def predictions(self, version: Version) -> Predictions | None:
        """The model's predictions for every row; None for a version without a model."""
        fit = self._fit_of(version)
        if fit is None:
            return None
        self._warn_of_merged(fit)
        target = self._folder / f"model-{fit.key}"
        cached = read_predictions(target)
        if cached is not None:
            self._note(version, cached)
        unseen = self._hashes if cached is None else np.setdiff1d(self._hashes, cached.hashes)
        if cached is not None and not unseen.size:
            return cached.of_hashes(self._hashes)
        hashes, first = np.unique(self._hashes, return_index=True)
        asked = first[np.isin(hashes, unseen)]
        frame = self._dataset.feature_frame(asked, fit.features)
        failed = f"has no predictions: {fit.spec.estimator} was fitted but can't predict all rows: "
        fresh = self._asked(fit, frame, self._hashes[asked], failed)
        if fresh is None:
            return None
        cached = fresh if cached is None else cached.joined(fresh)
        cached.write(target, keep=self._keep)
        return cached.of_hashes(self._hashes)

    def predict_frame(self, version: Version, name: str, frame: pl.DataFrame) -> Predictions | None:
        """The model's predictions for rows outside the timeline.

        `frame` has all their features, as `EvolvingDataset.feature_frame` gives them; `name`
        identifies their content, under which the predictions are cached.
        """
        fit = self._fit_of(version)
        if fit is None:
            return None
        target = self._folder / f"asked-{digest(fit.key, name)}"
        places = np.arange(len(frame), dtype=np.uint64)
        cached = read_predictions(target)
        if cached is None or len(cached.hashes) != len(frame):
            wanted = [self._dataset.features[number].name for number in fit.features]
            cached = self._asked(
                fit, frame.select(named(*wanted)), places, "can't predict other rows: "
            )
            if cached is None:
                return None
            cached.write(target, keep=self._keep)
        return cached.of_hashes(places)

    def _fit_of(self, version: Version) -> _Fit | None:
        """The model code, and the labeled train rows in the dataset's order."""
        dataset = self._dataset
        held = dataset.rows_of(dataset.version_number(version.name))
        train = dataset.split[held] == SPLITS.index(Split.TRAIN)
        rows: NDArray[np.intp] = held[train & (dataset.label[held] >= 0)]
        classes = np.unique(dataset.label[rows])
        if classes.size < 2:
            found = f"one class only ('{dataset.classes[classes[0]]}')" if classes.size else "none"
            self._fail(
                version,
                f"has no model: it needs two classes among its labeled train rows, found {found}. "
                "Its outcomes are unknown.",
            )
            return None
        features = usable_features(dataset, rows)
        spec = self._settings.model_of(version.name)
        return _Fit(version, spec, rows, features, training_key(dataset, rows, features, spec))

    def _asked(
        self, fit: _Fit, frame: pl.DataFrame, hashes: NDArray[np.uint64], failed: str
    ) -> CachedPredictions | None:
        """The predictions of the version's model for a frame; None, and a finding, without."""
        model = self._model(fit)
        if model is None:
            return None
        try:
            probabilities, predicted = model.probabilities(frame), model.predicted(frame)
        except FitError as error:
            self._warn(fit.version, model.warnings)
            self._fail(fit.version, f"{failed}{error}")
            return None
        made = CachedPredictions(
            model.classes, hashes, predicted, probabilities, tuple(model.warnings), model.seconds
        )
        self._note(fit.version, made)
        return made

    def _model(self, fit: _Fit) -> FittedModel | None:
        version, spec, dataset = fit.version, fit.spec, self._dataset
        if not fit.features:
            why = "none of its features has a value in its train rows"
            self._fail(version, f"has no model: {why}. Its outcomes are unknown.")
            return None
        train, label = dataset.feature_frame(fit.rows, fit.features), dataset.labels(fit.rows)
        # all projects share these models: a digest that a stranger's project can't provoke
        made_of = digest(
            content_digest([label, *train]), asdict(spec), RECIPE, release_of("scikit-learn")
        )
        path = dataset.project.models_folder / f"model-{made_of}"

        def fitted() -> FittedModel:
            model = fit_model(dataset.project, spec, train, label)
            self.fitted.append(version.name)
            return model

        try:
            return cached_model(path, fitted, keep=self._keep)
        except FitError as error:
            self._warn(version, error.warnings)
            self._fail(
                version,
                f"has no model: {spec.estimator} couldn't be fitted on its {len(train):,} labeled "
                f"train rows: {error}",
            )
            return None

    def _fail(self, version: Version, message: str) -> None:
        self.failures.append(version.finding(Severity.WARNING, message))

    def _note(self, version: Version, made: CachedPredictions) -> None:
        """Record a model's warnings and the duration of its fit."""
        self._warn(version, made.warnings)
        if made.seconds is not None:
            self.seconds[version.name] = made.seconds

    def _warn(self, version: Version, warned: Iterable[str]) -> None:
        for message in warned:
            estimator = self._settings.model_of(version.name).estimator
            note = Finding(Severity.NOTE, f"{estimator} warns: {message}")
            if note not in self.failures:
                self.failures.append(note)

    def _warn_of_merged(self, fit: _Fit) -> None:
        for number in fit.features:
            name = self._dataset.features[number].name
            if self._dataset.features[number].kind is not Kind.TEXT:
                continue
            values = self._dataset.values[number][fit.rows]
            distinct = np.unique(values).size  # missing counts as one
            known = any(finding.column == name for finding in self.failures)
            if distinct > NATIVE_CATEGORIES and not known:
                message = (
                    f"Feature '{name}' has {distinct:,} categories: for the model the rarer ones "
                    f"beyond {NATIVE_CATEGORIES} are merged into one."
                )
                self.failures.append(Finding(Severity.NOTE, message, column=name))


def _description(spec: ModelSpec) -> str:
    params = ", ".join(f"{name}={value!r}" for name, value in spec.params.items())
    return f"{spec.estimator}({params})"


class _Refits:
    """Fits model code on any rows, and caches what these models predict.

    `fitted` counts the models that were fitted rather than read from the cache.
    """

    def __init__(self, evaluation: Evaluation, spec: ModelSpec) -> None:
        self._dataset = evaluation.dataset
        self._classes = evaluation.classes
        self._spec = spec
        self.fitted = 0

    def _features(self, rows: NDArray[np.integer]) -> list[int]:
        features = usable_features(self._dataset, rows)
        if not features:
            raise FitError("no feature has a value in the train rows")
        return features

    def _model(self, rows: NDArray[np.integer], features: list[int]) -> FittedModel:
        dataset, places = self._dataset, rows.astype(np.intp)
        train = dataset.feature_frame(places, features)
        return fit_model(dataset.project, self._spec, train, dataset.labels(places))

    def _codes(self, model: FittedModel) -> NDArray[np.int16]:
        """The evaluation's class of each of the model's."""
        return np.array([self._classes.index(name) for name in model.classes], dtype=np.int16)

    def _cached(
        self,
        kind: tuple[str, str],
        rows: NDArray[np.integer],
        asked: NDArray[np.intp],
        find: Callable[[list[int]], NDArray[Any]],
    ) -> NDArray[Any]:
        """The array of `find`, which gets the features; FitError without a model.

        `kind` is its content in one word for its folder, and as messages name it.
        """
        dataset = self._dataset
        if np.unique(dataset.label[rows]).size < 2:
            raise FitError("without a fold's rows, fewer than two classes are left to fit")
        features = self._features(rows)
        key = training_key(dataset, rows, features, self._spec)
        made_of = (key, dataset.content_hashes()[asked].tobytes(), self._classes)
        return cached_array(dataset.project, *kind, made_of, lambda: find(features))


class Refitter(_Refits):
    """Predicts the rows `asked` by models fitted on any rows; the project's code by default."""

    def __init__(
        self, evaluation: Evaluation, asked: NDArray[np.int32], spec: ModelSpec | None = None
    ) -> None:
        super().__init__(evaluation, spec or evaluation.dataset.project.settings.model)
        self._asked = asked.astype(np.intp)

    def predicted(self, rows: NDArray[np.int32]) -> NDArray[np.int16] | None:
        """The predictions of a model fitted on these rows; None without a model.

        Rows may repeat. As for a version's own model, only labeled ones count, in the dataset's
        order.
        """
        rows = np.sort(rows[self._dataset.label[rows] >= 0])

        def find(features: list[int]) -> NDArray[np.int16]:
            model = self._model(rows, features)
            self.fitted += 1
            predicted = model.predicted(self._dataset.feature_frame(self._asked, features))
            return self._codes(model)[predicted]

        try:
            return self._cached(("refit", "refit"), rows, self._asked, find)
        except FitError:
            return None

    def seconds(self, rows: NDArray[np.int32], most: int) -> float | None:
        """The expected duration of a fit on these rows, measured on at most `most` of them.

        The time is assumed to grow with the rows. None without a model.
        """
        rows = rows[self._dataset.label[rows] >= 0]
        some = rows[:: max(1, -(-len(rows) // most))]
        try:
            return self._model(some, self._features(some)).seconds * len(rows) / len(some)
        except FitError:
            return None


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Probabilities of rows, each by a model that was fitted without it.

    `probabilities` is float64 of shape (n_rows, n_classes), by the evaluation's classes; each row
    adds up to 1. `left_out` counts the rows that can't be judged, because no other train row has
    their class; `fitted` the models that were fitted rather than read from the cache; `note` is the
    reason if nothing was judged.
    """

    rows: NDArray[np.intp]
    probabilities: NDArray[np.float64]
    left_out: int
    fitted: int
    note: str | None = None


def gives_probabilities(spec: ModelSpec) -> bool:
    """Return True if a classifier predicts probabilities, not only classes."""
    return hasattr(unfitted_pipeline(spec, ["x"], []), "predict_proba")


def version_predictions(evaluation: Evaluation, name: str) -> tuple[Predictions | None, int]:
    """The predictions of a version's model, or external ones, for every row; models fitted.

    None without any. The model is fitted where it is not cached: a shipped evaluation has no model.
    """
    dataset = evaluation.dataset
    if has_external_predictions(dataset.project):
        return external_predictions(dataset)[0].get(name), 0
    version = dataset.versions[dataset.version_number(name)]
    fitter = Fitter(dataset, dataset.project.results_folder)
    return fitter.predictions(version), len(fitter.fitted)


def out_of_fold(
    evaluation: Evaluation,
    rows: NDArray[np.intp],
    *,
    spec: ModelSpec,
    folds: int,
    seed: int,
    progress: ProgressCallback | None = None,
) -> OutOfFold:
    """Probabilities of labeled rows by models that were not fitted on them.

    Folds have the same share of every class, and rows of one instance or with the same features are
    in one fold. `progress` is called before every fit; an error in it stops the work.
    """
    dataset = evaluation.dataset
    rows = np.sort(rows)
    hashes = dataset.content_hashes()[rows]
    fold = assigned_folds(
        dataset.label[rows], dataset.instance[rows], hashes, folds=folds, seed=seed
    )
    total = int(fold.max(initial=-1)) + 1
    shares = np.full((len(rows), len(evaluation.classes)), np.nan)
    models = _Folds(evaluation, spec)
    for number in range(total):
        if progress is not None:
            progress(Progress("Fitting", f"fold {number + 1}", number, total))
        asked = fold == number
        try:
            shares[asked] = models.probabilities(rows[~asked], rows[asked])
        except FitError as error:
            return OutOfFold(rows[:0], shares[:0], len(rows), models.fitted, str(error))
    # a class that the fold's model never saw has no probability, which isn't evidence of an issue
    own = shares[np.arange(len(rows)), dataset.label[rows]]
    judged = np.isfinite(own)
    shares = np.nan_to_num(shares[judged])
    return OutOfFold(rows[judged], shares, int((~judged).sum()), models.fitted)


def assigned_folds(
    label: NDArray[np.int16],
    instance: NDArray[np.int32],
    content: NDArray[np.uint64],
    *,
    folds: int,
    seed: int,
) -> NDArray[np.intp]:
    """The fold of every row, from 0 on; there are at most as many folds as groups of rows.

    Rows of one instance, and rows of one content, are one group. The groups of a class (that of
    their first row) are assigned in turn, in a random order.
    """
    # scikit-learn's StratifiedGroupKFold takes 1,600 times as long for 64,000 groups (75 s)
    group = _joined(instance, content)
    _, first, of_row = np.unique(group, return_index=True, return_inverse=True)
    drawn = np.random.default_rng(seed).permutation(len(first))
    by_class = drawn[np.argsort(label[first][drawn], kind="stable")]
    fold = np.empty(len(first), dtype=np.intp)
    fold[by_class] = np.arange(len(first)) % max(min(folds, len(first)), 1)
    return fold[of_row]


def _joined(one: NDArray[np.int32], other: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Numbers of the groups of rows that are connected by either key."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = (np.unique(key, return_inverse=True)[1] for key in (one, other))
    width = int(left.max(initial=-1)) + 1
    size = width + int(right.max(initial=-1)) + 1
    edges = coo_array((np.ones(len(left), dtype=np.bool_), (left, right + width)), (size, size))
    component: NDArray[np.intp] = connected_components(edges, directed=False)[1][left]
    return component


class _Folds(_Refits):
    """Predicts the rows of a fold by a model fitted on the others."""

    def probabilities(self, rows: NDArray[np.intp], asked: NDArray[np.intp]) -> NDArray[np.float64]:
        """float64 of shape (n_asked, n_classes), NaN for classes without a row; or FitError."""

        def find(features: list[int]) -> NDArray[np.float64]:
            name = self._spec.estimator
            try:
                model = self._model(rows, features)
            except FitError as error:
                raise FitError(
                    f"{name} couldn't be fitted on a part of the train rows: {error}"
                ) from error
            self.fitted += 1
            try:
                shares = model.probabilities(self._dataset.feature_frame(asked, features))
            except FitError as error:
                raise FitError(f"{name} can't predict a part of the train rows") from error
            found = np.full((len(asked), len(self._classes)), np.nan)
            found[:, self._codes(model)] = shares
            return found

        return self._cached(("fold", "cross-validation fold"), rows, asked, find)
