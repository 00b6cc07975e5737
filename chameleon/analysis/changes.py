"""Predictions of two versions against one another: the prediction change matrix and beyond.

Method: Hohman et al., CHI 2020, "Prediction Change Matrix". Churn: Milani Fard et al., NeurIPS
2016. Negative flips: Yan et al., "Positive-Congruent Training", CVPR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from chameleon.analysis.matching import EVERYTHING, matching_pair, of_selection
from chameleon.counting import CORRECT, INCORRECT, OUTCOMES, clopper_pearson
from chameleon.data import SPLITS
from chameleon.models import Evaluation
from chameleon.selection import Pairs, Selection, pair_outcomes

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


@of_selection(*EVERYTHING, own=["outcome_changes"])
def prediction_changes(
    evaluation: Evaluation, selection: Selection, *, same_label: bool = False
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
    """
    found = _found(evaluation, selection, same_label=same_label)
    relabelled, edited = found.pair.relabeled, found.pair.edited
    total = int(found.known.sum())
    rows = []
    for before, after in CELLS:
        cell = (found.secondary == before) & (found.primary == after)
        count = int(cell.sum())
        share = count / total if total else None
        changed = int(relabelled[cell].sum()), int(edited[cell].sum())
        rows.append((OUTCOMES[before], OUTCOMES[after], count, share, *changed))
    schema = {
        "secondary": pl.String, "primary": pl.String, "instances": pl.Int64, "share": pl.Float64,
        "relabelled": pl.Int64, "edited": pl.Int64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


@of_selection(*EVERYTHING, own=["outcome_changes"])
def change_statistics(
    evaluation: Evaluation, selection: Selection, *, same_label: bool = False
) -> ChangeStatistics:
    """Churn, flip rates and McNemar's test for the instances of the matrix."""
    found = _found(evaluation, selection, same_label=same_label)
    known = found.known
    classes = (found.secondary_class >= 0) & (found.primary_class >= 0)
    churned = classes & (found.secondary_class != found.primary_class)
    losses = known & (found.secondary == CORRECT) & (found.primary == INCORRECT)
    wins = known & (found.secondary == INCORRECT) & (found.primary == CORRECT)
    tested = known & found.pair.fair
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


@of_selection(*EVERYTHING, own=["class_changes"])
def class_changes(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """Counts of changed predictions by predicted class before and after.

    Pairs chosen in this table do not narrow it.

    Returns
    -------
    pl.DataFrame
        secondary_class, primary_class, instances, improved, regressed (of these instances, from
        incorrect to correct and the reverse); pairs that occur, the most frequent first.
    """
    found = _found(evaluation, selection, same_label=False)
    told = (found.secondary_class >= 0) & (found.primary_class >= 0)
    told &= found.secondary_class != found.primary_class
    width = len(evaluation.classes)
    key = found.secondary_class[told].astype(np.int64) * width + found.primary_class[told]
    losses = (found.secondary[told] == CORRECT) & (found.primary[told] == INCORRECT)
    wins = (found.secondary[told] == INCORRECT) & (found.primary[told] == CORRECT)
    # of the pairs that occur alone: all pairs of some thousand classes would fill the memory
    occurring, place = np.unique(key, return_inverse=True)
    improved, regressed, instances = (
        np.bincount(place[part], minlength=len(occurring))
        for part in (wins, losses, np.ones_like(wins))
    )
    frame = pl.DataFrame(
        {
            "secondary_class": [evaluation.classes[k // width] for k in occurring.tolist()],
            "primary_class": [evaluation.classes[k % width] for k in occurring.tolist()],
            "instances": instances,
            "improved": improved,
            "regressed": regressed,
        },
        schema={
            "secondary_class": pl.String, "primary_class": pl.String, "instances": pl.Int64,
            "improved": pl.Int64, "regressed": pl.Int64,
        },
    )  # fmt: skip
    return frame.sort("instances", descending=True, maintain_order=True)


@of_selection(*EVERYTHING, own=["outcome_changes"])
def prediction_changes_by(
    evaluation: Evaluation, selection: Selection, by: str, *, same_label: bool = False
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
    found = _found(evaluation, selection, same_label=same_label)
    dataset = evaluation.dataset
    names = tuple(s.value for s in SPLITS) if by == "split" else dataset.classes
    group = (dataset.split if by == "split" else dataset.label)[found.pair.new]
    known = found.known
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


def _found(evaluation: Evaluation, selection: Selection, *, same_label: bool) -> Pairs:
    return pair_outcomes(evaluation, matching_pair(evaluation, selection), same_label=same_label)


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
