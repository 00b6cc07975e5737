"""The view that every page draws from, and the parts that pages share: charts, tables, options."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar, cast

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from chameleon.app import cached, state
from chameleon.app.cached import kept
from chameleon.app.formatting import side_words
from chameleon.data import SPLITS
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import Filters, Selection
from chameleon.storage import csv_text

SIDES = ("primary", "secondary")
ALL_SPLITS = "all"
NO_MATCHES = "No instances match these filters. Remove a filter above."
NO_OUTCOMES = "No outcome is known: there is no label or no prediction."
Result = TypeVar("Result")

_PAINT_SECONDS = 0.04
_PAGED = "paged:"


class PaintPause:
    """A pause after the part that a click was about, so that the browser paints it first.

    It would otherwise draw the whole page in one go. Measured in Chromium: a click shows after 1.4
    instead of 3 times the duration of a page with a single chart.
    """

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted

    def take(self) -> None:
        """Pause once, if wanted."""
        if self.wanted:
            self.wanted = False
            time.sleep(_PAINT_SECONDS)


@dataclass(frozen=True, slots=True)
class View:
    """Everything that a page draws from.

    `pending` is True until all models are fitted; the `pause` is wanted after a click, not on
    arrival at the page; `scope` is the rows that outcomes are counted on, one of `SCOPES`; `late`
    has the slow parts of the page and their places.
    """

    evaluation: Evaluation
    selection: Selection
    pending: bool
    pause: PaintPause
    scope: str = "test"
    late: list[tuple[DeltaGenerator, Callable[[], None]]] = field(default_factory=list)

    @property
    def version_names(self) -> list[str]:
        """The names of all versions, from old to new."""
        return [version.name for version in self.evaluation.dataset.versions]

    @property
    def versions(self) -> dict[str, str]:
        """The versions of both sides: primary, secondary."""
        return {"primary": self.selection.primary, "secondary": self.selection.secondary}

    @property
    def sides(self) -> dict[str, str]:
        """The versions of both sides with their restrictions: primary, secondary."""
        return {side: side_words(self.selection, primary=side == "primary") for side in SIDES}

    @property
    def is_unfiltered(self) -> bool:
        """Return True if no filter is set."""
        return self.selection.filters.is_empty

    @property
    def unfiltered(self) -> Selection:
        """The selection without its filters."""
        return replace(self.selection, filters=Filters())

    @property
    def in_scope(self) -> Selection:
        """The selection narrowed to the scope; filters of splits that leave it out stay."""
        return narrowed(self.selection, self.scope)

    @property
    def counted_rows(self) -> str:
        """The rows of `in_scope` in words: test rows."""
        splits = self.in_scope.filters.splits
        return f"{' and '.join(splits)} rows" if splits else "all rows"

    def call(self, function: Callable[..., Result], **options: object) -> Result:
        """The cached result of a library function for this evaluation and selection."""
        return cached.call(function, self.evaluation, self.selection, **options)  # type: ignore[arg-type]

    def call_in_scope(self, function: Callable[..., Result], **options: object) -> Result:
        """The cached result of a library function for this evaluation and `in_scope`."""
        return cached.call(function, self.evaluation, self.in_scope, **options)  # type: ignore[arg-type]

    def afterwards(self, draw: Callable[[], None], place: DeltaGenerator | None = None) -> None:
        """Draw a slow part, at this place or another one, after everything else of the page.

        The part that a click is about doesn't wait for it, and neither does the next click.
        """
        self.late.append((st.container() if place is None else place, draw))

    def why_empty(self, follows: str, unfiltered: str, filtered: str | None = None) -> str:
        """The reason for an empty part, without and with filters.

        While models are being fitted it is what follows, as in "the matrix follows".
        """
        if self.pending:
            return f"The models are being fitted: {follows}."
        return unfiltered if filtered is None or self.is_unfiltered else filtered


Draw = Callable[[View], None]


def narrowed(selection: Selection, scope: str) -> Selection:
    """The selection narrowed to the rows of a scope; filters of splits that leave it out stay."""
    filters = selection.filters
    if scope not in list(Split) or (filters.splits and scope not in filters.splits):
        return selection
    return replace(selection, filters=replace(filters, splits=(Split(scope),)))


def draw_scope(view: View) -> None:
    """The rows that a page counts outcomes on."""
    st.caption(f"Evaluated on **{view.counted_rows}**.")


def in_order(view: View, *parts: tuple[DeltaGenerator, Callable[[], None]]) -> None:
    """Draw parts of a page into their places; the last one is the most important.

    On arrival they are drawn in their order, so that nothing jumps; after a click the last first.
    """
    last_first = view.pause.wanted
    for place, draw in (parts[-1], *parts[:-1]) if last_first else parts:
        with place:
            draw()
        view.pause.take()


def draw_until(done: Callable[[], bool], draw: Callable[[], None], *, seconds: float) -> None:
    """Draw a part again every few seconds until `done`, and then the whole page."""

    @st.fragment(run_every=seconds)
    def look() -> None:
        if done():
            st.rerun(scope="app")
        draw()

    look()


def is_dark() -> bool:
    """Return True if the visitor uses the dark theme."""
    return (st.context.theme.type or "light") == "dark"


def draw_empty(reason: str) -> None:
    """Explain an empty part."""
    st.info(reason, icon=":material/info:")


def draw_chart(
    frame: pl.DataFrame,
    build: Callable[..., dict[str, Any]],
    *,
    key: str,
    fields: Sequence[str] = (),
    on_pick: Callable[[state.Mark], None] | None = None,
    width: Literal["stretch", "content"] = "stretch",
    **options: object,
) -> None:
    """Draw a frame with the cached specification of a builder of `chameleon.charts`.

    `options` are those of the builder, except `dark`; `fields` are the columns that identify a
    mark, and `on_pick` is the callback of a click on one.
    """
    spec = chart_spec(build, build.__name__, {**options, "dark": is_dark()})
    if on_pick is None:
        st.vega_lite_chart(frame, spec, key=key, width=width)
        return
    on_select = state.on_click(key, fields, on_pick)
    st.vega_lite_chart(frame, spec, key=state.chart_key(key), on_select=on_select,
                       selection_mode="pick", width=width)  # fmt: skip


@kept(max_entries=256)
def chart_spec(
    _build: Callable[..., dict[str, Any]], name: str, options: dict[str, object]
) -> dict[str, Any]:
    """The specification of a builder, cached by its name and options."""
    return _build(**options)


def occurring_splits(view: View) -> list[str]:
    """The splits of all rows of the timeline."""
    codes = view.evaluation.dataset.split
    return [split.value for code, split in enumerate(SPLITS) if (codes == code).any()]


def draw_toggle(label: str, *, key: str, why: str | None = None) -> bool:
    """A switch, kept for the session, with its help text."""
    return st.toggle(label, key=key, persist_state="session", help=why)


def draw_choice(
    label: str,
    options: Sequence[str],
    *,
    key: str,
    default: str | None = None,
    names: Mapping[str, str] | None = None,
    why: str | None = None,
) -> str:
    """One of a few options, kept for the session; at first `default` or the first one."""
    first = options[0] if default is None else default
    chosen = st.segmented_control(
        label, options, default=first, key=key, required=True, persist_state="session", help=why,
        format_func=lambda option: option if names is None else names[option],
    )  # fmt: skip
    return chosen or first


def draw_bound(
    draw: Callable[..., object],
    label: str,
    options: Sequence[Any] | None = None,
    *,
    key: str,
    value: object,
    change: Callable[[Any], None],
    **settings: object,
) -> None:
    """Draw a widget that shows `value` in every run; `change` takes the visitor's new one.

    The state of the visit is the truth, not the widget's own.
    """
    st.session_state[key] = value
    first = (label,) if options is None else (label, options)
    draw(*first, key=key, on_change=lambda: change(st.session_state[key]), **settings)


def draw_table(
    frame: pl.DataFrame,
    *,
    key: str,
    height: int | None = None,
    whole: Callable[[], pl.DataFrame] | None = None,
    file: str | None = None,
    beside: Callable[[], None] | None = None,
    **options: object,
) -> None:
    """Draw a table and offer it as CSV; `options` are those of `st.dataframe`.

    Streamlit's own download is switched off (`client.disableDataExport`): a cell that begins with
    "=" would be a formula to a spreadsheet.

    `whole` makes the frame to download, on request, where the table shows a part of it. `file` (by
    default `key`) names the file, and the table for screen readers. `beside` draws something beside
    the download.
    """
    settings: dict[str, Any] = {
        "height": "auto" if height is None else height,
        "placeholder": "-",  # else Streamlit writes "None"
        "alt": f"{(file or key).replace('-', ' ').capitalize()}, {len(frame):,} rows",
        **options,
    }
    st.dataframe(frame, hide_index=True, key=key, **settings)
    with st.container() if beside is None else st.container(horizontal=True):
        st.download_button(
            "Download as CSV",
            lambda: csv_text(frame if whole is None else whole()).encode(),
            file_name=f"{file or key}.csv", mime="text/csv", key=f"{key}-csv",
            icon=":material/download:", type="tertiary", on_click="ignore",
            help="Cells that a spreadsheet would take for a formula begin with an apostrophe.",
        )  # fmt: skip
        if beside is not None:
            beside()


def clicked_cell(key: str) -> tuple[int, str]:
    """The row and column of the clicked cell of a table; row -1 if no single one is chosen."""
    cells = st.session_state[key]["selection"]["cells"]
    return cells[0] if len(cells) == 1 else (-1, "")


def table_height(rows: int, most: int = 423) -> int:
    """The height of a table in pixels; more than `most` scroll."""
    return min(38 + 35 * max(rows, 1), most)


@dataclass
class _Paged:
    """A visitor's page of a list.

    `number` counts pages from 1, `about` describes the list's content. `control` counts the
    controls, because the value of one cannot be set; `start` is the first page of the present one.
    """

    number: int = 1
    about: str | None = None
    control: int = 0
    start: int = 1


def offset_of(name: str, limit: int, *, about: object) -> int:
    """The place of the first entry on the present page of a list.

    When `about`, which describes the list's content, changes, the first page is shown again.
    """
    paged = _paged(name)
    if paged.about not in (None, repr(about)):
        turn_to(name, 1)
    paged.about = repr(about)
    return (paged.number - 1) * limit


def turn_to(name: str, number: int) -> None:
    """Turn to a page, from 1. Before its control is drawn, or in a callback."""
    paged = _paged(name)
    paged.number = paged.start = number
    paged.control += 1


def draw_pages(name: str, found: int, limit: int) -> None:
    """Draw the control of a list's pages, and the range of entries shown."""
    paged, pages = _paged(name), max(-(-found // limit), 1)
    key = f"{name}-page-{paged.control}"
    if key not in st.session_state:  # a control is deleted with its page
        paged.start = min(paged.number, pages)

    def turn() -> None:
        paged.number = int(st.session_state[key])

    first = (paged.number - 1) * limit
    with st.container(horizontal=True, vertical_alignment="center"):
        if pages > 1:
            st.pagination(pages, default=paged.start, key=key, on_change=turn,
                          max_visible_pages=7, width="content")  # fmt: skip
        st.caption(
            f"{min(first + 1, found):,} to {min(first + limit, found):,} of {found:,} instances",
            width="content",
        )


def _paged(name: str) -> _Paged:
    return cast("_Paged", st.session_state.setdefault(_PAGED + name, _Paged()))
