"""Projects that are sound but for a few mutations, and a plain reading of what is left of them.

The plain reading takes nothing from the library: csv and json of the standard library, and for
Parquet what polars reads of the whole file. Where it cannot tell what a file says, it says so.
"""

from __future__ import annotations

import csv
import io
import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl

from tests.library import WRITERS

SPLITS = {"train": "train", "test": "test", "val": "validation"}
TOKENS = ("", "NA", "N/A", "null", "NULL", "None")
FORMS = ("csv", "parquet", "jsonl", "table")
CELLS = (
    None, "", " ", "nan", "NaN", "inf", "-inf", "1e400", "007", "-0.0", "9999-12-31", "true",
    "a,b", 'q"q', "new\nline", "é", "x" * 3000, "7", "7.0", "train", "0001-01-01", "=1+1", "\ufeff",
)  # fmt: skip
NUMBERS = (None, math.nan, math.inf, -math.inf, 1e308, 5e-324, -0.0, 7.0, 2.0**60)
ODD_BYTES = (b"\0", b"\xff", b"\xef\xbb\xbf", b'"', b"\n", b"\r", b",", b";", b"{", b"\n\n")
UNREADABLE = (
    ValueError, csv.Error, OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException,
)  # fmt: skip
TABLE = "version"

Rows = list[dict[str, object]]


def sound(rng: random.Random) -> dict[str, pl.DataFrame]:
    """Three small versions that grow, with a relabelling and an edit."""
    frames: dict[str, pl.DataFrame] = {}
    for number in range(3):
        ids = list(range(10 + 2 * number))
        frames[str(number + 1)] = pl.DataFrame(
            {
                "id": ids,
                "label": [("a", "b")[(k + (k == number)) % 2] for k in ids],
                "split": [("train", "train", "test", "val")[k % 4] for k in ids],
                "x": [round(rng.random() * 9, 2) for _ in ids],
                "t": [("red", "blue", "green")[(k + number) % 3] for k in ids],
                "n": [k % 5 for k in ids],
            }
        )
    return frames


# ---------------------------------------------------------------- mutations of what is written


