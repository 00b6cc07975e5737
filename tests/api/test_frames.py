"""The frames of the public interface: their columns, types, and numbers."""

import datetime as dt
import math

import polars as pl
import pytest
from sklearn.metrics import accuracy_score, f1_score

import chameleon
from chameleon import analysis
from chameleon.api.frames import SCHEMAS, VERSION
from chameleon.selection import Selection
from tests.app import showcases


def feature(evaluation):
    return evaluation.project.features[1]


def instance(evaluation):
    return evaluation.instance(evaluation.version().instances(limit=1)["instance"][0])


STEP = {  # name of the schema: the frame of a step
    "step_instances": lambda s: s.instances(),
    "histograms": lambda s: s.histograms(),
    "label_histograms": lambda s: s.histograms(by="label"),
    "step_features": lambda s: s.features(),
    "confusion": lambda s: s.confusion(scope="all"),
    "embedding": lambda s: s.embedding(scope="all"),
    "embedding_by": lambda s: s.embedding(by="date", scope="all"),
    "data": lambda s: s.data().frame,
    "data_by": lambda s: s.data(by="split").frame,
    "edited_features": lambda s: s.data().edited_features,
    "kinds": lambda s: s.kinds(),
    "edits": lambda s: s.edits(),
    "edited_values": lambda s: s.edited_values(feature(s.evaluation)),
    "edited_instances": lambda s: s.edited_instances(),
    "drift": lambda s: s.drift(permutations=5),
    "group_drift": lambda s: s.group_drift("removed"),
    "domain_classifier": lambda s: s.domain_classifier().frame,
    "prediction_changes": lambda s: s.prediction_changes(scope="all").frame,
    "prediction_changes_by": lambda s: s.prediction_changes(by="label", scope="all").frame,
    "class_changes": lambda s: s.class_changes(scope="all"),
    "failure_sets": lambda s: s.failure_sets(scope="all"),
    "slices": lambda s: s.slices().frame,
    "attribution": lambda s: s.attribution(resamples=5).frame,
    "crossed": lambda s: s.attribution(resamples=5).crossed,
    "training_attribution": lambda s: s.training_attribution(repeats=0).frame,
    "summary": lambda s: s.summary().frame,
    "gate": lambda s: s.gate(max_drop=0.5, max_leaked=9, findings="error").frame,
}
EVALUATION = {
    "findings": lambda e: e.findings(),
    "metrics": lambda e: e.metrics(split=None),
    "sizes": lambda e: e.sizes(),
    "predictions": lambda e: e.predictions("v2"),
    "models": lambda e: e.models(),
    "drift_over_versions": lambda e: e.drift(reference="first"),
    "feature_histograms": lambda e: e.histograms(feature(e)),
    "sensitivity": lambda e: e.sensitivity(scope="all"),
    "sensitive_instances": lambda e: e.sensitive_instances(scope="all"),
    "fixed_test_set": lambda e: e.fixed_test_set(),
    "cross_test": lambda e: e.cross_test(),
    "instance_versions": lambda e: instance(e).versions(),
    "instance_rows": lambda e: instance(e).rows(),
    "instance_quantiles": lambda e: instance(e).quantiles("v2"),
    "neighbors": lambda e: instance(e).neighbors("v2"),
}
VERSION_FRAMES = {
    "version_instances": lambda v: v.instances(),
    "version_features": lambda v: v.features(),
    "ranked_errors": lambda v: v.ranked_errors(scope="all"),
    "label_issues": lambda v: v.label_issues().frame,
    "correlations": lambda v: v.correlations(),
    "errors_by_source": lambda v: v.errors("source"),
    "errors_by_label": lambda v: v.errors(),
}
WEAK = {
    "weak_by_class": lambda s: s.weak_labels.by_class(),
    "weak_totals": lambda s: s.weak_labels.totals(),
    "weak_histogram": lambda s: s.weak_labels.histogram(),
    "weak_changes": lambda s: s.weak_labels.changes(),
    "labeling_functions": lambda s: s.weak_labels.labeling_functions(),
    "vote_changes": lambda s: s.weak_labels.vote_changes(),
}
WIDER = ("step_instances", "version_instances")
"""Frames with a column for each feature besides."""


