"""Exclusion lists as files: one list as CSV or Parquet, all lists as JSON.

In the CSV, texts that a spreadsheet would run as a formula, or that begin with an apostrophe, get
an apostrophe in front. Reading such a file, recognized by its columns instance and added, removes
exactly one, so that every id survives. Other files are read unchanged.
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
"""Lists made by hand are smaller; a few bytes of Parquet can hold billions of rows."""

_SHIELDED = rf"{FORMULA}|^'"
_Time = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]


@dataclass(frozen=True, slots=True, eq=False)
class ImportedList:
    """The content of a file of instances: a frame of instance and reason, one row per instance.

    Of all `rows`, the `duplicates` repeat an instance and are merged into the first one; those
    `without_id` are skipped.
    """

    frame: pl.DataFrame
    rows: int
    duplicates: int
    without_id: int


def exclusion_list_csv(frame: pl.DataFrame) -> str:
    """Instances with their reasons as CSV that `read_exclusion_list` reads back exactly."""
    shielded = [
        pl.when(named(name).str.contains(_SHIELDED))
        .then(pl.lit("'") + named(name))
        .otherwise(named(name))
        .alias(name)
        for name, dtype in frame.schema.items()
        if dtype == pl.String
    ]
    return frame.with_columns(shielded).write_csv()


def exclusion_list_parquet(frame: pl.DataFrame) -> bytes:
    """A frame of instances with their reasons as Parquet, unchanged."""
    target = io.BytesIO()
    frame.write_parquet(target)
    return target.getvalue()


def read_exclusion_list(content: bytes, name: str, project: Project) -> ImportedList:
    """The instances in a CSV or Parquet file.

    The ids are in the column `instance`, else in the project's id columns, else in the only
    column beside `reason`; the format is the ending of `name`. SelectionError if the file can't be
    read, has too many rows, or no column of ids.
    """
    form = ending(name) or ".csv"
    untyped = is_untyped(form)
    frame = _read(content, name, form)
    reasons = next((c for c in frame.columns if c.casefold() == "reason"), None)
    ours = {"instance", "added"} <= set(frame.columns)
    if untyped and ours:
        frame = frame.with_columns(_bare(c) for c in ("instance", reasons) if c is not None)
        ids = [frame["instance"]]  # exactly as they were written
    else:
        columns = _id_columns(frame, name, () if ours else project.roles.id, reasons)
        _require_single(frame, columns, f"'{name}': the ids are not texts or numbers.")
        ids = [key_text(frame[column], untyped=untyped) for column in columns]
    table = pl.DataFrame({"instance": joined_key(ids) if len(ids) > 1 else ids[0]})
    if reasons is None:
        table = table.with_columns(reason=pl.lit(""))
    else:
        _require_single(frame, (reasons,), f"'{name}': the reasons are not texts.")
        table = table.with_columns(plain_text(frame[reasons]).fill_null("").alias("reason"))
    known = table.filter(pl.col("instance").is_not_null())
    distinct = known.unique("instance", keep="first", maintain_order=True)
    return ImportedList(
        distinct, len(table), len(known) - len(distinct), without_id=len(table) - len(known)
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
                    f"'{name}' has {rows:,} rows; at most {MOST_ROWS:,} can be added at once. "
                    "Split it."
                )
            if is_untyped(path):
                require_whole_rows(path)
            return scan.collect()
        except VersionError as error:
            raise SelectionError(f"'{name}' {error}") from error
        except SelectionError:
            raise
        except READ_ERRORS as error:
            kind = "CSV" if is_untyped(path) else form.lstrip(".").capitalize()
            raise SelectionError(
                f"'{name}' couldn't be read as {kind}. Save it again as CSV or Parquet."
            ) from error


def _bare(name: str) -> pl.Expr:
    """A text column without the apostrophes that `exclusion_list_csv` added."""
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


def _require_single(frame: pl.DataFrame, columns: Sequence[str], message: str) -> None:
    """Reject columns whose values aren't single texts, numbers, or dates."""
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
    """All lists as JSON, rules and times included; `add_lists` reads it."""
    written = [
        _List(o.name, o.entries.with_columns(pl.col("added").cast(pl.Int64)).rows(), [*o.rules])
        for o in lists
    ]
    content = msgspec.json.encode(_Lists("chameleon exclusion lists 1", written))
    return msgspec.json.format(content, indent=1).decode()


def add_lists(store: ExclusionLists, content: bytes) -> AddResult:
    """Add all lists of a JSON file to a store; nothing of one that raises SelectionError."""
    try:
        found = msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"), type=_Lists).lists
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise SelectionError(
            "The file contains no exclusion lists that were downloaded from this page. Import a "
            "single list as CSV or Parquet instead."
        ) from error
    return store.add_all((one.name, one.entries, one.rules) for one in found)
