"""The histograms of label probabilities: a sound specification, and words a reader can check."""

import polars as pl
import pytest

from chameleon.charts import (
    panel_rows,
    probability_histogram_frame,
    probability_histogram_text,
    probability_histograms,
)
from chameleon.charts.histograms import CLASSES_A_ROW, MOST_WEAK_CLASSES
from tests.charts.specs import fields, is_sound

HOSTILE = "a \"b\" 'c' <b>d</b> \\ {x}.[0]"
SIDES = {"primary": "2", "secondary": "1"}


def histograms(**counts):
    """Ten bins a class, the counts of both versions in the first and the last."""
    lines = [
        (name, k / 10, (k + 1) / 10, *({0: first, 9: last}.get(k, (0, 0))))
        for name, (first, last) in counts.items()
        for k in range(10)
    ]
    schema = {"class": pl.String, "low": pl.Float64, "high": pl.Float64}
    return pl.DataFrame(
        lines, schema=schema | {"secondary": pl.Int64, "primary": pl.Int64}, orient="row"
    )


TWO = histograms(a=((3, 1), (1, 3)), b=((1, 3), (3, 1)))


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("rows", [1, 3])
def test_the_specification_is_sound_and_asks_for_what_the_frame_has(rows, dark):
    spec = probability_histograms(rows=rows, dark=dark)
    assert is_sound(spec)
    assert fields(spec) <= set(probability_histogram_frame(TWO, **SIDES).columns)


def test_bars_stand_within_their_range_and_are_as_high_as_their_share():
    frame = probability_histogram_frame(TWO, **SIDES)
    bars = frame.filter(pl.col("part") == "bar").to_dicts()
    assert len(bars) == 2 * 10 * 2
    for bar in bars:
        left = 0 if bar["class"] == "a" else 1.12
        assert left + bar["low"] <= bar["x"] < bar["x2"] <= left + bar["high"]
    first = {(b["class"], b["side"]): b for b in bars if b["low"] == 0}
    heights = {key: b["y2"] - b["y"] for key, b in first.items()}
    assert heights[("a", "secondary")] == 1  # 3 of 4 is the largest share
    assert heights[("a", "primary")] == pytest.approx(1 / 3)
    assert first[("a", "secondary")]["words"] == "3 of 4 (75.0%) in 1: a from 0 to 0.1"


def test_a_chosen_bar_dims_the_others():
    frame = probability_histogram_frame(TWO, **SIDES, chosen=[("b", 0.0, 0.1)])
    bars = frame.filter(pl.col("part") == "bar")
    assert bars.filter("chosen").select("class", "low").unique().rows() == [("b", 0.0)]
    assert probability_histogram_frame(TWO, **SIDES)["chosen"].all()


def test_no_more_classes_than_there_is_room_for_are_drawn():
    many = histograms(**{f"c{k}": ((1, 1), (0, 0)) for k in range(40)})
    frame = probability_histogram_frame(many, **SIDES)
    assert frame["class"].n_unique() == MOST_WEAK_CLASSES
    assert panel_rows(many) == MOST_WEAK_CLASSES // CLASSES_A_ROW
    assert panel_rows(TWO) == 1


def test_words_tell_both_versions_and_hostile_names_are_text():
    assert probability_histogram_text(TWO).endswith("a 25.0% before, 75.0% after; "
                                                    "b 75.0% before, 25.0% after.")  # fmt: skip
    nothing = histograms(a=((0, 0), (0, 0)))
    assert "No instance" in probability_histogram_text(nothing)
    assert probability_histogram_frame(nothing, **SIDES)["y2"].is_finite().all()
    hostile = histograms(**{HOSTILE: ((1, 1), (0, 0))})
    assert HOSTILE in probability_histogram_frame(hostile, **SIDES)["words"].to_list()
