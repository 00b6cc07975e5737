"""Marks by folder, a private cache, and the hypothesis profiles."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

ROOT = Path(__file__).parent.parent
MEMORY_DISK = Path("/dev/shm")
if MEMORY_DISK.is_dir() and shutil.disk_usage(MEMORY_DISK).free > 4_000_000_000:
    # every cached folder is fsynced, which takes a busy disk longer than many tests take
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY_DISK)
MARK_OF_FOLDER = {"browser": "browser", "benchmarks": "benchmark"}
LONG_FOLDERS = ("browser", "app", "storage")
"""Their files take longest and come first, so that all workers end at about the same time."""

# As hypothesis's own "ci" profile: fixed examples, no deadline, no database.
# `--hypothesis-profile=random` draws new ones.
settings.register_profile("random", settings.get_profile("ci"), derandomize=False)
settings.register_profile("fixed", settings.get_profile("ci"), max_examples=20)
settings.load_profile("fixed")


@pytest.hookimpl(trylast=True)  # after hypothesis has loaded the profile asked for
def pytest_configure() -> None:
    # Hypothesis also draws constants of the modules imported so far, which differ by test order.
    if settings.default is not None and settings.default.derandomize:
        pytest.MonkeyPatch().setattr(providers, "is_local_module_file", lambda _: False)


@pytest.hookimpl(tryfirst=True)  # before -m chooses by these marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if folder_of(item) in MARK_OF_FOLDER:
            item.add_marker(MARK_OF_FOLDER[folder_of(item)])
    items.sort(key=lambda item: (*LONG_FOLDERS, folder_of(item)).index(folder_of(item)))


def folder_of(item: pytest.Item) -> str:
    return item.path.relative_to(Path(__file__).parent).parts[0]


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
