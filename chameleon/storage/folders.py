"""Results cached on disk, in folders named by a digest of their inputs, and in memory; safe CSV.

A folder is written under a temporary name, put on the disk, and renamed, so that it is never half
there. Its manifest contains a digest of every file and is verified before anything is read: a
damaged folder is reported, removed, and computed again. Its parts are arrays as NPY, tables as
Parquet, the rest as JSON; nothing is pickled. What cannot be written is computed again next time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import threading
import time
import uuid
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
import polars as pl
from polars.exceptions import PolarsError

Result = TypeVar("Result")
Owner = TypeVar("Owner")
Key = TypeVar("Key", bound=Hashable)

MANIFEST = "SHA256SUMS"  # the file with the digests of the others; `sha256sum -c` verifies it too
PROJECT_CACHE = ".chameleon"
KEPT_FOLDERS = 6  # of one kind; those unused longest are removed first
_FORGOTTEN_SECONDS = 24 * 3600  # a temporary folder this old is from a process that was killed
_log = logging.getLogger(__name__)
_noting: ContextVar[tuple[list[str], ...]] = ContextVar("noting", default=())

UNREADABLE = (
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile, PolarsError,
    msgspec.ValidationError,
)  # fmt: skip
"""Errors of reading a folder that vanished, or that another release wrote."""


def digest(*parts: object) -> str:
    """SHA-256 of the parts as JSON (bytes unchanged), 32 hexadecimal digits."""
    sha = hashlib.sha256()
    for part in parts:
        if not isinstance(part, bytes):
            part = json.dumps(part, sort_keys=True, default=str).encode()
        sha.update(len(part).to_bytes(8, "little"))
        sha.update(part)
    return sha.hexdigest()[:32]


def user_cache_folder() -> Path:
    """The user's folder for what no project folder should contain."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "chameleon"


def cache_folder(project: Path) -> Path:
    """The folder of a project's computed results.

    It is in the project folder where that can be written; for a single file, and where a link
    would lead elsewhere, it is in the user's cache folder.
    """
    own = project / PROJECT_CACHE
    try:
        if own.is_symlink():
            raise OSError
        own.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=own):
            return own
    except OSError:
        name = f"{project.resolve().name}-{digest(str(project.resolve()))[:12]}"
        return user_cache_folder() / name


@contextmanager
def noted_damage() -> Iterator[list[str]]:
    """The results found damaged within the block, as messages name them."""
    noted: list[str] = []
    token = _noting.set((*_noting.get(), noted))
    try:
        yield noted
    finally:
        _noting.reset(token)


def read_folder(
    target: Path,
    read: Callable[[Path], Result],
    name: str,
    *,
    shipped: bool = False,
    used: bool = True,
) -> Result | None:
    """Read a folder with `read`; return None unless its files match its manifest.

    A folder without a manifest counts as absent: an earlier release wrote it. A damaged one is
    reported as `name` (`noted_damage`), logged, and, unless it was `shipped` with the project,
    removed. Reading marks it as `used`. A later change to a file that `read` mapped into memory
    isn't noticed.
    """
    while (state := _state(target)) is not None:
        whole, found = _is_whole(target), None
        try:
            found = read(target) if whole else None
        except UNREADABLE:
            _log.warning("%s cannot be read: it is computed again", target, exc_info=True)
        if _state(target) != state:
            continue  # another process replaced or removed the folder meanwhile
        if not whole:
            _log.warning("%s is damaged: it is computed again", target)
            for noted in _noting.get():
                noted.append(f"{'shipped' if shipped else 'cached'} {name}")
            if not shipped:
                with suppress(OSError):
                    _remove(target)
        elif found is not None and used and not shipped:
            mark_used(target)
        return found
    return None


def mark_used(folder: Path) -> None:
    """Mark a cached folder as used now: pruning removes what was unused longest."""
    with suppress(OSError):  # a read-only cache
        os.utime(folder)


def write_folder(target: Path, write: Callable[[Path], None]) -> bool:
    """Write a folder with `write`; return True if `target` holds the result.

    False where the disk refuses; then nothing is left behind.
    """
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=target.parent))
        write(temporary)
        seal(temporary)
        with ThreadPoolExecutor() as pool:  # one by one, a dataset takes 4 times as long
            list(pool.map(_sync, [*temporary.iterdir(), temporary]))
        _replace_folder(temporary, target)
        _sync(target.parent)
    except (OSError, PolarsError):
        return _is_whole(target)
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return True


def seal(folder: Path) -> None:
    """Write the manifest of a folder as it is now."""
    (folder / MANIFEST).write_bytes(_manifest(folder))


