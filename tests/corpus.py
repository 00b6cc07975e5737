"""Bad input that makes its own files: what stands in an odd version, and what must come of it.

A case is read, and then holds the very rows of its frame; or it is refused with certain words.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from tests.library import WRITERS, plain


@dataclass(frozen=True)
class Case:
    """One odd version file, of bytes or of a frame that is written in the form of its ending.

    `rows` are what it must be read as, None where it must be refused; `words` what must be told of
    it in a finding of this version; `toml` the settings that the project needs for it.
    """

    content: bytes | pl.DataFrame
    rows: pl.DataFrame | None = None
    words: tuple[str, ...] = ()
    ending: str = "csv"
    toml: str = ""

    def write(self, path) -> None:
        if isinstance(self.content, bytes):
            path.write_bytes(self.content)
        else:
            WRITERS[self.ending](self.content, path)


def text(frame: pl.DataFrame, *, separator: str = ",", **options: object) -> str:
    return frame.write_csv(separator=separator, **options)


def lines(frame: pl.DataFrame) -> list[str]:
    return text(frame).splitlines()


def bytes_of(frame: pl.DataFrame, form: str) -> bytes:
    stream = io.BytesIO()
    {"parquet": frame.write_parquet, "arrow": frame.write_ipc}[form](stream)
    return stream.getvalue()


GOOD = plain(20, t=["ä", "ö"] * 10, x=[i * 0.75 + 0.25 for i in range(20)])
LINES = lines(GOOD)
UTF8 = text(GOOD)
PARQUET = bytes_of(GOOD, "parquet")
WHOLE = list(range(20))
THOUSANDS = plain(20, x=WHOLE, k=[f"{i},{i:03}" for i in range(20)])
BOTH = plain(20, x=WHOLE, k=["0,25", "1.5"] * 10)


def damaged_feature() -> bytes:
    """Parquet whose ids and labels are whole: only the pages of feature t are overwritten."""
    import pyarrow.parquet as pq

    group = pq.ParquetFile(io.BytesIO(PARQUET)).metadata.row_group(0)
    column = next(
        group.column(k) for k in range(group.num_columns) if group.column(k).path_in_schema == "t"
    )
    at, size = column.dictionary_page_offset, column.total_compressed_size
    return PARQUET[:at] + b"\xff" * size + PARQUET[at + size :]


DECIMALS = plain(20, x=[i * 0.75 + 0.25 for i in range(20)])


def with_line(number: int, line: str) -> bytes:
    return "\n".join([*LINES[:number], line, *LINES[number + 1 :]]).encode()


def with_columns(frame: pl.DataFrame, **columns: object) -> pl.DataFrame:
    return frame.with_columns(**{n: pl.Series(v) for n, v in columns.items()})


def same(frame: pl.DataFrame, *words: str, ending: str = "parquet", **columns: object) -> Case:
    """A version that must be read as it is."""
    changed = with_columns(frame, **columns)
    return Case(changed, changed, words, ending)


def refused(*words: str, ending: str = "parquet", **columns: object) -> Case:
    """A version that must be refused because of some columns."""
    return Case(with_columns(GOOD, **columns), None, words, ending)


ENCODINGS = {
    "UTF-16 with its mark": Case(UTF8.encode("utf-16"), GOOD, ("UTF-16", "byte order mark")),
    "UTF-16, big end first": Case(
        b"\xfe\xff" + UTF8.encode("utf-16-be"), GOOD, ("UTF-16", "byte order mark")
    ),
    "UTF-16, gzipped": Case(
        gzip.compress(UTF8.encode("utf-16"), mtime=0), GOOD, ("UTF-16",), "csv.gz"
    ),
    "UTF-16 without its mark": Case(
        UTF8.encode("utf-16-le"), None, ("may be UTF-16", "iconv", "UTF-8")
    ),
    "Latin-1": Case(UTF8.encode("latin-1"), None, ("isn't UTF-8", "line 2", "0xE4", "iconv")),
    "Latin-1, gzipped": Case(
        gzip.compress(UTF8.encode("latin-1"), mtime=0), None, ("isn't UTF-8", "line 2"), "csv.gz"
    ),
    "Latin-1 far below": Case(
        (UTF8 + UTF8.split("\n", 1)[1] * 900).encode() + "20,a,train,1,ä\n".encode("latin-1"),
        None,
        ("could not be read", "utf-8"),
    ),
    "UTF-8 with a mark": Case(b"\xef\xbb\xbf" + UTF8.encode(), GOOD),
    "semicolons": Case(text(GOOD, separator=";").encode(), GOOD, ("semicolons",)),
    "tabs": Case(text(GOOD, separator="\t").encode(), GOOD, ("tabs",)),
    "semicolons and decimal commas": Case(
        text(DECIMALS, separator=";").replace(".", ",").encode(), DECIMALS,
        ("decimal commas", "'0,25' is read as 0.25"),
    ),
    "commas that may be thousands": Case(
        text(THOUSANDS, separator=";").encode(), THOUSANDS,
        ("'0,000'", "decimals or thousands", "decimal point"),
    ),
    "commas and points": Case(
        text(BOTH, separator=";").encode(), BOTH, ("'0,25'", "decimals or thousands")
    ),
    "CR line ends": Case(UTF8.replace("\n", "\r").encode(), GOOD, ("carriage returns",)),
    "CRLF line ends": Case(UTF8.replace("\n", "\r\n").encode(), GOOD),
    "a NUL in a cell": Case(UTF8.replace("ä", "\0", 1).encode(), None, ("NUL", "line 2")),
    "NULs at the end": Case(UTF8.encode() + b"\0" * 99, None, ("NUL", "line 22")),
    "NULs alone": Case(b"\0" * 999, None, ("NUL", "line 1")),
    "a NUL far below": Case(
        UTF8.encode() + UTF8.split("\n", 1)[1].encode() * 900 + b"20,a,train,1,\0\n",
        None, ("NUL",),
    ),
}  # fmt: skip

SHAPES = {
    "zero bytes": Case(b"", None, ("empty (0 bytes)",)),
    "blank lines": Case(b"\n\n\n", None, ("could not be read",)),
    "header only": Case(LINES[0].encode() + b"\n", None, ("no rows",)),
    "zero rows": Case(GOOD.head(0), None, ("no rows",), "parquet"),
    "no header": Case("\n".join(LINES[1:]).encode(), None, ("'id'", "no header", "write one")),
    "a row too long": Case(
        with_line(5, LINES[5] + ",1,2"), None, ("1 rows", "line 6", "7 fields", "5 of its header")
    ),
    "a row too short": Case(
        with_line(5, LINES[5].rsplit(",", 1)[0]), None, ("1 rows", "line 6", "4 fields")
    ),
    "a row too short beside quotes": Case(
        with_line(5, '4,"a",train,3.25'), None, ("1 rows", "line 6", "4 fields")
    ),
    "cut in the last row": Case(UTF8.encode()[:-9], None, ("1 rows", "line 21")),
    "an open quote": Case(with_line(5, '4,"a,train,3.25,ä'), None, ("versions/odd.csv",)),
    "a column name twice": Case(
        "\n".join(["id,label,split,x,x", *LINES[1:]]).encode(),
        GOOD.rename({"t": "x_duplicated_0"}),
        ("repeats the column name 'x'", "x_duplicated_0"),
    ),
    "no name for a column": Case(
        "\n".join(["id,label,split,x,", *LINES[1:]]).encode(), GOOD.rename({"t": ""})
    ),
    "a web page named csv": Case(
        b"<!DOCTYPE html>\n<html><body>404, not found</body></html>", None, ("web page",)
    ),
    "Parquet named csv": Case(PARQUET, None, ("contains Parquet", ".parquet")),
    "a web page named Parquet": Case(
        b"<html><body>404</body></html>", None, ("web page",), "parquet"
    ),
    "CSV named Parquet": Case(UTF8.encode(), None, ("contains text", ".csv"), "parquet"),
    "Parquet cut short": Case(
        PARQUET[: len(PARQUET) // 2], None, ("could not be read", "damaged"), "parquet"
    ),
    "Parquet with a damaged page": Case(
        PARQUET[:8] + b"\xff" * 120 + PARQUET[128:], None, ("could not be read",), "parquet"
    ),
    "Parquet with a damaged page of a feature": Case(
        damaged_feature(), None, ("could not be read", "damaged"), "parquet"
    ),
    "Parquet with a damaged footer": Case(
        PARQUET[:-60] + b"\xff" * 40 + PARQUET[-20:], None, ("could not be read",), "parquet"
    ),
    "Arrow cut short": Case(
        bytes_of(GOOD, "arrow")[:900], None, ("could not be read", "damaged"), "arrow"
    ),
    "gzip cut short": Case(
        gzip.compress(UTF8.encode(), mtime=0)[:80], None, ("could not be read",), "csv.gz"
    ),
    "JSON that is no lines": Case(b"[1, 2, 3]\n", None, ("could not be read",), "jsonl"),
}

IDS = {
    "no id column": Case(GOOD.drop("id"), None, ("no column 'id'",), "parquet"),
    "duplicate ids": refused("repeats 1 ids ('id')", "'0'", id=[0, *range(19)]),
    "duplicate ids of one label": Case(
        pl.concat([GOOD, GOOD.head(2)]), None, ("2 ids", "all with one label each"), "parquet"
    ),
    "duplicate ids with conflicting labels": Case(
        pl.concat([GOOD, GOOD.head(2).with_columns(label=pl.lit("c"))]), None,
        ("2 ids", "2 of them with different labels"), "csv",
    ),
    "duplicate ids in both splits": Case(
        pl.concat([GOOD, GOOD.head(2).with_columns(split=pl.lit("test"))]), None,
        ("2 ids", "2 in more than one split"), "jsonl",
    ),
    "missing ids": refused("no id", "1 of 20", id=[None, *range(19)]),
    "7 and 007 are two": same(GOOD, id=["7", "007", *map(str, range(18, 36))]),
    "7 and 007 are two in text": same(
        GOOD, ending="csv", id=["7", "007", *map(str, range(18, 36))]
    ),
    "ids at the limits": same(GOOD, id=[2**63 - 1, -(2**63), 2**53, 2**53 + 1, *range(16)]),
    "twins in two normal forms": same(GOOD, id=["é", "e\u0301", *map(str, range(18))]),
}  # fmt: skip

NOTHINGS = [None, "", " ", "nan"] * 5
SPLIT = [*["train"] * 12, *["test"] * 7]
LABELS = {
    "no label column": Case(
        GOOD.drop("label"), None, ("no column 'label'", "id, split, x, t", "[columns]")
    ),
    "no label column in JSON": Case(GOOD.drop("label"), None, ("no column 'label'",), "jsonl"),
    "one class": same(GOOD, "only one class", "'a'", label=["a"] * 20),
    "no label": same(GOOD, "no label in any", label=pl.Series([None] * 20, dtype=pl.String)),
    "few fractions": same(GOOD, label=[0.5, 1.5] * 10),
    "a continuous label": Case(
        plain(60, label=[i / 7 for i in range(60)]), None,
        ("'label'", "60 different numbers", "for classification"), "parquet",
    ),
    "a continuous label in text": Case(
        plain(60, label=[i / 7 for i in range(60)]), None,
        ("'label'", "60 different numbers", "for classification"),
    ),
    "no test rows": same(GOOD, "no test rows", split=["train"] * 20),
    "no train rows": same(GOOD, "no labeled train rows", split=["test"] * 20),
    "no split column": Case(GOOD.drop("split"), None, ("no column 'split'",), "parquet"),
    "an unknown split": refused(
        "'split'", "'holdout'", "1 of 20", "train", split=[*SPLIT, "holdout"]
    ),
    "an empty split": refused("'split'", "''", "1 of 20 rows", split=[*SPLIT, ""]),
    "a missing split": refused("'split'", "no value", "1 of 20 rows", split=[*SPLIT, None]),
    "four sorts of nothing": same(GOOD, "no label in 5 of 20", label=NOTHINGS),
    "four sorts of nothing in JSON": same(
        GOOD, "no label in 5 of 20", ending="jsonl", label=NOTHINGS
    ),
    "three sorts of nothing in CSV": Case(  # an empty cell is no value there, quoted or not
        with_columns(GOOD, label=NOTHINGS),
        with_columns(GOOD, label=[None, None, " ", "nan"] * 5),
        ("no label in 10 of 20",),
    ),
    "500 classes": same(plain(1500), label=[f"c{i % 500}" for i in range(1500)]),
}  # fmt: skip

NOON = dt.datetime(2020, 1, 1, 12)
VALUES = {
    "no number at all": same(GOOD, x=[float("nan"), None] * 10),
    "infinite": same(GOOD, x=[float("inf"), float("-inf"), 1.0, None] * 5),
    "huge and subnormal": same(GOOD, x=[1e308, -1e308, 5e-324, -0.0] * 5),
    "huge and subnormal in text": same(GOOD, ending="csv", x=[1e308, -1e308, 5e-324, -0.0] * 5),
    "integers at the limits": Case(
        GOOD.with_columns(x=pl.Series([2**63 - 1, -(2**63), 0, 1] * 5)),
        GOOD.with_columns(x=pl.Series([2.0**63, -(2.0**63), 0.0, 1.0] * 5)),
        ("beyond 2^53", "'x'"), "parquet",
    ),
    "years 1 and 9999": same(GOOD, k=[dt.date(1, 1, 1), dt.date(9999, 12, 31)] * 10),
    "years 1 and 9999 in text": same(
        GOOD, ending="csv", k=[dt.date(1, 1, 1), dt.date(9999, 12, 31)] * 10
    ),
    "a time zone": Case(
        GOOD.with_columns(k=pl.Series([NOON] * 20).dt.replace_time_zone("America/New_York")),
        GOOD.with_columns(k=pl.Series([dt.datetime(2020, 1, 1, 17)] * 20)),
        (), "parquet",
    ),
    "a time zone in text": Case(
        GOOD.with_columns(k=pl.Series(["2020-01-01T12:00:00-05:00"] * 20)),
        GOOD.with_columns(k=pl.Series([dt.datetime(2020, 1, 1, 17)] * 20)),
    ),
    "decimals": Case(
        GOOD.with_columns(k=pl.Series(["1.50", "2.25"] * 10).cast(pl.Decimal(10, 2))),
        GOOD.with_columns(k=pl.Series([1.5, 2.25] * 10)), (), "parquet",
    ),
    "nested columns": Case(
        GOOD.with_columns(k=pl.Series([[1, 2]] * 20), m=pl.Series([{"a": 1}] * 20)),
        GOOD, ("List", "column 'k'", "left out"), "parquet",
    ),
    "nested columns in JSON": Case(
        GOOD.with_columns(k=pl.Series([[1, 2]] * 20)), GOOD, ("List", "column 'k'",), "jsonl"
    ),
}  # fmt: skip


def weak(words: tuple[str, ...], ending: str = "csv", **columns: list) -> Case:
    """A version with label probabilities or votes: they are no features of its."""
    named = {f"label_{name}": pl.Series(values) for name, values in columns.items()}
    return Case(GOOD.with_columns(**named), GOOD, words, ending)


HALVES, ONES = [0.5] * 20, [1.0] * 20
WEAK = {
    "label probabilities out of range": weak(
        ("'label_proba_a'", "isn't a number from 0 to 1, such as 1.5", "1 of 20", "ids '19'"),
        proba_a=[*HALVES[:19], 1.5], proba_b=[*HALVES[:19], -0.5],
    ),
    "label probabilities that sum to a half": weak(
        ("do not sum to 1", "such as 0.5", "20 of 20"), "parquet",
        proba_a=[0.25] * 20, proba_b=[0.25] * 20,
    ),
    "label probabilities that sum to nearly 1": weak(
        ("do not sum to 1", "such as 1.00001", "1 of 20"), "jsonl",
        proba_a=[*HALVES[:19], 0.50001], proba_b=HALVES,
    ),
    "label probabilities in words": weak(
        ("'label_proba_a'", "isn't a number from 0 to 1,", "20 of 20"),
        proba_a=["likely"] * 20, proba_b=HALVES,
    ),
    "label probabilities that are dates": weak(
        ("isn't a number from 0 to 1,", "20 of 20"), "parquet",
        proba_a=[dt.date(1970, 1, 1)] * 20, proba_b=ONES,
    ),
    "half a label probability": weak(
        ("no label probability in 'label_proba_b', but in other columns", "10 of 20"),
        proba_a=HALVES, proba_b=[None, 0.5] * 10,
    ),
    "a label probability without any value": weak(
        ("1 columns of label probabilities", "'label_proba_b'", "probability 0"), "parquet",
        proba_a=ONES, proba_b=[None] * 20,
    ),
    "infinite label probabilities": weak(
        ("isn't a number from 0 to 1,", "20 of 20"), "parquet",
        proba_a=[float("inf")] * 20, proba_b=[float("-inf")] * 20,
    ),
    "votes for an unknown class": weak(
        ("'label_vote_r'", "'zebra'", "3 of 20", "abstain"), vote_r=["zebra"] * 3 + ["a"] * 17
    ),
    "votes that all abstain": weak(
        ("no vote in 'label_vote_r'", "all of its 20 rows"), "parquet", vote_r=[-1] * 20
    ),
    "votes without any value": weak(("no vote in 'label_vote_r'",), "csv", vote_r=[None] * 20),
}  # fmt: skip

NAMES = (
    "a.b", "a[0]", "a(b)", "q'q", 'q"q', "c:d", "🦎", "שלום", "\u202eabc", "new\nline", "n" * 300,
    "é", "e\u0301", "<b>bold</b>", "a,b", "a;b", " ", "*", "$x$", "__index__", "\\", "`",
    "%", "=1+1", "^a.*$", "^.*$",
)  # fmt: skip
TEXTS = [f"t{i % 4}" for i in range(20)]
NAMED = plain(20).drop("x").with_columns(
    *(pl.Series(name, [i * 0.5 + k for i in range(20)]) for k, name in enumerate(NAMES)),
    *(pl.Series(f"{name} in text", TEXTS) for name in NAMES),
    *(pl.Series(name, TEXTS) for name in ("^b.*$", "^c{name}$")),
)  # fmt: skip
WIDE = (
    plain(20)
    .drop("x")
    .with_columns(
        pl.Series(f"f{k}", [(i * (k + 7)) % 11 * 0.5 for i in range(20)]) for k in range(1200)
    )
)
COLUMNS = {
    "names of all sorts": Case(NAMED, NAMED, ending="parquet"),
    "names of all sorts in text": Case(NAMED, NAMED),
    "names of all sorts in JSON": Case(NAMED, NAMED, ending="jsonl"),
    "1,200 columns": Case(WIDE, WIDE, ending="parquet"),
    "1,200 columns in text": Case(WIDE, WIDE),
}

CASES: Mapping[str, Case] = {
    **ENCODINGS, **SHAPES, **IDS, **LABELS, **VALUES, **COLUMNS, **WEAK,
}  # fmt: skip

FILE_NAMES = (
    "CON", "nul", "aux.1", "a b", "a:b", "..x..", "é", "e\u0301", " lead", "x" * 200, "a%2Fb", "*",
    "?", "[1]", "{a}", "🦎", "<b>", "-rf", "$HOME", "a\nb",
)  # fmt: skip
"""Names of versions that some system, shell, glob or page takes for something else."""
