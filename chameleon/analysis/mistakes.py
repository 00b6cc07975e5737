"""The instances that the primary version's model gets wrong, the most telling ones first."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.arguments import FILTERS_AND_PRIMARY, of_selection
from chameleon.analysis.confusion_matrix import side_rows
from chameleon.analysis.label_issues import LabelSuspicion
from chameleon.analysis.sensitivities import course
from chameleon.counting import INCORRECT, UNKNOWN
from chameleon.data import SPLITS
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import (
    Selection,
    SensitivityRange,
    rows_by_version,
    sensitivity_of,
    version_range,
)

RANKINGS = ("confidence", "suspicion", "sensitivity")

_SCHEMA = {
    "instance": pl.String,
    "label": pl.String,
    "prediction": pl.String,
    "probability": pl.Float64,
    "suspicion": pl.Float64,
    "suggested": pl.String,
    "flagged": pl.Boolean,
    "changes": pl.Int64,
    "course": pl.String,
    "split": pl.String,
    "source": pl.String,
}


@of_selection(*FILTERS_AND_PRIMARY)
def ranked_mistakes(
    evaluation: Evaluation,
    selection: Selection,
    *,
    by: str = "confidence",
    suspicion: LabelSuspicion | None = None,
    over: SensitivityRange | None = None,
    split: Split | None = None,
    most: int | None = None,
) -> pl.DataFrame:
    """The mistakes of the primary version's model on the version's own rows, ranked.

    Parameters
    ----------
    secondary
        Where filters are read from what the primary lacks.
    by
        "confidence": the probability that the model gave its wrong prediction, highest first.
        "sensitivity": how often the outcome changed over `over`, most often first; then by
        confidence. "suspicion": how suspicious the label is, most suspicious first; these are the
        rows whose label an unseeing model contradicts, for a model that learnt a wrong label by
        heart makes no mistake there.
    suspicion
        What `label_suspicion` found for the primary version; without it these columns are null.
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

    Raises
    ------
    SelectionError
        A version does not exist, `by` is no ranking, or it is "suspicion" without any.
    """
    if by not in RANKINGS:
        raise SelectionError(f"Mistakes are ranked by one of {', '.join(RANKINGS)}, not '{by}'.")
    if by == "suspicion" and suspicion is None:
        raise SelectionError("Mistakes are ranked by suspicion once `label_suspicion` was asked.")
    if suspicion is not None and suspicion.version != selection.primary:
        raise SelectionError(
            f"The suspicion is that of version {suspicion.version}, not of {selection.primary}."
        )
    dataset = evaluation.dataset
    names = [version.name for version in dataset.versions]
    over = over or SensitivityRange(names[0], names[-1])
    own = side_rows(evaluation, selection, split)[1]
    judged = _judged(evaluation, own.rows, suspicion)
    wrong = own.outcome == INCORRECT
    if by == "suspicion":
        wrong = judged["suggested"].is_not_null().to_numpy()
    rows, judged = own.rows[wrong], judged.filter(pl.Series(wrong))
    number = dataset.version_number(selection.primary)
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


def _judged(
    evaluation: Evaluation, rows: NDArray[np.intp], suspicion: LabelSuspicion | None
) -> pl.DataFrame:
    """suspicion, suggested and flagged of the rows, in their order."""
    ids = evaluation.dataset.instance_ids.gather(evaluation.dataset.instance[rows])
    known = pl.DataFrame(
        schema={name: _SCHEMA[name] for name in ("instance", "suspicion", "suggested", "flagged")}
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
    predicted = evaluation.predicted[version, rows].tolist()
    sources = dataset.source[rows].tolist()
    return ranked.with_columns(
        label=dataset.labels(rows),
        prediction=pl.Series(
            [None if code < 0 else evaluation.classes[code] for code in predicted], dtype=pl.String
        ),
        course=pl.Series(_courses(evaluation, dataset.instance[rows], over), dtype=pl.String),
        split=pl.Series(
            [SPLITS[code].value for code in dataset.split[rows].tolist()], dtype=pl.String
        ),
        source=pl.Series(
            [None if code < 0 else dataset.sources[code] for code in sources], dtype=pl.String
        ),
    ).select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items())


def _courses(
    evaluation: Evaluation, instances: NDArray[np.int32], over: SensitivityRange
) -> list[str]:
    """What became of every instance over the versions."""
    if not len(instances):
        return []
    dataset = evaluation.dataset
    versions = version_range(dataset, over.first, over.last)
    told: list[NDArray[np.uint8]] = []
    for number, (rows, held) in zip(versions, rows_by_version(dataset, versions), strict=True):
        outcome = evaluation.outcome[number, rows[instances]]
        if over.held_only:
            outcome = np.where(held[instances], outcome, UNKNOWN).astype(np.uint8)
        told.append(outcome)
    return [course(outcomes) for outcomes in np.array(told).T]
