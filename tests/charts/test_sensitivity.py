"""Bars of changes and strips of outcomes: specifications, and frames that a reader can count."""

import polars as pl
import pytest

from chameleon.charts import (
    BarScale,
    outcome_strips,
    sensitivity_bars,
    sensitivity_frame,
    sensitivity_text,
    strip_frame,
    strip_text,
)
from chameleon.charts.sensitivity import STRIP_OUTCOMES
from tests.charts.specs import checked, encodings


def counts(changes, instances, everything=None):
    columns = {"changes": changes, "instances": instances}
    if everything is not None:
        columns["all_instances"] = everything
    return pl.DataFrame(columns, schema_overrides=dict.fromkeys(columns, pl.Int64))


def strips(**columns):
    given = {
        "instance": ["b", "b", "a", "a"],
        "place": [0, 0, 1, 1],
        "version": ["v2", "v10", "v2", "v10"],
        "outcome": ["correct", "incorrect", "unknown", "absent"],
        "in_train": [True, False, False, False],
        "prediction": ["cat", "dog", None, "cat"],
    }
    return pl.DataFrame(given | columns)


@pytest.mark.parametrize("scale", list(BarScale))
def test_the_bars_use_the_columns_of_their_frame(scale):
    frame, numbered = sensitivity_frame(counts([0], [1])), scale is BarScale.LINEAR
    spec = checked(sensitivity_bars, frame, scale=scale, numbered=numbered, pick=("changes",))
    assert bool(encodings(spec, "text")) is numbered


@pytest.mark.parametrize("versions", [0, 200])
def test_the_strips_use_the_columns_of_their_frame(versions):
    spec = checked(outcome_strips, strip_frame(strips()), versions=versions)
    color, shape = (encodings(spec, channel)[0]["scale"] for channel in ("color", "shape"))
    assert color["domain"] == shape["domain"] == list(STRIP_OUTCOMES)
    assert len(set(color["range"])) == 3
    assert len(set(shape["range"])) == 4  # each outcome is recognizable without its color
    assert spec["width"]["step"] * max(versions, 1) <= 640


def test_every_integer_up_to_the_largest_has_a_bar():
    frame = sensitivity_frame(counts([0, 4, 1, None], [10, 1, 3, 2]))
    assert frame["changes"].to_list() == [0, 1, 2, 3, 4, None]
    assert frame["instances"].to_list() == [10, 3, 0, 0, 1, 2]
    assert frame["written"].to_list() == ["10", "3", "", "", "1", "2"]
    assert frame["sentence"].to_list()[1:5] == [
        "3 instances changed once.", "", "", "1 instance changed 4 times."
    ]  # fmt: skip


@pytest.mark.parametrize("given", [counts([], []), counts([0, None], [0, 4])])
def test_without_changes_there_is_an_empty_first_bar(given):
    frame = sensitivity_frame(given)
    assert 1 in frame["changes"].to_list()
    assert frame.filter(pl.col("changes") > 0)["instances"].sum() == 0
    assert frame["top"].min() > 0


def test_the_outline_is_what_the_subset_would_have_if_it_changed_like_all():
    frame = sensitivity_frame(counts([0, 1, 2, None], [5, 1, 4, 1], [60, 30, 10, 9]))
    assert frame["expected"].to_list() == pytest.approx([6.0, 3.0, 1.0, None])
    counted = frame.filter(pl.col("changes").is_not_null())
    assert counted["expected"].sum() == pytest.approx(counted["instances"].sum())
    assert frame["sentence"][2] == "4 instances changed twice; 10 without filters."

    whole = sensitivity_frame(counts([0, 1, 2], [5, 1, 4], [5, 1, 4]))
    assert whole["expected"].null_count() == 3  # without filters there is no outline


def test_the_scale_holds_the_bars_and_the_outline():
    frame = sensitivity_frame(counts([0, 1, 2], [90, 8, 2], [0, 10, 90]))
    assert frame["top"][0] == max(frame.filter(pl.col("changes") > 0)["expected"].max(), 8)


def test_the_bars_in_words():
    assert sensitivity_text(sensitivity_frame(counts([0, 1, 2, None], [5, 1, 4, 1]))) == (
        "5 of 10 instances changed, most often twice (4), at most twice. "
        "1 instance with fewer than two known outcomes."
    )
    assert sensitivity_text(sensitivity_frame(counts([0], [5]))) == "None of 5 instances changed."
    assert "two known outcomes" in sensitivity_text(sensitivity_frame(counts([], [])))


def test_strips_keep_the_order_of_their_places_and_of_the_timeline():
    frame = strip_frame(strips(place=[1, 1, 0, 0]))
    assert frame["instance"].to_list() == ["a", "a", "b", "b"]
    assert frame["version"].to_list() == ["v2", "v10", "v2", "v10"]
    spec = outcome_strips(versions=2, dark=False)
    for channel in ("x", "y"):
        assert {e["sort"] for e in encodings(spec, channel)} == {None}  # as they come


def test_the_strips_in_words():
    frame = strip_frame(strips())
    assert frame["sentence"].to_list() == [
        "b in v2: correct, predicted cat; in train.", "b in v10: incorrect, predicted dog.",
        "a in v2: unknown.", "a in v10: absent.",
    ]  # fmt: skip
    assert frame["held"].to_list() == ["in train", "", "", ""]
    assert strip_text(frame) == (
        "2 instances under the models of 2 versions: 1 correct, 1 incorrect, 1 unknown, 1 absent; "
        "1 in train."
    )
    assert strip_text(frame.clear()) == "No instance changed."
