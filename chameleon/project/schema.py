"""Shapes of TOML tables, checked by msgspec, and errors that say what to write.

A shape is a `Table`: its fields are the keys, and `Must` says what a value is. msgspec rather than
pydantic, because nothing but a check of plain values is needed: it is strict (no "3" for 3), names
the place of an error as a path, has no dependencies, and is imported in a hundredth of a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_type_hints

import msgspec

from chameleon.errors import ProjectError


class Table(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table of a TOML file. `__post_init__` refuses by ValueError what no type can say."""


def must(be: str) -> msgspec.Meta:
    """What a value must be, as the end of a sentence."""
    return msgspec.Meta(description=be)


Filled = msgspec.Meta(min_length=1)
Text = Annotated[str, must("a text"), msgspec.Meta(pattern=r"\S")]
Column = Annotated[str, must("a column name"), Filled]

Shape = TypeVar("Shape", bound=Table)

_PATH = re.compile(r" - at `\$((?:\.\w+|\[(?:\d+|\.\.\.)\])+)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
_MISSING = re.compile(r"missing required field `(\w+)`")


def checked(content: Mapping[str, Any], shape: type[Shape], file: str) -> Shape:
    """The content in that shape.

    Raises
    ------
    ProjectError
        A key is unknown or missing, or a value is not what it must be; the message names the file,
        the key, what was found, and what to do.
    """
    try:
        return msgspec.convert(content, shape)
    except msgspec.ValidationError as error:
        path = _PATH.search(str(error))
        place = _place(content, shape, path[1] if path else "")
        raise ProjectError(f"{file}: {_reason(error, place)}") from error


class _Place(NamedTuple):
    """Where an error is: its name, the value there, what it must be, and the table around."""

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
    """A question that names the known names which read almost like it; empty without one."""
    most = 100  # comparing two texts takes the product of their lengths
    close = get_close_matches(name[:most], [one for one in known if len(one) <= most])
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def _described(hint: object) -> str:
    """What the values of a type must be; a table where nothing is said."""
    metas = getattr(hint, "__metadata__", ())
    said = [meta.description for meta in metas if getattr(meta, "description", None)]
    deeper = (_described(part) for part in get_args(hint))
    return said[0] if said else next((text for text in deeper if text != "a table"), "a table")


def _table_of(hint: object) -> type[Table] | None:
    if isinstance(hint, type) and issubclass(hint, Table):
        return hint
    return next((found for part in get_args(hint) if (found := _table_of(part)) is not None), None)
