"""TOML files, written, and read within limits: a hostile one takes no time out of proportion."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from chameleon.errors import ProjectError

MOST_BYTES = 100_000
"""Python's parser takes the square of a dotted key's length: 46 s and 3.7 GB for 60 kB of one."""

MOST_DEPTH = 50
"""Its parser, and what reads the values afterwards, call themselves once a level."""

MOST_VALUES = 5_000
"""Of one list or table."""

_LONGEST_KEY = 80
_TOKENS = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"""|\\?\Z)'
    r"|'''.*?(?:'''|\Z)"
    r'|"(?:\\.|[^"\\\n])*"?'
    r"|'[^'\n]*'?"
    r"|\#[^\n]*"
    r"|[\[\]{}.=,\n]",
    re.DOTALL,
)
"""Strings, comments, and the signs that nest or end a key. What has no end reaches to the end of
its line or of the text, so that nothing is looked at twice."""


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises
    ------
    ProjectError
        The file cannot be read, is no TOML, or passes a limit of this module.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise ProjectError(
                f"{path.name} has {size:,} bytes, and at most {MOST_BYTES:,} are read. Shorten it."
            )
        text = path.read_text(encoding="utf-8")
        _require_flat(text, path.name)
        content = tomllib.loads(text)
    except ValueError as error:  # no TOML, no UTF-8, or a number of thousands of digits
        raise ProjectError(f"{path.name} is not valid TOML: {error}.") from error
    except OSError as error:
        raise ProjectError(f"{path.name} could not be read: {error.strerror}.") from error
    _require_modest(content, path.name)
    return content


def toml_text(content: Mapping[str, Any]) -> str:
    """A table as TOML.

    Raises
    ------
    ValueError
        TOML cannot hold a value: None, an integer beyond 64 bits, half of a surrogate pair.
    """
    _require_integers(content)
    try:
        text = tomli_w.dumps(content)
        text.encode()
    except (TypeError, UnicodeEncodeError) as error:
        raise ValueError(f"TOML cannot hold a value: {error}.") from error
    return text


def _require_integers(value: object) -> None:
    """Refuse integers that TOML cannot hold, however deep; tomli-w writes them."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"TOML has no integer as large as {value}.")
    if isinstance(value, (Mapping, list, tuple)):
        for part in value.values() if isinstance(value, Mapping) else value:
            _require_integers(part)


def _require_flat(text: str, name: str) -> None:
    """Refuse brackets in brackets, or a key of parts, beyond the depth, before anything is parsed.

    Exact up to the first error in the text, which is as far as the parser comes.
    """
    brackets = dots = 0
    for token in _TOKENS.finditer(text):
        sign = token[0][0]
        brackets += (sign in "[{") - (sign in "]}")
        dots = dots + 1 if sign == "." else dots if sign in "\"'#" else 0
        if brackets > MOST_DEPTH or dots >= MOST_DEPTH:
            line = text.count("\n", 0, token.start()) + 1
            raise ProjectError(
                f"{name} nests values more than {MOST_DEPTH} deep in line {line:,}. Write them "
                "flatter."
            )


def _require_modest(content: dict[str, Any], name: str) -> None:
    """Refuse what the parser takes and the rest of the program should not."""
    waiting: list[tuple[tuple[str, ...], object]] = [((), content)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ProjectError(
                f"{name}: {_key(place)} is an integer beyond 64 bits. Write a smaller one."
            )
        parts: list[tuple[object, object]] = []
        if isinstance(value, dict):
            parts = list(value.items())
        elif isinstance(value, list):
            parts = list(enumerate(value, start=1))
        if len(parts) > MOST_VALUES:
            raise ProjectError(
                f"{name}: {_key(place)} has {len(parts):,} values, and at most {MOST_VALUES:,} are "
                "read. Leave some out."
            )
        if parts and len(place) > MOST_DEPTH:
            raise ProjectError(
                f"{name} nests values more than {MOST_DEPTH} deep in {_key(place)}. Write them "
                "flatter."
            )
        waiting += [((*place, str(part)), inner) for part, inner in parts]


def _key(place: tuple[str, ...]) -> str:
    key = ".".join(place)
    if not key:
        return "the top level"
    return f"'{key}'" if len(key) <= _LONGEST_KEY else f"'{key[:_LONGEST_KEY]}…'"
