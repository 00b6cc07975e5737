"""Fitting the fixed model on train sets that no version has, such as half of an iteration."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib.metadata import version as release_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import content_digest
from chameleon.errors import ModelError
from chameleon.models.evaluation import Evaluation
from chameleon.models.fitting import MODEL_ERRORS, fit, model_input, usable_features
from chameleon.models.pipelines import RECIPE, unfitted_pipeline
from chameleon.project import ModelSpec, Project
from chameleon.storage import digest, read_folder, tidy, write_folder

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_KEPT = 400


class Refitter:
    """Fits model code on any rows and asks it about others; what it said is kept.

    Parameters
    ----------
    asked
        The rows to ask about.
    spec
        The model code; the project's fixed one if None.

    Attributes
    ----------
    fitted
        How many models were fitted, and not read from what was kept.
    """

    def __init__(
        self, evaluation: Evaluation, asked: NDArray[np.int32], spec: ModelSpec | None = None
    ) -> None:
        self._evaluation = evaluation
        self._spec = evaluation.dataset.project.settings.model if spec is None else spec
        self._asked = asked
        dataset = evaluation.dataset
        self._folder = dataset.project.results_folder
        self._about = digest(
            dataset.content_hashes()[asked].tobytes(), asdict(self._spec),
            RECIPE, release_of("scikit-learn"), evaluation.classes,
        )  # fmt: skip
        self.fitted = 0

    def predicted(self, rows: NDArray[np.int32]) -> NDArray[np.int16] | None:
        """What a model fitted on these rows says of the asked ones; None where it has no model.

        Rows may repeat. As for a version's own model, only labelled ones count, in the dataset's
        order.
        """
        dataset = self._evaluation.dataset
        rows = np.sort(rows[dataset.label[rows] >= 0])
        if len(np.unique(dataset.label[rows])) < 2:
            return None
        train, label = self._train(rows)
        if not train.width:
            return None
        target = self._folder / f"refit-{digest(content_digest([label, *train]), self._about)}"
        kept: NDArray[np.int16] | None = read_folder(target, _read, "refit")
        if kept is None:
            kept = self._fitted(train, label)
            if kept is None:
                return None
            write_folder(target, _Writing(kept))
            tidy(self._folder, "refit", keep=_KEPT)
        return kept

    def seconds(self, rows: NDArray[np.int32], most: int) -> float | None:
        """How long a fit on these rows may take, by one on at most `most` of them; measured.

        The time is taken to grow with the rows. None where there is no model.
        """
        dataset = self._evaluation.dataset
        rows = rows[dataset.label[rows] >= 0]
        some = rows[:: max(1, -(-len(rows) // most))]
        train, label = self._train(some)
        began = time.perf_counter()
        if not train.width or isinstance(self._pipeline(train, label), str):
            return None
        return (time.perf_counter() - began) * len(rows) / len(some)

    def _fitted(self, train: pl.DataFrame, label: pl.Series) -> NDArray[np.int16] | None:
        from threadpoolctl import threadpool_limits

        dataset = self._evaluation.dataset
        pipeline = self._pipeline(train, label)
        if isinstance(pipeline, str):
            return None
        self.fitted += 1
        features = [dataset.feature_number(name) for name in train.columns]
        frame = model_input(dataset.feature_frame(self._asked.astype(np.intp), features))
        try:
            with threadpool_limits(1):
                said = pipeline.predict(frame)
        except MODEL_ERRORS:
            return None
        places = {name: code for code, name in enumerate(self._evaluation.classes)}
        return np.array([places[str(name)] for name in said.tolist()], dtype=np.int16)

    def _train(self, rows: NDArray[np.int32]) -> tuple[pl.DataFrame, pl.Series]:
        dataset = self._evaluation.dataset
        places = rows.astype(np.intp)
        train = dataset.feature_frame(places, usable_features(dataset, places))
        return train, dataset.labels(places)

    def _pipeline(self, train: pl.DataFrame, label: pl.Series) -> Pipeline | str:
        numbers = [name for name, dtype in train.schema.items() if dtype != pl.String]
        texts = [name for name, dtype in train.schema.items() if dtype == pl.String]
        project = self._evaluation.dataset.project
        return fit(project, unfitted_pipeline(self._spec, numbers, texts), train, label)


def cached_figures(
    project: Project, made_of: Sequence[object], count: int, make: Callable[[], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Figures that come of fits, cached by all that they are made of.

    Parameters
    ----------
    made_of
        What decides the figures, beside scikit-learn's release: bytes, or JSON.
    count
        How many figures there are.

    Raises
    ------
    ModelError
        The project is `cached_only` and they aren't cached.
    """
    folder = project.results_folder
    target = folder / f"figures-{digest(*made_of, RECIPE, release_of('scikit-learn'))}"
    found: NDArray[np.float64] | None = read_folder(target, _read, "figures")
    if found is None:
        if project.cached_only:
            raise ModelError("The fits aren't cached, and this process makes none.")
        found = make()
        write_folder(target, _Writing(found))
        tidy(folder, "figures", keep=_KEPT)
    return found


class _Writing:
    """Writes an array into a folder."""

    def __init__(self, said: NDArray[np.generic]) -> None:
        self._said = said

    def __call__(self, folder: Path) -> None:
        np.save(folder / "predicted.npy", self._said, allow_pickle=False)


def _read(folder: Path) -> NDArray[Any]:
    said: NDArray[Any] = np.load(folder / "predicted.npy", allow_pickle=False)
    return said
