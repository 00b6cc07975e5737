"""Every model on test sets that are not its own: the last two charts of the Attribution page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.app.formatting import plain, shortened
from chameleon.app.view import View, is_dark
from chameleon.charts import crossed_tests, crossed_tests_frame, frozen_lines
from chameleon.errors import ChameleonError
from chameleon.models import golden_key
from chameleon.project import Split

_GOLDEN = "\0golden"
"""Stands for the golden test set among the versions; no version has such a name."""

METRICS: Mapping[str, str] = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "recall": "Recall of a class",
    "log_loss": "Log loss",
}


def draw(view: View, metric: str, of_class: str | None) -> None:
    """The matrix of all models and test sets, and all models on one test set."""
    _draw_matrix(view, metric, of_class)
    _draw_frozen(view, metric, of_class)


def _draw_matrix(view: View, metric: str, of_class: str | None) -> None:
    st.markdown("##### Every model on every test set")
    frame = crossed_tests_frame(
        view.call(analysis.model_on_tests, metric=metric, of_class=of_class)
    )
    if frame["value"].null_count() == len(frame):
        st.info("There are no test rows to score.", icon=":material/info:")
        return
    versions = len(view.evaluation.dataset.versions)
    spec = _matrix_spec(versions, METRICS[metric], metric == "log_loss", dark=is_dark())
    st.vega_lite_chart(frame, spec, key="attribution-matrix")
    st.caption(
        "Down a column the test set stays the same and only the model changes; along a row only "
        "the test set. Test rows that a model was trained on are left out of its row."
    )


def _draw_frozen(view: View, metric: str, of_class: str | None) -> None:
    st.markdown("##### One test set for all models")
    names = [version.name for version in view.evaluation.dataset.versions]
    place = names.index(view.selection.primary)
    golden = view.evaluation.dataset.project.settings.golden
    offered = names if golden is None else [*names, _GOLDEN]
    test = st.selectbox(
        "Test set of version", offered, index=place, key=f"attribution-frozen-{place}", width=320,
        format_func=lambda name: f"golden: {golden}" if name == _GOLDEN else shortened(name),
    ) or names[place]  # fmt: skip
    called = "the golden test set" if test == _GOLDEN else f"the test set of {shortened(test)}"
    try:
        frozen = view.call(
            analysis.frozen_test,
            metric=metric,
            of_class=of_class,
            test=None if test == _GOLDEN else test,
            golden=test == _GOLDEN,
            also=golden_key(view.evaluation.dataset.project) if test == _GOLDEN else None,
        )
    except ChameleonError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        return
    if frozen["value"].null_count() == len(frozen):
        st.info(
            f"No instance of {plain(called)} can be scored by all models: "
            f"{frozen['leaked'][0]:,} stand in a train set, {frozen['unknown'][0]:,} lack a label "
            "or a prediction.",
            icon=":material/info:",
        )
        return
    own = view.call(analysis.model_on_tests, metric=metric, of_class=of_class).filter(
        pl.col("model") == pl.col("test")
    )
    series = ("its own test set", called)
    frame = pl.concat(
        [
            own.select("value", "instances", version="model", series=pl.lit(series[0])),
            frozen.select("version", "value", "low", "high", "instances", series=pl.lit(series[1])),
        ],
        how="diagonal",
    )
    spec = _frozen_spec(METRICS[metric], series, dark=is_dark())
    st.vega_lite_chart(frame, spec, key="attribution-frozen-lines")
    left_out = frozen["leaked"][0] + frozen["unknown"][0]
    st.caption(
        f"The same {frozen['instances'][0]:,} {Split.TEST} instances for all models, with 95 % "
        f"intervals; {left_out:,} are left out because some version was trained on them, or "
        "some model says nothing of them."
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _matrix_spec(versions: int, title: str, reverse: bool, *, dark: bool) -> dict[str, Any]:
    return crossed_tests(versions=versions, title=title, reverse=reverse, dark=dark)


@st.cache_resource(max_entries=32, show_spinner=False)
def _frozen_spec(title: str, series: tuple[str, ...], *, dark: bool) -> dict[str, Any]:
    return frozen_lines(title=title, series=series, dark=dark)
