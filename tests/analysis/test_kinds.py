"""The kinds of iteration, told from planted data; lifts against scipy and a plain count."""

import dataclasses

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, fisher_exact
from scipy.stats.contingency import relative_risk

from chameleon.analysis import IterationKind
from chameleon.analysis.kinds import FEWEST, lifts
from chameleon.counting import CORRECT, INCORRECT
from tests.internals import iteration_kinds
from tests.library import examples
from tests.planted import looked_at, population
from tests.projects import opened, plans, version_pairs

SIDES = {"primary": "2", "secondary": "1"}
NEW = pl.col("id") >= 300


def kinds_of(folder, frames):
    return iteration_kinds(looked_at(folder, frames), **SIDES)


def only(frame, kind):
    return frame.row(by_predicate=pl.col("kind") == kind.value, named=True)


# ---------------------------------------------------------------- lifts


def test_groups_of_tiny_values_are_told_apart(tmp_path):
    frame = population(400, 50).with_columns(pl.col("id").cast(pl.Float64).mul(1e-20).alias("tiny"))
    evaluation = looked_at(tmp_path, {"1": frame})
    number = evaluation.dataset.feature_number("tiny")
    rows = np.arange(400, dtype=np.int32)
    groups = lifts(evaluation.dataset, rows[:200], rows[200:], features=np.array([number]))
    names = groups.filter(by="feature")["group"].to_list()
    assert "0 to 9e-19" in names
    assert len(set(names)) == len(names)


def test_lifts_are_those_of_a_plain_count(tmp_path):
    frame = population(500, 51).with_columns(
        source=pl.when(pl.col("id") % 7 < 3).then(pl.lit("lab")).otherwise(pl.lit("field"))
    )
    evaluation = looked_at(tmp_path, {"1": frame})
    rows = np.arange(500, dtype=np.int32)
    chosen, rest = rows[400:], rows[:400]
    found = lifts(evaluation.dataset, chosen, rest, features=np.arange(8))
    ids = evaluation.dataset.instance_ids.gather(evaluation.dataset.instance).cast(pl.Int64)
    by_row = pl.DataFrame({"id": ids}).join(frame, on="id", how="left", maintain_order="left")
    for line in found.filter(pl.col("by").is_in(["label", "source"])).iter_rows(named=True):
        column = by_row[line["by"]] == line["group"]
        a, b = int(column[400:].sum()), int(column[:400].sum())
        assert (line["chosen"], line["rest"]) == (a, b)
        assert (line["chosen_of"], line["rest_of"]) == (100, 400)
        table = [[a, 100 - a], [b, 400 - b]]
        assert line["p_value"] == pytest.approx(fisher_exact(table, alternative="greater").pvalue)
        risk = relative_risk(a, 100, b, 400)
        assert line["lift"] == pytest.approx(risk.relative_risk)
        level = 1 - 0.05 / len(found)
        interval = risk.confidence_interval(level)
        assert line["low"] == pytest.approx(interval.low, rel=0.1)
        assert line["high"] == pytest.approx(interval.high, rel=0.1)
    for _, part in found.filter(by="feature").group_by("feature"):
        assert part["chosen"].sum() == 100
        assert part["rest"].sum() == 400
    q = false_discovery_control(found["p_value"].to_numpy())
    assert found["q_value"].to_numpy() == pytest.approx(q)
    assert found["low"].is_sorted(descending=True)


# ---------------------------------------------------------------- planted kinds


def test_sampled_additions_are_told_from_specific_ones(tmp_path):
    wrong = dict.fromkeys(("sampled", "label", "range"), 0)
    frames = {}
    for seed in range(8):
        frame = population(500, seed)
        frames |= {
            f"{seed}.0": frame.filter(~NEW),
            f"{seed}.1": frame,
            f"{seed}.2": frame.filter(~NEW | (pl.col("label") == "cat")),
            f"{seed}.3": frame.filter(~NEW | (pl.col("f2") > 0.4)),
        }
    evaluation = looked_at(tmp_path, frames)
    for seed in range(8):
        found = {
            name: iteration_kinds(evaluation, primary=f"{seed}.{k}", secondary=f"{seed}.0").row(
                0, named=True
            )
            for k, name in enumerate(wrong, start=1)
        }
        wrong["sampled"] += found["sampled"]["kind"] != IterationKind.SAMPLED
        assert "look like the 300 shared ones" in found["sampled"]["sentence"] or wrong["sampled"]
        label, part = found["label"], found["range"]
        wrong["label"] += (label["kind"], label["by"], label["group"]) != (
            IterationKind.SPECIFIC, "label", "cat",
        )  # fmt: skip
        wrong["range"] += (part["kind"], part["feature"]) != (IterationKind.SPECIFIC, "f2")
        assert label["low"] < label["lift"] < label["high"]
    # over 200 other seeds none, none, and 1 % (about 70 instances in a third of the range)
    assert wrong["sampled"] <= 1
    assert wrong["label"] <= 1
    assert wrong["range"] <= 1


def only_addition(folder, frame):
    found = kinds_of(folder, {"1": frame.filter(~NEW), "2": frame})
    assert len(found) == 1
    return found.row(0, named=True)


