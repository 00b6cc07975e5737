"""The predictions of every version's model for every row: fitted, cached, shipped, or external."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.metadata import version as release_of
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.counting import UNKNOWN, outcome_codes
from chameleon.data import SPLITS, EvolvingDataset, evolving_dataset
from chameleon.errors import ModelError
from chameleon.layout import Layout, cached_layout, pca_layout
from chameleon.models.external import (
    external_description,
    external_fingerprints,
    external_predictions,
    has_external_predictions,
)
from chameleon.models.fitting import Fitter
from chameleon.models.predictions import METRICS, SCORES_SCHEMA, Predictions, Score, scores
from chameleon.models.shipping import read_shipped
from chameleon.models.trainer import RECIPE
from chameleon.project import Finding, Project, Severity, with_damage
from chameleon.storage import (
    Progress,
    ProgressCallback,
    digest,
    noted_damage,
    read_parts,
    write_parts,
)

FORMAT = 4
"""Raised whenever evaluating changes, so that cached evaluations are made again."""

_ARRAYS = ("predicted", "outcome", "probability_of_label", "probability_of_prediction")
_NOT_CACHED = Finding(
    Severity.WARNING,
    "The results couldn't be cached: the disk is full, or neither .chameleon in the project folder "
    "nor the user's cache folder can be written. They are correct, but will be computed again at "
    "the next opening. Free some space, or allow writing.",
)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Evaluation:
    """The predictions of every version's model for every row of the timeline.

    `key` is a digest of the data and of the source of the predictions, which `model` names in one
    line. `classes` are the dataset's, then predicted ones that never occur as a label. Arrays have
    shape (n_versions, n_rows): `predicted` is int16, an index into `classes`, -1 where missing;
    `outcome` is uint8, CORRECT, INCORRECT or UNKNOWN (index in OUTCOMES); probabilities are
    float32, NaN where unknown. `scores` has version, split, metric, value, reason: each version's
    model on that version's own rows. `fitted` are the versions whose models were fitted by the call
    that returned this, `findings` those of the project, its data, and its models, and `seconds` the
    durations of fits by version name, where known. `origin` is "external", "shipped", or "cached".
    """

    dataset: EvolvingDataset
    key: str
    classes: tuple[str, ...]
    predicted: NDArray[np.int16]
    outcome: NDArray[np.uint8]
    probability_of_label: NDArray[np.float32]
    probability_of_prediction: NDArray[np.float32]
    scores: pl.DataFrame
    model: str
    fitted: tuple[str, ...]
    findings: tuple[Finding, ...]
    layout: Layout | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    origin: str = "cached"

    @property
    def has_outcomes(self) -> bool:
        """Return True if any outcome is known."""
        return bool((self.outcome != UNKNOWN).any())


def evaluate(project: Project, *, progress: ProgressCallback | None = None) -> Evaluation:
    """The predictions of each version's model for every row: cached, read, or newly fitted.

    The one estimator of chameleon.toml, or a version's own, is fitted on the labeled train rows of
    every version, in the dataset's order, with one seed and one thread. Where the project has a
    folder `predictions/` or names columns under [predictions], these are read and nothing is
    fitted. Results are cached by the content they were made from: opening again fits nothing, an
    appended version fits one model, another parameter fits all. A project may ship with its results
    in a folder `evaluation/` (`python -m chameleon.models.shipping`), which are used as long as
    rows and model code are the same. ModelError if
    the classifier can't be used, or if the project is `cached_only` and nothing is cached;
    VersionError if a file changed since the project was opened.
    """
    dataset = evolving_dataset(project, progress=progress)
    return dataset_evaluation(dataset, progress=progress)


def dataset_evaluation(
    dataset: EvolvingDataset, *, progress: ProgressCallback | None = None
) -> Evaluation:
    """The evaluation of a project whose dataset was read; see `evaluate`."""
    key = evaluation_key(dataset)
    folder = dataset.project.results_folder
    target = folder / f"evaluation-{key}"
    with noted_damage() as damaged:
        build = partial(_built, dataset, key)
        external = has_external_predictions(dataset.project)
        origin = "external" if external else "cached"
        made = read_parts(target, "evaluation", build)
        if made is None and not external:
            made = read_shipped(dataset, build)
            origin = "cached" if made is None else "shipped"
        if made is None and dataset.project.cached_only:
            raise ModelError(
                f"The results of {dataset.project.name} aren't cached: the disk refused or damaged "
                "them. Try again later."
            )
        if made is None:
            made = _evaluated(dataset, key, folder, progress)
            if not _write(target, made):
                made = replace(made, findings=(*made.findings, _NOT_CACHED))
        layout = cached_layout(dataset) or pca_layout(dataset)
    found = with_damage(made.findings, damaged)
    return replace(made, layout=layout, findings=found, origin=origin)


def without_predictions(dataset: EvolvingDataset) -> Evaluation:
    """An evaluation in which every outcome is unknown, to view the data before models exist."""
    made = _assembled(dataset, f"data-{dataset.key}", {}, "No model yet", ())
    return replace(made, layout=cached_layout(dataset) or pca_layout(dataset))


def evaluation_key(dataset: EvolvingDataset) -> str:
    """A digest of the data and of all that decides the predictions."""
    project = dataset.project
    code = project.settings.model_code(version.name for version in dataset.versions)
    maker: object = (
        external_fingerprints(project)
        if has_external_predictions(project)
        else [*code, RECIPE, release_of("scikit-learn")]
    )
    return digest(FORMAT, dataset.key, maker)


def _evaluated(
    dataset: EvolvingDataset, key: str, folder: Path, progress: ProgressCallback | None
) -> Evaluation:
    if has_external_predictions(dataset.project):
        external, findings = external_predictions(dataset)
        return _assembled(dataset, key, external, external_description(dataset.project), findings)
    fitter = Fitter(dataset, folder)
    found: dict[str, Predictions] = {}
    for number, version in enumerate(dataset.versions):
        if progress is not None:
            progress(Progress("Fitting", version.name, number, len(dataset.versions)))
        predictions = fitter.predictions(version)
        if predictions is not None:
            found[version.name] = predictions
    made = _assembled(dataset, key, found, fitter.description, tuple(fitter.failures))
    return replace(made, fitted=tuple(fitter.fitted), seconds=fitter.seconds)


def _assembled(
    dataset: EvolvingDataset,
    key: str,
    by_version: Mapping[str, Predictions],
    model: str,
    findings: tuple[Finding, ...],
) -> Evaluation:
    shape = (len(dataset.versions), dataset.row_count)
    extra = {name for of in by_version.values() for name in of.classes} - set(dataset.classes)
    classes = (*dataset.classes, *sorted(extra))
    predicted = np.full(shape, -1, dtype=np.int16)
    of_label = np.full(shape, np.nan, dtype=np.float32)
    of_prediction = np.full(shape, np.nan, dtype=np.float32)
    table: list[tuple[str, str, str, float | None, str | None]] = []
    for number, version in enumerate(dataset.versions):
        found = by_version.get(version.name)
        if found is not None:
            places = np.array([*(classes.index(c) for c in found.classes), -1], dtype=np.int16)
            predicted[number] = places[found.predicted]
            of_label[number] = found.probability_of(dataset.label, classes)
            of_prediction[number] = found.probability_of(predicted[number], classes)
        table += _score_rows(dataset, number, found, predicted[number], classes)
    return Evaluation(
        dataset=dataset,
        key=key,
        classes=classes,
        predicted=predicted,
        outcome=outcome_codes(predicted, dataset.label),
        probability_of_label=of_label,
        probability_of_prediction=of_prediction,
        scores=pl.DataFrame(table, schema=SCORES_SCHEMA, orient="row"),
        model=model,
        fitted=(),
        findings=(*dataset.project.findings, *dataset.findings, *findings),
    )


def _score_rows(
    dataset: EvolvingDataset,
    number: int,
    predictions: Predictions | None,
    predicted: NDArray[np.int16],
    classes: tuple[str, ...],
) -> Iterator[tuple[str, str, str, float | None, str | None]]:
    own = dataset.rows_of(number)
    for code, split in enumerate(SPLITS):
        rows = own[dataset.split[own] == code]
        if predictions is None and len(rows):
            found = dict.fromkeys(METRICS, Score(None, "the version has no model"))
        else:
            shares = None if predictions is None else predictions.probabilities_of_rows(rows)
            model_classes = () if predictions is None else predictions.classes
            found = scores(dataset.label[rows], predicted[rows], shares, classes, model_classes)
        for metric, score in found.items():
            yield dataset.versions[number].name, split.value, metric, score.value, score.reason


def _write(target: Path, evaluation: Evaluation) -> bool:
    own = len(evaluation.dataset.project.findings) + len(evaluation.dataset.findings)
    meta = {
        "classes": evaluation.classes,
        "model": evaluation.model,
        "seconds": dict(evaluation.seconds),
        "problems": [asdict(finding) for finding in evaluation.findings[own:]],
    }
    arrays = {name: getattr(evaluation, name) for name in _ARRAYS}
    return write_parts(target, {**arrays, "scores": evaluation.scores, "meta": meta})


def _built(dataset: EvolvingDataset, key: str, parts: Mapping[str, Any]) -> Evaluation:
    meta = parts["meta"]
    findings = (Finding.kept(entry) for entry in meta["problems"])
    return Evaluation(
        dataset=dataset,
        key=key,
        classes=tuple(meta["classes"]),
        scores=parts["scores"],
        model=meta["model"],
        fitted=(),
        findings=(*dataset.project.findings, *dataset.findings, *findings),
        seconds=meta["seconds"],
        **{name: parts[name] for name in _ARRAYS},
    )
