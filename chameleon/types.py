"""Types for annotations: the options, conditions, and progress of the public interface."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

T = TypeVar("T")

Closed = Literal["both", "left", "right", "none"]


@dataclass(frozen=True, slots=True)
class Range:
    """Values from `low` to `high`; None leaves an end open-ended.

    Parameters
    ----------
    low, high
        Numbers, dates, or datetimes.
    closed
        The ends that belong to the range: "both", "left", "right", or "none".

    Examples
    --------
    >>> import chameleon
    >>> chameleon.Range(18, 30)
    Range(low=18, high=30, closed='both')
    """

    low: float | dt.date | dt.datetime | None = None
    high: float | dt.date | dt.datetime | None = None
    closed: Closed = "both"


SampleName = Literal["digits", "sensor", "logs"]
Split = Literal["train", "test", "validation"]
Scope = Literal["test", "train", "validation", "all"]
"""The rows that are evaluated; each version's own split decides."""
Severity = Literal["error", "warning", "info"]
Metric = Literal["accuracy", "macro_f1", "log_loss", "recall"]
"""Metrics of test rows; "recall" needs `of_class`."""
TimelineMetric = Literal["accuracy", "macro_f1", "log_loss", "roc_auc"]
Outcome = Literal["correct", "incorrect", "unknown"]
Reference = Literal["previous", "first"]
Counted = Literal["outcome", "class"]
"""The changes that a sensitivity counts: of the outcome, or of the predicted class."""
Read = Literal["after", "before"]
"""The version whose row of an instance a filter reads first."""

ChangeBy = Literal["split", "label", "source"]
OutcomeBy = Literal["split", "label"]
ErrorsBy = Literal["label", "source"]
HistogramBy = Literal["outcome", "label"]
CellBy = Literal["label", "split", "source", "date"]
RankBy = Literal["confidence", "sensitivity", "label_issue"]
TrainBy = Literal["kind", "source", "label"]
SharedGroup = Literal["added", "removed"]
Library = Literal["polars", "pandas"]

Change = Literal["added", "removed", "relabeled", "labeled", "edited", "changed_split", "unchanged"]
Flip = Literal["regressed", "fixed", "still_correct", "still_incorrect"]
VoteChange = Literal["changed", "started", "stopped", "switched"]
FailureSet = Literal["always_incorrect", "newly_incorrect", "fixed", "flickering"]
ChangeType = Literal["data", "model", "mixed", "nothing", "unknown"]
Origin = Literal["fitted", "cached", "shipped", "external", "none"]
Verdict = Literal[
    "model_worse", "model_better", "test_harder", "test_easier", "both", "no_change",
    "no_detectable_change", "too_little_data", "seen_in_training", "not_comparable",
]  # fmt: skip

Value: TypeAlias = "str | float | bool | dt.date | dt.datetime | Range | None"
Condition: TypeAlias = "Value | Sequence[Value]"
"""One value of a condition or several; several are alternatives."""
OneOrMore: TypeAlias = "T | Sequence[T]"


def __getattr__(name: str) -> object:
    if name == "Progress":
        from chameleon.storage import Progress

        return Progress
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
