"""FileFindings in one version's file, remembered by its content."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from chameleon.errors import VersionError
from chameleon.project.records import Finding, FindingKind, Severity, Version, VersionSource
from chameleon.storage import FileMemory

FORMAT = 9
"""Raised whenever the checks change, so that remembered findings are found again."""


@dataclass(slots=True)
class FileFindings:
    """The columns of one version's file, and its problems, whose messages lack the version."""

    columns: dict[str, str | None] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Return True if nothing forbids using the version."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    def add(
        self,
        severity: Severity,
        message: str,
        column: str | None = None,
        *,
        kind: FindingKind | None = None,
        count: int | None = None,
        examples: Iterable[str] = (),
    ) -> None:
        """Note one more problem."""
        found = Finding(severity, message, None, None, column, kind, count, tuple(examples))
        self.findings.append(found)

    def problems_of(self, version: Version) -> list[Finding]:
        """The problems as those of that version."""
        return [
            version.finding(
                found.severity,
                found.message
                + (" The version is left out." if found.severity is Severity.ERROR else ""),
                found.column,
                kind=found.kind,
                count=found.count,
                examples=found.examples,
            )
            for found in self.findings
        ]

    def add_unreadable(self, source: VersionSource, version: Version, error: BaseException) -> None:
        """Note that the version cannot be read."""
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
        """The findings, found again only for another content."""
        try:
            content = source.fingerprint(version)
        except OSError:
            return find()
        fact = f"{fact} {FORMAT} {version.file}"  # messages may name the file
        stored: Any = memory.recall_content(content, fact, lambda: asdict(find()))
        try:
            findings = [Finding.kept(entry) for entry in stored["problems"]]
            return cls(columns=dict(stored["columns"]), findings=findings)
        except (KeyError, TypeError, ValueError):  # not written by this release
            return find()
