"""The Features page: the Feature View, or one feature over all versions."""

from __future__ import annotations

from functools import partial

import streamlit as st

from chameleon import analysis, charts
from chameleon.app import cached, state
from chameleon.app.components import feature_view
from chameleon.app.feature_payload import Options, choose_bars, feature_payload
from chameleon.app.formatting import bar_words, ends_words, plain, shortened
from chameleon.app.view import (
    View,
    chart_spec,
    draw_choice,
    draw_empty,
    draw_table,
    draw_toggle,
    is_dark,
    occurring_splits,
)
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import has_histogram

_BY_DISTANCE = "distance between the versions"
SORTS = {
    "name": None,
    _BY_DISTANCE: "js_distance",
    "unevenness of errors": "error_unevenness",
    "change of errors": "error_unevenness_change",
    "how the filtered instances differ": "subset_distance",
}
_MULTIPLES = 24


def draw(view: View) -> None:
    """The Feature View, or behind a switch one feature over all versions."""
    if draw_toggle(
        "One feature over all versions",
        key="features-over-versions",
        why="The histogram of one feature in every version, side by side.",
    ):
        _draw_over_versions(view)
    else:
        _draw_correlations(view)
        draw_feature_view(view, key="features")


def _draw_correlations(view: View) -> None:
    """Rank correlations within the filtered instances, and within all of the primary's."""
    if not draw_toggle(
        "Pairs of features",
        key="features-pairs",
        why="Spearman's rank correlation of pairs of features: within the filtered instances of "
        "the primary version, and within all of them.",
    ):
        return
    frame = view.call(analysis.feature_correlations)
    if frame.is_empty():
        draw_empty("There is no pair of numeric features.")
        return
    names = {
        "feature_a": "feature",
        "feature_b": "and feature",
        "matching": "rho, filtered",
        "all": "rho, all",
        "matching_rows": "rows, filtered",
        "all_rows": "rows, all",
    }
    draw_table(frame.rename(names), key="feature-pairs", height=280)
    note = "The strongest pairs among the filtered instances first."
    if view.is_unfiltered:
        note = "No filter is set: both columns are about all instances."
    st.caption(f"{note} Based on at most 5,000 evenly spaced rows.")


def draw_feature_view(view: View, *, key: str) -> None:
    """The Feature View with its options: search, sort, shares, and true labels."""
    evaluation = view.evaluation
    with st.container(horizontal=True, vertical_alignment="bottom"):
        search = st.text_input(
            "Search features", key="features-search", persist_state="session",
            placeholder="Part of a name", width=150,
        )  # fmt: skip
        sort = st.selectbox(
            "Sort by", list(SORTS), key="features-sort", persist_state="session", width=270
        )
        shares = draw_toggle(
            "Shares",
            key="features-shares",
            why="Shares of each version's instances of the split, instead of counts.",
        )
        labels = draw_toggle(
            "True labels",
            key="features-labels",
            why="A strip under the bins with the shares of the primary's true labels.",
        )
        validation = Split.VALIDATION.value in occurring_splits(view) and draw_toggle(
            "Validation",
            key="features-validation",
            why="A histogram of the validation rows beside those of train and test.",
        )
    names = _ordered(view, sort or next(iter(SORTS)), search or "")
    total = len(evaluation.dataset.features)
    if not names:
        st.info(
            f"None of the {total:,} features has '{plain(search or '')}' in its name. "
            "Shorten the search.",
            icon=":material/search_off:",
        )
        return
    if len(names) < total:
        st.caption(f"{len(names):,} of {total:,} features match.")
    options = Options(shares=shares, labels=labels, validation=validation)
    payload = feature_payload(evaluation, view.selection, names, options)
    feature_view(payload, key=key, on_select=partial(_select, key, evaluation))


def _ordered(view: View, sort: str, search: str) -> list[str]:
    names = [
        feature.name
        for feature in view.evaluation.dataset.features
        if search.strip().casefold() in feature.name.casefold()
    ]
    column = SORTS[sort]
    if column is None:
        return names
    if column == "subset_distance":
        ranking = cached.subset_distance(view.evaluation, view.selection)
    else:
        ranking = view.call(cached.ranking)
    figures = dict(zip(ranking["feature"], ranking[column], strict=True))
    return sorted(
        names, key=lambda name: -1.0 if figures[name] is None else figures[name], reverse=True
    )


def _most_changed(view: View, drawn: list[str]) -> int:
    """The place of the filtered feature, else of the one that differs most between versions."""
    filtered = [one.feature for one in view.selection.filters.features if one.feature in drawn]
    if filtered:
        return drawn.index(filtered[0])
    return drawn.index(next(n for n in _ordered(view, _BY_DISTANCE, "") if n in drawn))


def _select(key: str, evaluation: Evaluation) -> None:
    choice = st.session_state[key]["select"]
    if choice is not None:
        feature, bars, extend = choice["feature"], choice["bars"], bool(choice["extend"])
        current = state.current_filters()
        state.set_filters(choose_bars(evaluation, current, feature, bars, extend=extend))


def _draw_over_versions(view: View) -> None:
    dataset = view.evaluation.dataset
    drawn = [feature.name for feature in dataset.features if has_histogram(feature)]
    if not drawn:
        st.info("Every feature of this dataset is text: there is no histogram to draw.")
        return
    versions = view.version_names
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Feature", drawn, index=_most_changed(view, drawn), key="over-feature",
            persist_state="session", width=280, format_func=partial(shortened, length=60),
        ) or drawn[0]  # fmt: skip
        splits = view.call(analysis.feature_histograms)["split"].unique(maintain_order=True)
        split = draw_choice("Split", splits.to_list(), key="over-split")
        shares = draw_toggle(
            "Shares",
            key="over-shares",
            why="Shares of each version's instances, all versions on one scale, instead of "
            "counts with a scale for each version.",
        )
    shown = versions
    if len(versions) > _MULTIPLES:
        first, last = st.select_slider(
            "Versions", versions, value=(versions[-_MULTIPLES], versions[-1]), key="over-range"
        )
        shown = versions[versions.index(first) : versions.index(last) + 1]
    feature = dataset.features[dataset.feature_number(name)]
    options = charts.SmallMultiples(
        shares=shares, dark=is_dark(), outcomes=view.evaluation.has_outcomes
    )
    rows = charts.row_frames(
        view.call(analysis.feature_over_versions, feature=name),
        options,
        split=split,
        versions=shown,
        **view.versions,
        words=[bar_words(bar, feature.kind) for bar in feature.bins.bars],
        ends=ends_words(feature),
    )
    spec = chart_spec(charts.small_multiples, "small_multiples", {"options": options})
    for number, frame in enumerate(rows):
        st.vega_lite_chart(frame, spec, key=f"over-chart-{number}")
    scale = "Every version has a scale of its own."
    if shares:
        scale = "Shares of the instances in the heading of each histogram, all on one scale."
    st.caption(
        f"Above the axis: instances that the version's own model predicts correctly; below: "
        f"incorrect. {scale}"
    )
