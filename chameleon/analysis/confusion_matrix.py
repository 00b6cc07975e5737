"""Which class is taken for which, and which classes and sources are wrong most, in two versions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.arguments import EVERYTHING, of_selection
from chameleon.counting import INCORRECT, UNKNOWN, clopper_pearson
from chameleon.data import SPLITS
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import Selection, held_rows, instance_mask

GROUPS = ("label", "source")

_SIDES = ("secondary", "primary")
_TRAIN = SPLITS.index(Split.TRAIN)
_LEARNT = "train rows are no fair sample"


@dataclass(frozen=True, slots=True, eq=False)
class SideRows:
    """The rows of one version that count, and what its own model says of them.

    Attributes
    ----------
    rows
        Row numbers.
    predicted
        int16 of shape (n,): index into the evaluation's classes, -1 where there is none.
    outcome
        uint8 of shape (n,).
    """

    rows: NDArray[np.intp]
    predicted: NDArray[np.int16]
    outcome: NDArray[np.uint8]


@of_selection(*EVERYTHING, own=["confusions"])
def confusion(
    evaluation: Evaluation, selection: Selection, *, split: Split | None = None
) -> pl.DataFrame:
    """The confusion matrices of both versions, and their difference.

    Each version's own model judges that version's own rows; rows without a label or a prediction
    do not count. Cells chosen in a confusion matrix do not narrow it.

    Parameters
    ----------
    split
        Only each version's rows of that split; None for all of them.

    Returns
    -------
    pl.DataFrame
        label (the true class), prediction, secondary, primary (instances), difference (primary
        less secondary), secondary_share, primary_share (of the instances of that true class; null
        where the version has none), share_difference (null where either is). Every pair that
        occurs in either version, in the order of the classes.

    Raises
    ------
    SelectionError
        A version or value does not exist.
    """
    width = max(len(evaluation.classes), 1)
    labels: list[NDArray[np.int64]] = []
    keys: list[NDArray[np.int64]] = []
    for own in side_rows(evaluation, selection, split):
        known = own.outcome != UNKNOWN
        labels.append(evaluation.dataset.label[own.rows[known]].astype(np.int64))
        keys.append(labels[-1] * width + own.predicted[known])
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
            "label": pl.String,
            "prediction": pl.String,
            "secondary": pl.Int64,
            "primary": pl.Int64,
            "difference": pl.Int64,
            "secondary_share": pl.Float64,
            "primary_share": pl.Float64,
            "share_difference": pl.Float64,
        },
    )
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

    Raises
    ------
    SelectionError
        A version or value does not exist.
    """
    if by not in GROUPS:
        raise ValueError(f"by must be 'label' or 'source', not {by!r}")
    dataset = evaluation.dataset
    names = dataset.classes if by == "label" else dataset.sources
    codes = dataset.label if by == "label" else dataset.source
    counted: dict[str, NDArray[np.int64]] = {}
    width = len(names) + 1  # the first place is for rows without a group
    for side, own in zip(_SIDES, side_rows(evaluation, selection, split), strict=True):
        group = codes[own.rows].astype(np.int64) + 1
        known = own.outcome != UNKNOWN
        learnt = known & (dataset.split[own.rows] == _TRAIN)
        parts = {"errors": own.outcome == INCORRECT, "instances": known, "unknown": ~known}
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


def side_rows(
    evaluation: Evaluation, selection: Selection, split: Split | None
) -> tuple[SideRows, SideRows]:
    """The rows of the secondary and of the primary version under the filters and in a split."""
    dataset = evaluation.dataset
    through: NDArray[np.bool_] | None = None
    if not selection.filters.is_empty:
        through = instance_mask(evaluation, selection)
    primary, secondary = held_rows(evaluation, selection)
    sides: list[SideRows] = []
    for name, held in ((selection.secondary, secondary), (selection.primary, primary)):
        version = dataset.version_number(name)
        rows = np.flatnonzero(held)
        if through is not None:
            rows = rows[through[dataset.instance[rows]]]
        if split is not None:
            rows = rows[dataset.split[rows] == SPLITS.index(Split(split))]
        sides.append(
            SideRows(rows, evaluation.predicted[version, rows], evaluation.outcome[version, rows])
        )
    return sides[0], sides[1]
