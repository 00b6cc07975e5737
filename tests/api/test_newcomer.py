"""What a newcomer met: wrong data, misunderstood arguments, and what the interface says to them."""

import gc
import inspect
import pickle
import re
from typing import ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.tree import DecisionTreeClassifier

import chameleon
from tests.library import plain, write_project

TREE = {"model": {"estimator": "DecisionTreeClassifier", "params": {"max_depth": 3}}}
GOOD = plain(40)
UNUSABLE = {
    "duplicate ids": pl.concat([GOOD, GOOD.head(3)]),
    "missing ids": GOOD.with_columns(id=pl.when(pl.col("id") > 3).then("id")),
    "no rows": GOOD.head(0),
    "no label": GOOD.drop("label"),
}


def opened(frames, **settings):
    return chameleon.open_project(frames, settings=TREE, **settings)


# ---------------------------------------------------------------- versions that are left out


@pytest.mark.parametrize("frame", UNUSABLE.values(), ids=UNUSABLE)
def test_a_version_that_is_left_out_is_named_everywhere(frame):
    project = opened({"1.0": GOOD, "1.1": plain(50), "1.2": frame})
    evaluation = project.evaluate()
    for found in (project.findings(), evaluation.findings(severity="error")):
        assert found["version"].to_list()[0] == "1.2"
        assert found["severity"].to_list()[0] == "error"
    for one in (project, evaluation):
        assert "2 versions (1.0 to 1.1; 1.2 left out)" in repr(one)
    for default in (evaluation.step, evaluation.version, project.compare):
        with pytest.warns(UserWarning, match=r"Version 1\.2 .*left out.* without it: .*1\.1\."):
            default()
    gate = evaluation.step("1.0", "1.1").gate(max_drop=0.9, findings="error")
    assert gate.frame.row(0, named=True)["check"] == "every version could be read"
    assert not gate.passed
    with pytest.raises(chameleon.GateError, match=r"1 version left out: Version 1\.2"):
        gate.raise_for_failure()


def test_a_table_that_repeats_an_interval_has_findings(tmp_path):
    rows = GOOD.with_columns(since=pl.lit("1.0"), until=pl.lit(None, pl.String))
    again = rows.head(2).with_columns(since=pl.lit("1.1"))
    path = tmp_path / "table.csv"
    pl.concat([rows, again]).write_csv(path)
    project = chameleon.open_project(path, version="since", reading="since", settings=TREE)
    assert "error" in project.findings()["severity"].to_list()


def test_a_step_between_usable_versions_doesn_t_warn(recwarn):
    project = opened({"0": UNUSABLE["no rows"], "1": GOOD, "2": plain(50)})
    project.evaluate().step()
    project.compare("1", "2")
    assert not recwarn.list


def test_a_repr_counts_the_warnings_of_the_findings(small, digits):
    for project in (small.project, digits.project):
        found = project.findings(severity="warning")
        assert f", {len(found)} warning" in repr(project)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((1.1, None), "named by text, such as '1.1'; found 1.1"),
        ((None, 1), "named by text, such as '1'; found 1"),
        (("2", None), "Version 2 is the newest. Pass it as `after`"),
        ((None, "1"), "No version precedes 1"),
    ],
)
def test_a_step_of_versions_that_are_none_is_refused(names, words):
    evaluation = opened({"1": GOOD, "2": plain(50)}).evaluate()
    with pytest.raises(chameleon.SelectionError, match=words):
        evaluation.step(*names)
    with pytest.raises(chameleon.SelectionError, match=words):
        evaluation.project.compare(*names)
    assert evaluation.step("2", "2").data().unchanged == 50
    assert [str(version) for version in evaluation.versions] == ["1", "2"]


def test_one_version_alone_has_no_step():
    with pytest.raises(chameleon.SelectionError, match="needs two versions; found 1 only"):
        opened({"1": GOOD}).evaluate().step()


# ---------------------------------------------------------------- filters


