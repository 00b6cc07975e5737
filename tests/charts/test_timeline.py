"""Charts over versions: specifications, and frames that a reader can count."""

import numpy as np
import polars as pl
import pytest

from chameleon.analysis import timeline_changes, version_sizes
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
from tests import internals as chameleon
from tests.charts.specs import checked, encodings, fields

NAMES = ["v1", "v2", "v10"]


@pytest.fixture
def metrics(small) -> pl.DataFrame:
    return chameleon.version_metrics(small)


def test_the_metric_lines_use_the_columns_of_their_frame(metrics):
    frame = metric_frame(metrics, "accuracy", primary="v2", secondary="v1")
    spec = checked(metric_lines, frame, title="Accuracy", splits=SPLITS[:2])
    assert "Accuracy" in spec["description"]
    for channel in ("color", "shape"):
        domains = [one["scale"]["domain"] for one in encodings(spec, channel) if "scale" in one]
        assert domains
        assert all(domain == ["train", "test"] for domain in domains)
    dark = metric_lines(title="Accuracy", splits=SPLITS[:2], dark=True)
    assert dark != spec
    assert fields(dark) == fields(spec)


@pytest.mark.parametrize("by", ["split", "source"])
def test_the_size_bars_use_the_columns_of_their_frame(small, by):
    frame, groups = size_frame(version_sizes(small), by)
    (color,) = encodings(checked(size_bars, frame, by=by, domain=groups), "color")
    assert color["scale"]["domain"] == groups
    assert len(color["scale"]["range"]) == len(groups)


@pytest.mark.parametrize("versions", [24, 25])
def test_the_change_table_uses_the_columns_of_its_frame(small, versions):
    frame = change_frame(timeline_changes(small.dataset), NAMES)
    spec = checked(change_table, frame, versions=versions)
    # more versions leave no room for numbers; the tooltip and the table have them
    assert ("datum.written" in str(spec)) is (versions <= 24)


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


def test_the_metric_frame_has_a_line_a_split_that_has_the_metric(metrics):
    frame = metric_frame(metrics, "accuracy", primary="v2", secondary="v1")
    accuracy = {(r["version"], r["split"]): r["value"] for r in frame.iter_rows(named=True)}
    # v1 train: a correct, b correct, e wrong, f unknown; test: c wrong, d correct
    assert accuracy["v1", "train"] == pytest.approx(2 / 3)
    assert accuracy["v1", "test"] == pytest.approx(1 / 2)
    assert accuracy["v2", "test"] == 1.0  # g
    assert accuracy["v10", "train"] == pytest.approx(2 / 3)  # b, e of a, b, e
    assert {split for _, split in accuracy} == {"train", "test"}
    sides = dict(frame.select("version", "side").unique().iter_rows())
    assert sides == {"v1": "secondary", "v2": "primary", "v10": ""}
    assert frame["version"].unique(maintain_order=True).to_list() == NAMES


def test_one_version_on_both_sides_is_both(metrics):
    frame = metric_frame(metrics, "accuracy", primary="v10", secondary="v10")
    sides = dict(frame.select("version", "side").unique().iter_rows())
    assert sides == {"v1": "", "v2": "", "v10": "both"}


def test_a_metric_that_is_nowhere_defined_keeps_every_version_in_its_frame(metrics):
    undefined = metrics.with_columns(
        pl.lit(None, dtype=pl.Float64).alias(f"{split}_accuracy") for split in SPLITS
    )
    frame = metric_frame(undefined, "accuracy", primary="v2", secondary="v1")
    assert frame["version"].to_list() == NAMES
    assert frame["value"].null_count() == 3


def test_the_size_frame_counts_instances_by_split(small):
    frame, groups = size_frame(version_sizes(small), "split")
    assert groups == ["train", "test"]
    counts = {(version, group): n for version, group, n, _ in frame.iter_rows()}
    assert counts == {
        ("v1", "train"): 4, ("v1", "test"): 2,
        ("v2", "train"): 5, ("v2", "test"): 1,
        ("v10", "train"): 4, ("v10", "test"): 3,
    }  # fmt: skip
    assert dict(frame.select("group", "place").unique().iter_rows()) == {"train": 0, "test": 1}
    of_source, groups = size_frame(version_sizes(small), "source")
    assert groups == ["no source"]
    assert of_source["instances"].to_list() == [6, 6, 7]


def test_the_change_frame_counts_every_step(small):
    frame = change_frame(timeline_changes(small.dataset), NAMES)
    counted = {
        (r["before"], r["version"], r["kind"]): r["instances"]
        for r in frame.iter_rows(named=True)
        if r["instances"]
    }
    assert counted == {
        ("v1", "v2", "added"): 1, ("v1", "v2", "removed"): 1,  # g; c
        ("v1", "v2", "relabeled"): 1, ("v1", "v2", "newly labeled"): 1,  # b; f
        ("v1", "v2", "edited"): 1, ("v1", "v2", "changed split"): 1,  # e; d
        ("v2", "v10", "added"): 1, ("v2", "v10", "relabeled"): 1,  # c; g
        ("v2", "v10", "edited"): 2, ("v2", "v10", "changed split"): 1,  # e, g; d
    }  # fmt: skip
    assert frame["version"].unique(maintain_order=True)[0] == "v1"  # empty, but there
    assert set(frame["kind"]) == set(CHANGES.values())
    for written, instances in frame.select("written", "instances").iter_rows():
        assert written == (str(instances) if instances else "")


def test_large_counts_are_written_in_groups():
    changes = pl.DataFrame({"before": ["a"], "after": ["b"]} | {key: [12345] for key in CHANGES})
    assert set(change_frame(changes, ["a", "b"])["written"]) == {"", "12,345"}


# ---------------------------------------------------------------- one instance


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


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("versions", [3, 200])
def test_all_layers_have_the_same_axes(known, versions):
    spec = probability_line(versions=versions, known=known, dark=False)
    assert "data" not in spec
    assert "datasets" not in spec
    layers = spec["layer"]
    assert len(layers) == 1 + known + (versions <= 30)
    for channel in ("x", "y"):
        assert len({repr(layer["encoding"][channel]["axis"]) for layer in layers}) == 1
    assert (layers[-1]["encoding"]["y"]["axis"] is None) is not known


def test_outcomes_differ_by_shape_as_well_as_color():
    for dark in (False, True):
        colors = palette(dark=dark)
        spec = probability_line(versions=3, known=True, dark=dark)
        points = spec["layer"][1]["encoding"]
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
    assert "1 correct, 1 incorrect, 1 unknown" in text
    assert "1 don't contain the instance" in text
    assert "in the middle" in text


def test_a_stream_keeps_its_order_and_leaves_gaps():
    frame = stream_frame(np.array([1.0, np.nan, np.inf, 4.0]), names=list("abcd"))
    assert frame["value"].to_list() == [1.0, None, None, 4.0]
    assert frame["sample"].to_list() == [0, 1, 2, 3]
    assert frame["name"].to_list() == list("abcd")
    assert stream_line(dark=True)["mark"]["type"] == "line"
