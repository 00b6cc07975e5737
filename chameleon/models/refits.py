"""The model code fitted on other rows than a version's: refits and cross-validation folds.

Results are cached fit by fit, so that an interrupted run continues.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chameleon.models.evaluation import Evaluation
from chameleon.models.external import external_predictions, has_external_predictions
from chameleon.models.fitting import Fitter
from chameleon.models.predictions import Predictions
from chameleon.models.trainer import (
    FitError,
    FittedModel,
    cached_array,
    fit_model,
    training_key,
    unfitted_pipeline,
    usable_features,
)
from chameleon.project import ModelSpec
from chameleon.storage import Progress, ProgressCallback


class Refitter:
    """Fits model code on any rows and predicts others; the predictions are cached.

    `asked` are the rows to predict, `spec` the model code (the project's by default), and `fitted`
    counts the models that were fitted rather than read from the cache.
    """

    def __init__(
        self, evaluation: Evaluation, asked: NDArray[np.int32], spec: ModelSpec | None = None
    ) -> None:
        self._dataset = evaluation.dataset
        self._classes = evaluation.classes
        self._spec = self._dataset.project.settings.model if spec is None else spec
        self._asked = asked.astype(np.intp)
        self._asked_hashes = self._dataset.content_hashes()[asked].tobytes()
        self.fitted = 0

    def predicted(self, rows: NDArray[np.int32]) -> NDArray[np.int16] | None:
        """The predictions for the asked rows of a model fitted on these; None without a model.

        Rows may repeat. As for a version's own model, only labeled ones count, in the dataset's
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

        made_of = (key, self._asked_hashes, self._classes)
        try:
            return cached_array(dataset.project, "refit", "refit", made_of, find)
        except FitError:
            return None

    def seconds(self, rows: NDArray[np.int32], most: int) -> float | None:
        """The expected duration of a fit on these rows, measured on at most `most` of them.

        The time is assumed to grow with the rows. None without a model.
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


class _Folds:
    """Fits a fold's model and predicts with it, or reads the cached probabilities."""

    def __init__(self, evaluation: Evaluation, spec: ModelSpec) -> None:
        self._dataset = evaluation.dataset
        self._classes = evaluation.classes
        self._spec = spec
        self.fitted = 0

    def probabilities(self, rows: NDArray[np.intp], asked: NDArray[np.intp]) -> NDArray[np.float64]:
        """float64 of shape (n_asked, n_classes), NaN for classes without a row.

        Raises FitError with the reason where there is no model.
        """
        dataset = self._dataset
        if np.unique(dataset.label[rows]).size < 2:
            raise FitError("without a fold's rows, fewer than two classes are left to fit")
        features = usable_features(dataset, rows)
        if not features:
            raise FitError("no feature has a value in the train rows")
        made_of = (
            training_key(dataset, rows, features, self._spec),
            dataset.content_hashes()[asked].tobytes(),
            self._classes,
        )
        return cached_array(
            dataset.project, "fold", "cross-validation fold", made_of,
            lambda: self._fresh(rows, features, asked),
        )  # fmt: skip

    def _fresh(
        self, rows: NDArray[np.intp], features: list[int], asked: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        dataset, name = self._dataset, self._spec.estimator
        train, label = dataset.feature_frame(rows, features), dataset.labels(rows)
        try:
            model = fit_model(dataset.project, self._spec, train, label)
        except FitError as error:
            raise FitError(
                f"{name} couldn't be fitted on a part of the train rows: {error}"
            ) from error
        self.fitted += 1
        try:
            shares = model.probabilities(dataset.feature_frame(asked, features))
        except FitError as error:
            raise FitError(f"{name} can't predict a part of the train rows") from error
        found = np.full((len(asked), len(self._classes)), np.nan)
        found[:, [self._classes.index(name) for name in model.classes]] = shares
        return found
