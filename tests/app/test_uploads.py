"""Uploads: private to their visitor, gone with the visit; projects to switch between."""

import io
import os
import stat
import sys
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from streamlit.runtime.caching.cache_resource_api import _resource_caches
from streamlit.testing.v1 import AppTest

from chameleon.app import setup, uploads
from chameleon.app.uploads import GRACE_SECONDS, MOST_UPLOADS, Shelf, remove_leftovers
from chameleon.errors import ProjectError
from chameleon.project import ModelSpec
from chameleon.storage import birth
from tests.app import showcases
from tests.app.conftest import OVERVIEW, PAGES, ROOT, TIMELINE, Screen
from tests.library import TREE, plain, write_project

SETUP = "pages/new_project.py"


class Visits:
    """Connected sessions, and a clock that the test sets."""

    def __init__(self, place: Path) -> None:
        self.present: set[str] = set()
        self.now = 0.0
        self.shelf = Shelf(place, lambda session: session in self.present, lambda: self.now)

    def upload(self, session: str) -> uploads.Upload:
        self.present.add(session)
        return self.shelf.new(session, "p")


@pytest.fixture
def visits(tmp_path: Path) -> Visits:
    return Visits(tmp_path)


# ---------------------------------------------------------------- the shelf


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_an_upload_is_in_a_folder_that_nobody_else_may_enter(visits):
    first, second = visits.upload("a"), visits.upload("b")
    assert stat.S_IMODE(first.folder.stat().st_mode) == 0o700
    assert first.folder != second.folder
    assert first.project.is_relative_to(first.folder)
    assert first.cache.is_relative_to(first.folder)
    assert not first.cache.is_relative_to(first.project)


def test_an_upload_ends_with_the_visit_and_not_with_a_short_break(visits):
    upload, other = visits.upload("a"), visits.upload("b")
    visits.now = 10_000.0
    visits.shelf.sweep()
    visits.present.remove("a")
    visits.now += GRACE_SECONDS
    visits.shelf.sweep()
    assert upload in visits.shelf
    visits.present.add("a")  # connected again
    visits.now += GRACE_SECONDS
    visits.shelf.sweep()
    visits.present.remove("a")
    visits.now += GRACE_SECONDS + 1
    visits.shelf.sweep()
    assert upload not in visits.shelf
    assert not upload.folder.exists()
    assert other.project.is_dir()


def test_the_number_of_uploads_is_limited(visits):
    for k in range(MOST_UPLOADS):
        visits.upload(str(k))
    with pytest.raises(ProjectError, match=f"has {MOST_UPLOADS} uploads already"):
        visits.upload("one more")
    visits.upload("0")  # instead of its own
    visits.present.remove("1")
    visits.now += GRACE_SECONDS + 1
    visits.upload("one more")


def test_a_second_upload_replaces_the_first_and_closing_the_shelf_leaves_nothing(visits, tmp_path):
    first, second = visits.upload("a"), visits.upload("a")
    assert not first.folder.exists()
    assert second.project.is_dir()
    visits.shelf.close()
    assert not tmp_path.exists()


@pytest.mark.skipif(not birth(os.getpid()), reason="the system does not tell when processes began")
def test_leftovers_of_killed_processes_are_removed_and_no_others(tmp_path):
    own = f"chameleon-upload-{os.getpid()}-{birth(os.getpid())}-x"
    reused = f"chameleon-upload-{os.getpid()}-1-x"
    gone = "chameleon-upload-99999999-5-x"
    for name in (own, reused, gone, "chameleon-upload-notes", "chameleon-upload-a-b-c", "other"):
        (tmp_path / name).mkdir()
    target = tmp_path / "other" / "kept.txt"
    target.touch()
    (tmp_path / "chameleon-upload-99999998-5-x").symlink_to(tmp_path / "other")
    before = {path.name for path in tmp_path.iterdir()}
    remove_leftovers(tmp_path)
    assert before - {path.name for path in tmp_path.iterdir()} == {reused, gone}
    assert target.exists()


# ---------------------------------------------------------------- in the app


def visitor(page: str = OVERVIEW, **query: str) -> Screen:
    """Another visitor, with a session of its own, who follows a link with this query."""
    at = AppTest.from_file(str(ROOT / OVERVIEW), default_timeout=60)
    if page != OVERVIEW:
        at.switch_page(page)
    for name, value in query.items():
        at.query_params[name] = value
    return Screen(at).settle()


