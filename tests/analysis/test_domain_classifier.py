"""Whether versions can be told apart: planted truths and what makes it undefined."""

import polars as pl
import pytest

from chameleon.analysis.two_sample_tests import FEWEST_ROWS, FOLDS
from tests.internals import domain_classifier
from tests.planted import looked_at, population

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
