"""Predictions of two versions against one another: the prediction change matrix and beyond.

Method: Hohman et al., CHI 2020, "Prediction Change Matrix". Churn: Milani Fard et al., NeurIPS
2016. Negative flips: Yan et al., "Positive-Congruent Training", CVPR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.counting import CORRECT, INCORRECT, OUTCOMES, UNKNOWN, clopper_pearson
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import Filters, Pairs, Selection, held_rows, instance_mask, pairs

KNOWN = (CORRECT, INCORRECT)
CELLS = tuple((before, after) for before in KNOWN for after in KNOWN)


@dataclass(frozen=True, slots=True)
class Rate:
    """A count as a share of a total, with its exact 95 % interval where one can be given.

    `share`, `low` and `high` are None where the total is 0, and the interval also where the
    instances are no fair sample; `reason` then says why.
    """

    count: int
    of: int
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    @property
    def share(self) -> float | None:
        """The count over the total."""
        return self.count / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class ChangeStatistics:
    """How much the predictions changed between two versions.

    Attributes
    ----------
    churn
        Instances whose predicted class differs.
    negative_flips, positive_flips
        From correct to incorrect, and the reverse, of the matrix's instances; no interval.
    tested_negative_flips, tested_positive_flips
        The same over instances that are test rows in both versions and kept their label, with
        exact (Clopper-Pearson) intervals: a train row that is memorised proves nothing.
    win_loss_ratio
        Positive over negative flips; None where there is no negative one.
    mcnemar_p
        McNemar's exact two-sided p-value over the tested instances; None without a flip there.
    unknown
        Instances of both versions left out because an outcome is unknown.
    """

    churn: Rate
    negative_flips: Rate
    positive_flips: Rate
    tested_negative_flips: Rate
    tested_positive_flips: Rate
    win_loss_ratio: float | None
    mcnemar_p: float | None
    unknown: int


def prediction_changes(
    evaluation: Evaluation,
    *,
    primary: str,
    secondary: str,
    filters: Filters | None = None,
    primary_only: Filters | None = None,
    secondary_only: Filters | None = None,
    same_label: bool = False,
) -> pl.DataFrame:
    """The prediction change matrix: outcomes before (secondary) and after (primary).

    Only instances of both versions with known outcomes count. Each version's own model judges
    its own row against that row's label. Cells chosen in the matrix do not narrow it.

    Parameters
    ----------
    same_label
        Judge both against the label of the primary's row.

    Returns
    -------
    pl.DataFrame
        secondary, primary ("correct" or "incorrect"), instances, share (of all four; null where
        there are none), relabelled, edited (instances of the cell whose label or features
        changed). Always four rows, correct first.

    Raises
    ------
    SelectionError
        A version or value does not exist.
    """
    selection = Selection.of(primary, secondary, filters, primary_only, secondary_only)
    selection = _without(selection, "outcome_changes")
    found = _passing(evaluation, selection, same_label=same_label)
    dataset = evaluation.dataset
    relabelled = dataset.label[found.secondary_row] != dataset.label[found.primary_row]
    edited = _edited(dataset, found, selection)
    total = int(_known(found).sum())
    rows = []
    for before, after in CELLS:
        cell = (found.secondary == before) & (found.primary == after)
        count = int(cell.sum())
        rows.append(
            (
                OUTCOMES[before],
                OUTCOMES[after],
                count,
                count / total if total else None,
                int(relabelled[cell].sum()),
                int(edited[cell].sum()),
            )
        )
    schema = {
        "secondary": pl.String,
        "primary": pl.String,
        "instances": pl.Int64,
        "share": pl.Float64,
        "relabelled": pl.Int64,
        "edited": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def change_statistics(
    evaluation: Evaluation,
    *,
    primary: str,
    secondary: str,
    filters: Filters | None = None,
    primary_only: Filters | None = None,
    secondary_only: Filters | None = None,
    same_label: bool = False,
) -> ChangeStatistics:
    """Churn, flip rates and McNemar's test for the instances of the matrix."""
    selection = Selection.of(primary, secondary, filters, primary_only, secondary_only)
    found = _passing(evaluation, _without(selection, "outcome_changes"), same_label=same_label)
    known = _known(found)
    classes = (found.secondary_class >= 0) & (found.primary_class >= 0)
    churned = classes & (found.secondary_class != found.primary_class)
    losses = known & (found.secondary == CORRECT) & (found.primary == INCORRECT)
    wins = known & (found.secondary == INCORRECT) & (found.primary == CORRECT)
    tested = known & _fair(evaluation.dataset, found)
    tested_losses, tested_wins = int((losses & tested).sum()), int((wins & tested).sum())
    lost, won = int(losses.sum()), int(wins.sum())
    total = int(known.sum())
    return ChangeStatistics(
        churn=_plain_rate(int(churned.sum()), int(classes.sum())),
        negative_flips=_plain_rate(lost, total),
        positive_flips=_plain_rate(won, total),
        tested_negative_flips=_exact_rate(tested_losses, int(tested.sum())),
        tested_positive_flips=_exact_rate(tested_wins, int(tested.sum())),
        win_loss_ratio=won / lost if lost else None,
        mcnemar_p=_mcnemar(tested_losses, tested_wins),
        unknown=len(known) - total,
    )


