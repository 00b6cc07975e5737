"""One instance over the versions, and a stream, through their specifications."""

import numpy as np
import polars as pl
import pytest

from chameleon.charts import (
    probability_frame,
    probability_line,
    probability_text,
    stream_frame,
    stream_line,
)
from chameleon.charts.theme import DARK, LIGHT

VERSIONS = pl.DataFrame(
    {
        "version": ["1.9", "1.10", "1.11"],
        "held": [False, True, True],
        "label": ["a", "a", None],
        "prediction": ["b", "a", None],
        "probability_of_label": [0.25, 0.75, None],
        "probability_of_prediction": [0.75, 0.75, None],
        "outcome": ["incorrect", "correct", "unknown"],
    }
)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("versions", [3, 200])
def test_every_layer_says_the_same_of_the_axes(known, versions):
    spec = probability_line(versions=versions, known=known, dark=False)
    assert "data" not in spec
    assert "datasets" not in spec
    layers = spec["layer"]
    assert len(layers) == 1 + known + (versions <= 30)
    for channel in ("x", "y"):
        assert len({repr(layer["encoding"][channel]["axis"]) for layer in layers}) == 1
    assert (layers[-1]["encoding"]["y"]["axis"] is None) is not known


def test_outcomes_are_told_by_shape_as_well_as_colour():
    for dark, colours in ((False, LIGHT), (True, DARK)):
        spec = probability_line(versions=3, known=True, dark=dark)
        points = spec["layer"][1]["encoding"]
        assert len(set(points["shape"]["scale"]["range"])) == 3
        assert points["color"]["scale"]["range"][:2] == [colours.correct, colours.incorrect]


def test_versions_stay_in_the_order_of_the_timeline_and_are_told_in_sentences():
    frame = probability_frame(VERSIONS)
    assert frame["version"].to_list() == ["1.9", "1.10", "1.11"]
    assert frame["place"].to_list() == [0, 1, 2]
    assert frame["y"].to_list() == [0.25, 0.75, 0.5]
    assert frame["sentence"].to_list() == [
        "1.9 says b (75.0%); label a (25.0%): incorrect; lacks the instance.",
        "1.10 says a (75.0%); label a (75.0%): correct.",
        "1.11 says nothing: unknown.",
    ]
    text = probability_text(frame)
    assert "1 correct, 1 incorrect, 1 unknown" in text
    assert "1 lack the instance" in text
    assert "stands in the middle" in text


def test_a_stream_keeps_its_order_and_leaves_gaps():
    frame = stream_frame(np.array([1.0, np.nan, np.inf, 4.0]), names=list("abcd"))
    assert frame["value"].to_list() == [1.0, None, None, 4.0]
    assert frame["sample"].to_list() == [0, 1, 2, 3]
    assert frame["name"].to_list() == list("abcd")
    assert stream_line(dark=True)["mark"]["type"] == "line"
