"""Opening a project from its source of versions, and surveying one that does not open yet.

A kind of source is a class in one file of this folder, a `VersionSource` that is made of the
project folder, its settings, and a `FileMemory`, and a line in `SOURCES`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from chameleon.errors import ProjectError, VersionError
from chameleon.project.address import (
    Address,
    Choice,
    address_of,
    reading_choices,
    source_error,
)
from chameleon.project.checks import checked_version, version_header
from chameleon.project.columns import common_kinds, listed, usual_column
from chameleon.project.files import READ_ERRORS, scan_file
from chameleon.project.findings import FileFindings, Finding, Severity, with_damage
from chameleon.project.folder import FolderSource
from chameleon.project.readings import MOST_VERSIONS
from chameleon.project.records import (
    USUAL_NAMES,
    Kind,
    Project,
    Roles,
    Settings,
    Version,
    VersionSource,
    natural_order,
)
from chameleon.project.settings import merged_settings, settings_content, settings_of
from chameleon.project.table import TableSource, table_path, with_date_role
from chameleon.project.toml_file import close_names
from chameleon.storage import FileMemory, cache_folder, noted_damage

SOURCES: dict[str, Callable[[Path, Settings, FileMemory], VersionSource]] = {
    "folder": FolderSource,
    "table": TableSource,
}
"""The kinds of source that [source] in chameleon.toml may name."""

Header = Mapping[str, str | None]  # the kind of every column, None without a value
_HEAD_ROWS = 6
_COUNTED = 60
"""Versions whose rows a survey counts: the rows of a CSV are counted by reading all of it."""


def open_project(
    path: str | os.PathLike[str],
    *,
    settings: Settings | None = None,
    changes: Mapping[str, Any] | None = None,
    private: Path | None = None,
    cached_only: bool = False,
    most_versions: int = MOST_VERSIONS,
) -> Project:
    """The project at an address (`address_of`), with its usable versions, roles, and findings.

    Reads the header of every version and the columns with a role (all columns of a CSV, to find
    their types), one version at a time. Findings about a content are cached. `settings` are tried
    instead of the project's own; `changes` are merged over those. `private` is the only folder for
    results and models; a `cached_only` project uses only results that another process computes.
    ProjectError: no version can be used, or [source] names no reading of a table.
    """
    address = address_of(path)
    with noted_damage() as damaged:
        memory = FileMemory(private or cache_folder(address.path))
        used = settings or address.settings
        if changes:
            used = settings_of(merged_settings(settings_content(used), changes), used.name)
        used = with_date_role(used)
        source = _source_of(address, used, memory, most_versions)
        try:
            project = _project_of(address, used, source, memory)
        finally:
            if settings is None or private is not None:  # a trial's findings aren't cached
                memory.save()
    findings = with_damage(project.findings, damaged)
    return replace(project, private=private, cached_only=cached_only, findings=findings)


def _source_of(
    address: Address, settings: Settings, memory: FileMemory, most_versions: int
) -> VersionSource:
    """The source of versions that the settings name."""
    kind = SOURCES.get(settings.source_kind)
    if kind is None:
        raise source_error(
            f"kind must be one of {', '.join(SOURCES)}, found {settings.source_kind!r}."
        )
    source = kind(address.folder, settings, memory)
    found = len(source.versions())
    if found > most_versions:
        raise ProjectError(
            f"{settings.name} has {found:,} versions, and at most {most_versions:,} are opened.",
            fix="Leave some out.",
        )
    return source


def _header_of(source: VersionSource, version: Version, memory: FileMemory) -> FileFindings:
    find = partial(version_header, source, version)
    return FileFindings.remembered(memory, source, version, "header", find)


def _project_of(
    address: Address, settings: Settings, source: VersionSource, memory: FileMemory
) -> Project:
    findings = [*settings.findings, *source.findings()]
    headers: dict[Version, Header] = {}
    for version in source.versions():
        header = _header_of(source, version, memory)
        findings += header.of_version(version)
        if header.usable:
            headers[version] = header.columns
    _require(headers, settings, findings, "has no version that can be read")
    roles = _roles(settings, source, headers)
    findings += _role_notes(settings, roles, {c for header in headers.values() for c in header})
    usable: list[Version] = []
    for version, columns in headers.items():
        find = partial(checked_version, source, version, columns, roles)
        check = FileFindings.remembered(memory, source, version, f"check {roles}", find)
        findings += check.of_version(version)
        if check.usable:
            usable.append(version)
    _require(usable, settings, findings, "has no version that can be used")
    excluded = {*roles.columns, *settings.ignored}
    kinds, changes = common_kinds({v: headers[v] for v in usable}, excluded)
    findings += changes
    if not kinds:
        raise ProjectError(
            f"{settings.name} has no features: all columns are an id, a label, or other named "
            f"columns. Columns found: {listed(headers[usable[0]])}."
        )
    return Project(
        path=address.path,
        address=address.text,
        name=settings.name,
        settings=settings,
        source=source,
        versions=tuple(usable),
        roles=roles,
        kinds=kinds,
        columns={
            v.name: {
                name: None if (kind := headers[v][name]) is None else Kind(kind)
                for name in kinds
                if name in headers[v] and not (source.pooled and headers[v][name] is None)
            }
            for v in usable
        },
        findings=tuple(findings),
        fingerprints={v.name: source.fingerprint(v) for v in usable},
    )


def _require(
    found: Collection[Version], settings: Settings, findings: Sequence[Finding], what: str
) -> None:
    if found:
        return
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if not errors:
        raise ProjectError(
            f"{settings.name} {what}.",
            fix="Put one file per version (parquet, csv, csv.gz, arrow, feather, or jsonl) into "
            "its folder versions/.",
        )
    reasons = " ".join(finding.message for finding in errors[:5])
    only = errors[0] if len(errors) == 1 else None
    place = {name: getattr(only, name, None) for name in ("version", "file", "column")}
    raise ProjectError(f"{settings.name} {what}. {reasons}", **place)


def _usual(role: str, headers: Iterable[Header]) -> tuple[str, ...]:
    """The column with a usual name of the role, or none."""
    column = usual_column(USUAL_NAMES[role], *headers)
    return () if column is None else (column,)


def _roles(settings: Settings, source: VersionSource, headers: Mapping[Version, Header]) -> Roles:
    named = {
        role: settings.columns.get(role) or _usual(role, headers.values()) for role in USUAL_NAMES
    }
    columns = dict.fromkeys(column for header in headers.values() for column in header)
    # a column with another role is never found by its name
    taken = {*settings.ignored, *(name for names in named.values() for name in names)}
    probabilities, votes = settings.weak.pairs(natural_order(columns), taken)
    if not named["label"] and not probabilities:
        raise ProjectError(
            f"{settings.name} has no label column. Columns found: {listed(columns)}.",
            fix='Name it under [columns] in chameleon.toml, label = "...", or pass `label=` to '
            "`open_project`.",
        )
    used = {
        **named,
        "label probability": [column for _, column in probabilities],
        "votes": [column for _, column in votes],
    }
    no_data = source.other_columns()  # need not be ignored, but may be
    ignored = [
        name
        for name in settings.ignored
        if name not in no_data and not settings.holds_predictions(name)
    ]
    for role, names in {**used, "ignored": ignored}.items():
        for absent in (name for name in names if name not in columns):
            raise ProjectError(
                f"'{absent}' is named as {role}, but no version has that column."
                f"{close_names(absent, columns)} Columns found: {listed(columns)}.",
                column=absent,
            )
    counts = Counter(name for names in used.values() for name in names)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        message = f"Column '{min(twice)}' has two roles."
        raise ProjectError(message, column=min(twice), fix="Name each under [columns].")
    single = {role: next(iter(named[role]), None) for role in ("label", "split", "date", "source")}
    return Roles(named["id"], **single, label_probabilities=probabilities, votes=votes)


def _possible_id(columns: Collection[str]) -> str:
    """A hint at the column that is called like an id; "" unless there is exactly one."""
    found = [name for name in columns if name.casefold().endswith(("_id", "-id", " id"))]
    return f" Column '{found[0]}' may be one." if len(found) == 1 else ""


def _role_notes(settings: Settings, roles: Roles, columns: Collection[str]) -> list[Finding]:
    """Notes on roles without a column, and on columns found by a prefix."""
    notes: list[str] = []
    if not roles.id:
        notes.append(
            "No id column was found: instances are identified by their features and a running "
            "number among equal ones, so an edit appears as removed and added. "
            'Name one under [columns] in chameleon.toml, id = "..." (or several columns), or pass '
            "`id=` to `open_project`; the index of a pandas frame becomes a column by "
            "`reset_index()`."
            f"{_possible_id(columns)}"
        )
    if roles.split is None:
        notes.append(
            "No split column was found: a hash of the id puts 20% of the instances into test, the "
            'same ones in every version. Name one under [columns] in chameleon.toml: split = "...".'
        )
    if roles.label is None:
        notes.append(
            "No label column was found: the label of a row is the class of its largest label "
            'probability. Name one under [columns] in chameleon.toml: label = "...".'
        )
    weak = settings.weak
    for key, what, stated, found in (
        ("label_probabilities = {}", "label probabilities", weak.probabilities,
         roles.label_probabilities),
        ("votes = []", "votes of labeling functions", weak.votes, roles.votes),
    ):  # fmt: skip
        if stated is None and found:
            held = f"{len(found):,} columns are" if len(found) > 1 else "1 column is"
            notes.append(
                f"{held} taken for {what} by the name ({listed([c for _, c in found])}), not for "
                f"features. If that is wrong, write {key} under [columns] in chameleon.toml."
            )
    return [Finding(Severity.NOTE, f"{settings.name}: {note}") for note in notes]


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """A version that was found; `rows` is None if they weren't counted or can't be."""

    version: Version
    rows: int | None
    columns: int


@dataclass(slots=True, eq=False)
class Survey:
    """The content of a project, and the project itself if it opens, or the `error`.

    `columns` are the data columns by kind (None without a value), `table_columns` all of a single
    table, `guessed` the usual names found for each role. `head` are the first rows of the newest
    readable version, or of the table, `readings` the possible [source] tables of a single table.
    """

    settings: Settings
    columns: dict[str, str | None] = field(default_factory=dict)
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
    """A survey of a place to open as a project, despite all errors; see `open_project`."""
    address = address_of(path)
    used = with_date_role(settings or address.settings)
    result = Survey(used)
    if used.source_kind == "table":
        _survey_table(result, address.folder)
    try:
        with noted_damage() as damaged:
            memory = FileMemory(private or cache_folder(address.path))
            source = _source_of(address, used, memory, most_versions)
            _survey_versions(result, source, memory)
            try:
                project = _project_of(address, used, source, memory)
            finally:
                for version in source.versions():
                    source.release(version)
                if settings is None or private is not None:
                    memory.save()
        result.findings = with_damage(project.findings, damaged)
        result.project = replace(project, private=private)
    except ProjectError as error:
        result.error = str(error)
    except READ_ERRORS as error:
        result.error = f"The data could not be read: {type(error).__name__}."
    return result


def _survey_table(result: Survey, folder: Path) -> None:
    """Fill in the columns, first rows, and possible readings of a single table."""
    try:
        head = scan_file(table_path(folder, result.settings)).head(_HEAD_ROWS).collect()
    except (ProjectError, *READ_ERRORS):
        return  # opening the project reports it
    result.head, result.table_columns = head, tuple(head.columns)
    result.columns = dict.fromkeys(head.columns)
    result.guessed = {role: _usual(role, [result.columns]) for role in USUAL_NAMES}
    result.readings = reading_choices(str(result.settings.source["file"]), head.columns)


def _survey_versions(result: Survey, source: VersionSource, memory: FileMemory) -> None:
    """Fill in the versions, their columns, and the first rows of the newest one."""
    findings = [*result.settings.findings, *source.findings()]
    found: list[FoundVersion] = []
    headers: list[Header] = []
    columns: dict[str, str | None] = {}
    versions = source.versions()
    for number, version in enumerate(versions):
        header = _header_of(source, version, memory)
        findings += header.of_version(version)
        rows: int | None = None
        if header.usable:
            headers.append(header.columns)
            columns |= {n: k or columns.get(n) for n, k in header.columns.items()}
            try:
                table = source.scan(version)
                if number >= len(versions) - _COUNTED:
                    rows = int(table.select(pl.len()).collect().item())
                result.head = table.head(_HEAD_ROWS).collect()
            except (VersionError, *READ_ERRORS):
                pass  # a check of the version reports it
        found.append(FoundVersion(version, rows, len(header.columns)))
    result.versions, result.findings = tuple(found), tuple(findings)
    if headers:
        result.columns = columns
        result.guessed = {role: _usual(role, headers) for role in USUAL_NAMES}
