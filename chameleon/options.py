"""Options and names that a caller chooses from: a wrong one raises an error that lists them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from chameleon.errors import SelectionError

_MOST_LISTED = 20


class Option(StrEnum):
    """An enumeration whose values may also be given as plain text; other text raises."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise SelectionError(f"There is no {cls.__name__} '{value}'. {choices(cls)}")


def choices(known: Iterable[str]) -> str:
    """A sentence that lists the known names, at most 20 of them."""
    names = list(known)
    listed = ", ".join(names[:_MOST_LISTED])
    more = len(names) - _MOST_LISTED
    rest = f" and {more:,} more" if more > 0 else ""
    return f"Choose one of: {listed}{rest}." if names else "There are none."


def place_of(name: object, known: Sequence[str], what: str) -> int:
    """The place of a name among the known ones.

    Raises
    ------
    SelectionError
        It is none of them; the message lists them.
    """
    for place, one in enumerate(known):
        if one == name:
            return place
    raise SelectionError(f"There is no {what} '{name}' in this dataset. {choices(known)}")
