"""The charts of the Attribution page: specifications, and figures a reader can check."""

import polars as pl
import pytest

from chameleon.charts import (
    crossed_tests,
    crossed_tests_frame,
    frozen_lines,
    waterfall,
    waterfall_frame,
    waterfall_text,
)
from chameleon.charts.attribution import NUMBERED
from tests.charts.specs import checked, fields

WORDS = {"leakage": "leaked", "model": "the model", "added": "rows added"}


def steps(better=1):
    parts = pl.DataFrame(
        [
            ("leakage", -0.01, None, None, 3),
            ("model", 0.05, 0.03, 0.07, None),
            ("added", -0.02, -0.05, 0.01, 652),
        ],
        schema=["part", "value", "low", "high", "instances"],
        orient="row",
    )
    return waterfall_frame(
        parts, WORDS, start=0.8, end=0.82, before="1.0", after="1.0", better=better
    )


def cells():
    return crossed_tests_frame(
        pl.DataFrame(
            [("1", "1", 0.5, 10, 0, 0), ("1", "2", None, 0, 4, 1)],
            schema={
                "model": pl.String, "test": pl.String, "value": pl.Float64,
                "instances": pl.Int64, "leaked": pl.Int64, "unknown": pl.Int64,
            },
            orient="row",
        )
    )  # fmt: skip


def test_the_charts_use_the_columns_of_their_frames():
    checked(waterfall, steps(), rows=5, title="Accuracy")
    for versions in (2, NUMBERED, NUMBERED + 1, 200):
        checked(crossed_tests, cells(), versions=versions, title="Accuracy", reverse=False)
    columns = ("version", "series", "value", "low", "high", "instances")
    lines = pl.DataFrame(schema=columns)
    assert fields(checked(frozen_lines, lines, title="Accuracy", series=("own", "fixed"))) == {
        *columns
    }


def test_every_bar_begins_where_the_one_before_ends():
    frame = steps()
    assert frame["start"][1:4].to_list() == pytest.approx([0.8, 0.79, 0.84])
    assert frame["end"].to_list() == pytest.approx([0.8, 0.79, 0.84, 0.82, 0.82])
    assert frame["words"].n_unique() == 5  # both versions are called the same
    assert frame.row(2, named=True)["low"] == pytest.approx(0.79 + 0.03)
    assert frame["reach"].to_list() == pytest.approx([0.8, 0.8, 0.86, 0.85, 0.82])
    # where less is better the colors change sides
    assert frame["kind"].to_list()[1:4] == ["worse", "better", "worse"]
    assert steps(better=-1)["kind"].to_list()[1:4] == ["better", "worse", "better"]


def test_the_waterfall_in_words():
    frame = steps()
    assert frame["pale"].to_list() == [False, False, False, True, False]
    assert frame["sentence"][3] == (
        "rows added, 652 instances: -0.0200 (95% CI -0.0500 to +0.0100), consistent with chance"
    )
    assert waterfall_text(frame) == (
        "From 0.8000 (1.0) to 0.8200 (1.0): leaked -0.0100; the model +0.0500; "
        "rows added -0.0200. A pale bar is consistent with chance."
    )


def test_a_cell_names_its_value_and_the_excluded_instances():
    frame = cells()
    assert frame["written"].to_list() == ["0.500", "-"]
    assert frame["own"].to_list() == [True, False]
    assert frame["sentence"].to_list() == [
        "The model of 1 on the test set of 1: 0.5000 on 10 instances",
        "The model of 1 on the test set of 2: no rows remain to be scored; 4 excluded because the "
        "model was trained on them; 1 without label or prediction",
    ]