def drop_rows(frame: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    return frame.filter(pl.Series([rng.random() < 0.7 for _ in range(len(frame))], dtype=bool))


def repeat_rows(frame: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    return pl.concat([frame, frame[: rng.randint(1, 3)]])


def swap_cells(frame: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    name = rng.choice(frame.columns)
    values = frame[name].to_list()
    a, b = rng.randrange(len(values)), rng.randrange(len(values))
    values[a], values[b] = values[b], values[a]
    return frame.with_columns(pl.Series(name, values, dtype=frame[name].dtype))


def shuffle(frame: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    return frame.sample(fraction=1.0, shuffle=True, seed=rng.randrange(999))


def drop_column(frame: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    return frame.drop(rng.choice(frame.columns))


def swap_columns(frame: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    a, b = rng.sample(frame.columns, 2)
    return frame.rename({a: b, b: a})


def retype_column(frame: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    name = rng.choice(frame.columns)
    dtype = rng.choice([pl.String, pl.Float64, pl.Int64, pl.Boolean, pl.Null, pl.Categorical])
    column = frame[name]
    if dtype == pl.Null:
        return frame.with_columns(pl.lit(None).alias(name))
    if dtype == pl.Boolean and column.dtype == pl.String:
        column = column.str.len_chars()
    if dtype == pl.Categorical:
        column = column.cast(pl.String)
    return frame.with_columns(column.cast(dtype, strict=False).alias(name))


def odd_cell(frame: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    name = rng.choice(frame.columns)
    values = frame[name].to_list()
    pool = NUMBERS if frame[name].dtype == pl.Float64 and rng.random() < 0.5 else CELLS
    values[rng.randrange(len(values))] = rng.choice(pool)
    typed = pl.Series(name, values, dtype=pl.Float64) if pool is NUMBERS else None
    if typed is None:
        spelled = [v if v is None or isinstance(v, str) else str(v) for v in values]
        typed = pl.Series(name, spelled, dtype=pl.String)
    return frame.with_columns(typed)


def no_rows(frame: pl.DataFrame, rng: random.Random) -> pl.DataFrame:
    return frame.head(rng.randint(0, 1))


FRAME_MUTATIONS: tuple[Callable[[pl.DataFrame, random.Random], pl.DataFrame], ...] = (
    drop_rows, repeat_rows, swap_cells, shuffle, drop_column, swap_columns, retype_column, odd_cell,
    odd_cell, odd_cell, no_rows,
)  # fmt: skip


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """The bytes with one thing wrong."""
    size = len(content)
    at, to = sorted((rng.randrange(size), rng.randrange(size)))
    what = rng.choice(["cut", "flip", "drop", "repeat", "swap", "insert", "tail"])
    if what == "cut":
        return content[:at]
    if what == "tail":
        return content[at:]
    if what == "flip":
        return content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]
    if what == "drop":
        return content[:at] + content[min(to, at + 20) :]
    if what == "repeat":
        return content[:to] + content[at:]
    if what == "swap":
        return content[:at] + content[to : to + 9] + content[at + 9 : to] + content[at : at + 9]
    return content[:at] + rng.choice(ODD_BYTES) + content[at:]


def write_mutated(folder: Path, form: str, rng: random.Random) -> Path:
    """Write a mutated project, and return what to open."""
    frames = sound(rng)
    names = list(frames)
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        name = rng.choice(names)
        if len(frames[name]) and frames[name].width > 1:
            frames[name] = rng.choice(FRAME_MUTATIONS)(frames[name], rng)
    ending = rng.choice(["csv", "parquet"]) if form == "table" else form
    files = [folder / "versions" / f"{name}.{ending}" for name in names]
    if form == "table":
        stamped = [f.with_columns(pl.lit(n).alias(TABLE)) for n, f in frames.items()]
        try:
            whole = pl.concat(stamped, how="diagonal_relaxed")
        except pl.exceptions.PolarsError:  # columns of kinds that have nothing in common
            whole = pl.concat([f.cast(pl.String) for f in stamped], how="diagonal")
        files = [folder / f"data.{ending}"]
        folder.mkdir(parents=True)
        WRITERS[ending](whole, files[0])
    else:
        (folder / "versions").mkdir(parents=True)
        for file, frame in zip(files, frames.values(), strict=True):
            WRITERS[ending](frame, file)
    if rng.random() < 0.5:
        file = rng.choice(files)
        if file.stat().st_size:
            file.write_bytes(mutated_bytes(file.read_bytes(), rng))
    if len(files) > 1 and rng.random() < 0.1:
        a, b = rng.sample(files, 2)
        contents = a.read_bytes(), b.read_bytes()
        a.write_bytes(contents[1])
        b.write_bytes(contents[0])
    return folder


# ---------------------------------------------------------------- the plain reading


def plain_rows(path: Path) -> Rows | None:
    """The rows of a file as its own format says them; None where that cannot be told plainly."""
    try:
        if path.suffix == ".csv":
            return _csv_rows(path.read_bytes().decode("utf-8-sig"))
        if path.suffix == ".jsonl":
            return _json_rows(path.read_text(encoding="utf-8"))
        return pl.read_parquet(path).to_dicts()
    except UNREADABLE:
        return None


def _csv_rows(text: str) -> Rows | None:
    if "\0" in text or "\r" in text:
        return None
    csv.field_size_limit(1 << 20)
    lines = [line for line in csv.reader(io.StringIO(text), strict=True) if line]
    if not lines or len(set(lines[0])) < len(lines[0]):
        return None
    if any(len(line) != len(lines[0]) for line in lines) or ";" in "".join(lines[0]):
        return None
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def _json_rows(text: str) -> Rows | None:
    rows = [json.loads(line, object_pairs_hook=_once) for line in text.split("\n") if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        return None
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [{name: row.get(name) for name in names} for row in rows]


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError  # a name twice: JSON does not say which holds
    return dict(pairs)


def keys(values: list[object]) -> list[str | None]:
    """Ids and labels as text: 7 and 7.0 are one; a text column that is all numbers likewise."""
    texts = [v for v in values if isinstance(v, str)]
    if len(texts) < sum(v is not None for v in values):
        return [_spelled(v) for v in values]
    return [v if isinstance(v, str) else None for v in values]


def csv_keys(values: list[object]) -> list[str | None]:
    """The same of a CSV, where an empty cell is no value."""
    present = [str(v) for v in values if v != ""]
    numbers = all(_is_number(v) for v in present)
    found = [None if v == "" else str(v) for v in values]
    if numbers:
        return [v if v is None else _without_zeros(v) for v in found]
    if all(v.lower() in ("true", "false") for v in present if v not in TOKENS):
        return [v if v is None else v.lower() for v in found]
    return found


def _without_zeros(text: str) -> str:
    whole, point, rest = text.partition(".")
    return whole if point and rest and not rest.strip("0") else text


def _spelled(value: object) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    padded = text.lstrip("+-")
    return text == text.strip() and not (padded[:1] == "0" and padded[1:2].isdigit())
