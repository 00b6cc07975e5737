"""The aggregated embedding: its page, and the small one on the Overview."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.analysis import CELLS, cells_in_regions, region_of_cells, without_cell
from chameleon.app import cached, chart_clicks, projects, state
from chameleon.app.formatting import plain
from chameleon.app.view import View, draw_empty, draw_toggle, is_dark
from chameleon.charts import (
    Coloring,
    EmbeddingChart,
    brushed_cells,
    cell_groups_shown,
    embedding_chart,
    embedding_frame,
    embedding_text,
)
from chameleon.layout import Layout
from chameleon.models import Evaluation
from chameleon.selection import Region

_CELLS = "embedding-cells"
_COLOUR = "embedding-colour"
_OUTLINE = "embedding-outline"
_LARGE, _SMALL = 620, 270
_SMALL_CELLS = 24


def draw(view: View) -> None:
    """The embedding with its options, and what made the layout."""
    layout = view.evaluation.layout
    if layout is None:
        st.info("The layout is being computed.", icon=":material/hourglass:")
        return
    offered = colours(view.evaluation)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        st.slider("Cells along a side", 10, 80, CELLS, key=_CELLS, persist_state="session",
                  width=220)  # fmt: skip
        st.selectbox("Colour by", list(offered), key=_COLOUR, persist_state="session", width=220)
        draw_toggle(
            "Outline the secondary",
            key=_OUTLINE,
            why="Pink outlines show how many instances of the secondary version a cell holds.",
        )
    draw_cells(
        view,
        name="embedding",
        size=_LARGE,
        cells=int(st.session_state[_CELLS]),
        by=offered.get(st.session_state[_COLOUR]) or next(iter(offered.values())),
        outline=bool(st.session_state[_OUTLINE]),
    )
    _draw_layout(layout)


def draw_small(view: View) -> None:
    """The embedding on the Overview."""
    if view.evaluation.layout is not None:
        draw_cells(view, name="overview-embedding", size=_SMALL, cells=_SMALL_CELLS)
        projects.draw_layout_state()


def draw_cells(
    view: View,
    *,
    name: str,
    size: int,
    cells: int,
    by: str = "ratio",
    outline: bool = False,
) -> None:
    """The embedding alone; its cells filter every other view."""
    layout = view.evaluation.layout
    assert layout is not None
    counts = view.call(analysis.embedding_cells, cells=cells, also=layout.key)
    if counts.is_empty():
        draw_empty("No instance passes the filters. Take one off above.")
        return
    coloring = Coloring.RATIO
    groups: tuple[str, ...] = ()
    if by == "change":
        coloring = Coloring.CHANGE
    elif by != "ratio":
        shared = view.call(analysis.cell_groups, by=by, cells=cells, also=layout.key)
        counts = counts.join(shared, on="cell", how="left", maintain_order="left")
        coloring = Coloring.DATE if by == "date" else Coloring.GROUP
        groups = () if by == "date" else cell_groups_shown(counts)
    options = EmbeddingChart(
        size_px=size, dark=is_dark(), coloring=coloring, outline=outline, groups=groups
    )
    regions = view.selection.filters.regions
    chosen = cells_in_regions(counts, regions)
    frame = embedding_frame(counts, options, cells=cells, chosen=chosen)

    def select() -> None:
        _select(name, layout, cells)

    st.vega_lite_chart(
        frame,
        _spec(options),
        key=chart_clicks.chart_key(name),
        on_select=select,
        selection_mode=["pick", "brush"],
    )
    st.caption(plain(embedding_text(frame)))


def _select(name: str, layout: Layout, cells: int) -> None:
    """Take over a brush, or the cells that were clicked."""
    brush = chart_clicks.selection_of(name).get("brush")
    reach = brushed_cells(cast("dict[str, list[float]]", brush or None), cells=cells)
    if reach is not None and reach[0] == reach[1]:
        chart_clicks.clear_chart(name)  # a click with an unsteady hand
        _toggle(layout, reach[0], cells)
        return
    if reach is not None:
        region = region_of_cells(layout, *reach, cells=cells)
        filters = state.current_filters()
        if region not in filters.regions:
            state.set_filters(replace(filters, regions=(*filters.regions, region)))
        chart_clicks.clear_chart(name)  # the brush is gone; its cells are marked instead
        return
    marks = chart_clicks.clicked(name, ("cell",))
    if len(marks) == 1 and marks[0][0] is not None:
        _toggle(layout, str(marks[0][0]), cells)


def _toggle(layout: Layout, cell: str, cells: int) -> None:
    filters = state.current_filters()
    region = region_of_cells(layout, cell, cells=cells)
    middle = pl.DataFrame(
        {
            "cell": [cell],
            "x": np.array([(region.x0 + region.x1) / 2]),
            "y": np.array([(region.y0 + region.y1) / 2]),
        }
    )
    regions: tuple[Region, ...] = (*filters.regions, region)
    if cells_in_regions(middle, filters.regions):
        regions = without_cell(layout, filters.regions, cell, cells=cells)
    state.set_filters(replace(filters, regions=regions))


def colours(evaluation: Evaluation) -> dict[str, str]:
    """What squares can be coloured by: in words, and what `draw_cells` calls it."""
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
        f"{plain(fitted)}.",
    ]
    if layout.placed_rows:
        lines.append(
            f"{layout.placed_rows:,} further rows were placed by their neighbours, "
            f"{layout.badly_placed:,} of them lie far from all of these."
        )
    if layout.method == "PCA":
        lines.append("This is a first picture; UMAP replaces it when it is ready.")
    st.caption(" ".join(lines))
    projects.draw_layout_state()
    if projects.may_lay_out(projects.opened()):
        st.button(
            "Lay out again",
            icon=":material/refresh:",
            key="lay-out-again",
            help="Compute a new layout on all versions. Cells chosen in this one are lost.",
            on_click=projects.lay_out_again,
        )


@cached.kept(max_entries=64)
def _spec(options: EmbeddingChart) -> dict[str, Any]:
    return embedding_chart(options)