def _manifest(folder: Path) -> bytes:
    """A line per file; hidden files are left out: a system's file manager adds them."""
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    lines = (f"{file_digest(folder / name)}  {name}\n" for name in names if name != MANIFEST)
    return "".join(lines).encode()


def _is_whole(folder: Path) -> bool:
    try:
        return (folder / MANIFEST).read_bytes() == _manifest(folder)
    except OSError:
        return False


def _state(folder: Path) -> tuple[int, int] | None:
    """Inode and modification time of a folder's manifest; None if it can't be reached."""
    try:
        found = (folder / MANIFEST).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _sync(path: Path) -> None:
    """Force a file, or a folder's list of files, to the disk."""
    is_folder = path.is_dir()
    try:
        handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError:
        if not is_folder:  # not every system can sync a folder
            raise


def _replace_folder(temporary: Path, target: Path) -> None:
    try:
        temporary.rename(target)
    except OSError:  # there is an older one, or another process was first
        _remove(target)
        temporary.rename(target)


def _remove(path: Path) -> None:
    """Remove a file or folder at once, so that nobody reads half of it."""
    gone = path.with_name(f".tmp-{uuid.uuid4().hex}")
    path.rename(gone)
    if gone.is_dir():
        shutil.rmtree(gone, ignore_errors=True)
    else:
        gone.unlink()


def write_text(path: Path, text: str) -> bool:
    """Write a text under a temporary name and rename it; return True if `path` holds it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
    except OSError:
        return False
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        _sync(Path(name))
        Path(name).replace(path)
        _sync(path.parent)
    except OSError:
        Path(name).unlink(missing_ok=True)
        return False
    return True


def prune_cache(folder: Path, prefix: str, *, keep: int = KEPT_FOLDERS) -> None:
    """Remove the entries of a kind unused longest, and what killed processes left behind."""
    try:
        forgotten = time.time() - _FORGOTTEN_SECONDS
        for path in folder.glob(".tmp-*"):
            if path.stat().st_mtime < forgotten:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        kept = sorted(folder.glob(f"{prefix}-*"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-keep]:
            _remove(path)
    except OSError:
        return  # another process prunes, or the folder cannot be written


def file_digest(path: Path) -> str:
    """The SHA-256 digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_PARTS = (".npy", ".parquet", ".json")


class _Parts(Mapping[str, Any]):
    """The parts of a folder by name; each is read when it is asked for."""

    def __init__(self, folder: Path, mapped: Collection[str]) -> None:
        paths = [path for path in folder.iterdir() if not path.name.startswith(".")]
        self._paths = {path.stem: path for path in paths if path.suffix in _PARTS}
        self._mapped = mapped

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - an array, a table, or JSON
        path = self._paths[name]
        if path.suffix == ".npy":
            return np.load(path, mmap_mode="r" if name in self._mapped else None)
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return json.loads(path.read_text(encoding="utf-8"))


def load_parts(folder: Path, mapped: Collection[str] = ()) -> Mapping[str, Any]:
    """The parts of a folder by name, read when asked for; `mapped` arrays stay on disk."""
    return _Parts(folder, mapped)


def save_parts(folder: Path, parts: Mapping[str, object]) -> None:
    """Write every part into a file of its name."""
    for name, part in parts.items():
        if isinstance(part, np.ndarray):
            np.save(folder / f"{name}.npy", part, allow_pickle=False)
        elif isinstance(part, pl.DataFrame):
            part.write_parquet(folder / f"{name}.parquet", compression="zstd", statistics=False)
        else:
            text = json.dumps(part, indent=1)
            (folder / f"{name}.json").write_text(text, encoding="utf-8")


def write_parts(target: Path, parts: Mapping[str, object], *, keep: int = KEPT_FOLDERS) -> bool:
    """Write a cached result and prune all but `keep` of its kind; return True if it is there.

    `target` is a folder named by its kind, a hyphen, and a digest.
    """
    written = write_folder(target, lambda folder: save_parts(folder, parts))
    prune_cache(target.parent, target.name.partition("-")[0], keep=keep)
    return written


def read_parts(
    target: Path,
    name: str,
    build: Callable[[Mapping[str, Any]], Result],
    *,
    mapped: Collection[str] = (),
    shipped: bool = False,
    used: bool = True,
) -> Result | None:
    """The result of `build` from a folder's parts; None without a whole one (`read_folder`).

    Arrays named in `mapped` are mapped from disk instead of read.
    """
    return read_folder(
        target, lambda folder: build(load_parts(folder, mapped)), name, shipped=shipped, used=used
    )


