"""What chameleon.toml may say, and how versions are named and ordered."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chameleon.project import (
    ModelSpec,
    Settings,
    Version,
    natural_order,
    read_settings,
    version_name,
)
from chameleon.project.records import natural_key
from tests import internals as chameleon
from tests.library import plain, write_project


def settings_of(tmp_path, text: str) -> object:
    (tmp_path / "chameleon.toml").write_text(text, encoding="utf-8")
    return read_settings(tmp_path)


def test_without_a_file_the_settings_are_the_defaults(tmp_path):
    folder = tmp_path / "phones"
    folder.mkdir()
    settings = read_settings(folder)
    assert settings.name == "phones"
    assert settings.model == ModelSpec(
        "HistGradientBoostingClassifier",
        {"random_state": 0, "early_stopping": False, "l2_regularization": 1.0},
    )
    assert (settings.columns, settings.ignored, settings.versions) == ({}, (), ())


def test_names_and_dates_of_versions_may_be_left_to_their_files_and_to_texts(tmp_path):
    settings = settings_of(
        tmp_path, "[[versions]]\nfile = 'versions/1.14.csv.gz'\ndate = '2019-02-01'\n"
    )
    day = dt.date(2019, 2, 1)
    assert settings.versions == (Version("1.14", day, None, "versions/1.14.csv.gz"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", ["chameleon.toml", "not valid TOML"]),
        (f"name = {'1' * 5_000}", ["chameleon.toml", "not valid TOML"]),
        ("[columns\n", ["not valid TOML", "line 1"]),
        ("name = 5", ["chameleon.toml: 'name' must be a text, found 5."]),
        ("columns = 5", ["[columns]", "table"]),
        ("model = 3", ["chameleon.toml: [model] must be a table, found 3."]),
        ("[columns]\nlabel = ['a', 'b']", ["'label'", "one column"]),
        ("[columns]\nid = []", ["'id'", "found []"]),
        ("[columns]\nid = [1]", ["'id'", "column name"]),
        ("[columns]\nignore = 3", ["'ignore'"]),
        ("[model]\nparams = 3", ["'params'", "random_state"]),
        ("[model]\nestimator = 3", ["'estimator'"]),
        ("[model]\nestimater = 'SVC'", ["'estimater'", "[model]", "'estimator'"]),
        ("versions = 3", ["[[versions]]"]),
        ("[[versions]]\nname = 'a'", ["number 1", "no file"]),
        ("[[versions]]\nfile = 'a.csv'\ndate = 'soon'", ["number 1", "2019-01-11", "soon"]),
        ("[[versions]]\nfile = 'a.csv'\nnote = 3", ["number 1 'note'", "found 3"]),
        ("[[versions]]\nfile = 'a.csv'\nname = 1.10", ["name", "quotes"]),
        ("[[versions]]\nfile = 'a.csv'\nname = ''", ["name"]),
        ("[[versions]]\nfile = 'a.csv'\nmodel = {}", ["number 1 'model' must be a table such as"]),
        ("colums = 3", ["unknown key 'colums'", "'columns'?", "It may hold"]),
        ("[columns]\nlables = 'y'", ["[columns]", "'lables'", "'label'", "It may hold"]),
        ("[[versions]]\nfile = 'a.csv'\ndata = 1", ["[[versions]] number 1", "'data'", "'date'"]),
        (
            "[[versions]]\nfile = 'a.csv'\nmodel = { parms = {} }",
            ["[[versions]] number 1 [model] has the unknown key 'parms'", "'params'?"],
        ),
        ("[viewer]\nkind = 'text'\ncolum = 'a'", ["[viewer]", "'column'"]),
    ],
)
def test_a_wrong_setting_is_an_error_that_names_it(tmp_path, text, words):
    with pytest.raises(chameleon.ProjectError) as raised:
        settings_of(tmp_path, text)
    assert raised.value.file == "chameleon.toml"
    for word in ["chameleon.toml", *words]:
        assert word in str(raised.value)


def test_bytes_that_are_no_text_are_an_error(tmp_path):
    (tmp_path / "chameleon.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(chameleon.ProjectError, match=r"chameleon\.toml"):
        read_settings(tmp_path)


def test_empty_tables_hold_nothing(tmp_path):
    text = "[columns]\n[model]\n[source]\n[predictions]\n[viewer]\n[test]\n"
    assert settings_of(tmp_path, text) == Settings(name=tmp_path.name)


def test_a_version_named_twice_keeps_the_first(tmp_path):
    settings = settings_of(
        tmp_path, "[[versions]]\nname='1'\nfile='a.csv'\n[[versions]]\nname='1'\nfile='b.csv'\n"
    )
    assert [version.file for version in settings.versions] == ["a.csv"]
    assert "'1' twice" in settings.findings[0].message
    assert "b.csv" in settings.findings[0].message


def test_parameters_of_another_estimator_start_from_its_own_defaults(tmp_path):
    assert settings_of(tmp_path, "[model]\nestimator = 'SVC'").model == ModelSpec("SVC", {})
    default = settings_of(tmp_path, "[model]\nparams = { max_iter = 5 }").model
    assert default == ModelSpec("HistGradientBoostingClassifier", {"max_iter": 5})


# ---------------------------------------------------------------- names and their order


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("versions/1.13.parquet", "1.13"), ("1.0.csv.gz", "1.0"), ("v2.FEATHER", "v2"),
        ("a.b.jsonl", "a.b"), ("x.arrow", "x"), ("2024-01-05.csv", "2024-01-05"),
    ],
)  # fmt: skip
def test_a_version_takes_the_name_of_its_file_without_endings(file, name):
    assert version_name(file) == name


def test_numbers_of_any_length_have_their_order_in_names():
    names = ["9" * 5_000, "1" + "0" * 5_000, "07", "7", "10"]
    assert sorted(names, key=natural_key) == ["07", "7", "10", "9" * 5_000, "1" + "0" * 5_000]


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), unique=True))
def test_numbers_in_names_count_as_numbers(pairs):
    names = [f"{major}.{minor}" for major, minor in pairs]
    ordered = [f"{major}.{minor}" for major, minor in sorted(pairs)]
    assert sorted(names, key=natural_key) == ordered


@pytest.mark.parametrize(
    "names",
    [
        ["1.2", "1.10"], ["1", "1.1", "1.2", "1.10", "2"], ["v1", "v1.1", "v2", "v10"],
        ["2024", "2024-01", "2024-02", "2024-10"], ["1.0-rc1", "1.0-rc2", "1.0-rc10"],
        ["a", "B", "c"],
    ],
)  # fmt: skip
def test_names_are_put_in_natural_order(names):
    assert natural_order(names[::-1]) == names


def test_an_unknown_version_is_an_error_that_lists_the_known_ones(tmp_path):
    project = chameleon.open_project(write_project(tmp_path, {"1.0": plain(), "1.1": plain()}))
    assert project.version("1.1").file == "versions/1.1.parquet"
    with pytest.raises(chameleon.SelectionError, match=r"'1.2'.*1\.0, 1\.1"):
        project.version("1.2")


def test_settings_that_are_a_link_out_of_the_folder_are_refused(tmp_path):
    (tmp_path / "secret.toml").write_text('name = "secret"')
    folder = write_project(tmp_path / "p", {"1": plain()})
    (folder / "chameleon.toml").symlink_to(tmp_path / "secret.toml")
    with pytest.raises(chameleon.ProjectError, match="link out of the project folder") as raised:
        chameleon.open_project(folder)
    assert "secret" not in str(raised.value)
