"""Tables as CSV that no spreadsheet reads as formulas."""

from __future__ import annotations

import polars as pl

FORMULA = r"^\s*[=+\-@\t\r\n\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]"
"""What spreadsheets may take for a formula: also after blanks, and in full-width letters."""


def csv_text(frame: pl.DataFrame) -> str:
    """The frame as CSV; texts and column names that begin like a formula get an apostrophe.

    Numbers, dates and booleans stay as they are: -5 is a number and no formula.
    """
    names = pl.Series(frame.columns, dtype=pl.String)
    safe_names = _neutral(names) if len(names) else names
    texts = [_neutral(column) for column in frame]
    renamed = [text.alias(f"c{number}") for number, text in enumerate(texts)]
    body = pl.DataFrame(renamed).write_csv(include_header=False)
    head = pl.DataFrame([[name] for name in safe_names]).write_csv(include_header=False)
    return head + body if renamed else ""


def _neutral(column: pl.Series) -> pl.Series:
    if column.dtype.is_numeric() or column.dtype.is_temporal() or column.dtype == pl.Boolean:
        return column
    if column.dtype.is_nested() or column.dtype == pl.Binary or column.dtype == pl.Object:
        texts = [None if value is None else str(value) for value in column.to_list()]
        column = pl.Series(column.name, texts, dtype=pl.String)
    text = column.cast(pl.String)
    return text.to_frame("text").select(
        pl.when(pl.col("text").str.contains(FORMULA))
        .then(pl.lit("'") + pl.col("text"))
        .otherwise("text")
        .alias(column.name)
    )[column.name]
