"""What was found in one version's file, remembered by its content."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from chameleon.errors import VersionError
from chameleon.project.records import NoticeKind, Problem, Severity, Version, VersionSource
from chameleon.storage import FileMemory

FORMAT = 8
"""Raised whenever the checks change, so that remembered findings are found again."""

Message = tuple[Severity, str, str | None, NoticeKind | None, int | None, tuple[str, ...]]


@dataclass(slots=True)
class Finding:
    """What was found in one version's file, as far as it can be remembered.

    A message is a problem without its version: (severity, text, column, kind, count, examples).
    """

    columns: dict[str, str | None] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)

    @property
    def usable(self) -> bool:
        """Whether nothing forbids using the version."""
        return all(message[0] is not Severity.ERROR for message in self.messages)

    def add(
        self,
        severity: Severity,
        message: str,
        column: str | None = None,
        *,
        kind: NoticeKind | None = None,
        count: int | None = None,
        examples: Iterable[str] = (),
    ) -> None:
        """Note one more finding."""
        self.messages.append((severity, message, column, kind, count, tuple(examples)))

    def problems_of(self, version: Version) -> list[Problem]:
        """The findings as problems of that version."""
        return [
            Problem(
                severity,
                f"{version.place}{'' if message.startswith(':') else ' '}{message}"
                + (" The version is left out." if severity is Severity.ERROR else ""),
                version.name,
                version.file,
                column,
                kind,
                count,
                examples,
            )
            for severity, message, column, kind, count, examples in self.messages
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
        find: Callable[[], Finding],
    ) -> Finding:
        """The finding, found again only for another content."""
        try:
            content = source.fingerprint(version)
        except OSError:
            return find()
        fact = f"{fact} {FORMAT} {version.file}"  # messages may name the file
        stored: Any = memory.recall_content(content, fact, lambda: asdict(find()))
        try:
            messages: list[Message] = [
                (Severity(s), str(m), c, None if k is None else NoticeKind(k), n, tuple(e))
                for s, m, c, k, n, e in stored["messages"]
            ]
            return cls(columns=dict(stored["columns"]), messages=messages)
        except (KeyError, TypeError, ValueError):  # not written by this release
            return find()
