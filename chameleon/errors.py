"""The errors that a user can cause and fix.

```
ChameleonError
├── ProjectError    the folder or its chameleon.toml cannot be used
├── VersionError    one version cannot be used; the others can
├── ModelError      the classifier named in chameleon.toml cannot be used
├── SelectionError  a selected version, feature, or value does not exist
└── GateError       a step failed its checks
```
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum


class ChameleonError(Exception):
    """An error in the data or its settings that a user can fix.

    `version`, `file`, and `column` name the place, None unless there is exactly one; `fix` is the
    end of the message that says what to do, if it says it.
    """

    def __init__(
        self,
        message: str = "",
        *,
        version: str | None = None,
        file: str | None = None,
        column: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message if fix is None else f"{message} {fix}")
        self.version = version
        self.file = file
        self.column = column
        self.fix = fix


class ProjectError(ChameleonError):
    """The project folder or its chameleon.toml cannot be used."""


class VersionError(ChameleonError):
    """One version cannot be used; the other versions can."""


class ModelError(ChameleonError):
    """The classifier or its parameters cannot be used with this data."""


class SelectionError(ChameleonError, ValueError):
    """A selected version, feature, or value does not exist."""


class GateError(ChameleonError):
    """A step failed its checks."""


def file_error(
    file: str, message: str, fix: str | None = None, *, column: str | None = None
) -> ProjectError:
    """The error to raise about a file of a project; the message continues after its name."""
    return ProjectError(sentence(file, message), file=file, column=column, fix=fix)


def sentence(place: str, message: str) -> str:
    """The message after the place it is about."""
    return f"{place}{'' if message.startswith(':') else ' '}{message}"


class Option(StrEnum):
    """An enumeration whose values may also be given as plain text; other text raises."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise SelectionError(f"There is no {cls.__name__} '{value}'.", fix=choices(cls))


def choices(known: Iterable[str]) -> str:
    """A sentence with the known names, at most 20 of them."""
    names = list(known)
    listed = ", ".join(names[:20])
    rest = f" and {len(names) - 20:,} more" if len(names) > 20 else ""
    return f"Choose one of: {listed}{rest}." if names else "There are none."


def place_of(name: object, known: Sequence[str], what: str) -> int:
    """The place of a name among the known ones; the error lists them."""
    for place, one in enumerate(known):
        if one == name:
            return place
    raise SelectionError(
        f"There is no {what} '{name}' in this dataset.",
        version=str(name) if what == "version" else None,
        column=str(name) if what == "feature" else None,
        fix=choices(known),
    )
