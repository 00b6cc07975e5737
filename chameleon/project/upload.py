"""A project that a visitor brings along: several tables, one table, or a zip of a folder."""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

from chameleon.errors import ProjectError
from chameleon.project.columns import named
from chameleon.project.files import READ_ERRORS, ending, read_error_message, scan_file
from chameleon.project.folder import SHIPPED_FOLDERS, VERSIONS_FOLDER
from chameleon.project.records import SETTINGS_FILE, ModelSpec, Project, Settings, Version
from chameleon.project.settings import settings_text
from chameleon.project.unpacking import refused_name, same_names, unpack

_CHUNK_BYTES = 1_000_000
_INSTEAD = "Leave out versions, or run Chameleon yourself, where there is no limit."
_ESTIMATORS = (
    "HistGradientBoostingClassifier", "LogisticRegression", "DecisionTreeClassifier",
    "RandomForestClassifier", "ExtraTreesClassifier", "GaussianNB", "DummyClassifier",
)  # fmt: skip
"""Classifiers whose time and memory stay in proportion to the data."""

_LARGEST_PARAMETER = 1_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits to a project of other people on a server.

    Attributes
    ----------
    files
        Files, after unpacking.
    sent_bytes
        Bytes as they are sent.
    bytes
        Bytes after unpacking, what a csv.gz grows to included.
    rows
        Rows of all files together.
    columns
        Columns of a file.
    values
        Rows times columns, of all files together.
    versions
        Versions.
    predictions
        Rows of all files together, times versions: every model predicts every row.
    probabilities
        Rows of all files together, times classes: what one model says.
    """

    files: int = 200
    sent_bytes: int = 100_000_000
    bytes: int = 300_000_000
    rows: int = 2_000_000
    columns: int = 1_000
    values: int = 100_000_000
    versions: int = 200
    predictions: int = 40_000_000
    probabilities: int = 40_000_000


Sent = tuple[str, int, BinaryIO]
"""Name, size in bytes and content of a file as it was sent."""


def stored(sent: Sequence[Sent], folder: Path, limits: Limits) -> str:
    """Write the files as a project into the empty folder; return a sentence on what was left out.

    Several tables become the versions; one table becomes the table of which [source] is still to
    be said; a zip is unpacked. No table is read: see `require_readable`.

    Raises
    ------
    ProjectError
        A limit is passed, or a file cannot be used. The message names what was found.
    """
    _require(len(sent), limits.files, "files")
    total = sum(size for _, size, _ in sent)
    if total > limits.sent_bytes:
        raise ProjectError(
            f"The files are too large: at most {_megabytes(limits.sent_bytes)} together, found "
            f"{_megabytes(total)}. {_INSTEAD}"
        )
    zips = [entry for entry in sent if entry[0].lower().endswith(".zip")]
    if zips and len(sent) > 1:
        raise ProjectError(
            f"Bring either one zip or tables, found {len(zips)} zip and {len(sent) - len(zips)} "
            "other files. Put everything into one zip."
        )
    left_out = ""
    if zips:
        unpacked = unpack(zips[0][2], folder, wanted=_belongs, most_bytes=limits.bytes)
        left_out = _left_out(unpacked.skipped)
    else:
        _write_tables(sent, folder)
    _require_project(folder, limits)
    _say_single_table(folder)
    return left_out


def require_readable(folder: Path, limits: Limits, doing: Callable[[str], None]) -> None:
    """Read every table of an upload's project folder to its end, and refuse too large ones.

    A damaged file may end the process: call it in a child process.

    Parameters
    ----------
    doing
        Called before each file with the words that begin a message about it.
    """
    rows = values = 0
    for path in _tables(folder):
        doing(f"Reading {path.name}")
        height, width = _shape(path)
        rows, values = rows + height, values + height * width
        _require(width, limits.columns, f"columns in {path.name}")
        _require(rows, limits.rows, "rows, all files together")
        _require(values, limits.values, "values (rows times columns, all files together)")
        if height:
            _read_whole(path)


def require_allowed(project: Project, limits: Limits) -> None:
    """Refuse what a stranger's project may not ask of a server.

    Raises
    ------
    ProjectError
        It has too many versions or classes, or its model would take time or memory out of
        proportion.
    """
    _require(len(project.versions), limits.versions, "versions")
    rows = sum(_shape(path)[0] for path in _tables(project.path))
    _require(rows * len(project.versions), limits.predictions, "predictions (rows times versions)")
    classes = max(_classes(project, version) for version in project.versions)
    label = "the label probabilities" if (name := project.roles.label) is None else f"'{name}'"
    _require(
        rows * classes,
        limits.probabilities,
        f"probabilities (rows times the {classes:,} classes of {label})",
    )
    for spec in (project.settings.model, *project.settings.own_models.values()):
        _require_modest(spec)


def _require_modest(spec: ModelSpec) -> None:
    if spec.estimator not in _ESTIMATORS:
        raise ProjectError(
            f"{SETTINGS_FILE}: an upload may use {', '.join(_ESTIMATORS)}, found "
            f"'{spec.estimator}'. {_INSTEAD}"
        )
    for name, value in spec.params.items():
        number = isinstance(value, (int, float)) and name != "random_state"
        if name == "n_jobs" or (number and not abs(value) <= _LARGEST_PARAMETER):
            raise ProjectError(
                f"{SETTINGS_FILE}: an upload may have no n_jobs and no parameter above "
                f"{_LARGEST_PARAMETER:,}, found {name} = {value!r}. {_INSTEAD}"
            )


def write_project_zip(folder: Path, target: Path) -> None:
    """Write the project of a folder as a zip: settings and tables, nothing that was computed."""
    name = folder.name
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            if path.is_file() and not path.is_symlink() and _belongs(parts):
                archive.write(path, "/".join((name, *parts)))


def _belongs(parts: tuple[str, ...]) -> bool:
    """Return True if the path is that of a project's settings, or of a table in its place."""
    if any(part.startswith((".", "~")) for part in parts):
        return False
    if parts == (SETTINGS_FILE,):
        return True
    if parts[0] in SHIPPED_FOLDERS:  # a stranger's word for what models say is not taken
        return False
    depth = 3 if parts[0] == VERSIONS_FOLDER else 2
    return len(parts) <= depth and bool(ending(parts[-1]))


