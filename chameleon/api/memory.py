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
from chameleon import models
from chameleon.errors import ModelError, ProjectError
from chameleon.selection import ExclusionLists

_MOST_REASONS = 3


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
        self.path = self.address = root / "data"
        self.cache = root / "cache"
        self.lists = ExclusionLists()
        self.versions: list[dict[str, str]] = []
        for name in (files.VERSIONS_FOLDER, files.MEMORY_FOLDER):
            (self.path / name).mkdir(parents=True)
        self.cache.mkdir()

    def __reduce__(self) -> tuple[Callable[..., Folder], tuple[object, ...]]:
        """Pickle by the folder's path."""
        return _copied, (self.path, self.address, self.cache, self.versions)

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The settings given, and the versions by name in their order."""
        listed = {"versions": self.versions} if self.versions else {}
        return {"name": "data", **given, **listed}


def _copied(path: Path, address: Path, cache: Path, versions: list[dict[str, str]]) -> Folder:
    copy = Folder.__new__(Folder)
    copy.path, copy.address, copy.cache, copy.versions = path, address, cache, versions
    copy.lists = ExclusionLists()
    return copy


def written_table(data: object) -> Folder:
    """A folder with one table of all versions, from a frame."""
    folder = Folder()
    folder.address = folder.path / "data.parquet"
    as_polars(data, "The table").write_parquet(folder.address)
    return folder


def written_versions(data: object) -> Folder:
    """A folder with a file for each frame or file of a mapping."""
    if not isinstance(data, Mapping) or not data:
        found = "an empty dict" if isinstance(data, Mapping) else type(data).__name__
        hint = (
            " Name the version of one frame, {'1': frame}, or its column `version`."
            if _is_frame(data)
            else ""
        )
        raise ProjectError(
            "Open a folder, a table, or a dict of version names to frames or files; found "
            f"{found}.{hint}"
        )
    folder = Folder()
    for number, (name, content) in enumerate(data.items()):
        file = _written(content, folder.path, number, str(name))
        relative = file.relative_to(folder.path).as_posix()
        folder.versions.append({"name": str(name), "file": relative})
    return folder


def _written(content: object, folder: Path, number: int, name: str) -> Path:
    if isinstance(content, (str, os.PathLike)):
        path = Path(content)
        if not path.is_file():
            message = f"Version {name}: there is no file '{path.name}'."
            raise ProjectError(message, version=name, file=path.name)
        copy = folder / files.VERSIONS_FOLDER / f"{number:05}{files.ending(path)}"
        return Path(shutil.copy(path, copy))
    target = folder / files.MEMORY_FOLDER / f"{number:05}.parquet"
    as_polars(content, f"Version {name}").write_parquet(target)
    return target


def _is_frame(data: object) -> bool:
    return isinstance(data, (pl.DataFrame, pl.LazyFrame)) or hasattr(data, "__arrow_c_stream__")


def as_polars(content: object, place: str) -> pl.DataFrame:
    """A frame of any library as polars; an index of pandas is a column if it has a name."""
    if isinstance(content, pl.DataFrame):
        return content
    if isinstance(content, pl.LazyFrame):
        return content.collect()
    if hasattr(content, "__arrow_c_stream__"):
        names = getattr(getattr(content, "index", None), "names", ())
        named: Any = content
        frame = pl.DataFrame(named.reset_index() if any(names) else named)
        return frame.drop(c for c in frame.columns if c.startswith("__index_level_"))
    raise ProjectError(
        f"{place}: expected a frame of polars, pandas, or Arrow, found {type(content).__name__}."
    )


def require_predictions(evaluation: models.Evaluation) -> None:
    """Raise ModelError, with the findings, where no version has a prediction for its rows."""
    own = evaluation.dataset.present & (evaluation.predicted >= 0)
    if not own.any():
        reasons = " ".join(one.message for one in evaluation.findings[:_MOST_REASONS])
        raise ModelError(f"No version has usable predictions. {reasons}")


def project_with(
    project: files.Project, model: object | None, predictions: Mapping[str, Any] | None
) -> tuple[files.Project, Folder | None]:
    """The project with a caller's model or predictions, and the folder of these; ModelError."""
    if model is not None and predictions is not None:
        raise ModelError("Pass either `model` or `predictions`: predictions replace a model.")
    if predictions is not None:
        return _written_predictions(project, predictions)
    return project if model is None else models.with_classifier(project, model), None


def _written_predictions(
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
