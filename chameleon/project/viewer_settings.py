"""The table [viewer] of chameleon.toml: how an instance is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from chameleon.errors import ProjectError
from chameleon.project.records import SETTINGS_FILE, ViewerKind, ViewerSpec

MOST_PIXELS = 4096 * 4096
_MOST_PATTERNS = 20
_WHERE = f"{SETTINGS_FILE}: [viewer]"


def viewer_spec(table: Mapping[str, Any]) -> ViewerSpec | None:
    """What the table says; None where there is none.

    Raises
    ------
    ProjectError
        A key or value cannot be used.
    """
    if not table:
        return None
    unknown = set(table) - {"kind", "column", "columns", "shape"}
    if unknown:
        raise ProjectError(
            f"{_WHERE} has the unknown key '{min(unknown)}'. It may hold 'kind', 'column' or "
            "'columns', and 'shape'."
        )
    kind = table.get("kind")
    if kind not in list(ViewerKind):
        known = ", ".join(f'"{one.value}"' for one in ViewerKind)
        raise ProjectError(f"{_WHERE} 'kind' must be one of {known}, found {kind!r}.")
    columns, shape = _columns(table), _shape(table)
    if kind == ViewerKind.PLAIN and (columns or shape):
        raise ProjectError(f'{_WHERE} kind = "plain" has no columns and no shape.')
    if kind != ViewerKind.PLAIN and not columns:
        raise ProjectError(
            f'{_WHERE} names no column. Add column = "...", columns = ["...", "..."] or a '
            'pattern such as columns = "pixel_*".'
        )
    if kind == ViewerKind.TEXT and len(columns) > 1:
        raise ProjectError(f'{_WHERE} kind = "text" wants one column, found {list(columns)!r}.')
    if shape and kind != ViewerKind.IMAGE:
        raise ProjectError(f"{_WHERE} 'shape' belongs to kind = \"image\" only.")
    return ViewerSpec(ViewerKind(kind), columns, shape)


def viewer_table(spec: ViewerSpec | None) -> dict[str, object]:
    """The table that gives this again when it is read; empty for None."""
    if spec is None:
        return {}
    table: dict[str, object] = {"kind": spec.kind.value}
    if spec.columns:
        table["columns"] = list(spec.columns)
    if spec.shape is not None:
        table["shape"] = list(spec.shape)
    return table


def _columns(table: Mapping[str, Any]) -> tuple[str, ...]:
    if "column" in table and "columns" in table:
        raise ProjectError(f"{_WHERE} has both 'column' and 'columns'. Keep one of them.")
    key = "column" if "column" in table else "columns"
    value = table.get(key, [])
    names = [value] if isinstance(value, str) else value
    good = isinstance(names, list) and all(isinstance(name, str) and name for name in names)
    if not good or (key == "column" and not isinstance(value, str)):
        wanted = "a column name" if key == "column" else "a list of column names or a pattern"
        raise ProjectError(f"{_WHERE} '{key}' must be {wanted}, found {value!r}.")
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise ProjectError(f"{_WHERE} '{key}' names '{twice}' twice.")
    patterns = sum("*" in name for name in names)
    if patterns > _MOST_PATTERNS:  # every column is compared with each
        raise ProjectError(
            f"{_WHERE} '{key}' has {patterns:,} patterns, and at most {_MOST_PATTERNS} are read. "
            "Leave some out."
        )
    return tuple(names)


def _shape(table: Mapping[str, Any]) -> tuple[int, ...] | None:
    if "shape" not in table:
        return None
    value = table["shape"]
    whole = isinstance(value, list) and all(
        isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in value
    )
    grey = whole and len(value) == 2
    coloured = whole and len(value) == 3 and value[2] in (1, 3)
    if not (grey or coloured) or value[0] * value[1] > MOST_PIXELS:
        raise ProjectError(
            f"{_WHERE} 'shape' must be [rows, columns] or [rows, columns, 3], such as [8, 8], "
            f"found {value!r}."
        )
    return tuple(value)
