"""Confusion matrices, error rates by group, and sets of failures that a click filters to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import EVERYTHING, FILTERS, matching_pair, of_selection
from chameleon.counting import INCORRECT, UNKNOWN, clopper_pearson
from chameleon.data import SPLITS
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import (
    AlwaysFails,
    Filters,
    OutcomeChange,
    Selection,
    SensitivityChoice,
    SensitivityRange,
    instance_mask,
    version_range,
)

FAILURE_SETS = ("fails in every version", "newly failing", "fixed", "flickering")
"""In every version of the range: no known outcome is correct, and one at least is known. Newly
failing: correct in the secondary version, incorrect in the primary. Fixed: the reverse.
Flickering: the outcome changed twice at least over the range."""


def failure_filters(
    evaluation: Evaluation, name: str, filters: Filters, over: SensitivityRange
) -> Filters | None:
    """The filters with that set in place of any other; None where there can be no such instance.

    Parameters
    ----------
    name
        One of FAILURE_SETS.
    over
        The versions that count for the first and the last of them.
    """
    if name not in FAILURE_SETS:
        raise SelectionError(f"There is no set '{name}'. There are: {', '.join(FAILURE_SETS)}.")
    steps = len(version_range(evaluation.dataset, over.first, over.last)) - 1
    free = replace(filters, outcome_changes=(), sensitivity=None, always_fails=None)
    match name:
        case "fails in every version":
            fails = AlwaysFails(over.first, over.last, over.held_only)
            return replace(free, always_fails=fails)
        case "newly failing":
            return replace(free, outcome_changes=(OutcomeChange("correct", "incorrect"),))
        case "fixed":
            return replace(free, outcome_changes=(OutcomeChange("incorrect", "correct"),))
    if steps < 2:
        return None  # two changes need three versions
    twice = SensitivityChoice(over._replace(classes=False), tuple(range(2, steps + 1)))
    return replace(free, sensitivity=twice)


@of_selection(*FILTERS, own=["outcome_changes", "sensitivity", "always_fails"])
def failure_sets(
    evaluation: Evaluation, selection: Selection, *, over: SensitivityRange | None = None
) -> pl.DataFrame:
    """How many instances are in each set of failures, under the filters.

    What was chosen among the sets, in the change matrix or in the sensitivity histogram does not
    narrow them.

    Parameters
    ----------
    over
        The versions that count for the first and the last set; all where it is not given.

    Returns
    -------
    pl.DataFrame
        set (see FAILURE_SETS), instances (of either version).
    """
    names = [version.name for version in evaluation.dataset.versions]
    over = over or SensitivityRange(names[0], names[-1])
    counts: list[int] = []
    for name in FAILURE_SETS:
        chosen = failure_filters(evaluation, name, selection.filters, over)
        if chosen is None:
            counts.append(0)
        else:
            of_set = replace(selection, filters=chosen)
            counts.append(int(instance_mask(evaluation, of_set).sum()))
    return pl.DataFrame(
        {"set": FAILURE_SETS, "instances": counts}, schema={"set": pl.String, "instances": pl.Int64}
    )


GROUPS = ("label", "source")

_SIDES = ("secondary", "primary")
_TRAIN = SPLITS.index(Split.TRAIN)
_LEARNT = "train rows are no fair sample"


@of_selection(*EVERYTHING, own=["confusions"])
def confusion(
    evaluation: Evaluation, selection: Selection, *, split: Split | None = None
) -> pl.DataFrame:
    """The confusion matrices of both versions, and their difference.

    Each version's own model judges that version's own rows; rows without a label or a prediction
    do not count. Cells chosen in a confusion matrix do not narrow it.

    Returns
    -------
    pl.DataFrame
        label (the true class), prediction, secondary, primary (instances), difference (primary
        less secondary), secondary_share, primary_share (of the instances of that true class; null
        where the version has none), share_difference (null where either is). Every pair that
        occurs in either version, in the order of the classes.
    """
    width = max(len(evaluation.classes), 1)
    labels: list[NDArray[np.int64]] = []
    keys: list[NDArray[np.int64]] = []
    for version, rows in matching_pair(evaluation, selection, split).sides:
        known = rows[evaluation.outcome[version, rows] != UNKNOWN]
        labels.append(evaluation.dataset.label[known].astype(np.int64))
        keys.append(labels[-1] * width + evaluation.predicted[version, known])
    occurring, place = np.unique(np.concatenate(keys), return_inverse=True)
    places = np.split(place, [len(keys[0])])
    of_cell, said = np.divmod(occurring, width)
    columns: dict[str, object] = {
        "label": [evaluation.classes[k] for k in of_cell.tolist()],
        "prediction": [evaluation.classes[k] for k in said.tolist()],
    }
    counts: dict[str, NDArray[np.int64]] = {}
    shares: dict[str, NDArray[np.float64]] = {}
    for side, own_places, own_labels in zip(_SIDES, places, labels, strict=True):
        counts[side] = np.bincount(own_places, minlength=len(occurring))
        with np.errstate(invalid="ignore"):
            of_class = np.bincount(own_labels, minlength=width)[of_cell]
            shares[f"{side}_share"] = counts[side] / of_class
    frame = pl.DataFrame(
        {
            **columns,
            **counts,
            "difference": counts["primary"] - counts["secondary"],
            **shares,
            "share_difference": shares["primary_share"] - shares["secondary_share"],
        },
        schema={
            "label": pl.String, "prediction": pl.String, "secondary": pl.Int64, "primary": pl.Int64,
            "difference": pl.Int64, "secondary_share": pl.Float64, "primary_share": pl.Float64,
            "share_difference": pl.Float64,
        },
    )  # fmt: skip
    return frame.with_columns(pl.selectors.float().fill_nan(None))


@of_selection(*EVERYTHING)
def errors_by(
    evaluation: Evaluation, selection: Selection, by: str, *, split: Split | None = None
) -> pl.DataFrame:
    """How often each version's own model is wrong on its own rows, class by class or by source.

    Parameters
    ----------
    by
        "label" (the true class) or "source".
    split
        As for `confusion`.

    Returns
    -------
    pl.DataFrame
        group (null: no label, or no source), secondary_errors, secondary_instances (with a known
        outcome), secondary_unknown (left out), secondary_rate (null where no outcome is known),
        secondary_low, secondary_high (the exact 95 % interval of Clopper and Pearson; null where
        train rows are among the instances), secondary_reason (why rate or interval is null), the
        same as primary_errors, primary_instances, primary_unknown, primary_rate, primary_low,
        primary_high, primary_reason, and change (primary rate less secondary rate). Groups with
        rows in either version, the most errors under the primary first, then by rate and name.
    """
    if by not in GROUPS:
        raise ValueError(f"by must be 'label' or 'source', not {by!r}")
    dataset = evaluation.dataset
    names = dataset.classes if by == "label" else dataset.sources
    codes = dataset.label if by == "label" else dataset.source
    counted: dict[str, NDArray[np.int64]] = {}
    width = len(names) + 1  # the first place is for rows without a group
    sides = matching_pair(evaluation, selection, split).sides
    for side, (version, rows) in zip(_SIDES, sides, strict=True):
        group, outcome = codes[rows].astype(np.int64) + 1, evaluation.outcome[version, rows]
        known = outcome != UNKNOWN
        learnt = known & (dataset.split[rows] == _TRAIN)
        parts = {"errors": outcome == INCORRECT, "instances": known, "unknown": ~known}
        for part, mask in (parts | {"learnt": learnt}).items():
            counted[f"{side}_{part}"] = np.bincount(group[mask], minlength=width)
    held = sum(counted[f"{side}_{part}"] for side in _SIDES for part in ("instances", "unknown"))
    lines: list[dict[str, object]] = []
    for place in np.flatnonzero(held).tolist():
        line: dict[str, object] = {"group": names[place - 1] if place else None}
        for side in _SIDES:
            line |= _rate(side, {name: int(found[place]) for name, found in counted.items()})
        lines.append(line)
    frame = pl.DataFrame(lines, schema=_ERROR_SCHEMA)
    return frame.with_columns(change=pl.col("primary_rate") - pl.col("secondary_rate")).sort(
        "primary_errors", "primary_rate", "group",
        descending=[True, True, False], nulls_last=True, maintain_order=True,
    )  # fmt: skip


_ERROR_SCHEMA: dict[str, type[pl.DataType]] = {
    "group": pl.String,
    **{
        f"{side}_{name}": dtype
        for side in _SIDES
        for name, dtype in (
            ("errors", pl.Int64), ("instances", pl.Int64), ("unknown", pl.Int64),
            ("rate", pl.Float64), ("low", pl.Float64), ("high", pl.Float64), ("reason", pl.String),
        )
    },
}  # fmt: skip


def _rate(side: str, counts: dict[str, int]) -> dict[str, object]:
    errors, of = counts[f"{side}_errors"], counts[f"{side}_instances"]
    fair = not counts[f"{side}_learnt"]
    low, high = clopper_pearson(errors, of) if of and fair else (None, None)
    reason = None if fair else _LEARNT
    if not of:
        reason = "no outcome is known" if counts[f"{side}_unknown"] else "there are no such rows"
    return {
        f"{side}_errors": errors,
        f"{side}_instances": of,
        f"{side}_unknown": counts[f"{side}_unknown"],
        f"{side}_rate": errors / of if of else None,
        f"{side}_low": low,
        f"{side}_high": high,
        f"{side}_reason": reason,
    }
