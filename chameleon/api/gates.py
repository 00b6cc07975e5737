"""Checks of a step against limits, for continuous integration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from chameleon.analysis import counted
from chameleon.api.frames import SCHEMAS
from chameleon.api.named_versions import left_out
from chameleon.api.results import Gate
from chameleon.errors import SelectionError

if TYPE_CHECKING:
    from chameleon.api.steps import Step
    from chameleon.types import Metric

_SEVERITIES = ("error", "warning", "info")

Row = tuple[str, float | None, float | None, bool, str]


def checked_step(
    step: Step,
    metric: Metric | None,
    of_class: str | None,
    limits: Mapping[str, Any],
    *,
    certain: bool,
) -> Gate:
    """The checks that have a limit; an undefined value fails its check, as does a version left out.

    Without this check, a step of older versions would pass where the newest can't be used.
    """
    asked = {name: limit for name, limit in limits.items() if limit is not None}
    _require_limits(asked, metric)
    rows: list[Row] = []
    if absent := left_out(step._core.dataset.project):
        message = f"{counted(len(absent), 'version')} left out: {' '.join(absent.values())}"
        rows.append(("every version could be read", len(absent), 0, False, message.rstrip(".")))
    if "max_drop" in asked or "max_leaked" in asked:
        found = step.attribution(metric=metric, of_class=of_class)
        if "max_drop" in asked:
            rows.append(_drop(found, asked["max_drop"], certain=certain))
        if "max_leaked" in asked:
            rows.append(_at_most("leaked test instances", found.leaked, asked["max_leaked"]))
    if "max_negative_flips" in asked:
        flips = step.prediction_changes().fair_negative_flips
        value = flips.ci_low if certain else flips.share
        rows.append(_at_most("negative flip rate", value, asked["max_negative_flips"]))
    if "max_drifted" in asked:
        drifted = int(step.drift().filter(pl.col("drifted") & (pl.col("kind") == "feature")).height)
        rows.append(_at_most("drifted features", drifted, asked["max_drifted"]))
    if "findings" in asked:
        rows.append(_findings(step, asked["findings"]))
    table = pl.DataFrame(rows, schema=dict(SCHEMAS["gate"]), orient="row")
    name = f"{step.before.name} → {step.after.name}"
    return Gate(table, all(row[3] for row in rows), name)


def _require_limits(asked: Mapping[str, Any], metric: Metric | None) -> None:
    """Raise SelectionError without any limit, or for a share that no step can exceed."""
    if not asked:
        raise SelectionError("The gate checks nothing. Name a limit, such as max_drop=0.01.")
    shares = ["max_negative_flips", *(["max_drop"] if metric != "log_loss" else [])]
    for name in shares:
        if not -1 < asked.get(name, 0) < 1:
            raise SelectionError(
                f"{name} is a share below 1, such as 0.01 for one point; found {asked[name]!r}."
            )


def _drop(found: Any, limit: float, *, certain: bool) -> Row:  # noqa: ANN401 - a result
    """The check of the metric; where less is better, a rise is a drop."""
    worse = -1 if found.metric != "log_loss" else 1
    ends = (found.ci_low, found.ci_high) if certain else (found.change, found.change)
    drops = [worse * end for end in ends if end is not None]
    value = min(drops) if len(drops) == len(ends) else None
    word = "drop" if worse < 0 else "rise"
    return _at_most(f"{found.metric.replace('_', ' ')} {word}", value, limit)


def _at_most(check: str, value: float | None, limit: float) -> Row:
    if value is None:
        return check, None, limit, False, f"{check} is undefined"
    digits = "" if isinstance(value, int) else ".3f"
    passed = value <= limit
    sign = "≤" if passed else ">"
    return check, value, limit, passed, f"{check} {value:{digits}} {sign} {limit:{digits}}"


def _findings(step: Step, severity: str) -> Row:
    """The check of the findings about the later version, or about no single one."""
    severe = _SEVERITIES[: _SEVERITIES.index(severity) + 1]
    version = pl.col("version").cast(pl.String)
    concerns = version.is_null() | (version == step.after.name)
    found = step.evaluation.findings().filter(concerns & pl.col("severity").is_in(severe))
    return _at_most(f"findings ({severity} or worse)", found.height, 0)
