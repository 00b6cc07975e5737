"""Exclusion lists as files to carry: one list as CSV or Parquet, all lists of a visit as JSON.

In the CSV a text that a spreadsheet would take for a formula, or that begins with an apostrophe,
gets an apostrophe before it. Reading such a file (told by its columns instance and added) takes
exactly one apostrophe off again, so that every id comes back as it was. A file from elsewhere is
taken as it is.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import polars as pl

from chameleon.errors import SelectionError, VersionError
from chameleon.project import (
    READ_ERRORS,
    Project,
    ending,
    is_untyped,
    joined_key,
    key_text,
    named,
    plain_text,
    require_whole_rows,
    scan_file,
)
from chameleon.selection.exclusion_lists import (
    AddResult,
    ExclusionList,
    ExclusionLists,
    ExclusionRule,
)
from chameleon.storage import FORMULA

MOST_ROWS = 5_000_000
"""More rows are no list by hand; a few bytes of Parquet may stand for billions."""

_SHIELDED = rf"{FORMULA}|^'"
_OURS = {"instance", "added"}
_REASON = "reason"
_Time = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


@dataclass(frozen=True, slots=True, eq=False)
class ImportedList:
    """The content of a file of instances.

    Attributes
    ----------
    frame
        instance, reason: one row an instance, the first one where the file has several.
    rows
        How many rows the file has.
    duplicates
        How many rows repeat an instance of an earlier one; they are merged.
    without_id
        How many rows have no id; they are left out.
    """

    frame: pl.DataFrame
    rows: int
    duplicates: int
    without_id: int


def exclusion_list_csv(frame: pl.DataFrame) -> str:
    """Instances with their reasons as CSV that `read_exclusion_list` reads back exactly."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    shielded = [
        pl.when(named(name).str.contains(_SHIELDED))
        .then(pl.lit("'") + named(name))
        .otherwise(named(name))
        .alias(name)
        for name in texts
    ]
    return frame.with_columns(shielded).write_csv()


def exclusion_list_parquet(frame: pl.DataFrame) -> bytes:
    """A frame of instances with their reasons as Parquet; nothing in it is changed."""
    target = io.BytesIO()
    frame.write_parquet(target)
    return target.getvalue()


def read_exclusion_list(content: bytes, name: str, project: Project) -> ImportedList:
    """The instances in a CSV or Parquet file.

    The ids stand in the column `instance`, else in the project's id columns, else in the only
    column beside `reason`.

    Parameters
    ----------
    content, name
        The file and its name, whose ending tells what it is.

    Raises
    ------
    SelectionError
        It cannot be read, has far too many rows, or no column that can hold the ids.
    """
    form = ending(name) or ".csv"
    untyped = is_untyped(form)
    frame = _read(content, name, form)
    reasons = next((c for c in frame.columns if c.casefold() == _REASON), None)
    ours = set(frame.columns) >= _OURS
    if untyped and ours:
        frame = frame.with_columns(_bare(c) for c in ("instance", reasons) if c is not None)
        ids = [frame["instance"]]  # exactly as they were written
    else:
        columns = _id_columns(frame, name, () if ours else project.roles.id, reasons)
        _require_single(frame, columns, f"'{name}': the ids are no texts or numbers.")
        ids = [key_text(frame[column], untyped=untyped) for column in columns]
    table = pl.DataFrame({"instance": joined_key(ids) if len(ids) > 1 else ids[0]}).with_columns(
        reason=pl.lit("") if reasons is None else _reasons(frame, name, reasons)
    )
    known = table.filter(pl.col("instance").is_not_null())
    distinct = known.unique("instance", keep="first", maintain_order=True)
    return ImportedList(
        frame=distinct,
        rows=len(table),
        duplicates=len(known) - len(distinct),
        without_id=len(table) - len(known),
    )


def _read(content: bytes, name: str, form: str) -> pl.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"list{form}"
        path.write_bytes(content)
        try:
            scan = scan_file(path)
            rows = int(scan.select(pl.len()).collect().item())
            if rows > MOST_ROWS:
                raise SelectionError(
                    f"'{name}' has {rows:,} rows; a list takes at most {MOST_ROWS:,} at once. "
                    "Cut it."
                )
            if is_untyped(path):
                require_whole_rows(path)
            return scan.collect()
        except VersionError as error:
            raise SelectionError(f"'{name}' {error}") from error
        except SelectionError:
            raise
        except READ_ERRORS as error:
            what = "CSV" if is_untyped(path) else form.lstrip(".").capitalize()
            raise SelectionError(
                f"'{name}' could not be read as {what}. Write it again."
            ) from error


def _bare(name: str) -> pl.Expr:
    column, rest = named(name), named(name).str.slice(1)
    shielded = column.str.starts_with("'") & rest.str.contains(_SHIELDED)
    return pl.when(shielded).then(rest).otherwise(column).alias(name)


def _id_columns(
    frame: pl.DataFrame, name: str, parts: tuple[str, ...], reasons: str | None
) -> tuple[str, ...]:
    columns = [column for column in frame.columns if column != reasons]
    if "instance" in columns:
        return ("instance",)
    if parts and all(part in columns for part in parts):
        return parts
    if len(columns) == 1 and len(parts) < 2:
        return (columns[0],)
    wanted = " and ".join(f"'{part}'" for part in parts) or "'instance'"
    raise SelectionError(
        f"'{name}' has no column of ids: name it 'instance' or {wanted}. "
        f"Columns found: {', '.join(frame.columns[:30])}."
    )


def _reasons(frame: pl.DataFrame, name: str, column: str) -> pl.Series:
    _require_single(frame, (column,), f"'{name}': the reasons are no texts.")
    return plain_text(frame[column]).fill_null("")


def _require_single(frame: pl.DataFrame, columns: Sequence[str], message: str) -> None:
    """Refuse columns whose values are no single texts, numbers, or dates."""
    if any(frame[c].dtype.is_nested() or frame[c].dtype in (pl.Binary, pl.Object) for c in columns):
        raise SelectionError(message)


class _List(msgspec.Struct):
    name: str
    entries: list[tuple[str, str, _Time]]
    rules: list[ExclusionRule]


class _Lists(msgspec.Struct):
    form: Literal["chameleon exclusion lists 1"]
    lists: list[_List]


def lists_json(lists: Sequence[ExclusionList]) -> str:
    """All lists as JSON, rules and times included; `put_lists` reads it."""
    written = [
        _List(
            one.name, one.entries.with_columns(pl.col("added").cast(pl.Int64)).rows(), [*one.rules]
        )
        for one in lists
    ]
    content = msgspec.json.encode(_Lists("chameleon exclusion lists 1", written))
    return msgspec.json.format(content, indent=1).decode()


def put_lists(store: ExclusionLists, content: bytes) -> AddResult:
    """Add everything that a JSON file of lists holds to the lists of a store.

    Raises
    ------
    SelectionError
        It is no such file, or a name in it cannot be used; nothing of it is added then.
    """
    try:
        found = msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"), type=_Lists).lists
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise SelectionError(
            "The file holds no exclusion lists as this page writes them. A single list as CSV or "
            "Parquet is imported into a list instead."
        ) from error
    return store.put_all((one.name, one.entries, one.rules) for one in found)
