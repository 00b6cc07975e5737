"""What all tests share: marks by folder, a private cache, hypothesis without deadlines."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
MARK_OF_FOLDER = {"browser": "browser", "benchmarks": "benchmark"}

# A deadline measures the machine, which is shared; CI draws the same examples every time.
settings.register_profile("chameleon", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "chameleon")


@pytest.hookimpl(tryfirst=True)  # before -m chooses by these marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in MARK_OF_FOLDER:
            item.add_marker(MARK_OF_FOLDER[folder])


@pytest.fixture(scope="session", autouse=True)
def user_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the empty folder that stands for the user's cache; servers inherit it too."""
    folder = tmp_path_factory.mktemp("user-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        # a layout takes half a minute of a core for every project; its own tests ask for it
        patch.setenv("CHAMELEON_UMAP", "off")
        yield folder


@pytest.fixture(scope="session")
def digits_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the digits sample: what is kept beside a project never stays in the tree."""
    copy = tmp_path_factory.mktemp("projects") / "digits"
    ignored = shutil.ignore_patterns(".chameleon", "__pycache__")
    return Path(shutil.copytree(ROOT / "sample_data" / "digits", copy, ignore=ignored))
