"""The objects of the interface: opening, comparing, printing, pickling, charts, and lists."""

import copy
import doctest
import importlib
import json
import pickle
import pkgutil
import re
import warnings

import altair as alt
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import chameleon
from chameleon import api
from tests.library import TREE, plain, write_project

ROWS = {"key": [*range(40)], "y": ["a", "b"] * 20, "x": [k * 0.5 for k in range(40)]}
MODEL = {"model": {"estimator": "DecisionTreeClassifier", "params": {"max_depth": 3}}}


# ---------------------------------------------------------------- opening


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame(ROWS), pl.LazyFrame(ROWS), pd.DataFrame(ROWS), pa.table(ROWS),
        pd.DataFrame(ROWS, index=[f"r{k}" for k in range(40)]),
    ],
    ids=["polars", "lazy", "pandas", "arrow", "pandas-index"],
)  # fmt: skip
def test_frames_of_every_library_open(frame):
    project = chameleon.open_project({"1": frame, "2": frame}, id="key", label="y")
    assert project.features == ("x",)
    assert project.path is None
    assert project.read("2")["key"].to_list() == ROWS["key"]
    assert project.compare().unchanged == 40


def test_files_open_by_version_name_in_their_order(tmp_path):
    pl.DataFrame(ROWS).write_csv(tmp_path / "new.csv")
    pl.DataFrame(ROWS).head(30).write_parquet(tmp_path / "old.parquet")
    paths = {"old": tmp_path / "old.parquet", "new": str(tmp_path / "new.csv")}
    project = chameleon.open_project(paths, id="key", label="y", name="mine")
    assert [version.name for version in project.versions] == ["old", "new"]
    assert project.name == "mine"
    assert project.compare().added == 10


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "a dict of version names"),
        (7, "found int"),
        ({"1": 3}, "Version 1: expected a frame"),
        ({"1": "/nowhere/x.csv"}, "Version 1: there is no file 'x.csv'"),
    ],
)  # fmt: skip
def test_other_data_is_refused(data, words):
    with pytest.raises(chameleon.ProjectError, match=words) as raised:
        chameleon.open_project(data)
    where = data == {"1": "/nowhere/x.csv"}
    assert (raised.value.version, raised.value.file) == (("1", "x.csv") if where else (None, None))


def test_settings_are_laid_over_the_file_and_keep_the_id(tmp_path):
    toml = '[columns]\nid = "key"\nlabel = "y"\n[model]\nestimator = "GaussianNB"\n'
    folder = write_project(tmp_path / "p", {"1": pl.DataFrame(ROWS)}, toml=toml)
    project = chameleon.open_project(folder, settings={"name": "other", **MODEL})
    assert project.settings["columns"] == {"id": "key", "label": "y"}
    assert project.settings["model"]["estimator"] == "DecisionTreeClassifier"
    assert project.features == ("x",)
    with pytest.raises(chameleon.ProjectError, match="no features"):
        chameleon.open_project(folder, ignore="x")


def test_a_written_settings_file_opens_alike(tmp_path):
    pl.DataFrame(ROWS).write_csv(tmp_path / "1.csv")
    project = chameleon.open_project(tmp_path, id="key", label="y", settings=MODEL)
    assert project.write_settings() == tmp_path / "chameleon.toml"
    assert chameleon.open_project(tmp_path) == project
    memory = chameleon.open_project({"1": pl.DataFrame(ROWS)}, id="key", label="y")
    with pytest.raises(chameleon.ProjectError, match="is in memory"):
        memory.write_settings()


def test_what_is_computed_stays_in_the_cache_folder(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain()}, toml=TREE)
    before = {path.name for path in folder.iterdir()}
    chameleon.open_project(folder, cache_dir=tmp_path / "cache").evaluate()
    assert {path.name for path in folder.iterdir()} == before
    assert any((tmp_path / "cache").iterdir())


def test_a_sample_opens_and_another_name_is_refused():
    assert chameleon.open_sample("logs").name == "logs"
    with pytest.raises(chameleon.SelectionError, match="name must be one of 'digits'"):
        chameleon.open_sample("digit")


# ---------------------------------------------------------------- one's own model


class Middle(ClassifierMixin, BaseEstimator):
    """A classifier that insists on numbers for labels, as some libraries do."""

    def fit(self, frame, labels):
        assert np.issubdtype(np.asarray(labels).dtype, np.integer)
        self.classes_ = np.unique(labels)
        self.middle_ = np.asarray(frame)[:, 0].mean()
        return self

    def predict(self, frame):
        return (np.asarray(frame)[:, 0] > self.middle_).astype(int)


