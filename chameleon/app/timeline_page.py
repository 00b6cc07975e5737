"""The Timeline page: metrics, sizes and changes of all versions, under one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.app import cached
from chameleon.app.formatting import plain
from chameleon.app.tables import draw_table
from chameleon.app.view import View, is_dark
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
    dark = is_dark()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = st.segmented_control(
            "Metric", list(METRICS), format_func=METRICS.__getitem__, default="accuracy",
            key="timeline-metric", required=True, persist_state="session",
        )  # fmt: skip
        has_sources = bool(evaluation.dataset.sources)
        by = "split"
        if has_sources:
            by = st.segmented_control(
                "Sizes by", ["split", "source"], default="split", key="timeline-sizes",
                required=True, persist_state="session",
            )  # fmt: skip
    _draw_metric(view, metrics, metric or "accuracy", dark=dark)
    st.markdown("##### How large is every version?")
    frame, groups = size_frame(cached.call(analysis.version_sizes, evaluation), by or "split")
    st.vega_lite_chart(
        frame, _size_spec(by or "split", tuple(groups), dark=dark), key="timeline-size-chart"
    )
    _draw_changes(view, dark=dark)
    _draw_table(metrics)


def _draw_metric(view: View, metrics: pl.DataFrame, metric: str, *, dark: bool) -> None:
    st.markdown("##### How good is every version's model on its own data?")
    frame = metric_frame(
        metrics, metric, primary=view.selection.primary, secondary=view.selection.secondary
    )
    if frame["value"].null_count() == len(frame):
        st.info(_why_undefined(view, metrics, metric), icon=":material/info:")
        return
    splits = tuple(split for split in SPLITS if frame.filter(split=split)["value"].count())
    spec = _metric_spec(METRICS[metric], splits, dark=dark)
    st.vega_lite_chart(frame, spec, key="timeline-metric-chart")
    if frame["low"].count():
        st.caption(
            "A thick bar is the exact 95 % interval of an accuracy on test or validation rows; how "
            "another training run would turn out is not in it."
        )
    undefined = _undefined(metrics, metric)
    if undefined:
        st.caption(f"Undefined: {undefined}")


def _draw_changes(view: View, *, dark: bool) -> None:
    st.markdown("##### What changed at every step?")
    names = [version.name for version in view.evaluation.dataset.versions]
    if len(names) < 2:
        st.info("There is one version only: nothing changed yet.", icon=":material/info:")
        return
    st.vega_lite_chart(
        change_frame(cached.call(analysis.timeline_changes, view.evaluation.dataset), names),
        _change_spec(len(names), dark=dark),
        key="timeline-change-chart",
    )
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


def _why_undefined(view: View, metrics: pl.DataFrame, metric: str) -> str:
    if view.pending:
        return "The models are being fitted: the lines follow."
    return f"{METRICS[metric]} is undefined in every version: {_undefined(metrics, metric)}."


@st.cache_resource(show_spinner=False)
def _metric_spec(title: str, splits: tuple[str, ...], *, dark: bool) -> dict[str, Any]:
    return metric_lines(title=title, splits=splits, dark=dark)


@cached.kept(max_entries=32)
def _size_spec(by: str, groups: tuple[str, ...], *, dark: bool) -> dict[str, Any]:
    return size_bars(by=by, domain=groups, dark=dark)


@st.cache_resource(max_entries=32, show_spinner=False)
def _change_spec(versions: int, *, dark: bool) -> dict[str, Any]:
    return change_table(versions=versions, dark=dark)
