"""The Timeline page: metrics, sizes and changes of all versions, under one another."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.app import cached
from chameleon.app.formatting import plain
from chameleon.app.tables import draw_table
from chameleon.app.view import View, draw_chart, draw_choice, draw_empty
from chameleon.charts import (
    SPLITS,
    change_frame,
    change_table,
    metric_frame,
    metric_lines,
    size_bars,
    size_frame,
)

METRICS: Mapping[str, str] = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "log_loss": "Log loss",
    "roc_auc": "ROC AUC",
}


def draw(view: View) -> None:
    """Three charts over the same versions, and their figures as a table."""
    evaluation = view.evaluation
    metrics = cached.call(analysis.version_metrics, evaluation)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = draw_choice("Metric", list(METRICS), names=METRICS, key="timeline-metric")
        by = "split"
        if evaluation.dataset.sources:
            by = draw_choice("Sizes by", ["split", "source"], key="timeline-sizes")
    _draw_metric(view, metrics, metric)
    st.markdown("##### How large is every version?")
    frame, groups = size_frame(cached.call(analysis.version_sizes, evaluation), by)
    draw_chart(frame, size_bars, key="timeline-size-chart", by=by, domain=groups)
    _draw_changes(view)
    _draw_table(metrics)


def _draw_metric(view: View, metrics: pl.DataFrame, metric: str) -> None:
    st.markdown("##### How good is every version's model on its own data?")
    frame = metric_frame(
        metrics, metric, primary=view.selection.primary, secondary=view.selection.secondary
    )
    if frame["value"].null_count() == len(frame):
        undefined = f"{METRICS[metric]} is undefined in every version: "
        draw_empty(view.why_empty("the lines follow", f"{undefined}{_undefined(metrics, metric)}."))
        return
    splits = [split for split in SPLITS if frame.filter(split=split)["value"].count()]
    draw_chart(
        frame, metric_lines, key="timeline-metric-chart", title=METRICS[metric], splits=splits
    )
    if frame["low"].count():
        st.caption(
            "A thick bar is the exact 95 % interval of an accuracy on test or validation rows; how "
            "another training run would turn out is not in it."
        )
    undefined = _undefined(metrics, metric)
    if undefined:
        st.caption(f"Undefined: {undefined}")


def _draw_changes(view: View) -> None:
    st.markdown("##### What changed at every step?")
    names = [version.name for version in view.evaluation.dataset.versions]
    if len(names) < 2:
        draw_empty("There is one version only: nothing changed yet.")
        return
    changes = change_frame(cached.call(analysis.timeline_changes, view.evaluation.dataset), names)
    draw_chart(changes, change_table, key="timeline-change-chart", versions=len(names))
    st.caption(
        "Instances, in the step from the version before. One that was relabelled and edited at "
        "once counts in both rows. Edited: a feature that both versions have changed its value."
    )


def _draw_table(metrics: pl.DataFrame) -> None:
    with st.expander("All figures as a table"):
        splits = [split for split in SPLITS if metrics[f"{split}_instances"].sum()]
        columns = ["version", "date", "instances"]
        columns += [f"{split}_{name}" for split in splits for name in ("instances", *METRICS)]
        shown = metrics.select(*columns, "note").rename(lambda name: name.replace("_", " "))
        draw_table(shown, key="timeline-table")


def _undefined(metrics: pl.DataFrame, metric: str) -> str:
    found = [
        f"{split} of {plain(row['version'])} ({plain(row[f'{split}_{metric}_reason'])})"
        for row in metrics.iter_rows(named=True)
        for split in SPLITS
        if row[f"{split}_{metric}"] is None and row[f"{split}_instances"]
    ]
    shown = ", ".join(found[:3])
    return shown if len(found) <= 3 else f"{shown} and {len(found) - 3} more"
