"""What a version's model code says of train rows that it was not fitted on.

The rows are dealt into folds; for each fold its pipeline is fitted on the others and
asked about this one. What every fold said is kept on disk, so that a run that was cut off goes on.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version as release_of
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import content_digest
from chameleon.models.evaluation import Evaluation
from chameleon.models.external import are_given, given_predictions
from chameleon.models.fitting import MODEL_ERRORS, Fitter, fit, model_input, usable_features
from chameleon.models.pipelines import RECIPE, unfitted_pipeline
from chameleon.models.predictions import Says
from chameleon.project import ModelSpec
from chameleon.storage import (
    Progress,
    ProgressCallback,
    digest,
    read_folder,
    tidy,
    write_folder,
)

_KEPT = 200


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


def version_says(evaluation: Evaluation, name: str) -> tuple[Says | None, int]:
    """What a version's model, or what is given for it, says of every row, and how many were fitted.

    None where nothing is said. The model is fitted where it is not kept: an evaluation that came
    with the project holds no model.
    """
    dataset = evaluation.dataset
    if are_given(dataset.project):
        return given_predictions(dataset)[0].get(name), 0
    version = dataset.versions[dataset.version_number(name)]
    fitter = Fitter(dataset, dataset.project.results_folder)
    return fitter.says(version), len(fitter.fitted)


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
    fold = dealt(dataset.label[rows], dataset.instance[rows], hashes, folds=folds, seed=seed)
    total = int(fold.max(initial=-1)) + 1
    shares = np.full((len(rows), len(evaluation.classes)), np.nan)
    work = _Work(evaluation, spec)
    for number in range(total):
        if progress is not None:
            progress(Progress("Fitting", f"fold {number + 1}", number, total))
        asked = fold == number
        said = work.probabilities(rows[~asked], rows[asked], hashes[asked])
        if isinstance(said, str):
            return OutOfFold(rows[:0], shares[:0], len(rows), work.fitted, said)
        shares[asked] = said
    # a class that the fold's model never saw has no chance: that says nothing against the label
    own = shares[np.arange(len(rows)), dataset.label[rows]]
    judged = np.isfinite(own)
    shares = np.nan_to_num(shares[judged])
    return OutOfFold(rows[judged], shares, int((~judged).sum()), work.fitted)


def dealt(
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


class _Work:
    """Fits a fold's model and asks it, or reads what was kept of that."""

    def __init__(self, evaluation: Evaluation, spec: ModelSpec) -> None:
        self._evaluation = evaluation
        self._spec = spec
        self._about = digest(asdict(spec), RECIPE, release_of("scikit-learn"))
        self._folder = evaluation.dataset.project.results_folder
        self.fitted = 0

    def probabilities(
        self, rows: NDArray[np.intp], asked: NDArray[np.intp], hashes: NDArray[np.uint64]
    ) -> NDArray[np.float64] | str:
        """float64 of shape (n_asked, n_classes), NaN for classes without a row; or why not."""
        dataset = self._evaluation.dataset
        label = dataset.labels(rows)
        if label.n_unique() < 2:
            return "without a fold's rows less than two classes are left to learn from"
        train = dataset.feature_frame(rows, usable_features(dataset, rows))
        if not train.width:
            return "no feature has a value in the train rows"
        key = digest(content_digest([label, *train]), hashes.tobytes(), self._about)
        target = self._folder / f"fold-{key}"
        kept = read_folder(target, _read, "cross-validation fold")
        if kept is None:
            made = self._fitted(train, label, asked)
            if isinstance(made, str):
                return made
            kept = made
            write_folder(target, _Writing(*made))
            tidy(self._folder, "fold", keep=_KEPT)
        classes, shares = kept
        places = {name: code for code, name in enumerate(self._evaluation.classes)}
        found = np.full((len(asked), len(places)), np.nan)
        found[:, [places[name] for name in classes]] = shares
        return found

    def _fitted(
        self, train: pl.DataFrame, label: pl.Series, asked: NDArray[np.intp]
    ) -> tuple[tuple[str, ...], NDArray[np.float64]] | str:
        from threadpoolctl import threadpool_limits

        dataset = self._evaluation.dataset
        numbers = [name for name, dtype in train.schema.items() if dtype != pl.String]
        texts = [name for name, dtype in train.schema.items() if dtype == pl.String]
        unfitted = unfitted_pipeline(self._spec, numbers, texts)
        pipeline = fit(dataset.project, unfitted, train, label)
        if isinstance(pipeline, str):
            name = self._spec.estimator
            return f"{name} could not be fitted on a part of the train rows: {pipeline}"
        self.fitted += 1
        features = [dataset.feature_number(name) for name in train.columns]
        try:
            with threadpool_limits(1):
                shares = pipeline.predict_proba(model_input(dataset.feature_frame(asked, features)))
        except MODEL_ERRORS:
            return f"{self._spec.estimator} cannot predict a part of the train rows"
        classes = tuple(str(name) for name in pipeline.classes_)
        return classes, np.asarray(shares, dtype=np.float64)


class _Writing:
    """Writes what a fold's model said into a folder."""

    def __init__(self, classes: tuple[str, ...], shares: NDArray[np.float64]) -> None:
        self._classes = classes
        self._shares = shares

    def __call__(self, folder: Path) -> None:
        np.save(folder / "probabilities.npy", self._shares, allow_pickle=False)
        (folder / "classes.json").write_text(json.dumps(self._classes), encoding="utf-8")


def _read(folder: Path) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    shares = np.load(folder / "probabilities.npy", allow_pickle=False)
    classes = tuple(json.loads((folder / "classes.json").read_text(encoding="utf-8")))
    return classes, shares
