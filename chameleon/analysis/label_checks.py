"""Labels that are likely wrong: confident learning on probabilities of unseen rows.

Method: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
JAIR 2021, as cleanlab does it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import FILTERS_AND_PRIMARY, matching_pair, of_selection
from chameleon.analysis.measures import TRAIN
from chameleon.analysis.sensitivities import COURSES, courses
from chameleon.analysis.values import SPLIT_NAMES, named_column
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
    "instance": pl.String, "split": pl.String, "label": pl.String, "suggested": pl.String,
    "suggested_probability": pl.Float64, "suspicion": pl.Float64, "flagged": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class LabelIssues:
    """How suspicious the labels of one version are.

    Attributes
    ----------
    version
        Its name.
    rows
        instance, split, label, suggested (the most probable class; null where it is the label),
        suggested_probability (of the most probable class), suspicion (0 to 1: how much more
        probable another class is than the label; 1/2 where both are alike), flagged (whether
        confident learning takes the label for wrong). The most suspicious first, then by id.
    unlabelled
        Rows left out for want of a label.
    leaked
        Rows outside train left out because their features are exactly those of a train row.
    unjudged
        Rows left out because no model can judge them: nothing else has their class, or there are
        no probabilities for them.
    fitted
        How many models were fitted for this, and not read from what was kept.
    note
        Why train rows, or no rows at all, were judged; None where all went well.
    """

    version: str
    rows: pl.DataFrame
    unlabelled: int
    leaked: int
    unjudged: int
    fitted: int
    note: str | None


def label_issue_fits(evaluation: Evaluation, version: str) -> int:
    """At most how many models `label_issues` fits: the folds, and one that is not kept yet."""
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
    """How suspicious the label of every row of a version is.

    Train rows are judged by models that were fitted without them: the project's own pipeline, a
    fit a fold. Other rows are judged by the version's own model, which never saw them. Where
    predictions are given there is nothing to fit: train rows are left out then. What was fitted
    is kept on disk.

    Parameters
    ----------
    folds
        How many; each holds every class alike, and equal rows together.
    progress
        Called before every fit; what it raises ends the work.
    """
    dataset = evaluation.dataset
    number = dataset.version_number(version)
    rows = dataset.rows_of(number)
    labelled = rows[dataset.label[rows] >= 0]
    train = labelled[dataset.split[labelled] == TRAIN]
    held_out = labelled[dataset.split[labelled] != TRAIN]
    hashes = dataset.content_hashes()
    learnt = rows[dataset.split[rows] == TRAIN]
    leaked = np.isin(hashes[held_out], hashes[learnt])
    note = _why_not_train(evaluation, version)
    empty = np.zeros((0, len(evaluation.classes)))
    fresh = OutOfFold(train[:0], empty, len(train), 0, note)
    if note is None and len(train):
        spec = evaluation.dataset.project.settings.model_of(version)
        fresh = out_of_fold(evaluation, train, spec=spec, folds=folds, seed=seed, progress=progress)
    own = held_out[~leaked]
    if note is not None and not has_external_predictions(dataset.project):
        own = own[:0]  # a model without probabilities need not be asked
    tested, shares, fitted = _unseen(evaluation, version, own)
    judged = np.concatenate([fresh.rows, tested])
    frame, refused = _judged(evaluation, judged, np.concatenate([fresh.probabilities, shares]))
    unjudged = fresh.left_out + int((~leaked).sum()) - len(tested)
    return LabelIssues(
        version=version,
        rows=frame,
        unlabelled=len(rows) - len(labelled),
        leaked=int(leaked.sum()),
        unjudged=unjudged + (len(judged) if refused else 0),
        fitted=fresh.fitted + fitted,
        note="; ".join(filter(None, (fresh.note if fresh.left_out else None, refused))) or None,
    )


def _why_not_train(evaluation: Evaluation, version: str) -> str | None:
    dataset = evaluation.dataset
    if has_external_predictions(dataset.project):
        return (
            "the predictions are given, so that there is no model to fit without a part of the "
            "train rows: only rows outside train are judged, by the probabilities given"
        )
    spec = dataset.project.settings.model_of(version)
    if not gives_probabilities(spec):
        return f"{spec.estimator} tells classes but no probabilities"
    return None


def _unseen(
    evaluation: Evaluation, version: str, rows: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.float64], int]:
    """The rows outside train with probabilities, label's included; these by class; the fits."""
    says, fitted = version_predictions(evaluation, version) if len(rows) else (None, 0)
    shares = None if says is None else says.probabilities_of_rows(rows)
    width = len(evaluation.classes)
    if says is None or shares is None:
        return rows[:0], np.zeros((0, width)), fitted
    found = np.full((len(rows), width), np.nan)
    found[:, [evaluation.classes.index(name) for name in says.classes]] = shares
    label = evaluation.dataset.label[rows]
    sums = np.nansum(found, axis=1)
    whole = np.isfinite(found[np.arange(len(rows)), label]) & (np.abs(sums - 1) <= ROUNDED)
    return rows[whole], np.nan_to_num(found[whole]) / sums[whole, None], fitted


