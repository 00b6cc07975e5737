"""Data in memory as a project: frames written to a folder that lives as long as the project."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import polars as pl

import chameleon.project as files
from chameleon.errors import ProjectError
from chameleon.selection import ExclusionLists


class _Stream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


Frame: TypeAlias = "pl.DataFrame | pl.LazyFrame | _Stream"
Data: TypeAlias = (
    "str | os.PathLike[str] | Mapping[str, Frame] | Mapping[str, str | os.PathLike[str]]"
)


class Folder:
    """A temporary folder of versions, computed results, and lists, deleted when no one uses it.

    A copy by pickle uses the same folder for as long as the original lives.
    """

    def __init__(self) -> None:
        root = Path(tempfile.mkdtemp(prefix="chameleon-"))
        weakref.finalize(self, shutil.rmtree, root, ignore_errors=True)
        self.path = root / "data"
        self.cache = root / "cache"
        self.lists = ExclusionLists()
        self.versions: list[dict[str, str]] = []
        (self.path / files.VERSIONS_FOLDER).mkdir(parents=True)
        self.cache.mkdir()

    def __reduce__(self) -> tuple[Callable[..., Folder], tuple[object, ...]]:
        """Pickle by the folder's path."""
        return _copied, (self.path, self.cache, self.versions)

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The settings given, and the versions by name in their order."""
        return {"name": "data", **given, "versions": self.versions}


def _copied(path: Path, cache: Path, versions: list[dict[str, str]]) -> Folder:
    copy = Folder.__new__(Folder)
    copy.path, copy.cache, copy.versions, copy.lists = path, cache, versions, ExclusionLists()
    return copy


def written_versions(data: object) -> Folder:
    """A folder with a file for each frame or file of a mapping."""
    if not isinstance(data, Mapping) or not data:
        raise ProjectError(
            "Open a folder, a table, or a dict of version names to frames or files; found "
            f"{type(data).__name__}."
        )
    folder = Folder()
    for number, (name, content) in enumerate(data.items()):
        file = _written(content, folder.path / files.VERSIONS_FOLDER, number, str(name))
        relative = file.relative_to(folder.path).as_posix()
        folder.versions.append({"name": str(name), "file": relative})
    return folder


def _written(content: object, folder: Path, number: int, name: str) -> Path:
    if isinstance(content, (str, os.PathLike)):
        path = Path(content)
        if not path.is_file():
            message = f"Version {name}: there is no file '{path.name}'."
            raise ProjectError(message, version=name, file=path.name)
        return Path(shutil.copy(path, folder / f"{number:05}{files.ending(path)}"))
    target = folder / f"{number:05}.parquet"
    as_polars(content, f"Version {name}").write_parquet(target)
    return target


def as_polars(content: object, place: str) -> pl.DataFrame:
    """A frame of any library as polars; pandas's unnamed index is no column."""
    if isinstance(content, pl.DataFrame):
        return content
    if isinstance(content, pl.LazyFrame):
        return content.collect()
    if hasattr(content, "__arrow_c_stream__"):
        frame = pl.DataFrame(content)
        return frame.drop(c for c in frame.columns if c.startswith("__index_level_"))
    raise ProjectError(
        f"{place}: expected a frame of polars, pandas, or Arrow, found {type(content).__name__}."
    )


def written_predictions(
    project: files.Project, predictions: Mapping[str, Any]
) -> tuple[files.Project, Folder]:
    """The project with predictions by version in place of its model, and the folder of these."""
    if not predictions:
        raise ProjectError("predictions has no version. Name a frame for each: {version: frame}.")
    folder = Folder()
    target = folder.path / files.PREDICTIONS_FOLDER
    target.mkdir()
    found: dict[str, Path] = {}
    for number, (name, content) in enumerate(predictions.items()):
        version = project.version(str(name))
        found[version.name] = target / f"{number:05}.parquet"
        as_polars(content, f"Predictions of {name}").write_parquet(found[version.name])
    return replace(project, prediction_files=found), folder
