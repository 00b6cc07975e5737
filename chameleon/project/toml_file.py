"""TOML files: written, read within limits, and checked against the shape of their tables; tours.

A hostile file takes no disproportionate time. A shape is a `Table`: its fields are the keys, and
`must` states the requirement on a value. msgspec rather than pydantic, because only plain values
are checked: it is strict (no "3" for 3), gives the place of an error as a path, and has no
dependencies.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_type_hints
from urllib.parse import parse_qsl

import msgspec
import tomli_w

from chameleon.errors import ProjectError, file_error

MOST_BYTES = 100_000
"""Python's parser takes the square of a dotted key's length: 46 s and 3.7 GB for 60 kB of one."""

MOST_DEPTH = 50
"""The parser, and the functions that read the values, call themselves once per level."""

MOST_VALUES = 5_000  # of one list or table
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
"""Strings, comments, and the signs that nest or end a key. A string without an end reaches to the
end of its line or of the text, so that nothing is scanned twice."""


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            message = f"has {size:,} bytes, and at most {MOST_BYTES:,} are read."
            raise file_error(path.name, message, "Shorten it.")
        text = path.read_text(encoding="utf-8")
        _require_flat(text, path.name)
        content = tomllib.loads(text)
    except ValueError as error:  # no TOML, no UTF-8, or a number of thousands of digits
        raise file_error(path.name, f"is not valid TOML: {error}.") from error
    except OSError as error:
        raise file_error(path.name, f"could not be read: {error.strerror}.") from error
    _require_modest(content, path.name)
    return content


def toml_text(content: Mapping[str, Any]) -> str:
    """A table as TOML; ValueError for None, a larger integer than 64 bits, or half a character."""
    _require_integers(content)
    try:
        text = tomli_w.dumps(content)
        text.encode()
    except (TypeError, UnicodeEncodeError) as error:
        raise ValueError(f"TOML cannot represent a value: {error}.") from error
    return text


def _require_integers(value: object) -> None:
    """Refuse integers beyond 64 bits at any depth; tomli-w writes them."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"TOML has no integer as large as {value}.")
    if isinstance(value, (Mapping, list, tuple)):
        for part in value.values() if isinstance(value, Mapping) else value:
            _require_integers(part)


def _require_flat(text: str, name: str) -> None:
    """Refuse nested brackets, or a dotted key, beyond the depth, before anything is parsed.

    Exact up to the first error in the text, where the parser stops.
    """
    brackets = dots = 0
    for token in _TOKENS.finditer(text):
        sign = token[0][0]
        brackets += (sign in "[{") - (sign in "]}")
        dots = dots + 1 if sign == "." else dots if sign in "\"'#" else 0
        if brackets > MOST_DEPTH or dots >= MOST_DEPTH:
            line = text.count("\n", 0, token.start()) + 1
            raise _too_deep(name, f"line {line:,}")


def _too_deep(name: str, where: str) -> ProjectError:
    message = f"nests values more than {MOST_DEPTH} deep in {where}."
    return file_error(name, message, "Write them flatter.")