class MemoryCache(Generic[Owner, Key, Result]):
    """The last `most` results of every owner, such as a dataset, shared between threads.

    Results are freed with their owner. A result must not refer to its owner, which would then
    never be freed, and must not be changed.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._results: WeakKeyDictionary[Owner, OrderedDict[Key, Result]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def recall(self, owner: Owner, key: Key, find: Callable[[], Result]) -> Result:
        """The cached result, else that of `find`, which replaces the one unused longest.

        Nothing is locked while `find` works, so that it may use this cache. Of threads that ask for
        the same at once, each finds it, and all get the first one's.
        """
        with self._lock:
            cached = self._results.setdefault(owner, OrderedDict())
            if key in cached:
                cached.move_to_end(key)
                return cached[key]
        found = find()
        with self._lock:
            found = cached.setdefault(key, found)
            cached.move_to_end(key)
            while len(cached) > self._most:
                cached.popitem(last=False)
        return found


class FileMemory:
    """Facts about files, cached while their size, modification time, and inode stay the same.

    Also facts about contents, by their digest. Stored in `files` of the cache folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._target = folder / "files"
        self._entries: dict[str, dict[str, Any]] = (
            read_parts(self._target, "file index", lambda parts: parts["files"]) or {}
        )
        self._asked: set[str] = set()
        self._changed = False

    def recall(self, path: Path, fact: str, find: Callable[[], Result]) -> Result:
        """The fact about the file, found again only after the file was touched."""
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns, status.st_ino]
        entry = self._entries.get(str(path))
        if not isinstance(entry, dict) or entry.get("stamp") != stamp:
            entry = {"stamp": stamp}
        return self._fact(str(path), entry, fact, find)

    def recall_content(self, fingerprint: str, fact: str, find: Callable[[], Result]) -> Result:
        """The fact about the content with that digest."""
        name = f"content {fingerprint}"
        self._asked.add(name)
        entry = self._entries.get(name)
        return self._fact(name, entry if isinstance(entry, dict) else {}, fact, find)

    def _fact(
        self, name: str, entry: dict[str, Any], fact: str, find: Callable[[], Result]
    ) -> Result:
        self._entries[name] = entry
        if fact not in entry:
            entry[fact] = find()
            self._changed = True
        known: Result = entry[fact]  # of an earlier opening: JSON of what `find` returned
        return known

    def save(self) -> None:
        """Write new facts; forget files that are gone and contents not asked for."""
        if not self._changed:
            return
        self._entries = {
            name: entry
            for name, entry in self._entries.items()
            if name in self._asked or Path(name).is_file()
        }
        parts = {"files": self._entries}
        self._changed = not write_folder(self._target, lambda folder: save_parts(folder, parts))


_IGNORED = r"[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]*"
_SIGNS = r"=+\-@\x{fe66}\x{fe62}\x{fe63}\x{fe6b}\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}"
FORMULA = rf"^{_IGNORED}[{_SIGNS}\t\r\n]"
"""Matches texts that a spreadsheet may read as a formula.

- A formula begins with =, +, -, or @ (Excel, LibreOffice, Google Sheets). East Asian versions also
  accept the full-width forms, and conversion to a code page turns the small forms into ASCII.
- Readers trim or ignore characters before the sign: white space, control characters (Python's
  `str.strip` also trims U+001C to U+001F), and invisible ones such as the byte-order mark, the
  zero-width space, and the soft hyphen.
- A tab or line break at the start can move the rest into another cell, so that one sign is enough.

Inside a text a sign is harmless to a reader that separates cells by commas: cells with a comma,
quote, or line break are quoted.
"""


def csv_text(frame: pl.DataFrame) -> str:
    """The frame as CSV; texts and column names that `FORMULA` matches get an apostrophe.

    Numbers, dates, and booleans are unchanged: the number -5 isn't a formula.
    """
    names = pl.Series(frame.columns, dtype=pl.String)
    safe_names = _neutral(names) if len(names) else names
    texts = [_neutral(column) for column in frame]
    renamed = [text.alias(f"c{number}") for number, text in enumerate(texts)]
    body = pl.DataFrame(renamed).write_csv(include_header=False)
    head = pl.DataFrame([[name] for name in safe_names]).write_csv(include_header=False)
    return head + body if renamed else ""


def _neutral(column: pl.Series) -> pl.Series:
    if column.dtype.is_numeric() or column.dtype.is_temporal() or column.dtype == pl.Boolean:
        return column
    if column.dtype.is_nested() or column.dtype == pl.Binary or column.dtype == pl.Object:
        texts = [None if value is None else str(value) for value in column.to_list()]
        column = pl.Series(column.name, texts, dtype=pl.String)
    text = column.cast(pl.String)
    return text.to_frame("text").select(
        pl.when(pl.col("text").str.contains(FORMULA))
        .then(pl.lit("'") + pl.col("text"))
        .otherwise("text")
        .alias(column.name)
    )[column.name]
