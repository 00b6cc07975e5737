"""Drift on the Data changes page: of one step, over all versions, and by a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.analysis import DomainClassifierResult, DriftReference
from chameleon.app import cached, chart_clicks, jobs, state
from chameleon.app.formatting import plain, shortened
from chameleon.app.tables import draw_table, table_height
from chameleon.app.view import (
    ALL_SPLITS,
    View,
    draw_chart,
    draw_choice,
    draw_empty,
    draw_toggle,
    occurring_splits,
)
from chameleon.charts import (
    MOST_DRIFTING,
    drift_bars,
    drift_frame,
    drift_map,
    drift_map_frame,
    drift_map_text,
    drift_text,
)
from chameleon.project import Split

SEARCH = "features-search"
"""The key of the search on the Features page."""

_FEATURE = "chameleon.iteration-feature"
_SPLIT = "iteration-split"
_MAP_ROWS = 30
_FIGURES = {
    "JS": "js_distance", "JS 95 %": "js_chance", "W1": "wasserstein",
    "W1 95 %": "wasserstein_chance", "PSI": "psi", "PSI 95 %": "psi_chance",
}  # fmt: skip
"""The columns of the table of distances, and of its frame."""
_FIGURE_WIDTH = 66
"""Pixels, so that a narrow page shows all of them."""
_AGAINST = {DriftReference.BEFORE: "the version before", DriftReference.FIRST: "the first version"}


def draw(view: View) -> None:
    """Features and label by how far they moved in the step, with chance levels and tests."""
    st.markdown("##### Which features moved, and how far?")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _split_control(view)
        exact = draw_toggle(
            "Exact Wasserstein",
            key="iteration-exact",
            why="From the values themselves instead of the bins, which can be a quarter off where "
            "little moved. Slower on large data.",
        )
    split = _split()
    drift = view.call(analysis.feature_drift, split=split, exact=exact)
    if not drift["js_distance"].count():
        reasons = drift["reason"].drop_nulls().unique(maintain_order=True)
        draw_empty(
            f"No distance is defined: {plain('; '.join(reasons[:3]))}. "
            + (
                "Choose another split, or two versions that both have rows of this one."
                if view.selection.filters.is_empty
                else "Take a filter off above, or choose another split."
            )
        )
        return
    chart, table = st.columns([1, 1], gap="large")
    with chart:
        _draw_bars(view, drift)
    with table:
        _draw_tables(view, drift, split)
    _draw_told_apart(view, split)


def _draw_tables(view: View, drift: pl.DataFrame, split: Split | None) -> None:
    """The distances, and the tests of what came and went, each narrow enough to be seen whole."""
    distances, tests = st.tabs(["Distances", "Tests of what was added and removed"])
    with distances:
        draw_table(
            _distances(drift), key="iteration-drift", height=table_height(len(drift)),
            column_config=dict.fromkeys(_FIGURES, st.column_config.Column(width=_FIGURE_WIDTH)),
        )  # fmt: skip
        st.caption(
            "JS: Jensen-Shannon distance; W1: Wasserstein distance in standard deviations; PSI: "
            "population stability index. Beside each (95 %): what 95 % of permutations stay below."
        )
    with tests:
        found = {
            "added": view.call(analysis.added_against_kept, split=split),
            "removed": view.call(analysis.removed_against_kept, split=split),
        }
        draw_table(_tests(drift, found), key="iteration-tests", height=table_height(len(drift)))
        st.caption(
            "Added and removed, each against kept. Effect: from 0 to 1; q: the false discovery "
            "rate at which it counts (Kolmogorov-Smirnov or chi-square)."
        )


def draw_map(view: View) -> None:
    """All features over all versions."""
    st.markdown("##### When did each feature move?")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        against = st.segmented_control(
            "Held against", list(DriftReference), format_func=_AGAINST.__getitem__,
            default=DriftReference.BEFORE, key="iteration-against", required=True,
            persist_state="session",
        )  # fmt: skip
    drift = view.call(
        analysis.drift_over_versions, against=against or DriftReference.BEFORE, split=_split()
    )
    ranked = (
        drift.group_by("kind", "feature", maintain_order=True)
        .agg(pl.col("js_distance").max())
        .sort("js_distance", descending=True, nulls_last=True, maintain_order=True)
    )
    features = [(kind, name) for kind, name, _ in ranked.head(_MAP_ROWS).iter_rows()]
    versions = drift["version"].unique(maintain_order=True).to_list()
    frame = drift_map_frame(
        drift,
        features,
        primary=view.selection.primary,
        secondary=view.selection.secondary,
        names=_names(view),
    )
    steps = drift.select("before", "version").unique(maintain_order=True).rows()

    def pick(mark: chart_clicks.Mark) -> None:
        row, column = int(str(mark[0])), int(str(mark[1]))
        before, version = steps[column]
        state.select_versions(primary=version, secondary=before)
        _look_for(*features[row])

    draw_chart(
        frame,
        drift_map,
        key="iteration-map",
        fields=("row", "column"),
        on_pick=pick,
        versions=len(versions),
    )
    left_out = len(ranked) - len(features)
    more = f" The {left_out:,} features that moved least are left out." if left_out > 0 else ""
    st.caption(
        f"{plain(drift_map_text(frame))} Jensen-Shannon distance, whole versions whatever the "
        f"filters; the step looked at is outlined. A click opens the step.{more}"
    )
    _draw_link()


def _split_control(view: View) -> None:
    draw_choice("Split", [ALL_SPLITS, *occurring_splits(view)], key=_SPLIT)


def _split() -> Split | None:
    chosen = st.session_state.get(_SPLIT, ALL_SPLITS)
    return None if chosen in (None, ALL_SPLITS) else Split(chosen)


def _draw_bars(view: View, drift: pl.DataFrame) -> None:
    frame = drift_frame(drift, names=_names(view))
    places = drift.select("kind", "feature").rows()

    def pick(mark: chart_clicks.Mark) -> None:
        _look_for(*places[int(str(mark[0]))])

    draw_chart(frame, drift_bars, key="iteration-drift-chart", fields=("place",), on_pick=pick)
    defined = drift["js_distance"].count()
    first = f" The {MOST_DRIFTING} farthest of {defined:,}." if defined > MOST_DRIFTING else ""
    told = plain(drift_text(drift_frame(drift, names=_names(view), most=len(drift))))
    st.caption(
        f"{told} Ticks: what 95 % of permutations stay below, shared rows respected. Coloured: any "
        "of the three measures in the table passes its level; by chance each does so one time in "
        f"twenty, any of them one in ten.{first}"
    )
    _draw_link()


def _look_for(kind: str, feature: str) -> None:
    """Let the Features page search for a feature. For callbacks."""
    st.session_state[_FEATURE] = feature if kind == "feature" else None
    st.session_state[SEARCH] = feature if kind == "feature" else ""


def _draw_link() -> None:
    feature = st.session_state.get(_FEATURE)
    if feature is not None:
        st.page_link(
            "pages/features.py",
            label=f"Open {plain(shortened(feature))} in the Feature View",
            icon=":material/bar_chart:",
        )


def _named() -> pl.Expr:
    is_label = pl.col("kind") == "label"
    return pl.when(is_label).then(pl.lit("(label)")).otherwise("feature").alias("feature")


def _distances(drift: pl.DataFrame) -> pl.DataFrame:
    """Distances with their chance levels, and why one is undefined where one is."""
    table = drift.select(
        _named(),
        *(pl.col(column).round(4).alias(title) for title, column in _FIGURES.items()),
        pl.coalesce("reason", "wasserstein_reason").alias("undefined because"),
    )
    reasons = table["undefined because"]
    return table.drop("undefined because") if reasons.null_count() == len(table) else table


def _tests(drift: pl.DataFrame, tests: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The tests of what came, and of what went, in the order of the distances."""
    both, shown = drift, list[str]()
    for what, found in tests.items():
        if found["effect"].null_count() == len(found) and what != "added":
            continue  # nothing went: no columns of nothing
        columns = {f"{what}: effect": "effect", f"{what}: q": "q_value"}
        chosen = found.select("kind", "feature", **{t: pl.col(c) for t, c in columns.items()})
        both = both.join(chosen, on=["kind", "feature"], how="left", maintain_order="left")
        shown += columns
    return both.select(_named(), *(pl.col(title).round(4) for title in shown))


