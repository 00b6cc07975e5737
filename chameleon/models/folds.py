"""What a version's model code says of train rows that it was not fitted on.

The rows are dealt into folds; for each fold its pipeline is fitted on the others and
asked about this one. What every fold said is kept on disk, so that a run that was cut off goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chameleon.models.evaluation import Evaluation
from chameleon.models.external import external_predictions, has_external_predictions
from chameleon.models.fitting import Fitter
from chameleon.models.pipelines import unfitted_pipeline
from chameleon.models.predictions import Predictions
from chameleon.models.trainer import (
    FitError,
    cached_array,
    fit_model,
    training_key,
    usable_features,
)
from chameleon.project import ModelSpec
from chameleon.storage import Progress, ProgressCallback


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Probabilities of rows, each by a model that was fitted without it.

    Attributes
    ----------
    rows
        The rows that were judged.
    probabilities
        float64 of shape (n_rows, n_classes), by the evaluation's classes; each row adds up to 1.
    left_out
        How many rows cannot be judged, because no other row that a model could learn from has
        their class.
    fitted
        How many models were fitted, and not read from what was kept.
    note
        Why nothing was judged, or None.
    """

    rows: NDArray[np.intp]
    probabilities: NDArray[np.float64]
    left_out: int
    fitted: int
    note: str | None = None


def gives_probabilities(spec: ModelSpec) -> bool:
    """Whether a classifier tells probabilities, and not classes alone.

    Raises
    ------
    ModelError
        The classifier or one of its parameters does not exist.
    """
    return hasattr(unfitted_pipeline(spec, ["x"], []), "predict_proba")


def version_predictions(evaluation: Evaluation, name: str) -> tuple[Predictions | None, int]:
    """The predictions of a version's model, or external ones, for every row; models fitted.

    None where there are none. The model is fitted where it is not cached: an evaluation that came
    with the project holds no model.
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
    """What models say of labelled rows that they were not fitted on.

    Folds hold every class alike, and rows of one instance or with the same features are in one.

    Parameters
    ----------
    rows
        Row numbers; all have a label.
    spec
        The model code to fit.
    progress
        Called before every fit; what it raises ends the work.
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
    # a class that the fold's model never saw has no chance: that says nothing against the label
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
    their first row) are dealt out in turn, in an order drawn with the seed.
    """
    group = _joined(instance, content)
    _, first, of_row = np.unique(group, return_index=True, return_inverse=True)
    drawn = np.random.default_rng(seed).permutation(len(first))
    by_class = drawn[np.argsort(label[first][drawn], kind="stable")]
    fold = np.empty(len(first), dtype=np.intp)
    fold[by_class] = np.arange(len(first)) % max(min(folds, len(first)), 1)
    return fold[of_row]


def _joined(one: NDArray[np.int32], other: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Numbers of the groups in which rows hang together by either key."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = (np.unique(key, return_inverse=True)[1] for key in (one, other))
    width = int(left.max(initial=-1)) + 1
    size = width + int(right.max(initial=-1)) + 1
    edges = coo_array((np.ones(len(left), dtype=np.bool_), (left, right + width)), (size, size))
    component: NDArray[np.intp] = connected_components(edges, directed=False)[1][left]
    return component


class _Folds:
    """Fits a fold's model and asks it, or reads the cached probabilities."""

    def __init__(self, evaluation: Evaluation, spec: ModelSpec) -> None:
        self._dataset = evaluation.dataset
        self._classes = evaluation.classes
        self._spec = spec
        self.fitted = 0

    def probabilities(self, rows: NDArray[np.intp], asked: NDArray[np.intp]) -> NDArray[np.float64]:
        """float64 of shape (n_asked, n_classes), NaN for classes without a row.

        Raises
        ------
        FitError
            There is no model; the message says why.
        """
        dataset = self._dataset
        if np.unique(dataset.label[rows]).size < 2:
            raise FitError("without a fold's rows less than two classes are left to learn from")
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
                f"{name} could not be fitted on a part of the train rows: {error}"
            ) from error
        self.fitted += 1
        try:
            shares = model.probabilities(dataset.feature_frame(asked, features))
        except FitError as error:
            raise FitError(f"{name} cannot predict a part of the train rows") from error
        found = np.full((len(asked), len(self._classes)), np.nan)
        found[:, [self._classes.index(name) for name in model.classes]] = shares
        return found
