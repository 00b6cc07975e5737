"""Version files of any format: one file, or the files of a version's folder."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import polars as pl
from polars.exceptions import PanicException, PolarsError

from chameleon.errors import VersionError
from chameleon.project.columns import SPLIT_NAMES, common_kind, listed, named, type_kind
from chameleon.project.findings import Severity
from chameleon.project.records import Kind, Split, Version, natural_key
from chameleon.project.text import MARKUP, WEB_PAGE, require_whole_rows, scan_text, text_form
from chameleon.storage import FileMemory, file_digest

ENDINGS = (".parquet", ".csv", ".csv.gz", ".arrow", ".feather", ".jsonl")
_PER_SECOND = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_SECONDS_OF_DAY = 86_400
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31, the years of Python's dates, in days since 1970."""

_MOST = 2**63 - 1

MOST_HELD = 256_000_000
"""Bytes of files in memory for one project: about 25 million values as CSV, whose arrays take about
as much."""

READ_ERRORS = (PolarsError, PanicException, OSError, ValueError, EOFError, zlib.error)


def ending(file: str | Path) -> str:
    """The file's format by its ending, such as ".csv.gz"; "" if it is none of `ENDINGS`."""
    name = str(file).lower()
    return max((e for e in ENDINGS if name.endswith(e)), key=len, default="")


def is_untyped(file: str | Path) -> bool:
    """Return True if the format has no types, so that they are found from the values."""
    return ending(file).startswith(".csv")


def scan_file(path: Path, content: bytes | None = None) -> pl.LazyFrame:
    """The file as a lazy frame; every column of a CSV as String.

    With `content`, its bytes, only the beginning of a text is read again. An uncertain form raises
    VersionError; the message follows the file's name.
    """
    if is_untyped(path):
        return scan_text(path, content)
    scan = _scan_typed(path, content)
    return scan.with_columns(
        pl.when(in_range).then(named(name)) for name, in_range in _ranges(scan).items()
    )


def scan_whole(path: Path) -> pl.LazyFrame:
    """The file as a lazy frame, read once; a text with incomplete rows is refused."""
    content = path.read_bytes()
    if is_untyped(path):
        require_whole_rows(path, content)
    return scan_file(path, content)


def file_remarks(path: Path, content: bytes | None = None) -> tuple[tuple[Severity, str], ...]:
    """Unusual features of a file, each to follow its name."""
    if is_untyped(path):
        require_whole_rows(path, content)
        return text_form(path).remarks
    scan = _scan_typed(path, content)
    ranges = _ranges(scan)
    counted = scan.select(pl.len(), *((~in_range).sum() for in_range in ranges.values()))
    rows, *counts = counted.collect().row(0) if ranges else (0,)
    return tuple(
        (
            Severity.WARNING,
            f"has values in '{name}' outside the years 1 to 9999 or the range of their type, "
            f"{count:,} of {rows:,}: they count as missing. Write the column again.",
        )
        for name, count in zip(ranges, counts, strict=True)
        if count
    )


class HeldFiles:
    """The bytes of files, read once and held until their rows are stored in a dataset.

    Digest, checks, and rows come from one reading. A file that is too large is read from the disk
    each time.
    """

    def __init__(self, memory: FileMemory) -> None:
        self._memory = memory
        self._held: dict[Path, bytes] = {}

    def digest(self, path: Path) -> str:
        """SHA-256 of the file, cached by size, modification time, and inode."""

        def find() -> str:
            self.release([path])  # the file may have changed
            content = self.hold(path)
            return file_digest(path) if content is None else sha256(content).hexdigest()

        return self._memory.recall(path, "sha256", find)

    def hold(self, path: Path) -> bytes | None:
        """The bytes of the file, read unless they are held; None if it is too large."""
        if path not in self._held:
            left = MOST_HELD - sum(map(len, list(self._held.values())))
            if path.stat().st_size > left:
                return None
            self._held[path] = path.read_bytes()
        return self._held.get(path)

    def held(self, path: Path) -> bytes | None:
        """The bytes of the file if they are held."""
        return self._held.get(path)

    def release(self, paths: Iterable[Path]) -> None:
        """Free the bytes of the files."""
        for path in paths:
            self._held.pop(path, None)


def _scan_typed(path: Path, content: bytes | None) -> pl.LazyFrame:
    source = path if content is None else content
    match ending(path):
        case ".parquet":
            return pl.scan_parquet(source, glob=False)
        case ".arrow" | ".feather":
            return pl.scan_ipc(source, glob=False)
        case ".jsonl":
            return pl.scan_ndjson(source, infer_schema_length=None)
    raise VersionError(
        f"{path.name} has none of the endings that can be read: {', '.join(ENDINGS)}.",
        file=path.name,
    )


