"""The model of every version and what it says of every row: retrained, or read as given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version as release_of
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.counting import UNKNOWN, outcome_codes
from chameleon.data import SPLITS, EvolvingDataset, evolving_dataset
from chameleon.errors import ModelError
from chameleon.layout import Layout, kept_layout, pca_layout
from chameleon.models.external import (
    external_description,
    external_fingerprints,
    external_predictions,
    has_external_predictions,
)
from chameleon.models.fitting import Fitter
from chameleon.models.metrics import METRICS, SCORES_SCHEMA, Score, scores
from chameleon.models.pipelines import RECIPE
from chameleon.models.predictions import Predictions
from chameleon.models.shipped import read_shipped
from chameleon.project import Finding, Project, Severity, Version, with_damage
from chameleon.storage import (
    Progress,
    ProgressCallback,
    digest,
    noted_damage,
    read_parts,
    write_parts,
)

FORMAT = 4
"""Raised whenever evaluating changes, so that evaluations kept on disk are made again."""

_ARRAYS = ("predicted", "outcome", "probability_of_label", "probability_of_prediction")
_NOT_KEPT = Finding(
    Severity.WARNING,
    "The results could not be kept: the disk is full, or neither .chameleon in the project folder "
    "nor the user's cache folder can be written. They are right, but computed again at the next "
    "opening. Make room, or allow writing there.",
)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Evaluation:
    """What the model of every version says of every row of the timeline.

    Attributes
    ----------
    key
        A digest of the data and of what made the predictions; the same key, the same numbers.
    classes
        The dataset's classes, then classes that were predicted but never occur as a label.
    predicted
        int16 of shape (n_versions, n_rows): index into `classes`, -1 where there is none.
    outcome
        uint8 of shape (n_versions, n_rows): CORRECT, INCORRECT or UNKNOWN (index in OUTCOMES).
    probability_of_label, probability_of_prediction
        float32 of shape (n_versions, n_rows), NaN where unknown.
    scores
        version, split, metric, value, reason: each version's model on that version's own rows.
    model
        One line that says what made the predictions.
    fitted
        The versions whose models were fitted by the call that returned this; the rest was kept.
    problems
        What was found wrong with the project, its data and its models.
    layout
        The places of all rows in the plane, for the aggregated embedding.
    seconds
        How long the fit of a version's model took, by version name, where that is known.
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

    @property
    def has_outcomes(self) -> bool:
        """Whether any outcome is known."""
        return bool((self.outcome != UNKNOWN).any())


