"""The Instances page: the matching instances as a table or a gallery, and one of them opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.analysis import COLUMNS, InstancePage, TableForm, feature_columns
from chameleon.app import instance_views, state, visitor_lists
from chameleon.app.formatting import brief, plain, shortened
from chameleon.app.view import (
    NO_MATCHES,
    View,
    draw_bound,
    draw_empty,
    draw_pages,
    draw_table,
    offset_of,
    table_height,
    turn_to,
)
from chameleon.app.viewers import module_of
from chameleon.data import Viewer, viewer_of
from chameleon.errors import ChameleonError
from chameleon.project import ViewerKind

FIND = "find"
TABLE, GALLERY = "Table", "Gallery"
SIZES = (25, 50, 100, 250)
ERRORS = "errors"
_COLUMNS = "instances-columns"
_ORDER = "instances-order"
_DESCENDING = "instances-descending"
_NONCE = "instances-nonce"
_SEEN = "instances-seen"
_USUAL = (
    "label", "primary_prediction", "primary_outcome", "primary_probability_of_label", "strip",
    "changes", "secondary_prediction", "split", "source", "date",
)  # fmt: skip
_WORDS = {
    "primary_probability_of_label": "primary: probability of label",
    "primary_probability": "primary: probability of prediction",
    "secondary_probability_of_label": "secondary: probability of label",
    "secondary_probability": "secondary: probability of prediction",
    "strip": "outcomes over versions",
    "side": "in primary or secondary",
    "versions": "in versions",
    "changes": "changes of outcome",
    ERRORS: "errors first, by class",
}
_FEW_FEATURES = 6
_HIGHEST = 560


def draw(view: View) -> None:
    """Search, the table or the gallery, and below them the open instance."""
    viewer = viewer_of(view.evaluation.dataset)
    if viewer.finding is not None:
        st.warning(plain(viewer.finding), icon=":material/warning:")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mode = TABLE
        if module_of(viewer.kind).GALLERY:
            mode = st.segmented_control(
                "View", (TABLE, GALLERY), default=TABLE, key="instances-mode", required=True,
                persist_state="session", label_visibility="collapsed", width="content",
            )  # fmt: skip
        search = _draw_search()
    opened = state.own_item(instance_views.OPEN)
    if mode == GALLERY:
        # the open instance stays in sight below the tiles
        with st.container(height="content" if opened is None else _HIGHEST, border=False):
            instance_views.draw_gallery(view, viewer, search)
    else:
        _draw_table(view, viewer, search)
    if opened is not None:
        instance_views.draw(view, viewer, opened, search=search)


def _draw_search() -> str:
    searched = state.own_item(FIND) or ""
    draw_bound(
        st.text_input, "Search instances", key="instances-search", value=searched,
        change=lambda text: state.set_own_item(FIND, text.strip() or None),
        label_visibility="collapsed", icon=":material/search:",
        placeholder="Search ids, labels, predictions, sources, and texts…",
    )  # fmt: skip
    return searched


def _draw_table(view: View, viewer: Viewer, search: str) -> None:
    dataset = view.evaluation.dataset
    columns = feature_columns(dataset)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        shown = _draw_columns(view, viewer, columns)
        order_by, descending = _draw_order(columns)
        limit = st.selectbox(
            "Rows per page", SIZES, index=1, key="instances-size", persist_state="session",
            width=110,
        )  # fmt: skip
    features = tuple(dataset.features[columns[name]].name for name in shown if name in columns)
    asked = {
        "search": search, "order_by": order_by, "descending": descending, "features": features,
    }  # fmt: skip
    about = (view.selection.to_query_string(), search, order_by, descending, limit)
    page, offset = _page(view, asked, limit, about)
    if not page.found:
        draw_empty(why_empty(page.of, search))
        return
    chosen = _draw_page(view, viewer, page.frame, ["instance", *shown], asked, (*about, offset))
    draw_pages("instances", page.found, limit)
    _draw_chosen(view, chosen)


def _page(
    view: View, asked: Mapping[str, Any], limit: int, about: object
) -> tuple[InstancePage, int]:
    """The present page, or the last one where there are fewer by now, and its first place."""
    offset = offset_of("instances", limit, about=about)
    page = view.call(analysis.instances, offset=offset, limit=limit, **asked)
    if page.found and offset >= page.found:
        turn_to("instances", -(-page.found // limit))
        return _page(view, asked, limit, about)
    return page, offset


def why_empty(of: int, search: str) -> str:
    """The reason for an empty table."""
    if of and search:
        return f"None of {of:,} instances contains '{brief(search)}'. Change the search."
    return NO_MATCHES


def _draw_columns(view: View, viewer: Viewer, columns: dict[str, int]) -> list[str]:
    """The columns to show, beside the id."""
    offered = [*COLUMNS[1:], *columns]
    chosen = st.session_state.get(_COLUMNS) or _usual_columns(view, viewer, columns)
    st.session_state[_COLUMNS] = [name for name in chosen if name in offered]
    with st.popover("Columns", icon=":material/view_column:"):
        return st.multiselect(
            "Columns", offered, key=_COLUMNS, persist_state="session", width=460,
            placeholder="The usual columns", format_func=_words,
        )  # fmt: skip


def _usual_columns(view: View, viewer: Viewer, columns: dict[str, int]) -> list[str]:
    """The columns with any information, and a few features where no viewer shows them better."""
    dataset = view.evaluation.dataset
    version = dataset.version_number(view.selection.primary)
    empty = {
        "source": not dataset.sources,
        "date": bool(np.isnat(dataset.date).all()),
        "primary_probability_of_label": bool(
            np.isnan(view.evaluation.probability_of_label[version]).all()
        ),
    }
    few = [] if viewer.kind in (ViewerKind.IMAGE, ViewerKind.SENSOR) else list(columns)
    return [*(name for name in _USUAL if not empty.get(name)), *few[:_FEW_FEATURES]]


def _draw_order(columns: dict[str, int]) -> tuple[str, bool]:
    offered = [COLUMNS[0], ERRORS, *COLUMNS[1:], *(c for c in columns if c != ERRORS)]
    if st.session_state.get(_ORDER) not in offered:
        st.session_state[_ORDER] = COLUMNS[0]
    order = st.selectbox(
        "Order by", offered, key=_ORDER, persist_state="session", width=260, format_func=_words,
        help="A click on the head of a column orders by it, a second one reverses the order.",
    )  # fmt: skip
    return order, st.toggle("Largest first", key=_DESCENDING, persist_state="session")


def _words(column: str) -> str:
    return shortened(_WORDS.get(column, column.replace("_", " ") if column in COLUMNS else column))


def _draw_page(
    view: View,
    viewer: Viewer,
    frame: pl.DataFrame,
    shown: Sequence[str],
    asked: Mapping[str, Any],
    about: object,
) -> tuple[str, ...]:
    """Draw the rows of a page; return the ids of the ticked ones."""
    key = _table_key(about)
    ids = frame["instance"].to_list()
    with_stream = _with_stream(view, viewer, _columns(frame, shown))
    draw_table(
        with_stream,
        key=key,
        file="instances",
        whole=lambda: _columns(_whole(view, asked), shown),
        beside=lambda: _offer_parquet(view, asked),
        height=table_height(len(frame), _HIGHEST),
        column_config=_column_config(with_stream),
        on_select=lambda: _take_selection(key, ids, with_stream.columns),
        selection_mode=["multi-row", "single-column"],
        alt=f"{len(frame):,} instances, one per row",
    )
    st.caption(
        "Tick a row to open it; click a column's head to order by it. Outcomes over versions, from "
        "old to new: ✓ correct, ✗ incorrect, ? unknown; v, x, and · for the nearest row of an "
        "instance that is not in the version. Downloads contain all instances that match filters "
        "and search."
    )
    rows = _selection(key).get("rows", [])
    return tuple(ids[row] for row in rows if row < len(ids))


def _columns(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """These columns; `select` takes a name like "^.*$" for a pattern."""
    return pl.DataFrame({name: frame[name] for name in names})


# computed anew: rarely asked for, and perhaps large
def _whole(view: View, asked: Mapping[str, Any]) -> pl.DataFrame:
    return analysis.instances(view.evaluation, view.selection, **asked, limit=None).frame


def _offer_parquet(view: View, asked: Mapping[str, Any]) -> None:
    st.download_button(
        "Download as Parquet",
        lambda: analysis.instance_file(view.evaluation, view.selection, TableForm.PARQUET, **asked),
        file_name="instances.parquet", mime="application/vnd.apache.parquet",
        key="instances-parquet", icon=":material/download:", type="tertiary", on_click="ignore",
        help="All matching instances, with the columns of this page and the chosen features.",
    )  # fmt: skip


def _draw_chosen(view: View, chosen: tuple[str, ...]) -> None:
    """Actions on the ticked instances."""
    with st.container(horizontal=True, vertical_alignment="center"):
        visitor_lists.draw_add(view, chosen, key="instances-add")
        if len(chosen) > 1:
            st.caption(f"{len(chosen):,} instances are ticked; the last one is open below.")


def _table_key(about: object) -> str:
    """A key that changes with the table's content, so that no tick stays on another row."""
    before, number = st.session_state.get(_NONCE, (None, 0))
    if before != repr(about):
        st.session_state[_NONCE] = (repr(about), number + 1)
        st.session_state.pop(_SEEN, None)
    return f"instances-table-{st.session_state[_NONCE][1]}"


