"""The filters by features in the sidebar: ranges, values, categories, days, what is missing."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from chameleon.app import state
from chameleon.app.formatting import plain, shortened
from chameleon.data import BinKind, EvolvingDataset, Feature
from chameleon.project import Kind
from chameleon.selection import FeatureFilter, Filters, Range, filter_words

_ADDED = "chameleon.added"
_MICROSECOND = dt.timedelta(microseconds=1)


def draw(dataset: EvolvingDataset, chosen: Filters) -> None:
    """A choice of a further feature, and the widgets of those that are there."""
    by_name = {feature.name: feature for feature in dataset.features}
    added: list[str] = st.session_state.setdefault(_ADDED, [])
    shown = [name for name in added if name in by_name]
    shown += [one.feature for one in chosen.features if one.feature not in shown]
    st.session_state["filter-add"] = None

    def add() -> None:
        name = st.session_state["filter-add"]
        if name is not None:
            st.session_state[_ADDED] = [*shown, name]

    st.selectbox(
        "Feature",
        [name for name in by_name if name not in shown],
        key="filter-add",
        on_change=add,
        placeholder="Filter by a feature…",
        format_func=shortened,
    )
    for number, name in enumerate(shown):
        _feature_filter(dataset, by_name[name], chosen.of_feature(name), number, shown)


def _feature_filter(
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
            st.markdown(f"**{plain(shortened(feature.name))}**")
            st.button(
                "",
                icon=":material/close:",
                key=f"feature-off-{number}",
                type="tertiary",
                help="Remove this feature's filter",
                on_click=remove,
                width="content",
            )
        if feature.kind is Kind.TEXT:
            _category_filter(feature, chosen, number)
        elif feature.kind is Kind.BOOLEAN:
            _value_filter(feature, chosen, number, ("false", "true"), (0.0, 1.0))
        elif feature.kind is Kind.DATE:
            _date_range_filter(feature, chosen, number)
        elif feature.bins.kind is BinKind.VALUES and feature.bins.values:
            names = tuple(f"{value:g}" for value in feature.bins.values)
            _value_filter(feature, chosen, number, names, feature.bins.values)
        else:
            _range_filter(feature, chosen, number)
        _special_filter(dataset, feature, chosen, number)


def _update(name: str, change: Callable[[FeatureFilter], FeatureFilter]) -> None:
    current = state.current_filters()
    state.set_filters(current.with_feature(change(current.of_feature(name))))


def _category_filter(feature: Feature, chosen: FeatureFilter, number: int) -> None:
    key = f"feature-categories-{number}"
    known = dict.fromkeys((*feature.bins.categories, *chosen.categories))
    st.session_state[key] = list(chosen.categories)
    st.multiselect(
        "Categories",
        list(known),
        key=key,
        label_visibility="collapsed",
        placeholder="Any category",
        format_func=shortened,
        accept_new_options=True,
        on_change=lambda: _update(
            feature.name, lambda f: replace(f, categories=tuple(st.session_state[key]))
        ),
    )


def _value_filter(
    feature: Feature,
    chosen: FeatureFilter,
    number: int,
    names: Sequence[str],
    values: Sequence[float],
) -> None:
    """A choice among few values; each is a range of its own."""
    key = f"feature-values-{number}"
    single = {Range(value, value, closed=True): place for place, value in enumerate(values)}
    others = tuple(limits for limits in chosen.ranges if limits not in single)
    st.session_state[key] = [single[limits] for limits in chosen.ranges if limits in single]
    if others:
        st.caption(f"Also: {filter_words(replace(chosen, ranges=others), feature.kind)}")

    def change() -> None:
        ranges = [Range(values[k], values[k], closed=True) for k in st.session_state[key]]
        _update(feature.name, lambda f: replace(f, ranges=(*others, *ranges)))

    st.multiselect(
        "Values",
        list(range(len(values))),
        key=key,
        label_visibility="collapsed",
        placeholder="Any value",
        format_func=lambda place: names[place],
        on_change=change,
    )


def _range_filter(feature: Feature, chosen: FeatureFilter, number: int) -> None:
    low_key, high_key = f"feature-low-{number}", f"feature-high-{number}"
    low, high = _ends(chosen.ranges)
    st.session_state[low_key], st.session_state[high_key] = low, high
    if len(chosen.ranges) > 1:
        st.caption(f"Chosen: {filter_words(chosen, feature.kind)}. A change here replaces them.")

    def change() -> None:
        ends = st.session_state[low_key], st.session_state[high_key]
        _update(feature.name, lambda f: replace(f, ranges=_typed_range(*ends)))

    columns = st.columns(2)
    for column, key, label, bound in (
        (columns[0], low_key, "From", feature.bins.low),
        (columns[1], high_key, "up to", feature.bins.high),
    ):
        column.number_input(
            label,
            key=key,
            on_change=change,
            placeholder="-" if bound is None else f"{bound:g}",
            format="%g",
            step=None if bound is None else _step(feature),
            help="Both ends are included.",
        )


def _date_range_filter(feature: Feature, chosen: FeatureFilter, number: int) -> None:
    key = f"feature-days-{number}"
    low, high = _ends(chosen.ranges)
    first, last = (_day(bound) for bound in (feature.bins.low, feature.bins.high))
    if first is None or last is None:
        return
    chosen_days = (_day(low) or first, _day(high) or last)
    st.session_state[key] = chosen_days if chosen.ranges else ()

    def change() -> None:
        days = st.session_state[key]
        if len(days) == 1:
            return  # the second day is still to be chosen
        ranges: tuple[Range, ...] = ()
        if days:
            end = days[1] + dt.timedelta(days=1)
            ranges = (Range(_microseconds(days[0]), _microseconds(end)),)
        _update(feature.name, lambda f: replace(f, ranges=ranges))

    st.date_input(
        "Days",
        min_value=min(first, chosen_days[0]),
        max_value=max(last, chosen_days[1]),
        key=key,
        label_visibility="collapsed",
        on_change=change,
    )


def _special_filter(
    dataset: EvolvingDataset, feature: Feature, chosen: FeatureFilter, number: int
) -> None:
    """Missing values, non-finite ones and other categories, where there are any."""
    key = f"feature-missing-{number}"
    codes = dataset.codes[dataset.feature_number(feature.name)]
    places = {"missing": feature.bins.missing_code, "non_finite": feature.bins.missing_code + 1}
    if feature.bins.other:
        places["other"] = feature.bins.missing_code - 1
    offered = [f for f, code in places.items() if getattr(chosen, f) or (codes == code).any()]
    if not offered:
        return
    st.session_state[key] = [flag for flag in offered if getattr(chosen, flag)]

    def change() -> None:
        flags: dict[str, Any] = {flag: flag in st.session_state[key] for flag in offered}
        _update(feature.name, lambda f: replace(f, **flags))

    st.pills(
        "Also",
        offered,
        selection_mode="multi",
        key=key,
        format_func=lambda flag: flag.replace("_", "-"),
        label_visibility="collapsed",
        on_change=change,
    )


def _ends(ranges: Iterable[Range]) -> tuple[float | None, float | None]:
    ranges = tuple(ranges)
    if not ranges:
        return None, None
    low, high = min(r.low for r in ranges), max(r.high for r in ranges)
    return (low if math.isfinite(low) else None), (high if math.isfinite(high) else None)


def _typed_range(low: float | None, high: float | None) -> tuple[Range, ...]:
    if low is None and high is None:
        return ()
    return (
        Range(
            -math.inf if low is None else float(low),
            math.inf if high is None else float(high),
            closed=high is not None,
        ),
    )


def _step(feature: Feature) -> float:
    edges = feature.bins.edges
    return float(edges[1] - edges[0]) if len(edges) > 1 else 1.0


def _day(microseconds: float | None) -> dt.date | None:
    if microseconds is None:
        return None
    try:
        return dt.date(1970, 1, 1) + dt.timedelta(days=int(microseconds // 86_400_000_000))
    except OverflowError:  # beyond the years 1 to 9999
        return dt.date.max if microseconds > 0 else dt.date.min


def _microseconds(day: dt.date) -> float:
    return float((day - dt.date(1970, 1, 1)) // _MICROSECOND)
