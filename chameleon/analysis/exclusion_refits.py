"""A version without some instances: its model refitted on the train rows that are left.

The iteration is made up as data: a timeline of two versions, the version as it is and the version
without these instances, the second with a model of its own. Change matrix, statistics and
attribution are then those of any two versions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.attribution import Attribution, attribute_change
from chameleon.analysis.label_checks import LabelIssues, label_issues
from chameleon.analysis.outcomes import ChangeStatistics, change_statistics, prediction_changes
from chameleon.analysis.training import TrainingParts, attribute_training
from chameleon.analysis.two_sample_tests import DomainClassifierResult, domain_classifier
from chameleon.counting import outcome_codes
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.errors import ModelError
from chameleon.models import Evaluation, Refitter, has_external_predictions, scores
from chameleon.project import Split, Version
from chameleon.selection import Selection, instance_numbers
from chameleon.storage import Progress, ProgressCallback

_TRAIN = SPLITS.index(Split.TRAIN)


@dataclass(frozen=True, slots=True)
class RefitWithout:
    """A version, and what it would be without some instances.

    Attributes
    ----------
    version
        The name of the version as it is: the "before" of everything here.
    name
        What the version without these instances is called here: the "after".
    removed
        split, removed, of, fitted: how many instances go from each split, of how many, and of
        those that go how many the model was fitted on (labelled train rows).
    unknown
        How many of the ids this version lacks; they change nothing.
    matrix
        secondary, primary, instances, share, relabelled, edited: `prediction_changes` of the
        instances that stay, the secondary being the model as it is and the primary the refitted
        one.
    statistics
        `change_statistics` of the same.
    attribution
        Why the metric on test rows moves: the model, or the test rows that go.
    refitted
        Whether a model had to be fitted; else no train row goes, or it was kept from before.
    """

    version: str
    name: str
    removed: pl.DataFrame
    unknown: int
    matrix: pl.DataFrame
    statistics: ChangeStatistics
    attribution: Attribution
    refitted: bool


def refit_without(
    evaluation: Evaluation,
    version: str,
    instances: Iterable[str],
    *,
    metric: str = "accuracy",
    of_class: str | None = None,
    progress: ProgressCallback | None = None,
) -> RefitWithout:
    """A version without some instances: its model refitted on what is left.

    The model is fitted as that of any version: on the labelled train rows that are left, in the
    same order and with the same seed. What it says is kept on disk. Intervals are drawn over
    test instances; how another training run would turn out is not in them.

    Parameters
    ----------
    instances
        Their ids; those that the version lacks change nothing.
    metric, of_class
        As for `attribute_change`; not the log loss, for a refitted model gives classes only.
    progress
        Called before the model is fitted; what it raises ends the work.

    Raises
    ------
    SelectionError
        The version, metric or class does not exist.
    ModelError
        The predictions were made elsewhere, or what is left gives no model.
    """
    dataset = evaluation.dataset
    number = dataset.version_number(version)
    if has_external_predictions(dataset.project):
        raise ModelError(
            "The predictions of this project were made elsewhere: there is no model that could be "
            "fitted without these instances."
        )
    own = dataset.row_of_instance(number)
    found = instance_numbers(dataset, pl.Series(list(dict.fromkeys(instances)), dtype=pl.String))
    gone = np.zeros(dataset.instance_count, dtype=np.bool_)
    gone[found[found >= 0]] = True
    gone &= own >= 0
    rows = dataset.rows_of(number)
    stays = ~gone[dataset.instance[rows]]
    if progress is not None:
        progress(Progress("Refitting", version, 0, 1))
    predicted, fits = _predicted(evaluation, number, rows, stays)
    made = _with_hypothetical(evaluation, number, rows, stays, predicted)
    name = made.dataset.versions[1].name
    both = Selection(primary=name, secondary=version)
    return RefitWithout(
        version=version,
        name=name,
        removed=_removed(dataset, rows, stays),
        unknown=len(found) - int(gone.sum()),
        matrix=prediction_changes(made, both),
        statistics=change_statistics(made, both),
        attribution=attribute_change(
            made, before=version, after=name, metric=metric, of_class=of_class
        ),
        refitted=fits > 0,
    )


def _predicted(
    evaluation: Evaluation, version: int, rows: NDArray[np.intp], stays: NDArray[np.bool_]
) -> tuple[NDArray[np.int16], int]:
    """Predictions of a model fitted without the removed rows, and how many models were fitted."""
    dataset = evaluation.dataset
    learnt = (dataset.split[rows] == _TRAIN) & (dataset.label[rows] >= 0)
    if not (learnt & ~stays).any():
        return evaluation.predicted[version, rows], 0  # the train data is the same
    asked = rows.astype(np.int32)
    spec = dataset.project.settings.model_of(dataset.versions[version].name)
    refitter = Refitter(evaluation, asked, spec)
    predicted = refitter.predicted(asked[learnt & stays])
    if predicted is None:
        classes = len(np.unique(dataset.label[rows[learnt & stays]]))
        raise ModelError(
            f"Without these instances version {dataset.versions[version].name} gives no model: "
            f"{int((learnt & stays).sum()):,} labelled train rows of {classes} classes are left. "
            "Take some off the list."
        )
    return predicted, refitter.fitted


def _with_hypothetical(
    evaluation: Evaluation,
    version: int,
    rows: NDArray[np.intp],
    stays: NDArray[np.bool_],
    predicted: NDArray[np.int16],
) -> Evaluation:
    """An evaluation of two versions: one as it is, and the rows that stay with another model.

    The other model is asked about the rows that go as well: they are part of the test set before.
    """
    dataset = evaluation.dataset
    old = dataset.versions[version]
    new = Version(name=f"{old.name} without {int((~stays).sum()):,}", date=old.date, file=old.file)
    settings = dataset.project.settings  # both have the code of the version as it is
    settings = replace(settings, model=settings.model_of(old.name), own_models={})
    project = replace(dataset.project, versions=(old, new), settings=settings)
    present = np.zeros((2, dataset.row_count), dtype=np.bool_)
    present[0] = dataset.present[version]
    present[1, rows[stays]] = True
    said = np.stack([evaluation.predicted[version], np.full(dataset.row_count, -1, np.int16)])
    said[1, rows] = predicted
    outcome = outcome_codes(said[1:], dataset.label)[0]
    shares = np.full(dataset.row_count, np.nan, dtype=np.float32)
    both = replace(
        dataset,
        project=project,
        key=f"{dataset.key}-{version}-without",
        present=present,
        summary=dataset.summary[[version, version]],
        has_column=dataset.has_column[[version, version]],
    )
    return replace(
        evaluation,
        dataset=both,
        key=f"{evaluation.key}-{version}-without",
        predicted=said,
        outcome=np.stack([evaluation.outcome[version], outcome]),
        probability_of_label=np.stack([evaluation.probability_of_label[version], shares]),
        probability_of_prediction=np.stack([evaluation.probability_of_prediction[version], shares]),
        scores=pl.concat(
            [
                evaluation.scores.filter(version=old.name),
                _scores(dataset, new.name, rows[stays], predicted[stays], evaluation),
            ]
        ),
    )


def _scores(
    dataset: EvolvingDataset,
    name: str,
    rows: NDArray[np.intp],
    predicted: NDArray[np.int16],
    evaluation: Evaluation,
) -> pl.DataFrame:
    table: list[tuple[str, str, str, float | None, str | None]] = []
    for code, split in enumerate(SPLITS):
        of_split = dataset.split[rows] == code
        found = scores(
            dataset.label[rows[of_split]], predicted[of_split], None, evaluation.classes, ()
        )
        table += [(name, split.value, m, s.value, s.reason) for m, s in found.items()]
    return pl.DataFrame(table, schema=evaluation.scores.schema, orient="row")


def _removed(
    dataset: EvolvingDataset, rows: NDArray[np.intp], stays: NDArray[np.bool_]
) -> pl.DataFrame:
    table: list[tuple[str, int, int, int]] = []
    for code, split in enumerate(SPLITS):
        of_split = dataset.split[rows] == code
        goes = of_split & ~stays
        fitted = int((goes & (dataset.label[rows] >= 0)).sum()) if code == _TRAIN else 0
        if of_split.any():
            table.append((split.value, int(goes.sum()), int(of_split.sum()), fitted))
    schema = {
        "split": pl.String, "removed": pl.Int64, "of": pl.Int64, "fitted": pl.Int64,
    }  # fmt: skip
    return pl.DataFrame(table, schema=schema, orient="row")


Fit = LabelIssues | DomainClassifierResult | TrainingParts | RefitWithout


def _domain_classifier(
    evaluation: Evaluation, *, selection: str, split: str | None, progress: ProgressCallback
) -> DomainClassifierResult:
    return domain_classifier(
        evaluation,
        Selection.from_query_string(selection, Selection("", "")),
        split=None if split is None else Split(split),
        progress=progress,
    )


FITS: dict[str, Callable[..., Fit]] = {
    "label issues": label_issues,
    "domain classifier": _domain_classifier,
    "training": attribute_training,
    "refit_without": refit_without,
}


def run_fit(
    name: str, evaluation: Evaluation, options: Mapping[str, Any], progress: ProgressCallback
) -> Fit:
    """The result of the analysis of that name.

    Parameters
    ----------
    options
        Its keyword arguments as JSON has them.
    progress
        Called before every fit; what it raises ends the work.
    """
    return FITS[name](evaluation, **options, progress=progress)
