"""Outcomes of two versions: prediction change matrix, confusion, error rates, and failure sets.

Method: Hohman et al., CHI 2020, "Prediction Change Matrix". Churn: Milani Fard et al., NeurIPS
2016. Negative flips: Yan et al., "Positive-Congruent Training", CVPR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from chameleon.analysis.matching import EVERYTHING, FILTERS, matching_pair, of_selection
from chameleon.analysis.metrics import TRAIN
from chameleon.analysis.values import Counts, coded, named_column
from chameleon.counting import CORRECT, INCORRECT, OUTCOMES, UNKNOWN, clopper_pearson
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import (
    AlwaysFails,
    Filters,
    OutcomeChange,
    Pairs,
    Selection,
    SensitivityChoice,
    SensitivityRange,
    instance_mask,
    pair_outcomes,
    version_range,
)

CELLS = tuple((before, after) for before in (CORRECT, INCORRECT) for after in (CORRECT, INCORRECT))
SIDES = ("secondary", "primary")
FAILURE_SETS = ("fails in every version", "newly failing", "fixed", "flickering")
"""In every version of the range: no known outcome is correct, and at least one is known. Newly
failing: correct in the secondary version, incorrect in the primary. Fixed: the reverse.
Flickering: the outcome changed at least twice over the range."""


@dataclass(frozen=True, slots=True)
class Proportion:
    """A count as a share of a total, with its exact 95% interval where one can be given."""

    count: int
    total: int
    ci_low: float | None = None
    ci_high: float | None = None
    reason: str | None = None

    @property
    def share(self) -> float | None:
        """The count over the total; None where that is 0."""
        return self.count / self.total if self.total else None

    def __repr__(self) -> str:
        """The proportion in a line."""
        share = "–" if self.share is None else f"{self.share:.1%}"
        return f"<Proportion: {self.count:,} of {self.total:,} ({share})>"


@dataclass(frozen=True, slots=True)
class ChangeStatistics:
    """The extent of the changes of predictions between two versions.

    `churn` counts instances whose predicted class differs; `negative_flips` (correct to incorrect)
    and `positive_flips` are those of the matrix, without intervals, the tested ones those of fair
    test instances, with exact (Clopper-Pearson) intervals. `flip_ratio` is positive over
    negative flips, None without a negative one; `mcnemar_p` is McNemar's exact two-sided p-value
    over the fair test instances, None without a flip. `unknown` instances of both versions are
    excluded because an outcome is unknown.
    """

    churn: Proportion
    negative_flips: Proportion
    positive_flips: Proportion
    fair_negative_flips: Proportion
    fair_positive_flips: Proportion
    flip_ratio: float | None
    mcnemar_p: float | None
    unknown: int


@of_selection(*EVERYTHING, own=["outcome_changes"])
def prediction_changes(
    evaluation: Evaluation, selection: Selection, *, same_label: bool = False
) -> pl.DataFrame:
    """The prediction change matrix: outcomes before (secondary) and after (primary).

    Only instances of both versions with known outcomes count. Each version's own model is
    evaluated on its own row; `same_label` takes the label of the primary's row for both. Its own
    filter does not narrow it.

    Columns: secondary, primary ("correct" or "incorrect"), instances, share (of all four; null
    without any), relabeled, edited (instances of the cell whose label or features changed). Always
    four rows, correct first.
    """
    found = _outcomes(evaluation, selection, same_label=same_label)
    total = int(found.known.sum())
    rows = []
    for before, after in CELLS:
        cell = (found.secondary == before) & (found.primary == after)
        count = int(cell.sum())
        changed = (int(mask[cell].sum()) for mask in (found.pair.relabeled, found.pair.edited))
        share = count / total if total else None
        rows.append((OUTCOMES[before], OUTCOMES[after], count, share, *changed))
    schema = {
        "secondary": pl.String, "primary": pl.String, "instances": pl.Int64, "share": pl.Float64,
        "relabeled": pl.Int64, "edited": pl.Int64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


@of_selection(*EVERYTHING, own=["outcome_changes"])
def change_statistics(
    evaluation: Evaluation, selection: Selection, *, same_label: bool = False
) -> ChangeStatistics:
    """Churn, flip rates, and McNemar's test for the instances of the matrix."""
    found = _outcomes(evaluation, selection, same_label=same_label)
    known = found.known
    classes = (found.secondary_class >= 0) & (found.primary_class >= 0)
    churned = classes & (found.secondary_class != found.primary_class)
    negative = known & (found.secondary == CORRECT) & (found.primary == INCORRECT)
    positive = known & (found.secondary == INCORRECT) & (found.primary == CORRECT)
    fair = known & found.pair.fair
    tested = int((negative & fair).sum()), int((positive & fair).sum())
    flips = int(negative.sum()), int(positive.sum())
    total = int(known.sum())
    return ChangeStatistics(
        churn=_plain_rate(int(churned.sum()), int(classes.sum())),
        negative_flips=_plain_rate(flips[0], total),
        positive_flips=_plain_rate(flips[1], total),
        fair_negative_flips=_exact_rate(tested[0], int(fair.sum())),
        fair_positive_flips=_exact_rate(tested[1], int(fair.sum())),
        flip_ratio=flips[1] / flips[0] if flips[0] else None,
        mcnemar_p=_mcnemar(*tested),
        unknown=len(known) - total,
    )


