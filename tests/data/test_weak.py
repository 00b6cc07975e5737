"""Columns of label probabilities and votes: found or named, checked, never features."""

import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from chameleon.data import evolving_dataset
from chameleon.project import Limits, Severity, require_allowed
from tests import internals as chameleon
from tests.data.test_dataset import assert_equal
from tests.library import TREE, evaluated, messages, plain, write_project

P = [k / 40 for k in range(20)]  # none is a tie
PROBABILITIES = {"label_proba_a": P, "label_proba_b": [1 - p for p in P]}


def weak(**columns):
    return plain(**{**PROBABILITIES, **columns})


def opened(folder, frames, toml=TREE, **options):
    return chameleon.open_project(write_project(folder, frames, toml=toml, **options))


# ---------------------------------------------------------------- found, or named


def test_columns_are_found_by_their_names_and_told(tmp_path):
    project = opened(tmp_path, {"1": weak(label_vote_r=["a"] * 20)})
    assert project.roles.label_probabilities == (("a", "label_proba_a"), ("b", "label_proba_b"))
    assert project.roles.votes == (("r", "label_vote_r"),)
    assert list(project.kinds) == ["x"]
    told = messages(project.findings, Severity.NOTE)
    assert "2 columns are taken for label probabilities by the name (label_proba_a" in told
    assert "1 column is taken for votes of labeling functions by the name (label_vote_r)" in told


@pytest.mark.parametrize(
    "name", ["label_proba", "label_proba_", "proba_a", "p_label_a", "LABEL_PROBA_a", "vote_count",
             "lf_power", "label_votes", "label_vote_"],
)  # fmt: skip
def test_what_only_looks_alike_stays_a_feature(tmp_path, name):
    project = opened(tmp_path, {"1": plain(**{name: P})})
    assert list(project.kinds) == [name, "x"]
    assert project.roles.weak == ()


NAMINGS = {
    "templates": 'label_probabilities = "p_{class}"\nvotes = "lf_{rule}"',
    "one by one": 'label_probabilities = { a = "p_a", b = "p_b" }\nvotes = ["lf_r"]',
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_columns_are_named_and_then_need_no_telling(tmp_path, naming):
    frame = weak(label_vote_r=["a"] * 20).rename(
        {"label_proba_a": "p_a", "label_proba_b": "p_b", "label_vote_r": "lf_r"}
    )
    project = opened(tmp_path, {"1": frame}, f"[columns]\n{NAMINGS[naming]}\n{TREE}")
    assert project.roles.label_probabilities == (("a", "p_a"), ("b", "p_b"))
    assert [column for _, column in project.roles.votes] == ["lf_r"]
    assert list(project.kinds) == ["x"]
    assert not project.findings


def test_an_empty_list_lets_them_be_features(tmp_path):
    toml = f"[columns]\nlabel_probabilities = {{}}\nvotes = []\n{TREE}"
    project = opened(tmp_path, {"1": weak(label_vote_r=["a"] * 20)}, toml)
    assert list(project.kinds) == ["label_proba_a", "label_proba_b", "label_vote_r", "x"]
    assert evolving_dataset(project).weak is None


def test_ignored_columns_and_those_with_another_role_are_never_found(tmp_path):
    toml = f'[columns]\nignore = ["label_vote_r"]\nsource = "label_vote_s"\n{TREE}'
    frame = plain(label_vote_r=["a"] * 20, label_vote_s=["lab"] * 20)
    project = opened(tmp_path, {"1": frame}, toml)
    assert project.roles.weak == ()
    assert list(project.kinds) == ["x"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("label_probabilities = 3", "[columns] 'label_probabilities' must be"),
        ('label_probabilities = "p"', "{class}"),
        ('label_probabilities = "{class}"', "{class}"),
        ('label_probabilities = ["p_a"]', "the column of every class"),
        ("label_probabilities = { a = 1 }", "the column of every class"),
        ("votes = true", "[columns] 'votes' must be"),
        ('votes = "lf"', "{rule}"),
        ("votes = [1]", "a list of columns"),
        (
            'label_probabilities = { a = "gone" }',
            "'gone' is named as label probability, but",
        ),
        ('votes = ["gone"]', "'gone' is named as votes, but no version"),
        ('votes = ["label"]', "'label' has two roles"),
        ('votes = ["x", "x"]', "'x' has two roles"),
        ('label_probabilities = { a = "x", b = "x" }', "'x' has two roles"),
    ],
)
def test_settings_that_cannot_be_used_say_so(tmp_path, line, words):
    folder = write_project(tmp_path, {"1": plain()}, toml=f"[columns]\n{line}\n{TREE}")
    with pytest.raises(chameleon.ProjectError) as raised:
        chameleon.open_project(folder)
    assert words in str(raised.value)