def _judged(
    evaluation: Evaluation, rows: NDArray[np.intp], shares: NDArray[np.float64]
) -> tuple[pl.DataFrame, str | None]:
    """The rows with their suspicion, or an empty frame and the reason."""
    dataset = evaluation.dataset
    label = dataset.label[rows].astype(np.int64)
    known = np.unique(label)
    if len(known) < 2:
        return pl.DataFrame(schema=_SCHEMA), "less than two classes have rows that can be judged"
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    # this way of filtering is the joint of the paper itself, and the only one that shares nothing
    # between threads; one job, because others start processes
    flagged = find_label_issues(label, shares, filter_by="confident_learning", n_jobs=1)
    quality = get_label_quality_scores(label, shares, method="normalized_margin")
    best = shares.argmax(axis=1)
    frame = pl.DataFrame(
        {
            "instance": dataset.instance_ids.gather(dataset.instance[rows]),
            "split": named_column("", SPLIT_NAMES, dataset.split[rows]),
            "label": named_column("", evaluation.classes, label),
            "suggested": named_column("", evaluation.classes, np.where(best == label, -1, best)),
            "suggested_probability": shares.max(axis=1),
            "suspicion": 1 - quality,
            "flagged": flagged,
        },
        schema=_SCHEMA,
    )
    return frame.sort("suspicion", "instance", descending=[True, False]), None


RANKINGS = ("confidence", "suspicion", "sensitivity")

_ERRORS_SCHEMA = {
    "instance": pl.String, "label": pl.String, "prediction": pl.String, "probability": pl.Float64,
    "suspicion": pl.Float64, "suggested": pl.String, "flagged": pl.Boolean, "changes": pl.Int64,
    "course": pl.String, "split": pl.String, "source": pl.String,
}  # fmt: skip


