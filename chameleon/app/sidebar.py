"""The sidebar: links to the pages, and filters by rows, outcome, and feature."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from chameleon.app import projects, state
from chameleon.app.formatting import brief, plain, shortened
from chameleon.app.view import View, draw_bound, occurring_splits
from chameleon.counting import OUTCOMES
from chameleon.data import BinKind, EvolvingDataset, Feature
from chameleon.project import Kind, Split
from chameleon.selection import FeatureFilter, Filters, Range, filter_words

NAVIGATION = {
    "": (("streamlit_app.py", "Overview"),),
    "Data": (
        ("pages/data_changes.py", "Data changes"),
        ("pages/features.py", "Features"),
        ("pages/embedding.py", "Embedding"),
        ("pages/data_check.py", "Data check"),
    ),
    "Model": (
        ("pages/timeline.py", "Timeline"),
        ("pages/prediction_changes.py", "Prediction changes"),
        ("pages/sensitivity.py", "Sensitivity"),
        ("pages/failures.py", "Failures"),
        ("pages/attribution.py", "Attribution"),
    ),
    "Instances": (
        ("pages/instances.py", "Instances"),
        ("pages/exclusion_lists.py", "Exclusion lists"),
    ),
    "Project": (("pages/new_project.py", "New project"),),
}
"""Files and titles of the pages, by heading."""

PAGES = tuple(page for group in NAVIGATION.values() for page in group)[:-1]
"""Those that show an evaluation: all but New project."""

_NONE = "(none)"
_ADDED = "added-features"  # deleted with the project: it names its features
_DAY = dt.timedelta(days=1)
_EPOCH = dt.date(1970, 1, 1)


def draw_navigation(project: str | None) -> None:
    """The choice of a project or the name of the only one, and links to all pages."""
    with st.sidebar, st.container(key="navigation"):
        if not projects.draw_switch() and project is not None:
            st.caption(f"Project: **{brief(project, 60)}**")
        for heading, group in NAVIGATION.items():
            if heading:
                st.caption(heading)
            for path, title in group:
                query = state.page_query(title, projects.item())
                st.page_link(path, label=title, query_params=query)


def draw_filters(view: View) -> None:
    """All filter widgets; see `state.draw_bound`."""
    dataset, chosen = view.evaluation.dataset, view.selection.filters
    with st.sidebar:
        st.markdown("##### Filters")
        splits = [Split(name) for name in occurring_splits(view)]
        _draw_pills("Split", "splits", splits, chosen.splits)
        _draw_pills("Outcome under the primary", "outcomes", OUTCOMES, chosen.outcomes)
        _draw_names("Label", "labels", dataset.classes, dataset.label, chosen.labels)
        if dataset.sources:
            _draw_names("Source", "sources", dataset.sources, dataset.source, chosen.sources)
        if not np.isnat(dataset.date).all():
            _draw_dates(dataset, chosen)
        _draw_features(dataset, chosen)
        _draw_sides(view)


def _draw_sides(view: View) -> None:
    """Buttons that restrict the primary or the secondary side by the filters."""
    with st.expander("Compare subsets", icon=":material/contrast:"):
        st.caption(
            "Set filters above, then make them one side: one source in blue against another in "
            "pink, within one version or across two."
        )
        for side, words in view.sides.items():
            st.markdown(f"{side.capitalize()}: **{plain(words)}**")
            st.button(
                f"Filters become the {side} side", key=f"side-{side}", width="stretch",
                disabled=view.selection.filters.of_rows.is_empty,
                on_click=state.filters_become_side, args=(f"{side}_only",),
            )  # fmt: skip


def _draw_pills(label: str, field: str, options: Sequence[str], chosen: Sequence[str]) -> None:
    draw_bound(
        st.pills, label, options, key=f"filter-{field}", value=list(chosen), format_func=str,
        change=lambda value: state.replace_filter(field, tuple(value)), selection_mode="multi",
    )  # fmt: skip


def _draw_names(
    label: str, field: str, names: Sequence[str], codes: np.ndarray, chosen: Sequence[str | None]
) -> None:
    """A choice of any of many names; None is for rows without a name."""

    def change(places: list[int]) -> None:
        state.replace_filter(field, tuple(None if at < 0 else names[at] for at in places))

    draw_bound(
        st.multiselect, label, [*range(len(names)), *([-1] if (codes < 0).any() else [])],
        key=f"filter-{field}", change=change, placeholder=f"Any {label.lower()}",
        value=[-1 if name is None else names.index(name) for name in chosen],
        format_func=lambda place: _NONE if place < 0 else names[place],
    )  # fmt: skip


def _draw_dates(dataset: EvolvingDataset, chosen: Filters) -> None:
    known = dataset.date[~np.isnat(dataset.date)]
    first, last = (moment.astype("datetime64[D]").item() for moment in (known.min(), known.max()))
    low, high = chosen.dates or (None, None)

    def change(days: tuple[dt.date, ...]) -> None:
        if len(days) != 1:  # else the second day is still to be chosen
            state.replace_filter("dates", days or None)

    draw_bound(
        st.date_input, "Date", key="filter-dates", change=change,
        value=() if chosen.dates is None else (low or first, high or last),
        min_value=min(first, low or first), max_value=max(last, high or last),
        help=f"From {first} to {last}. Instances without a date don't match.",
    )  # fmt: skip


def _draw_features(dataset: EvolvingDataset, chosen: Filters) -> None:
    """A choice of a further feature, and the widgets of the filters by features."""
    by_name = {feature.name: feature for feature in dataset.features}
    added: list[str] = st.session_state.setdefault(_ADDED, [])
    shown = [name for name in added if name in by_name]
    shown += [one.feature for one in chosen.features if one.feature not in shown]

    def add(name: str | None) -> None:
        if name is not None:
            st.session_state[_ADDED] = [*shown, name]

    draw_bound(
        st.selectbox, "Feature", [name for name in by_name if name not in shown],
        key="filter-add", value=None, change=add, placeholder="Filter by a feature…",
        format_func=shortened,
    )  # fmt: skip
    for number, name in enumerate(shown):
        _draw_feature(dataset, by_name[name], chosen.of_feature(name), number, shown)


def _draw_feature(
    dataset: EvolvingDataset,
    feature: Feature,
    chosen: FeatureFilter,
    number: int,
    shown: Sequence[str],
) -> None:
    def remove() -> None:
        st.session_state[_ADDED] = [name for name in shown if name != feature.name]
        state.set_filters(state.current_filters().without_feature(feature.name))

    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{brief(feature.name)}**")
            st.button(
                "", icon=":material/close:", key=f"feature-off-{number}", type="tertiary",
                help="Remove filter", on_click=remove, width="content",
            )  # fmt: skip
        if feature.kind is Kind.TEXT:
            _draw_categories(feature, chosen, number)
        elif feature.kind is Kind.BOOLEAN:
            _draw_values(feature, chosen, number, ("false", "true"), (0.0, 1.0))
        elif feature.kind is Kind.DATE:
            _draw_days(feature, chosen, number)
        elif feature.bins.kind is BinKind.VALUES and feature.bins.values:
            names = tuple(f"{value:g}" for value in feature.bins.values)
            _draw_values(feature, chosen, number, names, feature.bins.values)
        else:
            _draw_range(feature, chosen, number)
        _draw_special(dataset, feature, chosen, number)


def _update(name: str, **changes: Any) -> None:  # noqa: ANN401
    """Change the filter by a feature. For callbacks."""
    current = state.current_filters()
    state.set_filters(current.with_feature(replace(current.of_feature(name), **changes)))


def _draw_categories(feature: Feature, chosen: FeatureFilter, number: int) -> None:
    draw_bound(
        st.multiselect, "Categories",
        list(dict.fromkeys((*feature.bins.categories, *chosen.categories))),
        key=f"feature-categories-{number}", value=list(chosen.categories),
        change=lambda names: _update(feature.name, categories=tuple(names)),
        label_visibility="collapsed", placeholder="Any category", format_func=shortened,
        accept_new_options=True,
    )  # fmt: skip


def _draw_values(
    feature: Feature,
    chosen: FeatureFilter,
    number: int,
    names: Sequence[str],
    values: Sequence[float],
) -> None:
    """A choice among few values; each is a range of its own."""
    single = {Range(value, value, closed=True): place for place, value in enumerate(values)}
    others = tuple(limits for limits in chosen.ranges if limits not in single)
    if others:
        st.caption(f"Also: {filter_words(replace(chosen, ranges=others), feature.kind)}")

    def change(places: list[int]) -> None:
        ranges = [Range(values[k], values[k], closed=True) for k in places]
        _update(feature.name, ranges=(*others, *ranges))

    draw_bound(
        st.multiselect, "Values", list(range(len(values))), key=f"feature-values-{number}",
        value=[single[limits] for limits in chosen.ranges if limits in single], change=change,
        label_visibility="collapsed", placeholder="Any value",
        format_func=lambda place: names[place],
    )  # fmt: skip


def _draw_range(feature: Feature, chosen: FeatureFilter, number: int) -> None:
    low_key, high_key = f"feature-low-{number}", f"feature-high-{number}"
    st.session_state[low_key], st.session_state[high_key] = _ends(chosen.ranges)
    if len(chosen.ranges) > 1:
        st.caption(f"Chosen: {filter_words(chosen, feature.kind)}. A change here replaces them.")

    def change() -> None:
        ends = st.session_state[low_key], st.session_state[high_key]
        _update(feature.name, ranges=_typed_range(*ends))

    edges = feature.bins.edges
    step = float(edges[1] - edges[0]) if len(edges) > 1 else 1.0
    for column, key, label, bound in zip(
        st.columns(2), (low_key, high_key), ("From", "up to"),
        (feature.bins.low, feature.bins.high), strict=True,
    ):  # fmt: skip
        column.number_input(
            label, key=key, on_change=change, placeholder="-" if bound is None else f"{bound:g}",
            format="%g", step=None if bound is None else step, help="Both ends are included.",
        )  # fmt: skip


def _draw_days(feature: Feature, chosen: FeatureFilter, number: int) -> None:
    low, high = _ends(chosen.ranges)
    first, last = (_day(bound) for bound in (feature.bins.low, feature.bins.high))
    if first is None or last is None:
        return
    chosen_days = (_day(low) or first, _day(high) or last)

    def change(days: tuple[dt.date, ...]) -> None:
        if len(days) == 1:
            return  # the second day is still to be chosen
        ranges = (Range(_microseconds(days[0]), _microseconds(days[1] + _DAY)),) if days else ()
        _update(feature.name, ranges=ranges)

    draw_bound(
        st.date_input, "Days", key=f"feature-days-{number}", change=change,
        value=chosen_days if chosen.ranges else (), min_value=min(first, chosen_days[0]),
        max_value=max(last, chosen_days[1]), label_visibility="collapsed",
    )  # fmt: skip


def _draw_special(
    dataset: EvolvingDataset, feature: Feature, chosen: FeatureFilter, number: int
) -> None:
    """Missing and non-finite values and other categories, where they occur."""
    codes = dataset.codes[dataset.feature_number(feature.name)]
    places = {"missing": feature.bins.missing_code, "non_finite": feature.bins.missing_code + 1}
    if feature.bins.other:
        places["other"] = feature.bins.missing_code - 1
    offered = [f for f, code in places.items() if getattr(chosen, f) or (codes == code).any()]
    if offered:
        draw_bound(
            st.pills, "Also", offered, key=f"feature-missing-{number}", selection_mode="multi",
            value=[flag for flag in offered if getattr(chosen, flag)],
            change=lambda flags: _update(feature.name, **{f: f in flags for f in offered}),
            label_visibility="collapsed", format_func=lambda flag: flag.replace("_", "-"),
        )  # fmt: skip


def _ends(ranges: Sequence[Range]) -> tuple[float | None, float | None]:
    if not ranges:
        return None, None
    low, high = min(r.low for r in ranges), max(r.high for r in ranges)
    return (low if math.isfinite(low) else None), (high if math.isfinite(high) else None)


def _typed_range(low: float | None, high: float | None) -> tuple[Range, ...]:
    if low is None and high is None:
        return ()
    ends = -math.inf if low is None else float(low), math.inf if high is None else float(high)
    return (Range(*ends, closed=high is not None),)


def _day(microseconds: float | None) -> dt.date | None:
    if microseconds is None:
        return None
    try:
        return _EPOCH + dt.timedelta(days=int(microseconds // 86_400_000_000))
    except OverflowError:  # beyond the years 1 to 9999
        return dt.date.max if microseconds > 0 else dt.date.min


def _microseconds(day: dt.date) -> float:
    return float((day - _EPOCH) // dt.timedelta(microseconds=1))
