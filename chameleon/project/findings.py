"""Findings about a project's data, and those of one version's file, cached by its content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from chameleon.errors import VersionError
from chameleon.storage import FileMemory

if TYPE_CHECKING:
    from chameleon.project.records import Version, VersionSource

FORMAT = 10  # raised whenever the checks change, so that cached findings are found again


class Severity(StrEnum):
    """The severity of a finding: it costs a version or column, trust, or nothing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class FindingKind(StrEnum):
    """The findings of the data check. The last two are findings of any other kind."""

    DUPLICATE_IDS = "duplicate ids"
    MISSING_IDS = "missing ids"
    MISSING_LABELS = "missing labels"
    NEW_LABELS = "new labels"
    VANISHED_LABELS = "vanished labels"
    MOVED = "changed split"
    ACROSS_SPLIT = "train-test leakage"
    COLUMN_JOINED = "column added"
    COLUMN_LEFT = "column removed"
    COLUMN_RETYPED = "change of type"
    CONSTANT = "constant feature"
    ALL_MISSING = "all missing"
    NON_FINITE = "non-finite values"
    TELLS_LABEL = "target leakage"
    OUT_OF_ORDER = "out of order"
    EQUAL_VERSION = "identical version"
    RETURNED = "removed and added again"
    CHANGED_IDS = "changed ids"
    UNUSABLE = "version left out"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding: its severity, its place, and what was done about it.

    `count` is the number of rows or ids concerned, `examples` a few of the ids or values;
    `version`, `file`, and `column` are None unless there is exactly one.
    """

    severity: Severity
    message: str
    version: str | None = None
    file: str | None = None
    column: str | None = None
    kind: FindingKind | None = None
    count: int | None = None
    examples: tuple[str, ...] = ()

    @classmethod
    def kept(cls, entry: Mapping[str, Any]) -> Finding:
        """The finding from the JSON of its `dataclasses.asdict`."""
        return msgspec.convert(entry, cls)


def with_damage(findings: Iterable[Finding], damaged: Iterable[str]) -> tuple[Finding, ...]:
    """The findings, and a warning for each cached result that was damaged (`noted_damage`)."""
    known = tuple(findings)
    for result in damaged:
        message = f"The {result} was damaged and has been recomputed. Your data wasn't affected."
        warning = Finding(Severity.WARNING, message)
        known += () if warning in known else (warning,)
    return known


@dataclass(slots=True)
class FileFindings:
    """The columns of one version's file, and its findings, whose messages lack the version."""

    columns: dict[str, str | None] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Return True if there is no error, so that the version can be used."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    def add(
        self,
        severity: Severity,
        message: str,
        column: str | None = None,
        **details: Any,  # noqa: ANN401
    ) -> None:
        """Add a finding; `details` are further fields of it."""
        self.findings.append(Finding(severity, message, column=column, **details))

    def of_version(self, version: Version) -> list[Finding]:
        """The findings as those of that version."""
        return [
            replace(
                own,
                message=version.sentence(own.message)
                + (" The version is left out." if own.severity is Severity.ERROR else ""),
                version=version.name,
                file=version.file,
            )
            for own in self.findings
        ]

    def add_unreadable(self, source: VersionSource, version: Version, error: BaseException) -> None:
        """Add that the version cannot be read."""
        if not isinstance(error, VersionError):
            error = source.unreadable(version, error)
        self.add(Severity.ERROR, str(error).removeprefix(version.place).strip())

    @classmethod
    def remembered(
        cls,
        memory: FileMemory,
        source: VersionSource,
        version: Version,
        fact: str,
        find: Callable[[], FileFindings],
    ) -> FileFindings:
        """The findings of `find`, cached by the version's content."""
        try:
            content = source.fingerprint(version)
        except OSError:
            return find()
        fact = f"{fact} {FORMAT} {version.file}"  # messages may name the file
        stored = memory.recall_content(content, fact, lambda: msgspec.to_builtins(find()))
        try:
            return msgspec.convert(stored, cls)
        except msgspec.ValidationError:  # another release wrote it
            return find()
