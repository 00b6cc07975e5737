"""Instances of an exclusion list, and a version without them, its model refitted.

The version with and without the instances form a timeline of two versions, each with its own
model, so that change matrix, statistics, and attribution are those of any two versions.
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
from chameleon.analysis.metrics import TRAIN
from chameleon.analysis.outcomes import ChangeStatistics, change_statistics, prediction_changes
from chameleon.analysis.training import TrainingParts, attribute_training
from chameleon.analysis.two_sample_tests import DomainClassifierResult, domain_classifier
from chameleon.analysis.values import coded, id_column, id_ranks, role_column
from chameleon.counting import outcome_codes
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.errors import ModelError
from chameleon.models import Evaluation, Refitter, has_external_predictions, scores
from chameleon.project import Split, Version
from chameleon.selection import ExclusionList, Selection, excluded_mask, instance_numbers, rule_mask
from chameleon.storage import Progress, ProgressCallback

_MEMBERS: Mapping[str, type[pl.DataType] | pl.DataType] = {
    "instance": pl.String, "by": pl.String, "rule": pl.Int64, "reason": pl.String,
    "added": pl.Datetime("us"), "known": pl.Boolean, "present": pl.Boolean, "label": pl.String,
    "split": pl.String, "source": pl.String,
}  # fmt: skip


def exclusion_list_members(
    evaluation: Evaluation, exclusion_list: ExclusionList, *, version: str
) -> pl.DataFrame:
    """The instances of a list, by entry or rule, with their label, split, and source in a version.

    Rules are applied to the version and exclude instances of that version only.

    Columns: those of `ExclusionList.members`. One row per instance and entry or rule: entries, then
    rule after rule, each sorted by id.
    """
    dataset = evaluation.dataset
    number = dataset.version_number(version)
    entries = exclusion_list.entries.select("instance", "reason", "added", by=pl.lit("entry"))
    numbers = instance_numbers(dataset, entries["instance"])
    parts = [_described(dataset, entries, numbers, number)]
    for rule in exclusion_list.rules:
        instances = np.flatnonzero(rule_mask(evaluation, rule, version=version))
        instances = instances[np.argsort(id_ranks(dataset)[instances])]
        frame = (
            id_column(dataset, instances)
            .to_frame()
            .with_columns(
                by=pl.lit("rule"),
                rule=pl.lit(rule.number, dtype=pl.Int64),
                reason=pl.lit(rule.reason),
                added=pl.lit(rule.added).cast(pl.Datetime("us")),
            )
        )
        parts.append(_described(dataset, frame, instances.astype(np.int64), number))
    return pl.concat(parts)


def exclusion_list_counts(
    evaluation: Evaluation, exclusion_list: ExclusionList, *, version: str
) -> pl.DataFrame:
    """Counts of a version's instances that are on a list, by split, label, and source.

    Columns: those of `ExclusionList.counts`. Only groups that occur in the version; instances on
    the list are counted once.
    """
    dataset = evaluation.dataset
    own = dataset.row_of_instance(dataset.version_number(version))
    rows = own[own >= 0]
    on_list = excluded_mask(evaluation, exclusion_list, version=version)[dataset.instance[rows]]
    found: list[tuple[str, str | None, int, int]]
    found = [("version", version, int(on_list.sum()), len(rows))]
    for by in ("split", "label", *(["source"] if dataset.sources else [])):
        every, names = coded(dataset, by)
        codes = every[rows].astype(np.int64)
        codes[codes < 0] = len(names)
        all_of, listed = (
            np.bincount(chosen, minlength=len(names) + 1) for chosen in (codes, codes[on_list])
        )
        found += [
            (by, [*names, None][group], int(listed[group]), int(all_of[group]))
            for group in np.flatnonzero(all_of).tolist()
        ]
    schema = {"by": pl.String, "group": pl.String, "instances": pl.Int64, "total": pl.Int64}
    return pl.DataFrame(found, schema=schema, orient="row").with_columns(
        share=pl.col("instances") / pl.col("total")
    )


def _described(
    dataset: EvolvingDataset, frame: pl.DataFrame, numbers: NDArray[np.int64], version: int
) -> pl.DataFrame:
    """The frame with the instances' values in a version; number -1 is in no version."""
    own = np.append(dataset.row_of_instance(version), np.int32(-1))[numbers]
    if "rule" not in frame.columns:
        frame = frame.with_columns(rule=pl.lit(None))
    return frame.with_columns(
        pl.Series("known", numbers >= 0),
        pl.Series("present", own >= 0),
        *(role_column(dataset, by, own) for by in ("label", "split", "source")),
    ).select(pl.col(name).cast(dtype) for name, dtype in _MEMBERS.items())


