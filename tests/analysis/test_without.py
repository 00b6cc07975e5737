"""A version without some instances, against fitting and scoring by hand."""

import dataclasses
from itertools import product

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest
from sklearn.pipeline import Pipeline

import chameleon
from chameleon.errors import ModelError, SelectionError
from tests import tiny
from tests.library import TREE, evaluated, plain, write_project

TOML = '[model]\nestimator = "HistGradientBoostingClassifier"\nparams = { max_iter = 8 }\n'


def noisy(count: int, seed: int) -> pl.DataFrame:
    """Two features that tell the label but for some noise; some labels are missing."""
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


GONE = [f"i{k:04}" for k in range(0, 120, 3)]


def by_hand(frame, gone):
    """What scikit-learn alone says of every row of the frame, fitted without those that go."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    train = frame.filter(
        (pl.col("split") == "train") & pl.col("label").is_not_null() & ~pl.col("id").is_in(gone)
    ).sort("id")
    model = HistGradientBoostingClassifier(max_iter=8, random_state=0)
    model.fit(train.select("x", "y").to_numpy(), train["label"].to_numpy().astype(str))
    return dict(
        zip(frame["id"], model.predict(frame.select("x", "y").to_numpy()).tolist(), strict=True)
    )


def test_predictions_are_those_of_a_fit_by_hand_and_so_is_all_else(evaluation, frame):
    found = chameleon.refit_without(evaluation, "2", [*GONE, "nobody"])
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
    assert found.matrix["edited"].sum() == found.matrix["relabelled"].sum() == 0
    assert found.unknown == 1
    tests = [{k for k in keys if rows[k]["split"] == "test"} for keys in (known, stays)]
    value = [[np.mean([r[k] for k in keys]) for keys in tests] for r in right]
    assert found.attribution.corners["value"].to_list() == pytest.approx([*value[0], *value[1]])
    assert found.attribution.corners["instances"].to_list() == [len(k) for k in tests] * 2
    parts = dict(found.attribution.parts.select("part", "value").iter_rows())
    (a, b), (c, d) = value
    assert parts["model"] == pytest.approx((c - a + d - b) / 2)
    assert parts["removed"] == pytest.approx((b - a + d - c) / 2)
    assert parts["guard"] == pytest.approx(0)
    assert [parts[part] for part in ("added", "relabelled", "edited")] == [0, 0, 0]
    assert found.attribution.change[0] == pytest.approx(d - a)
    assert found.attribution.leaked == 0
    losses = sum(right[0][k] and not right[1][k] for k in tests[1])
    wins = sum(right[1][k] and not right[0][k] for k in tests[1])
    assert losses + wins > 0
    assert found.statistics.tested_negative_flips.count == losses
    assert found.statistics.mcnemar_p == pytest.approx(binomtest(losses, losses + wins).pvalue)
    churned = sum(old[k] != new[k] for k in rows if k not in GONE)
    assert (found.statistics.churn.count, found.statistics.churn.of) == (churned, 400 - len(GONE))
    gone = frame.filter(pl.col("id").is_in(GONE))
    for split, removed, of, fitted in found.removed.iter_rows():
        own = gone.filter(split=split)
        assert (removed, of) == (len(own), len(frame.filter(split=split)))
        assert fitted == (own["label"].drop_nulls().len() if split == "train" else 0)


def test_what_was_refitted_is_kept(evaluation, monkeypatch):
    first = chameleon.refit_without(evaluation, "2", GONE[:7])
    assert first.refitted
    monkeypatch.setattr(Pipeline, "fit", lambda *_: pytest.fail("fitted again"))
    again = chameleon.refit_without(evaluation, "2", GONE[:7][::-1])
    assert not again.refitted
    assert again.matrix.equals(first.matrix)


def test_without_train_rows_that_go_the_model_stays(evaluation, frame, monkeypatch):
    monkeypatch.setattr(Pipeline, "fit", lambda *_: pytest.fail("fitted"))
    unlabelled = frame.filter((pl.col("split") == "train") & pl.col("label").is_null())["id"]
    tests = frame.filter(split="test")["id"].head(20)
    assert len(unlabelled)
    found = chameleon.refit_without(evaluation, "2", [*unlabelled, *tests])
    assert not found.refitted
    assert found.statistics.churn.count == 0
    parts = dict(found.attribution.parts.select("part", "value").iter_rows())
    assert parts["model"] == 0
    assert parts["removed"] == pytest.approx(found.attribution.change[0])
    nothing = chameleon.refit_without(evaluation, "2", ["nobody"])
    assert nothing.attribution.change[0] == 0
    assert nothing.removed["removed"].sum() == 0


def test_an_instance_that_only_another_version_holds_changes_nothing(evaluation):
    found = chameleon.refit_without(evaluation, "1", ["i0399"])
    assert (found.unknown, found.removed["removed"].sum()) == (1, 0)


def test_the_evaluation_itself_is_left_as_it_was(evaluation):
    before = evaluation.predicted.tobytes(), evaluation.dataset.present.tobytes()
    chameleon.refit_without(evaluation, "2", GONE)
    assert (evaluation.predicted.tobytes(), evaluation.dataset.present.tobytes()) == before
    changes = chameleon.prediction_changes(evaluation, primary="2", secondary="1")
    assert changes["instances"].sum() <= 300


def test_other_metrics_can_be_asked_for(evaluation):
    found = chameleon.refit_without(evaluation, "2", GONE, metric="recall", of_class="a")
    assert found.attribution.metric == "recall of a"
    assert chameleon.refit_without(evaluation, "2", GONE, metric="macro_f1").attribution.change


def test_a_model_with_states_of_its_own_is_fitted_like_any_version(tmp_path):
    frame = plain(60)
    evaluation = evaluated(write_project(tmp_path / "p", {"1": frame}, toml=TREE))
    gone = ["3", "5", "10", "11"]
    found = chameleon.refit_without(evaluation, "1", gone)
    left = evaluated(
        write_project(
            tmp_path / "left", {"1": frame.filter(~pl.col("id").is_in([3, 5, 10, 11]))}, toml=TREE
        )
    )
    accuracy = chameleon.version_metrics(left)["test_accuracy"][0]
    assert found.attribution.reported_after == pytest.approx(accuracy)


def test_what_cannot_be_refitted_is_said(evaluation, tmp_path, frame):
    with pytest.raises(SelectionError, match="no version"):
        chameleon.refit_without(evaluation, "3", [])
    trained = frame.filter(split="train")["id"].to_list()
    with pytest.raises(ModelError, match="can't be fitted: 0 labeled"):
        chameleon.refit_without(evaluation, "2", trained)
    only = frame.filter((pl.col("split") == "train") & (pl.col("label") == "a"))["id"].to_list()
    with pytest.raises(ModelError, match="1 classes"):
        chameleon.refit_without(evaluation, "2", only)
    given = evaluated(tiny.write_tiny(tmp_path / "tiny"))
    with pytest.raises(ModelError, match="external"):
        chameleon.refit_without(given, "v1", ["a"])
    every = chameleon.refit_without(evaluation, "2", frame.filter(split="test")["id"].to_list())
    assert "no test rows" in every.attribution.note
    assert every.attribution.change is None


def test_the_result_cannot_be_changed(evaluation):
    with pytest.raises(dataclasses.FrozenInstanceError):
        chameleon.refit_without(evaluation, "2", []).version = "other"
