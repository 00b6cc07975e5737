"""The types a user's checker sees: `mypy` checks this file, and nothing runs it."""

import datetime as dt
from pathlib import Path
from typing import Literal, assert_type

import polars as pl

import chameleon
from chameleon import results, types

project = assert_type(chameleon.open_project("p", id="key", label="y"), chameleon.Project)
assert_type(chameleon.open_project({"1": pl.DataFrame()}), chameleon.Project)
assert_type(chameleon.open_sample("digits"), chameleon.Project)
assert_type(project.name, str)
assert_type(project.path, Path | None)
assert_type(project.versions, tuple[chameleon.Version, ...])
assert_type(project.features, tuple[str, ...])
assert_type(project.read("1"), pl.DataFrame)
assert_type(project.findings(severity="error"), pl.DataFrame)
assert_type(project.compare("1", "2"), results.DataChanges)
assert_type(project.settings_toml(), str)
assert_type(project.write_settings(overwrite=True), Path)

evaluation = assert_type(project.evaluate(progress=True), chameleon.Evaluation)
assert_type(evaluation.between("1", "2"), chameleon.Evaluation)
assert_type(evaluation.version(), chameleon.VersionEvaluation)
assert_type(evaluation.steps(), list[chameleon.Step])
assert_type(evaluation.instance(7), chameleon.Instance)
assert_type(evaluation.from_link("http://x/?primary=1"), chameleon.Step)
assert_type(evaluation.metrics(split=None), pl.DataFrame)
assert_type(evaluation.sizes(), pl.DataFrame)
assert_type(evaluation.predictions("1", present_only=True), pl.DataFrame)
assert_type(evaluation.models(), pl.DataFrame)
assert_type(evaluation.drift(reference="first", split="train"), pl.DataFrame)
assert_type(evaluation.histograms("x"), pl.DataFrame)
assert_type(evaluation.sensitivity(count="class", scope="all"), pl.DataFrame)
assert_type(evaluation.sensitive_instances(limit=3), pl.DataFrame)
assert_type(evaluation.fixed_test_set("1", metric="recall", of_class="a"), pl.DataFrame)
assert_type(evaluation.cross_test(metric="log_loss"), pl.DataFrame)
assert_type(evaluation.golden_predictions(), pl.DataFrame)
assert_type(evaluation.findings(), pl.DataFrame)
assert_type(evaluation.classes, tuple[str, ...])

step = assert_type(evaluation.step("1", "2"), chameleon.Step)
assert_type(step.before, chameleon.Version)
assert_type(step.change_type, Literal["data", "model", "mixed", "nothing", "unknown"])
narrowed = step.filter(
    pl.col("x") > 1, split="test", label=["a", None], source="s", outcome="incorrect",
    date=chameleon.Range(dt.date(2024, 1, 1), None), change=["added", "edited"], edited="x",
    flip="regressed", class_change=("a", "b"), confusion=[("a", "b")], failure_set="fixed",
    sensitivity=[2, 3], cell="3,4", vote={"lf": "a"}, vote_change={"lf": "changed"},
    label_probability={"a": chameleon.Range(0.5, 1.0)}, instances=["1"], excluded="broken",
    read="before", age=chameleon.Range(18, 30, "left"),
)  # fmt: skip
assert_type(narrowed, chameleon.Step)
assert_type(narrowed.count(), int)
assert_type(narrowed.unfiltered, chameleon.Step)
assert_type(step.restrict(after={"source": "s"}), chameleon.Step)
assert_type(step.instances(features=["x"], limit=3), pl.DataFrame)
assert_type(step.write_instances("x.csv"), Path)
assert_type(step.histograms(by="label"), pl.DataFrame)
assert_type(step.features(), pl.DataFrame)
assert_type(step.confusion(scope="train"), pl.DataFrame)
assert_type(step.errors("source"), pl.DataFrame)
assert_type(step.embedding(by="date"), pl.DataFrame)
assert_type(step.link(), str)
assert_type(step.data(by="split"), results.DataChanges)
assert_type(step.kinds(), pl.DataFrame)
assert_type(step.edits(), pl.DataFrame)
assert_type(step.edited_values("x"), pl.DataFrame)
assert_type(step.edited_instances(), pl.DataFrame)
assert_type(step.drift(permutations=5), pl.DataFrame)
assert_type(step.group_drift("removed"), pl.DataFrame)
assert_type(step.domain_classifier(), results.DomainClassifierResult)
assert_type(step.prediction_changes(by="label"), results.PredictionChanges)
assert_type(step.prediction_changes().churn, results.Proportion)
assert_type(step.class_changes(), pl.DataFrame)
assert_type(step.failure_sets(), pl.DataFrame)
assert_type(step.slices(), results.Slices)
assert_type(step.attribution(metric="macro_f1"), results.Attribution)
assert_type(step.training_attribution(by="source"), results.TrainingAttribution)
assert_type(step.training_cost(), results.Cost)
assert_type(step.summary(), results.StepSummary)
assert_type(step.gate(metric="recall", of_class="a", max_drop=0.01), results.Gate)

version = evaluation.version("1")
assert_type(version.filter(outcome="incorrect"), chameleon.VersionEvaluation)
assert_type(version.ranked_errors("label_issue", limit=5), pl.DataFrame)
assert_type(version.label_issues(), results.LabelIssues)
assert_type(version.correlations(), pl.DataFrame)
assert_type(version.refit_without(["1"]), results.Refit)
assert_type(version.refit_without("broken"), results.Refit)

instance = evaluation.instance("1")
assert_type(instance.versions(), pl.DataFrame)
assert_type(instance.rows(), pl.DataFrame)
assert_type(instance.quantiles("1"), pl.DataFrame)
assert_type(instance.neighbors("1", limit=3), pl.DataFrame)
assert_type(instance.weak_label("1"), pl.DataFrame | None)

lists = assert_type(evaluation.exclusion_lists, chameleon.ExclusionLists)
broken = assert_type(lists["broken"], chameleon.ExclusionList)
assert_type(lists.create("x"), chameleon.ExclusionList)
assert_type(lists.read("x.csv", "x"), chameleon.ExclusionList)
assert_type(broken.add(["1"], reason="r"), int)
assert_type(broken.add_rule(step), int)
assert_type(broken.discard(["1"]), int)
assert_type(broken.add(version.instances()), int)
assert_type(broken.discard_rule(1), bool)
assert_type(broken.members("1"), pl.DataFrame)
assert_type(broken.counts("1"), pl.DataFrame)
assert_type(broken.code("1", library="pandas"), str)
assert_type(broken.write("x.csv"), Path)

scope: types.Scope = "validation"
assert_type(step.weak_labels.by_class(), pl.DataFrame)
assert_type(step.weak_labels.vote_changes(), pl.DataFrame)