def require_schema(name, frame, versions):
    expected = {
        column: pl.Enum(versions) if of is VERSION else of for column, of in SCHEMAS[name].items()
    }
    found = dict(frame.schema)
    if name in WIDER:
        found = {column: found[column] for column in list(found)[: len(expected)]}
    assert list(found) == list(expected)
    assert {c: t for c, t in found.items() if expected[c] is not None} == {
        c: t for c, t in expected.items() if t is not None
    }


@pytest.mark.parametrize("name", STEP)
def test_a_steps_frame_has_its_columns(small, name):
    found = STEP[name](small.step("v1", "v2"))
    require_schema(name, found, ["v1", "v2", "v10"])


@pytest.mark.parametrize("name", EVALUATION)
def test_an_evaluations_frame_has_its_columns(small, name):
    require_schema(name, EVALUATION[name](small), ["v1", "v2", "v10"])


@pytest.mark.parametrize("name", VERSION_FRAMES)
def test_a_versions_frame_has_its_columns(small, name):
    require_schema(name, VERSION_FRAMES[name](small.version("v2")), ["v1", "v2", "v10"])


@pytest.mark.parametrize("name", WEAK)
def test_a_frame_of_weak_labels_has_its_columns(weak, name):
    require_schema(name, WEAK[name](weak.step()), [v.name for v in weak.versions])


@pytest.fixture(scope="module")
def gaps(tmp_path_factory) -> chameleon.Evaluation:
    return chameleon.open_project(showcases.write_gaps(tmp_path_factory.mktemp("gaps"))).evaluate()


@pytest.mark.parametrize("name", [*STEP, *EVALUATION, *VERSION_FRAMES])
def test_columns_without_values_break_no_frame_and_no_frame_changes_what_it_reads(gaps, name):
    assert feature(gaps).startswith("never_")
    core = gaps._core
    arrays = (core.predicted, core.outcome, core.dataset.codes, core.dataset.present)
    before = [array.tobytes() for array in arrays]
    owners = (gaps.step("v1", "v2"), gaps, gaps.version("v2"))
    kinds = (STEP, EVALUATION, VERSION_FRAMES)
    (found,) = (frames[name](one) for frames, one in zip(kinds, owners, strict=True)
                if name in frames)  # fmt: skip
    require_schema(name, found, ["v1", "v2", "v10"])
    assert [array.tobytes() for array in arrays] == before


def test_a_steps_errors_have_their_change(small):
    found = small.step("v1", "v10").errors(scope="all")
    assert found.columns == [*SCHEMAS["errors_by_label"], "change"]
    rates = {(r["version"], r["label"]): r["error_rate"] for r in found.to_dicts()}
    for row in found.filter(version="v10").drop_nulls("change").to_dicts():
        difference = row["error_rate"] - rates["v1", row["label"]]
        assert math.isclose(row["change"], difference)


def test_every_schema_is_the_frame_of_some_method():
    elsewhere = {
        "golden_predictions", "refit", "weak_label", "list_entries", "list_rules", "list_members",
        "list_counts",
    }  # fmt: skip
    tested = {*STEP, *EVALUATION, *VERSION_FRAMES, *WEAK}
    assert tested | elsewhere == set(SCHEMAS)


# ---------------------------------------------------------------- numbers a reader can count


def test_flips_and_presence_are_those_of_the_tiny_timeline(small):
    found = small.step("v1", "v2").instances()
    rows = {row["instance"]: row for row in found.to_dicts()}
    assert {name: row["presence"] for name, row in rows.items()} == {
        "a": "both", "b": "both", "c": "before", "d": "both", "e": "both", "f": "both",
        "g": "after",
    }  # fmt: skip
    assert {name: row["flip"] for name, row in rows.items()} == {
        "a": "still_correct", "b": "still_correct", "c": None, "d": "still_correct",
        "e": "fixed", "f": None, "g": None,
    }  # fmt: skip
    assert rows["e"]["outcome_before"] == "incorrect"


def test_data_changes_are_those_of_the_tiny_timeline(small):
    found = small.step("v1", "v2").data()
    assert (found.added, found.removed, found.shared) == (1, 1, 5)
    assert (found.relabeled, found.labeled, found.edited, found.changed_split) == (2, 1, 1, 1)
    assert dict(found.frame.select("change", "instances").iter_rows()) == {
        "added": 1, "removed": 1, "relabeled": 2, "labeled": 1, "edited": 1, "changed_split": 1,
        "unchanged": 1,
    }  # fmt: skip
    assert small.project.compare("v1", "v2").to_dict() == found.to_dict()
    nothing = small.step("v1", "v2").filter(label="cat", outcome="incorrect").data(by="label")
    assert (nothing.frame.height, nothing.added, nothing.edited) == (0, 0, 0)
    assert found.columns_added == ("fresh",)