@pytest.fixture(scope="module")
def step() -> chameleon.Step:
    before = plain(60, y=[k % 7 for k in range(60)], source=["s", "t", "u"] * 20)
    after = plain(70, y=[k % 9 for k in range(70)], source=["s", "t"] * 35)
    after = after.with_columns(label=pl.when(pl.col("id") % 11 > 0).then("label"))
    return opened({"1": before, "2": after}).evaluate().step()


def answer(step, name):
    """What a method of a step returns, as plain values."""
    options = {
        "edited_values": {"feature": "y"}, "gate": {"max_drop": 0.5},
        "training_attribution": {"repeats": 0},
    }  # fmt: skip
    found = getattr(step, name)(**options.get(name, {}))
    return str(found.to_dict() if hasattr(found, "to_dict") else found)


METHODS = [
    name
    for name, found in inspect.getmembers(chameleon.Step, inspect.isfunction)
    if not name.startswith("_") and name not in ("filter", "restrict", "write_instances", "link")
]
NARROWED = {
    "filtered": lambda step: step.filter(label="a", y=[0, 1, 2]),
    "of its own kind": lambda step: step.filter(change="edited", flip="still_correct"),
    "of no instance": lambda step: step.filter(instances=[]),
    "restricted": lambda step: step.restrict(before={"label": "a"}, after={"source": "t"}),
}


@pytest.mark.parametrize("how", NARROWED)
@pytest.mark.parametrize("name", METHODS)
def test_a_method_heeds_the_filters_or_says_that_it_can_t(step, name, how):
    narrowed = NARROWED[how](step)
    assert narrowed.unfiltered == step
    try:
        assert answer(narrowed, name) != answer(step, name)
    except chameleon.SelectionError:
        with pytest.raises(chameleon.SelectionError, match=rf"Use `unfiltered\.{name}`"):
            answer(narrowed, name)


def test_a_refit_and_a_view_over_the_timeline_heed_the_filters_or_say_that_they_can_t(step):
    version = step.evaluation.version().filter(label="a")
    with pytest.raises(chameleon.SelectionError, match=r"Use `unfiltered\.refit_without`"):
        version.refit_without(["1"])
    evaluation, restricted = step.evaluation, NARROWED["restricted"](step)
    with pytest.raises(chameleon.SelectionError, match=r"`where\.unfiltered`"):
        evaluation.sensitivity(where=restricted)
    chosen = step.filter(sensitivity=0)
    assert evaluation.sensitivity(scope="all", where=chosen)["instances"].sum() == chosen.count()


def test_changes_of_matching_instances_add_up(step):
    narrowed = step.filter(source="s")
    found, rows = narrowed.data(), narrowed.instances()
    assert found.shared == rows.filter(presence="both").height
    assert found.edited_features["edited"].max() == narrowed.edits()["instances"].max()
    both = found.overlaps["relabeled_and_edited"]
    relabeled = repr(narrowed.filter(change="relabeled").data())
    assert relabeled.startswith(f"<DataChanges: {found.relabeled} relabeled, {both} edited")


EMPTY = ([], (), set(), pl.Series([], dtype=pl.String), np.array([]))


@pytest.mark.parametrize("values", EMPTY, ids=lambda v: type(v).__name__)
def test_no_value_matches_nothing(step, values):
    for name in ("instances", "label", "flip", "change", "split", "source", "x", "class_change"):
        assert step.filter(**{name: values}).count() == 0, name
    assert step.filter(features={"x": values}, label="a").count() == 0


@pytest.mark.parametrize(
    "ids",
    [
        [3, 5], ["3", "5"], {3, 5}, np.array([3, 5]), np.array([3.0, 5.0]), pl.Series([3, 5]),
        pd.Series(["3", "5"]), pl.DataFrame({"instance": ["3", "5"]}),
        pd.DataFrame({"instance": [3, 5]}),
    ],
    ids=lambda value: f"{type(value).__module__}.{type(value).__name__}",
)  # fmt: skip
def test_ids_may_be_of_any_type_and_container(step, ids):
    assert step.filter(instances=ids).instances()["instance"].to_list() == ["3", "5"]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"x": (2, 3)}, r"may be a range or two values\. Pass Range\(2, 3\)"),
        ({"lable": "a"}, "no condition and no feature 'lable'. Did you mean 'label'"),
        ({"ids": [3]}, "Did you mean 'instances'"),
        ({"id": 3}, "Did you mean 'instances'"),
        ({"X": 1}, "Features: Choose one of: x, y"),
        ({"instances": GOOD}, "needs the column 'instance'. Columns found: id, label"),
        ({"instances": 1234}, "no instance '1234'"),
    ],
)
def test_a_misunderstood_condition_is_refused_with_what_to_write(step, condition, words):
    with pytest.raises(chameleon.SelectionError, match=words):
        step.filter(**condition)


