"""The facts behind the verdict on a step: how far accuracy moved, and on which rows.

Rows of a scope are unchanged, edited (or relabeled), new, or removed; each group is judged by both
models. So the reader sees whether the model or the test set moved the metric, without a
decomposition: its parts interact (`Attribution.ambiguous`), counts of rows don't.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from chameleon.analysis.attribution import RESAMPLES, corner_draws, percentile_interval
from chameleon.analysis.metrics import TRAIN
from chameleon.analysis.scope_rows import (
    ALL,
    EditedRows,
    Errors,
    OneSidedRows,
    ScopeRows,
    Table,
    UnchangedRows,
    scopes_of,
)
from chameleon.analysis.values import SPLIT_NAMES, Floats
from chameleon.counting import CORRECT, UNKNOWN
from chameleon.data import EvolvingDataset, Pair
from chameleon.models import Evaluation

_CERTAIN, _LIKELY = 0.01, 0.05

Status = Literal["ok", "none", "seen", "not_comparable"]
Level = Literal["certain", "likely", "chance"]
Direction = Literal["harder", "easier", "unchanged", "can't tell"]


@dataclass(frozen=True, slots=True)
class MetricChange:
    """The change of a metric, its 95% interval and p-value, where known (sampling noise only).

    `chance` is True if the change is consistent with chance: the interval contains zero.
    """

    name: str
    before: float
    after: float
    change: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    chance: bool | None = None


@dataclass(frozen=True, slots=True)
class Chip:
    """A part of the verdict: on the test set (`direction`), or on unchanged rows (`points`)."""

    about: str
    level: Level
    direction: Direction | None = None
    points: float | None = None


@dataclass(frozen=True, slots=True)
class StepFacts:
    """The facts of a step in a scope.

    `status` is "none" where an accuracy is undefined, "seen" for train rows, which models were
    fitted on, "not_comparable" where none of the rows can be compared; `reason` is why. `table`
    has (correct, known) by model, then by rows, before and after. `excluded` are the instances that
    `guarded`, the change without them, leaves out: `leaked` ones, in a train set, and `unknown`
    ones, without a label or a prediction. `step` has the changes of the data by split.
    """

    status: Status
    reason: str | None
    metric: MetricChange | None
    guarded: MetricChange | None
    excluded: dict[str, int]
    table: Table
    unchanged: UnchangedRows
    edited: EditedRows
    added: OneSidedRows
    removed: OneSidedRows
    errors: Errors
    step: dict[str, dict[str, int]]
    chips: tuple[Chip, ...]


def step_facts(
    evaluation: Evaluation, *, before: str, after: str, scope: str = "test"
) -> StepFacts:
    """The facts of a step, also of versions that aren't consecutive, in one of `SCOPES`."""
    names = {"before": before, "after": after}
    rows = ScopeRows.of(evaluation, **names, scope=scope)
    found = StepFacts(
        status="ok",
        reason=None,
        metric=_metric(rows.table, scope),
        guarded=None,
        excluded={"leaked": 0, "unknown": 0},
        table=rows.table,
        unchanged=rows.unchanged,
        edited=rows.edited,
        added=rows.added,
        removed=rows.removed,
        errors=rows.errors(evaluation.classes),
        step=changes_by_split(evaluation.dataset, rows.pair),
        chips=(),
    )
    if found.metric is None:
        lacking = before if not rows.table[0][0][1] else after
        what = "rows" if scope == ALL else f"{scope} rows"
        reason = f"{lacking} has no {what} with a label and a prediction."
        return replace(found, status="none", reason=reason)
    if scope == SPLIT_NAMES[TRAIN]:
        return replace(found, status="seen", reason="The models were trained on these rows.")
    if scope == ALL:
        return found
    return _with_intervals(evaluation, found, rows, names, scope)


def facts_by_scope(evaluation: Evaluation, *, before: str, after: str) -> dict[str, StepFacts]:
    """The facts of a step in every scope with rows."""
    return {
        scope: step_facts(evaluation, before=before, after=after, scope=scope)
        for scope in scopes_of(evaluation.dataset)
    }


def _with_intervals(
    evaluation: Evaluation, facts: StepFacts, rows: ScopeRows, names: dict[str, str], scope: str
) -> StepFacts:
    """The facts with intervals and chips; the interval is that of `attribute_change`.

    Where that leaves out leaked or unknown instances, the change without them is `guarded`.
    """
    assert facts.metric is not None
    split = SPLIT_NAMES.index(scope)
    corners, tests = corner_draws(evaluation, **names, split=split)
    if tests.note is not None:
        return replace(facts, status="not_comparable", reason=tests.note)
    old_on_old, old_on_new, new_on_new = corners[0, 0], corners[0, 1], corners[1, 1]
    draws, guarded = new_on_new - old_on_old, None
    if tests.leaked or tests.unknown:
        ends = float(old_on_old[0]), float(new_on_new[0])
        without = MetricChange(facts.metric.name, *ends, ends[1] - ends[0])
        guarded = _with_interval(without, draws)
        draws = _resampled_change(rows)
    metric = _with_interval(facts.metric, draws)
    return replace(
        facts,
        metric=metric,
        guarded=guarded,
        excluded={"leaked": tests.leaked, "unknown": tests.unknown},
        chips=_chips(replace(facts, metric=metric), f"{scope} set", old_on_new - old_on_old),
    )


