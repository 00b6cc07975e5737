"""Sources of versions, and opening a project from one.

A further kind of source is a class in one file of this folder, a `VersionSource` that is made of
the project folder, its settings and a `FileMemory`, and a line in `SOURCES`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from chameleon.errors import ProjectError
from chameleon.project.address import Address, address_of, folder_stamp
from chameleon.project.checks import checked_version, version_header
from chameleon.project.column_patterns import Pairs
from chameleon.project.columns import common_kinds, listed
from chameleon.project.findings import FileFindings
from chameleon.project.folder import FolderSource
from chameleon.project.readings import MOST_VERSIONS
from chameleon.project.records import (
    SETTINGS_FILE,
    USUAL_NAMES,
    Finding,
    Kind,
    Project,
    Roles,
    Settings,
    Severity,
    Version,
    VersionSource,
    natural_order,
    with_damage,
)
from chameleon.project.settings import merged_settings, settings_content, settings_of
from chameleon.project.table import TableSource, with_date_role
from chameleon.project.toml_file import close_names
from chameleon.storage import FileMemory, cache_folder, noted_damage

__all__ = ["SOURCES", "folder_stamp", "open_project", "source_of", "usual_column"]

SOURCES: dict[str, Callable[[Path, Settings, FileMemory], VersionSource]] = {
    "folder": FolderSource,
    "table": TableSource,
}
"""The kinds of source that [source] in chameleon.toml may name."""


def open_project(
    path: str | os.PathLike[str],
    *,
    settings: Settings | None = None,
    changes: Mapping[str, Any] | None = None,
    private: Path | None = None,
    cached_only: bool = False,
    most_versions: int = MOST_VERSIONS,
) -> Project:
    """The project that is meant: its usable versions, what their columns mean, its problems.

    Reads the header of every version and the columns that have a role (all columns of a CSV, to
    find their types), one version at a time. What was learnt of a content is remembered.

    Parameters
    ----------
    path
        A project folder, the path of its chameleon.toml, or a single table (parquet, csv, csv.gz,
        arrow, feather, jsonl). After a table its [source] may be written, as in
        "data.csv?version=batch&reading=since"; `id`, `label` and `split` name columns.
    settings
        Settings to try instead of those that stand in chameleon.toml or behind the table.
    changes
        A table with the keys of chameleon.toml, laid over its settings.
    private
        The one folder in which anything of the project may be kept: what is learnt and computed,
        copies and fitted models. None keeps them as usual.
    cached_only
        Use cached results and build or fit nothing, because another process does that.
    most_versions
        More versions are refused before any of them is read.

    Raises
    ------
    ProjectError
        The folder, its chameleon.toml or every one of its versions cannot be used, or how a table
        holds its versions is not said. The message says what was found and what to do.
    """
    address = address_of(path)
    with noted_damage() as damaged:
        memory = FileMemory(private or cache_folder(address.path))
        used = with_date_role(settings or _changed(address.settings, changes or {}))
        source = source_of(address.folder, used, memory, most_versions=most_versions)
        try:
            project = project_of(address, used, source, memory)
        finally:
            if settings is None or private is not None:  # a trial's findings aren't remembered
                memory.save()
    findings = with_damage(project.findings, damaged)
    return replace(project, private=private, cached_only=cached_only, findings=findings)


def _changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with a table laid over them."""
    if not changes:
        return settings
    return settings_of(merged_settings(settings_content(settings), changes), settings.name)


def source_of(
    folder: Path, settings: Settings, memory: FileMemory, *, most_versions: int
) -> VersionSource:
    """The source of versions that the settings name."""
    kind = SOURCES.get(settings.source_kind)
    if kind is None:
        raise ProjectError(
            f"{SETTINGS_FILE}: [source] kind must be one of {', '.join(SOURCES)}, found "
            f"{settings.source_kind!r}."
        )
    source = kind(folder, settings, memory)
    found = len(source.versions())
    if found > most_versions:
        raise ProjectError(
            f"{settings.name} has {found:,} versions, and at most {most_versions:,} are opened. "
            "Leave some out."
        )
    return source