def _ranges(scan: pl.LazyFrame) -> dict[str, pl.Expr]:
    """True for values in range, for every column of dates or times.

    polars panics on other values, or misreads them.
    """
    return {
        name: named(name).to_physical().is_between(*bounds)
        for name, dtype in scan.collect_schema().items()
        if (bounds := _bounds(dtype)) is not None
    }


def _bounds(dtype: pl.DataType) -> tuple[int, int] | None:
    """The smallest and largest stored number of a date or time type; None for other types."""
    if dtype == pl.Date:
        return _FIRST_DAY, _LAST_DAY
    if dtype == pl.Time:
        return 0, _SECONDS_OF_DAY * _PER_SECOND["ns"] - 1
    if not isinstance(dtype, (pl.Datetime, pl.Duration)):
        return None
    per_second = _PER_SECOND[dtype.time_unit]
    if isinstance(dtype, pl.Datetime) and dtype.time_unit != "ns":
        margin = 0 if dtype.time_zone is None else 1  # a day: the zone adds hours
        first, after = _FIRST_DAY + margin, _LAST_DAY + 1 - margin
        return first * _SECONDS_OF_DAY * per_second, after * _SECONDS_OF_DAY * per_second - 1
    most = _MOST // (_PER_SECOND["ns"] // per_second)  # what fits into 64 bits as nanoseconds
    return -most, most


def unreadable(
    version: Version, folder: Path, paths: Iterable[Path], error: BaseException
) -> VersionError:
    """The error to raise for a version whose files, in a project folder, could not be read."""
    path, error = _culprit(list(paths), error)
    file = path.relative_to(folder).as_posix()
    where = "" if file == version.file else f": {file} "
    try:
        if not path.is_file():
            return version.error(f"{where.rstrip()}: there is no such file.")
        if path.stat().st_size == 0:
            fix = "Write it again or remove it from the project."
            return version.error(f"{where}is empty (0 bytes).", fix=fix)
    except OSError:
        pass
    reason, fix = read_error(path, error)
    return version.error(f"{where}{reason}", fix=fix)


def read_error_message(path: Path, error: BaseException) -> str:
    """The reason why a file could not be read, without its path, and the remedy."""
    return " ".join(read_error(path, error))


def read_error(path: Path, error: BaseException) -> tuple[str, str]:
    """The reason why a file could not be read, to follow its name, and the remedy."""
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    reason = reason.replace(str(path), path.name).rstrip(".")
    return f"could not be read as {ending(path).lstrip('.')}: {reason}.", _remedy(path)


def _remedy(path: Path) -> str:
    """The remedy for a file that cannot be read, found from its beginning."""
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
        if MARKUP.match(head):
            return f"It contains {WEB_PAGE}: fetch or write it again."
        if not is_untyped(path) and b"\0" not in head and b"," in head and head.decode():
            return "It contains text: if that is CSV, rename it to end in .csv."
    except (OSError, UnicodeDecodeError):
        pass
    return "The file may be damaged, incomplete, or of another format: write it again."


def _culprit(paths: list[Path], error: BaseException) -> tuple[Path, BaseException]:
    """The first file that can't be read alone, and its error; else the first file."""
    for path in paths if len(paths) > 1 else ():
        try:
            scan_file(path).select(pl.len()).collect()
        except READ_ERRORS as own:
            return path, own
    return paths[0], error


def outside(folder: Path, path: Path) -> bool:
    """Return True if a path leads out of the folder, by links or dots, or cannot be followed."""
    try:
        return not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        return True


Read = TypeVar("Read")

