"""Members and counts of exclusion lists, and refits without them, against plain loops and fits."""

import dataclasses
from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from chameleon.errors import ModelError, SelectionError
from chameleon.project import Split
from chameleon.selection import excluded_mask, rule_mask, rule_of, rule_selection
from tests import internals as chameleon
from tests import oracle
from tests.internals import (
    ChangeType,
    DataChange,
    ExclusionLists,
    Filters,
    OutcomeChange,
    Selection,
)
from tests.library import evaluated, examples, plain, write_project
from tests.projects import filters_for, opened, plans, version_pairs


def held_by(evaluation, rule, version):
    mask = rule_mask(evaluation, rule, version=version)
    return sorted(evaluation.dataset.instance_ids.filter(pl.Series(mask)).to_list())


@settings(max_examples=examples(25))
@given(st.data())
def test_members_and_counts_are_those_of_the_oracle(data):
    plan = data.draw(plans())
    primary, secondary = data.draw(version_pairs(plan))
    filters = data.draw(filters_for(plan))
    time = plan.timeline
    with opened(plan) as evaluation:
        store = ExclusionLists()
        some = st.sampled_from([*evaluation.dataset.instance_ids.to_list(), "nobody"])
        entries = data.draw(st.lists(some, max_size=4, unique=True))
        store.add("l", entries, "bad")
        store.add_rule("l", rule_of(Selection(primary, secondary, filters), "rule"))
        exclusion_list = store.of("l")
        members = chameleon.exclusion_list_members(evaluation, exclusion_list, version=primary)
        counts = chameleon.exclusion_list_counts(evaluation, exclusion_list, version=primary)
        sides = {"primary": primary, "secondary": secondary}
        bars = oracle.bars_of(chameleon.feature_histograms(evaluation, **sides))
    rows = time.versions[primary]
    by_entry = members.filter(by="entry")
    assert by_entry["instance"].to_list() == sorted(entries, key=str.encode)
    for row in members.iter_rows(named=True):
        own = rows.get(row["instance"])
        assert row["present"] == (own is not None)
        assert row["label"] == (own.label if own else None)
        assert row["split"] == (own.split if own else None)
        assert row["known"] == any(row["instance"] in v for v in time.versions.values())
    by_rule = set(members.filter(by="rule")["instance"])
    assert by_rule <= set(rows)
    assert by_rule == {
        key for key in rows if oracle.passes(time, key, primary, secondary, filters, bars)
    }
    on_list = (set(entries) | by_rule) & set(rows)
    for by, group, instances, of, share in counts.iter_rows():
        of_group = {
            key for key, row in rows.items()
            if by == "version" or getattr(row, by) == group
        }  # fmt: skip
        assert (instances, of) == (len(of_group & on_list), len(of_group))
        assert share == pytest.approx(instances / of)
    for by in ("version", "split", "label"):
        assert counts.filter(by=by)["total"].sum() == len(rows)


def test_instances_without_any_label_are_counted(tmp_path):
    frame = plain(4, label=pl.Series([None] * 4, dtype=pl.String))
    predictions = pl.DataFrame({"id": range(4), "prediction": "a"})
    folder = write_project(tmp_path / "p", {"1": frame}, predictions={"1": predictions})
    store = ExclusionLists()
    store.add("l", ["0", "3"], "")
    counts = chameleon.exclusion_list_counts(evaluated(folder), store.of("l"), version="1")
    assert counts.filter(by="label").rows() == [("label", None, 2, 4, 0.5)]


def test_a_rule_compares_with_the_version_as_many_steps_away(small):
    def seen(rule, version):
        found = rule_selection(small, rule, version=version)
        return found.primary, found.secondary

    back = rule_of(Selection("v2", "v1"), "")
    assert [seen(back, v) for v in ("v1", "v2", "v10")] == [
        ("v1", "v1"), ("v2", "v1"), ("v10", "v2"),
    ]  # fmt: skip
    ahead = rule_of(Selection("v1", "v10"), "")
    assert [seen(ahead, v)[1] for v in ("v1", "v2", "v10")] == ["v10", "v10", "v10"]
    gone = chameleon.ExclusionRule(1, "", "v0", "v1")
    assert [seen(gone, v)[1] for v in ("v1", "v2", "v10")] == ["v1", "v1", "v2"]