def _require_modest(content: dict[str, Any], name: str) -> None:
    """Refuse values that the parser accepts but the program should not."""
    waiting: list[tuple[tuple[str, ...], object]] = [((), content)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            message = f": {_key(place)} is an integer beyond 64 bits."
            raise file_error(name, message, "Write a smaller one.")
        parts: list[tuple[object, object]] = []
        if isinstance(value, dict):
            parts = list(value.items())
        elif isinstance(value, list):
            parts = list(enumerate(value, start=1))
        if len(parts) > MOST_VALUES:
            message = f": {_key(place)} has {len(parts):,} values, and at most {MOST_VALUES:,} are"
            raise file_error(name, f"{message} read.", "Leave some out.")
        if parts and len(place) >= MOST_DEPTH:
            raise _too_deep(name, _key(place))
        waiting += [((*place, str(part)), inner) for part, inner in parts]


def _key(place: tuple[str, ...]) -> str:
    key = ".".join(place)
    if not key:
        return "the top level"
    return f"'{key}'" if len(key) <= _LONGEST_KEY else f"'{key[:_LONGEST_KEY]}…'"


class Table(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table of a TOML file. `__post_init__` raises ValueError for what types can't express."""


def must(be: str) -> msgspec.Meta:
    """The requirement on a value, as the end of a sentence."""
    return msgspec.Meta(description=be)


Filled = msgspec.Meta(min_length=1)
Text = Annotated[str, must("a text"), msgspec.Meta(pattern=r"\S")]
Column = Annotated[str, must("a column name"), Filled]

Shape = TypeVar("Shape", bound=Table)

_PATH = re.compile(r" - at `\$((?:\.\w+|\[(?:\d+|\.\.\.)\])+)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
_MISSING = re.compile(r"missing required field `(\w+)`")


def checked(content: Mapping[str, Any], shape: type[Shape], file: str) -> Shape:
    """The content in that shape; the error names the file, the key, what was found, what to do."""
    try:
        return msgspec.convert(content, shape)
    except msgspec.ValidationError as error:
        path = _PATH.search(str(error))
        place = _place(content, shape, path[1] if path else "")
        raise file_error(file, f": {_reason(error, place)}") from error


class _Place(NamedTuple):
    """The place of an error: its name, the value there, the requirement, and the table around."""

    name: str
    value: object
    must_be: str
    table: type[Table]


def _place(content: object, table: type[Table], path: str) -> _Place:
    names: list[str] = []
    value, must_be = content, "a table"
    key = ""
    for name, index in _STEP.findall(path):
        if name:
            key = name
            value = value[name] if isinstance(value, dict) else value
            hint = get_type_hints(table, include_extras=True)[name]
            must_be, inner = _described(hint), _table_of(hint)
            single = inner is not None and "tuple[" not in str(hint)
            names.append(f"[{name}]" if single or hint == dict[str, Any] else f"'{name}'")
            table = inner if inner is not None else table
        elif inner is not None and isinstance(value, list):
            names[-1] = f"[[{key}]] number {int(index) + 1}"
            value, must_be = value[int(index)], "a table"
    return _Place(" ".join(names), value, must_be, table)


def _reason(error: msgspec.ValidationError, place: _Place) -> str:
    if error.__cause__ is not None:  # raised by the table itself
        return f"{place.name} {error.__cause__}".strip()
    where = place.name or "the top level"
    known = get_type_hints(place.table, include_extras=True)
    missing = _MISSING.search(str(error))
    if missing is not None:
        return f"{where} has no '{missing[1]}': it must be {_described(known[missing[1]])}."
    if "contains unknown field" in str(error) and isinstance(place.value, dict):
        unknown = min(set(place.value) - set(known))
        return (
            f"{where} has the unknown key '{unknown}'.{close_names(unknown, known)} "
            f"It may hold {', '.join(map(repr, sorted(known)))}."
        )
    return f"{place.name} must be {place.must_be}, found {place.value!r}."


def close_names(name: str, known: Iterable[str]) -> str:
    """A question with the known names that are almost equal; empty without one."""
    most = 100  # comparing two texts takes the product of their lengths
    close = get_close_matches(name[:most], [one for one in known if len(one) <= most])
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def _described(hint: object) -> str:
    """The requirement on values of a type; a table without one."""
    metas = getattr(hint, "__metadata__", ())
    said = [meta.description for meta in metas if getattr(meta, "description", None)]
    deeper = (_described(part) for part in get_args(hint))
    return said[0] if said else next((text for text in deeper if text != "a table"), "a table")


def _table_of(hint: object) -> type[Table] | None:
    if isinstance(hint, type) and issubclass(hint, Table):
        return hint
    return next((found for part in get_args(hint) if (found := _table_of(part)) is not None), None)


TOUR_FILE = "tour.toml"
"""The file of a project's tour, beside its chameleon.toml; a project needs none."""


@dataclass(frozen=True, slots=True)
class TourStep:
    """One step of a tour: a title, a text, and the view to open.

    `page` is the last part of a page's address, empty for the Overview. `query` is the selection,
    as items of an address, and `options` are the page's switches by their keys.
    """

    title: str
    text: str
    page: str = ""
    query: tuple[tuple[str, str], ...] = ()
    options: Mapping[str, str | bool | int] = field(default_factory=dict)


class _Step(Table):
    title: Annotated[str, must("a text")]
    text: Annotated[str, must("a text")]
    page: Annotated[str, must("a text")] = ""
    link: Annotated[str, must("a text")] = ""
    options: Annotated[
        dict[str, str | bool | int], must("a table of texts, numbers and switches")
    ] = msgspec.field(default_factory=dict)


class _Tour(Table):
    steps: Annotated[tuple[_Step, ...], must("written as [[steps]] tables")]


def read_tour(folder: Path) -> tuple[TourStep, ...]:
    """The steps of a project's tour.toml, in their order; empty without one."""
    path = folder / TOUR_FILE
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        return ()
    tour = checked(read_toml(path), _Tour, TOUR_FILE)
    return tuple(
        TourStep(
            title=step.title,
            text=step.text,
            page=step.page,
            query=tuple(parse_qsl(step.link, keep_blank_values=True)),
            options=step.options,
        )
        for step in tour.steps
    )
