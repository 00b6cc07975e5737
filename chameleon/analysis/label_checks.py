"""Label issues: confident learning on probabilities of unseen rows, and errors ranked by them.

Method: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
JAIR 2021, as cleanlab implements it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import FILTERS_AND_PRIMARY, matching_pair, of_selection
from chameleon.analysis.metrics import TRAIN
from chameleon.analysis.sensitivities import COURSES, courses
from chameleon.analysis.values import Counts, Floats, Rows, id_column, named_column, role_column
from chameleon.counting import INCORRECT, UNKNOWN
from chameleon.errors import SelectionError
from chameleon.models import (
    ROUNDED,
    Evaluation,
    OutOfFold,
    gives_probabilities,
    has_external_predictions,
    out_of_fold,
    version_predictions,
)
from chameleon.project import Split
from chameleon.selection import (
    Selection,
    SensitivityRange,
    rows_by_version,
    sensitivity_of,
    version_range,
)
from chameleon.storage import ProgressCallback

FOLDS = 5

_SCHEMA = {
    "instance": pl.String, "split": pl.String, "label": pl.String, "suggested_label": pl.String,
    "suggested_probability": pl.Float64, "score": pl.Float64, "is_issue": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class LabelIssues:
    """The label issue scores of one version.

    `rows` has instance, split, label, suggested_label (the most probable class; null where it is
    the label), suggested_probability (of the most probable class), score (0 to 1: how much more
    probable another class is than the label; 1/2 where both are equally so), is_issue (a label
    issue by confident learning); the highest score first, then by id. Excluded are `unlabeled`
    rows, `leaked` rows outside train that duplicate the features of a train row, and `unjudged`
    rows, whose class no other row has or which have no probabilities. `fitted` counts the models
    that were fitted rather than read from the cache. `reason` is why train rows, or no rows at all,
    were judged; None otherwise.
    """

    version: str
    rows: pl.DataFrame
    unlabeled: int
    leaked: int
    unjudged: int
    fitted: int
    reason: str | None


def label_issue_fits(evaluation: Evaluation, version: str) -> int:
    """The largest number of models that `label_issues` fits: the folds, and an uncached one."""
    if _why_not_train(evaluation, version) is not None:
        return 0
    return FOLDS + (version not in evaluation.seconds)


def label_issues(
    evaluation: Evaluation,
    version: str,
    *,
    folds: int = FOLDS,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> LabelIssues:
    """The label issue score of every row of a version.

    Train rows are judged by models that were fitted without them: the project's own pipeline, one
    fit per fold. Folds have the same share of every class, and duplicates are in one fold. Other
    rows are judged by the version's own model, which never saw them. With external predictions
    nothing can be fitted, and train rows are excluded. Fits are cached. `progress` is called before
    every fit; an error in it stops the work.
    """
    dataset = evaluation.dataset
    number = dataset.version_number(version)
    rows = dataset.rows_of(number)
    labeled = rows[dataset.label[rows] >= 0]
    train = labeled[dataset.split[labeled] == TRAIN]
    held_out = labeled[dataset.split[labeled] != TRAIN]
    hashes = dataset.content_hashes()
    learned = rows[dataset.split[rows] == TRAIN]
    leaked = np.isin(hashes[held_out], hashes[learned])
    note = _why_not_train(evaluation, version)
    empty = np.zeros((0, len(evaluation.classes)))
    fresh = OutOfFold(train[:0], empty, len(train), 0, note)
    if note is None and len(train):
        spec = evaluation.dataset.project.settings.model_of(version)
        fresh = out_of_fold(evaluation, train, spec=spec, folds=folds, seed=seed, progress=progress)
    own = held_out[~leaked]
    if note is not None and not has_external_predictions(dataset.project):
        own = own[:0]  # the model has no probabilities
    tested, shares, fitted = _unseen(evaluation, version, own)
    judged = np.concatenate([fresh.rows, tested])
    frame, refused = _judged(evaluation, judged, np.concatenate([fresh.probabilities, shares]))
    unjudged = fresh.left_out + int((~leaked).sum()) - len(tested)
    return LabelIssues(
        version=version,
        rows=frame,
        unlabeled=len(rows) - len(labeled),
        leaked=int(leaked.sum()),
        unjudged=unjudged + (len(judged) if refused else 0),
        fitted=fresh.fitted + fitted,
        reason="; ".join(filter(None, (fresh.note if fresh.left_out else None, refused))) or None,
    )


def _why_not_train(evaluation: Evaluation, version: str) -> str | None:
    dataset = evaluation.dataset
    if has_external_predictions(dataset.project):
        return (
            "with external predictions there is no model to fit without a part of the train rows: "
            "only rows outside train are judged, by the external probabilities"
        )
    spec = dataset.project.settings.model_of(version)
    if not gives_probabilities(spec):
        return f"{spec.estimator} predicts no probabilities"
    return None


def _unseen(
    evaluation: Evaluation, version: str, rows: NDArray[np.intp]
) -> tuple[NDArray[np.intp], Floats, int]:
    """The rows outside train with known probabilities, these by class, and the fits."""
    predictions, fitted = version_predictions(evaluation, version) if len(rows) else (None, 0)
    shares = None if predictions is None else predictions.probabilities_of_rows(rows)
    width = len(evaluation.classes)
    if predictions is None or shares is None:
        return rows[:0], np.zeros((0, width)), fitted
    found = np.full((len(rows), width), np.nan)
    found[:, [evaluation.classes.index(name) for name in predictions.classes]] = shares
    label = evaluation.dataset.label[rows]
    sums = np.nansum(found, axis=1)
    whole = np.isfinite(found[np.arange(len(rows)), label]) & (np.abs(sums - 1) <= ROUNDED)
    return rows[whole], np.nan_to_num(found[whole]) / sums[whole, None], fitted


def _judged(
    evaluation: Evaluation, rows: NDArray[np.intp], shares: Floats
) -> tuple[pl.DataFrame, str | None]:
    """The rows with their label issue scores, or an empty frame and the reason."""
    dataset = evaluation.dataset
    label = dataset.label[rows].astype(np.int64)
    known = np.unique(label)
    if len(known) < 2:
        return pl.DataFrame(schema=_SCHEMA), "fewer than two classes have rows that can be judged"
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    # the paper's own joint, and the only filter that shares nothing between threads; one job,
    # because more start processes
    flagged = find_label_issues(label, shares, filter_by="confident_learning", n_jobs=1)
    quality = get_label_quality_scores(label, shares, method="normalized_margin")
    best = shares.argmax(axis=1)
    frame = pl.DataFrame(
        {
            "instance": id_column(dataset, dataset.instance[rows]),
            "split": role_column(dataset, "split", rows),
            "label": named_column("", evaluation.classes, label),
            "suggested_label": named_column(
                "", evaluation.classes, np.where(best == label, -1, best)
            ),
            "suggested_probability": shares.max(axis=1),
            "score": 1 - quality,
            "is_issue": flagged,
        },
        schema=_SCHEMA,
    )
    return frame.sort("score", "instance", descending=[True, False]), None


RANKINGS = ("confidence", "label_issue", "sensitivity")

_ERRORS_SCHEMA = {
    "instance": pl.String, "label": pl.String, "prediction": pl.String, "probability": pl.Float64,
    "label_issue_score": pl.Float64, "suggested_label": pl.String, "is_issue": pl.Boolean,
    "changes": pl.Int64, "course": pl.String, "split": pl.String, "source": pl.String,
}  # fmt: skip


@of_selection(*FILTERS_AND_PRIMARY)
def ranked_errors(
    evaluation: Evaluation,
    selection: Selection,
    *,
    by: str = "confidence",
    issues: LabelIssues | None = None,
    over: SensitivityRange | None = None,
    split: Split | None = None,
    most: int | None = None,
) -> pl.DataFrame:
    """The errors of the primary version's model on the version's own rows, ranked.

    They are ranked by "confidence", the probability of the wrong prediction, highest first; by
    "sensitivity", the changes of the outcome `over` versions (all by default), most first; or by
    "label_issue", the label issue score, highest first. The latter are the rows whose label an
    unseen model contradicts, because a model that memorized a wrong label makes no error there.
    `issues` is the result of `label_issues` for the primary version; without it these columns are
    null.

    Columns: those of `VersionEvaluation.ranked_errors`; changes and course are as in
    `most_sensitive`.
    """
    if by not in RANKINGS:
        raise SelectionError(f"Errors are ranked by one of {', '.join(RANKINGS)}, not '{by}'.")
    if by == "label_issue" and issues is None:
        raise SelectionError("Ranking errors by label issue score requires `label_issues`.")
    if issues is not None and issues.version != selection.primary:
        raise SelectionError(
            f"The label issues are those of version {issues.version}, not of {selection.primary}.",
            version=issues.version,
        )
    dataset = evaluation.dataset
    names = [version.name for version in dataset.versions]
    over = over or SensitivityRange(names[0], names[-1])
    number, rows = matching_pair(evaluation, selection, split).sides[1]
    found = id_column(dataset, dataset.instance[rows]).to_frame()
    judged = pl.DataFrame(schema=_SCHEMA) if issues is None else issues.rows
    judged = judged.select("instance", "suggested_label", "is_issue", label_issue_score="score")
    found = found.join(judged, on="instance", how="left", maintain_order="left")
    wrong = pl.Series(evaluation.outcome[number, rows] == INCORRECT)
    if by == "label_issue":
        wrong = found["suggested_label"].is_not_null()
    rows, found = rows[wrong.to_numpy()], found.filter(wrong)
    probability = evaluation.probability_of_prediction[number, rows].astype(np.float64)
    outcomes = sensitivity_of(evaluation, over._replace(classes=False))
    instance = dataset.instance[rows]
    changes = pl.Series(outcomes.changes[instance], dtype=pl.Int64)
    first = {"confidence": (), "label_issue": ("label_issue_score",), "sensitivity": ("changes",)}[
        by
    ]
    keys = (*first, "probability", "instance")
    descending = [*[True] * (len(keys) - 1), False]
    ranked = found.with_columns(
        row=rows,
        probability=pl.Series(probability, nan_to_null=True),
        changes=changes.set(pl.Series(~outcomes.counted[instance]), None),
    ).sort(keys, descending=descending, nulls_last=True, maintain_order=True)
    ranked = ranked if most is None else ranked.head(most)
    rows = ranked["row"].to_numpy().astype(np.intp)
    return ranked.with_columns(
        *(role_column(dataset, by, rows) for by in ("label", "split", "source")),
        named_column("prediction", evaluation.classes, evaluation.predicted[number, rows]),
        named_column("course", COURSES, _courses(evaluation, dataset.instance[rows], over)),
    ).select(pl.col(name).cast(dtype) for name, dtype in _ERRORS_SCHEMA.items())


def _courses(evaluation: Evaluation, instances: Rows, over: SensitivityRange) -> Counts:
    """The course of every instance over the versions, as an index into `COURSES`."""
    dataset = evaluation.dataset
    versions = version_range(dataset, over.first, over.last)
    found: list[NDArray[np.uint8]] = []
    for number, (rows, held) in zip(versions, rows_by_version(dataset, versions), strict=True):
        outcome = evaluation.outcome[number, rows[instances]]
        counts = held[instances] | (not over.held_only)
        found.append(np.where(counts, outcome, UNKNOWN).astype(np.uint8))
    return courses(found)
