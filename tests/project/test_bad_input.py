"""Bad input: a message that names file, version and column; the rest stays usable."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chameleon.project import Severity
from tests import internals as chameleon
from tests.library import (
    TREE,
    WRITERS,
    errors_of,
    evaluated,
    examples,
    messages,
    plain,
    temporary_project,
    write_project,
)

GOOD = {"good": plain(), "later": plain(x=[i * 0.5 for i in range(20)])}


def told_of(tmp_path, frame: pl.DataFrame, *, form: str = "parquet") -> str:
    """The errors of a project of which one version is bad; the others must be usable."""
    folder = write_project(tmp_path / "p", {**GOOD, "bad": frame}, form=form, toml=TREE)
    project = chameleon.open_project(folder)
    assert [v.name for v in project.versions] == ["good", "later"]
    assert chameleon.evaluate(project).has_outcomes
    (finding,) = [p for p in project.findings if p.severity is Severity.ERROR]
    assert (finding.version, finding.file) == ("bad", f"versions/bad.{form}")
    assert f"Version bad (versions/bad.{form})" in finding.message
    assert "left out" in finding.message
    return finding.message


NO_LABEL = ("'label'", "id, mood, split, x", "[columns]")
SPLIT = [*["train"] * 12, *["test"] * 7]


@pytest.mark.parametrize(
    ("frame", "form", "words"),
    [
        *(
            (plain().rename({"label": "mood"}), form, NO_LABEL)
            for form in ("parquet", "csv", "jsonl")
        ),
        *((plain().drop(role), "parquet", (f"'{role}'",)) for role in ("id", "split")),
        (plain(id=[*range(18), 0, 1]), "parquet", ("repeats 2 ids", "'id'", "'0'")),
        (plain(id=[None, None, *range(18)]), "parquet", ("2 of 20 rows", "'id'")),
        (plain(split=[*SPLIT, "holdout"]), "parquet", ("'split'", "'holdout'", "1 of 20", "train")),
        (plain(split=[*SPLIT, ""]), "parquet", ("'split'", "''", "1 of 20 rows", "train")),
        (plain(split=[*SPLIT, None]), "parquet", ("'split'", "1 of 20 rows", "train")),
        *((plain().clear(), form, ("no rows",)) for form in ("parquet", "csv", "csv.gz", "arrow")),
    ],
)
def test_a_version_whose_roles_are_unusable_is_left_out_with_the_reason(
    tmp_path, frame, form, words
):
    told = told_of(tmp_path, frame, form=form)
    for word in words:
        assert word in told


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_continuous_label_is_not_for_classification(tmp_path, form):
    frames = {
        name: frame.with_columns(label=pl.col("id") % 2 + 0.0) for name, frame in GOOD.items()
    }
    frames["bad"] = plain(60, label=[i / 7 for i in range(60)])
    folder = write_project(tmp_path, frames, form=form, toml=TREE)
    project = chameleon.open_project(folder)
    told = errors_of(project)
    for word in ("Version bad", "'label'", "60 different numbers", "for classification"):
        assert word in told
    assert [v.name for v in project.versions] == ["good", "later"]
    assert chameleon.evaluate(project).classes == ("0", "1")


def test_a_label_of_few_fractions_is_a_class(tmp_path):
    frame = plain(label=[0.5, 1.5] * 10)
    assert evaluated(write_project(tmp_path, {"1": frame}, toml=TREE)).classes == ("0.5", "1.5")


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe noise \x80\x81", b"PAR1PAR1", b"\n\n\n"])
def test_an_unreadable_file_is_left_out_and_named(tmp_path, form, content):
    folder = write_project(tmp_path, GOOD, toml=TREE)
    (folder / "versions" / f"bad.{form}").write_bytes(content)
    project = chameleon.open_project(folder)
    assert [v.name for v in project.versions] == ["good", "later"]
    told = errors_of(project)
    assert f"Version bad (versions/bad.{form})" in told
    assert str(tmp_path) not in told  # messages are shown to visitors
    if not content:
        assert "empty (0 bytes)" in told


@pytest.mark.parametrize("form", ["parquet", "csv.gz", "arrow", "feather"])
def test_a_file_cut_in_half_is_left_out_and_named(tmp_path, form):
    folder = write_project(tmp_path, {**GOOD, "bad": plain(500)}, form=form, toml=TREE)
    path = folder / "versions" / f"bad.{form}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    project = chameleon.open_project(folder)
    assert [v.name for v in project.versions] == ["good", "later"]
    assert f"Version bad (versions/bad.{form})" in errors_of(project)


def test_a_csv_with_too_many_cells_in_a_line_is_left_out(tmp_path):
    folder = write_project(tmp_path, GOOD, form="csv", toml=TREE)
    (folder / "versions" / "bad.csv").write_text("id,label,split,x\n1,a,train,1,2,3,4\n")
    project = chameleon.open_project(folder)
    assert "Version bad (versions/bad.csv)" in errors_of(project)


def test_a_column_named_twice_is_told(tmp_path):
    folder = write_project(tmp_path, {}, toml=TREE)
    lines = [f"{i},{'ab'[i % 2]},{i},{i * 2}" for i in range(20)]
    (folder / "versions" / "1.csv").write_text("\n".join(["id,label,x,x", *lines]))
    project = chameleon.open_project(folder)
    assert "repeats the column name 'x'" in messages(project.findings)


@pytest.mark.parametrize("bad", ["folder", "unreadable", "empty", "no folder", "file"])
def test_without_any_usable_version_the_error_says_what_was_found(tmp_path, bad):
    folder = tmp_path / "phones"
    if bad == "file":
        folder.write_text("")
    elif bad != "no folder":
        write_project(folder, {})
    if bad == "unreadable":
        (folder / "versions" / "1.parquet").write_bytes(b"noise")
    if bad == "empty":
        (folder / "versions" / "1.csv").write_bytes(b"")
    with pytest.raises(chameleon.ProjectError, match="phones") as raised:
        chameleon.open_project(folder)
    if bad in ("unreadable", "empty"):
        assert "Version 1 (versions/1." in str(raised.value)


def test_a_project_without_features_is_an_error_that_lists_the_columns(tmp_path):
    folder = write_project(tmp_path, {"1": plain().drop("x")})
    with pytest.raises(chameleon.ProjectError, match=r"no features.*id, label, split"):
        chameleon.open_project(folder)


# ---------------------------------------------------------------- odd, but usable


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"split": ["train"] * 20}, ["no test rows"]),
        ({"label": ["a"] * 20}, ["only one class", "'a'"]),
        ({"label": pl.Series([None] * 20, dtype=pl.String)}, ["no label"]),
        ({"split": ["test"] * 20}, ["no labeled train rows"]),
    ],
)
def test_what_a_version_lacks_is_told_and_its_data_shown(tmp_path, columns, words):
    folder = write_project(tmp_path, {**GOOD, "odd": plain(**columns)}, toml=TREE)
    project = chameleon.open_project(folder)
    assert not errors_of(project)
    told = messages(project.findings, Severity.WARNING)
    for word in ["Version odd (versions/odd.parquet)", *words]:
        assert word in told
    evaluation = chameleon.evaluate(project)
    line = chameleon.version_metrics(evaluation).row(2, named=True)
    assert line["instances"] == 20
    assert line["test_accuracy"] is None or line["test_instances"]
    assert line["test_accuracy"] is not None or line["test_accuracy_reason"]


VALUES = [
    [None] * 20,
    [float("nan")] * 20,
    [float("inf")] * 20,
    [float("inf"), float("-inf"), None, 1.5] * 5,
    [7.5] * 20,
    [7] * 20,
    ["same"] * 20,
    [None, "x"] * 10,
    [True] * 20,
    [dt.date(2020, 1, 1)] * 20,
    [f"text {i}" for i in range(20)],
    [dt.timedelta(days=i) for i in range(20)],
    [dt.time(i) for i in range(20)],
    [2**60 + i for i in range(20)],
    [1e150 * (-1) ** i for i in range(20)],
]
BOOSTING, LOGISTIC = "HistGradientBoostingClassifier", "LogisticRegression"
LARGEST = [1.7e308 * (-1) ** i for i in range(20)]


@pytest.mark.parametrize(
    ("values", "estimator"),
    [*((v, e) for v in VALUES for e in (BOOSTING, LOGISTIC)), (LARGEST, BOOSTING)],
)
def test_any_feature_is_counted_and_fitted(tmp_path, values, estimator):
    toml = f'[model]\nestimator = "{estimator}"\n'
    frames = {"1": plain(k=values), "2": plain(k=values[::-1])}
    evaluation = evaluated(write_project(tmp_path, frames, toml=toml))
    assert not errors_of(evaluation.dataset.project)
    assert (evaluation.predicted >= 0).all()
    frame = chameleon.feature_histograms(evaluation, primary="2", secondary="1")
    known = frame.filter(feature="k").select("primary_correct", "primary_incorrect").sum()
    assert sum(known.row(0)) == 20
    summary = chameleon.feature_summary(evaluation, primary="2", secondary="1")
    assert not summary.select(pl.col(pl.Float64).is_nan().any()).row(0)[0]


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Boolean, pl.Date, pl.Float64])
def test_a_typed_column_without_any_value_is_all_missing(tmp_path, dtype):
    frame = plain(k=pl.Series([None] * 20, dtype=dtype))
    evaluation = evaluated(write_project(tmp_path, {"1": frame}, toml=TREE))
    counts = chameleon.feature_histograms(evaluation, primary="1", secondary="1")
    missing = counts.filter(feature="k", bar="missing")
    assert missing.select("primary_correct", "primary_incorrect").sum().sum_horizontal()[0] == 20


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
    for number, frames in enumerate(({"1": odd}, {"1": plain(), "2": odd})):
        folder = write_project(tmp_path / str(number), frames, toml=TREE)
        try:
            evaluation = evaluated(folder)
        except chameleon.ChameleonError as error:
            told.append(str(error))
            continue
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
            evaluation = evaluated(folder)
        except chameleon.ChameleonError:
            return
        found = {feature.name for feature in evaluation.dataset.features}
        assert form == "csv" or found == set(names)
        frame = chameleon.feature_histograms(evaluation, primary="1", secondary="1")
        assert set(frame["feature"]) == found


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
