"""The form of a text file (CSV): its encoding, separator, decimal comma, and line ends.

A form other than UTF-8, commas, and line feeds is read only if it is certain, and reported; an
uncertain one is refused with the way to convert it.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.errors import VersionError
from chameleon.project.findings import Severity

_HEAD = 1 << 18
_BLOCK = 1 << 24
_GZIP = b"\x1f\x8b"
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
"""Byte order marks and their encodings; the longer ones first."""

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_COMMA_NUMBER = re.compile(r"[+-]?[0-9]+,([0-9]+)([eE][+-]?[0-9]+)?")
_POINT_NUMBER = re.compile(r"[+-]?[0-9]+\.[0-9]+([eE][+-]?[0-9]+)?")
_NO_TEXT = "it is damaged, or no text. Write it again."
_QUOTED = re.compile(r'"[^"]*("|\Z)')
_DECIMAL_COMMA = r"^([+-]?[0-9]+),([0-9]+([eE][+-]?[0-9]+)?)$"
WEB_PAGE = "a web page or XML, not a table"
MARKUP = re.compile(rb"\s*<(!doctype|html|\?xml|head|body)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TextForm:
    """The form of a text file.

    `example` is a number with a decimal comma, `doubtful` one whose comma may separate decimals or
    thousands; None without one.
    """

    encoding: str = "utf-8"
    separator: str = ","
    line_end: str = "\n"
    example: str | None = None
    doubtful: str | None = None

    @property
    def remarks(self) -> tuple[tuple[Severity, str], ...]:
        """Unusual features, and how they are read, each to follow the name of the file."""
        notes: list[str] = []
        if self.encoding != "utf-8":
            notes.append(f"is {self.encoding.upper()} text, according to its byte order mark.")
        if self.separator != ",":
            notes.append(f"is separated by {_SEPARATORS[self.separator]} instead of commas.")
        if self.line_end != "\n":
            notes.append("ends its lines with carriage returns only.")
        if self.example is not None:
            read = self.example.replace(",", ".")
            notes.append(f"has decimal commas: '{self.example}' is read as {read}.")
        found = [(Severity.NOTE, note) for note in notes]
        if self.doubtful is not None:
            doubt = (
                f"has numbers such as '{self.doubtful}', whose comma may separate decimals or "
                "thousands: they are read as text. Write them with a decimal point."
            )
            found.append((Severity.WARNING, doubt))
        return tuple(found)


def text_form(path: Path) -> TextForm:
    """The form of a file, found from its beginning; the error's message follows the file's name."""
    status = path.stat()
    return _form_of(path, status.st_size, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=512)
def _form_of(path: Path, size: int, changed: int, node: int) -> TextForm:
    with _opened(path) as stream:
        head = stream.read(_HEAD)
        whole = not stream.read(1)
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
    if head.startswith(b"PAR1"):
        raise VersionError("contains Parquet, not text. Rename it, with the ending .parquet.")
    if MARKUP.match(head):
        raise VersionError(f"contains {WEB_PAGE}. Fetch or write the file again.")
    if encoding == "utf-8" and b"\0" in head:
        raise VersionError(_nul_message(head))
    if encoding == "utf-8":
        _require_utf8(head, whole=whole)
    text = head.decode(encoding, errors="ignore").removeprefix("\ufeff")
    line_end = "\r" if "\r" in text.rstrip("\r\n") and "\n" not in text else "\n"
    return _form_of_text(text, whole=whole, encoding=encoding, line_end=line_end)


def _nul_message(head: bytes) -> str:
    even, odd = head[::2], head[1::2]
    few, many = sorted((even.count(0), odd.count(0)))
    if many > 0.4 * len(head) > 4 * few:
        return (
            "may be UTF-16 text without a byte order mark, which is not certain. Save it as UTF-8, "
            "such as by: iconv -f UTF-16LE -t UTF-8."
        )
    line = head[: head.index(0)].count(b"\n") + 1
    return f"contains NUL bytes, the first in line {line:,}: {_NO_TEXT}"


def _require_utf8(head: bytes, *, whole: bool) -> None:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if not whole and error.start > len(head) - 4:
            return  # a character cut in two by the end of the head
        line = head[: error.start].count(b"\n") + 1
        raise VersionError(
            f"isn't UTF-8: line {line:,} has the byte 0x{head[error.start]:02X}. Its bytes don't "
            "identify the encoding; often it is Windows-1252 (Latin-1). Save it as UTF-8, such as "
            "by: iconv -f WINDOWS-1252 -t UTF-8."
        ) from error


def _form_of_text(text: str, *, whole: bool, encoding: str, line_end: str) -> TextForm:
    lines = text.splitlines() if whole else text.splitlines()[:-1]
    bare = next(iter(_QUOTED.sub("", text).splitlines()), "")
    found = [sign for sign in _SEPARATORS if "," not in bare and sign in bare]
    if len(found) != 1:
        return TextForm(encoding, line_end=line_end)
    cells = [cell.strip() for row in _rows(lines[1:], found[0]) for cell in row]
    commas = [match for cell in cells if (match := _COMMA_NUMBER.fullmatch(cell))]
    # 1,234 may be more than a thousand; 0,75 and 1,2345 are not
    sure = next((match[0] for match in commas if len(match[1]) != 3), None)
    if any(_POINT_NUMBER.fullmatch(cell) for cell in cells):
        sure = None
    doubtful = commas[0][0] if commas and sure is None else None
    return TextForm(encoding, found[0], line_end, sure, doubtful)


def _rows(lines: list[str], separator: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, delimiter=separator)
    except csv.Error:  # a cell beyond the limit of that module
        return


def scan_text(path: Path, content: bytes | None = None) -> pl.LazyFrame:
    """The file, or its bytes as `content`, as a lazy frame of String columns."""
    form = text_form(path)
    source: Path | bytes = path if content is None else content
    if form.encoding != "utf-8":
        with _opened(path, content) as stream:
            source = stream.read().decode(form.encoding).removeprefix("\ufeff").encode()
    scan = pl.scan_csv(
        source, infer_schema=False, glob=False, separator=form.separator, eol_char=form.line_end
    )
    if form.example is not None:
        scan = scan.with_columns(pl.all().str.replace(_DECIMAL_COMMA, "$1.$2"))
    names = scan.collect_schema().names()
    quoted = {name: name.replace('""', '"') for name in names if '""' in name}  # polars leaves both
    if quoted and len({*names, *quoted.values()}) == len(names) + len(quoted):
        scan = scan.rename(quoted)
    return scan


def require_whole_rows(path: Path, content: bytes | None = None) -> None:
    """Refuse a file with a NUL byte, or a row with more or fewer fields than the header.

    The error's message follows the file's name. Without `content`, its bytes, the file is read,
    up to twice.
    """
    form = text_form(path)
    width: int | None = None
    wrong: list[tuple[int, int]] = []
    count = 0
    for line, fields in _field_counts(path, form, content):
        if not fields.size:
            continue
        width = int(fields[0]) if width is None else width
        odd = np.flatnonzero(fields != width)
        count += odd.size
        wrong += [(int(line[k]), int(fields[k])) for k in odd[:1]]
    if count:
        raise VersionError(
            f"has {count:,} rows with more or fewer fields than the {width:,} of its header, the "
            f"first in line {wrong[0][0]:,} ({wrong[0][1]:,} fields). Write every field of a row, "
            "empty ones too, and put quotes around a field that contains the separator."
        )


Counts = tuple[NDArray[np.int64], NDArray[np.int64]]


def _field_counts(path: Path, form: TextForm, content: bytes | None) -> Iterator[Counts]:
    """Line numbers and fields of all lines that are not blank, block by block."""
    with _opened(path, content) as stream:
        if form.encoding == "utf-8" and not _has_quotes(stream):
            stream.seek(0)
            yield from _plain_counts(stream, form)
            return
        stream.seek(0)
        encoding = "utf-8-sig" if form.encoding == "utf-8" else form.encoding
        text = io.TextIOWrapper(stream, encoding, errors="replace", newline="")
        reader = csv.reader(text, delimiter=form.separator)
        try:
            while rows := [(reader.line_num, len(row)) for row in islice(reader, 100_000)]:
                pairs = np.array([row for row in rows if row[1]], dtype=np.int64).reshape(-1, 2)
                if len(pairs):
                    yield pairs[:, 0], pairs[:, 1]
        except csv.Error:  # a cell beyond the limit of that module
            return


def _has_quotes(stream: BinaryIO) -> bool:
    found = False
    while block := stream.read(_BLOCK):
        if b"\0" in block:
            raise VersionError(f"contains NUL bytes: {_NO_TEXT}")
        found |= b'"' in block
    return found


def _plain_counts(stream: BinaryIO, form: TextForm) -> Iterator[Counts]:
    end, separator, before, rest = form.line_end.encode(), form.separator.encode(), 0, b""
    while block := stream.read(_BLOCK):
        block = rest + block
        cut = block.rfind(end) + 1
        block, rest = block[:cut], block[cut:]
        lines = np.frombuffer(block, dtype=np.uint8)
        ends = np.flatnonzero(lines == end[0])
        if ends.size:
            yield _counts(lines, ends, separator, before)
        before += ends.size
    if rest.strip(b"\r\n"):
        lines = np.frombuffer(rest, dtype=np.uint8)
        yield _counts(lines, np.array([len(rest)]), separator, before)


def _counts(
    lines: NDArray[np.uint8], ends: NDArray[np.int64], separator: bytes, before: int
) -> Counts:
    separators = np.flatnonzero(lines == separator[0])
    fields = np.diff(np.searchsorted(separators, ends), prepend=0) + 1
    length = np.diff(ends, prepend=-1) - 1
    starts = np.concatenate([[0], ends[:-1] + 1])
    returns = (length == 1) & (lines[np.minimum(starts, len(lines) - 1)] == ord("\r"))
    kept = np.flatnonzero((length > 0) & ~returns)
    return before + kept + 1, fields[kept]


def _opened(path: Path, content: bytes | None = None) -> BinaryIO:
    """The text in a file, or in its bytes, unpacked if it is packed."""
    stream: BinaryIO = path.open("rb") if content is None else io.BytesIO(content)
    packed = stream.read(2) == _GZIP
    stream.seek(0)
    if not packed:
        return stream
    if content is not None:
        return cast("BinaryIO", gzip.open(stream))
    stream.close()
    return cast("BinaryIO", gzip.open(path))
