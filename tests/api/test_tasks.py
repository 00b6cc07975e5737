"""What a new user wants to do, each in at most five lines."""

import ast
import inspect
import textwrap

import polars as pl
import pytest

import chameleon
from tests.library import TREE, plain, write_project


@pytest.fixture
def folder(tmp_path):
    frames = {
        name: plain(count).rename({"id": "customer_id", "label": "churned"})
        for name, count in (("1.2", 40), ("1.10", 50))
    }
    return write_project(tmp_path / "csvs", frames, form="csv", toml=TREE)


@pytest.fixture
def evaluation(folder):
    return chameleon.open_project(folder, id="customer_id", label="churned").evaluate()


@pytest.fixture
def step(evaluation):
    return evaluation.step()


def task_open_a_folder_with_an_unusual_id_and_label(folder):
    project = chameleon.open_project(folder, id="customer_id", label="churned")
    assert project.features == ("x",)


def task_metrics_in_timeline_order(evaluation):
    assert evaluation.metrics()["version"].to_list() == ["1.2", "1.10"]
    assert evaluation.plot.metrics("accuracy").to_dict()


def task_what_changed_as_counts_and_rows(step):
    assert step.data().added == 10
    assert step.filter(change="added").instances()["instance"].to_list()[0] == "40"


def task_model_or_test_set(step):
    verdict = step.summary().verdict
    contributions = step.attribution().frame["contribution"].to_list()
    assert verdict
    assert "model" in contributions


def task_drifted_features(step):
    assert step.drift().filter("drifted")["feature"].dtype == pl.String


def task_regressed_instances_joined_to_ones_own_frame(step, evaluation):
    regressed = step.filter(split="test", flip="regressed").instances()
    mine = evaluation.project.read("1.10").join(regressed, on="instance")
    assert mine["customer_id"].dtype == pl.Int64


def task_errors_by_class(step):
    assert step.errors(by="label")["label"].unique().sort().to_list() == ["a", "b"]


def task_a_slice_by_two_conditions(step):
    found = step.filter(label="a", x=chameleon.Range(3, 20)).prediction_changes()
    assert found.negative_flips.total > 0


def task_ones_own_predictions(evaluation):
    mine = evaluation.project.read("1.10").select("customer_id", prediction="churned")
    own = evaluation.project.evaluate(predictions={"1.10": mine})
    assert own.version("1.10").errors()["errors"].sum() == 0


def task_mislabeled_rows_to_a_list_and_a_file(evaluation, tmp_path):
    issues = evaluation.version("1.10").label_issues()
    wrong = evaluation.exclusion_lists.create("wrong-labels")
    wrong.add(issues.frame["instance"].head(2), reason="label issue")
    assert wrong.write(tmp_path / "wrong.csv").is_file()


def task_a_gate_in_ci(step, tmp_path):
    gate = step.gate(max_drop=0.9, max_leaked=0, findings="error")
    gate.write_json(tmp_path / "gate.json")
    gate.raise_for_failure()


TASKS = [found for name, found in globals().items() if name.startswith("task_")]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.__name__.removeprefix("task_"))
def test_a_task_takes_at_most_five_lines(task, request):
    tree = ast.parse(textwrap.dedent(inspect.getsource(task)))
    assert len(tree.body[0].body) <= 5
    task(**{name: request.getfixturevalue(name) for name in inspect.signature(task).parameters})


def test_a_gate_that_fails_says_why(digits, tmp_path):
    gate = digits.step("1.8", "1.9").gate(max_drop=0.01, max_leaked=0, findings="error")
    assert gate.frame["passed"].to_list() == [False, True, True]
    words = r"1\.8 → 1\.9 failed 1 of 3 checks: accuracy drop 0\.078 > 0\.010"
    with pytest.raises(chameleon.GateError, match=words):
        gate.raise_for_failure()


def test_a_gate_that_must_be_certain_asks_for_the_whole_interval(digits):
    step = digits.step("1.8", "1.9")
    found = step.attribution()
    limit = (-found.change + -found.ci_high) / 2  # between the interval's end and the change
    assert not step.gate(max_drop=limit).passed
    assert step.gate(max_drop=limit, certain=True).passed
    with pytest.raises(chameleon.ProjectError, match="has no version"):
        step.evaluation.project.evaluate(predictions={})
    first = step.evaluation.project.read("1.9").select("id", prediction="label")
    unknown = step.evaluation.project.evaluate(predictions={"1.9": first})
    assert not unknown.step("1.8", "1.9").gate(max_drop=0.9).passed  # undefined
