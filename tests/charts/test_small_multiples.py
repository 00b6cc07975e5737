"""One feature over all versions: specification, and rows of histograms that add up."""

import numpy as np
import polars as pl
import pytest

import chameleon
from chameleon import feature_over_versions
from chameleon.charts import SmallMultiples, row_frames, small_multiples
from chameleon.charts.histograms import A_ROW
from tests import tiny
from tests.charts.specs import fields, is_sound, pairwise
from tests.library import evaluated

OPTIONS = [
    SmallMultiples(shares=shares, dark=dark, outcomes=outcomes)
    for shares, dark, outcomes in pairwise(*[[False, True]] * 3)
]
COLOURS = ("red", "blue")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> chameleon.Evaluation:
    return evaluated(tiny.write_tiny(tmp_path_factory.mktemp("tiny") / "tiny"))


def drawn(evaluation, options, versions=("v1", "v2", "v10"), split="train"):
    histograms = feature_over_versions(evaluation, "colour", primary="v2", secondary="v1")
    words = [str(k) for k in range(histograms["bin"].n_unique())]
    return list(
        row_frames(
            histograms, options, split=split, versions=versions, primary="v2", secondary="v1",
            words=words, ends="blue … red",
        )
    )  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
def test_the_specification_uses_the_columns_of_its_frames(small, options):
    spec = small_multiples(options)
    assert is_sound(spec)
    (frame,) = drawn(small, options)
    assert fields(spec) <= set(frame.columns)
    halves = ["correct", "incorrect"] if options.outcomes else ["instances", ""]
    assert frame.filter(frame["part"].is_in(["above", "below"]))["words"].to_list() == halves


@pytest.mark.parametrize("options", OPTIONS)
def test_no_frame_holds_nan_or_leaves_its_place(small, options):
    (frame,) = drawn(small, options)
    for column in ("x", "x2", "y", "y2", "share"):
        values = frame[column].to_numpy()
        assert np.isfinite(values).all()
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


def test_shares_are_of_all_of_the_split(small):
    (frame,) = drawn(small, SmallMultiples(shares=True, dark=False, outcomes=True))
    bars = frame.filter(part="bar")
    shares = dict(bars.group_by("version").agg(pl.sum("share")).iter_rows())
    # one of the four train rows of v1 and of v10 has an unknown outcome
    assert shares == pytest.approx({"v1": 3 / 4, "v2": 1.0, "v10": 3 / 4})
    assert bars["y"].abs().to_list() == pytest.approx(bars["share"].to_list())


def test_the_largest_bar_fills_the_scale_of_its_version(small):
    (frame,) = drawn(small, SmallMultiples(shares=False, dark=False, outcomes=True))
    largest = frame.filter(part="bar").group_by("version").agg(pl.col("y").abs().max())
    assert set(largest["y"]) == {1.0}


def test_without_outcomes_the_unknown_stand_above(small):
    (frame,) = drawn(small, SmallMultiples(shares=False, dark=False, outcomes=False))
    bars = frame.filter(part="bar")
    assert set(bars["half"]) <= {"unknown"}
    assert bars["instances"].sum() == 2  # f in v1 and in v10


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (6, 1), (7, 2), (12, 2), (13, 3)])
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
    (frame,) = drawn(
        small, SmallMultiples(shares=True, dark=False, outcomes=True), split="validation"
    )
    assert not len(frame.filter(part="bar"))
    assert frame.filter(part="name")["words"].to_list() == ["v1", "v2", "v10"]
    assert set(frame.filter(part="total")["words"]) == {"0 instances"}
