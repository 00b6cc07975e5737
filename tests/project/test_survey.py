"""What is found where a project shall be opened, however much is wrong with it."""

import shutil
from dataclasses import replace

import polars as pl
import pytest

import chameleon
from chameleon.errors import ProjectError
from chameleon.project import Kind, survey
from tests.library import plain, write_project


def test_a_project_that_opens_is_told_with_its_versions_and_columns(tmp_path):
    folder = write_project(tmp_path / "p", {"1.2": plain(), "1.10": plain(24)})
    found = survey(folder)
    assert [(v.version.name, v.rows) for v in found.versions] == [("1.2", 20), ("1.10", 24)]
    assert found.error is None
    assert found.project is not None
    assert list(found.columns) == plain().columns
    assert found.columns["x"] == Kind.NUMBER
    assert found.guessed["label"] == ("label",)
    assert found.head.columns == plain().columns
    assert found.readings == ()


def test_without_a_label_it_does_not_open_and_settings_mend_it(tmp_path):
    frame = plain().rename({"label": "animal"})
    folder = write_project(tmp_path / "p", {"1": frame, "2": frame})
    found = survey(folder)
    assert found.project is None
    assert "no label column" in (found.error or "")
    assert len(found.versions) == 2
    mended = replace(found.settings, columns={"label": ("animal",)})
    tried = survey(folder, settings=mended)
    assert tried.error is None
    assert tried.project is not None
    assert tried.project.roles.label == "animal"
    assert not (folder / "chameleon.toml").exists()


def test_a_trial_leaves_nothing_to_remember(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain(24)})
    first = survey(folder)
    memory = folder / ".chameleon" / "files" / "files.json"
    before = memory.read_text()
    survey(folder, settings=replace(first.settings, columns={"id": ("x",)}))
    assert memory.read_text() == before


def test_a_table_that_does_not_say_its_reading_offers_the_choices(tmp_path):
    frames = [plain().with_columns(batch=1), plain().with_columns(batch=2)]
    pl.concat(frames).write_csv(tmp_path / "t.csv")
    found = survey(tmp_path / "t.csv")
    assert "How does t.csv hold its versions?" in (found.error or "")
    assert found.table_columns == (*plain().columns, "batch")
    snapshot = found.readings[0]
    assert snapshot.source == {"file": "t.csv", "version": "batch", "reading": "snapshot"}
    tried = survey(tmp_path / "t.csv", settings=replace(found.settings, source=snapshot.source))
    assert tried.error is None
    assert [(v.version.name, v.rows) for v in tried.versions] == [("1", 20), ("2", 20)]
    assert "batch" not in tried.columns
    assert "batch" in tried.table_columns


def test_a_version_that_cannot_be_read_is_listed_beside_the_others(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain()})
    (folder / "versions" / "2.parquet").write_bytes(b"no parquet")
    found = survey(folder)
    assert [(v.version.name, v.rows) for v in found.versions] == [("1", 20), ("2", None)]
    assert found.project is not None
    assert any(finding.version == "2" for finding in found.findings)


@pytest.mark.parametrize("name", ["empty.csv", "damaged.parquet"])
def test_a_table_that_cannot_be_read_is_told(tmp_path, name):
    (tmp_path / name).write_bytes(b"" if "empty" in name else b"no table")
    found = survey(tmp_path / name)
    assert found.project is None
    assert name in (found.error or "")
    assert str(tmp_path) not in (found.error or "")


def test_an_empty_folder_says_what_to_put_there(tmp_path):
    found = survey(tmp_path)
    assert "Put one file per version" in (found.error or "")
    with pytest.raises(ProjectError, match="no project folder 'gone'"):
        survey(tmp_path / "gone")


def test_a_private_survey_writes_into_the_private_folder_only(tmp_path):
    folder = write_project(tmp_path / "p", {"1": plain()}, form="csv")
    private = tmp_path / "private"
    private.mkdir()
    survey(folder, private=private)
    assert (private / "files" / "files.json").is_file()
    assert not (folder / ".chameleon").exists()
    shutil.rmtree(private)
    chameleon.open_project(folder)
    assert (folder / ".chameleon").is_dir()
