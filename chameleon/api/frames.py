"""The columns of every public frame, in order, with their types; and how frames get them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import polars as pl


class VersionType:
    """The type of a column of version names: `pl.Enum` in the order of the timeline."""


VERSION = VersionType()
TEXT, COUNT, NUMBER, FLAG = pl.String, pl.Int64, pl.Float64, pl.Boolean
DAY, MOMENT = pl.Date, pl.Datetime("us")
AS_IS = None
"""The type of a column that keeps the one it has."""

Type: TypeAlias = Any

Schema = Mapping[str, Type]


def _both(*columns: str, of: Type = NUMBER) -> dict[str, Type]:
    """Columns of the version before and of the version after."""
    return {f"{column}_{side}": of for column in columns for side in ("before", "after")}


_INTERVAL: Schema = {"ci_low": NUMBER, "ci_high": NUMBER}
_BIN: Schema = {
    "split": TEXT, "bin": COUNT, "bar": TEXT, "low": NUMBER, "high": NUMBER, "category": TEXT,
}  # fmt: skip
_OUTCOMES: Schema = {"correct": COUNT, "incorrect": COUNT, "unknown": COUNT}
MODEL_COLUMNS = ("prediction", "probability", "probability_of_label", "outcome")
_MODEL_TYPES = (TEXT, NUMBER, NUMBER, TEXT)
_INSTANCE: Schema = {
    "instance": TEXT, "label": TEXT, "split": TEXT, "source": TEXT, "date": AS_IS,
}  # fmt: skip
_COURSE: Schema = {"strip": TEXT, "course": TEXT, "changes": COUNT, "versions": COUNT}
_CELL: Schema = {
    "version": VERSION, "cell": TEXT, "x": NUMBER, "y": NUMBER, "size": NUMBER, **_OUTCOMES,
    "instances": COUNT, "accuracy": NUMBER, "ratio": NUMBER,
}  # fmt: skip

SCHEMAS: Mapping[str, Schema] = {
    "findings": {
        "version": VERSION, "severity": TEXT, "kind": TEXT, "column": TEXT, "count": COUNT,
        "examples": pl.List(pl.String), "message": TEXT, "action": TEXT,
    },
    "metrics": {
        "version": VERSION, "date": DAY, "split": TEXT, "instances": COUNT, "unknown": COUNT,
        "accuracy": NUMBER, "accuracy_ci_low": NUMBER, "accuracy_ci_high": NUMBER,
        "macro_f1": NUMBER, "log_loss": NUMBER, "roc_auc": NUMBER, "reason": TEXT,
    },
    "sizes": {
        "version": VERSION, "split": TEXT, "source": TEXT, "instances": COUNT, "correct": COUNT,
    },
    "predictions": {
        "instance": TEXT, "row": COUNT, "present": FLAG, "label": TEXT, "split": TEXT,
        "prediction": TEXT, "probability": NUMBER, "probability_of_label": NUMBER,
        "outcome": TEXT,
    },
    "models": {
        "version": VERSION, "model": TEXT, "origin": TEXT, "seconds": NUMBER, "reason": TEXT,
    },
    "drift_over_versions": {
        "kind": TEXT, "feature": TEXT, "before": VERSION, "version": VERSION,
        "js_distance": NUMBER, "reason": TEXT,
    },
    "feature_histograms": {"version": VERSION, **_BIN, **_OUTCOMES},
    "sensitivity": {"changes": COUNT, "instances": COUNT},
    "sensitive_instances": {
        "instance": TEXT, "changes": COUNT, "course": TEXT, "place": COUNT, "version": VERSION,
        "outcome": TEXT, "prediction": TEXT, "in_train": FLAG,
    },
    "fixed_test_set": {
        "version": VERSION, "value": NUMBER, **_INTERVAL, "instances": COUNT, "leaked": COUNT,
        "unknown": COUNT,
    },
    "cross_test": {
        "model": VERSION, "test": VERSION, "value": NUMBER, "instances": COUNT, "leaked": COUNT,
        "unknown": COUNT,
    },
    "golden_predictions": {
        "version": VERSION, "instance": TEXT, "label": TEXT, "prediction": TEXT,
        "probability_of_label": NUMBER, "leaked": FLAG,
    },
    "step_instances": {
        **_INSTANCE, "presence": TEXT,
        **{
            f"{column}_{side}": of
            for column, of in zip(MODEL_COLUMNS, _MODEL_TYPES, strict=True)
            for side in ("before", "after")
        },
        "flip": TEXT, **_COURSE,
    },
    "version_instances": {
        **_INSTANCE, **dict(zip(MODEL_COLUMNS, _MODEL_TYPES, strict=True)), **_COURSE,
    },
    "histograms": {"version": VERSION, "feature": TEXT, **_BIN, **_OUTCOMES},
    "label_histograms": {
        "version": VERSION, "feature": TEXT, **_BIN, "label": TEXT, "instances": COUNT,
    },
    "step_features": {
        "feature": TEXT, "kind": TEXT, "split": TEXT, **_both("min", "max", "mean"),
        **_both("missing", "instances", of=COUNT), "js_distance": NUMBER,
        "error_unevenness": NUMBER, "error_unevenness_change": NUMBER, "subset_distance": NUMBER,
    },
    "version_features": {
        "feature": TEXT, "kind": TEXT, "split": TEXT, "min": NUMBER, "max": NUMBER,
        "mean": NUMBER, "missing": COUNT, "instances": COUNT, "error_unevenness": NUMBER,
        "subset_distance": NUMBER,
    },
    "confusion": {
        "version": VERSION, "label": TEXT, "predicted": TEXT, "instances": COUNT, "share": NUMBER,
    },
    "errors_by_label": {
        "version": VERSION, "label": TEXT, "errors": COUNT, "instances": COUNT, "unknown": COUNT,
        "error_rate": NUMBER, **_INTERVAL, "reason": TEXT,
    },
    "errors_by_source": {
        "version": VERSION, "source": TEXT, "errors": COUNT, "instances": COUNT, "unknown": COUNT,
        "error_rate": NUMBER, **_INTERVAL, "reason": TEXT,
    },
    "embedding": _CELL,
    "embedding_by": {**_CELL, "group": AS_IS, "group_instances": COUNT},
    "ranked_errors": {
        "instance": TEXT, "label": TEXT, "prediction": TEXT, "probability": NUMBER,
        "label_issue_score": NUMBER, "suggested_label": TEXT, "is_issue": FLAG, "changes": COUNT,
        "course": TEXT, "split": TEXT, "source": TEXT,
    },
    "label_issues": {
        "instance": TEXT, "split": TEXT, "label": TEXT, "suggested_label": TEXT,
        "suggested_probability": NUMBER, "score": NUMBER, "is_issue": FLAG,
    },
    "correlations": {
        "feature_a": TEXT, "feature_b": TEXT, "matching": NUMBER, "all": NUMBER,
        "matching_rows": COUNT, "all_rows": COUNT,
    },
    "refit": {"split": TEXT, "removed": COUNT, "total": COUNT, "fitted": COUNT},
    "data": {"change": TEXT, "instances": COUNT, "share": NUMBER},
    "data_by": {"group": TEXT, "change": TEXT, "instances": COUNT, "share": NUMBER},
    "edited_features": {"feature": TEXT, "edited": COUNT},
    "kinds": {
        "kind": TEXT, "split": TEXT, "instances": COUNT, "sentence": TEXT, "by": TEXT,
        "feature": TEXT, "group": TEXT, "share": NUMBER, "rest_share": NUMBER, "lift": NUMBER,
        **_INTERVAL, "q_value": NUMBER, "compared": COUNT,
    },
    "edits": {
        "feature": TEXT, "instances": COUNT, "became_missing": COUNT, "was_missing": COUNT,
        "median_before": NUMBER, "median_after": NUMBER, "median_shift": NUMBER,
        "shift_share": NUMBER, "median_ratio": NUMBER, "ratio_share": NUMBER,
        "most_before": TEXT, "most_after": TEXT, "most_instances": COUNT, "pattern": TEXT,
    },
    "edited_values": {"before": TEXT, "after": TEXT, "instances": COUNT},
    "edited_instances": {
        "instance": TEXT, "label_before": TEXT, "label_after": TEXT, "split_before": TEXT,
        "split_after": TEXT, "source": TEXT, "feature": TEXT, "value_before": TEXT,
        "value_after": TEXT,
    },
    "drift": {
        "kind": TEXT, "feature": TEXT, "split": TEXT, "instances_before": COUNT,
        "instances_after": COUNT, "js_distance": NUMBER, "js_chance_level": NUMBER,
        "drifted": FLAG, "wasserstein": NUMBER, "wasserstein_chance_level": NUMBER,
        "psi": NUMBER, "psi_chance_level": NUMBER, "p_value": NUMBER, "reason": TEXT,
        "wasserstein_reason": TEXT,
    },
    "group_drift": {
        "kind": TEXT, "feature": TEXT, "split": TEXT, "instances": COUNT, "shared": COUNT,
        "test": TEXT, "effect": NUMBER, "p_value": NUMBER, "q_value": NUMBER, "reason": TEXT,
    },
    "domain_classifier": {"feature": TEXT, "auc_drop": NUMBER, "auc_alone": NUMBER},
    "prediction_changes": {
        "before": TEXT, "after": TEXT, "flip": TEXT, "instances": COUNT, "share": NUMBER,
        "relabeled": COUNT, "edited": COUNT,
    },
    "prediction_changes_by": {
        "group": TEXT, "before": TEXT, "after": TEXT, "flip": TEXT, "instances": COUNT,
        "share": NUMBER,
    },
    "class_changes": {
        "class_before": TEXT, "class_after": TEXT, "instances": COUNT, "fixed": COUNT,
        "regressed": COUNT,
    },
    "failure_sets": {"set": TEXT, "instances": COUNT},
    "slices": {
        "slice": TEXT, "direction": TEXT, "found_in": COUNT, "instances": COUNT, "fixed": COUNT,
        "regressed": COUNT, "accuracy_before": NUMBER, "accuracy_after": NUMBER,
        "change": NUMBER, **_INTERVAL, "q_value": NUMBER,
    },
    "attribution": {
        "contribution": TEXT, "value": NUMBER, **_INTERVAL, "instances": COUNT,
    },
    "crossed": {"model": VERSION, "test": VERSION, "value": NUMBER, "instances": COUNT},
    "training_attribution": {
        "contribution": TEXT, "value": NUMBER, "deviation": NUMBER, "half_width": NUMBER,
        "is_noise": FLAG, "instances": COUNT,
    },
    "summary": {
        "topic": TEXT, "sentence": TEXT, "causes": pl.List(pl.String), "conditions": TEXT,
    },
    "gate": {"check": TEXT, "value": NUMBER, "limit": NUMBER, "passed": FLAG, "message": TEXT},
    "weak_by_class": {
        "version": VERSION, "class": TEXT, "instances": COUNT, "mean": NUMBER,
        "most_likely": COUNT, "confidence": NUMBER, "entropy": NUMBER, "hard": COUNT,
        "disagreements": COUNT,
    },
    "weak_totals": {
        "version": VERSION, "instances": COUNT, "with_probabilities": COUNT, "tied": COUNT,
        "confidence": NUMBER, "entropy": NUMBER, "judged": COUNT, "disagreements": COUNT,
    },
    "weak_histogram": {
        "version": VERSION, "class": TEXT, "low": NUMBER, "high": NUMBER, "instances": COUNT,
    },
    "weak_changes": {
        "shared": COUNT, "compared": COUNT, "changed": COUNT, "most_likely_changed": COUNT,
        "distance": NUMBER,
    },
    "labeling_functions": {
        "version": VERSION, "function": TEXT, "instances": COUNT, "votes": COUNT,
        "coverage": NUMBER, "overlaps": COUNT, "conflicts": COUNT, "judged": COUNT,
        "correct": COUNT, "accuracy": NUMBER, **_INTERVAL,
    },
    "vote_changes": {
        "function": TEXT, "shared": COUNT, "changed": COUNT, "started": COUNT, "stopped": COUNT,
        "switched": COUNT, "compared": COUNT, "changed_distance": NUMBER,
        "other_distance": NUMBER, "changed_share": NUMBER,
    },
    "instance_versions": {
        "version": VERSION, "date": DAY, "present": FLAG, "row": COUNT, "label": TEXT,
        "split": TEXT, "prediction": TEXT, "probability_of_label": NUMBER,
        "probability_of_prediction": NUMBER, "outcome": TEXT,
    },
    "instance_rows": {
        "row": COUNT, "versions": TEXT, "column": TEXT, "is_feature": FLAG, "value": TEXT,
        "changed": FLAG,
    },
    "instance_quantiles": {
        "feature": TEXT, "value": TEXT, "share_below": NUMBER, "known": COUNT, "low": NUMBER,
        "high": NUMBER, "category": TEXT, "bin_instances": COUNT, "instances": COUNT,
    },
    "neighbors": {
        "instance": TEXT, "distance": NUMBER, "label": TEXT, "split": TEXT, "source": TEXT,
        "prediction": TEXT, "outcome": TEXT, "same_label": FLAG,
    },
    "weak_label": {"class": TEXT, "probability": NUMBER, "votes_for": COUNT},
    "list_entries": {"instance": TEXT, "reason": TEXT, "added": MOMENT},
    "list_rules": {
        "number": COUNT, "conditions": TEXT, "before": TEXT, "after": TEXT, "reason": TEXT,
        "added": MOMENT,
    },
    "list_members": {
        "instance": TEXT, "by": TEXT, "rule": COUNT, "reason": TEXT, "added": MOMENT,
        "known": FLAG, "present": FLAG, "label": TEXT, "split": TEXT, "source": TEXT,
    },
    "list_counts": {
        "by": TEXT, "group": TEXT, "instances": COUNT, "total": COUNT, "share": NUMBER,
    },
}  # fmt: skip
"""The frames that have the same columns for every project. `instances` and `read` also have a
column a feature, behind these."""

FLIPS: Mapping[tuple[str, str], str] = {
    ("correct", "correct"): "still_correct",
    ("incorrect", "correct"): "fixed",
    ("correct", "incorrect"): "regressed",
    ("incorrect", "incorrect"): "still_incorrect",
}
"""The name of an outcome before and after."""


def shaped(
    name: str, frame: pl.DataFrame, versions: Sequence[str], *, more: bool = False
) -> pl.DataFrame:
    """The frame with the columns of its schema, in order and with their types.

    `versions` is the timeline, for the type of version columns. The ends of an interval may also be
    named low and high; `more` keeps further columns behind those of the schema.
    """
    schema = SCHEMAS[name]
    if "ci_low" in schema and "ci_low" not in frame.columns:
        frame = frame.rename({"low": "ci_low", "high": "ci_high"})
    types = {c: pl.Enum(versions) if of is VERSION else of for c, of in schema.items()}
    columns = [
        frame[column] if of is AS_IS else frame[column].cast(of) for column, of in types.items()
    ]
    if more:
        columns += [frame[column] for column in frame.columns if column not in schema]
    return pl.DataFrame({column.name: column for column in columns})


def stacked(
    frame: pl.DataFrame, sides: Mapping[str, str], keys: Iterable[str] = ()
) -> pl.DataFrame:
    """A wide frame of two versions as one block of rows a version, with a column `version`.

    `sides` are the versions by the prefixes of their columns: {"secondary": …, "primary": …};
    every block keeps the columns `keys`.
    """
    blocks = []
    for side, version in sides.items():
        own = {c: c.removeprefix(f"{side}_") for c in frame.columns if c.startswith(f"{side}_")}
        if side in frame.columns:  # a column of counts
            own[side] = "instances"
        block = pl.DataFrame(
            {**{k: frame[k] for k in keys}, **{n: frame[c] for c, n in own.items()}}
        )
        blocks.append(block.insert_column(0, pl.Series("version", [version] * len(block))))
    return pl.concat(blocks)


def suffixed(frame: pl.DataFrame) -> pl.DataFrame:
    """A wide frame with columns `…_before` and `…_after` instead of `secondary_…`, `primary_…`."""
    sides = (("secondary_", "_before"), ("primary_", "_after"))
    return frame.rename(
        lambda name: next((name.removeprefix(p) + s for p, s in sides if name.startswith(p)), name)
    )