def test_rules_are_applied_to_every_version(small):
    wrong = rule_of(Selection("v1", "v1", Filters(outcomes=("incorrect",))), "")
    assert [held_by(small, wrong, v) for v in ("v1", "v2", "v10")] == [
        ["c", "e"], [], ["a", "d", "g"],
    ]  # fmt: skip
    regressed = Filters(outcome_changes=(OutcomeChange("correct", "incorrect"),))
    rule = rule_of(Selection("v2", "v1", regressed), "")
    assert [held_by(small, rule, v) for v in ("v1", "v2", "v10")] == [[], [], ["a", "d", "g"]]
    moved = rule_of(
        Selection("v2", "v1", Filters(data_changes=(DataChange(ChangeType.CHANGED_SPLIT),))), ""
    )
    assert [held_by(small, moved, v) for v in ("v1", "v2", "v10")] == [[], ["d"], ["d"]]
    only = Selection("v2", "v1", primary_only=Filters(splits=(Split.TEST,)))
    assert [held_by(small, rule_of(only, ""), v) for v in ("v2", "v10")] == [["g"], ["c", "d", "g"]]


def test_a_rule_that_cannot_be_applied_is_named(small):
    store = ExclusionLists()
    store.add_rule("l", chameleon.ExclusionRule(0, "label=bird", "v2", "v1"))
    with pytest.raises(SelectionError, match=r"Rule 1 .* version v2: There is no label 'bird'"):
        chameleon.exclusion_list_members(small, store.of("l"), version="v2")
    with pytest.raises(SelectionError, match="no version 'v3'"):
        excluded_mask(small, store.of("l"), version="v3")


TOML = '[model]\nestimator = "HistGradientBoostingClassifier"\nparams = { max_iter = 8 }\n'


def noisy(count: int, seed: int) -> pl.DataFrame:
    """Two features that predict the label with some noise; some labels are missing."""
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(2, count))
    label = np.where(x + y / 2 + random.normal(scale=0.8, size=count) > 0, "a", "b")
    return pl.DataFrame(
        {
            "id": [f"i{k:04}" for k in range(count)],
            "label": [None if k % 31 == 7 else str(one) for k, one in enumerate(label)],
            "split": [("train", "train", "test", "validation")[k % 4] for k in range(count)],
            "x": x,
            "y": y,
        }
    )


@pytest.fixture(scope="module")
def frame():
    return noisy(400, 5)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory, frame):
    folder = tmp_path_factory.mktemp("without") / "p"
    return evaluated(write_project(folder, {"1": frame.head(300), "2": frame}, toml=TOML))


@pytest.fixture(scope="module")
def refit(evaluation):
    return chameleon.refit_without(evaluation, "2", [*GONE, "nobody"])


GONE = [f"i{k:04}" for k in range(0, 120, 3)]


def by_hand(frame, gone):
    """Predictions of scikit-learn alone for every row, fitted without the removed ones."""
    train = frame.filter(
        (pl.col("split") == "train") & pl.col("label").is_not_null() & ~pl.col("id").is_in(gone)
    ).sort("id")
    model = HistGradientBoostingClassifier(max_iter=8, random_state=0)
    model.fit(train.select("x", "y").to_numpy(), train["label"].to_numpy().astype(str))
    return dict(
        zip(frame["id"], model.predict(frame.select("x", "y").to_numpy()).tolist(), strict=True)
    )


def test_everything_is_as_with_a_fit_by_hand(refit, frame):
    found = refit
    old, new = by_hand(frame, []), by_hand(frame, GONE)
    rows = {row["id"]: row for row in frame.iter_rows(named=True)}
    known = {key for key, row in rows.items() if row["label"] is not None}
    right = [{key: said[key] == rows[key]["label"] for key in known} for said in (old, new)]
    stays = known - set(GONE)
    words = {True: "correct", False: "incorrect"}
    for before, after in product((True, False), repeat=2):
        count = sum(right[0][k] is before and right[1][k] is after for k in stays)
        cell = found.matrix.filter(secondary=words[before], primary=words[after])
        assert cell["instances"][0] == count
        assert cell["share"][0] == pytest.approx(count / len(stays))
    assert found.matrix["edited"].sum() == found.matrix["relabeled"].sum() == 0
    assert found.unknown == 1
    tests = [{k for k in keys if rows[k]["split"] == "test"} for keys in (known, stays)]
    value = [[np.mean([r[k] for k in keys]) for keys in tests] for r in right]
    assert found.attribution.crossed["value"].to_list() == pytest.approx([*value[0], *value[1]])
    assert found.attribution.crossed["instances"].to_list() == [len(k) for k in tests] * 2
    parts = dict(found.attribution.parts.select("part", "value").iter_rows())
    (a, b), (c, d) = value
    assert parts["model"] == pytest.approx((c - a + d - b) / 2)
    assert parts["removed"] == pytest.approx((b - a + d - c) / 2)
    assert parts["leakage"] == pytest.approx(0)
    assert [parts[part] for part in ("added", "relabeled", "edited")] == [0, 0, 0]
    assert found.attribution.change[0] == pytest.approx(d - a)
    assert found.attribution.leaked == 0
    losses = sum(right[0][k] and not right[1][k] for k in tests[1])
    wins = sum(right[1][k] and not right[0][k] for k in tests[1])
    assert losses + wins > 0
    assert found.statistics.fair_negative_flips.count == losses
    assert found.statistics.mcnemar_p == pytest.approx(binomtest(losses, losses + wins).pvalue)
    churned = sum(old[k] != new[k] for k in rows if k not in GONE)
    assert (found.statistics.churn.count, found.statistics.churn.total) == (
        churned,
        400 - len(GONE),
    )
    gone = frame.filter(pl.col("id").is_in(GONE))
    for split, removed, of, fitted in found.removed.iter_rows():
        own = gone.filter(split=split)
        assert (removed, of) == (len(own), len(frame.filter(split=split)))
        assert fitted == (own["label"].drop_nulls().len() if split == "train" else 0)


