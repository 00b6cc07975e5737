"""CSV that no spreadsheet reads as formulas."""

import csv
import io
import sys
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chameleon.storage import csv_text

SIGNS = "=+-@\ufe66\ufe62\ufe63\ufe6b\uff1d\uff0b\uff0d\uff20"
# Letters and marks that Unicode lets readers ignore.
INVISIBLE = "\u034f\u115f\u1160\u17b4\u3164\ufe0f\uffa0\U000e0100"
IGNORED = INVISIBLE + "".join(
    sign
    for sign in map(chr, range(sys.maxunicode + 1))
    if unicodedata.category(sign) in {"Cc", "Cf", "Zs", "Zl", "Zp"} or not sign.strip()
)
DANGEROUS = ("=1+1", "-1", "@SUM(A1)", "\ttext", "\rtext", "\ntext", "\x1f=1", "\ufeff \u200b+1")


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


def test_every_sign_after_every_ignored_character_gets_an_apostrophe():
    texts = [*SIGNS, *(f"{ignored}{sign}1" for ignored in IGNORED for sign in SIGNS)]
    written = [cell for (cell,) in cells(pl.DataFrame({"t": texts}))[1:]]
    assert written == [f"'{text}" for text in texts]


@given(st.text(st.sampled_from(IGNORED)), st.sampled_from(SIGNS), st.text())
def test_a_sign_after_any_ignored_characters_gets_an_apostrophe(ignored, sign, rest):
    text = f"{ignored}{sign}{rest}"
    assert cells(pl.DataFrame({text: [text]})) == [[f"'{text}"], [f"'{text}"]]


@given(st.lists(st.text() | st.text(st.sampled_from(IGNORED + SIGNS + "'a,;\"")), min_size=1))
def test_no_cell_begins_like_a_formula_and_nothing_else_changes(texts):
    read = cells(pl.DataFrame({"other": 1, "t": texts}, schema={"other": pl.Int64, "t": pl.String}))
    for text, (_, cell) in zip(texts, read[1:], strict=True):
        assert cell.removeprefix("'") == text.removeprefix("'")
        assert not cell.strip(IGNORED).startswith(tuple(SIGNS))
        seems_a_formula = text.strip(IGNORED).startswith(tuple(SIGNS))
        assert cell == text or seems_a_formula or set(text) & set("\t\r\n")
