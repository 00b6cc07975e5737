"""Drift on the Data changes page: of the step, over all versions, and by a domain classifier."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import streamlit as st

from chameleon import analysis, charts
from chameleon.analysis import DomainClassifierResult, DriftReference
from chameleon.app import cached, jobs, state
from chameleon.app.formatting import brief, plain, shortened
from chameleon.app.view import (
    ALL_SPLITS,
    View,
    draw_chart,
    draw_choice,
    draw_empty,
    draw_table,
    draw_toggle,
    occurring_splits,
)
from chameleon.charts import MOST_DRIFTING
from chameleon.project import Split

SEARCH = "features-search"
"""The key of the search on the Features page."""

_FEATURE = "chameleon.iteration-feature"
_SPLIT = "iteration-split"
_MAP_ROWS = 30
_FIGURES = {
    "JS": "js_distance", "JS 95%": "js_chance_level", "W1": "wasserstein",
    "W1 95%": "wasserstein_chance_level", "PSI": "psi", "PSI 95%": "psi_chance_level",
}  # fmt: skip
"""The columns of the table of distances, and of its frame."""
_FIGURE_WIDTH = 66
"""Pixels, so that a narrow page shows all of them."""
_AGAINST = {
    DriftReference.BEFORE: "the previous version",
    DriftReference.FIRST: "the first version",
}


def draw(view: View) -> None:
    """Features and label by their drift in the step, with chance levels and tests."""
    st.markdown("##### Which features drifted, and how far?")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        draw_choice("Split", [ALL_SPLITS, *occurring_splits(view)], key=_SPLIT)
        exact = draw_toggle(
            "Exact Wasserstein",
            key="iteration-exact",
            why="From the values instead of the bins, which can be a quarter off where little "
            "drifted. Slower on large data.",
        )
    split = _split()
    drift = view.call(analysis.feature_drift, split=split, exact=exact)
    if not drift["js_distance"].count():
        reasons = drift["reason"].drop_nulls().unique(maintain_order=True)
        relief = "Remove a filter above, or choose another split."
        if view.is_unfiltered:
            relief = "Choose another split, or two versions that both have rows of this one."
        draw_empty(f"No distance is defined: {plain('; '.join(reasons[:3]))}. {relief}")
        return
    chart, table = st.columns([1, 1], gap="large")
    with chart:
        _draw_bars(view, drift)
    with table:
        _draw_tables(view, drift, split)
    _draw_domain_classifier(view, split)


def _draw_tables(view: View, drift: pl.DataFrame, split: Split | None) -> None:
    """The distances, and the tests of added and removed rows, each without scrolling sideways."""
    distances, tests = st.tabs(["Distances", "Tests of added and removed rows"])
    with distances:
        draw_table(
            _distances(drift), key="iteration-drift",
            column_config=dict.fromkeys(_FIGURES, st.column_config.Column(width=_FIGURE_WIDTH)),
        )  # fmt: skip
        st.caption(
            "JS: Jensen–Shannon distance; W1: Wasserstein distance in standard deviations; PSI: "
            "population stability index. Beside each its chance level: 95% of permutations are "
            "below."
        )
    with tests:
        found = {
            "added": view.call(analysis.group_drift, group="added", split=split),
            "removed": view.call(analysis.group_drift, group="removed", split=split),
        }
        draw_table(_tests(drift, found), key="iteration-tests")
        st.caption(
            "Added and removed rows, each compared with shared ones. Effect: from 0 to 1; q: the "
            "false discovery rate at which it counts (Kolmogorov–Smirnov or chi-square)."
        )


def draw_map(view: View) -> None:
    """The drift of all features over all versions."""
    st.markdown("##### When did each feature drift?")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        against = st.segmented_control(
            "Compared with", list(DriftReference), format_func=_AGAINST.__getitem__,
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
    frame = charts.drift_map_frame(drift, features, **view.versions, names=_names(view))
    steps = drift.select("before", "version").unique(maintain_order=True).rows()

    def pick(mark: state.Mark) -> None:
        row, column = int(str(mark[0])), int(str(mark[1]))
        before, version = steps[column]
        state.select_versions(primary=version, secondary=before)
        _search_for(*features[row])

    draw_chart(frame, charts.drift_map, key="iteration-map", fields=("row", "column"),
               on_pick=pick, versions=drift["version"].n_unique())  # fmt: skip
    left_out = len(ranked) - len(features)
    more = f" The {left_out:,} features that drifted least are left out." if left_out > 0 else ""
    st.caption(
        f"{plain(charts.drift_map_text(frame))} Jensen–Shannon distance of whole versions, "
        f"whatever the filters; the step shown is outlined. A click opens the step.{more}"
    )
    _draw_link()


def _split() -> Split | None:
    chosen = st.session_state.get(_SPLIT, ALL_SPLITS)
    return None if chosen in (None, ALL_SPLITS) else Split(chosen)


def _draw_bars(view: View, drift: pl.DataFrame) -> None:
    frame = charts.drift_frame(drift, names=_names(view))
    places = drift.select("kind", "feature").rows()

    def pick(mark: state.Mark) -> None:
        _search_for(*places[int(str(mark[0]))])

    draw_chart(frame, charts.drift_bars, key="iteration-drift-chart", fields=("place",),
               on_pick=pick)  # fmt: skip
    defined = drift["js_distance"].count()
    first = f" The {MOST_DRIFTING} largest of {defined:,}." if defined > MOST_DRIFTING else ""
    every = charts.drift_frame(drift, names=_names(view), most=len(drift))
    st.caption(
        f"{plain(charts.drift_text(every))} Ticks: chance levels (95% of permutations are below; "
        "shared rows stay paired). Colored: at least one of the three measures in the table "
        "exceeds its level. By chance each does so one time in twenty, any of them one in "
        f"ten.{first}"
    )
    _draw_link()


def _search_for(kind: str, feature: str) -> None:
    """Set the search of the Features page. For callbacks."""
    st.session_state[_FEATURE] = feature if kind == "feature" else None
    st.session_state[SEARCH] = feature if kind == "feature" else ""


def _draw_link() -> None:
    feature = st.session_state.get(_FEATURE)
    if feature is not None:
        label = f"Open {brief(feature)} in the Feature View"
        st.page_link("pages/features.py", label=label, icon=":material/bar_chart:")


def _named() -> pl.Expr:
    is_label = pl.col("kind") == "label"
    return pl.when(is_label).then(pl.lit("(label)")).otherwise("feature").alias("feature")


def _distances(drift: pl.DataFrame) -> pl.DataFrame:
    """Distances with their chance levels, and the reasons for undefined ones."""
    table = drift.select(
        _named(),
        *(pl.col(column).round(4).alias(title) for title, column in _FIGURES.items()),
        pl.coalesce("reason", "wasserstein_reason").alias("undefined because"),
    )
    reasons = table["undefined because"]
    return table.drop("undefined because") if reasons.null_count() == len(table) else table


def _tests(drift: pl.DataFrame, tests: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The tests of added and of removed rows, in the order of the distances."""
    both, shown = drift, list[str]()
    for rows, found in tests.items():
        if found["effect"].null_count() == len(found) and rows != "added":
            continue  # no rows were removed
        columns = {f"{rows}: effect": "effect", f"{rows}: q": "q_value"}
        chosen = found.select("kind", "feature", **{t: pl.col(c) for t, c in columns.items()})
        both = both.join(chosen, on=["kind", "feature"], how="left", maintain_order="left")
        shown += columns
    return both.select(_named(), *(pl.col(title).round(4) for title in shown))


