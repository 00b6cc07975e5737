"""Tables with a download that no spreadsheet reads as formulas."""

from __future__ import annotations

import polars as pl
import streamlit as st

from chameleon.csv_text import csv_text


def draw_table(frame: pl.DataFrame, *, key: str, height: int | None = None) -> None:
    """Draw a table and offer it as CSV.

    Streamlit's own download is switched off (`client.disableDataExport`): it writes cells as they
    are, and a cell that begins with "=" is a formula to a spreadsheet.
    """
    st.dataframe(frame, hide_index=True, key=key, height="auto" if height is None else height)
    st.download_button(
        "Download as CSV",
        lambda: csv_text(frame).encode(),
        file_name=f"{key}.csv",
        mime="text/csv",
        key=f"{key}-csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        help="Texts that a spreadsheet would take for a formula begin with an apostrophe.",
    )
