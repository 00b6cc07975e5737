"""A step in plain sentences: the planted cause is named, noise is called noise."""

import math

import numpy as np
import polars as pl
import pytest

from chameleon.analysis import Topic
from chameleon.analysis.summary import group_words
from chameleon.project import Kind
from tests import internals as chameleon
from tests import planted
from tests.analysis.test_slices import planted as regression
from tests.analysis.test_slices import project
from tests.library import evaluated

DEEP = '[model]\nestimator = "DecisionTreeClassifier"\nparams = { random_state = 0 }\n'


def told(evaluation, training=None):
    found = chameleon.step_summary(evaluation, before="1", after="2", training=training)
    assert 3 <= len(found) <= 5
    assert all(sentence.text.endswith(".") for sentence in found)
    return {sentence.topic: sentence for sentence in found}


def sums_up(evaluation):
    found = chameleon.attribute_change(evaluation, before="1", after="2")
    change = found.reported_after - found.reported_before
    assert found.parts["value"].sum() == pytest.approx(change, abs=1e-12)
    return dict(found.parts.select("part", "value").iter_rows())


TESTED, TRAINED = pl.col("split") == "test", pl.col("split") == "train"
OTHER = pl.when(pl.col("label") == "up").then(pl.lit("down")).otherwise(pl.lit("up"))


def test_the_test_set_is_named_where_only_it_changed(tmp_path):
    """The easy half of the test rows leaves: what is near the border is all that is left."""
    first = planted.steady()
    second = first.filter(~TESTED | (pl.col("x").abs() < 0.6))
    found = told(evaluation := planted.evaluated_step(tmp_path / "p", first, second))
    assert found[Topic.CAUSE].named == ("removed",)
    parts = sums_up(evaluation)
    assert parts["removed"] < -0.05
    assert parts["model"] == 0
    assert "test rows removed" in found[Topic.CAUSE].text
    assert found[Topic.METRIC].named


def test_corrected_labels_of_one_class_are_named(tmp_path):
    """A third of the train rows of one class had the wrong label; nothing else changed."""
    second = planted.steady()
    wrong = TRAINED & (pl.col("label") == "up") & (pl.col("id") % 5 < 3)
    first = second.with_columns(label=pl.when(wrong).then(OTHER).otherwise("label"))
    evaluation = planted.evaluated_step(tmp_path / "p", first, second)
    found = told(evaluation)
    corrected = first.filter(first["label"] != second["label"]).height
    assert found[Topic.CAUSE].named == ("model",)
    assert f"only {corrected:,} relabeled train instances" in found[Topic.CAUSE].text
    assert found[Topic.DATA].named == ("labels modified",)
    assert f"most often down to up ({corrected:,})" in found[Topic.DATA].text
    parts = sums_up(evaluation)
    assert parts["model"] > 0.05
    assert parts["relabeled"] == 0
    training = chameleon.attribute_training(evaluation, before="1", after="2", repeats=5)
    assert told(evaluation, training)[Topic.TRAINING].named == ("relabeled",)


def test_a_feature_whose_unit_changed_in_the_test_rows_is_named(tmp_path):
    first = planted.steady()
    second = first.with_columns(x=pl.when(TESTED).then(pl.col("x") * 1000).otherwise("x"))
    evaluation = planted.evaluated_step(tmp_path / "p", first, second)
    found = told(evaluation)
    assert found[Topic.CAUSE].named == ("edited",)
    assert "'x' in 400" in found[Topic.DATA].text
    assert found[Topic.DATA].named == ("features modified",)
    assert sums_up(evaluation)["edited"] < -0.05


def test_a_unit_that_changed_everywhere_moves_nothing_and_no_cause_is_named(tmp_path):
    """Either model alone would fail on the other's test set; the step as a whole is level."""
    first = planted.steady()
    second = first.with_columns(x=pl.col("x") * 1000, y=pl.col("y") * 1000)
    evaluation = planted.evaluated_step(tmp_path / "p", first, second)
    found = told(evaluation)
    assert abs(sum(sums_up(evaluation).values())) < 1e-12
    assert not found[Topic.METRIC].named
    assert found[Topic.DATA].named == ("features modified",)


def test_copies_of_test_rows_in_the_train_set_are_named_and_called_a_leak(tmp_path):
    """The model learns by heart what it is tested on, under other ids."""
    first = planted.steady()
    copies = first.filter(TESTED & (pl.col("id") % 4 > 0)).with_columns(
        pl.col("id") + 70_000, split=pl.lit("train")
    )
    second = pl.concat([first, copies])
    evaluation = planted.evaluated_step(tmp_path / "p", first, second, toml=DEEP)
    parts = sums_up(evaluation)
    assert parts["model"] > 0.1
    found = told(evaluation)[Topic.CAUSE]
    assert found.named[0] == "duplicates"
    fair = chameleon.attribute_change(evaluation, before="1", after="2", exclude_duplicates=True)
    assert f"Without them the change is {fair.change[0]:+.4f}: leakage" in found.text