def changes_by_split(dataset: EvolvingDataset, pair: Pair) -> dict[str, dict[str, int]]:
    """Numbers of added, removed, relabeled, labeled, edited, and moved instances by split.

    `relabeled` includes `labeled`, the first labels. An instance counts in its later split, or in
    the one it was removed from.
    """
    split = dataset.split
    shared = split[pair.new]
    codes_of = {
        "added": split[pair.added],
        "removed": split[pair.removed],
        "relabeled": shared[pair.relabeled],
        "labeled": shared[pair.relabeled & (dataset.label[pair.old] < 0)],
        "edited": shared[pair.edited],
        "moved": shared[pair.changed_split],
    }
    counts = {
        kind: np.bincount(codes, minlength=len(SPLIT_NAMES)).tolist()
        for kind, codes in codes_of.items()
    }
    return {
        name: {kind: counts[kind][code] for kind in counts} for code, name in enumerate(SPLIT_NAMES)
    }


def _metric(table: Table, scope: str) -> MetricChange | None:
    """The accuracy of each model on its own rows; None where one is undefined."""
    (before, of_before), (after, of_after) = table[0][0], table[1][1]
    if not of_before or not of_after:
        return None
    name = "Accuracy" if scope == ALL else f"{scope.capitalize()} accuracy"
    first, second = before / of_before, after / of_after
    return MetricChange(name, first, second, second - first)


def _are_same(facts: StepFacts) -> bool:
    """Return True if both versions have the same rows in the scope."""
    return not (facts.edited.n or facts.added.n or facts.removed.n)


def _resampled_change(rows: ScopeRows) -> Floats:
    """The change of accuracy: as it is, then of resampled instances; of shape (1 + resamples,)."""
    states = rows.before.astype(np.int64) * 3 + rows.after
    judged = states[states != UNKNOWN * 3 + UNKNOWN]
    counts = np.bincount(judged, minlength=9)
    drawn = np.random.default_rng(0).multinomial(len(judged), counts / len(judged), size=RESAMPLES)
    by_state = np.concatenate([counts[None], drawn]).reshape(-1, 3, 3).astype(np.float64)
    sides = by_state.sum(axis=2), by_state.sum(axis=1)  # each (1 + resamples, outcomes)
    with np.errstate(invalid="ignore"):
        before, after = (side[:, CORRECT] / side[:, :UNKNOWN].sum(axis=1) for side in sides)
    return np.asarray(after - before)


def _with_interval(metric: MetricChange, draws: Floats) -> MetricChange:
    """The change with the interval and the p-value of its draws."""
    low, high = percentile_interval(draws)
    within = None if low is None or high is None else low <= 0 <= high
    return replace(metric, low=low, high=high, p=_bootstrap_p(draws), chance=within)


def _bootstrap_p(draws: Floats) -> float | None:
    """The two-sided share of the resamples that are beyond zero; None if one is undefined."""
    resampled = draws[1:]
    if not len(resampled) or not np.isfinite(resampled).all():
        return None
    beyond = min(int((resampled <= 0).sum()), int((resampled >= 0).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(resampled) + 1))


def _chips(facts: StepFacts, about: str, harder: Floats) -> tuple[Chip, ...]:
    """The parts of the verdict; `harder` has the draws of the old model's change on new rows.

    Where all rows are unchanged, their chip agrees with the interval of the change. Otherwise their
    change has no other test than McNemar's.
    """
    p = _bootstrap_p(harder)
    level = _level(p)
    if _are_same(facts):
        chips = [Chip(about, "chance", direction="unchanged")]
    elif level == "chance":
        chips = [Chip(about, "chance", direction="can't tell")]
    else:
        chips = [Chip(about, level, direction="easier" if harder[0] > 0 else "harder")]
    of = facts.unchanged
    if of.n:
        points = 100 * (of.after - of.before) / of.n
        chips.append(Chip("unchanged rows", _unchanged_level(facts), points=points))
    return tuple(chips)


def _unchanged_level(facts: StepFacts) -> Level:
    if facts.metric is None or not _are_same(facts):
        return _level(facts.unchanged.p)
    if facts.metric.chance is not False:
        return "chance"
    return "certain" if _level(facts.metric.p) == "certain" else "likely"


def _level(p: float | None) -> Level:
    if p is None or p >= _LIKELY:
        return "chance"
    return "certain" if p < _CERTAIN else "likely"
