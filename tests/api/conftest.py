"""The digits sample, a project counted by hand, and one with weak labels, through the interface."""

import shutil
from pathlib import Path

import pytest

import chameleon
from chameleon.api import projects
from chameleon.selection.exclusion_lists import FILE
from tests import tiny
from tests.app import showcases


@pytest.fixture(scope="session")
def digits(digits_project: Path) -> chameleon.Evaluation:
    return chameleon.open_project(digits_project).evaluate()


@pytest.fixture
def fresh_samples(digits_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let `open_sample` open a copy of digits that no test has changed; return its folder."""
    copy = shutil.copytree(digits_project, tmp_path / "digits")
    (copy / FILE).unlink(missing_ok=True)
    monkeypatch.setattr(projects, "_SAMPLES", (tmp_path,))
    return Path(copy)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> chameleon.Evaluation:
    folder = tiny.write_tiny(tmp_path_factory.mktemp("api") / "tiny")
    return chameleon.open_project(folder).evaluate()


@pytest.fixture(scope="session")
def weak(tmp_path_factory: pytest.TempPathFactory) -> chameleon.Evaluation:
    folder = tmp_path_factory.mktemp("api") / "weak"
    showcases.write_weak(folder)
    return chameleon.open_project(folder).evaluate()
