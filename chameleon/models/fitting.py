"""The model of every version: fitted where it isn't cached, and its predictions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from importlib.metadata import version as release_of
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import SPLITS, EvolvingDataset, content_digest
from chameleon.models.predictions import CachedPredictions, Predictions, read_predictions
from chameleon.models.trainer import (
    NATIVE_CATEGORIES,
    RECIPE,
    FitError,
    FittedModel,
    cached_model,
    fit_model,
    training_key,
    usable_features,
)
from chameleon.project import Finding, Kind, ModelSpec, Severity, Split, Version, named
from chameleon.storage import digest

_CACHED_PER_VERSION = 3
"""Models cached for every version of the timeline before the oldest are removed."""


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
        rows = self._train_rows(version)
        if rows is None:
            return None
        features = usable_features(self._dataset, rows)
        self._warn_of_merged(rows, features)
        key = training_key(self._dataset, rows, features, self._spec(version))
        target = self._folder / f"model-{key}"
        cached = read_predictions(target)
        if cached is not None:
            self._note(version, cached)
        unseen = self._hashes if cached is None else np.setdiff1d(self._hashes, cached.hashes)
        if cached is not None and not unseen.size:
            return cached.of_hashes(self._hashes)
        hashes, first = np.unique(self._hashes, return_index=True)
        asked = first[np.isin(hashes, unseen)]
        frame = self._dataset.feature_frame(asked, features)
        fresh = self._asked(
            version, rows, features, frame, self._hashes[asked],
            f"has no predictions: {self._spec(version).estimator} was fitted but can't predict "
            "all rows: ",
        )  # fmt: skip
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
        rows = self._train_rows(version)
        if rows is None:
            return None
        features = usable_features(self._dataset, rows)
        key = training_key(self._dataset, rows, features, self._spec(version))
        target = self._folder / f"asked-{digest(key, name)}"
        places = np.arange(len(frame), dtype=np.uint64)
        cached = read_predictions(target)
        if cached is None or len(cached.hashes) != len(frame):
            wanted = [self._dataset.features[number].name for number in features]
            cached = self._asked(
                version, rows, features, frame.select(named(*wanted)), places,
                "can't predict other rows: ",
            )  # fmt: skip
            if cached is None:
                return None
            cached.write(target, keep=self._keep)
        return cached.of_hashes(places)

    def _asked(
        self,
        version: Version,
        rows: NDArray[np.intp],
        features: list[int],
        frame: pl.DataFrame,
        hashes: NDArray[np.uint64],
        failed: str,
    ) -> CachedPredictions | None:
        """The predictions of the version's model for a frame; None, and a finding, without."""
        model = self._model(version, rows, features)
        if model is None:
            return None
        try:
            probabilities, predicted = model.probabilities(frame), model.predicted(frame)
        except FitError as error:
            self._warn(version, model.warnings)
            self._fail(version, f"{failed}{error}")
            return None
        made = CachedPredictions(
            model.classes, hashes, predicted, probabilities, tuple(model.warnings), model.seconds
        )
        self._note(version, made)
        return made

    def _model(
        self, version: Version, rows: NDArray[np.intp], features: list[int]
    ) -> FittedModel | None:
        if not features:
            why = "none of its features has a value in its train rows"
            self._fail(version, f"has no model: {why}. Its outcomes are unknown.")
            return None
        dataset, spec = self._dataset, self._spec(version)
        train, label = dataset.feature_frame(rows, features), dataset.labels(rows)
        # all projects share these models: a digest that a stranger's project can't provoke
        made_of = digest(
            content_digest([label, *train]), asdict(spec), RECIPE, release_of("scikit-learn")
        )
        path = dataset.project.models_folder / f"model-{made_of}"

        def fit() -> FittedModel:
            model = fit_model(dataset.project, spec, train, label)
            self.fitted.append(version.name)
            return model

        try:
            return cached_model(path, fit, keep=self._keep)
        except FitError as error:
            self._warn(version, error.warnings)
            self._fail(
                version,
                f"has no model: {spec.estimator} couldn't be fitted on its {len(train):,} labeled "
                f"train rows: {error}",
            )
            return None

    def _spec(self, version: Version) -> ModelSpec:
        return self._settings.model_of(version.name)

    def _train_rows(self, version: Version) -> NDArray[np.intp] | None:
        """The labeled train rows, in the dataset's order."""
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
        return rows

    def _fail(self, version: Version, message: str) -> None:
        self.failures.append(version.finding(Severity.WARNING, message))

    def _note(self, version: Version, made: CachedPredictions) -> None:
        """Record a model's warnings and the duration of its fit."""
        self._warn(version, made.warnings)
        if made.seconds is not None:
            self.seconds[version.name] = made.seconds

    def _warn(self, version: Version, warned: Iterable[str]) -> None:
        for message in warned:
            note = Finding(Severity.NOTE, f"{self._spec(version).estimator} warns: {message}")
            if note not in self.failures:
                self.failures.append(note)

    def _warn_of_merged(self, rows: NDArray[np.intp], features: list[int]) -> None:
        for number in features:
            name = self._dataset.features[number].name
            if self._dataset.features[number].kind is not Kind.TEXT:
                continue
            distinct = np.unique(self._dataset.values[number][rows]).size  # missing counts as one
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