def _draw_told_apart(view: View, split: Split | None) -> None:
    st.markdown("##### Can the versions be told apart?")
    question = jobs.fit_question(
        "domain classifier",
        view.evaluation,
        selection=cached.narrowed(analysis.domain_classifier, view.selection).to_query_string(),
        split=split,
    )
    found = jobs.answer(question)
    if found is not None:
        _draw_verdict(found)
        return
    st.button(
        "Ask a classifier",
        key="iteration-ask",
        icon=":material/psychology:",
        disabled=jobs.found_job(question) is not None,
        help="Five fits of gradient boosting on at most 4,000 rows of each side; some seconds.",
        on_click=jobs.ask,
        args=(question,),
    )
    jobs.draw(question, what="folds", key="iteration-stop")


def _draw_verdict(found: DomainClassifierResult) -> None:
    if found.auc is None or found.chance is None:
        draw_empty(f"Undefined: {plain(found.reason or '')}.")
        return
    verdict = (
        "can be told apart" if found.is_separable else "cannot be told apart better than by chance"
    )
    st.markdown(
        f"The rows **{verdict}**: out-of-fold AUC **{found.auc:.3f}**, where guessing stays below "
        f"{found.chance:.3f} in 95 % of cases. {found.compared.capitalize()}, "
        f"{found.before_rows:,} against {found.after_rows:,}."
    )
    if found.is_separable:
        telling = ", ".join(
            f"{plain(shortened(line['feature']))} ({_telling(line)})"
            for line in found.features.head(5).iter_rows(named=True)
        )
        st.markdown(f"Most telling: {telling}.")
        st.caption(
            "Alone: the AUC of this feature by itself. Fall: by how much the AUC falls when the "
            "feature is shuffled; little where other features say the same."
        )


def _telling(line: Mapping[str, Any]) -> str:
    alone = "" if line["auc_alone"] is None else f"alone {line['auc_alone']:.3f}, "
    return f"{alone}fall {max(line['auc_drop'], 0.0):.3f}"


def _names(view: View) -> Mapping[str, str]:
    dataset = view.evaluation.dataset
    every = [*(f.name for f in dataset.features), *(v.name for v in dataset.versions)]
    return {name: shortened(name, 24) for name in every if len(name) > 24}
