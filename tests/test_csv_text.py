"""CSV that no spreadsheet reads as formulas."""

import csv
import io

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chameleon.csv_text import csv_text

DANGEROUS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
)


def cells(frame) -> list[list[str]]:
    return list(csv.reader(io.StringIO(csv_text(frame), newline="")))


@pytest.mark.parametrize("text", DANGEROUS)
def test_texts_and_names_like_formulas_get_an_apostrophe(text):
    frame = pl.DataFrame(
        {text: [text, "plain"], "cat": pl.Series([text, "b"], dtype=pl.Categorical)}
    )
    assert cells(frame) == [[f"'{text}", "cat"], [f"'{text}", f"'{text}"], ["plain", "b"]]


def test_numbers_dates_and_booleans_stay_as_they_are():
    frame = pl.DataFrame({"a": [-1, None], "b": [-0.5, 2.0], "c": [True, False]})
    assert cells(frame) == [["a", "b", "c"], ["-1", "-0.5", "true"], ["", "2.0", "false"]]


def test_nested_values_are_written_as_text():
    frame = pl.DataFrame({"a": [["=1"], None], "b": 1})
    assert cells(frame) == [["a", "b"], ["['=1']", "1"], ["", "1"]]


def test_frames_without_rows_or_columns_are_written():
    assert csv_text(pl.DataFrame()) == ""
    assert cells(pl.DataFrame({"a": pl.Series([], dtype=pl.String)})) == [["a"]]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1))
def test_no_cell_begins_like_a_formula_and_nothing_else_changes(texts):
    read = cells(pl.DataFrame({"other": 1, "t": texts}, schema={"other": pl.Int64, "t": pl.String}))
    for text, (_, cell) in zip(texts, read[1:], strict=True):
        assert cell.removeprefix("'") == text.removeprefix("'")
        assert not cell.lstrip().startswith(
            ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
        )