def test_instances_that_were_trained_on_and_move_into_the_test_set_are_named(tmp_path):
    """They are easy, so that the figure rises though no model became better."""
    easy = planted.noisy(900, 99, first=90_000).filter(pl.col("x").abs() > 1.2)
    easy = easy.with_columns(
        label=pl.when(pl.col("x") > 0).then(pl.lit("up")).otherwise(pl.lit("down")), y=0.0
    )
    first = pl.concat([planted.steady(), easy])
    second = first.with_columns(
        split=pl.when(pl.col("id") >= 90_000).then(pl.lit("test")).otherwise("split")
    )
    evaluation = planted.evaluated_step(tmp_path / "p", first, second)
    found = told(evaluation)[Topic.CAUSE]
    assert found.named[0] == "leakage"
    assert "leakage" in found.text
    parts = sums_up(evaluation)
    assert parts["leakage"] > 0.03
    assert f"{parts['leakage']:+.4f}" in found.text


def test_pure_noise_is_called_noise(tmp_path):
    first = planted.steady(3)
    second = planted.redrawn(planted.redrawn(first, 3, "test"), 4, "train")
    found = told(planted.evaluated_step(tmp_path / "p", first, second))
    assert found[Topic.METRIC].named == found[Topic.CAUSE].named == ()
    assert "consistent with chance" in found[Topic.METRIC].text
    assert "no cause can be named" in found[Topic.CAUSE].text.lower()


def test_nothing_is_named_where_nothing_changed(tmp_path):
    first = planted.steady()
    found = told(planted.evaluated_step(tmp_path / "p", first, first))
    assert not any(sentence.named for sentence in found.values())
    assert "no instance changed" in found[Topic.DATA].text
    assert "neither the model nor the test set" in found[Topic.CAUSE].text.lower()


def test_the_group_that_regressed_is_told_with_its_filters_though_the_whole_is_level(tmp_path):
    evaluation = project(tmp_path / "p", flips=regression)
    found = told(evaluation)
    assert not found[Topic.METRIC].named
    worst = chameleon.changed_slices(evaluation, before="1", after="2").worse[0]
    assert found[Topic.GROUP].named == ("worse",)
    assert found[Topic.GROUP].filters == worst.filters
    assert "label 'cat'" in found[Topic.GROUP].text
    assert f"{worst.accuracy_before:.1%} → {worst.accuracy_after:.1%}" in found[Topic.GROUP].text
    # the predictions are given, and the data is the same
    assert "a model change" in found[Topic.DATA].text


def test_a_step_of_given_predictions_is_not_blamed_on_the_data(tmp_path):
    frame = planted.steady()
    truth = frame["label"].to_list()
    random = np.random.default_rng(0)
    worse = [("down" if w else t) for w, t in zip(random.random(len(truth)) < 0.4, truth,
                                                  strict=True)]  # fmt: skip
    said = {
        name: pl.DataFrame({"id": frame["id"], "prediction": guess})
        for name, guess in (("1", truth), ("2", worse))
    }
    folder = planted.write_project(
        tmp_path / "p", {"1": frame, "2": frame.head(990)}, predictions=said
    )
    found = told(evaluated(folder))
    assert found[Topic.CAUSE].named == ("model",)
    assert "by its data or by its code" in found[Topic.CAUSE].text
    assert "a mixed change" in found[Topic.DATA].text


def test_a_version_without_test_rows_has_no_cause_and_says_why(tmp_path):
    first = planted.steady()
    found = told(planted.evaluated_step(tmp_path / "p", first, first.filter(TRAINED)))
    assert Topic.CAUSE not in found
    assert "Version 2 has no test rows." in found[Topic.METRIC].text


INF = math.inf


@pytest.mark.parametrize(
    ("labels", "limits", "words"),
    [
        (("cat",), chameleon.Range(60, 90), "label 'cat' and 'age' 60 to 90"),
        ((), chameleon.Range(3.2, INF), "'age' at least 3.2"),
        ((), chameleon.Range(3.2, INF, open=True), "'age' above 3.2"),
        ((), chameleon.Range(-INF, 3.2), "'age' below 3.2"),
        ((), chameleon.Range(-INF, 3.2, closed=True), "'age' at most 3.2"),
        ((), chameleon.Range(-INF, INF), "'age' any number"),
    ],
)
def test_a_group_names_the_ends_of_its_range(labels, limits, words):
    age = chameleon.FeatureFilter("age", ranges=(limits,))
    filters = chameleon.Filters(labels=labels, features=(age,))
    assert group_words(filters, {"age": Kind.NUMBER}) == words
