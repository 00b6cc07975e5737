"""Unpacking a zip that a stranger made: nothing outside, nothing huge, nothing but plain files."""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from chameleon.errors import ProjectError

MOST_ENTRIES = 1_000
MOST_RATIO = 200
"""Tables pack to a fifth or a twentieth; what shrinks two hundred times was made to grow."""

_FREE_BYTES = 1_000_000
"""A small file of one repeated value may shrink more than that, and does no harm."""

_INDEX_BYTES = 1_000_000
_CHUNK_BYTES = 64 * 1024
_LONGEST_NAME = 240
_LONGEST_COMMENT = 65_535
_END, _END64 = b"PK\x05\x06", b"PK\x06\x07"
_END_BYTES, _LOCATOR_BYTES = 22, 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?", re.IGNORECASE)
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError,
)  # fmt: skip

Wanted = Callable[[tuple[str, ...]], bool]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The size of all files written, and the names of entries that weren't wanted."""

    bytes: int
    skipped: tuple[str, ...]


def unpack(stream: BinaryIO, folder: Path, *, wanted: Wanted, most_bytes: int) -> Unpacked:
    """Unpack a zip into an empty folder; a folder around everything is taken off.

    All names and declared sizes are looked at before anything is written, and what comes out is
    counted while it is written, whatever was declared.

    Parameters
    ----------
    wanted
        Whether a file of this path belongs to a project.
    most_bytes
        The limit to all files together.

    Raises
    ------
    ProjectError
        It is no zip, or one that cannot be unpacked safely; nothing that was written is used.
    """
    _require_small_index(stream)
    try:
        with zipfile.ZipFile(stream) as archive:
            return _unpacked(archive, folder, wanted, most_bytes)
    except _DAMAGED as error:
        raise ProjectError(
            f"The zip is damaged or no zip ({type(error).__name__}). Pack it again."
        ) from error


def refused_name(name: str) -> str | None:
    """The reason why no file may have that path (parts between slashes); None where it may."""
    parts = name.split("/")
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        return "has a control character in its name"
    if name.startswith("/") or "\\" in name or ":" in name:
        return "has an absolute path, a drive letter, a backslash or a colon in its name"
    if any(part in ("", ".", "..") for part in parts):
        return "leads out of its folder"
    if any(_DEVICES.fullmatch(part.strip()) or part != part.rstrip(" .") for part in parts):
        return "is named like a device, or ends in a dot or a space"
    if len(name.encode()) > _LONGEST_NAME:
        return f"has a name of more than {_LONGEST_NAME} bytes"
    return None


def same_names(names: Iterable[str]) -> str | None:
    """A name that occurs twice, for a file system that tells neither case nor accents apart."""
    seen: set[str] = set()
    for name in names:
        plain = unicodedata.normalize("NFKC", name).casefold()
        if plain in seen:
            return name
        seen.add(plain)
    return None


def _require_small_index(stream: BinaryIO) -> None:
    """Refuse a zip whose list of entries alone is huge, before it is read."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _LONGEST_COMMENT - _END_BYTES))
    tail = stream.read()
    place = tail.rfind(_END)
    stream.seek(0)
    if place < 0 or len(tail) - place < _END_BYTES:
        raise ProjectError("The file is no zip, or its end is missing. Pack it again.")
    entries, index_bytes = struct.unpack("<HI", tail[place + 10 : place + 16])
    large = tail[max(0, place - _LOCATOR_BYTES) : place].startswith(_END64)
    if large or entries > MOST_ENTRIES or index_bytes > _INDEX_BYTES:
        found = "a zip64" if large else f"{entries:,} entries"
        raise ProjectError(
            f"The zip has too many entries: at most {MOST_ENTRIES:,} are unpacked, found {found}. "
            "Pack only chameleon.toml and the folders versions and predictions."
        )


def _unpacked(archive: zipfile.ZipFile, folder: Path, wanted: Wanted, most: int) -> Unpacked:
    entries = [entry for entry in archive.infolist() if not _is_litter(entry.filename)]
    for entry in entries:
        _require_plain(entry)
    files = [entry for entry in entries if not entry.is_dir()]
    twice = same_names(entry.filename.rstrip("/") for entry in entries)
    if twice is not None:
        raise ProjectError(f"The zip holds '{twice}' twice. Pack it again, each file once.")
    around = _folder_around(files)
    taken, skipped = [], []
    for entry in files:
        path = tuple(entry.filename.split("/")[around:])
        if wanted(path):
            taken.append((entry, path))
        else:
            skipped.append("/".join(path))
    declared = sum(entry.file_size for entry, _ in taken)
    if declared > most:
        raise _too_large(most, f"{_megabytes(declared)} are declared")
    left = most
    for entry, path in taken:
        left -= _write(archive, entry, folder.joinpath(*path), left, most)
    return Unpacked(most - left, tuple(skipped))


def _is_litter(name: str) -> bool:
    """Return True if an archiver added the entry."""
    parts = name.split("/")
    return parts[0] == "__MACOSX" or parts[-1] in (".DS_Store", "Thumbs.db", "desktop.ini")


def _require_plain(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    why = refused_name(name.removesuffix("/"))
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if why is None and kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        why = "is a link or a special file"
    if why is None and entry.flag_bits & 1:
        why = "is encrypted"
    if why is None and entry.compress_type not in _METHODS:
        why = "is packed in a way that is not read (deflate is)"
    grown = entry.file_size > MOST_RATIO * max(1, entry.compress_size)
    if why is None and grown and entry.file_size > _FREE_BYTES:
        why = (
            f"grows from {entry.compress_size:,} to {entry.file_size:,} bytes, "
            f"more than {MOST_RATIO} times"
        )
    if why is not None:
        shown = "".join(letter if letter.isprintable() else "?" for letter in name[:80])
        raise ProjectError(f"The zip is not unpacked: its entry '{shown}' {why}.")


def _folder_around(files: list[zipfile.ZipInfo]) -> int:
    """1 where all files lie in one folder that is the project's, else 0."""
    firsts = {entry.filename.split("/")[0] for entry in files}
    if len(firsts) != 1 or any("/" not in entry.filename for entry in files):
        return 0
    return 0 if firsts <= {"versions", "predictions"} else 1


def _write(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int, most: int
) -> int:
    """The size of the file that was written; it stops where no more bytes are left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with archive.open(entry) as source, path.open("xb") as target:
        while chunk := source.read(_CHUNK_BYTES):
            written += len(chunk)
            if written > left:
                raise _too_large(most, f"it was stopped in '{entry.filename}'")
            target.write(chunk)
    return written


def _too_large(most: int, found: str) -> ProjectError:
    return ProjectError(
        f"The zip is too large: at most {_megabytes(most)} are unpacked, and {found}. "
        "Leave out versions, or run Chameleon yourself, where there is no limit."
    )


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,.0f} MB"
