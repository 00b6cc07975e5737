"""The address of a project, and the reading of a table that its [source] names."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

from msgspec import Meta

from chameleon.errors import ProjectError, file_error
from chameleon.project.columns import listed, usual_column
from chameleon.project.files import ending
from chameleon.project.readings import CUTS, MOST_VERSIONS, ByDate, ByValidity, ByVersion, Reading
from chameleon.project.records import (
    PREDICTIONS_FOLDER,
    SETTINGS_FILE,
    USUAL_NAMES,
    VERSIONS_FOLDER,
    Settings,
)
from chameleon.project.settings import read_settings
from chameleon.project.toml_file import Column, Table, checked, must, toml_text

USUAL_VERSION = (
    "version", "dataset_version", "data_version", "batch", "release", "snapshot", "revision",
)  # fmt: skip
START, END = "valid_from", "valid_to"

_ROLES = ("id", "label", "split")
"""Columns that an address may name beside the keys of [source]; its `date` is that of [source]."""

_MOST_ITEMS = 100


@dataclass(frozen=True, slots=True)
class Address:
    """The place of a project, which `text` opens again, and its settings.

    `path` is the project folder or the single table, `folder` the folder of all its files.
    """

    text: str
    path: Path
    folder: Path
    settings: Settings


def address_of(path: str | os.PathLike[str]) -> Address:
    """The address of a project folder, its chameleon.toml, or a single table.

    After a table its [source] may be written, as in "data.csv?version=batch&reading=since".
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
            f"'{place.name}' is neither a table nor a {SETTINGS_FILE}.",
            file=place.name,
            fix="Open a project folder, or a table in parquet, csv, csv.gz, arrow, feather, or "
            "jsonl.",
        )
    what = "table" if ending(place) else "project folder"
    raise ProjectError(f"There is no {what} '{place.name}'.", file=place.name)


def folder_stamp(path: str | os.PathLike[str]) -> tuple[tuple[str, int, int], ...]:
    """Name, size, and modification time of all relevant files; cheap, no data is read."""
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
        with suppress(OSError):  # no such file
            status = file.stat()
            found[str(file)] = (status.st_size, status.st_mtime_ns)
    return tuple(sorted((name, *stamp) for name, stamp in found.items()))


def _split(text: str) -> tuple[Path, str]:
    """The path and the text after its question mark, unless a file has one in its name."""
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
            f"The address has more than {_MOST_ITEMS} settings after its question mark.",
            fix=f"Write them into {SETTINGS_FILE}.",
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
    """The table that a settings file names; the settings are parsed once for each state."""
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
    """Add all files of a folder that are not hidden; return its subfolders."""
    folders: list[Path] = []
    with suppress(OSError), os.scandir(place) as entries:  # there may be no such folder
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_file():
                status = entry.stat()
                found[entry.path] = (status.st_size, status.st_mtime_ns)
            elif entry.is_dir():
                folders.append(Path(entry.path))
    return folders


class _Source(Table):
    kind: Any = None
    file: Any = None
    reading: Annotated[
        Literal["snapshot", "since", "valid"] | None,
        must(
            'one of snapshot, since, valid (to cut by a date column, write date = "..." and '
            'cut = "month" instead)'
        ),
    ] = None
    version: Column | None = None
    valid_from: Column | None = None
    valid_to: Column | None = None
    inclusive: Annotated[bool, must("true or false")] = False
    date: Column | None = None
    cut: Annotated[Literal["day", "week", "month"] | None, must(f"one of {', '.join(CUTS)}")] = None
    steps: Annotated[
        Annotated[int, Meta(ge=1, le=MOST_VERSIONS)] | None,
        must(f"a whole number from 1 to {MOST_VERSIONS:,}"),
    ] = None


class _Content(Table):
    source: _Source


@dataclass(frozen=True, slots=True)
class Choice:
    """One possible [source] of a table, and its meaning."""

    source: Mapping[str, Any]
    meaning: str


