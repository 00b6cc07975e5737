"""Which steps changed the data, which the model code, and what is then blamed on what."""

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chameleon.analysis import IterationOf, attribute_training, iteration_of
from tests import internals as chameleon
from tests.analysis.test_training import frames
from tests.library import TREE, evaluated, write_project

OWN = 'model = { estimator = "LogisticRegression", params = { C = 0.25 } }'
FIRST, SECOND = frames(1, flip=30)


def listed(*names, own=()):
    """The settings of a tree, and of a regression in versions of its own."""
    text = TREE
    for name in names:
        text += f'\n[[versions]]\nname = "{name}"\nfile = "versions/{name}.parquet"\n'
        text += OWN + "\n" if name in own else ""
    return text


def opened(folder, versions, own=()):
    toml = listed(*versions, own=own)
    return evaluated(write_project(folder, versions, toml=toml))


@pytest.mark.parametrize(
    ("second", "own", "expected"),
    [
        (FIRST, (), IterationOf.NOTHING),
        (FIRST.filter(pl.col("split") == "train"), (), IterationOf.NOTHING),
        (SECOND, (), IterationOf.DATA),
        (FIRST, ("2",), IterationOf.MODEL),
        (SECOND, ("2",), IterationOf.MIXED),
        (SECOND, ("1", "2"), IterationOf.DATA),
    ],
)
def test_a_step_is_told_by_its_train_rows_and_its_code(tmp_path, second, own, expected):
    evaluation = opened(tmp_path / "p", {"1": FIRST, "2": second}, own)
    assert iteration_of(evaluation, before="1", after="2") is expected
    told = chameleon.attribute_change(evaluation, before="1", after="2", resamples=0)
    assert told.iteration is expected


def test_nothing_is_blamed_on_train_data_where_the_code_differs(tmp_path):
    evaluation = opened(tmp_path / "p", {"1": FIRST, "2": SECOND}, ("2",))
    found = attribute_training(evaluation, before="1", after="2", repeats=0)
    assert (found.parts.height, found.total, found.fits) == (0, None, 0)
    assert "different model code" in found.reason


def test_train_data_is_taken_apart_with_the_code_that_both_versions_have(tmp_path):
    evaluation = opened(tmp_path / "p", {"1": FIRST, "2": SECOND}, ("1", "2"))
    found = attribute_training(evaluation, before="1", after="2", repeats=0)
    whole = chameleon.attribute_change(evaluation, before="1", after="2", resamples=0)
    (model,) = whole.parts.filter(part="model")["value"]
    assert found.total == pytest.approx(model, abs=1e-12)


def test_a_version_is_fitted_with_its_own_code_and_the_others_with_the_fixed_one(tmp_path):
    evaluation = opened(tmp_path / "p", {"1": FIRST, "2": FIRST}, ("2",))
    dataset = evaluation.dataset
    train = FIRST.filter(pl.col("split") == "train").sort(pl.col("id").cast(pl.String))
    plain = make_pipeline(StandardScaler(), LogisticRegression(C=0.25, random_state=0))
    plain.fit(train.select("x", "y").to_numpy(), train["label"].to_numpy())
    expected = plain.predict(FIRST.select("x", "y").to_numpy())
    rows = dataset.row_of_instance(1)
    ids = dataset.instance_ids.cast(pl.Int64).to_numpy()
    said = np.array(evaluation.classes)[evaluation.predicted[1][rows]]
    assert said.tolist() == expected[ids].tolist()
    assert (evaluation.predicted[0] != evaluation.predicted[1]).any()
    assert "version 2: LogisticRegression(C=0.25)" in evaluation.model


def test_an_own_model_trains_only_its_version(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # nobody else's models
    folder = write_project(tmp_path / "p", {"1": FIRST, "2": SECOND}, toml=listed("1", "2"))
    first = evaluated(folder)
    (folder / "chameleon.toml").write_text(listed("1", "2", own=("2",)))
    second = evaluated(folder)
    assert second.fitted == ("2",)
    assert (first.predicted[0] == second.predicted[0]).all()


@pytest.mark.parametrize(
    ("second", "data", "cause"),
    [
        (FIRST, "a model change", "by its code alone"),
        (SECOND, "a mixed change", "by its data or by its code"),
    ],
)
def test_the_summary_blames_no_data_where_the_code_changed(tmp_path, second, data, cause):
    folder = tmp_path / "p"
    toml = listed("1", "2", own=("2",)).replace("LogisticRegression", "DummyClassifier")
    toml = toml.replace("C = 0.25", 'strategy = "most_frequent"')
    evaluation = evaluated(write_project(folder, {"1": FIRST, "2": second}, toml=toml))
    told = chameleon.step_summary(evaluation, before="1", after="2")
    assert data in told[0].text
    assert cause in told[2].text
    assert told[2].named == ("model",)
