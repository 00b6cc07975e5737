"""The address of a project: a folder, a chameleon.toml, or a single table."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from chameleon.errors import ProjectError
from chameleon.project.files import ending
from chameleon.project.folder import PREDICTIONS_FOLDER, VERSIONS_FOLDER
from chameleon.project.records import SETTINGS_FILE, Settings
from chameleon.project.settings import read_settings

_ROLES = ("id", "label", "split")
"""Columns that an address may name beside the keys of [source]; its `date` is that of [source]."""

_MOST_ITEMS = 100


@dataclass(frozen=True, slots=True)
class Address:
    """The place of a project, and its settings.

    `text` is what was given, to open the project again, `path` the project folder or the single
    table, `folder` the folder that all files of the project are in.
    """

    text: str
    path: Path
    folder: Path
    settings: Settings


def address_of(path: str | os.PathLike[str]) -> Address:
    """The project that is meant.

    Parameters
    ----------
    path
        A project folder, the path of its chameleon.toml, or a single table, after which its
        [source] may be written as in "data.csv?version=batch&reading=since".
    """
    text = os.fspath(path)
    place, query = _split(text)
    if place.is_dir():
        return Address(text, place, place, read_settings(place))
    if place.suffix.lower() == ".toml" and place.is_file():
        return Address(text, place.parent, place.parent, read_settings(place.parent, place.name))
    if place.is_file() and ending(place):
        return _of_table(text, place.resolve(), query)
    if place.is_file():
        raise ProjectError(
            f"'{place.name}' is neither a table nor a {SETTINGS_FILE}. Open a project folder, or a "
            "table in parquet, csv, csv.gz, arrow, feather or jsonl."
        )
    what = "table" if ending(place) else "project folder"
    raise ProjectError(f"There is no {what} '{place.name}'.")


def folder_stamp(path: str | os.PathLike[str]) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of all files that can matter; cheap, no data is read."""
    place, _ = _split(os.fspath(path))
    folder = place if place.is_dir() else place.parent
    found: dict[str, tuple[int, int]] = {}
    if place.is_dir() or place.suffix.lower() == ".toml":
        settings = place if place != folder else folder / SETTINGS_FILE
        named = [folder / SETTINGS_FILE, settings, *_named_file(folder, settings)]
        versions = folder / VERSIONS_FOLDER
        folders = [*_add_stamps(folder, found), *_add_stamps(versions, found)]
        inside = versions if versions.is_dir() else folder
        for sub in folders:
            if sub.parent == inside:
                _add_stamps(sub, found)
    else:
        named = [place, folder / SETTINGS_FILE]
    _add_stamps(folder / PREDICTIONS_FOLDER, found)
    for file in named:
        _add_stamp(file, found)
    return tuple(sorted((name, *stamp) for name, stamp in found.items()))


def _split(text: str) -> tuple[Path, str]:
    """The path and what follows its question mark; a file that has one in its name goes first."""
    if "?" not in text or os.path.exists(text):  # noqa: PTH110 - Path raises where it is too long
        return Path(text), ""
    before, _, query = text.partition("?")
    return Path(before), query


def _of_table(text: str, file: Path, query: str) -> Address:
    source, columns = _queried(query)
    source["file"] = file.name
    beside = read_settings(file.parent)
    if beside.source_kind == "table" and beside.source.get("file") == file.name:
        settings = beside  # the project of this table
        if query:
            settings = replace(beside, source=source, columns={**beside.columns, **columns})
        return Address(text, file.parent, file.parent, settings)
    name = file.name[: -len(ending(file))]
    return Address(text, file, file.parent, Settings(name=name, source=source, columns=columns))


def _queried(query: str) -> tuple[dict[str, Any], Mapping[str, tuple[str, ...]]]:
    """The [source] and the columns with a role that an address names."""
    source: dict[str, Any] = {}
    columns: dict[str, tuple[str, ...]] = {}
    try:
        items = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_ITEMS)
    except ValueError as error:
        raise ProjectError(
            f"The address names more than {_MOST_ITEMS} settings behind its question mark. Write "
            f"them into {SETTINGS_FILE}."
        ) from error
    for key, value in items:
        if key in _ROLES:
            columns[key] = (*columns.get(key, ()), value)
        elif key == "steps" and value.isdecimal():
            source[key] = int(value)
        elif key == "inclusive" and value in ("true", "false"):
            source[key] = value == "true"
        else:
            source[key] = value
    return source, columns


def _named_file(folder: Path, settings: Path) -> list[Path]:
    """The table that a settings file names, wherever it is; it is parsed once for each state."""
    try:
        status = settings.stat()
    except OSError:
        return []
    file = _source_file(str(folder), settings.name, status.st_size, status.st_mtime_ns)
    return [] if file is None else [folder / file]


@lru_cache(maxsize=64)
def _source_file(folder: str, name: str, size: int, changed: int) -> str | None:
    try:
        file = read_settings(Path(folder), name).source.get("file")
    except (ProjectError, OSError):
        return None
    return file if isinstance(file, str) and "\0" not in file else None


def _add_stamps(place: Path, found: dict[str, tuple[int, int]]) -> list[Path]:
    """Note all files of a folder that are not hidden; its sub-folders."""
    folders: list[Path] = []
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_file():
                    status = entry.stat()
                    found[entry.path] = (status.st_size, status.st_mtime_ns)
                elif entry.is_dir():
                    folders.append(Path(entry.path))
    except OSError:
        pass  # no such place
    return folders


def _add_stamp(file: Path, found: dict[str, tuple[int, int]]) -> None:
    try:
        status = file.stat()
    except OSError:
        return  # no such file
    found[str(file)] = (status.st_size, status.st_mtime_ns)
