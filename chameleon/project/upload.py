"""A project that a visitor uploads: several tables, one table, or a zip of a folder.

A stranger's zip is unpacked only into its folder, within limits, and only plain files of it.
"""

from __future__ import annotations

import gzip
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

from chameleon.errors import ProjectError, file_error
from chameleon.project.columns import listed, named
from chameleon.project.files import READ_ERRORS, ending, read_error, scan_file
from chameleon.project.records import (
    SETTINGS_FILE,
    SHIPPED_FOLDERS,
    VERSIONS_FOLDER,
    ModelSpec,
    Project,
    Settings,
    Version,
)
from chameleon.project.settings import settings_text

_CHUNK_BYTES = 1 << 18
_INSTEAD = "Leave out versions, or run Chameleon yourself, where there is no limit."
_ESTIMATORS = (
    "HistGradientBoostingClassifier", "LogisticRegression", "DecisionTreeClassifier",
    "RandomForestClassifier", "ExtraTreesClassifier", "GaussianNB", "DummyClassifier",
)  # fmt: skip
"""Classifiers whose time and memory stay in proportion to the data."""

_LARGEST_PARAMETER = 1_000

MOST_ENTRIES = 1_000
MOST_RATIO = 200
"""Tables shrink to a fifth or a twentieth; a file that shrinks to a 200th is an attack."""

_FREE_BYTES = 1_000_000  # a small file of one repeated value may shrink more, and does no harm
_INDEX_BYTES = 1_000_000
_LONGEST_NAME = 240
_LONGEST_COMMENT = 65_535
_END, _END64 = b"PK\x05\x06", b"PK\x06\x07"
_END_BYTES, _LOCATOR_BYTES = 22, 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError,
)  # fmt: skip

Wanted = Callable[[tuple[str, ...]], bool]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits to an upload on a server, for all its files together."""

    files: int = 200
    sent_bytes: int = 100_000_000
    bytes: int = 300_000_000  # unpacked, also of a csv.gz
    rows: int = 2_000_000
    columns: int = 1_000  # of one file
    values: int = 100_000_000  # rows times columns
    versions: int = 200
    predictions: int = 40_000_000  # rows times versions: every model predicts every row
    probabilities: int = 40_000_000  # rows times classes: those of one model


Sent = tuple[str, int, BinaryIO]  # name, size in bytes, and content of an uploaded file


def stored(sent: Sequence[Sent], folder: Path, limits: Limits) -> str:
    """Write the files as a project into the empty folder; return a sentence on skipped ones.

    Several tables become the versions; one table becomes the table of which [source] is still
    unknown; a zip is unpacked. No table is read: see `require_readable`.
    """
    _require(len(sent), limits.files, "files")
    total = sum(size for _, size, _ in sent)
    if total > limits.sent_bytes:
        most = _megabytes(limits.sent_bytes)
        message = f"The files are too large: at most {most} together, found {_megabytes(total)}."
        raise ProjectError(message, fix=_INSTEAD)
    zips = [entry for entry in sent if entry[0].lower().endswith(".zip")]
    if zips and len(sent) > 1:
        raise ProjectError(
            f"Upload either one zip or tables, found {len(zips)} zip and {len(sent) - len(zips)} "
            "other files.",
            fix="Put everything into one zip.",
        )
    skipped: tuple[str, ...] = ()
    if zips:
        skipped = unpack(zips[0][2], folder, wanted=_belongs, most_bytes=limits.bytes)
    else:
        _write_tables(sent, folder)
    _require_project(folder, limits)
    _name_single_table(folder)
    if not skipped:
        return ""
    some = listed(skipped, 3)
    return f"{len(skipped):,} entries of the zip are no part of a project and left out: {some}."


def require_readable(folder: Path, limits: Limits, doing: Callable[[str], None]) -> None:
    """Read every table of an upload's project folder to its end, and refuse too large ones.

    A damaged file may end the process: call it in a child process. `doing` is called before each
    file with the beginning of a message about it.
    """
    rows = values = 0
    for path in _tables(folder):
        doing(f"Reading {path.name}")
        height, width = _shape(path)
        rows, values = rows + height, values + height * width
        _require(width, limits.columns, f"columns in {path.name}")
        _require(rows, limits.rows, "rows, all files together")
        _require(values, limits.values, "values (rows times columns, all files together)")
        with _named_errors(path):  # decode every value: damage may begin after a correct header
            if height:
                scan_file(path).sink_ipc(os.devnull)


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """Raise errors of reading a file with its name."""
    try:
        yield
    except READ_ERRORS as error:
        raise file_error(path.name, *read_error(path, error)) from error


def require_allowed(project: Project, limits: Limits) -> None:
    """Refuse a stranger's project with too many versions or classes, or too costly a model."""
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
        message = f": an upload may use {', '.join(_ESTIMATORS)}, found '{spec.estimator}'."
        raise file_error(SETTINGS_FILE, message, _INSTEAD)
    for name, value in spec.params.items():
        number = isinstance(value, (int, float)) and name != "random_state"
        if name == "n_jobs" or (number and not abs(value) <= _LARGEST_PARAMETER):
            message = (
                f": an upload may have no n_jobs and no parameter above {_LARGEST_PARAMETER:,}, "
                f"found {name} = {value!r}."
            )
            raise file_error(SETTINGS_FILE, message, _INSTEAD)