@pytest.mark.parametrize("expression", ["x > 2", GOOD["x"] > 2, lambda row: row.x > 2])
def test_an_expression_is_one_of_polars(step, expression):
    with pytest.raises(chameleon.SelectionError, match=r"such as pl\.col\('x'\) > 2"):
        step.filter(expression)


def test_html_counts_the_default_scope(step):
    version = step.evaluation.version()
    for one in (version, version.filter(split="train"), step, NARROWED["restricted"](step)):
        assert one._repr_html_().startswith("<table>")
    rows = version.errors()["instances"].to_list()
    assert all(f"<td>{count}</td>" in version._repr_html_() for count in rows)


# ---------------------------------------------------------------- models and predictions


def said(frame, **columns):
    return frame.select("id", prediction="label", **columns)


def test_a_model_and_predictions_exclude_each_other():
    project = opened({"1": GOOD})
    with pytest.raises(chameleon.ModelError, match="either `model` or `predictions`"):
        project.evaluate(model=DecisionTreeClassifier(), predictions={"1": said(GOOD)})


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (GOOD.select("id", pred="label"), "has no column 'prediction'. Columns found: id, pred"),
        (GOOD.select(prediction="label"), r"has no column 'id' \(id\)"),
        (said(GOOD).with_columns(id=pl.col("id") + 1000), "40 ids that no version contains"),
        (pl.concat([said(GOOD), said(GOOD)]), "repeats 40 ids"),
    ],
)
def test_predictions_that_no_version_can_use_are_refused(frame, words):
    with pytest.raises(chameleon.ModelError, match=f"No version has usable predictions.*{words}"):
        opened({"1": GOOD}).evaluate(predictions={"1": frame})


def test_predictions_keep_the_data_and_its_folder(tmp_path):
    evaluation = opened({"1": GOOD}).evaluate(predictions={"1": said(GOOD)})
    gc.collect()  # the project that was opened is gone
    assert evaluation.project.read("1").height == evaluation.version().instances().height
    folder = write_project(tmp_path / "p", {"1": GOOD})
    own = chameleon.open_project(folder).evaluate(predictions={"1": said(GOOD)})
    assert own.project.path == folder
    own.exclusion_lists.create("kept")
    assert "kept" in chameleon.open_project(folder).evaluate().exclusion_lists


class Seen(DecisionTreeClassifier):
    """A tree that remembers what it was fitted on."""

    fitted: ClassVar[list] = []

    def fit(self, rows, labels):
        self.fitted.append((rows, labels))
        return super().fit(rows, labels)


def test_a_model_sees_what_the_documentation_says():
    gaps = plain(40, y=[None if k == 7 else float(k) for k in range(40)], z=["u", "v"] * 20)
    opened({"1": gaps}).evaluate(model=Seen())
    rows, labels = Seen.fitted[-1]
    train = gaps.filter(split="train").with_columns(pl.col("y").fill_null(pl.col("y").median()))
    assert (type(rows), rows.dtype, rows.shape) == (np.ndarray, np.float64, (train.height, 5))
    scaled = [(c - c.mean()) / c.std(ddof=0) for c in (train["x"], train["y"])]
    for place, column in enumerate(scaled):
        assert sorted(rows[:, place]) == pytest.approx(sorted(column))
    assert set(np.unique(rows[:, 3:])) == {0, 1}
    assert len(np.unique(rows[:, 2])) == 2  # missing or not
    assert sorted(labels) == sorted((train["label"] == "b").cast(int))