def test_metrics_are_scikit_learns(digits):
    found = digits.metrics()
    assert found["version"].to_list() == [f"1.{k}" for k in range(12)]
    for row in found.to_dicts():
        rows = digits.predictions(row["version"]).filter("present", pl.col("split") == "test")
        known = rows.drop_nulls(["label", "prediction"])
        assert row["instances"] == len(rows)
        assert row["unknown"] == len(rows) - len(known)
        assert row["accuracy"] == pytest.approx(accuracy_score(known["label"], known["prediction"]))
        assert row["macro_f1"] == pytest.approx(
            f1_score(known["label"], known["prediction"], average="macro")
        )
        assert row["accuracy_ci_low"] < row["accuracy"] < row["accuracy_ci_high"]


def test_the_default_scope_is_the_test_rows(digits):
    step = digits.step("1.8", "1.9")
    found = step.prediction_changes()
    assert (found.negative_flips.count, found.negative_flips.total) == (39, 450)
    assert found.fair_negative_flips.count == 39
    counted = step.instances().filter(
        pl.col("split") == "test", pl.col("presence") == "both", pl.col("flip") == "regressed"
    )
    assert len(counted) == 39


def test_confusion_and_errors_are_counted_from_the_instances(digits):
    version = digits.version("1.5")
    rows = version.instances().filter(split="test").drop_nulls(["label", "prediction"])
    counts = rows.group_by("label", "prediction").len()
    expected = {(r["label"], r["prediction"]): r["len"] for r in counts.to_dicts()}
    found = version.confusion()
    assert {
        (r["label"], r["predicted"]): r["instances"] for r in found.to_dicts() if r["instances"]
    } == expected
    wrong = rows.filter(pl.col("label") != pl.col("prediction"))
    assert version.errors()["errors"].sum() == len(wrong) == len(version.ranked_errors())


def test_read_returns_the_file_under_its_own_names_and_types(tmp_path):
    day = dt.date(2024, 1, 1)
    rows = pl.DataFrame(
        {
            "customer": [30, 10, 20, 40],
            "churned": ["no", "yes", "no", "yes"],
            "part": ["train", "test", "train", "test"],
            "seen": [day, None, day, day],
            "age": [1.5, None, 3.5, 4.0],
            "color": ["red", "blue", None, "red"],
        }
    )
    project = chameleon.open_project(
        {"1": rows}, id="customer", label="churned", split="part", date="seen"
    )
    found = project.read("1")
    assert found["instance"].to_list() == ["30", "10", "20", "40"]
    own = found.drop("instance")
    assert own.columns == ["customer", "churned", "part", "seen", "age", "color"]
    assert own.with_columns(pl.col("seen").cast(pl.Date)).equals(rows, null_equal=True)
    rows.write_csv(tmp_path / "1.csv")
    from_csv = chameleon.open_project(
        {"1": tmp_path / "1.csv"}, id="customer", label="churned", split="part", date="seen"
    )
    assert from_csv.read("1")["customer"].dtype == pl.Int64


def test_label_histograms_count_the_matching_instances_of_both_versions(digits):
    step = digits.step("1.4", "1.5").filter(change="added")
    found = step.histograms(by="label", features=["pixel_3_3"])
    assert found["instances"].sum() == step.count()  # none of them is in the version before
    every = digits.step("1.4", "1.5").histograms(by="label", features=["pixel_3_3"])
    for version in ("1.4", "1.5"):
        own = every.filter(version=version)["instances"].sum()
        assert own == digits.version(version).count()


def test_a_frame_is_that_of_the_analysis(digits):
    step = digits.step("1.8", "1.9")
    selection = Selection("1.9", "1.8")
    drift = analysis.feature_drift(digits._core, selection)
    assert step.drift()["js_distance"].equals(drift["js_distance"])
    assert step.drift().filter("drifted").height == 53
    cells = analysis.embedding_cells(digits._core, selection)
    found = step.embedding(scope="all")
    assert found.filter(version="1.9")["correct"].sum() == cells["correct"].sum()
    assert found.filter(version="1.8")["correct"].sum() == cells["secondary_correct"].sum()
