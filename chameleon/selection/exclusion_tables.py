"""Blacklists as files to carry: one list as CSV or Parquet, all lists of a visit as JSON.

In the CSV a text that a spreadsheet would take for a formula, or that begins with an apostrophe,
gets an apostrophe before it. Reading such a file (told by its columns instance and added) takes
exactly one apostrophe off again, so that every id comes back as it was. A file from elsewhere is
taken as it is.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from chameleon.errors import SelectionError
from chameleon.project import READ_ERRORS, Project, joined_key, key_text, named, plain_text
from chameleon.selection.exclusion_lists import Blacklist, BlacklistRule, Blacklists, Put
from chameleon.storage import FORMULA

MOST_ROWS = 5_000_000
"""More rows are no list by hand; a few bytes of Parquet may stand for billions."""

_SHIELDED = rf"{FORMULA}|^'"
_OURS = {"instance", "added"}
_REASON = "reason"
_FORM = "chameleon blacklists 1"


@dataclass(frozen=True, slots=True, eq=False)
class ReadBlacklist:
    """What a file says is on a list.

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


def blacklist_csv(frame: pl.DataFrame) -> str:
    """A frame of instances with their reasons as CSV that `read_blacklist` reads back exactly."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    shielded = [
        pl.when(named(name).str.contains(_SHIELDED))
        .then(pl.lit("'") + named(name))
        .otherwise(named(name))
        .alias(name)
        for name in texts
    ]
    return frame.with_columns(shielded).write_csv()


def blacklist_parquet(frame: pl.DataFrame) -> bytes:
    """A frame of instances with their reasons as Parquet; nothing in it is changed."""
    target = io.BytesIO()
    frame.write_parquet(target)
    return target.getvalue()


def read_blacklist(content: bytes, name: str, project: Project) -> ReadBlacklist:
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
    untyped = not name.lower().endswith(".parquet")
    frame = _read(content, name, untyped=untyped)
    reasons = next((c for c in frame.columns if c.casefold() == _REASON), None)
    ours = set(frame.columns) >= _OURS
    if untyped and ours:
        frame = frame.with_columns(_bare(c) for c in ("instance", reasons) if c is not None)
    ids = _ids(frame, name, () if ours else project.roles.id, reasons, untyped=untyped)
    reason = (
        pl.repeat("", len(frame), dtype=pl.String, eager=True)
        if reasons is None
        else plain_text(frame[reasons]).fill_null("")
    )
    table = pl.DataFrame({"instance": ids, "reason": reason})
    known = table.filter(pl.col("instance").is_not_null())
    distinct = known.unique("instance", keep="first", maintain_order=True)
    return ReadBlacklist(
        frame=distinct,
        rows=len(table),
        duplicates=len(known) - len(distinct),
        without_id=len(table) - len(known),
    )


def lists_json(lists: Sequence[Blacklist]) -> str:
    """All lists as JSON, rules and times included; `put_lists` reads it."""
    told = [
        {
            "name": one.name,
            "entries": one.entries.with_columns(pl.col("added").cast(pl.Int64)).rows(),
            "rules": [asdict(rule) for rule in one.rules],
        }
        for one in lists
    ]
    return json.dumps({"form": _FORM, "lists": told}, ensure_ascii=False, indent=1)


def put_lists(store: Blacklists, content: bytes) -> Put:
    """Put all that a JSON file of lists holds on the lists of a store.

    Raises
    ------
    SelectionError
        It is no such file; nothing of it is put on then.
    """
    try:
        told = json.loads(content.decode("utf-8-sig"))
        if told["form"] != _FORM:
            raise ValueError
        lists = [
            (
                _text(one["name"]),
                [(_text(i), _text(reason), _time(added)) for i, reason, added in one["entries"]],
                [_rule(rule) for rule in one["rules"]],
            )
            for one in told["lists"]
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SelectionError(
            "The file holds no blacklists as this page writes them. A single list as CSV or "
            "Parquet is imported into a list instead."
        ) from error
    done = [store.put_entries(name, entries) for name, entries, _ in lists]
    done += [store.put_rule(name, rule) for name, _, rules in lists for rule in rules]
    return Put(sum(put.new for put in done), sum(put.already for put in done))


def _rule(told: dict[str, Any]) -> BlacklistRule:
    texts = {name: _text(told[name]) for name in ("query", "primary", "secondary", "reason")}
    return BlacklistRule(number=0, **texts, added=_time(told["added"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(type(value).__name__)
    return value.encode("utf-8", "replace").decode()


def _time(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**62:
        raise TypeError(type(value).__name__)
    return value


def _read(content: bytes, name: str, *, untyped: bool) -> pl.DataFrame:
    try:
        if untyped:
            head = content.decode("utf-8-sig").partition("\n")[0]
            separators = [sign for sign in ",;\t" if sign in head]
            separator = separators[0] if separators else ","
            frame = pl.read_csv(content, infer_schema=False, separator=separator)
        else:
            scan = pl.scan_parquet(io.BytesIO(content))
            rows = int(scan.select(pl.len()).collect().item())
            if rows > MOST_ROWS:
                raise SelectionError(_too_many(name, rows))
            frame = scan.collect()
    except READ_ERRORS as error:
        form = "CSV (UTF-8 text)" if untyped else "Parquet"
        raise SelectionError(f"'{name}' could not be read as {form}. Write it again.") from error
    if len(frame) > MOST_ROWS:
        raise SelectionError(_too_many(name, len(frame)))
    return frame


def _too_many(name: str, rows: int) -> str:
    return f"'{name}' has {rows:,} rows; a list takes at most {MOST_ROWS:,} at once. Cut it."


def _bare(name: str) -> pl.Expr:
    column, rest = named(name), named(name).str.slice(1)
    shielded = column.str.starts_with("'") & rest.str.contains(_SHIELDED)
    return pl.when(shielded).then(rest).otherwise(column).alias(name)


def _ids(
    frame: pl.DataFrame, name: str, parts: tuple[str, ...], reasons: str | None, *, untyped: bool
) -> pl.Series:
    columns = [column for column in frame.columns if column != reasons]
    if "instance" in columns and parts != ("instance",):
        return frame["instance"].cast(pl.String).alias("instance")
    if not parts or any(part not in columns for part in parts):
        if len(columns) != 1 or len(parts) > 1:
            wanted = " and ".join(f"'{part}'" for part in parts) or "'instance'"
            found = ", ".join(frame.columns[:30])
            raise SelectionError(
                f"'{name}' has no column of ids: name it 'instance' or {wanted}. "
                f"Columns found: {found}."
            )
        parts = (columns[0],)
    try:
        ids = joined_key([key_text(frame[part], untyped=untyped) for part in parts])
    except READ_ERRORS as error:  # lists, bytes: no single value
        raise SelectionError(f"'{name}': the ids are no texts or numbers.") from error
    return ids.alias("instance")
