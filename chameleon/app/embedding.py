"""The Embedding page."""

from __future__ import annotations

from typing import cast

import numpy as np
import polars as pl
import streamlit as st

from chameleon import analysis, charts
from chameleon.app import projects, state
from chameleon.app.formatting import plain
from chameleon.app.view import (
    NO_MATCHES,
    View,
    chart_spec,
    draw_empty,
    draw_scope,
    draw_toggle,
    is_dark,
)
from chameleon.charts import Coloring
from chameleon.layout import Layout
from chameleon.models import Evaluation
from chameleon.selection import Region

_CHART = "embedding"
_CELLS = "embedding-cells"
_COLOR = "embedding-color"
_OUTLINE = "embedding-outline"
_SIZE = 620


def draw(view: View) -> None:
    """The embedding with its options, and the origin of the layout."""
    layout = view.evaluation.layout
    if layout is None:
        st.info("The layout is being computed.", icon=":material/hourglass:")
        return
    draw_scope(view)
    offered = colors(view.evaluation)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.slider("Cells along a side", 10, 80, analysis.default_cells(view.evaluation.dataset),
                  key=_CELLS, persist_state="session", width=220)  # fmt: skip
        st.selectbox("Color by", list(offered), key=_COLOR, persist_state="session", width=220)
        draw_toggle(
            "Outline the secondary",
            key=_OUTLINE,
            why="Pink outlines show how many instances of the secondary version are in a cell.",
        )
    _draw_cells(
        view,
        cells=int(st.session_state[_CELLS]),
        by=offered.get(st.session_state[_COLOR]) or next(iter(offered.values())),
        outline=bool(st.session_state[_OUTLINE]),
    )
    _draw_layout(layout)


def _draw_cells(view: View, *, cells: int, by: str, outline: bool) -> None:
    """The embedding; its cells filter all views."""
    layout = view.evaluation.layout
    assert layout is not None
    counts = view.call_in_scope(analysis.embedding_cells, cells=cells, also=layout.key)
    if counts.is_empty():
        draw_empty(NO_MATCHES)
        return
    coloring = Coloring.RATIO
    groups: tuple[str, ...] = ()
    if by == "change":
        coloring = Coloring.CHANGE
    elif by != "ratio":
        shared = view.call_in_scope(analysis.cell_groups, by=by, cells=cells, also=layout.key)
        counts = counts.join(shared, on="cell", how="left", maintain_order="left")
        coloring = Coloring.DATE if by == "date" else Coloring.GROUP
        groups = () if by == "date" else charts.cell_groups_shown(counts)
    options = charts.EmbeddingChart(
        size_px=_SIZE, dark=is_dark(), coloring=coloring, outline=outline, groups=groups
    )
    chosen = analysis.cells_in_regions(counts, view.selection.filters.regions)
    frame = charts.embedding_frame(counts, options, cells=cells, chosen=chosen)
    st.vega_lite_chart(
        frame,
        chart_spec(charts.embedding_chart, "embedding", {"options": options}),
        key=state.chart_key(_CHART),
        on_select=lambda: _select(layout, cells),
        selection_mode=["pick", "brush"],
    )
    st.caption(plain(charts.embedding_text(frame)))


def _select(layout: Layout, cells: int) -> None:
    """Filter by a brush, or by the cell that was clicked."""
    brush = state.chart_selection(_CHART).get("brush")
    reach = charts.brushed_cells(cast("dict[str, list[float]]", brush or None), cells=cells)
    if reach is not None and reach[0] == reach[1]:
        state.clear_chart(_CHART)  # a click with an unsteady hand
        _toggle(layout, reach[0], cells)
    elif reach is not None:
        region = analysis.region_of_cells(layout, *reach, cells=cells)
        regions = state.current_filters().regions
        if region not in regions:
            state.replace_filter("regions", (*regions, region))
        state.clear_chart(_CHART)  # the brush is gone; its cells are marked instead
    else:
        marks = state.clicked_marks(_CHART, ("cell",))
        if len(marks) == 1 and marks[0][0] is not None:
            _toggle(layout, str(marks[0][0]), cells)


def _toggle(layout: Layout, cell: str, cells: int) -> None:
    chosen = state.current_filters().regions
    region = analysis.region_of_cells(layout, cell, cells=cells)
    middle = pl.DataFrame(
        {
            "cell": [cell],
            "x": np.array([(region.x0 + region.x1) / 2]),
            "y": np.array([(region.y0 + region.y1) / 2]),
        }
    )
    regions: tuple[Region, ...] = (*chosen, region)
    if analysis.cells_in_regions(middle, chosen):
        regions = analysis.without_cell(layout, chosen, cell, cells=cells)
    state.replace_filter("regions", regions)


def colors(evaluation: Evaluation) -> dict[str, str]:
    """The values of `by` of `_draw_cells`, by their names on the page."""
    dataset = evaluation.dataset
    offered = {
        "correct : incorrect": "ratio",
        "change of accuracy": "change",
        "label": "label",
        "split": "split",
    }
    if dataset.sources:
        offered["source"] = "source"
    if not np.isnat(dataset.date).all():
        offered["date"] = "date"
    return offered


def _draw_layout(layout: Layout) -> None:
    fitted = f"{layout.versions[0]} to {layout.versions[-1]}" if layout.versions else "no version"
    lines = [
        f"**{plain(layout.method)}** ({plain(layout.parameters)}), made by "
        f"{plain(layout.made_by)}, fitted on {layout.fitted_rows:,} rows of the versions "
        f"{plain(fitted)}."
    ]
    if layout.placed_rows:
        lines.append(
            f"{layout.placed_rows:,} further rows were placed by their neighbors; "
            f"{layout.badly_placed:,} of them are far from all fitted rows."
        )
    if layout.method == "PCA":
        lines.append("This layout is preliminary: UMAP will replace it.")
    st.caption(" ".join(lines))
    projects.draw_layout_progress()
    if projects.may_lay_out(projects.opened()):
        st.button(
            "Compute a new layout", icon=":material/refresh:", key="lay-out-again",
            help="Compute a new layout of all versions. Filters by cells of this one are lost.",
            on_click=projects.lay_out_again,
        )  # fmt: skip
