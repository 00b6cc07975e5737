"""The sidebar: pages, and filters by split, label, source, date, outcome and any feature.

The selection in the session is the truth: widgets are set from it before they are drawn, and
change it in their callbacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from chameleon.app import feature_filters, projects, state
from chameleon.app.formatting import plain, shortened, side_words
from chameleon.app.view import View
from chameleon.counting import OUTCOMES
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.selection import Filters, Selection

PAGES = (
    ("streamlit_app.py", "Overview", ":material/dashboard:"),
    ("pages/timeline.py", "Timeline", ":material/timeline:"),
    ("pages/iteration.py", "Data changes", ":material/difference:"),
    ("pages/features.py", "Features", ":material/bar_chart:"),
    ("pages/embedding.py", "Embedding", ":material/grid_view:"),
    ("pages/changes.py", "Prediction changes", ":material/compare_arrows:"),
    ("pages/sensitivity.py", "Sensitivity", ":material/vital_signs:"),
    ("pages/failures.py", "Failures", ":material/report:"),
    ("pages/instances.py", "Instances", ":material/table_rows:"),
    ("pages/attribution.py", "Attribution", ":material/balance:"),
    ("pages/exclusion_list.py", "Exclusion list", ":material/playlist_remove:"),
    ("pages/check.py", "Data check", ":material/fact_check:"),
)

DATA_PAGES = (("pages/setup.py", "New project", ":material/upload_file:"),)
"""Pages about the data, which need no evaluation."""

_NONE = "(none)"


def navigation(project: str | None) -> None:
    """The name of the dataset, and links to all pages."""
    with st.sidebar:
        st.markdown("**Chameleon**")
        projects.draw_switch()
        if project is not None:
            st.caption(f"Dataset: **{plain(shortened(project, 60))}**")
        for path, label, icon in PAGES:
            st.page_link(path, label=label, icon=icon)
        st.caption("Data")
        for path, label, icon in DATA_PAGES:
            st.page_link(path, label=label, icon=icon)


def filters(view: View) -> None:
    """All filter widgets."""
    dataset, chosen = view.evaluation.dataset, view.selection.filters
    with st.sidebar:
        st.markdown("##### Filters")
        splits = [split for code, split in enumerate(SPLITS) if (dataset.split == code).any()]
        _pills("Split", "splits", splits, chosen.splits)
        _pills("Outcome under the primary", "outcomes", OUTCOMES, chosen.outcomes)
        _choices("Label", "labels", dataset.classes, dataset.label, chosen.labels)
        if dataset.sources:
            _choices("Source", "sources", dataset.sources, dataset.source, chosen.sources)
        if not np.isnat(dataset.date).all():
            _dates(dataset, chosen)
        feature_filters.draw(dataset, chosen)
        _sides(view.selection)


def _sides(selection: Selection) -> None:
    """Turn the filters into what is blue, or what is pink: one subset against another."""
    with st.expander("Compare subsets", icon=":material/contrast:"):
        st.caption(
            "Choose filters above, then make them one side: one source in blue against another "
            "in pink, within one version or across two."
        )
        for side in ("primary", "secondary"):
            words = plain(side_words(selection, primary=side == "primary"))
            st.markdown(f"{side.capitalize()}: **{words}**")
            st.button(
                f"Filters become the {side} side",
                key=f"side-{side}",
                on_click=state.filters_become_side,
                args=(f"{side}_only",),
                disabled=selection.filters.of_rows.is_empty,
                width="stretch",
            )


def _pills(label: str, field: str, options: Sequence[str], chosen: Sequence[str]) -> None:
    key = f"filter-{field}"
    st.session_state[key] = list(chosen)

    def change() -> None:
        changes: dict[str, Any] = {field: tuple(st.session_state[key])}
        state.set_filters(replace(state.current_filters(), **changes))

    st.pills(label, options, selection_mode="multi", key=key, on_change=change, format_func=str)


def _choices(
    label: str,
    field: str,
    names: Sequence[str],
    codes: np.ndarray,
    chosen: Sequence[str | None],
) -> None:
    """A choice of any of many names; None stands for those without one."""
    key = f"filter-{field}"
    options: list[int] = [*range(len(names)), *([-1] if (codes < 0).any() else [])]
    st.session_state[key] = [-1 if name is None else names.index(name) for name in chosen]

    def change() -> None:
        values = tuple(None if place < 0 else names[place] for place in st.session_state[key])
        changes: dict[str, Any] = {field: values}
        state.set_filters(replace(state.current_filters(), **changes))

    st.multiselect(
        label,
        options,
        key=key,
        on_change=change,
        format_func=lambda place: _NONE if place < 0 else names[place],
        placeholder=f"Any {label.lower()}",
    )


def _dates(dataset: EvolvingDataset, chosen: Filters) -> None:
    known = dataset.date[~np.isnat(dataset.date)]
    first, last = (moment.astype("datetime64[D]").item() for moment in (known.min(), known.max()))
    key = "filter-dates"
    low, high = chosen.dates or (None, None)
    st.session_state[key] = () if chosen.dates is None else (low or first, high or last)

    def change() -> None:
        value = st.session_state[key]
        if len(value) == 1:
            return  # the second day is still to be chosen
        dates = (value[0], value[1]) if value else None
        state.set_filters(replace(state.current_filters(), dates=dates))

    st.date_input(
        "Date",
        min_value=min(first, low or first),
        max_value=max(last, high or last),
        key=key,
        on_change=change,
        help=f"From {first} to {last}. Instances without a date do not pass.",
    )