def evaluate(project: Project, *, progress: ProgressCallback | None = None) -> Evaluation:
    """What each version's model says of every row: kept from before, read, or retrained.

    The one estimator of chameleon.toml, or a version's own, is fitted on the labelled train rows
    of every version, in the dataset's order, with one seed and one thread. Where the project has a
    folder `predictions/` or names columns under [predictions], these are read and nothing is
    trained. Results are kept on disk by the content they were made from: opening again trains
    nothing, an appended version trains one model, another parameter trains all. A project may ship
    with its results in a folder `evaluation/` (`python -m chameleon.models.shipping`); while they
    are of the same rows and the same model code, they are read and nothing is trained.

    Parameters
    ----------
    project
        An opened project.
    progress
        Called before every step, from this thread.

    Raises
    ------
    ModelError
        The classifier or its parameters cannot be used; or the project is `cached_only` and
        nothing is cached.
    VersionError
        A file changed or vanished since the project was opened.
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
        made = _read(target, dataset, key) or _shipped(dataset, key)
        if made is None and dataset.project.cached_only:
            raise ModelError(
                f"The results of {dataset.project.name} aren't cached: the disk refused or damaged "
                "them. Try again later."
            )
        if made is None:
            made = _evaluated(dataset, key, folder, progress)
            if not _write(target, made):
                made = replace(made, findings=(*made.findings, _NOT_KEPT))
        layout = kept_layout(dataset) or pca_layout(dataset)
    return replace(made, layout=layout, findings=with_damage(made.findings, damaged))


def _shipped(dataset: EvolvingDataset, key: str) -> Evaluation | None:
    """The evaluation that came with the project; None where there is none of the same content."""
    found = None if has_external_predictions(dataset.project) else read_shipped(dataset)
    if found is None:
        return None
    return Evaluation(
        dataset=dataset,
        key=key,
        classes=found.classes,
        predicted=found.predicted,
        outcome=outcome_codes(found.predicted, dataset.label),
        probability_of_label=found.probability_of_label,
        probability_of_prediction=found.probability_of_prediction,
        scores=found.scores,
        model=found.model,
        fitted=(),
        findings=(*dataset.project.findings, *dataset.findings, *found.findings),
    )


def without_predictions(dataset: EvolvingDataset) -> Evaluation:
    """An evaluation in which every outcome is unknown, to look at the data before models exist."""
    made = _assembled(dataset, f"data-{dataset.key}", {}, "No model yet", (), ())
    return replace(made, layout=kept_layout(dataset) or pca_layout(dataset))


def evaluation_key(dataset: EvolvingDataset) -> str:
    """A digest of the data and of all that decides what the models say."""
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
        says, findings = external_predictions(dataset)
        model = external_description(dataset.project)
        return _assembled(dataset, key, says, model, (), findings)
    fitter = Fitter(dataset, folder)
    found: dict[str, Predictions] = {}
    for number, version in enumerate(dataset.versions):
        if progress is not None:
            progress(Progress("Fitting", version.name, number, len(dataset.versions)))
        said = fitter.predictions(version)
        if said is not None:
            found[version.name] = said
    made = _assembled(
        dataset, key, found, fitter.description, tuple(fitter.fitted), tuple(fitter.failures)
    )
    return replace(made, seconds=fitter.seconds)


def _assembled(
    dataset: EvolvingDataset,
    key: str,
    says: Mapping[str, Predictions],
    model: str,
    fitted: tuple[str, ...],
    findings: tuple[Finding, ...],
) -> Evaluation:
    shape = (len(dataset.versions), dataset.row_count)
    extra = {c for said in says.values() for c in said.classes} - set(dataset.classes)
    classes = (*dataset.classes, *sorted(extra))
    predicted = np.full(shape, -1, dtype=np.int16)
    of_label = np.full(shape, np.nan, dtype=np.float32)
    of_prediction = np.full(shape, np.nan, dtype=np.float32)
    table: list[tuple[str, str, str, float | None, str | None]] = []
    for number, version in enumerate(dataset.versions):
        said = says.get(version.name)
        if said is not None:
            places = np.array([*(classes.index(c) for c in said.classes), -1], dtype=np.int16)
            predicted[number] = places[said.predicted]
            of_label[number] = said.probability_of(dataset.label, classes)
            of_prediction[number] = said.probability_of(predicted[number], classes)
        table += _score_rows(dataset, number, version, said, predicted[number], classes)
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
        fitted=fitted,
        findings=(*dataset.project.findings, *dataset.findings, *findings),
    )


def _score_rows(
    dataset: EvolvingDataset,
    number: int,
    version: Version,
    said: Predictions | None,
    predicted: NDArray[np.int16],
    classes: tuple[str, ...],
) -> list[tuple[str, str, str, float | None, str | None]]:
    result: list[tuple[str, str, str, float | None, str | None]] = []
    own = dataset.rows_of(number)
    for code, split in enumerate(SPLITS):
        rows = own[dataset.split[own] == code]
        probabilities = None if said is None else said.probabilities_of_rows(rows)
        if said is None and len(rows):
            found = dict.fromkeys(METRICS, Score(None, "the version has no model"))
        else:
            found = scores(
                dataset.label[rows],
                predicted[rows],
                probabilities,
                classes,
                () if said is None else said.classes,
            )
        result += [(version.name, split.value, m, s.value, s.reason) for m, s in found.items()]
    return result


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


def _read(target: Path, dataset: EvolvingDataset, key: str) -> Evaluation | None:
    def build(parts: Mapping[str, Any]) -> Evaluation:
        meta = parts["meta"]
        own = [Finding.kept(entry) for entry in meta["problems"]]
        return Evaluation(
            dataset=dataset,
            key=key,
            classes=tuple(meta["classes"]),
            scores=parts["scores"],
            model=meta["model"],
            fitted=(),
            findings=(*dataset.project.findings, *dataset.findings, *own),
            seconds=meta["seconds"],
            **{name: parts[name] for name in _ARRAYS},
        )

    return read_parts(target, "evaluation", build)
