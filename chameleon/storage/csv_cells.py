"""Tables as CSV that no spreadsheet reads as formulas."""

from __future__ import annotations

import polars as pl

_IGNORED = r"[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]*"
_SIGNS = r"=+\-@\x{fe66}\x{fe62}\x{fe63}\x{fe6b}\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}"
FORMULA = rf"^{_IGNORED}[{_SIGNS}\t\r\n]"
"""Matches texts that a spreadsheet may read as a formula.

- A formula begins with =, +, -, or @ (Excel, LibreOffice, Google Sheets). East Asian versions also
  accept the full-width forms, and conversion to a code page turns the small forms into ASCII.
- Readers trim or ignore characters before the sign: white space, control characters (Python's
  `str.strip` also trims U+001C to U+001F), and invisible ones such as the byte-order mark, the
  zero-width space, and the soft hyphen.
- A tab or line break at the start can move the rest into another cell, so that one sign is enough.

Inside a text a sign is harmless to a reader that separates cells by commas: cells with a comma,
quote, or line break are quoted.
"""


def csv_text(frame: pl.DataFrame) -> str:
    """The frame as CSV; texts and column names that `FORMULA` matches get an apostrophe.

    Numbers, dates, and booleans are unchanged: the number -5 isn't a formula.
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