# ---------------------------------------------------------------- the label of probabilities


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_without_a_label_column_the_likeliest_class_is_the_label(tmp_path, form):
    p = [0.9, 0.5, None, *[0.2] * 17]
    frame = plain(label_proba_a=p, label_proba_b=[None if v is None else 1 - v for v in p])
    project = opened(tmp_path, {"1": frame.drop("label")}, form=form)
    dataset = evolving_dataset(project)
    labels = dict(zip(dataset.instance_ids, dataset.labels(np.arange(20)), strict=True))
    assert [labels[str(k)] for k in range(4)] == ["a", None, None, "b"]
    told = messages(project.findings)
    assert "No label column was found" in told
    assert "several largest label probabilities in 1 of 20 rows" in told
    assert "no label in 2 of 20 rows" in told
    evaluation = chameleon.evaluate(project)
    assert chameleon.version_metrics(evaluation)["train_accuracy"][0] is not None
    assert dataset.weak.derived


def test_a_version_without_them_then_has_no_labels_and_is_kept(tmp_path):
    frames = {"1": weak().drop("label"), "2": plain().drop("label")}
    project = opened(tmp_path, frames)
    assert [version.name for version in project.versions] == ["1", "2"]
    assert "no label in any of its 20 rows" in messages(project.findings)


def test_without_label_and_probabilities_a_project_is_refused(tmp_path):
    with pytest.raises(chameleon.ProjectError, match="no label column"):
        opened(tmp_path, {"1": plain(label_vote_r=["a"] * 20).drop("label")})


def test_without_id_split_and_label_column_it_opens_all_the_same(tmp_path):
    frames = {"1": weak().select("x", *PROBABILITIES), "2": plain().select("x")}
    evaluation = evaluated(write_project(tmp_path, frames, toml=TREE))
    assert evaluation.dataset.present.sum(axis=1).tolist() == [20, 20]
    assert evaluation.dataset.instance_count == 20  # known by their features, whatever the label


def test_a_limit_on_classes_counts_those_of_the_probabilities(tmp_path):
    project = opened(tmp_path, {"1": weak().drop("label")})
    limits = replace(Limits(), probabilities=39)
    with pytest.raises(chameleon.ProjectError, match="2 classes of the label probabilities"):
        require_allowed(project, limits)


# ---------------------------------------------------------------- votes


def votes_of(tmp_path, votes, **columns):
    evaluation = evaluated(
        write_project(tmp_path, {"1": plain(label_vote_r=votes, **columns)}, toml=TREE)
    )
    found = [chameleon.weak_label_of(evaluation, str(k), "1").votes["r"] for k in range(len(votes))]
    return found, messages(evaluation.findings)


@pytest.mark.parametrize("kind", [pl.Float64, pl.String])
def test_numbers_are_places_among_the_probabilities_and_that_is_told(tmp_path, kind):
    votes = pl.Series([0, 1, -1, None, 2] * 4).cast(kind)
    found, told = votes_of(tmp_path, votes, **PROBABILITIES)
    assert found[:5] == ["a", "b", None, None, "2"]  # there is no third class
    assert "0 as 'a', 1 as 'b'" in told
    assert "names, such as '2', in 4 of 20 rows" in told


def test_numbers_are_names_where_a_class_has_a_number_for_a_name(tmp_path):
    columns = {"label": [1, 2] * 10, "label_proba_1": P, "label_proba_2": [1 - p for p in P]}
    found, told = votes_of(tmp_path, [1, 2, 0, -1] * 5, **columns)
    assert found[:4] == ["1", "2", "0", None]
    assert "read as places" not in told
    assert "such as '0', in 5 of 20 rows" in told


def test_a_number_of_thousands_of_digits_is_a_class_of_its_own(tmp_path):
    long = "9" * 5_000
    found, told = votes_of(tmp_path, ["0", long, None, "a"] * 5, **PROBABILITIES)
    assert found[:4] == ["a", long, None, "a"]
    assert "0 as 'a'." in told


