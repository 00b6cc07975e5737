"""Added and removed against shared instances, and whether versions can be told apart."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import chi2_contingency, false_discovery_control, ks_2samp

from chameleon.analysis.two_sample_tests import FEWEST_ROWS, FOLDS
from chameleon.analysis.two_sample_tests import FEWEST_TESTED as FEWEST
from chameleon.project import Split
from tests.internals import domain_classifier, group_drift
from tests.planted import looked_at, population, sides_of, steps


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """300 instances, then 120 more, whose f1 is larger and which are flagged more often."""
    frame = population(420, 11)
    new = pl.col("id") >= 300
    frame = frame.with_columns(
        f1=pl.when(new).then(pl.col("f1") + 1.5).otherwise("f1"),
        flag=pl.col("flag") | (new & (pl.col("id") % 2 == 0)),
    )
    folder = tmp_path_factory.mktemp("grown")
    return frame, looked_at(folder, {"1": frame.head(300), "2": frame})


def test_figures_are_those_of_scipy(grown):
    frame, evaluation = grown
    found = group_drift(evaluation, "added", primary="2", secondary="1")
    lines = {line["feature"]: line for line in found.iter_rows(named=True)}
    kept, added = frame.head(300), frame.tail(120)
    for name in ("f0", "f1", "f5"):
        expected = ks_2samp(added[name], kept[name], method="asymp")
        assert lines[name]["effect"] == pytest.approx(expected.statistic)
        assert lines[name]["p_value"] == pytest.approx(expected.pvalue)
        assert (lines[name]["instances"], lines[name]["shared"]) == (120, 300)
    for name in ("flag", "colour", "label"):
        values = sorted(frame[name].unique().to_list())
        table = [[(part[name] == v).sum() for v in values] for part in (added, kept)]
        expected = chi2_contingency(table, correction=False)
        assert lines[name]["p_value"] == pytest.approx(expected.pvalue)
        assert lines[name]["effect"] == pytest.approx(np.sqrt(expected.statistic / 420))
        assert lines[name]["test"] == "chi-square"
    assert found["q_value"].to_list() == pytest.approx(
        false_discovery_control(found["p_value"].to_numpy()).tolist()
    )


def test_too_few_are_not_tested(tmp_path):
    frame = population(100, 12)
    evaluation = looked_at(tmp_path, {"1": frame.head(100 - FEWEST + 1), "2": frame})
    found = group_drift(evaluation, "added", primary="2", secondary="1")
    assert found["p_value"].null_count() == len(found)
    assert set(found["reason"]) == {"4 added instances with a value are too few for a test"}
    none = group_drift(evaluation, "added", primary="1", secondary="2", split=Split.TEST)
    assert none["effect"].null_count() == len(none)


def test_rare_categories_are_merged_until_each_is_expected_often_enough(tmp_path):
    rare = ["red"] * 40 + ["blue"] * 55 + [f"c{k}" for k in range(5)]
    frame = population(200, 13).with_columns(colour=pl.Series(rare * 2))
    evaluation = looked_at(tmp_path, {"1": frame.head(100), "2": frame})
    found = group_drift(evaluation, "added", primary="2", secondary="1")
    line = found.row(by_predicate=pl.col("feature") == "colour", named=True)
    expected = chi2_contingency([[40, 55, 5], [40, 55, 5]], correction=False)
    assert line["p_value"] == pytest.approx(expected.pvalue)
    assert line["effect"] == pytest.approx(0)


def test_random_additions_raise_few_alarms(tmp_path):
    frames = [population(260, seed, features=8) for seed in range(25)]
    pairs = {seed: (frame.head(180), frame) for seed, frame in enumerate(frames)}
    evaluation = looked_at(tmp_path, steps(pairs))
    found = [group_drift(evaluation, "added", **sides_of(seed)) for seed in pairs]
    # at most one step in twenty raises any alarm; five or more of 25 would come 0.7 % of times
    assert sum((frame["q_value"] < 0.05).any() for frame in found) < 5


def test_what_was_removed_is_held_against_what_was_kept(grown):
    """The step back: those that were added now leave; they are read from the version before."""
    there = group_drift(grown[1], "added", primary="2", secondary="1")
    back = group_drift(grown[1], "removed", primary="1", secondary="2")
    assert back.equals(there)
    # what only left was not added, and the reverse
    assert group_drift(grown[1], "removed", primary="2", secondary="1")["effect"].is_null().all()
    assert group_drift(grown[1], "added", primary="1", secondary="2")["effect"].is_null().all()


def test_kept_instances_are_read_from_the_version_that_held_the_removed_ones(tmp_path):
    frame = population(300, 21)
    moved = frame.head(200).with_columns(f2=pl.col("f2") + 50)
    evaluation = looked_at(tmp_path, {"1": frame, "2": moved})
    found = group_drift(evaluation, "removed", primary="2", secondary="1")
    line = found.row(by_predicate=pl.col("feature") == "f2", named=True)
    expected = ks_2samp(frame["f2"][200:], frame["f2"][:200], method="asymp")
    assert line["effect"] == pytest.approx(expected.statistic)
    assert (line["instances"], line["shared"]) == (100, 200)


def test_what_selectively_left_stands_first(tmp_path):
    frame = population(500, 22)
    evaluation = looked_at(tmp_path, {"1": frame, "2": frame.filter(pl.col("f3") < 0.5)})
    found = group_drift(evaluation, "removed", primary="2", secondary="1")
    assert found["feature"][0] == "f3"
    assert found["q_value"][0] < 1e-6


SIDES = {"primary": "2", "secondary": "1"}


def test_shifted_additions_are_told_by_the_shifted_feature(tmp_path):
    frame = population(400, 21)
    shifted = frame.with_columns(
        f4=pl.when(pl.col("id") >= 280).then(pl.col("f4") + 2).otherwise("f4")
    )
    evaluation = looked_at(tmp_path, {"1": shifted.head(280), "2": shifted})
    steps = []
    found = domain_classifier(evaluation, **SIDES, progress=steps.append)
    assert found.auc > 0.85
    assert found.is_separable
    assert found.features["feature"][0] == "f4"
    assert found.features["auc_alone"][0] > 0.85
    assert found.features["auc_alone"].drop_nulls().is_between(0.5, 1).all()
    colour = found.features.row(by_predicate=pl.col("feature") == "colour", named=True)
    assert colour["auc_alone"] is None
    assert (found.rows_before, found.rows_after) == (280, 120)
    assert found.compared.startswith("rows of both versions")
    assert [step.done for step in steps] == list(range(FOLDS))
    assert domain_classifier(evaluation, **SIDES).auc == found.auc


def test_rows_of_one_instance_share_a_fold(tmp_path):
    # ids are told by every feature together, so that an instance in both folds would be recognised
    frame = population(200, 22)
    edited = frame.with_columns(flag=~pl.col("flag"))
    evaluation = looked_at(tmp_path, {"1": frame, "2": edited})
    found = domain_classifier(evaluation, **SIDES)
    assert found.compared.startswith("rows of the secondary alone")
    assert (found.rows_before, found.rows_after) == (200, 200)
    assert found.features["feature"][0] == "flag"


def test_random_additions_cannot_be_told(tmp_path):
    told = 0
    for seed in range(3):
        frame = population(300, 30 + seed, features=3)
        evaluation = looked_at(tmp_path / str(seed), {"1": frame.head(200), "2": frame})
        told += domain_classifier(evaluation, **SIDES).is_separable
    assert told <= 1


def test_relabelled_rows_tell_nothing(tmp_path):
    frame = population(200, 23)
    evaluation = looked_at(tmp_path, {"1": frame, "2": frame.with_columns(label=pl.lit("cat"))})
    found = domain_classifier(evaluation, **SIDES)
    assert found.auc is None
    assert not found.is_separable
    assert f"each side needs {FEWEST_ROWS}" in found.reason


@pytest.mark.parametrize("column", ["f0", None])
def test_what_is_undefined_has_a_reason(tmp_path, column):
    frame = population(100, 24)
    if column is None:
        frame = frame.select("id", "label", "split")
        frames = {"1": frame.head(60).with_columns(a=pl.lit(1)), "2": frame.with_columns(b=2)}
    else:
        frames = {"1": frame, "2": frame.head(90)}
    found = domain_classifier(looked_at(tmp_path, frames), **SIDES)
    assert found.auc is None
    assert found.reason
    assert found.features.is_empty()
