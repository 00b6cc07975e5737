"""Reading one version file of any of the formats."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from polars.exceptions import PanicException, PolarsError

from chameleon.errors import VersionError
from chameleon.project import Version

ENDINGS = (".parquet", ".csv", ".csv.gz", ".arrow", ".feather", ".jsonl")
READ_ERRORS = (PolarsError, PanicException, OSError, ValueError)


def ending(file: str | Path) -> str:
    """The file's format by its ending, such as ".csv.gz"; "" where it is none of `ENDINGS`."""
    name = str(file).lower()
    return max((e for e in ENDINGS if name.endswith(e)), key=len, default="")


def is_untyped(file: str | Path) -> bool:
    """Whether the format carries no types, so that they are found from the values."""
    return ending(file).startswith(".csv")


def scan_file(path: Path) -> pl.LazyFrame:
    """The file as a lazy frame; every column of a CSV as String."""
    match ending(path):
        case ".parquet":
            return pl.scan_parquet(path, glob=False)
        case ".csv" | ".csv.gz":
            return pl.scan_csv(path, infer_schema=False, glob=False)
        case ".arrow" | ".feather":
            return pl.scan_ipc(path, glob=False)
        case ".jsonl":
            return pl.scan_ndjson(path, infer_schema_length=None)
    raise VersionError(
        f"{path.name} has none of the endings that can be read: {', '.join(ENDINGS)}."
    )


def unreadable(version: Version, path: Path, error: BaseException) -> VersionError:
    """The error to raise for a file that could not be read."""
    if isinstance(error, OSError) and not path.is_file():
        return VersionError(f"{version.place}: there is no such file.")
    try:
        if path.stat().st_size == 0:
            return VersionError(
                f"{version.place} is empty (0 bytes). Write it again or take it out of versions/."
            )
    except OSError:
        pass
    kind = ending(path).lstrip(".")
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    said = said.replace(str(path), path.name).rstrip(".")
    return VersionError(
        f"{version.place} could not be read as {kind}: {said}. "
        "The file may be damaged, incomplete or of another format: write it again."
    )
