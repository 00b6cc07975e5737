"""Charts over versions: specifications, and frames that a reader can count."""

import numpy as np
import polars as pl
import pytest

from chameleon.analysis import timeline_changes, version_metrics, version_sizes
from chameleon.charts import (
    SPLITS,
    change_frame,
    change_table,
    metric_frame,
    metric_lines,
    palette,
    probability_frame,
    probability_line,
    probability_text,
    size_bars,
    size_frame,
    stream_frame,
    stream_line,
)
from chameleon.charts.timeline import CHANGES
from tests.charts.specs import checked, encodings

NAMES = ["v1", "v2", "v10"]


def domains(spec, channel):
    return [one["scale"]["domain"] for one in encodings(spec, channel) if "scale" in one]


def test_the_metric_frame_has_a_line_a_split_that_has_the_metric(small):
    metrics = version_metrics(small)
    frame = metric_frame(metrics, "accuracy", primary="v2", secondary="v1")
    spec = checked(metric_lines, frame, title="Accuracy", splits=SPLITS[:2])
    assert "Accuracy" in spec["description"]
    for channel in ("color", "shape"):
        assert {*map(tuple, domains(spec, channel))} == {("train", "test")}
    accuracy = {(r["version"], r["split"]): r["value"] for r in frame.iter_rows(named=True)}
    assert accuracy["v1", "train"] == pytest.approx(2 / 3)  # a and b correct, e not, f unknown
    assert {split for _, split in accuracy} == {"train", "test"}
    sides = dict(frame.select("version", "side").unique(maintain_order=True).iter_rows())
    assert list(sides.items()) == [("v1", "secondary"), ("v2", "primary"), ("v10", "")]
    same = metric_frame(metrics, "accuracy", primary="v10", secondary="v10")
    assert set(same.filter(version="v10")["side"]) == {"both"}
    nowhere = metric_frame(metrics, "roc_auc", primary="v2", secondary="v1")
    assert nowhere["version"].to_list() == NAMES  # all of them stay on the axis
    assert nowhere["value"].null_count() == 3


def test_versions_have_their_order_on_the_same_axis_everywhere():
    specs = [
        metric_lines(title="Log loss", splits=SPLITS, dark=False),
        size_bars(by="split", domain=["train"], dark=False),
        change_table(versions=3, dark=False),
    ]
    axes = [axis for spec in specs for axis in encodings(spec, "x")]
    assert len({str(axis) for axis in axes}) == 1
    assert axes[0]["field"] == "version"
    assert axes[0]["sort"] is None  # as they come, never by name


def test_a_split_looks_alike_whatever_other_splits_there_are():
    def hue(splits):
        color = encodings(metric_lines(title="Accuracy", splits=splits, dark=False), "color")[0]
        return dict(zip(color["scale"]["domain"], color["scale"]["range"], strict=True))

    assert hue(["test"])["test"] == hue(SPLITS)["test"]


@pytest.mark.parametrize(
    ("by", "expected", "counts"),
    [
        ("split", ["train", "test"], [4, 2, 5, 1, 4, 3]),
        ("source", ["no source"], [6, 6, 7]),
    ],
)
def test_the_size_frame_counts_the_instances_of_each_group(small, by, expected, counts):
    frame, groups = size_frame(version_sizes(small), by)
    assert groups == expected
    assert frame.sort("place")["place"].unique().to_list() == list(range(len(groups)))
    order = frame.with_columns(
        pl.col("version").replace_strict({n: k for k, n in enumerate(NAMES)})
    )
    assert order.sort("version", "place")["instances"].to_list() == counts
    (color,) = encodings(checked(size_bars, frame, by=by, domain=groups), "color")
    assert color["scale"]["domain"] == groups
    assert len(color["scale"]["range"]) == len(groups)


def test_the_change_frame_counts_every_step(small):
    frame = change_frame(timeline_changes(small.dataset), NAMES)
    for versions, numbered in ((24, True), (25, False)):
        # more versions leave no room for numbers; the tooltip and the table have them
        spec = checked(change_table, frame, versions=versions)
        assert ("datum.written" in str(spec)) is numbered
    last = frame.filter(pl.col("version") == "v10", pl.col("instances") > 0)
    assert last.select("before", "kind", "written").rows() == [
        ("v2", "added", "1"), ("v2", "relabeled", "1"), ("v2", "edited", "2"),
        ("v2", "changed split", "1"),
    ]  # fmt: skip
    assert frame["version"].unique(maintain_order=True)[0] == "v1"  # empty, but there
    assert set(frame["kind"]) == set(CHANGES.values())
    changes = pl.DataFrame({"before": ["a"], "after": ["b"]} | {key: [12345] for key in CHANGES})
    assert set(change_frame(changes, ["a", "b"])["written"]) == {"", "12,345"}


VERSIONS = pl.DataFrame(
    {
        "version": ["1.9", "1.10", "1.11"],
        "present": [False, True, True],
        "label": ["a", "a", None],
        "prediction": ["b", "a", None],
        "probability_of_label": [0.25, 0.75, None],
        "probability_of_prediction": [0.75, 0.75, None],
        "outcome": ["incorrect", "correct", "unknown"],
    }
)


@pytest.mark.parametrize(("known", "versions"), [(True, 3), (False, 200)])
def test_all_layers_have_the_same_axes_and_outcomes_their_shapes(known, versions):
    spec = checked(probability_line, probability_frame(VERSIONS), versions=versions, known=known)
    layers = spec["layer"]
    assert len(layers) == 1 + known + (versions <= 30)
    for channel in ("x", "y"):
        assert len({repr(layer["encoding"][channel]["axis"]) for layer in layers}) == 1
    assert (layers[-1]["encoding"]["y"]["axis"] is None) is not known
    points, colors = layers[int(known)]["encoding"], palette(dark=False)
    assert len(set(points["shape"]["scale"]["range"])) == 3
    assert points["color"]["scale"]["range"][:2] == [colors.correct, colors.incorrect]


def test_versions_in_the_order_of_the_timeline_and_in_words():
    frame = probability_frame(VERSIONS)
    assert frame["version"].to_list() == ["1.9", "1.10", "1.11"]
    assert frame["place"].to_list() == [0, 1, 2]
    assert frame["y"].to_list() == [0.25, 0.75, 0.5]
    assert frame["sentence"].to_list() == [
        "1.9: predicted b (75.0%); label a (25.0%); incorrect; instance not in this version.",
        "1.10: predicted a (75.0%); label a (75.0%); correct.",
        "1.11: no prediction; unknown.",
    ]
    text = probability_text(frame)
    for fact in ("1 correct, 1 incorrect, 1 unknown", "1 don't contain the instance", "in the mid"):
        assert fact in text


def test_a_stream_keeps_its_order_and_leaves_gaps():
    frame = stream_frame(np.array([1.0, np.nan, np.inf, 4.0]), names=list("abcd"))
    assert frame["value"].to_list() == [1.0, None, None, 4.0]
    assert frame["sample"].to_list() == [0, 1, 2, 3]
    assert frame["name"].to_list() == list("abcd")
    assert checked(stream_line, frame)["mark"]["type"] == "line"