@of_selection(*FILTERS_AND_PRIMARY)
def ranked_errors(
    evaluation: Evaluation,
    selection: Selection,
    *,
    by: str = "confidence",
    suspicion: LabelIssues | None = None,
    over: SensitivityRange | None = None,
    split: Split | None = None,
    most: int | None = None,
) -> pl.DataFrame:
    """The mistakes of the primary version's model on the version's own rows, ranked.

    Parameters
    ----------
    by
        "confidence": the probability that the model gave its wrong prediction, highest first.
        "sensitivity": how often the outcome changed over `over`, most often first; then by
        confidence. "suspicion": how suspicious the label is, most suspicious first; these are the
        rows whose label an unseeing model contradicts, for a model that learnt a wrong label by
        heart makes no mistake there.
    suspicion
        What `label_issues` found for the primary version; without it these columns are null.
    over
        The versions that changes are counted over; all of them where it is not given.
    split
        Only rows of that split; None for all.
    most
        At most so many rows.

    Returns
    -------
    pl.DataFrame
        instance, label, prediction, probability (of that prediction, null where unknown),
        suspicion, suggested (the most probable class for an unseeing model; null where it is the
        label), flagged (whether confident learning takes the label for wrong), changes (null with
        fewer than two known outcomes), course (as `most_sensitive` tells it), split, source.
    """
    if by not in RANKINGS:
        raise SelectionError(f"Mistakes are ranked by one of {', '.join(RANKINGS)}, not '{by}'.")
    if by == "suspicion" and suspicion is None:
        raise SelectionError("Mistakes are ranked by suspicion once `label_issues` was asked.")
    if suspicion is not None and suspicion.version != selection.primary:
        raise SelectionError(
            f"The suspicion is that of version {suspicion.version}, not of {selection.primary}."
        )
    dataset = evaluation.dataset
    names = [version.name for version in dataset.versions]
    over = over or SensitivityRange(names[0], names[-1])
    number, rows = matching_pair(evaluation, selection, split).sides[1]
    judged = _suspicions(evaluation, rows, suspicion)
    wrong = evaluation.outcome[number, rows] == INCORRECT
    if by == "suspicion":
        wrong = judged["suggested"].is_not_null().to_numpy()
    rows, judged = rows[wrong], judged.filter(pl.Series(wrong))
    probability = evaluation.probability_of_prediction[number, rows].astype(np.float64)
    found = sensitivity_of(evaluation, over._replace(classes=False))
    instance = dataset.instance[rows]
    counted = found.counted[instance]
    ranked = pl.DataFrame(
        {
            "row": rows,
            "instance": dataset.instance_ids.gather(instance),
            "probability": pl.Series(probability, nan_to_null=True),
            "suspicion": judged["suspicion"],
            "suggested": judged["suggested"],
            "flagged": judged["flagged"],
            "changes": pl.Series(found.changes[instance], dtype=pl.Int64).set(
                pl.Series(~counted), None
            ),
        }
    )
    first = {"confidence": (), "suspicion": ("suspicion",), "sensitivity": ("changes",)}[by]
    keys = (*first, "probability", "instance")
    ranked = ranked.sort(
        keys, descending=[*[True] * (len(keys) - 1), False], nulls_last=True, maintain_order=True
    )
    return _told(evaluation, ranked if most is None else ranked.head(most), number, over)


def _suspicions(
    evaluation: Evaluation, rows: NDArray[np.int32], suspicion: LabelIssues | None
) -> pl.DataFrame:
    """suspicion, suggested and flagged of the rows, in their order."""
    ids = evaluation.dataset.instance_ids.gather(evaluation.dataset.instance[rows])
    known = pl.DataFrame(
        schema={
            name: _ERRORS_SCHEMA[name] for name in ("instance", "suspicion", "suggested", "flagged")
        }
    )
    if suspicion is not None:
        known = suspicion.rows.select(known.columns)
    return pl.DataFrame({"instance": ids}).join(
        known, on="instance", how="left", maintain_order="left"
    )


def _told(
    evaluation: Evaluation, ranked: pl.DataFrame, version: int, over: SensitivityRange
) -> pl.DataFrame:
    dataset = evaluation.dataset
    rows = ranked["row"].to_numpy()
    return ranked.with_columns(
        label=dataset.labels(rows),
        prediction=named_column("", evaluation.classes, evaluation.predicted[version, rows]),
        course=named_column("", COURSES, _courses(evaluation, dataset.instance[rows], over)),
        split=named_column("", SPLIT_NAMES, dataset.split[rows]),
        source=named_column("", dataset.sources, dataset.source[rows]),
    ).select(pl.col(name).cast(dtype) for name, dtype in _ERRORS_SCHEMA.items())


def _courses(
    evaluation: Evaluation, instances: NDArray[np.int32], over: SensitivityRange
) -> NDArray[np.int64]:
    """The course of every instance over the versions, as an index into `COURSES`."""
    dataset = evaluation.dataset
    versions = version_range(dataset, over.first, over.last)
    told: list[NDArray[np.uint8]] = []
    for number, (rows, held) in zip(versions, rows_by_version(dataset, versions), strict=True):
        outcome = evaluation.outcome[number, rows[instances]]
        if over.held_only:
            outcome = np.where(held[instances], outcome, UNKNOWN).astype(np.uint8)
        told.append(outcome)
    return courses(told)
