"""Widgets of filters: chips under the timeline, and filters by features in the sidebar."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import streamlit as st

from chameleon import analysis
from chameleon.app import cached, state
from chameleon.app.formatting import brief, plain, shortened
from chameleon.app.view import View
from chameleon.data import BinKind, EvolvingDataset, Feature
from chameleon.project import Kind
from chameleon.selection import FeatureFilter, Filters, Range, RegionFilter, filter_words

_ADDED = "added-features"  # deleted with the project: it names its features
_DAY = dt.timedelta(days=1)
_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class _Chip:
    """The label of a filter, and the function that removes it from `field` of the selection."""

    words: str
    without: Callable[[Filters], Filters]
    field: str = "filters"


def draw_chips(view: View) -> None:
    """A removable chip for each filter, and the number of instances that match them."""
    found = view.call(analysis.selected)
    chips = list(_chips(view))
    # as high with chips as without (see the page's style): the first click must move nothing
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="chips")
    if not chips:
        names = " and ".join(map(brief, view.versions.values()))
        row.caption(f"All {found.of:,} instances of {names}, unfiltered.")
        return
    with row:
        st.markdown(f"**{found.instances:,} of {found.of:,} instances**", width="content")
        for number, chip in enumerate(chips):
            st.button(
                f"{brief(chip.words, 60)} :material/close:", key=f"chip-{number}",
                help=f"Remove filter: {plain(chip.words)}",
                on_click=state.change, args=(chip.field, chip.without),
            )  # fmt: skip
        st.button("Clear all", key="clear-all", type="tertiary", on_click=state.clear)
    if found.instances == 0:
        st.info(
            "No instance in either version matches all filters. Remove one: "
            + "; ".join(_relief(view, chips)),
            icon=":material/filter_alt_off:",
        )


def _chips(view: View) -> Iterator[_Chip]:
    kinds, selection = view.evaluation.dataset.project.kinds, view.selection
    for part in selection.filters.parts:
        if not isinstance(part, RegionFilter):
            yield _Chip(part.label(kinds), partial(Filters.without, part=part))
    cells = len(selection.filters.regions)
    if cells:
        words = "a cell of the embedding" if cells == 1 else f"{cells} cells of the embedding"
        yield _Chip(words, partial(replace, regions=()))
    for side, words in view.sides.items():
        field = f"{side}_only"
        if not getattr(selection, field).is_empty:
            yield _Chip(f"{side} is {words}", lambda _: Filters(), field)


def _relief(view: View, chips: list[_Chip]) -> Iterator[str]:
    """The number of instances without each chip."""
    for chip in chips:
        relaxed = state.changed(view.selection, chip.field, chip.without)
        count = cached.call(analysis.selected, view.evaluation, relaxed).instances
        yield f"removing *{brief(chip.words)}* shows {count:,}"


def draw_features(dataset: EvolvingDataset, chosen: Filters) -> None:
    """A choice of a further feature, and the widgets of the filters by features."""
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
        "Feature", [name for name in by_name if name not in shown], key="filter-add",
        on_change=add, placeholder="Filter by a feature…", format_func=shortened,
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
    key = f"feature-categories-{number}"
    st.session_state[key] = list(chosen.categories)
    st.multiselect(
        "Categories", list(dict.fromkeys((*feature.bins.categories, *chosen.categories))), key=key,
        label_visibility="collapsed", placeholder="Any category", format_func=shortened,
        accept_new_options=True,
        on_change=lambda: _update(feature.name, categories=tuple(st.session_state[key])),
    )  # fmt: skip


def _draw_values(
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
        _update(feature.name, ranges=(*others, *ranges))

    st.multiselect(
        "Values", list(range(len(values))), key=key, label_visibility="collapsed",
        placeholder="Any value", format_func=lambda place: names[place], on_change=change,
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
        ranges = (Range(_microseconds(days[0]), _microseconds(days[1] + _DAY)),) if days else ()
        _update(feature.name, ranges=ranges)

    st.date_input(
        "Days", min_value=min(first, chosen_days[0]), max_value=max(last, chosen_days[1]), key=key,
        label_visibility="collapsed", on_change=change,
    )  # fmt: skip


def _draw_special(
    dataset: EvolvingDataset, feature: Feature, chosen: FeatureFilter, number: int
) -> None:
    """Missing and non-finite values and other categories, where they occur."""
    key = f"feature-missing-{number}"
    codes = dataset.codes[dataset.feature_number(feature.name)]
    places = {"missing": feature.bins.missing_code, "non_finite": feature.bins.missing_code + 1}
    if feature.bins.other:
        places["other"] = feature.bins.missing_code - 1
    offered = [f for f, code in places.items() if getattr(chosen, f) or (codes == code).any()]
    if not offered:
        return
    st.session_state[key] = [flag for flag in offered if getattr(chosen, flag)]
    st.pills(
        "Also", offered, selection_mode="multi", key=key, label_visibility="collapsed",
        format_func=lambda flag: flag.replace("_", "-"),
        on_change=lambda: _update(
            feature.name, **{flag: flag in st.session_state[key] for flag in offered}
        ),
    )  # fmt: skip


def _ends(ranges: Iterable[Range]) -> tuple[float | None, float | None]:
    ranges = tuple(ranges)
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
