"""The digits sample, a project counted by hand, and one with weak labels, through the interface."""

from pathlib import Path

import pytest

import chameleon
from tests import tiny
from tests.app import showcases


@pytest.fixture(scope="session")
def digits(digits_project: Path) -> chameleon.Evaluation:
    return chameleon.open_project(digits_project).evaluate()


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> chameleon.Evaluation:
    folder = tiny.write_tiny(tmp_path_factory.mktemp("api") / "tiny")
    return chameleon.open_project(folder).evaluate()


@pytest.fixture(scope="session")
def weak(tmp_path_factory: pytest.TempPathFactory) -> chameleon.Evaluation:
    folder = tmp_path_factory.mktemp("api") / "weak"
    showcases.write_weak(folder)
    return chameleon.open_project(folder).evaluate()