@pytest.fixture
def served(monkeypatch, tmp_path):
    """Return a function that sets the operator's command line."""
    monkeypatch.delenv("CHAMELEON_PROJECT", raising=False)

    def serve(*arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", ["streamlit_app.py", *map(str, arguments)])

    serve(showcases.write_growing(tmp_path / "listed"))
    return serve


def csv(rows: int, **columns) -> bytes:
    return plain(rows, **columns).write_csv().encode()


def upload(screen: Screen, *files: tuple[str, bytes]) -> Screen:
    sent = [(name, content, "application/octet-stream") for name, content in files]
    screen.at.file_uploader[0].set_value(sent)
    return screen.settle()


def two_versions() -> tuple[tuple[str, bytes], ...]:
    return (("1.csv", csv(20)), ("2.csv", csv(24)), ("chameleon.toml", TREE.encode()))


def versions(screen: Screen) -> list[str]:
    return screen.versions


LISTED = ["1.0", "1.1", "1.2"]
"""The versions of the operator's project."""


def private_folders() -> list[Path]:
    mine = f"chameleon-upload-{os.getpid()}-"
    return [p for base in Path(tempfile.gettempdir()).glob(f"{mine}*") for p in base.iterdir()]


def shared_results() -> list[object]:
    """Everything that Streamlit caches for all visitors."""
    caches = _resource_caches._function_caches.get(None, {})
    return [entry for cache in caches.values() for entry in cache._mem_cache.values()]


def not_among(known: list[object]) -> list[object]:
    """Results cached for all visitors since then; `known` keeps its ids from being reused."""
    ids = {id(entry) for entry in known}
    return [entry for entry in shared_results() if id(entry) not in ids]


def test_an_upload_is_one_visitors_on_every_page_in_its_folder_and_goes_with_it(
    served, user_cache, tmp_path
):
    # of a size that no other test has: results are known by their content
    served(showcases.write_growing(tmp_path / "fresh", versions=2, instances=77))
    before = shared_results()
    visitor(TIMELINE)
    assert not_among(before)  # something of the operator's project is
    screen = visitor(SETUP)
    known = shared_results()
    cached, folders = {p for p in user_cache.rglob("*") if p.is_file()}, set(private_folders())
    labels = ["secret-cat", "secret-dog"] * 12
    files = [(f"{k}.csv", csv(20 + k, label=labels[: 20 + k], source="secret")) for k in range(2)]
    upload(screen, *files, ("chameleon.toml", TREE.encode()))
    assert not screen.at.error
    assert "2 of 2 versions" in screen.at.success[0].value
    assert screen.query == {"project": ["your-upload"]}
    for page in PAGES:
        screen.go(page).settle()
        assert not screen.at.exception
        assert versions(screen) == ["0", "1"]
        assert screen.query["project"] == ["your-upload"]

    new = not_among(known)
    assert not [entry for entry in new if "secret" in repr(entry)]
    # specifications may be shared: they are the same for any data
    assert all(isinstance(getattr(entry, "value", entry), dict) for entry in new)
    (folder,) = set(private_folders()) - folders
    found = {p.name.partition("-")[0] for p in (folder / "cache").iterdir()}
    assert found >= {"dataset", "evaluation", "model", "models"}
    assert not list((folder / "project").rglob(".chameleon"))
    assert {p for p in user_cache.rglob("*") if p.is_file()} == cached

    guessed = visitor(project="your-upload")
    assert "There is no project" in guessed.at.warning[0].value
    assert versions(guessed) == ["1.0", "1.1"]
    assert not [s for s in guessed.at.selectbox if s.label == "Project"]

    # it ends while the page is open
    uploads._shelf().remove(screen.at.session_state["chameleon.upload"])
    assert not folder.exists()
    screen.settle()
    assert not screen.at.exception
    assert "There is no project" in screen.at.warning[0].value
    assert versions(screen) == ["1.0", "1.1"]


def test_one_table_asks_for_its_reading_and_opens_with_it(served):
    rows = plain(20).with_columns(batch=1), plain(20).with_columns(batch=2)
    content = rows[0].vstack(rows[1]).write_csv().encode()
    screen = upload(visitor(SETUP), ("all.csv", content))
    assert "hold its versions?" in screen.at.error[0].value
    screen.at.radio[0].set_value("snapshot")
    screen.settle()
    assert not screen.at.error
    screen.at.button(key="setup-use").click()
    screen.settle()
    assert "2 of 2 versions" in screen.at.success[0].value
    assert versions(screen.go(OVERVIEW).settle()) == ["1", "2"]


def test_one_table_may_be_one_version(served):
    screen = upload(visitor(SETUP), ("all.csv", csv(20)))
    screen.at.radio[0].set_value("one")
    screen.settle().at.button(key="setup-use").click()
    screen.settle()
    assert "1 of 1 versions" in screen.at.success[0].value


def zip_with_link() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        entry = zipfile.ZipInfo("versions/1.csv")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return stream.getvalue()


def test_a_refused_upload_is_reported_and_leaves_nothing(served):
    folders, screen = set(private_folders()), visitor(SETUP)
    for number, (name, content, message) in enumerate(
        (
            ("a.zip", b"no zip", "no zip"),
            ("a.gz", b"MZ", "is no table"),
            ("chameleon.toml", b"name = 'x'", "no table in it"),
            ("p.zip", zip_with_link(), "link or a special file"),
        )
    ):
        upload(screen, (name, content))
        assert not screen.at.exception
        assert message in screen.at.error[0].value.replace("\\", "")
        assert set(private_folders()) <= folders
        assert screen.at.file_uploader[0].key == f"uploader-{number + 1}"  # a new one, empty


def test_the_server_fits_no_model_on_an_upload(served, monkeypatch):
    from sklearn.pipeline import Pipeline

    def refuse(*args, **options):
        raise AssertionError("a model was fitted in the server's process")

    monkeypatch.setattr(Pipeline, "fit", refuse)
    first, second = plain(80), plain(80).with_columns(pl.col("x") + 1)  # few changes, few fits
    files = [(f"{k}.csv", f.write_csv().encode()) for k, f in enumerate((first, second))]
    screen = upload(visitor(SETUP), *files, ("chameleon.toml", TREE.encode()))
    screen.go("pages/failures.py").settle()
    assert not screen.at.error
    screen.at.button(key="mistakes-judge").click()
    screen.settle()
    assert not screen.at.exception
    assert not screen.at.error
    assert "mistakes-judge" not in {b.key for b in screen.at.button}  # the result is there
    folders = set(private_folders())
    screen.go(SETUP).at.button(key="upload-remove").click().run()
    assert len(folders - set(private_folders())) == 1
    assert versions(screen.go(OVERVIEW).settle()) == LISTED


def test_the_operator_may_switch_uploads_off(served, tmp_path):
    served(tmp_path / "listed", "--no-uploads")
    screen = visitor(SETUP)
    assert not screen.at.file_uploader
    assert any("switched off" in c.value for c in screen.at.caption)


# ---------------------------------------------------------------- several projects


def test_a_visitor_switches_between_projects_and_sees_names_only(served, tmp_path):
    one = visitor()
    assert "project" not in one.query  # one project needs no name
    assert not [s for s in one.at.selectbox if s.key == "project-switch"]
    served(tmp_path / "listed", showcases.write_growing(tmp_path / "other", versions=2))
    screen = visitor()
    switch = screen.at.selectbox(key="project-switch")
    assert switch.options == ["listed", "other"]
    assert screen.query["project"] == ["listed"]
    screen.pills("filter-splits").set_value(["test"]).run()
    screen.at.selectbox(key="filter-add").set_value("f001").run()
    screen.at.selectbox(key="project-switch").set_value("other").run()
    screen.settle()
    assert versions(screen) == ["1.0", "1.1"]
    assert screen.query == {"project": ["other"], "primary": ["1.1"], "secondary": ["1.0"]}
    assert not screen.chips  # choices of one project stay in it
    assert not [b for b in screen.at.button if (b.key or "").startswith("feature-off")]
    screen.at.selectbox(key="project-switch").set_value("listed").run()
    assert screen.chips == ["split: test"]
    assert screen.query["project"] == ["listed"]
    assert str(tmp_path) not in screen.text
    assert str(tmp_path) not in str(screen.query)


def test_a_link_names_its_project_and_a_stale_one_is_reported(served, tmp_path):
    served(tmp_path / "listed", showcases.write_growing(tmp_path / "other", versions=2))
    screen = visitor(project="other", primary="1.0")
    assert screen.selection.primary == "1.0"
    assert screen.query["project"] == ["other"]
    stale = visitor(project="gone")
    assert "There is no project \\'gone\\'" in stale.at.warning[0].value
    assert stale.query["project"] == ["listed"]
    assert not stale.at.exception


def test_projects_of_one_name_get_numbers(served, tmp_path):
    same_name = showcases.write_growing(tmp_path / "b" / "listed", versions=2)
    served(tmp_path / "listed", same_name, tmp_path / "your-upload")
    screen = visitor()
    names = screen.at.selectbox(key="project-switch").options
    assert names == ["listed", "listed (2)", "your-upload (2)"]
    screen.at.selectbox(key="project-switch").set_value("listed (2)").run()
    screen.settle()
    assert len(screen.versions) == 2


def test_a_project_that_fails_leaves_the_others_to_switch_to(served, tmp_path):
    served(tmp_path / "nowhere", tmp_path / "listed")
    screen = visitor()
    assert "There is no project folder" in screen.at.error[0].value
    screen.at.selectbox(key="project-switch").set_value("listed").run()
    screen.settle()
    assert not screen.at.error
    assert screen.query["project"] == ["listed"]


# ---------------------------------------------------------------- the operator's project


def test_settings_are_saved_only_where_the_operator_allows_it(served, tmp_path):
    frame = plain().rename({"label": "animal"})
    folder = write_project(tmp_path / "odd", {"1": frame, "2": frame})
    served(folder)
    screen = visitor(SETUP)
    assert not screen.at.exception
    assert "no label column" in screen.at.error[0].value
    assert list(screen.at.dataframe[1].value["column"]) == frame.columns
    assert not [b for b in screen.at.button if b.key == "setup-save"]
    assert str(tmp_path) not in screen.text
    served(folder, "--allow-writing")
    screen.at.run()
    next(s for s in screen.at.selectbox if s.label == "label").set_value("animal")
    next(b for b in screen.at.button if b.label == "Try these settings").click().run()
    screen.at.button(key="setup-save").click().run()
    toml = folder / "chameleon.toml"
    assert 'label = "animal"' in toml.read_text()
    assert not screen.at.error
    next(t for t in screen.at.text_input if t.label == "Name of the project").set_value("renamed")
    next(b for b in screen.at.button if b.label == "Try these settings").click().run()
    assert screen.at.button(key="setup-save").disabled
    assert "renamed" not in toml.read_text()
    screen.at.checkbox(key="setup-replace").check().run()
    screen.at.button(key="setup-save").click().run()
    assert 'name = "renamed"' in toml.read_text()


def test_settings_that_no_file_can_contain_are_reported_on_a_whole_page(
    served, tmp_path, monkeypatch
):
    def chosen(found, **_):
        return replace(found.settings, model=ModelSpec("SVC", {"C": "\ud800"}))

    monkeypatch.setattr(setup, "draw_form", chosen)
    served(write_project(tmp_path / "p", {"1": plain()}))
    screen = visitor(SETUP)
    assert not screen.at.exception
    assert {"be written into" in error.value for error in screen.at.error} == {True}
    assert screen.at.dataframe[0].value["version"].to_list() == ["1"]


@pytest.mark.parametrize("steps", ["true", "1_000"])
def test_steps_that_the_page_does_not_offer_leave_it_whole(served, tmp_path, steps):
    plain(20).with_columns(date=pl.lit("2020-01-01")).write_csv(tmp_path / "all.csv")
    toml = f'[source]\nfile = "all.csv"\ndate = "date"\nsteps = {steps}\n'
    (tmp_path / "chameleon.toml").write_text(toml)
    served(tmp_path)
    screen = visitor(SETUP)
    assert not screen.at.exception
    assert screen.at.number_input[0].value == 10


def test_a_trial_writes_nothing_beside_the_operators_project(served, tmp_path):
    rows = plain(20).with_columns(batch=1), plain(20).with_columns(batch=2)
    rows[0].vstack(rows[1]).write_csv(tmp_path / "all.csv")
    (tmp_path / "chameleon.toml").write_text('name = "t"\n[source]\nfile = "all.csv"\n')
    served(tmp_path)
    screen = visitor(SETUP)
    assert "hold its versions?" in screen.at.error[0].value
    kept = tmp_path / ".chameleon"
    before = {p: p.stat().st_mtime_ns for p in kept.rglob("*")}
    for reading in ("snapshot", "since"):
        screen.at.radio[0].set_value(reading).run()
        assert "of 2 versions" in screen.at.success[0].value
    assert {p: p.stat().st_mtime_ns for p in kept.rglob("*")} == before
    assert not list(Path(tempfile.gettempdir()).glob("chameleon-trial-*"))


def test_a_model_that_an_upload_may_not_have_is_reported_on_both_pages(served):
    toml = b'[model]\nestimator = "GaussianProcessClassifier"\n'
    screen = upload(visitor(SETUP), *two_versions()[:2], ("chameleon.toml", toml))
    assert "an upload may use" in screen.at.error[0].value
    assert not screen.at.success
    screen.go(OVERVIEW).settle()
    assert "an upload may use" in screen.at.error[0].value
    assert not screen.at.exception