def test_a_classifier_of_the_caller_is_fitted_for_every_version():
    frames = {name: pl.DataFrame(ROWS) for name in ("1", "2")}
    project = chameleon.open_project(frames, id="key", label="y")
    own = project.evaluate(model=Middle())
    assert set(own.predictions("2")["prediction"]) <= {"a", "b"}
    assert own != project.evaluate(model=Middle())  # no one knows whether they are alike
    assert own.models()["model"].to_list() == ["Middle", "Middle"]
    with pytest.raises(chameleon.ModelError, match="must be a classifier object"):
        project.evaluate(model=Middle)


def test_a_classifier_of_scikit_learn_is_the_same_as_its_name(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain(60)}, toml=TREE)
    project = chameleon.open_project(folder)
    tree = DecisionTreeClassifier(max_depth=3)
    plain_params = project.evaluate(model=tree)
    named = project.evaluate()
    assert plain_params.predictions("1").equals(named.predictions("1"))
    assert project.evaluate(model=tree).models()["origin"].to_list() == ["cached"]
    other = project.evaluate(model=LogisticRegression(max_iter=20))
    assert other != named
    assert other.model.startswith("LogisticRegression")


def test_predictions_of_the_caller_replace_the_model():
    frames = {name: pl.DataFrame(ROWS) for name in ("1", "2")}
    project = chameleon.open_project(frames, id="key", label="y")
    said = pd.DataFrame({"key": ROWS["key"], "prediction": ["a"] * 40})
    own = project.evaluate(predictions={"2": said})
    assert own.models()["origin"].to_list() == ["none", "external"]
    assert own.version("2").errors(scope="all")["errors"].to_list() == [20, 0]
    with pytest.raises(chameleon.SelectionError, match="no version '3'"):
        project.evaluate(predictions={"3": said})


# ---------------------------------------------------------------- value objects


def objects(evaluation):
    step, version = evaluation.step(), evaluation.version()
    return [
        evaluation.project, evaluation, step, version, evaluation.instance("digit-0003"),
        step.filter(split="test"), evaluation.exclusion_lists,
    ]  # fmt: skip


def test_objects_compare_hash_and_pickle_by_value(digits):
    for one, same in zip(objects(digits), objects(digits), strict=True):
        assert one == same
        assert hash(one) == hash(same)
        assert pickle.loads(pickle.dumps(one)) == one
        assert copy.copy(one) == one
    assert len(set(objects(digits))) == len(objects(digits))
    assert digits.step() != digits.step().filter(split="test")


def test_results_compare_by_identity(digits):
    first, second = digits.step().data(), digits.step().data()
    assert first == first
    assert first != second
    assert first.to_dict() == second.to_dict()


def test_a_repr_is_a_line_and_html_is_a_table_without_scripts(digits):
    step = digits.step()
    results = [
        step.data(), step.prediction_changes(), step.attribution(), step.slices(), step.summary(),
        step.gate(max_drop=0.9),
    ]  # fmt: skip
    for one in [*objects(digits), *results]:
        assert len(repr(one)) <= 200
        assert "\n" not in repr(one)
        assert repr(one).startswith("<")
        if hasattr(one, "_repr_html_"):
            assert one._repr_html_().startswith("<table>")


def test_html_escapes_every_value():
    hostile = "<img src=x onerror=alert(1)>"
    frame = pl.DataFrame({**ROWS, "y": [hostile, "b"] * 20})
    evaluation = chameleon.open_project({hostile: frame}, id="key", label="y", settings=MODEL)
    for one in (evaluation, evaluation.evaluate(), evaluation.evaluate().version()):
        assert "<img" not in one._repr_html_()
        assert "&lt;img" in one._repr_html_()


def test_nothing_of_a_result_is_left_out_of_its_dict(digits):
    found = digits.step("1.8", "1.9").prediction_changes().to_dict()
    assert json.loads(json.dumps(found))["negative_flips"]["count"] == 39
    assert found["frame"][0]["flip"] == "still_correct"


# ---------------------------------------------------------------- charts


def charts(evaluation):
    step, version = evaluation.step("v2", "v10"), evaluation.version("v10")
    for owner in (evaluation.plot, step.plot, version.plot):
        for name in dir(owner):
            if not name.startswith("_"):
                yield f"{type(owner).__name__}.{name}", getattr(owner, name)
    for result in (step.data(), step.prediction_changes(), step.attribution()):
        yield f"{type(result).__name__}.plot", result.plot
    yield "Instance.plot", evaluation.instance("g").plot


def test_every_chart_is_altairs_and_has_data(small):
    for name, plot in charts(small):
        chart = plot()
        assert isinstance(chart, (alt.Chart, alt.LayerChart)), name
        assert chart.to_dict(validate=False), name