def write_project_zip(folder: Path, target: Path) -> None:
    """Write the settings and tables of a project folder as a zip, without computed results."""
    name = folder.name
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*")):
            parts = path.relative_to(folder).parts
            if path.is_file() and not path.is_symlink() and _belongs(parts):
                archive.write(path, "/".join((name, *parts)))


def _belongs(parts: tuple[str, ...]) -> bool:
    """Return True for the path of a project's settings, or of a table in its place."""
    if any(part.startswith((".", "~")) for part in parts):
        return False
    if parts == (SETTINGS_FILE,):
        return True
    if parts[0] in SHIPPED_FOLDERS:  # a stranger's evaluation isn't trusted
        return False
    depth = 3 if parts[0] == VERSIONS_FOLDER else 2
    return len(parts) <= depth and bool(ending(parts[-1]))


def _write_tables(sent: Sequence[Sent], folder: Path) -> None:
    names = [name for name, _, _ in sent]
    twice = same_names(names)
    if twice is not None:
        message = f"'{twice}' was uploaded twice."
        raise ProjectError(message, file=twice, fix="Upload each file once.")
    tables = [name for name in names if name != SETTINGS_FILE]
    place = folder if len(tables) == 1 else folder / VERSIONS_FOLDER
    place.mkdir(exist_ok=True)
    for name, size, content in sent:
        reason = refused_name(name) or ("is in a folder" if "/" in name else None)
        if reason is None and name != SETTINGS_FILE and not ending(name):
            reason = "is no table; parquet, csv, csv.gz, arrow, feather, jsonl, and zip can be read"
        if reason is not None:
            raise ProjectError(f"The file '{name[:80]}' {reason}.", file=name)
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
            "There is no table in it.",
            fix="Upload one file per version (parquet, csv, csv.gz, arrow, feather, or jsonl), one "
            "table with a version column, or a zip of a project folder.",
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
    """Rows and columns of a table, from its header and footer if the format has them."""
    with _named_errors(path):
        if path.stat().st_size == 0:
            return 0, 0  # opening the project reports it
        table = scan_file(path)
        return int(table.select(pl.len()).collect().item()), len(table.collect_schema())


def _grown(path: Path, left: int, limits: Limits) -> int:
    """The unpacked size of a gzip, which is read only as far as there are bytes left."""
    size = 0
    with _named_errors(path), gzip.open(path) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            size += len(chunk)
            if size > left:
                most = _megabytes(limits.bytes)
                message = f"is too large: all files together may have {most} unpacked."
                raise file_error(path.name, message, _INSTEAD)
    return size


def _require(found: int, most: int, what: str) -> None:
    if found > most:
        message = f"Too many {what}: at most {most:,}, found {found:,}."
        raise ProjectError(message, fix=_INSTEAD)


def _name_single_table(folder: Path) -> None:
    """Let chameleon.toml name the only table, so that opening asks for its reading."""
    settings = folder / SETTINGS_FILE
    tables = [path for path in folder.iterdir() if ending(path)]
    if settings.exists() or len(tables) != 1 or any(path.is_dir() for path in folder.iterdir()):
        return
    content = Settings(name=folder.name, source={"file": tables[0].name})
    settings.write_text(settings_text(content), encoding="utf-8")


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.0f} MB"


def unpack(stream: BinaryIO, folder: Path, *, wanted: Wanted, most_bytes: int) -> tuple[str, ...]:
    """Unpack a zip into an empty folder, without a folder around it; return unwanted entries.

    All names and declared sizes are checked before anything is written, and bytes are counted
    while they are written, whatever was declared. After an error nothing of it may be used.
    """
    _require_small_index(stream)
    try:
        with zipfile.ZipFile(stream) as archive:
            return _unpacked(archive, folder, wanted, most_bytes)
    except _DAMAGED as error:
        message = f"The zip is damaged or no zip ({type(error).__name__})."
        raise ProjectError(message, fix="Pack it again.") from error


