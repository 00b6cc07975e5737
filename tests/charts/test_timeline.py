"""The charts of the whole timeline: specifications, and frames that a reader can count."""

import math

import polars as pl
import pytest

import chameleon
from chameleon.analysis import timeline_changes, version_sizes
from chameleon.charts import (
    SPLITS,
    change_frame,
    change_table,
    metric_frame,
    metric_lines,
    size_bars,
    size_frame,
)
from chameleon.charts.timeline import CHANGES
from tests import tiny
from tests.charts.specs import encodings, fields, is_sound
from tests.library import evaluated

NAMES = ["v1", "v2", "v10"]
themes = pytest.mark.parametrize("dark", [False, True])


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> chameleon.Evaluation:
    return evaluated(tiny.write_tiny(tmp_path_factory.mktemp("tiny") / "tiny"))


@pytest.fixture
def metrics(small) -> pl.DataFrame:
    return chameleon.version_metrics(small)


@themes
def test_the_metric_lines_use_the_columns_of_their_frame(metrics, dark):
    spec = metric_lines(title="Accuracy", splits=SPLITS[:2], dark=dark)
    assert is_sound(spec)
    frame = metric_frame(metrics, "accuracy", primary="v2", secondary="v1")
    assert fields(spec) <= set(frame.columns)
    assert "Accuracy" in spec["description"]
    for channel in ("color", "shape"):
        domains = [one["scale"]["domain"] for one in encodings(spec, channel) if "scale" in one]
        assert domains
        assert all(domain == ["train", "test"] for domain in domains)


@themes
@pytest.mark.parametrize("by", ["split", "source"])
def test_the_size_bars_use_the_columns_of_their_frame(small, by, dark):
    frame, groups = size_frame(version_sizes(small), by)
    spec = size_bars(by=by, domain=groups, dark=dark)
    assert is_sound(spec)
    assert fields(spec) <= set(frame.columns)
    (colour,) = encodings(spec, "color")
    assert colour["scale"]["domain"] == groups
    assert len(colour["scale"]["range"]) == len(groups)


@themes
@pytest.mark.parametrize("versions", [3, 24, 25, 200])
def test_the_change_table_uses_the_columns_of_its_frame(small, versions, dark):
    spec = change_table(versions=versions, dark=dark)
    assert is_sound(spec)
    frame = change_frame(timeline_changes(small.dataset), NAMES)
    assert fields(spec) <= set(frame.columns)
    # more versions leave no room for numbers; the tooltip and the table have them
    assert ("datum.written" in str(spec)) is (versions <= 24)


@themes
def test_versions_stand_in_their_order_on_the_same_axis_everywhere(dark):
    specs = [
        metric_lines(title="Log loss", splits=SPLITS, dark=dark),
        size_bars(by="split", domain=["train"], dark=dark),
        change_table(versions=3, dark=dark),
    ]
    axes = [axis for spec in specs for axis in encodings(spec, "x")]
    assert len({str(axis) for axis in axes}) == 1
    assert axes[0]["field"] == "version"
    assert axes[0]["sort"] is None  # as they come, never by name


def test_the_themes_differ_in_colours_only():
    light, dark = (
        metric_lines(title="ROC AUC", splits=["train"], dark=dark) for dark in (False, True)
    )
    assert light != dark
    assert fields(light) == fields(dark)


@themes
def test_a_split_looks_alike_whatever_other_splits_there_are(dark):
    def hue(splits):
        colour = encodings(metric_lines(title="Accuracy", splits=splits, dark=dark), "color")[0]
        return dict(zip(colour["scale"]["domain"], colour["scale"]["range"], strict=True))

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


def test_no_frame_holds_nan(small, metrics):
    for metric in ("accuracy", "macro_f1", "log_loss", "roc_auc"):
        frame = metric_frame(metrics, metric, primary="v2", secondary="v1")
        assert not any(value is not None and math.isnan(value) for value in frame["value"])


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


def test_instances_without_a_source_are_a_group_of_their_own(small):
    frame, groups = size_frame(version_sizes(small), "source")
    assert groups == ["no source"]
    assert frame["instances"].to_list() == [6, 6, 7]


def test_the_change_frame_counts_every_step(small):
    frame = change_frame(timeline_changes(small.dataset), NAMES)
    counted = {
        (r["before"], r["version"], r["kind"]): r["instances"]
        for r in frame.iter_rows(named=True)
        if r["instances"]
    }
    assert counted == {
        ("v1", "v2", "added"): 1, ("v1", "v2", "removed"): 1,  # g; c
        ("v1", "v2", "relabelled"): 1, ("v1", "v2", "labels added"): 1,  # b; f
        ("v1", "v2", "edited"): 1, ("v1", "v2", "moved"): 1,  # e; d
        ("v2", "v10", "added"): 1, ("v2", "v10", "relabelled"): 1,  # c; g
        ("v2", "v10", "edited"): 2, ("v2", "v10", "moved"): 1,  # e, g; d
    }  # fmt: skip
    assert frame["version"].unique(maintain_order=True)[0] == "v1"  # empty, but there
    assert set(frame["kind"]) == set(CHANGES)
    for written, instances in frame.select("written", "instances").iter_rows():
        assert written == (str(instances) if instances else "")


def test_large_counts_are_written_in_groups():
    changes = pl.DataFrame(
        {"before": ["a"], "after": ["b"]} | {k.replace(" ", "_"): [12345] for k in CHANGES}
    )
    assert set(change_frame(changes, ["a", "b"])["written"]) == {"", "12,345"}
