"""Where versions come from, and opening a project from them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from chameleon.errors import ProjectError
from chameleon.project import (
    USUAL_NAMES,
    Kind,
    Problem,
    Project,
    Roles,
    Settings,
    Severity,
    Version,
    read_settings,
)
from chameleon.sources.checks import Finding, checked_version, version_header
from chameleon.sources.folder import FolderSource, folder_stamp
from chameleon.sources.retyped import common_kinds
from chameleon.store import FileMemory, cache_folder

__all__ = ["folder_stamp", "open_project"]


def open_project(path: str | os.PathLike[str]) -> Project:
    """The project in a folder: its usable versions, what their columns mean, and its problems.

    Reads the header of every version and the columns that have a role (all columns of a CSV, to
    find their types), one version at a time. What was learnt of a file is remembered until the
    file changes.

    Raises
    ------
    ProjectError
        The folder, its chameleon.toml or every one of its versions cannot be used. The message
        says what was found and what to do.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise ProjectError(f"There is no project folder '{folder.name}'.")
    settings = read_settings(folder)
    memory = FileMemory(cache_folder(folder))
    source = FolderSource(folder, settings, memory)
    project = _project_of(folder, settings, source, memory)
    memory.save()
    return project


def _project_of(
    folder: Path, settings: Settings, source: FolderSource, memory: FileMemory
) -> Project:
    problems = [*settings.problems, *source.problems()]
    headers: dict[Version, Mapping[str, str | None]] = {}
    for version in source.versions():
        header = Finding.remembered(
            memory, source.path(version), "header", partial(version_header, source, version)
        )
        problems += header.problems_of(version)
        if header.usable:
            headers[version] = header.columns
    _require(headers, settings, problems, "has no version that can be read")
    roles, role_problems = _roles(settings, headers)
    problems += role_problems
    usable: list[Version] = []
    for version, columns in headers.items():
        finding = Finding.remembered(
            memory,
            source.path(version),
            f"check {roles}",
            partial(checked_version, source, version, columns, roles),
        )
        problems += finding.problems_of(version)
        if finding.usable:
            usable.append(version)
    _require(usable, settings, problems, "has no version that can be used")
    excluded = {*roles.columns, *settings.ignored}
    kinds, kind_problems = common_kinds({v: headers[v] for v in usable}, excluded)
    problems += kind_problems
    if not kinds:
        raise ProjectError(
            f"{settings.name} has no features: beside id, label and the other named columns "
            f"there is none. Columns found: {_list(headers[usable[0]])}."
        )
    return Project(
        path=folder,
        name=settings.name,
        settings=settings,
        source=source,
        versions=tuple(usable),
        roles=roles,
        kinds=kinds,
        columns={
            v.name: {
                name: None if kind is None else Kind(kind)
                for name, kind in headers[v].items()
                if name in kinds
            }
            for v in usable
        },
        problems=tuple(problems),
        fingerprints={v.name: source.fingerprint(v) for v in usable},
    )


def _require(
    found: Sequence[Version] | Mapping[Version, object],
    settings: Settings,
    problems: Sequence[Problem],
    what: str,
) -> None:
    if found:
        return
    errors = [problem.message for problem in problems if problem.severity is Severity.ERROR]
    reasons = " ".join(errors[:5]) or (
        "Put one file a version (parquet, csv, csv.gz, arrow, feather or jsonl) into its folder "
        "versions/."
    )
    raise ProjectError(f"{settings.name} {what}. {reasons}")


def _roles(
    settings: Settings, headers: Mapping[Version, Mapping[str, str | None]]
) -> tuple[Roles, list[Problem]]:
    named = {
        role: settings.columns.get(role) or _usual_column(role, headers) for role in USUAL_NAMES
    }
    columns = list(dict.fromkeys(column for header in headers.values() for column in header))
    if not named["label"]:
        raise ProjectError(
            f"{settings.name} has no label column. Columns found: {_list(columns)}. "
            'Name it under [columns] in chameleon.toml: label = "...".'
        )
    for role, names in named.items():
        absent = [name for name in names if name not in columns]
        if absent:
            raise ProjectError(
                f"chameleon.toml names '{absent[0]}' as {role}, but no version has that column. "
                f"Columns found: {_list(columns)}."
            )
    taken = [name for names in named.values() for name in names]
    twice = {name for name in taken if taken.count(name) > 1}
    if twice:
        raise ProjectError(f"Column '{min(twice)}' has two roles. Name each under [columns].")
    roles = Roles(
        id=named["id"],
        label=named["label"][0],
        split=next(iter(named["split"]), None),
        date=next(iter(named["date"]), None),
        source=next(iter(named["source"]), None),
    )
    return roles, _role_notes(settings, roles)


def _usual_column(
    role: str, headers: Mapping[Version, Mapping[str, str | None]]
) -> tuple[str, ...]:
    """The column most versions have of the usual names, whatever its case."""
    counts: dict[str, int] = {}
    for usual in USUAL_NAMES[role]:
        for header in headers.values():
            for column in header:
                if column.casefold() == usual:
                    counts[column] = counts.get(column, 0) + 1
    return (max(counts, key=lambda column: counts[column]),) if counts else ()


def _role_notes(settings: Settings, roles: Roles) -> list[Problem]:
    notes: list[str] = []
    if not roles.id:
        notes.append(
            "No id column was found: instances are known by their features and a running number "
            "among equal ones, so an edited instance reads as removed and added. "
            'Name one under [columns] in chameleon.toml: id = "..." (or several columns).'
        )
    if roles.split is None:
        notes.append(
            "No split column was found: a hash of the id puts 20 % of the instances into test, "
            "the same ones in every version. "
            'Name one under [columns] in chameleon.toml: split = "...".'
        )
    return [Problem(Severity.NOTE, f"{settings.name}: {note}") for note in notes]


def _list(columns: Sequence[str] | Mapping[str, object]) -> str:
    names = list(columns)
    shown = ", ".join(names[:30])
    return shown if len(names) <= 30 else f"{shown} and {len(names) - 30} more"
