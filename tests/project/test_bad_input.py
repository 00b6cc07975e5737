"""Bad input: a message that names file, version and column; the rest stays usable."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.data import evolving_dataset
from tests import internals as chameleon
from tests.library import (
    TREE,
    WRITERS,
    errors_of,
    evaluated,
    examples,
    plain,
    temporary_project,
    write_project,
)

GOOD = {"good": plain(), "later": plain(x=[i * 0.5 for i in range(20)])}


def test_a_project_without_features_is_an_error_that_lists_the_columns(tmp_path):
    folder = write_project(tmp_path, {"1": plain().drop("x")})
    with pytest.raises(chameleon.ProjectError, match=r"no features.*id, label, split"):
        chameleon.open_project(folder)


# ---------------------------------------------------------------- odd, but usable

VALUES = {
    "missing": [None] * 20,
    "nan": [float("nan")] * 20,
    "infinite": [float("inf")] * 20,
    "mixed": [float("inf"), float("-inf"), None, 1.5] * 5,
    "constant": [7.5] * 20,
    "integer": [7] * 20,
    "text": ["same"] * 20,
    "half": [None, "x"] * 10,
    "true": [True] * 20,
    "day": [dt.date(2020, 1, 1)] * 20,
    "free": [f"text {i}" for i in range(20)],
    "span": [dt.timedelta(days=i) for i in range(20)],
    "time": [dt.time(i) for i in range(20)],
    "big": [2**60 + i for i in range(20)],
    "large": [1e150 * (-1) ** i for i in range(20)],
    **{
        f"no {dtype}": pl.Series([None] * 20, dtype=dtype)
        for dtype in (pl.String, pl.Categorical, pl.Boolean, pl.Date, pl.Float64)
    },
}
LARGEST = {"largest": [1.7e308 * (-1) ** i for i in range(20)]}


@pytest.mark.parametrize(
    ("estimator", "values"),
    [("HistGradientBoostingClassifier", VALUES | LARGEST), ("LogisticRegression", VALUES)],
)
def test_any_feature_is_counted_and_fitted(tmp_path, estimator, values):
    toml = f'[model]\nestimator = "{estimator}"\n'
    frames = {"1": plain(**values), "2": plain(**{n: v[::-1] for n, v in values.items()})}
    evaluation = evaluated(write_project(tmp_path, frames, toml=toml))
    assert not errors_of(evaluation.dataset.project)
    assert (evaluation.predicted >= 0).all()
    frame = chameleon.feature_histograms(evaluation, primary="2", secondary="1")
    count = pl.sum_horizontal("primary_correct", "primary_incorrect")
    known = dict(frame.group_by("feature").agg(count.sum()).rows())
    assert known == dict.fromkeys(["x", *values], 20)
    absent = dict(frame.filter(bar="missing").group_by("feature").agg(count.sum()).rows())
    assert {absent[name] for name in values if name.startswith("no ")} == {20}
    summary = chameleon.feature_summary(evaluation, primary="2", secondary="1")
    assert not summary.select(pl.col(pl.Float64).is_nan().any()).row(0)[0]


ODD_COLUMNS = {
    "lists": [[1, 2]] * 20,
    "structs": [{"a": 1}] * 20,
    "bytes": [b"\xff\x00"] * 20,
    "times": [dt.time(1, 2)] * 20,
    "durations": [dt.timedelta(1)] * 20,
    "dates": [dt.date(2020, 1, 1)] * 20,
    "booleans": [True, False] * 10,
    "floats": [0.5, float("nan")] * 10,
    "empty": [None] * 20,
    "texts": ["", "\n", "🦎", "a,b", '"'] * 4,
    "categories": pl.Series(["a", "b"] * 10, dtype=pl.Categorical),
    "decimals": pl.Series([1, 2] * 10).cast(pl.Decimal(10, 2)),
    "big": [2**63, 1] * 10,
}


@pytest.mark.parametrize("name", ODD_COLUMNS)
@pytest.mark.parametrize("role", ["id", "label", "split", "date", "source", "x"])
def test_any_column_in_any_role_is_used_or_is_an_error_of_ours(tmp_path, role, name):
    odd = plain(**{role: ODD_COLUMNS[name]})
    told: list[str] = []
    try:
        evolving_dataset(chameleon.open_project(write_project(tmp_path / "1", {"1": odd})))
    except chameleon.ChameleonError as error:
        told.append(str(error))
    try:
        evaluation = evaluated(write_project(tmp_path / "2", {"1": plain(), "2": odd}, toml=TREE))
    except chameleon.ChameleonError as error:
        told.append(str(error))
    else:
        newest = evaluation.dataset.versions[-1].name
        chameleon.feature_histograms(evaluation, primary=newest, secondary="1")
        chameleon.compare_data(evaluation.dataset.project, before="1", after=newest)
        chameleon.version_metrics(evaluation)
    assert all(role in message or "no features" in message for message in told)


def test_without_an_id_a_version_may_lack_every_feature(tmp_path):
    frames = {"1": plain().drop("id"), "2": plain().drop("id", "x")}
    evaluation = evaluated(write_project(tmp_path, frames, toml=TREE))
    assert evaluation.dataset.present.sum(axis=1).tolist() == [20, 20]


NAMES = st.text(min_size=1, max_size=5).filter(lambda name: name.casefold() not in USUAL)
USUAL = {"id", "instance_id", "uid", "key", "label", "target", "y", "y_true", "class"} | {
    "ground_truth", "split", "partition", "subset", "date", "source",
}  # fmt: skip


@settings(max_examples=examples(30))
@given(st.lists(NAMES, min_size=1, max_size=3, unique=True), st.sampled_from(["parquet", "csv"]))
def test_features_may_have_any_name(names, form):
    values = {name: [i * (k + 0.5) for i in range(20)] for k, name in enumerate(names)}
    frame = plain(**values).drop("x" if "x" not in names else [])
    with temporary_project({"1": frame}, form=form, toml=TREE) as folder:
        try:
            dataset = evolving_dataset(chameleon.open_project(folder))
        except chameleon.ChameleonError:
            return
        assert form == "csv" or {feature.name for feature in dataset.features} == set(names)


@settings(max_examples=examples(40))
@given(st.binary(max_size=60), st.sampled_from(list(WRITERS)))
def test_any_bytes_are_read_or_are_an_error_of_ours(content, form):
    with temporary_project(GOOD, toml=TREE) as folder:
        (folder / "versions" / f"bad.{form}").write_bytes(content)
        project = chameleon.open_project(folder)
        assert [v.name for v in project.versions] == ["good", "later"]
        assert "Version bad" in errors_of(project)


@settings(max_examples=examples(60))
@given(st.text(alphabet="[]{}=\"'\n.,#abcdemnostuvlir_ 019-", max_size=40))
def test_any_settings_are_read_or_are_an_error_of_ours(text):
    with temporary_project({"1": plain()}, toml=text) as folder:
        try:
            project = chameleon.open_project(folder)
        except chameleon.ChameleonError:
            return
        assert [v.name for v in project.versions] == ["1"]


def test_labels_and_ids_of_any_text_are_kept_apart(tmp_path):
    labels = ["a", "A", " a", "a ", "", "\n", "ä", "nan", "None", "0"]
    frame = plain(label=labels * 2, id=[f"{i}" if i % 2 else f" {i}" for i in range(20)])
    evaluation = evaluated(write_project(tmp_path, {"1": frame}, toml=TREE))
    assert set(evaluation.dataset.classes) == set(labels)
    assert evaluation.dataset.instance_count == 20
    assert np.isin(evaluation.predicted, range(10)).all()