def project_of(
    address: Address, settings: Settings, source: VersionSource, memory: FileMemory
) -> Project:
    """The project of a source of versions."""
    findings = [*settings.findings, *source.findings()]
    headers: dict[Version, Mapping[str, str | None]] = {}
    for version in source.versions():
        find = partial(version_header, source, version)
        header = FileFindings.remembered(memory, source, version, "header", find)
        findings += header.problems_of(version)
        if header.usable:
            headers[version] = header.columns
    _require(headers, settings, findings, "has no version that can be read")
    roles, role_problems = _roles(settings, source, headers)
    findings += role_problems
    usable: list[Version] = []
    for version, columns in headers.items():
        find = partial(checked_version, source, version, columns, roles)
        finding = FileFindings.remembered(memory, source, version, f"check {roles}", find)
        findings += finding.problems_of(version)
        if finding.usable:
            usable.append(version)
    _require(usable, settings, findings, "has no version that can be used")
    excluded = {*roles.columns, *settings.ignored}
    kinds, kind_problems = common_kinds({v: headers[v] for v in usable}, excluded)
    findings += kind_problems
    if not kinds:
        raise ProjectError(
            f"{settings.name} has no features: beside id, label and the other named columns "
            f"there is none. Columns found: {listed(headers[usable[0]])}."
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
    found: Sequence[Version] | Mapping[Version, object],
    settings: Settings,
    findings: Sequence[Finding],
    what: str,
) -> None:
    if found:
        return
    errors = [finding.message for finding in findings if finding.severity is Severity.ERROR]
    reasons = " ".join(errors[:5]) or (
        "Put one file a version (parquet, csv, csv.gz, arrow, feather or jsonl) into its folder "
        "versions/."
    )
    raise ProjectError(f"{settings.name} {what}. {reasons}")


def _roles(
    settings: Settings,
    source: VersionSource,
    headers: Mapping[Version, Mapping[str, str | None]],
) -> tuple[Roles, list[Finding]]:
    named = {
        role: settings.columns.get(role) or usual_column(role, headers.values())
        for role in USUAL_NAMES
    }
    columns = dict.fromkeys(column for header in headers.values() for column in header)
    weak = _weak_columns(settings, list(columns), named)
    if not named["label"] and not weak[0]:
        raise ProjectError(
            f"{settings.name} has no label column. Columns found: {listed(columns)}. "
            'Name it under [columns] in chameleon.toml: label = "...".'
        )
    said = {
        **named,
        "label probability": [column for _, column in weak[0]],
        "votes": [column for _, column in weak[1]],
    }
    no_data = source.other_columns()  # need not be ignored, but may be
    ignored = [
        name
        for name in settings.ignored
        if name not in no_data and not settings.holds_predictions(name)
    ]
    for role, names in {**said, "ignored": ignored}.items():
        _require_columns(role, names, columns)
    counts = Counter(name for names in said.values() for name in names)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise ProjectError(f"Column '{min(twice)}' has two roles. Name each under [columns].")
    roles = Roles(
        id=named["id"],
        label=next(iter(named["label"]), None),
        split=next(iter(named["split"]), None),
        date=next(iter(named["date"]), None),
        source=next(iter(named["source"]), None),
        label_probabilities=weak[0],
        votes=weak[1],
    )
    return roles, _role_notes(settings, roles)


def _require_columns(role: str, names: Iterable[str], columns: Collection[str]) -> None:
    """Refuse the first name that is no column, with those that read almost like it."""
    absent = next((name for name in names if name not in columns), None)
    if absent is None:
        return
    raise ProjectError(
        f"chameleon.toml names '{absent}' as {role}, but no version has that column."
        f"{close_names(absent, columns)} "
        f"Columns found: {listed(columns)}."
    )


def _weak_columns(
    settings: Settings, columns: Sequence[str], named: Mapping[str, Sequence[str]]
) -> tuple[Pairs, Pairs]:
    """The columns of label probabilities and of votes; none that has another role is found."""
    taken = {*settings.ignored, *(name for names in named.values() for name in names)}
    columns = natural_order(columns)
    probabilities = settings.weak.probability_columns(columns, taken)
    taken |= {column for _, column in probabilities}
    return probabilities, settings.weak.vote_columns(columns, taken)


def usual_column(role: str, headers: Collection[Mapping[str, str | None]]) -> tuple[str, ...]:
    """The column most versions have of the role's usual names, whatever its case; or none.

    Of several the first usual name counts, and of one name the spelling in lower case.
    """
    usual = USUAL_NAMES[role]
    counts = Counter(name for header in headers for name in header if name.casefold() in usual)
    if not counts:
        return ()

    def rank(name: str) -> tuple[int, int, bool, str]:
        folded = name.casefold()
        return -counts[name], usual.index(folded), name != folded, name

    return (min(counts, key=rank),)


def _role_notes(settings: Settings, roles: Roles) -> list[Finding]:
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
    if roles.label is None:
        notes.append(
            "No label column was found: the label of a row is the class of its largest label "
            'probability. Name one under [columns] in chameleon.toml: label = "...".'
        )
    for key, what, asked, found in (
        ("label_probabilities", "label probabilities", settings.weak.probabilities,
         roles.label_probabilities),
        ("votes", "votes of labelling rules", settings.weak.votes, roles.votes),
    ):  # fmt: skip
        if asked is None and found:
            nothing = "[]" if key == "votes" else "{}"
            held = f"{len(found):,} columns are" if len(found) > 1 else "1 column is"
            notes.append(
                f"{held} taken for {what} by the name ({listed([c for _, c in found])}), and no "
                f"feature. Where that is wrong, write {key} = {nothing} under [columns] in "
                "chameleon.toml."
            )
    return [Finding(Severity.NOTE, f"{settings.name}: {note}") for note in notes]