def _draw_domain_classifier(view: View, split: Split | None) -> None:
    st.markdown("##### Can a domain classifier separate the versions?")
    task = jobs.fit_task(
        "domain classifier",
        view.evaluation,
        selection=cached.narrowed(analysis.domain_classifier, view.selection).to_query_string(),
        split=split,
    )
    found = jobs.result_of(task)
    if found is not None:
        _draw_verdict(found)
        return
    jobs.draw_button(
        task, "Run domain classifier", key="iteration-ask", icon=":material/psychology:",
        why="Five fits of gradient boosting on at most 4,000 rows of each side; a few seconds.",
    )  # fmt: skip
    jobs.draw(task, unit="fold", key="iteration-stop")


def _draw_verdict(found: DomainClassifierResult) -> None:
    if found.auc is None or found.chance_level is None:
        draw_empty(f"Undefined: {plain(found.reason or '')}.")
        return
    verdict = "can" if found.is_separable else "can't"
    st.markdown(
        f"The classifier **{verdict}** separate the rows better than chance: out-of-fold AUC "
        f"**{found.auc:.3f}** (95% chance level {found.chance_level:.3f}). "
        f"{found.compared.capitalize()}, {found.rows_before:,} vs. {found.rows_after:,}."
    )
    if found.is_separable:
        top = found.features.head(5).select("feature", "auc_alone", "auc_drop")
        figures = ", ".join(
            f"{brief(name)} ({'' if alone is None else f'alone {alone:.3f}, '}"
            f"drop {max(drop, 0.0):.3f})"
            for name, alone, drop in top.iter_rows()
        )
        st.markdown(f"Most informative: {figures}.")
        st.caption(
            "Alone: the AUC of this feature alone. Drop: the decrease of the AUC when the feature "
            "is shuffled; small where other features contain the same information."
        )


def _names(view: View) -> Mapping[str, str]:
    every = [*(f.name for f in view.evaluation.dataset.features), *view.version_names]
    return {name: shortened(name, 24) for name in every if len(name) > 24}