def _selection(key: str) -> dict[str, list[Any]]:
    event = st.session_state.get(key)
    return {} if event is None else dict(event["selection"])


def _take_selection(key: str, ids: Sequence[str], columns: Sequence[str]) -> None:
    """Order by a column whose head was clicked; open the row that was ticked last."""
    picked = _selection(key)
    asked = [name for name in picked.get("columns", []) if name in columns]
    if asked:
        same = st.session_state.get(_ORDER) == asked[0]
        st.session_state[_DESCENDING] = same and not st.session_state.get(_DESCENDING, False)
        st.session_state[_ORDER] = asked[0]
        return
    rows = [row for row in picked.get("rows", []) if row < len(ids)]
    fresh = [row for row in rows if row not in st.session_state.get(_SEEN, [])]
    st.session_state[_SEEN] = rows
    if fresh:
        instance_views.open_instance(ids[fresh[-1]])


def _with_stream(view: View, viewer: Viewer, frame: pl.DataFrame) -> pl.DataFrame:
    """The page, with a column of streams for a sensor viewer."""
    if viewer.kind is not ViewerKind.SENSOR:
        return frame
    try:
        streams = instance_views.streams(view, viewer, frame["instance"].to_list())
    except ChameleonError as error:
        st.caption(plain(str(error)))
        return frame
    name = "stream"
    while name in frame.columns:
        name += " "
    return frame.insert_column(1, pl.Series(name, streams, dtype=pl.List(pl.Float64)))


def _column_config(frame: pl.DataFrame) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for name, dtype in frame.schema.items():
        if dtype == pl.List:
            config[name] = st.column_config.LineChartColumn(name)
        elif name in COLUMNS and dtype.is_float():
            config[name] = st.column_config.NumberColumn(_words(name), format="%.3f")
        elif dtype == pl.Date:
            config[name] = st.column_config.DateColumn(_words(name), format="YYYY-MM-DD")
        elif name in COLUMNS:
            config[name] = st.column_config.Column(
                _words(name),
                pinned=name == "instance",
                width="medium" if name == "instance" else None,
            )
    return config
