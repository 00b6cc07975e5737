"""Tables with a download that no spreadsheet reads as formulas, and pages of long lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import polars as pl
import streamlit as st

from chameleon.storage import csv_text

_PAGED = "paged:"


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

    A screen reader calls the table by its file or key, in words, unless `alt` says otherwise.

    Streamlit's own download is switched off (`client.disableDataExport`): it writes cells as they
    are, and a cell that begins with "=" is a formula to a spreadsheet.

    Parameters
    ----------
    whole
        Makes what is downloaded, once it is asked for, where the table shows a part of it.
    file
        The name of the file, without its ending; the key where it is not given.
    beside
        Draws what stands beside the offer, such as another one.
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
            file_name=f"{file or key}.csv",
            mime="text/csv",
            key=f"{key}-csv",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            help="Texts that a spreadsheet would take for a formula begin with an apostrophe.",
        )
        if beside is not None:
            beside()


@dataclass
class _Paged:
    """Where a visitor stands in a list.

    Attributes
    ----------
    number
        The page looked at, from 1.
    about
        What the list is made of.
    control
        Counts the controls: one whose page is set from here is a new one, as a control's value
        cannot be.
    start
        The page that the control began with.
    """

    number: int = 1
    about: str | None = None
    control: int = 0
    start: int = 1


def table_height(rows: int, most: int = 423) -> int:
    """The pixels of a table of so many rows; more than `most` pixels scroll."""
    return min(38 + 35 * max(rows, 1), most)


def offset_of(name: str, limit: int, *, about: object) -> int:
    """The place of the first entry of the page that is looked at; the first page of another list.

    Parameters
    ----------
    name
        The list's name, also of its control.
    about
        What the list is made of: where that changes, the first page is looked at again.
    """
    paged = _paged(name)
    if paged.about not in (None, repr(about)):
        turn_to(name, 1)
    paged.about = repr(about)
    return (paged.number - 1) * limit


def turn_to(name: str, number: int) -> None:
    """Look at that page, from 1. Before its control is drawn, or in a callback."""
    paged = _paged(name)
    paged.number = paged.start = number
    paged.control += 1


def draw_pages(name: str, found: int, limit: int) -> None:
    """Draw the control, with what is shown in words."""
    paged, pages = _paged(name), max(-(-found // limit), 1)
    key = f"{name}-page-{paged.control}"
    if key not in st.session_state:  # a control goes with its page
        paged.start = min(paged.number, pages)

    def turn() -> None:
        paged.number = int(st.session_state[key])

    first = (paged.number - 1) * limit
    with st.container(horizontal=True, vertical_alignment="center"):
        if pages > 1:
            st.pagination(
                pages, default=paged.start, key=key, on_change=turn, max_visible_pages=7,
                width="content",
            )  # fmt: skip
        st.caption(
            f"{min(first + 1, found):,} to {min(first + limit, found):,} of {found:,} instances",
            width="content",
        )


def _paged(name: str) -> _Paged:
    return cast("_Paged", st.session_state.setdefault(_PAGED + name, _Paged()))