def test_predictions_of_a_version_may_be_of_its_rows_only(digits):
    rows = digits.predictions("1.9", present_only=True)
    assert rows.height == 1455
    accuracy = (rows.filter(split="test")["outcome"] == "correct").mean()
    assert accuracy == digits.metrics().filter(version="1.9")["accuracy"][0]


# ---------------------------------------------------------------- gates, lists, and refits


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "checks nothing. Name a limit"),
        ({"max_drop": 1}, "max_drop is a share below 1, such as 0.01 for one point; found 1"),
        ({"max_drop": 5, "metric": "macro_f1"}, "found 5"),
        ({"max_negative_flips": 2.0}, "max_negative_flips is a share"),
        ({"max_drop": 0.1, "metric": "recall"}, "A recall is of a class. Choose one of: a, b"),
    ],
)
def test_a_gate_without_a_limit_is_refused(step, limits, words):
    with pytest.raises(chameleon.SelectionError, match=words):
        step.gate(**limits)


def test_a_gate_names_the_metric_and_its_direction(step):
    checks = [
        step.gate(max_drop=0.5, metric="recall", of_class="a"),
        step.gate(max_drop=5, metric="log_loss"),
    ]
    assert [gate.frame["check"][0] for gate in checks] == ["recall of a drop", "log loss rise"]


def test_a_list_takes_ids_columns_and_frames_and_warns_of_unknown_ids(step):
    version = step.evaluation.version()
    made = step.evaluation.exclusion_lists.create("odd")
    assert made.add("10") == made.add(11) == 1
    assert made.add(version.instances(limit=3)) == 3
    assert made.discard(pl.Series([10, 11])) == 2
    with pytest.warns(UserWarning, match="1 of 2 ids are in no version, such as 'nope'"):
        made.add(["1", "nope"])
    with pytest.raises(chameleon.SelectionError, match="needs the column 'instance'"):
        made.add(GOOD)


def test_a_refit_takes_a_list_its_name_ids_or_a_frame(step):
    version = step.evaluation.version()
    made = step.evaluation.exclusion_lists.create("few")
    made.add([0, 1, 2])
    frame = version.instances(limit=None).filter(pl.col("instance").is_in(["0", "1", "2"]))
    for instances in (made, "few", [0, 1, 2], frame, frame["instance"]):
        assert version.refit_without(instances).frame["removed"].sum() == 3
    with pytest.raises(chameleon.SelectionError, match=r"no exclusion list 'fwe'.*few.*\['fwe'\]"):
        version.refit_without("fwe")
    with pytest.warns(UserWarning, match="1 of 2 ids are in no version"):
        version.refit_without(["0", "nope"])


# ---------------------------------------------------------------- summaries and features


def test_figures_of_a_feature_are_in_the_rows_of_their_split(step):
    found = step.features()
    by_split = {key[0]: part for key, part in found.group_by("split")}
    assert by_split["train"]["js_distance"].null_count() == 0
    assert by_split["test"]["js_distance"].null_count() == by_split["test"].height
    assert by_split["train"]["error_unevenness"].null_count() == by_split["train"].height
    assert by_split["test"]["error_unevenness"].null_count() == 0


def test_contributions_that_cancel_out_are_not_said_to_be_chance():
    draw = np.random.default_rng(9)
    x, z = draw.normal(size=(2, 620))
    label = np.where(x + draw.normal(scale=0.6, size=620) > 0, "a", "b")
    split = draw.choice(["train", "test"], p=[0.7, 0.3], size=620)
    frame = pl.DataFrame({"id": range(620), "label": label, "split": split, "x": x, "z": z})
    shifted = frame.with_columns(pl.col("x") + 0.4)
    step = opened({"1": frame, "2": shifted}).evaluate().step()
    found, text = step.attribution(), str(step.summary())
    model = found.frame.row(by_predicate=pl.col("contribution") == "model", named=True)
    assert found.ci_low <= 0 <= found.ci_high
    assert model["ci_high"] < 0
    assert found.is_ambiguous
    assert "No cause can be named: the model (-0.0452) and test-set (+0.0452)" in text
    assert "aren't clear of noise at 99%" in text
    assert "the attribution is ambiguous" in text


