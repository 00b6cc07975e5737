"""A survey of a project before it can be opened: columns, guessed roles, versions, first rows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import polars as pl

from chameleon.errors import ProjectError, VersionError
from chameleon.project.address import address_of
from chameleon.project.checks import version_header
from chameleon.project.files import READ_ERRORS, scan_file
from chameleon.project.findings import FileFindings
from chameleon.project.opening import project_of, source_of, usual_column
from chameleon.project.reading_settings import Choice, reading_choices
from chameleon.project.readings import MOST_VERSIONS
from chameleon.project.records import (
    USUAL_NAMES,
    Finding,
    Project,
    Settings,
    Version,
    VersionSource,
    with_damage,
)
from chameleon.project.table import table_path, with_date_role
from chameleon.storage import FileMemory, cache_folder, noted_damage

_HEAD_ROWS = 6
_COUNTED = 60
"""Of so many versions the rows are counted; to count those of a CSV reads all of it."""


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """A version that was found; `rows` is None where they weren't counted or can't be."""

    version: Version
    rows: int | None
    columns: int


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """The content of a project, and the project itself where it opens.

    Attributes
    ----------
    columns
        The kind of every column that is data, None where it holds no value, in their order.
    table_columns
        All columns of a single table, those that tell versions too; empty for a folder.
    guessed
        The columns that have a role by their usual names, by role.
    head
        The first rows of the newest version that can be read, or of the table.
    readings
        What [source] may say of a single table; empty for a folder.
    error
        Why it does not open; None where it does.
    """

    settings: Settings
    columns: Mapping[str, str | None] = field(default_factory=dict)
    table_columns: tuple[str, ...] = ()
    guessed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    versions: tuple[FoundVersion, ...] = ()
    head: pl.DataFrame = field(default_factory=pl.DataFrame)
    readings: tuple[Choice, ...] = ()
    findings: tuple[Finding, ...] = ()
    project: Project | None = None
    error: str | None = None


def survey(
    path: str | os.PathLike[str],
    *,
    settings: Settings | None = None,
    private: Path | None = None,
    most_versions: int = MOST_VERSIONS,
) -> Survey:
    """A survey of the place where a project shall be opened, however much is wrong with it.

    Parameters
    ----------
    path, settings, private, most_versions
        As `open_project` takes them.
    """
    address = address_of(path)
    used = with_date_role(settings or address.settings)
    found: dict[str, object] = {}
    error: str | None = None
    if used.source_kind == "table":
        found |= _of_table(address.folder, used)
    try:
        with noted_damage() as damaged:
            memory = FileMemory(private or cache_folder(address.path))
            source = source_of(address.folder, used, memory, most_versions=most_versions)
            found |= _of_versions(source, used, memory)
            try:
                project = project_of(address, used, source, memory)
            finally:
                for version in source.versions():
                    source.release(version)
                if settings is None or private is not None:
                    memory.save()
        findings = with_damage(project.findings, damaged)
        found |= {"project": replace(project, private=private), "findings": findings}
    except ProjectError as reason:
        error = str(reason)
    except READ_ERRORS as reason:
        error = f"The data could not be read: {type(reason).__name__}."
    return Survey(settings=used, error=error, **found)  # type: ignore[arg-type]


def _of_table(folder: Path, settings: Settings) -> dict[str, object]:
    """Columns, first rows and possible readings of a single table."""
    try:
        table = scan_file(table_path(folder, settings))
        head = table.head(_HEAD_ROWS).collect()
    except (ProjectError, *READ_ERRORS):
        return {}  # opening the project says why
    columns = tuple(head.columns)
    return {
        "columns": dict.fromkeys(columns),
        "table_columns": columns,
        "guessed": {role: usual_column(role, [dict.fromkeys(columns)]) for role in USUAL_NAMES},
        "head": head,
        "readings": reading_choices(str(settings.source["file"]), columns),
    }


def _of_versions(
    source: VersionSource, settings: Settings, memory: FileMemory
) -> dict[str, object]:
    """The survey of a source's versions."""
    findings = [*settings.findings, *source.findings()]
    found: list[FoundVersion] = []
    headers: list[Mapping[str, str | None]] = []
    columns: dict[str, str | None] = {}
    head = pl.DataFrame()
    versions = source.versions()
    for number, version in enumerate(versions):
        find = partial(version_header, source, version)
        header = FileFindings.remembered(memory, source, version, "header", find)
        findings += header.problems_of(version)
        rows: int | None = None
        if header.usable:
            headers.append(header.columns)
            columns |= {n: k or columns.get(n) for n, k in header.columns.items()}
            try:
                table = source.scan(version)
                if number >= len(versions) - _COUNTED:
                    rows = int(table.select(pl.len()).collect().item())
                head = table.head(_HEAD_ROWS).collect()
            except (VersionError, *READ_ERRORS):
                pass  # a check of the version says why
        found.append(FoundVersion(version, rows, len(header.columns)))
    result: dict[str, object] = {"versions": tuple(found), "findings": tuple(findings)}
    if headers:
        guessed = {role: usual_column(role, headers) for role in USUAL_NAMES}
        result |= {"columns": columns, "guessed": guessed, "head": head}
    return result