def test_a_source_is_told_and_a_new_one_decides_nothing(tmp_path):
    frame = population(400, 61)
    old = pl.when(pl.col("id") % 4 == 0).then(pl.lit("lab")).otherwise(pl.lit("field"))
    known = frame.with_columns(source=pl.when(NEW).then(pl.lit("lab")).otherwise(old))
    found = only_addition(tmp_path / "known", known)
    assert found["kind"] == IterationKind.SPECIFIC
    assert (found["by"], found["group"]) == ("source", "lab")
    assert "in labels and features, but not in source" in found["sentence"]
    news = frame.with_columns(source=pl.when(NEW).then(pl.lit("vendor")).otherwise(old))
    found = only_addition(tmp_path / "news", news)
    assert found["kind"] == IterationKind.SAMPLED
    assert "100% come from 'vendor', a source that no shared one has" in found["sentence"]


def test_too_few_cannot_be_told(tmp_path):
    frame = population(300 + FEWEST - 1, 62)
    found = only_addition(tmp_path, frame)
    assert found["kind"] == IterationKind.ADDED
    assert "can't tell whether they resemble the rest: 19 vs. 300" in found["sentence"]
    assert found["lift"] is None


def test_synthetic_only_where_it_is_declared(tmp_path):
    frame = population(400, 63)
    by_source = frame.with_columns(
        source=pl.when(NEW & (pl.col("id") < 340))
        .then(pl.lit("augmented"))
        .otherwise(pl.lit("lab"))
    )
    found = kinds_of(tmp_path / "source", {"1": by_source.filter(~NEW), "2": by_source})
    assert only(found, IterationKind.SYNTHETIC)["instances"] == 40
    assert "source 'augmented'" in only(found, IterationKind.SYNTHETIC)["sentence"]
    by_column = frame.with_columns(is_synthetic=NEW)
    found = kinds_of(tmp_path / "column", {"1": by_column.filter(~NEW), "2": by_column})
    assert only(found, IterationKind.SYNTHETIC)["instances"] == 100
    plain = kinds_of(tmp_path / "plain", {"1": frame.filter(~NEW), "2": frame})
    assert IterationKind.SYNTHETIC not in plain["kind"].to_list()


def test_labels_added_and_modified(tmp_path):
    frame = population(300, 64)
    bare = frame.with_columns(label=pl.when(pl.col("id") < 50).then(None).otherwise("label"))
    found = kinds_of(tmp_path / "added", {"1": bare, "2": frame})
    assert found.select("kind", "instances").rows() == [(IterationKind.LABELS_ADDED, 50)]
    assert "50 of the 50 unlabeled shared instances" in found["sentence"][0]
    corrected = frame.with_columns(
        label=pl.when(pl.col("label") == "dog").then(pl.lit("eel")).otherwise("label")
    )
    found = kinds_of(tmp_path / "modified", {"1": frame, "2": corrected})
    line = only(found, IterationKind.LABELS)
    assert "dog to eel" in line["sentence"]
    assert (line["by"], line["group"], line["share"]) == ("label", "dog", 1.0)


def test_removed_errors_are_named(tmp_path):
    frame = population(600, 65)
    evaluation = looked_at(tmp_path, {"1": frame, "2": frame.filter(pl.col("id") % 10 > 0)})
    dataset = evaluation.dataset
    gone = np.isin(dataset.instance_ids.cast(pl.Int64).to_numpy() % 10, [0])[dataset.instance]
    outcome = np.full_like(evaluation.outcome, CORRECT)
    outcome[:, gone] = INCORRECT
    outcome[:, np.flatnonzero(~gone)[::9]] = INCORRECT
    wrong = dataclasses.replace(evaluation, outcome=outcome)
    line = only(iteration_kinds(wrong, **SIDES), IterationKind.REMOVED)
    assert (line["by"], line["group"], line["instances"]) == ("outcome", "incorrect", 60)
    assert "errors of the model before" in line["sentence"]
    line = only(iteration_kinds(evaluation, **SIDES), IterationKind.REMOVED)
    assert "look like the others" in line["sentence"]


def test_a_change_of_unit_is_named(tmp_path):
    frame = population(300, 66)
    edited = frame.with_columns(
        f3=pl.when(pl.col("f1") > 0).then(pl.col("f3") * 10).otherwise("f3")
    )
    line = only(kinds_of(tmp_path, {"1": frame, "2": edited}), IterationKind.FEATURES)
    assert "'f3' in" in line["sentence"]
    assert "(times 10)" in line["sentence"]
    assert (line["by"], line["feature"]) == ("feature", "f1")


def test_columns_and_moves_are_told(tmp_path):
    frame = population(100, 67)
    changed = frame.drop("f4").with_columns(
        extra=pl.lit(1.0),
        flag=pl.col("flag").cast(pl.Int64),
        split=pl.when(pl.col("id") < 30).then(pl.lit("test")).otherwise("split"),
    )
    found = kinds_of(tmp_path, {"1": frame, "2": changed})
    told = dict(found.select("kind", "sentence").iter_rows())
    assert told == {
        "instances moved": "30 instances changed from train to test.",
        "columns joined": "1 column joined: extra.",
        "columns left": "1 column left: f4.",
        "columns retyped": "1 column retyped: flag (from boolean to number).",
    }


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_every_step_has_kinds_that_agree_with_its_counts(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    with opened(plan) as evaluation:
        found = iteration_kinds(evaluation, primary=primary, secondary=secondary)
    old, new = (plan.timeline.versions[v] for v in (secondary, primary))
    added = found.filter(
        pl.col("kind").str.ends_with("added") & ~pl.col("kind").str.starts_with("l")
    )
    assert added["instances"].sum() == len(new.keys() - old.keys())
    removed = found.filter(kind=IterationKind.REMOVED.value)
    assert removed["instances"].sum() == len(old.keys() - new.keys())
    assert all(sentence.endswith(".") for sentence in found["sentence"])
