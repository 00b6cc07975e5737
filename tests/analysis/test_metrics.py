"""Sizes and accuracies of versions against the oracle."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from scipy.stats import binomtest

from tests import internals as chameleon
from tests import oracle
from tests.library import TREE, evaluated, examples, plain, write_project
from tests.projects import opened, plans

SPLITS = ("train", "test", "validation")


def test_metrics_are_what_a_reader_counts(small):
    frame = chameleon.version_metrics(small)
    assert frame["version"].to_list() == ["v1", "v2", "v10"]
    assert frame["instances"].to_list() == [6, 6, 7]
    assert frame["train_instances"].to_list() == [4, 5, 4]
    assert frame["train_unknown"].to_list() == [1, 0, 1]
    assert frame["train_accuracy"].to_list() == [2 / 3, 1, 2 / 3]
    assert frame["test_instances"].to_list() == [2, 1, 3]
    assert frame["test_accuracy"].to_list() == [1 / 2, 1, 1 / 3]
    assert frame["validation_instances"].to_list() == [0, 0, 0]


@settings(max_examples=examples(60))
@given(plans())
def test_metrics_and_sizes_are_those_of_the_oracle_and_null_has_a_reason(plan):
    time = plan.timeline
    with opened(plan) as evaluation:
        frame = chameleon.version_metrics(evaluation)
        sizes = chameleon.version_sizes(evaluation)
    wanted = oracle.version_metrics(time)
    assert frame["version"].to_list() == list(wanted)
    for line in frame.iter_rows(named=True):
        for column, figure in wanted[line["version"]].items():
            assert line[column] == figure, (line["version"], column)
    for split in SPLITS:
        for metric in ("accuracy", "macro_f1", "log_loss", "roc_auc"):
            value, reason = frame[f"{split}_{metric}"], frame[f"{split}_{metric}_reason"]
            assert (value.is_null() == reason.is_not_null()).all()
            assert not value.is_nan().any()
    instances: Counter = Counter()
    correct: Counter = Counter()
    for version, rows in time.versions.items():
        for key, row in rows.items():
            place = (version, row.split, row.source)
            instances[place] += 1
            correct[place] += oracle.outcome(time, version, key, row) == "correct"
    found = {line[:3]: line[3:] for line in sizes.rows()}
    assert found == {place: (instances[place], correct[place]) for place in instances}


def test_dates_and_notes_are_those_of_the_settings(tmp_path):
    toml = TREE + (
        '[[versions]]\nfile = "versions/1.csv"\ndate = 2019-01-11\nnote = "first"\n'
        '[[versions]]\nfile = "versions/2.csv"\nname = "two"\ndate = "2019-02-01"\n'
    )
    folder = write_project(tmp_path, {"1": plain(), "2": plain()}, form="csv", toml=toml)
    frame = chameleon.version_metrics(evaluated(folder))
    assert frame.select("version", pl.col("date").cast(pl.String), "note").rows() == [
        ("1", "2019-01-11", "first"),
        ("two", "2019-02-01", None),
    ]


@pytest.mark.parametrize(("split", "metric"), [("test", "accuracy"), ("validation", "roc_auc")])
def test_no_rows_of_a_split_is_a_reason_and_never_0(tmp_path, split, metric):
    folder = write_project(tmp_path, {"1": plain(split=["train"] * 20)}, toml=TREE)
    frame = chameleon.version_metrics(evaluated(folder))
    assert frame[f"{split}_{metric}"].item() is None
    assert frame[f"{split}_{metric}_reason"].item() == "there are no such rows"


def test_intervals_of_accuracies_are_scipys_exact_ones(tmp_path):
    folder = write_project(tmp_path, {"1": plain(), "2": plain(40)}, toml=TREE)
    for row in chameleon.version_metrics(evaluated(folder)).iter_rows(named=True):
        count = row["test_instances"] - row["test_unknown"]
        right = round(row["test_accuracy"] * count)
        exact = binomtest(right, count).proportion_ci(method="exact")
        found = row["test_accuracy_low"], row["test_accuracy_high"]
        assert found == pytest.approx((exact.low, exact.high))
        assert row["validation_accuracy_low"] is row["validation_accuracy_high"] is None