def test_a_refit_is_cached(evaluation, monkeypatch):
    first = chameleon.refit_without(evaluation, "2", GONE[:7])
    assert first.refitted
    monkeypatch.setattr(Pipeline, "fit", lambda *_: pytest.fail("fitted again"))
    again = chameleon.refit_without(evaluation, "2", GONE[:7][::-1])
    assert not again.refitted
    assert again.matrix.equals(first.matrix)


def test_the_model_is_unchanged_if_no_train_row_is_removed(evaluation, frame, monkeypatch):
    monkeypatch.setattr(Pipeline, "fit", lambda *_: pytest.fail("fitted"))
    unlabeled = frame.filter((pl.col("split") == "train") & pl.col("label").is_null())["id"]
    tests = frame.filter(split="test")["id"].head(20)
    assert len(unlabeled)
    found = chameleon.refit_without(evaluation, "2", [*unlabeled, *tests])
    assert not found.refitted
    assert found.statistics.churn.count == 0
    parts = dict(found.attribution.parts.select("part", "value").iter_rows())
    assert parts["model"] == 0
    assert parts["removed"] == pytest.approx(found.attribution.change[0])
    nothing = chameleon.refit_without(evaluation, "2", ["nobody"])
    assert nothing.attribution.change[0] == 0
    assert nothing.removed["removed"].sum() == 0


def test_the_evaluation_and_the_result_do_not_change(evaluation, refit):
    before = evaluation.predicted.tobytes(), evaluation.dataset.present.tobytes()
    absent = chameleon.refit_without(evaluation, "1", ["i0399"])
    assert (absent.unknown, absent.removed["removed"].sum()) == (1, 0)
    chameleon.refit_without(evaluation, "2", GONE)
    assert (evaluation.predicted.tobytes(), evaluation.dataset.present.tobytes()) == before
    changes = chameleon.prediction_changes(evaluation, primary="2", secondary="1")
    assert changes["instances"].sum() <= 300
    with pytest.raises(dataclasses.FrozenInstanceError):
        refit.version = "other"


def test_other_metrics(evaluation):
    found = chameleon.refit_without(evaluation, "2", GONE, metric="recall", of_class="a")
    assert found.attribution.metric == "recall of a"
    assert chameleon.refit_without(evaluation, "2", GONE, metric="macro_f1").attribution.change


def test_impossible_refits_are_rejected_with_the_reason(evaluation, small, frame):
    with pytest.raises(SelectionError, match="no version"):
        chameleon.refit_without(evaluation, "3", [])
    trained = frame.filter(split="train")["id"].to_list()
    with pytest.raises(ModelError, match="can't be fitted because 0 labeled"):
        chameleon.refit_without(evaluation, "2", trained)
    only = frame.filter((pl.col("split") == "train") & (pl.col("label") == "a"))["id"].to_list()
    with pytest.raises(ModelError, match="1 classes"):
        chameleon.refit_without(evaluation, "2", only)
    with pytest.raises(ModelError, match="external"):
        chameleon.refit_without(small, "v1", ["a"])
    every = chameleon.refit_without(evaluation, "2", frame.filter(split="test")["id"].to_list())
    assert "no test rows" in every.attribution.reason
    assert every.attribution.change is None
