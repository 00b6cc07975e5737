"""The Timeline page: metrics, sizes, and changes of all versions, one below the other."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import streamlit as st

from chameleon import analysis, charts
from chameleon.app import cached
from chameleon.app.formatting import plain
from chameleon.app.view import View, draw_chart, draw_choice, draw_empty, draw_table
from chameleon.charts import SPLITS

METRICS: Mapping[str, str] = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "log_loss": "Log loss",
    "roc_auc": "ROC AUC",
}


def draw(view: View) -> None:
    """Three charts over the same versions, and their numbers as a table."""
    metrics = view.call(analysis.version_metrics)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = draw_choice("Metric", list(METRICS), names=METRICS, key="timeline-metric")
        by = "split"
        if view.evaluation.dataset.sources:
            by = draw_choice("Sizes by", ["split", "source"], key="timeline-sizes")
    _draw_metric(view, metrics, metric)
    st.markdown("##### How large is every version?")
    frame, groups = charts.size_frame(view.call(analysis.version_sizes), by)
    draw_chart(frame, charts.size_bars, key="timeline-size-chart", by=by, domain=groups)
    _draw_changes(view)
    with st.expander("All numbers as a table"):
        splits = [split for split in SPLITS if metrics[f"{split}_instances"].sum()]
        columns = ["version", "date", "instances"]
        columns += [f"{split}_{name}" for split in splits for name in ("instances", *METRICS)]
        shown = metrics.select(*columns, "note").rename(lambda name: name.replace("_", " "))
        draw_table(shown, key="timeline-table")


def _draw_metric(view: View, metrics: pl.DataFrame, metric: str) -> None:
    st.markdown("##### How good is every version's model on its own data?")
    frame = charts.metric_frame(metrics, metric, **view.versions)
    undefined = _undefined(metrics, metric)
    if frame["value"].null_count() == len(frame):
        reason = f"{METRICS[metric]} is undefined in every version: {undefined}."
        draw_empty(view.why_empty("the lines follow", reason))
        return
    splits = [split for split in SPLITS if frame.filter(split=split)["value"].count()]
    draw_chart(frame, charts.metric_lines, key="timeline-metric-chart", title=METRICS[metric],
               splits=splits)  # fmt: skip
    if frame["low"].count():
        st.caption(
            "Thick bars: exact 95% CI of test or validation accuracy. Training noise isn't "
            "included."
        )
    if undefined:
        st.caption(f"Undefined: {undefined}")


def _draw_changes(view: View) -> None:
    st.markdown("##### What changed at every step?")
    names = view.version_names
    if len(names) < 2:
        draw_empty("There is one version only, so there is no step.")
        return
    dataset = view.evaluation.dataset
    changes = charts.change_frame(cached.call(analysis.timeline_changes, dataset), names)
    draw_chart(changes, charts.change_table, key="timeline-change-chart", versions=len(names))
    st.caption(
        "Instances, in the step from the previous version. One that was relabeled and edited "
        "counts in both rows. Edited: the value of a feature in both versions differs."
    )


def _undefined(metrics: pl.DataFrame, metric: str) -> str:
    found = [
        f"{split} of {plain(row['version'])} ({plain(row[f'{split}_{metric}_reason'])})"
        for row in metrics.iter_rows(named=True)
        for split in SPLITS
        if row[f"{split}_{metric}"] is None and row[f"{split}_instances"]
    ]
    shown = ", ".join(found[:3])
    return shown if len(found) <= 3 else f"{shown} and {len(found) - 3} more"