def test_a_chart_of_versions_keeps_their_order(digits):
    spec = json.dumps(digits.plot.metrics().to_dict())
    places = [spec.index(f'"version": "1.{k}"') for k in range(12)]
    assert places == sorted(places)
    assert '"sort": null' in spec or '"sort": [' in spec


# ---------------------------------------------------------------- exclusion lists


def test_exclusion_lists_are_a_mapping_in_the_project_folder(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain(30)}, toml=TREE)
    evaluation = chameleon.open_project(folder).evaluate()
    lists = evaluation.exclusion_lists
    broken = lists.create("broken")
    with pytest.warns(UserWarning, match="1 of 3 ids are in no version, such as 'nobody'"):
        assert broken.add(["1", "2", "nobody"], reason="=1+1") == 3
    assert broken.add(["2"]) == 0
    assert broken.discard(["1", "other"]) == 1
    assert (list(lists), "broken" in lists, len(broken)) == (["broken"], True, 2)
    again = chameleon.open_project(folder).evaluate().exclusion_lists["broken"]
    assert again.entries.drop("added").to_dicts() == broken.entries.drop("added").to_dicts()
    broken.rename("gone")
    assert (broken.name, list(lists)) == ("gone", ["gone"])
    members = broken.members("2")
    assert members.select("instance", "known", "present").rows() == [
        ("2", True, True), ("nobody", False, False),
    ]  # fmt: skip
    assert broken.counts("2").filter(by="version")["instances"].to_list() == [1]
    lists.delete("gone")
    with pytest.raises(chameleon.SelectionError, match="no exclusion list 'gone'"):
        lists["gone"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_written_list_is_read_back(tmp_path, ending):
    folder = write_project(tmp_path / "p", {"1": plain()}, toml=TREE)
    lists = chameleon.open_project(folder).evaluate().exclusion_lists
    made = lists.create("l")
    made.add(["1", "2"], reason="=1+1")
    path = made.write(tmp_path / f"l.{ending}")
    back = lists.read(path, "back")
    assert back.entries.drop("added").equals(made.entries.drop("added"))
    with pytest.raises(chameleon.SelectionError, match=r"\.csv or \.parquet"):
        made.write(tmp_path / "l.txt")


def test_duplicate_and_missing_ids_in_a_file_are_warned_of(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain()}, toml=TREE)
    (tmp_path / "ids.csv").write_text("id\n1\n1\n\n2\n", encoding="utf-8")
    lists = chameleon.open_project(folder).evaluate().exclusion_lists
    with pytest.warns(UserWarning, match="1 repeated"):
        found = lists.read(tmp_path / "ids.csv", "l")
    assert found.entries["instance"].to_list() == ["1", "2"]


def test_the_code_of_a_list_leaves_exactly_its_members_out(tmp_path, monkeypatch):
    folder = write_project(tmp_path / "p", {"1": plain()}, toml=TREE)
    lists = chameleon.open_project(folder).evaluate().exclusion_lists
    made = lists.create("l")
    made.add(["3", "4"])
    monkeypatch.chdir(folder)
    for library in ("polars", "pandas"):
        scope = {}
        exec(made.code("1", library=library), scope)
        assert sorted(scope["kept"]["id"]) == sorted(set(range(20)) - {3, 4})


# ---------------------------------------------------------------- documentation


MODULES = [f"chameleon.api.{one.name}" for one in pkgutil.iter_modules(api.__path__)]


@pytest.mark.parametrize("module", ["chameleon", *MODULES])
@pytest.mark.usefixtures("fresh_samples")
def test_examples_show_what_comes_back(module):
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = doctest.testmod(importlib.import_module(module), optionflags=flags)
    assert found.failed == 0


def test_each_class_has_an_example():
    for name in chameleon.__all__:
        one = getattr(chameleon, name)
        if isinstance(one, type) and not issubclass(one, Exception) and name != "Version":
            assert re.search(r"^ *>>>", one.__doc__ or "", re.MULTILINE), name


def test_a_column_that_may_be_the_id_is_named():
    frame = pl.DataFrame({"customer_id": [7, 8, 9, 10], "label": ["a", "b"] * 2, "x": [1, 2, 3, 4]})
    findings = chameleon.open_project({"1": frame}).findings()
    (message,) = [text for text in findings["message"] if "No id column" in text]
    assert message.endswith("Column 'customer_id' may be one.")


def test_a_missing_label_is_asked_for_as_an_argument_too():
    frame = pl.DataFrame({"id": [1, 2], "churned": ["a", "b"], "x": [1, 2]})
    words = r"no label column\. Columns found: .*churned.*pass `label=` to `open_project`"
    with pytest.raises(chameleon.ProjectError, match=words):
        chameleon.open_project({"1": frame})
    with pytest.raises(chameleon.ProjectError, match="'churn' is named as label, but no version"):
        chameleon.open_project({"1": frame}, label="churn")
