"""A version that is a folder: files by split (train, test, validation), or parts of one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import polars as pl

from chameleon.errors import VersionError
from chameleon.project.columns import SPLIT_NAMES, common_kind, named, type_kind
from chameleon.project.files import HeldFiles, ending, file_remarks, is_untyped, outside, scan_file
from chameleon.project.records import Kind, Severity, Split, natural_key

Read = TypeVar("Read")

CONTRADICTS = " in the file "
"""Stands in a split that a file's own column gives against the file's name."""

_NAMES = "|".join(sorted(SPLIT_NAMES, key=len, reverse=True))
_SPLIT_FILE = re.compile(rf"({_NAMES})([-_.][0-9].*)?", re.IGNORECASE)  # also train-00000-of-2


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """The files of one version.

    Attributes
    ----------
    paths
        In natural order.
    splits
        The split that each file's name gives; empty where the names give none.
    """

    paths: tuple[Path, ...]
    splits: tuple[Split, ...] = ()

    @property
    def untyped(self) -> bool:
        """Whether the files are plain text."""
        return is_untyped(self.paths[0])

    def scan(self, split_column: str, files: HeldFiles) -> pl.LazyFrame:
        """All files as one table; a column that a file lacks is missing in its rows.

        Parameters
        ----------
        split_column
            The column that gets the split, where the file names give it.

        Raises
        ------
        VersionError
            The files cannot stand in one table.
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
        """What is unusual about how the files are written, and how they are read.

        Raises
        ------
        VersionError
            A row has more or fewer fields than the header.
        """
        said: list[tuple[Severity, str]] = []
        for path in self.paths:
            find = partial(file_remarks, content=files.held(path))
            own = find(path) if len(self.paths) == 1 else _named(path, find)
            start = "" if len(self.paths) == 1 else f": {path.name} "
            said += [(severity, f"{start}{text}") for severity, text in own]
        return tuple(said)


def _named(path: Path, read: Callable[[Path], Read]) -> Read:
    """What reading one of several files gives; its error names the file."""
    try:
        return read(path)
    except VersionError as error:
        raise VersionError(f": {path.name} {error}") from error


def folder_files(folder: Path, project: Path) -> VersionFiles:
    """The files of a version's sub-folder that can be read; hidden ones are no part of it.

    Raises
    ------
    VersionError
        There is none, one leads out of the project, or their names do not tell what they are.
    """
    entries = [path for path in folder.iterdir() if not path.name.startswith((".", "~"))]
    paths = [path for path in entries if ending(path) and path.is_file()]
    paths.sort(key=lambda path: (natural_key(path.name), path.name))
    foreign = [path for path in paths if outside(project, path)]
    if foreign:
        raise VersionError(
            f"holds {_listed(foreign)}, a link out of the project folder. Move the file into it."
        )
    if not paths:
        raise VersionError("holds no file that can be read. Put its files into it.")
    named = {path: split for path in paths if (split := _split_of(path)) is not None}
    if not {Split.TRAIN, Split.TEST} & set(named.values()):
        return VersionFiles(tuple(paths))
    others = [path for path in paths if path not in named]
    if others:
        raise VersionError(
            f"holds {_listed(list(named))}, whose names give a split, and {_listed(others)}, whose "
            "names give none. Rename them, or take them out."
        )
    stems = [path.name.removesuffix(ending(path)).lower() for path in paths]
    twice = [path for path, stem in zip(paths, stems, strict=True) if stems.count(stem) > 1]
    if twice:
        raise VersionError(
            f"holds {_listed(twice)}: the same rows in two formats, or two parts? Keep one, or "
            "number the parts (train-1, train-2)."
        )
    return VersionFiles(tuple(paths), tuple(named[path] for path in paths))


def _split_of(path: Path) -> Split | None:
    match = _SPLIT_FILE.fullmatch(path.name[: -len(ending(path))])
    return SPLIT_NAMES[match[1].lower()] if match else None


def _split(has_column: bool, column: str, split: Split, file: str) -> pl.Expr:
    """The split that the file's name gives; where the file's own column says another, both."""
    if not has_column:
        return pl.lit(split.value).alias(column)
    own = named(column).cast(pl.String)
    spelled = own.str.strip_chars().str.to_lowercase()
    same = spelled.is_in([name for name, meant in SPLIT_NAMES.items() if meant is split])
    agrees = same | spelled.is_null() | (spelled == "")
    said = pl.when(agrees).then(pl.lit(split.value)).otherwise(own + pl.lit(CONTRADICTS + file))
    return said.alias(column)


def _refuse_other_kinds(
    paths: Sequence[Path], schemas: Sequence[Mapping[str, pl.DataType]]
) -> None:
    found: dict[str, tuple[Path, Kind]] = {}
    for path, schema in zip(paths, schemas, strict=True):
        for name, dtype in schema.items():
            try:
                kind = type_kind(dtype)
            except TypeError:
                continue  # no single value: the column is left out
            if kind is None:
                continue
            first, before = found.setdefault(name, (path, kind))
            if before is not kind and common_kind((before, kind)) is Kind.TEXT:
                raise VersionError(
                    f"has '{name}' as {before} in {first.name} and as {kind} in {path.name}. "
                    "Write the column alike in all files."
                )


def _listed(paths: Sequence[Path]) -> str:
    names = ", ".join(path.name for path in paths[:3])
    return names if len(paths) <= 3 else f"{names} and {len(paths) - 3} more"