def refused_name(name: str) -> str | None:
    """The reason why no file may have that path (parts between slashes), or None."""
    parts = name.split("/")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        return "has a control character in its name"
    if name.startswith("/") or "\\" in name or ":" in name:
        return "has an absolute path, a drive letter, a backslash or a colon in its name"
    if any(part in ("", ".", "..") for part in parts):
        return "leads out of its folder"
    if any(_DEVICES.fullmatch(part.strip()) or part != part.rstrip(" .") for part in parts):
        return "is named like a device, or ends in a dot or a space"
    if len(name.encode()) > _LONGEST_NAME:
        return f"has a name of more than {_LONGEST_NAME} bytes"
    return None


def same_names(names: Iterable[str]) -> str | None:
    """A name that occurs twice in a file system that ignores case and accents, or None."""
    seen: set[str] = set()
    for name in names:
        plain = unicodedata.normalize("NFKC", name).casefold()
        if plain in seen:
            return name
        seen.add(plain)
    return None


def _require_small_index(stream: BinaryIO) -> None:
    """Refuse a zip whose list of entries alone is huge, before it is read."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _LONGEST_COMMENT - _END_BYTES))
    tail = stream.read()
    place = tail.rfind(_END)
    stream.seek(0)
    if place < 0 or len(tail) - place < _END_BYTES:
        message = "The file is no zip, or its end is missing."
        raise ProjectError(message, fix="Pack it again.")
    entries, index_bytes = struct.unpack("<HI", tail[place + 10 : place + 16])
    large = tail[max(0, place - _LOCATOR_BYTES) : place].startswith(_END64)
    if large or entries > MOST_ENTRIES or index_bytes > _INDEX_BYTES:
        found = "a zip64" if large else f"{entries:,} entries"
        raise ProjectError(
            f"The zip has too many entries: at most {MOST_ENTRIES:,} are unpacked, found {found}.",
            fix="Pack only chameleon.toml and the folders versions and predictions.",
        )


def _unpacked(archive: zipfile.ZipFile, folder: Path, wanted: Wanted, most: int) -> tuple[str, ...]:
    entries = [entry for entry in archive.infolist() if not _is_litter(entry.filename)]
    for entry in entries:
        _require_plain(entry)
    files = [entry for entry in entries if not entry.is_dir()]
    twice = same_names(entry.filename.rstrip("/") for entry in entries)
    if twice is not None:
        message = f"The zip contains '{twice}' twice."
        raise ProjectError(message, file=twice, fix="Pack it again, each file once.")
    around = _folder_around(files)
    taken, skipped = [], []
    for entry in files:
        path = tuple(entry.filename.split("/")[around:])
        if wanted(path):
            taken.append((entry, path))
        else:
            skipped.append("/".join(path))
    declared = sum(entry.file_size for entry, _ in taken)
    if declared > most:
        raise _too_large(most, f"{_megabytes(declared)} are declared")
    left = most
    for entry, path in taken:
        left -= _write(archive, entry, folder.joinpath(*path), left, most)
    return tuple(skipped)


def _is_litter(name: str) -> bool:
    """Return True for an entry that an archiver added."""
    parts = name.split("/")
    return parts[0] == "__MACOSX" or parts[-1] in (".DS_Store", "Thumbs.db", "desktop.ini")


def _require_plain(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    reason = refused_name(name.removesuffix("/"))
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if reason is None and kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        reason = "is a link or a special file"
    if reason is None and entry.flag_bits & 1:
        reason = "is encrypted"
    if reason is None and entry.compress_type not in _METHODS:
        reason = "is packed in a way that is not read (deflate is)"
    grown = entry.file_size > MOST_RATIO * max(1, entry.compress_size)
    if reason is None and grown and entry.file_size > _FREE_BYTES:
        reason = (
            f"grows from {entry.compress_size:,} to {entry.file_size:,} bytes, "
            f"more than {MOST_RATIO} times"
        )
    if reason is not None:
        shown = "".join(letter if letter.isprintable() else "?" for letter in name[:80])
        raise ProjectError(f"The zip is not unpacked: its entry '{shown}' {reason}.", file=shown)


def _folder_around(files: list[zipfile.ZipInfo]) -> int:
    """1 if all files are in one folder that is the project's, else 0."""
    firsts = {entry.filename.split("/")[0] for entry in files}
    if len(firsts) != 1 or any("/" not in entry.filename for entry in files):
        return 0
    return 0 if firsts <= {"versions", "predictions"} else 1


def _write(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int, most: int
) -> int:
    """Write a file as long as bytes are left; return its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with archive.open(entry) as source, path.open("xb") as target:
        while chunk := source.read(_CHUNK_BYTES):
            written += len(chunk)
            if written > left:
                raise _too_large(most, f"it was stopped in '{entry.filename}'")
            target.write(chunk)
    return written


def _too_large(most: int, found: str) -> ProjectError:
    message = f"The zip is too large: at most {_megabytes(most)} are unpacked, and {found}."
    return ProjectError(message, fix=_INSTEAD)