@of_selection(*EVERYTHING, own=["class_changes"])
def class_changes(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """Counts of changed predictions by predicted class before and after.

    Its own filter does not narrow it.

    Columns: secondary_class, primary_class, instances, fixed, regressed; pairs that occur, the most
    frequent first.
    """
    found = _outcomes(evaluation, selection)
    before, after = found.secondary_class, found.primary_class
    pairs = pl.DataFrame(
        {
            "secondary_class": before,
            "primary_class": after,
            "fixed": (found.secondary == INCORRECT) & (found.primary == CORRECT),
            "regressed": (found.secondary == CORRECT) & (found.primary == INCORRECT),
        }
    ).filter(pl.Series((before >= 0) & (after >= 0) & (before != after)))
    keys = ("secondary_class", "primary_class")
    counts = pairs.group_by(keys).agg(pl.len().alias("instances"), pl.sum("fixed", "regressed"))
    ordered = counts.sort("instances", *keys, descending=[True, False, False])
    return ordered.with_columns(
        *(named_column(key, evaluation.classes, ordered[key].to_numpy()) for key in keys),
        pl.col("instances", "fixed", "regressed").cast(pl.Int64),
    )


@of_selection(*EVERYTHING, own=["outcome_changes"])
def prediction_changes_by(
    evaluation: Evaluation, selection: Selection, by: str, *, same_label: bool = False
) -> pl.DataFrame:
    """The matrix for every split or true class of the primary's row.

    `by` is "split" or "label".

    Columns: group, correct_correct, correct_incorrect, incorrect_correct, incorrect_incorrect
    (before, then after), instances; groups that occur, in their own order.
    """
    found = _outcomes(evaluation, selection, same_label=same_label)
    known = found.known
    codes, names = coded(evaluation.dataset, by)
    key = (
        codes[found.pair.new[known]].astype(np.int64) * 4
        + found.secondary[known] * 2
        + found.primary[known]
    )
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


def _outcomes(evaluation: Evaluation, selection: Selection, *, same_label: bool = False) -> Pairs:
    return pair_outcomes(evaluation, matching_pair(evaluation, selection), same_label=same_label)


def _plain_rate(count: int, of: int) -> Proportion:
    return Proportion(count, of, reason=None if of else "no instance has both outcomes")


def _exact_rate(count: int, of: int) -> Proportion:
    if not of:
        return Proportion(count, of, reason="no test instance of both versions has the same label")
    return Proportion(count, of, *clopper_pearson(count, of))


def _mcnemar(losses: int, wins: int) -> float | None:
    """McNemar's exact test: the flips one way are binomial with 1/2 among all flips."""
    if not losses + wins:
        return None
    from scipy.stats import binomtest

    return float(binomtest(losses, losses + wins, 0.5).pvalue)


def failure_filters(
    evaluation: Evaluation, name: str, filters: Filters, over: SensitivityRange
) -> Filters | None:
    """The filters with one of FAILURE_SETS in place of any other; None if it must be empty.

    `over` are the versions that count for the first and the last set.
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
    """Counts of the matching instances in each set of failures.

    Filters of the sets, the change matrix, and the sensitivity histogram do not narrow it. `over`
    are the versions that count for the first and the last set; all by default.

    Columns: set (see FAILURE_SETS), instances (of either version).
    """
    names = [version.name for version in evaluation.dataset.versions]
    over = over or SensitivityRange(names[0], names[-1])
    counts: list[int] = []
    for name in FAILURE_SETS:
        filters = failure_filters(evaluation, name, selection.filters, over)
        of_set = replace(selection, filters=filters or Filters())
        counts.append(0 if filters is None else int(instance_mask(evaluation, of_set).sum()))
    return pl.DataFrame(
        {"set": FAILURE_SETS, "instances": counts}, schema={"set": pl.String, "instances": pl.Int64}
    )


@of_selection(*EVERYTHING, own=["confusions"])
def confusion(
    evaluation: Evaluation, selection: Selection, *, split: Split | None = None
) -> pl.DataFrame:
    """The confusion matrices of both versions, and their difference.

    Each version's own model is evaluated on its own rows; rows without a label or a prediction
    don't count. Its own filter does not narrow it.

    Columns: label (the true class), prediction, secondary, primary (instances), difference (primary
    less secondary), secondary_share, primary_share (of the instances of that true class; null where
    the version has none), share_difference (null where either is). Every pair that occurs in either
    version, in the order of the classes.
    """
    keys = ["label", "prediction"]
    counts: list[pl.DataFrame] = []
    sides = matching_pair(evaluation, selection, split).sides
    for side, (version, rows) in zip(SIDES, sides, strict=True):
        known = rows[evaluation.outcome[version, rows] != UNKNOWN]
        codes = (evaluation.dataset.label[known], evaluation.predicted[version, known])
        own = pl.DataFrame(dict(zip(keys, codes, strict=True)))
        counts.append(own.group_by(keys).agg(pl.len().cast(pl.Int64).alias(side)))
    both = counts[0].join(counts[1], on=keys, how="full", coalesce=True).sort(keys)
    return (
        both.with_columns(pl.col(SIDES).fill_null(0))
        .with_columns(
            *(named_column(key, evaluation.classes, both[key].to_numpy()) for key in keys),
            difference=pl.col("primary") - pl.col("secondary"),
            **{
                f"{side}_share": (pl.col(side) / pl.sum(side).over("label")).fill_nan(None)
                for side in SIDES
            },
        )
        .with_columns(share_difference=pl.col("primary_share") - pl.col("secondary_share"))
    )


@of_selection(*EVERYTHING)
def errors_by(
    evaluation: Evaluation, selection: Selection, by: str, *, split: Split | None = None
) -> pl.DataFrame:
    """Error rates of each version's own model on its own rows, by class or by source.

    `by` is "label" (the true class) or "source".

    Columns: group (null: no label, or no source); for either side, with secondary_ or primary_
    before them, errors, instances (with a known outcome), unknown (excluded), rate (null where no
    outcome is known), low, high (the exact 95% interval of Clopper and Pearson; null where train
    rows are among the instances), and reason (why rate or interval is null); change (primary rate
    less secondary rate). Groups with rows in either version, the most errors under the primary
    first, then by rate and name.
    """
    dataset = evaluation.dataset
    codes, names = coded(dataset, by)
    counted: dict[str, Counts] = {}
    width = len(names) + 1  # the first place is for rows without a group
    sides = matching_pair(evaluation, selection, split).sides
    for side, (version, rows) in zip(SIDES, sides, strict=True):
        group, outcome = codes[rows].astype(np.int64) + 1, evaluation.outcome[version, rows]
        known = outcome != UNKNOWN
        learned = known & (dataset.split[rows] == TRAIN)
        masks = {"errors": outcome == INCORRECT, "instances": known, "unknown": ~known}
        for part, mask in (masks | {"learned": learned}).items():
            counted[f"{side}_{part}"] = np.bincount(group[mask], minlength=width)
    held = sum(counted[f"{side}_{part}"] for side in SIDES for part in ("instances", "unknown"))
    lines: list[dict[str, object]] = []
    for place in np.flatnonzero(held).tolist():
        line: dict[str, object] = {"group": names[place - 1] if place else None}
        for side in SIDES:
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
        for side in SIDES
        for name, dtype in (
            ("errors", pl.Int64), ("instances", pl.Int64), ("unknown", pl.Int64),
            ("rate", pl.Float64), ("low", pl.Float64), ("high", pl.Float64), ("reason", pl.String),
        )
    },
}  # fmt: skip


def _rate(side: str, counts: dict[str, int]) -> dict[str, object]:
    errors, of, unknown = (counts[f"{side}_{part}"] for part in ("errors", "instances", "unknown"))
    fair = not counts[f"{side}_learned"]
    low, high = clopper_pearson(errors, of) if of and fair else (None, None)
    reason = None if fair else "train rows are no fair sample"
    if not of:
        reason = "no outcome is known" if unknown else "there are no such rows"
    rate = errors / of if of else None
    line = (errors, of, unknown, rate, low, high, reason)
    columns = ("errors", "instances", "unknown", "rate", "low", "high", "reason")
    return {f"{side}_{name}": value for name, value in zip(columns, line, strict=True)}