CONTRADICTS = " in the file "  # part of a split of a file's column that contradicts the file's name
_NAMES = "|".join(sorted(SPLIT_NAMES, key=len, reverse=True))
_SPLIT_FILE = re.compile(rf"({_NAMES})([-_.][0-9].*)?", re.IGNORECASE)  # also train-00000-of-2


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """The files of one version in natural order, and the splits that their names give, if any."""

    paths: tuple[Path, ...]
    splits: tuple[Split, ...] = ()

    @property
    def untyped(self) -> bool:
        """Return True if the files are plain text."""
        return is_untyped(self.paths[0])

    def scan(self, split_column: str, files: HeldFiles) -> pl.LazyFrame:
        """All files as one table; a column that a file lacks is missing in its rows.

        `split_column` gets the split, where the file names give it.
        """
        if len(self.paths) == 1 and not self.splits:
            return scan_file(self.paths[0], files.held(self.paths[0]))
        if len({is_untyped(path) for path in self.paths}) > 1:
            raise VersionError(
                f"mixes text (CSV) and typed files: {_listed(self.paths)}. Write all of them in "
                "one format."
            )
        scans = [
            _named(path, lambda path: scan_file(path, files.held(path))) for path in self.paths
        ]
        schemas = [scan.collect_schema() for scan in scans]
        if not self.untyped:
            _refuse_other_kinds(self.paths, schemas)
        if self.splits:
            scans = [
                scan.with_columns(_split(split_column in schema, split_column, split, path.name))
                for scan, schema, split, path in zip(
                    scans, schemas, self.splits, self.paths, strict=True
                )
            ]
        return pl.concat(scans, how="diagonal_relaxed")

    def remarks(self, files: HeldFiles) -> tuple[tuple[Severity, str], ...]:
        """Unusual features of the files; see `file_remarks`."""
        if len(self.paths) == 1:
            return file_remarks(self.paths[0], files.held(self.paths[0]))
        found: list[tuple[Severity, str]] = []
        for path in self.paths:
            own = _named(path, partial(file_remarks, content=files.held(path)))
            found += [(severity, f": {path.name} {text}") for severity, text in own]
        return tuple(found)


def _named(path: Path, read: Callable[[Path], Read]) -> Read:
    """The result of reading one of several files; its error names the file."""
    try:
        return read(path)
    except VersionError as error:
        raise VersionError(f": {path.name} {error}") from error


def folder_files(folder: Path, project: Path) -> VersionFiles:
    """The readable files of a version's subfolder; hidden ones are ignored."""
    entries = [path for path in folder.iterdir() if not path.name.startswith((".", "~"))]
    paths = [path for path in entries if ending(path) and path.is_file()]
    paths.sort(key=lambda path: (natural_key(path.name), path.name))
    foreign = [path for path in paths if outside(project, path)]
    if foreign:
        raise VersionError(
            f"contains {_listed(foreign)}, a link out of the project folder. Move the file into it."
        )
    if not paths:
        raise VersionError("contains no file that can be read. Put its files into it.")
    named = {path: split for path in paths if (split := _split_of(path)) is not None}
    if not {Split.TRAIN, Split.TEST} & set(named.values()):
        return VersionFiles(tuple(paths))
    others = [path for path in paths if path not in named]
    if others:
        raise VersionError(
            f"contains {_listed(named)}, whose names give a split, and {_listed(others)}, "
            "whose names give none. Rename them, or remove them."
        )
    stems = [path.name.removesuffix(ending(path)).lower() for path in paths]
    twice = [path for path, stem in zip(paths, stems, strict=True) if stems.count(stem) > 1]
    if twice:
        raise VersionError(
            f"contains {_listed(twice)}: the same rows in two formats, or two parts? Keep one, or "
            "number the parts (train-1, train-2)."
        )
    return VersionFiles(tuple(paths), tuple(named[path] for path in paths))


def _split_of(path: Path) -> Split | None:
    match = _SPLIT_FILE.fullmatch(path.name[: -len(ending(path))])
    return SPLIT_NAMES[match[1].lower()] if match else None


def _split(has_column: bool, column: str, split: Split, file: str) -> pl.Expr:
    """The split that the file's name gives; if the file's column contradicts it, both."""
    if not has_column:
        return pl.lit(split.value).alias(column)
    own = named(column).cast(pl.String)
    spelled = own.str.strip_chars().str.to_lowercase()
    same = spelled.is_in([name for name, meant in SPLIT_NAMES.items() if meant is split])
    agrees = same | spelled.is_null() | (spelled == "")
    both = own + pl.lit(CONTRADICTS + file)
    return pl.when(agrees).then(pl.lit(split.value)).otherwise(both).alias(column)


def _refuse_other_kinds(
    paths: Sequence[Path], schemas: Sequence[Mapping[str, pl.DataType]]
) -> None:
    found: dict[str, tuple[Path, Kind]] = {}
    for path, schema in zip(paths, schemas, strict=True):
        for name, dtype in schema.items():
            try:
                kind = type_kind(dtype)
            except TypeError:
                continue  # not a single value: the column is left out
            if kind is None:
                continue
            first, before = found.setdefault(name, (path, kind))
            if before is not kind and common_kind((before, kind)) is Kind.TEXT:
                raise VersionError(
                    f"has '{name}' as {before} in {first.name} and as {kind} in {path.name}. "
                    "Write the same kind in all files."
                )


def _listed(paths: Iterable[Path]) -> str:
    return listed((path.name for path in paths), 3)