def class_changes(
    evaluation: Evaluation,
    *,
    primary: str,
    secondary: str,
    filters: Filters | None = None,
    primary_only: Filters | None = None,
    secondary_only: Filters | None = None,
) -> pl.DataFrame:
    """Which predicted class became which, for the predictions that changed.

    Pairs chosen in this table do not narrow it.

    Returns
    -------
    pl.DataFrame
        secondary_class, primary_class, instances, improved, regressed (of these instances, from
        incorrect to correct and the reverse); pairs that occur, the most frequent first.
    """
    selection = Selection.of(primary, secondary, filters, primary_only, secondary_only)
    found = _passing(evaluation, _without(selection, "class_changes"), same_label=False)
    told = (found.secondary_class >= 0) & (found.primary_class >= 0)
    told &= found.secondary_class != found.primary_class
    width = len(evaluation.classes)
    key = found.secondary_class[told].astype(np.int64) * width + found.primary_class[told]
    losses = (found.secondary[told] == CORRECT) & (found.primary[told] == INCORRECT)
    wins = (found.secondary[told] == INCORRECT) & (found.primary[told] == CORRECT)
    counts = [np.bincount(part, minlength=width * width) for part in (key, key[wins], key[losses])]
    occurring = np.flatnonzero(counts[0])
    frame = pl.DataFrame(
        {
            "secondary_class": [evaluation.classes[k // width] for k in occurring],
            "primary_class": [evaluation.classes[k % width] for k in occurring],
            "instances": counts[0][occurring],
            "improved": counts[1][occurring],
            "regressed": counts[2][occurring],
        },
        schema={
            "secondary_class": pl.String,
            "primary_class": pl.String,
            "instances": pl.Int64,
            "improved": pl.Int64,
            "regressed": pl.Int64,
        },
    )
    return frame.sort("instances", descending=True, maintain_order=True)


def prediction_changes_by(
    evaluation: Evaluation,
    by: str,
    *,
    primary: str,
    secondary: str,
    filters: Filters | None = None,
    primary_only: Filters | None = None,
    secondary_only: Filters | None = None,
    same_label: bool = False,
) -> pl.DataFrame:
    """The matrix once more for every split or true class of the primary's row.

    Parameters
    ----------
    by
        "split" or "label".

    Returns
    -------
    pl.DataFrame
        group, correct_correct, correct_incorrect, incorrect_correct, incorrect_incorrect (before,
        then after), instances; groups that occur, in their own order.
    """
    if by not in ("split", "label"):
        raise ValueError(f"by must be 'split' or 'label', not {by!r}")
    selection = Selection.of(primary, secondary, filters, primary_only, secondary_only)
    found = _passing(evaluation, _without(selection, "outcome_changes"), same_label=same_label)
    dataset = evaluation.dataset
    names = tuple(s.value for s in SPLITS) if by == "split" else dataset.classes
    group = (dataset.split if by == "split" else dataset.label)[found.primary_row]
    known = _known(found)
    key = group[known].astype(np.int64) * 4 + found.secondary[known] * 2 + found.primary[known]
    counts = np.bincount(key, minlength=4 * len(names)).reshape(len(names), 4)
    occurring = np.flatnonzero(counts.sum(axis=1))
    columns = [f"{OUTCOMES[before]}_{OUTCOMES[after]}" for before, after in CELLS]
    return pl.DataFrame(
        {
            "group": [names[g] for g in occurring.tolist()],
            **{name: counts[occurring, place] for place, name in enumerate(columns)},
            "instances": counts[occurring].sum(axis=1),
        },
        schema={"group": pl.String, **dict.fromkeys((*columns, "instances"), pl.Int64)},
    )


def _without(selection: Selection, view: str) -> Selection:
    """The selection without what was chosen in one view: a view is not narrowed by itself."""
    free: dict[str, Any] = {view: ()}
    return replace(selection, filters=replace(selection.filters, **free))


def _passing(evaluation: Evaluation, selection: Selection, *, same_label: bool) -> Pairs:
    found = pairs(
        evaluation,
        primary=selection.primary,
        secondary=selection.secondary,
        same_label=same_label,
    )
    primary, secondary = held_rows(evaluation, selection)
    through = primary[found.primary_row] & secondary[found.secondary_row]
    if not selection.filters.is_empty:
        through &= instance_mask(evaluation, selection)[found.instance]
    return found if through.all() else found.only(through)


def _known(found: Pairs) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = (found.secondary != UNKNOWN) & (found.primary != UNKNOWN)
    return result


def _fair(dataset: EvolvingDataset, found: Pairs) -> NDArray[np.bool_]:
    """Test rows in both versions that kept their label; so neither model was fitted on them."""
    test = SPLITS.index(Split.TEST)
    result: NDArray[np.bool_] = (
        (dataset.split[found.secondary_row] == test)
        & (dataset.split[found.primary_row] == test)
        & (dataset.label[found.secondary_row] == dataset.label[found.primary_row])
    )
    return result


def _edited(dataset: EvolvingDataset, found: Pairs, selection: Selection) -> NDArray[np.bool_]:
    """Whether a feature that both versions have changed its value."""
    edited = np.zeros(len(found.instance), dtype=np.bool_)
    other = np.flatnonzero(found.secondary_row != found.primary_row)
    a, b = found.secondary_row[other], found.primary_row[other]
    versions = (selection.secondary, selection.primary)
    has = [dataset.has_column[dataset.version_number(name)] for name in versions]
    for feature in np.flatnonzero(has[0] & has[1]):
        old, new = dataset.values[feature][a], dataset.values[feature][b]
        edited[other] |= (old != new) & ~(np.isnan(old) & np.isnan(new))
    return edited


def _plain_rate(count: int, of: int) -> Rate:
    return Rate(count, of, reason=None if of else "no instance has both outcomes")


def _exact_rate(count: int, of: int) -> Rate:
    if not of:
        return Rate(count, of, reason="no test instance of both versions kept its label")
    return Rate(count, of, *clopper_pearson(count, of))


def _mcnemar(losses: int, wins: int) -> float | None:
    """McNemar's exact test: the flips one way are binomial with 1/2 among all flips."""
    if not losses + wins:
        return None
    from scipy.stats import binomtest

    return float(binomtest(losses, losses + wins, 0.5).pvalue)
