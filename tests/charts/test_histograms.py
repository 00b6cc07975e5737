"""Histograms of every version, and of label probabilities: sums and words a reader can check."""

import polars as pl
import pytest

from chameleon.charts import (
    SmallMultiples,
    panel_rows,
    probability_histogram_frame,
    probability_histogram_text,
    probability_histograms,
    row_frames,
    small_multiples,
)
from chameleon.charts.histograms import A_ROW, CLASSES_A_ROW, MOST_WEAK_CLASSES
from tests.charts.specs import checked, fields, is_sound, pairwise
from tests.internals import feature_over_versions

OPTIONS = [
    SmallMultiples(shares=shares, dark=dark, outcomes=outcomes)
    for shares, dark, outcomes in pairwise(*[[False, True]] * 3)
]


def drawn(evaluation, options, versions=("v1", "v2", "v10"), split="train"):
    histograms = feature_over_versions(evaluation, "colour", primary="v2", secondary="v1")
    words = [str(k) for k in range(histograms["bin"].n_unique())]
    sides = {"primary": "v2", "secondary": "v1"}
    return list(row_frames(histograms, options, split=split, versions=versions, words=words,
                           ends="blue … red", **sides))  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
def test_the_specification_uses_the_columns_of_its_frames(small, options):
    spec = small_multiples(options)
    assert is_sound(spec)
    (frame,) = drawn(small, options)
    assert fields(spec) <= set(frame.columns)
    halves = ["correct", "incorrect"] if options.outcomes else ["instances", ""]
    assert frame.filter(frame["part"].is_in(["above", "below"]))["words"].to_list() == halves
    for column in ("x", "x2", "y", "y2", "share"):
        assert frame[column].is_finite().all()
    assert frame.filter(part="bar")["x"].min() >= 0
    assert frame["x2"].max() <= A_ROW
    assert frame["y"].abs().max() <= 1


def test_bars_are_what_a_reader_counts(small):
    (frame,) = drawn(small, SmallMultiples(shares=False, dark=False, outcomes=True))
    bars = frame.filter(part="bar")
    by_half = bars.group_by("version", "half").agg(pl.sum("instances"))
    counted = {(version, half): n for version, half, n in by_half.iter_rows()}
    assert counted == {
        ("v1", "correct"): 2, ("v1", "incorrect"): 1,  # a, b; e (f is unknown)
        ("v2", "correct"): 5,
        ("v10", "correct"): 2, ("v10", "incorrect"): 1,  # b, e; a
    }  # fmt: skip
    assert (bars.filter(half="correct")["y"] > 0).all()
    assert (bars.filter(half="incorrect")["y"] < 0).all()
    sides = dict(bars.select("version", "side").unique().iter_rows())
    assert sides == {"v1": "secondary", "v2": "primary", "v10": ""}
    assert frame.filter(part="name")["words"].to_list() == ["v1", "v2", "v10"]
    totals = frame.filter(part="total")["words"].to_list()
    assert totals == ["4 instances", "5 instances", "4 instances"]
    assert set(frame.filter(part="ends")["words"]) == {"blue … red"}
    largest = bars.group_by("version").agg(pl.col("y").abs().max())
    assert set(largest["y"]) == {1.0}  # fills the scale of its version


def test_shares_are_of_all_of_the_split(small):
    (frame,) = drawn(small, SmallMultiples(shares=True, dark=False, outcomes=True))
    bars = frame.filter(part="bar")
    shares = dict(bars.group_by("version").agg(pl.sum("share")).iter_rows())
    # one of the four train rows of v1 and of v10 has an unknown outcome
    assert shares == pytest.approx({"v1": 3 / 4, "v2": 1.0, "v10": 3 / 4})
    assert bars["y"].abs().to_list() == pytest.approx(bars["share"].to_list())


def test_without_outcomes_the_unknown_stand_above(small):
    (frame,) = drawn(small, SmallMultiples(shares=False, dark=False, outcomes=False))
    bars = frame.filter(part="bar")
    assert set(bars["half"]) <= {"unknown"}
    assert bars["instances"].sum() == 2  # f in v1 and in v10


@pytest.mark.parametrize(("count", "rows"), [(6, 1), (13, 3)])
def test_versions_fill_rows_of_six(count, rows):
    names = [f"1.{k}" for k in range(count)]
    histograms = pl.DataFrame(
        {
            "version": names, "split": ["train"] * count, "bin": [0] * count,
            "correct": [3] * count, "incorrect": [1] * count, "unknown": [0] * count,
        }
    )  # fmt: skip
    frames = list(
        row_frames(
            histograms, SmallMultiples(shares=False, dark=False, outcomes=True), split="train",
            versions=names, primary=names[-1], secondary=names[0], words=["all"], ends="",
        )
    )  # fmt: skip
    assert len(frames) == rows
    found = [v for frame in frames for v in frame.filter(part="name")["version"].to_list()]
    assert found == names
    assert all(frame["version"].n_unique() <= A_ROW for frame in frames)


def test_a_version_without_rows_of_the_split_has_a_name_and_an_axis(small):
    (frame,) = drawn(small, OPTIONS[0], split="validation")
    assert not len(frame.filter(part="bar"))
    assert frame.filter(part="name")["words"].to_list() == ["v1", "v2", "v10"]
    assert set(frame.filter(part="total")["words"]) == {"0 instances"}


# ---------------------------------------------------------------- label probabilities


HOSTILE = "a \"b\" 'c' <b>d</b> \\ {x}.[0]"
SIDES = {"primary": "2", "secondary": "1"}


def probabilities(**counts):
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


TWO = probabilities(a=((3, 1), (1, 3)), b=((1, 3), (3, 1)))


def test_bars_are_within_their_range_and_as_high_as_their_share():
    frame = probability_histogram_frame(TWO, **SIDES)
    checked(probability_histograms, frame, rows=3, pick=("class", "low", "high"))
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
    many = probabilities(**{f"c{k}": ((1, 1), (0, 0)) for k in range(40)})
    frame = probability_histogram_frame(many, **SIDES)
    assert frame["class"].n_unique() == MOST_WEAK_CLASSES
    assert panel_rows(many) == MOST_WEAK_CLASSES // CLASSES_A_ROW
    assert panel_rows(TWO) == 1


def test_words_tell_both_versions_and_hostile_names_are_text():
    assert probability_histogram_text(TWO).endswith("a 25.0% before, 75.0% after; "
                                                    "b 75.0% before, 25.0% after.")  # fmt: skip
    nothing = probabilities(a=((0, 0), (0, 0)))
    assert "No instance" in probability_histogram_text(nothing)
    assert probability_histogram_frame(nothing, **SIDES)["y2"].is_finite().all()
    hostile = probabilities(**{HOSTILE: ((1, 1), (0, 0))})
    assert HOSTILE in probability_histogram_frame(hostile, **SIDES)["words"].to_list()
