"""The sidebar: links to the pages, and filters by split, label, source, date, and outcome."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from chameleon.app import filter_widgets, projects, state
from chameleon.app.formatting import brief, plain
from chameleon.app.view import View, occurring_splits
from chameleon.counting import OUTCOMES
from chameleon.data import EvolvingDataset
from chameleon.project import Split
from chameleon.selection import Filters

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


def draw_navigation(project: str | None) -> None:
    """The name of the dataset, and links to all pages."""
    with st.sidebar:
        st.markdown("**Chameleon**")
        projects.draw_switch()
        if project is not None:
            st.caption(f"Dataset: **{brief(project, 60)}**")
        for path, label, icon in PAGES:
            st.page_link(path, label=label, icon=icon)
        st.caption("Data")
        for path, label, icon in DATA_PAGES:
            st.page_link(path, label=label, icon=icon)


def draw_filters(view: View) -> None:
    """All filter widgets.

    The session's selection is the truth: widgets are set from it before they are drawn, and change
    it in their callbacks.
    """
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
        filter_widgets.draw_features(dataset, chosen)
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
    key = f"filter-{field}"
    st.session_state[key] = list(chosen)
    st.pills(
        label, options, selection_mode="multi", key=key, format_func=str,
        on_change=lambda: state.replace_filter(field, tuple(st.session_state[key])),
    )  # fmt: skip


def _draw_names(
    label: str,
    field: str,
    names: Sequence[str],
    codes: np.ndarray,
    chosen: Sequence[str | None],
) -> None:
    """A choice of any of many names; None is for rows without a name."""
    key = f"filter-{field}"
    options: list[int] = [*range(len(names)), *([-1] if (codes < 0).any() else [])]
    st.session_state[key] = [-1 if name is None else names.index(name) for name in chosen]

    def change() -> None:
        values = tuple(None if place < 0 else names[place] for place in st.session_state[key])
        state.replace_filter(field, values)

    st.multiselect(
        label, options, key=key, on_change=change, placeholder=f"Any {label.lower()}",
        format_func=lambda place: _NONE if place < 0 else names[place],
    )  # fmt: skip


def _draw_dates(dataset: EvolvingDataset, chosen: Filters) -> None:
    known = dataset.date[~np.isnat(dataset.date)]
    first, last = (moment.astype("datetime64[D]").item() for moment in (known.min(), known.max()))
    key = "filter-dates"
    low, high = chosen.dates or (None, None)
    st.session_state[key] = () if chosen.dates is None else (low or first, high or last)

    def change() -> None:
        value = st.session_state[key]
        if len(value) != 1:  # else the second day is still to be chosen
            state.replace_filter("dates", (value[0], value[1]) if value else None)

    st.date_input(
        "Date", key=key, on_change=change,
        min_value=min(first, low or first), max_value=max(last, high or last),
        help=f"From {first} to {last}. Instances without a date don't match.",
    )  # fmt: skip