# ---------------------------------------------------------------- ids


PADDED = GOOD.with_columns(id=pl.col("id").cast(pl.String).str.zfill(5))
NO_IDS = GOOD.drop("id")
IDENTITIES = {
    "leading zeros": (PADDED, GOOD, "has 40 ids that version 1 writes in another form"),
    "numbers": (GOOD, GOOD.with_columns(pl.col("id").cast(pl.Float64) + 0.0), None),
    "some zeros": (
        pl.concat([PADDED, PADDED.with_columns(id="x" + pl.col("id"))]),
        pl.concat(
            [GOOD.with_columns(pl.col("id").cast(pl.String)),
             PADDED.with_columns(id="x" + pl.col("id"))]
        ),
        "has 40 ids that version 1 writes in another form, such as '0' for '00000'",
    ),
    "other ids": (GOOD, plain(40).with_columns(pl.col("id") + 500), "check that 'id' identifies"),
    "no ids": (NO_IDS, NO_IDS.with_columns(pl.col("x") + 1), r"id = \"customer_id\".*reset_index"),
    "few new": (GOOD, plain(50), None),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "words"), IDENTITIES.values(), ids=IDENTITIES)
def test_ids_that_changed_their_form_are_a_warning(before, after, words):
    project = opened({"1": before, "2": after})
    found = project.findings(severity="warning").filter(kind="changed ids")
    assert found["version"].to_list() == ([] if words is None else ["2"])
    assert words is None or re.search(words, found["message"][0])


# ---------------------------------------------------------------- data in memory and settings


def test_messages_say_that_a_frame_is_in_memory():
    project = opened({"1": GOOD, "2": UNUSABLE["duplicate ids"]})
    assert project.findings()["message"][0].startswith("Version 2 (in memory) repeats 3 ids")
    assert "<td>in memory</td>" in project._repr_html_()
    evaluation = opened({"1": GOOD, "2": plain(50)}).evaluate(predictions={"1": said(GOOD)})
    assert evaluation.findings()["message"].to_list() == [
        "Version 2 (in memory) has no predictions: its outcomes are unknown."
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "found an empty dict"),
        (GOOD, r"found DataFrame. Name the version of one frame, \{'1': frame\}"),
    ],
)
def test_data_that_names_no_version_is_refused(data, words):
    with pytest.raises(chameleon.ProjectError, match=words):
        chameleon.open_project(data)


def test_an_index_of_pandas_with_a_name_is_a_column():
    frames = {name: plain(n).to_pandas().set_index("id") for name, n in (("1", 40), ("2", 50))}
    project = opened(frames)
    assert project.features == ("x",)
    assert project.compare().added == 10


def test_a_frame_is_a_table_of_versions():
    rows = [
        frame.with_columns(batch=pl.lit(name)) for name, frame in (("1", GOOD), ("2", plain(50)))
    ]
    table = pl.concat(rows)
    project = opened(table, version="batch", reading="snapshot")
    assert [version.name for version in project.versions] == ["1", "2"]
    assert project.compare().to_dict() == opened({"1": GOOD, "2": plain(50)}).compare().to_dict()
    assert pickle.loads(pickle.dumps(project)).read("2").equals(project.read("2"))
    assert project.path is None


def test_a_parameter_of_a_passed_model_is_said_to_be_its_own():
    with pytest.raises(chameleon.ModelError, match=r"max_depth.*or in the model that you pass"):
        opened({"1": GOOD}).evaluate(model=DecisionTreeClassifier(max_depth=-1))


def test_settings_with_comments_are_not_overwritten(tmp_path):
    write_project(tmp_path, {"1": GOOD}, toml="# mine\n[columns]\nid = 'id'\n")
    project = chameleon.open_project(tmp_path)
    with pytest.raises(chameleon.ProjectError, match=r"may have comments\. Pass"):
        project.write_settings()
    path = project.write_settings(overwrite=True)
    assert path.read_text(encoding="utf-8") == project.settings_toml()
    assert project.write_settings() == path