@dataclass(frozen=True, slots=True)
class RefitWithout:
    """A version compared with itself without some instances.

    `version` and `name` are those of the version as it is ("before") and without the instances
    ("after"). `removed` has split, removed, total, and fitted (of the removed, the labeled train
    rows); `unknown` counts ids that are not in this version. `matrix` and `statistics` are those of
    `prediction_changes` and `change_statistics` for the remaining instances. `refitted` is False
    where no train row is removed, or the model was cached.
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
    """A version without some instances, its model refitted on the remaining train rows.

    The order of the rows and the seed stay the same. The predictions are cached on disk. Intervals
    cover sampling noise of the test instances, not training noise. Ids that are not in the version
    change nothing. `metric` can't be the log loss: a refitted model predicts classes only.
    ModelError where the predictions are external, or the remaining rows can't be fitted.
    """
    dataset = evaluation.dataset
    number = dataset.version_number(version)
    if has_external_predictions(dataset.project):
        raise ModelError(
            "There is no model to fit without these instances because the predictions of this "
            "project are external.",
            version=version,
        )
    found = instance_numbers(dataset, pl.Series(list(dict.fromkeys(instances)), dtype=pl.String))
    gone = np.zeros(dataset.instance_count, dtype=np.bool_)
    gone[found[found >= 0]] = True
    gone &= dataset.row_of_instance(number) >= 0
    rows = dataset.rows_of(number)
    stays = ~gone[dataset.instance[rows]]
    if progress is not None:
        progress(Progress("Refitting", version, 0, 1))
    predicted, fits = _predicted(evaluation, number, rows, stays)
    both = _with_hypothetical(evaluation, number, rows, stays, predicted)
    name = both.dataset.versions[1].name
    step = Selection(primary=name, secondary=version)
    return RefitWithout(
        version=version,
        name=name,
        removed=_removed(dataset, rows, stays),
        unknown=len(found) - int(gone.sum()),
        matrix=prediction_changes(both, step),
        statistics=change_statistics(both, step),
        attribution=attribute_change(
            both, before=version, after=name, metric=metric, of_class=of_class
        ),
        refitted=fits > 0,
    )


def _predicted(
    evaluation: Evaluation, version: int, rows: NDArray[np.intp], stays: NDArray[np.bool_]
) -> tuple[NDArray[np.int16], int]:
    """Predictions of a model fitted without the removed rows, and the number of models fitted."""
    dataset = evaluation.dataset
    learned = (dataset.split[rows] == TRAIN) & (dataset.label[rows] >= 0)
    if not (learned & ~stays).any():
        return evaluation.predicted[version, rows], 0  # the train data is the same
    name = dataset.versions[version].name
    left = rows[learned & stays].astype(np.int32)
    spec = dataset.project.settings.model_of(name)
    refitter = Refitter(evaluation, rows.astype(np.int32), spec)
    predicted = refitter.predicted(left)
    if predicted is None:
        raise ModelError(
            f"Version {name} without these instances can't be fitted because {len(left):,} labeled "
            f"train rows of {len(np.unique(dataset.label[left]))} classes remain. Remove some from "
            "the list.",
            version=name,
            fix="Remove some from the list.",
        )
    return predicted, refitter.fitted


def _with_hypothetical(
    evaluation: Evaluation,
    version: int,
    rows: NDArray[np.intp],
    stays: NDArray[np.bool_],
    predicted: NDArray[np.int16],
) -> Evaluation:
    """An evaluation of two versions: one as it is, and the remaining rows with another model.

    The other model also predicts the removed rows, which are part of the test set before.
    """
    dataset = evaluation.dataset
    old = dataset.versions[version]
    new = Version(name=f"{old.name} without {int((~stays).sum()):,}", date=old.date, file=old.file)
    settings = dataset.project.settings  # both have the code of the version as it is
    settings = replace(settings, model=settings.model_of(old.name), own_models={})
    present = np.zeros((2, dataset.row_count), dtype=np.bool_)
    present[0] = dataset.present[version]
    present[1, rows[stays]] = True
    classes = np.stack([evaluation.predicted[version], np.full(dataset.row_count, -1, np.int16)])
    classes[1, rows] = predicted
    unknown = np.full(dataset.row_count, np.nan, dtype=np.float32)
    both = replace(
        dataset,
        project=replace(dataset.project, versions=(old, new), settings=settings),
        key=f"{dataset.key}-{version}-without",
        present=present,
        summary=dataset.summary[[version, version]],
        has_column=dataset.has_column[[version, version]],
    )
    new_scores = _scores(evaluation, new.name, rows[stays], predicted[stays])
    return replace(
        evaluation,
        dataset=both,
        key=f"{evaluation.key}-{version}-without",
        predicted=classes,
        outcome=np.stack([evaluation.outcome[version], outcome_codes(classes[1], dataset.label)]),
        probability_of_label=np.stack([evaluation.probability_of_label[version], unknown]),
        probability_of_prediction=np.stack(
            [evaluation.probability_of_prediction[version], unknown]
        ),
        scores=pl.concat([evaluation.scores.filter(version=old.name), new_scores]),
    )


def _scores(
    evaluation: Evaluation, name: str, rows: NDArray[np.intp], predicted: NDArray[np.int16]
) -> pl.DataFrame:
    dataset = evaluation.dataset
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
        fitted = int((goes & (dataset.label[rows] >= 0)).sum()) if code == TRAIN else 0
        if of_split.any():
            table.append((split.value, int(goes.sum()), int(of_split.sum()), fitted))
    counts = dict.fromkeys(("removed", "total", "fitted"), pl.Int64)
    return pl.DataFrame(table, schema={"split": pl.String, **counts}, orient="row")


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
    """The result of the analysis of that name; `options` are its keywords, as JSON keeps them."""
    return FITS[name](evaluation, **options, progress=progress)
