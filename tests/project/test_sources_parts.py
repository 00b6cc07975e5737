"""A sub-folder a version: files by split, or parts of one table."""

from pathlib import Path

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
    examples,
    messages,
    plain,
    temporary_project,
    write_project,
)
from tests.projects import plans
from tests.reading import rows_of


def write_files(folder: Path, files: dict[str, pl.DataFrame | bytes]) -> Path:
    """Files by their path in the folder, each in the format of its ending."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        form = next(form for form in ("csv.gz", *WRITERS, "txt", "") if name.endswith(form))
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            WRITERS[form](content, path)
    return folder


def of_split(split: str, **columns: object) -> pl.DataFrame:
    return plain(**columns).filter(split=split).drop("split")


def project_of(tmp_path: Path, files: dict, toml: str = TREE) -> chameleon.Project:
    """A project of these files of version 2, beside a version 1 of one file."""
    folder = write_project(tmp_path, {"1": plain()}, form="csv", toml=toml)
    return chameleon.open_project(
        write_files(folder, {f"versions/2/{name}": content for name, content in files.items()})
    )


def names_of(project: chameleon.Project) -> list[str]:
    return [version.name for version in project.versions]


# ---------------------------------------------------------------- the same as one file


@settings(max_examples=examples(15))
@given(plans(), st.data())
def test_parts_are_the_same_as_one_file(tmp_path_factory, plan, data):
    folder = tmp_path_factory.mktemp("parts")
    for name, frame in plan.frames.items():
        cut = data.draw(st.integers(0, len(frame)))
        parts = {"a": frame[:cut], "b.part": frame[cut:]}
        write_files(folder, {f"versions/{name}/{p}.parquet": f for p, f in parts.items()})
    with temporary_project(plan.frames) as other:
        ours, theirs = (evolving_dataset(chameleon.open_project(p)) for p in (folder, other))
        assert ours.features == theirs.features
        for version in theirs.versions:
            assert rows_of(ours, version.name) == rows_of(theirs, version.name)


@pytest.mark.parametrize(
    ("form", "names", "place"),
    [
        ("parquet", ("train", "test"), "versions/1"),
        ("csv", ("Training", "TEST"), "1"),
        ("csv.gz", ("train-0-of-1", "test_1"), "versions/1"),
        ("jsonl", ("train", "test"), "1"),
    ],
)
def test_the_file_name_gives_the_split(tmp_path, form, place, names):
    files = {n: of_split(s) for n, s in zip(names, ("train", "test"), strict=True)}
    folder = write_files(tmp_path / "a", {f"{place}/{n}.{form}": f for n, f in files.items()})
    other = write_project(tmp_path / "b", {"1": plain()}, form=form)
    ours, theirs = (evolving_dataset(chameleon.open_project(p)) for p in (folder, other))
    assert rows_of(ours, "1") == rows_of(theirs, "1")
    assert ours.project.findings == ()


@pytest.mark.parametrize("name", ["validation", "val", "valid", "dev"])
def test_validation_has_a_file_of_its_own(tmp_path, name):
    more = of_split("train", id=range(100, 120))
    files = {"train.csv": of_split("train"), "test.csv": of_split("test"), f"{name}.csv": more}
    dataset = evolving_dataset(project_of(tmp_path, files))
    splits = [row.split for row in rows_of(dataset, "2").values()]
    assert splits.count("validation") == len(more)


def test_files_of_a_split_may_be_numbered_parts(tmp_path):
    train = of_split("train")
    files = {"train-1.csv": train[:3], "train-2.csv": train[3:], "test.csv": of_split("test")}
    project = project_of(tmp_path, files)
    assert chameleon.compare_data(project, before="1", after="2").unchanged == 20


def test_names_that_only_look_like_validation_are_parts(tmp_path):
    files = {"dev-1.csv": plain()[:10], "dev-2.csv": plain()[10:]}
    project = project_of(tmp_path, files)
    assert chameleon.compare_data(project, before="1", after="2").unchanged == 20


def test_a_column_that_a_part_lacks_is_missing_there(tmp_path):
    files = {"a.parquet": plain(y=[1.5] * 20)[:10], "b.parquet": plain()[10:]}
    dataset = evolving_dataset(project_of(tmp_path, files))
    frame = dataset.project.source.scan(dataset.versions[1]).collect()
    assert frame["y"].null_count() == 10


def test_hidden_files_are_no_part(tmp_path):
    files = {"a.csv": plain(), ".b.csv": b"x", "~c.csv": b"y", "notes.txt": b"z"}
    assert names_of(project_of(tmp_path, files)) == ["1", "2"]


def test_files_and_folders_are_in_one_natural_order(tmp_path):
    folder = write_project(tmp_path, {"1.10": plain(), "1.2": plain()}, form="csv")
    write_files(folder, {"versions/1.9/part.csv": plain(), "versions/1.30/part.csv": plain()})
    assert names_of(chameleon.open_project(folder)) == ["1.2", "1.9", "1.10", "1.30"]


def test_a_listed_folder_has_its_order_date_and_note(tmp_path):
    toml = TREE + '[[versions]]\nname = "two"\nfile = "versions/2"\nnote = "n"\n'
    project = project_of(tmp_path, {"a.csv": plain()}, toml)
    assert [(v.name, v.note) for v in project.versions] == [("two", "n"), ("1", None)]


def test_folders_beside_version_files_are_no_versions(tmp_path):
    write_files(tmp_path, {"1.csv": plain(), "raw/a.csv": plain(), "predictions/1.csv": plain()})
    project = chameleon.open_project(tmp_path)
    assert names_of(project) == ["1"]
    assert "no versions: raw." in messages(project.findings)


def test_folders_of_other_things_are_no_versions(tmp_path):
    write_files(tmp_path, {"1/a.csv": plain(), "docs/a.txt": b"a", ".git/a.csv": plain()})
    write_files(tmp_path, {"layout/rows.parquet": plain(), "predictions/2.csv": plain()})
    assert names_of(chameleon.open_project(tmp_path)) == ["1"]


# ---------------------------------------------------------------- what cannot be told

TRAIN, TEST = of_split("train"), of_split("test")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"train.csv": TRAIN, "more.csv": TEST}, ["train.csv", "more.csv", "give none"]),
        ({"train.csv": TRAIN, "train.parquet": TRAIN}, ["train.csv, train.parquet", "two formats"]),
        ({"a.csv": TRAIN, "b.parquet": TEST}, ["a.csv, b.parquet", "one format"]),
        ({"notes.txt": b"a"}, ["no file that can be read"]),
        (
            {"a.parquet": plain()[:9], "b.parquet": plain(x=["u"] * 20)[9:]},
            ["'x' as number in a.parquet and as text in b.parquet"],
        ),
        ({"train.csv": TRAIN, "test.csv": b""}, ["versions/2/test.csv", "0 bytes"]),
        ({"a.parquet": plain(), "b.parquet": b"PAR1"}, ["versions/2/b.parquet", "parquet"]),
        (
            {"train.csv": plain().filter(split="train"), "test.csv": plain(id=range(20, 40))},
            ["contradicts", "train in the file test.csv", "12 of 32 rows", "'split'"],
        ),
        (
            {"a.csv": plain(), "b.csv": plain(3, id=[18, 19, 20])},
            ["2 ids", "'18'", "versions/2/a.csv, versions/2/b.csv"],
        ),
    ],
)  # fmt: skip
def test_files_that_make_no_version_are_told_and_the_rest_is_usable(tmp_path, files, words):
    project = project_of(tmp_path, files)
    assert names_of(project) == ["1"]
    told = errors_of(project)
    for word in ["Version 2 (versions/2)", *words]:
        assert word in told, told
    assert str(tmp_path) not in told


def test_a_split_column_that_agrees_with_the_file_is_no_contradiction(tmp_path):
    files = {
        "train.csv": plain().filter(split="train").with_columns(split=pl.lit("Training ")),
        "test.csv": plain().filter(split="test").with_columns(split=pl.lit(None, pl.String)),
    }
    project = project_of(tmp_path, files)
    assert chameleon.compare_data(project, before="1", after="2").unchanged == 20


def test_a_split_column_of_another_name_is_the_one_that_is_filled(tmp_path):
    frame = plain().rename({"split": "part"})
    toml = TREE + '[columns]\nsplit = "part"\n'
    folder = write_project(tmp_path, {"1": frame}, form="csv", toml=toml)
    write_files(folder, {"versions/2/train.csv": TRAIN, "versions/2/test.csv": TEST})
    step = chameleon.compare_data(chameleon.open_project(folder), before="1", after="2")
    assert step.unchanged == 20


def test_a_part_that_leads_outside_leaves_the_version_out(tmp_path):
    outside = tmp_path / "outside.csv"
    plain(label=["secret"] * 20).write_csv(outside)
    folder = write_project(tmp_path / "p", {"1": plain()}, form="csv", toml=TREE)
    write_files(folder, {"versions/2/a.csv": plain()})
    (folder / "versions" / "2" / "b.csv").symlink_to(outside)
    (folder / "versions" / "3").symlink_to(tmp_path)
    project = chameleon.open_project(folder)
    assert names_of(project) == ["1"]
    told = errors_of(project)
    assert "Version 2 (versions/2) contains b.csv, a link out of the project folder" in told
    assert "Version 3 (versions/3) is a link out of the project folder" in told


def test_a_part_that_changes_after_opening_is_an_error_that_names_the_version(tmp_path):
    project = project_of(tmp_path, {"train.csv": TRAIN, "test.csv": TEST})
    of_split("test", x=[0.5] * 20).write_csv(tmp_path / "versions" / "2" / "test.csv")
    with pytest.raises(chameleon.VersionError, match=r"Version 2 \(versions/2\) changed"):
        chameleon.evaluate(project)


def test_a_folder_of_versions_takes_no_keys_of_a_table(tmp_path):
    folder = write_project(tmp_path, {"1": plain()}, toml='[source]\nversion = "batch"\n')
    with pytest.raises(chameleon.ProjectError, match=r"'version'.*file = "):
        chameleon.open_project(folder)