def _left_out(skipped: Sequence[str]) -> str:
    if not skipped:
        return ""
    named = ", ".join(skipped[:3]) + (", ..." if len(skipped) > 3 else "")
    return f"{len(skipped):,} entries of the zip are no part of a project and left out: {named}."


def _write_tables(sent: Sequence[Sent], folder: Path) -> None:
    names = [name for name, _, _ in sent]
    twice = same_names(names)
    if twice is not None:
        raise ProjectError(f"'{twice}' was sent twice. Send each file once.")
    tables = [name for name in names if name != SETTINGS_FILE]
    place = folder if len(tables) == 1 else folder / VERSIONS_FOLDER
    place.mkdir(exist_ok=True)
    for name, size, content in sent:
        why = refused_name(name) or ("is in a folder" if "/" in name else None)
        if why is None and name != SETTINGS_FILE and not ending(name):
            why = "is no table; parquet, csv, csv.gz, arrow, feather, jsonl and zip can be read"
        if why is not None:
            raise ProjectError(f"The file '{name[:80]}' {why}.")
        target = folder / name if name == SETTINGS_FILE else place / name
        with target.open("xb") as stream:
            for _ in range(0, size, _CHUNK_BYTES):
                stream.write(content.read(_CHUNK_BYTES))


def _require_project(folder: Path, limits: Limits) -> None:
    """Refuse a folder without tables, or with more or larger files than the limits allow."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    _require(len(files), limits.files, "files")
    tables = _tables(folder)
    if not tables:
        raise ProjectError(
            "There is no table in it. Bring a file a version (parquet, csv, csv.gz, arrow, feather "
            "or jsonl), one table with a version column, or a zip of a project folder."
        )
    left = limits.bytes - sum(path.stat().st_size for path in files)
    for path in tables:
        if ending(path) == ".csv.gz":
            left -= _grown(path, left, limits)


def _classes(project: Project, version: Version) -> int:
    if project.roles.label is None:
        return len(project.roles.label_probabilities)
    label = named(project.roles.label)
    try:
        return int(project.source.scan(version).select(label.n_unique()).collect().item())
    except READ_ERRORS as error:
        raise project.source.unreadable(version, error) from error


def _tables(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and ending(path)]


def _shape(path: Path) -> tuple[int, int]:
    """Rows and columns of a table, by its header and footer where the format has them."""
    try:
        if path.stat().st_size == 0:
            return 0, 0  # told when the project is opened
        table = scan_file(path)
        return int(table.select(pl.len()).collect().item()), len(table.collect_schema())
    except READ_ERRORS as error:
        raise ProjectError(f"{path.name} {read_error_message(path, error)}") from error


def _read_whole(path: Path) -> None:
    """Decode every value of a table: damage may begin behind a correct header."""
    try:
        scan_file(path).sink_ipc(os.devnull)
    except READ_ERRORS as error:
        raise ProjectError(f"{path.name} {read_error_message(path, error)}") from error


def _grown(path: Path, left: int, limits: Limits) -> int:
    """The size of what a gzip holds; it is read no further than there are bytes left."""
    size = 0
    try:
        with gzip.open(path) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                size += len(chunk)
                if size > left:
                    raise ProjectError(
                        f"{path.name} is too large: all files together may have "
                        f"{_megabytes(limits.bytes)} unpacked. {_INSTEAD}"
                    )
    except (OSError, EOFError, zlib.error) as error:
        raise ProjectError(f"{path.name} {read_error_message(path, error)}") from error
    return size


def _require(found: int, most: int, what: str) -> None:
    if found > most:
        raise ProjectError(f"Too many {what}: at most {most:,}, found {found:,}. {_INSTEAD}")


def _say_single_table(folder: Path) -> None:
    """Let chameleon.toml name the one table, so that it is asked how it holds its versions."""
    settings = folder / SETTINGS_FILE
    tables = [path for path in folder.iterdir() if ending(path)]
    if settings.exists() or len(tables) != 1 or any(path.is_dir() for path in folder.iterdir()):
        return
    said = Settings(name=folder.name, source={"file": tables[0].name})
    settings.write_text(settings_text(said), encoding="utf-8")


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.0f} MB"
