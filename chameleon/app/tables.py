"""Tables with a download that no spreadsheet reads as formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import streamlit as st

from chameleon.storage import csv_text


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