def test_minus_one_is_a_vote_where_it_is_a_class(tmp_path):
    found, told = votes_of(tmp_path, [1, -1, None, 1] * 5, label=[1, -1] * 10)
    assert found[:4] == ["1", "-1", None, "1"]
    assert "only a missing vote abstains" in told


def test_votes_that_are_no_votes_are_refused(tmp_path):
    count = 33_000
    frame = plain(count, label_vote_r=[f"text {k}" for k in range(count)])
    with pytest.raises(chameleon.VersionError, match="these are no votes"):
        evaluated(write_project(tmp_path, {"1": frame}, toml=TREE))


# ---------------------------------------------------------------- kept with the rows


@pytest.mark.parametrize("column", ["label_proba_a", "label_vote_r"])
def test_a_change_of_one_makes_a_row_and_is_no_edit(tmp_path, column):
    # as no other test has it, so that its model is not kept yet
    x = [k * k / len(column) for k in range(20)]
    first = weak(x=x, label_vote_r=["a"] * 20)
    if column == "label_vote_r":
        second = weak(x=x, label_vote_r=["b", *["a"] * 19])
    else:
        second = first.with_columns(
            label_proba_a=pl.Series([1.0, *P[1:]]),
            label_proba_b=pl.Series([0.0, *(1 - p for p in P[1:])]),
        )
    evaluation = evaluated(
        write_project(tmp_path, {"1": first, "2": second, "3": first}, toml=TREE)
    )
    dataset = evaluation.dataset
    assert dataset.row_count == 20 + 1  # and coming back costs nothing
    assert dataset.present.sum(axis=1).tolist() == [20, 20, 20]
    step = chameleon.compare_data(dataset.project, before="1", after="2")
    counts = (step.edited, step.relabeled, step.changed_split, step.unchanged)
    assert counts == (0, 0, 0, 20)
    matrix = chameleon.prediction_changes(evaluation, primary="2", secondary="1")
    assert matrix["edited"].sum() == 0
    assert matrix["instances"].sum() == 20
    assert evaluation.fitted == ("1",)  # the same features and labels: one model


def test_the_rest_of_the_dataset_is_as_if_they_were_not_there(tmp_path):
    bare = {"1": plain(), "2": plain(24, x=[float(k) for k in range(24)])}
    full = {
        "1": weak(label_vote_r=["a", None] * 10),
        "2": bare["2"].with_columns(label_vote_r=pl.lit("b")),
    }
    one, other = (
        evaluated(write_project(tmp_path / name, frames, toml=TREE))
        for name, frames in (("bare", bare), ("full", full))
    )
    versions = {"primary": "2", "secondary": "1"}
    for name in ("feature_histograms", "feature_summary", "prediction_changes", "data_changes",
                 "feature_drift"):  # fmt: skip
        ask = getattr(chameleon, name)
        assert ask(one, **versions).equals(ask(other, **versions)), name
    assert chameleon.version_metrics(one).equals(chameleon.version_metrics(other))
    hashes = [set(e.dataset.content_hashes().tolist()) for e in (one, other)]
    assert hashes[0] == hashes[1]


def test_what_is_read_from_disk_equals_what_was_built(tmp_path):
    folder = write_project(tmp_path, {"1": weak(label_vote_r=["a", None] * 10)}, toml=TREE)
    built, read = (evolving_dataset(chameleon.open_project(folder)) for _ in range(2))
    assert_equal(built, read)
    shutil.rmtree(folder / ".chameleon")
    assert_equal(built, evolving_dataset(chameleon.open_project(folder)))
    assert built.weak.probabilities.dtype == np.float32
    assert built.weak.votes.dtype == np.int16


def test_one_table_with_a_version_column_holds_them_too(tmp_path):
    first, second = weak(v=["1"] * 20), weak(v=["2"] * 20).drop(*PROBABILITIES)
    pl.concat([first, second], how="diagonal").write_parquet(tmp_path / "data.parquet")
    address = f"{tmp_path / 'data.parquet'}?version=v&reading=snapshot"
    dataset = evolving_dataset(chameleon.open_project(address))
    for number, known in enumerate((20, 0)):
        rows = dataset.rows_of(number)
        assert dataset.weak.has_probabilities(rows).sum() == known
