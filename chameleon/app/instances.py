"""The instances behind the filters: a table, a gallery, and one of them opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import polars as pl
import streamlit as st

from chameleon import analysis
from chameleon.analysis import COLUMNS, InstancePage, TableForm, feature_columns
from chameleon.app import instance_gallery, instance_opened, state, visitor_lists
from chameleon.app.formatting import plain, shortened
from chameleon.app.tables import draw_pages, draw_table, offset_of, table_height, turn_to
from chameleon.app.view import View, draw_empty
from chameleon.app.viewers import module_of
from chameleon.data import Viewer, viewer_of
from chameleon.errors import ChameleonError
from chameleon.project import ViewerKind

OPEN, FIND = "open", "find"
TABLE, GALLERY = "Table", "Gallery"
SIZES = (25, 50, 100, 250)
ERRORS = "errors"
_OPTIONS = "instances-options"
_SEARCH = "instances-search"
_NONCE = "instances-nonce"
_SEEN = "instances-seen"
_USUAL = (
    "label", "primary_prediction", "primary_outcome", "primary_probability_of_label", "strip",
    "changes", "secondary_prediction", "split", "source", "date",
)  # fmt: skip
_WORDS = {
    "primary_probability_of_label": "primary: probability of label",
    "primary_probability_of_prediction": "primary: probability of prediction",
    "secondary_probability_of_label": "secondary: probability of label",
    "secondary_probability_of_prediction": "secondary: probability of prediction",
    "strip": "outcomes over versions",
    "side": "held by",
    "held_in": "versions that hold it",
    "changes": "changes of outcome",
    ERRORS: "errors first, by class",
}
_FEW_FEATURES = 6
_HIGHEST = 560


def draw(view: View) -> None:
    """Search, the table or the gallery, and below them what is open."""
    viewer = viewer_of(view.evaluation.dataset)
    if viewer.finding is not None:
        st.warning(plain(viewer.finding), icon=":material/warning:")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        mode = _draw_mode() if module_of(viewer.kind).GALLERY else TABLE
        search = _draw_search()
    opened = state.own_item(OPEN)
    if mode == GALLERY:
        # what is open stays in sight below the tiles
        with st.container(height="content" if opened is None else _HIGHEST, border=False):
            instance_gallery.draw(view, viewer, search, open_instance=open_instance)
    else:
        _draw_table(view, viewer, search)
    if opened is not None:
        instance_opened.draw(view, viewer, opened, search=search, open_instance=open_instance)


def open_instance(instance: str | None) -> None:
    """Open that instance, or none. For callbacks: the script runs afterwards."""
    state.set_own_item(OPEN, instance)


def _options() -> dict[str, Any]:
    """What was chosen on this page: it outlives the widgets, which go with the page."""
    return cast("dict[str, Any]", st.session_state.setdefault(_OPTIONS, {}))


def _option(name: str, default: object) -> tuple[str, Callable[[], None]]:
    """The key of a widget, set to what was chosen, and the callback that takes a choice over."""
    key = f"instances-{name}"
    st.session_state[key] = _options().get(name, default)

    def take() -> None:
        _options()[name] = st.session_state[key]

    return key, take


def _draw_mode() -> str:
    key, take = _option("mode", TABLE)
    st.segmented_control(
        "View", (TABLE, GALLERY), key=key, on_change=take, required=True,
        label_visibility="collapsed", width="content",
    )  # fmt: skip
    return str(st.session_state[key])


def _draw_search() -> str:
    searched = state.own_item(FIND) or ""
    st.session_state[_SEARCH] = searched
    st.text_input(
        "Search instances",
        key=_SEARCH,
        placeholder="Search ids, labels, predictions, sources and texts…",
        label_visibility="collapsed",
        icon=":material/search:",
        on_change=lambda: state.set_own_item(FIND, st.session_state[_SEARCH].strip() or None),
    )
    return searched


def _draw_table(view: View, viewer: Viewer, search: str) -> None:
    dataset = view.evaluation.dataset
    columns = feature_columns(dataset)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        shown = _draw_columns(view, viewer, columns)
        order_by, descending = _draw_order(columns)
        key, take = _option("size", SIZES[1])
        st.selectbox("Rows a page", SIZES, key=key, on_change=take, width=110)
    limit = int(st.session_state[key])
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
    """The page looked at, the last one where there are fewer by now, and its first place."""
    offset = offset_of("instances", limit, about=about)
    page = view.call(analysis.instances, offset=offset, limit=limit, **asked)
    if page.found and offset >= page.found:
        turn_to("instances", -(-page.found // limit))
        return _page(view, asked, limit, about)
    return page, offset


def why_empty(of: int, search: str) -> str:
    """Why no instance is shown."""
    if of and search:
        return f"None of {of:,} instances holds '{plain(shortened(search))}'. Change the search."
    return "No instance passes the filters. Take one off above."


def _draw_columns(view: View, viewer: Viewer, columns: dict[str, int]) -> list[str]:
    """The columns to show, beside the id."""
    offered = [*COLUMNS[1:], *columns]
    chosen = _options().get("columns") or _usual_columns(view, viewer, columns)
    _options()["columns"] = [name for name in chosen if name in offered]
    with st.popover("Columns", icon=":material/view_column:"):
        key, take = _option("columns", [])
        st.multiselect(
            "Columns", offered, key=key, on_change=take, width=460,
            placeholder="The usual columns", format_func=_words,
        )  # fmt: skip
    return list(st.session_state[key])


def _usual_columns(view: View, viewer: Viewer, columns: dict[str, int]) -> list[str]:
    """What tells something here, and a few features where no viewer shows them better."""
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
    if _options().get("order") not in offered:
        _options()["order"] = COLUMNS[0]
    key, take = _option("order", COLUMNS[0])
    st.selectbox(
        "Order by", offered, key=key, on_change=take, width=260, format_func=_words,
        help="A click on the head of a column orders by it, a second one turns the order round.",
    )  # fmt: skip
    down, take_down = _option("descending", default=False)
    st.toggle("Largest first", key=down, on_change=take_down)
    return str(st.session_state[key]), bool(st.session_state[down])


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
    """Draw the rows of a page; the ids of those that are ticked."""
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
        alt=f"{len(frame):,} instances, one a row",
    )
    st.caption(
        "Tick a row to open it; click a column's head to order by it. Outcomes over versions, old "
        "to new: ✓ correct, ✗ incorrect, ? unknown; v, x and · where the version lacks the "
        "instance and its nearest row is asked. Downloads hold all instances behind filters and "
        "search."
    )
    rows = _selection(key).get("rows", [])
    return tuple(ids[row] for row in rows if row < len(ids))


def _columns(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """These columns; `select` takes a name like "^.*$" for a pattern."""
    return pl.DataFrame({name: frame[name] for name in names})


# asked for once, and perhaps large: made anew
def _whole(view: View, asked: Mapping[str, Any]) -> pl.DataFrame:
    return analysis.instances(view.evaluation, view.selection, **asked, limit=None).frame


def _parquet(view: View, asked: Mapping[str, Any]) -> bytes:
    return analysis.instance_file(view.evaluation, view.selection, TableForm.PARQUET, **asked)


def _offer_parquet(view: View, asked: Mapping[str, Any]) -> None:
    st.download_button(
        "Download as Parquet",
        lambda: _parquet(view, asked),
        file_name="instances.parquet",
        mime="application/vnd.apache.parquet",
        key="instances-parquet",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        help="All instances behind the filters, as they are, with the columns of this page and the "
        "features chosen.",
    )


def _draw_chosen(view: View, chosen: tuple[str, ...]) -> None:
    """What can be done with the instances that are ticked."""
    with st.container(horizontal=True, vertical_alignment="center"):
        visitor_lists.draw_add(view, chosen, key="instances-add")
        if len(chosen) > 1:
            st.caption(f"{len(chosen):,} instances are ticked; the last one ticked is open below.")


def _table_key(about: object) -> str:
    """A key that changes with what the table shows, so that no tick stays on another row."""
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
        same = _options().get("order") == asked[0]
        _options()["descending"] = same and not _options().get("descending", False)
        _options()["order"] = asked[0]
        return
    rows = [row for row in picked.get("rows", []) if row < len(ids)]
    fresh = [row for row in rows if row not in st.session_state.get(_SEEN, [])]
    st.session_state[_SEEN] = rows
    if fresh:
        open_instance(ids[fresh[-1]])


def _with_stream(view: View, viewer: Viewer, frame: pl.DataFrame) -> pl.DataFrame:
    """The page with a column of streams, where that is what is looked at."""
    if viewer.kind is not ViewerKind.SENSOR:
        return frame
    try:
        streams = instance_gallery.streams(view, viewer, frame["instance"].to_list())
    except ChameleonError as error:
        st.caption(plain(str(error)))
        return frame
    name = instance_gallery.free_name("stream", frame.columns)
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