def asked_reading(
    settings: Settings, columns: Sequence[str], evidence: Callable[[str], str]
) -> Reading:
    """The reading that [source] names, of a table with these columns.

    If [source] isn't sufficient, the error asks, with the `evidence` about a version column.
    """
    source = checked({"source": settings.source}, _Content, SETTINGS_FILE).source
    by_date = {"date", "cut", "steps"} & set(settings.source)
    if by_date and (source.reading is not None or source.version is not None):
        other = "reading" if source.reading is not None else "version"
        raise source_error(
            f"has '{min(by_date)}' and '{other}': cut by date, or read a version column, but not "
            "both."
        )
    if by_date:
        return _by_date(source, settings, columns)
    spans = source.valid_from is not None or source.valid_to is not None
    if source.reading == "valid" or (source.reading is None and spans):
        return _by_validity(source, columns)
    column = source.version or usual_column(USUAL_VERSION, columns)
    if source.reading is None:
        found = evidence(column) if column is not None and column in columns else ""
        raise _question(settings, columns, found)
    return ByVersion((_present(column, "version", columns),), cumulative=source.reading == "since")


def _by_validity(source: _Source, columns: Sequence[str]) -> ByValidity:
    if source.version is not None:
        raise source_error(
            "has 'version', which the reading valid does not use: it reads valid_from and valid_to."
        )
    start, end = source.valid_from or START, source.valid_to or END
    if start == end:
        raise source_error(f"names '{start}' as both valid_from and valid_to.", column=start)
    first, last = _present(start, START, columns), _present(end, END, columns)
    return ByValidity((first, last), inclusive=source.inclusive)


def _by_date(source: _Source, settings: Settings, columns: Sequence[str]) -> ByDate:
    if (source.cut is None) == (source.steps is None):
        raise source_error(
            "must have either cut or steps beside the date, found "
            f"{'both' if source.cut is not None else 'neither'}.",
            'Write cut = "month" (or week, or day), or steps = 10.',
        )
    named = next(iter(settings.columns.get("date", ())), None)
    column = source.date or named or usual_column(USUAL_NAMES["date"], columns)
    return ByDate((_present(column, "date", columns),), source.cut, source.steps)


def _present(column: str | None, key: str, columns: Sequence[str]) -> str:
    """The column, if the table has it."""
    if column is None:
        raise source_error(
            f"names no {key} column, and none has a usual name. Columns found: {listed(columns)}.",
            f'Write {key} = "...".',
        )
    if column not in columns:
        raise source_error(
            f"{key} is '{column}', but the table has no such column. Columns found: "
            f"{listed(columns)}.",
            column=column,
        )
    return column


def source_error(
    message: str, fix: str | None = None, *, column: str | None = None
) -> ProjectError:
    """The error to raise about [source]; the message continues after it."""
    return file_error(SETTINGS_FILE, f": [source] {message}", fix, column=column)


def reading_choices(file: str, columns: Sequence[str]) -> tuple[Choice, ...]:
    """Possible [source] tables for these columns; "..." for an unknown column."""
    version = usual_column(USUAL_VERSION, columns) or "..."
    date = usual_column(USUAL_NAMES["date"], columns) or "..."
    span = {key: usual_column((key,), columns) or "..." for key in (START, END)}
    choices = (
        ({"version": version, "reading": "snapshot"}, "each row is repeated in all its versions"),
        ({"version": version, "reading": "since"}, "each row occurs once, with its first version"),
        ({"reading": "valid", **span}, "each row has its first version, and the first without it"),
        ({"date": date, "cut": "month"}, "a version is all rows up to the end of a month"),
        ({"date": date, "steps": 10}, "a version is all rows up to a tenth, two tenths ..."),
    )  # fmt: skip
    return tuple(Choice({"file": file, **source}, meaning) for source, meaning in choices)


def _question(settings: Settings, columns: Sequence[str], evidence: str) -> ProjectError:
    """The question to ask: the columns found, the choices, and the lines to write for each."""
    file = str(settings.source.get("file", "data.csv"))
    named = toml_text({"file": file}).strip()
    choices, addresses = list[str](), list[str]()
    for choice in reading_choices(file, columns):
        source = {key: value for key, value in choice.source.items() if key != "file"}
        if "version" in source and "version" in settings.source:
            source["version"] = settings.source["version"]
        lines = toml_text(source).strip().replace("\n", ", ")
        addresses.append(f"{file}?{urlencode(source)}")
        choices.append(f"{lines} ({choice.meaning})")
    return ProjectError(
        f"How does {file} hold its versions? Columns found: {listed(columns)}.{evidence}",
        file=file,
        fix=f"Write into {SETTINGS_FILE} beside it [source], {named} and, a line each, one of: "
        f'{"; ".join(choices)}. Or add it where you open the table, as in "{addresses[0]}".',
    )
