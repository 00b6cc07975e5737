"""Cached results on disk: folders named by the digest of what they were made from.

A folder is written under a temporary name, put on the disk, and renamed, so that it is never half
there. Its manifest holds a digest of every file and is verified before anything is read: a damaged
folder is reported, removed, and computed again. Arrays are NPY, tables Parquet, the rest JSON;
nothing is pickled. What cannot be written is computed again the next time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from polars.exceptions import PolarsError

Result = TypeVar("Result")

MANIFEST = "SHA256SUMS"
"""The file in a folder that holds the digests of the others; `sha256sum -c` verifies it too."""

PROJECT_CACHE = ".chameleon"
KEPT_FOLDERS = 6
"""How many folders of one kind are kept; the longest unused leave first."""

_FORGOTTEN_SECONDS = 24 * 3600
"""A temporary folder this old belongs to a process that was killed."""

_log = logging.getLogger(__name__)
_noting: ContextVar[tuple[list[str], ...]] = ContextVar("noting", default=())

UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    zipfile.BadZipFile,
    PolarsError,
)
"""What reading a folder or claim raises that vanished or that another release wrote."""


def digest(*parts: object) -> str:
    """A SHA-256 digest of the parts as JSON (bytes as they are), 32 hexadecimal digits long."""
    sha = hashlib.sha256()
    for part in parts:
        if not isinstance(part, bytes):
            part = json.dumps(part, sort_keys=True, default=str).encode()
        sha.update(len(part).to_bytes(8, "little"))
        sha.update(part)
    return sha.hexdigest()[:32]


def user_cache_folder() -> Path:
    """The folder of this user's for what no project folder should hold."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / ".cache") / "chameleon"


def cache_folder(project: Path) -> Path:
    """Where a project's computed results are kept.

    In the project folder, where that can be written; else, for a single file, and where a link
    would lead the writing elsewhere, in the user's cache folder.
    """
    own = project / PROJECT_CACHE  # beside a single file there is no such place
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
    """The results that are found damaged within the block, as messages name them."""
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
    """Read a folder with `read`; return None unless its files are those of its manifest.

    A folder without a manifest counts as absent: an earlier release wrote it. A damaged one is
    reported (`noted_damage`), logged, and removed. A change to a file that `read` mapped into
    memory isn't noticed after this returns.

    Parameters
    ----------
    name
        What the folder holds, as messages name it.
    shipped
        Whether the folder came with the project, which is only read.
    used
        Whether reading it counts as using it (`mark_used`).
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
    """Note that a cached folder was used now: pruning removes what was unused longest."""
    with suppress(OSError):  # a cache that can only be read
        os.utime(folder)


def write_folder(target: Path, write: Callable[[Path], None]) -> bool:
    """Write a folder with `write`; return True if `target` holds the result.

    False where the disk refuses; nothing is left behind then.
    """
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=target.parent))
        write(temporary)
        seal(temporary)
        with ThreadPoolExecutor() as pool:  # one after the other, a dataset takes 4 times as long
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
    """A line for each file; hidden files are left out: a system's file manager adds them."""
    names = sorted(path.name for path in folder.iterdir())
    return "".join(
        f"{file_digest(folder / name)}  {name}\n"
        for name in names
        if name != MANIFEST and not name.startswith(".")
    ).encode()


def _is_whole(folder: Path) -> bool:
    try:
        return (folder / MANIFEST).read_bytes() == _manifest(folder)
    except OSError:
        return False


def _state(folder: Path) -> tuple[int, int] | None:
    """Inode and time of change of a folder's manifest; None if it is absent or out of reach."""
    try:
        found = (folder / MANIFEST).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _sync(path: Path) -> None:
    """Have the disk take a file, or a folder's list of files, before this returns."""
    is_folder = path.is_dir()
    try:
        handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError:
        if not is_folder:  # not every system can do it with a folder
            raise


def _replace_folder(temporary: Path, target: Path) -> None:
    try:
        temporary.rename(target)
    except OSError:  # there is an older one, or that of a process that was first
        _remove(target)
        temporary.rename(target)


def _remove(path: Path) -> None:
    """Remove a file or folder at once, so that nobody meets half of it."""
    gone = path.with_name(f".tmp-{uuid.uuid4().hex}")
    path.rename(gone)
    if gone.is_dir():
        shutil.rmtree(gone, ignore_errors=True)
    else:
        gone.unlink()


def write_text(path: Path, text: str) -> bool:
    """Whether the file now holds the text; written under another name and renamed."""
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
    """Remove the longest unused entries of a kind, and what killed processes left behind."""
    try:
        forgotten = time.time() - _FORGOTTEN_SECONDS
        for path in folder.glob(".tmp-*"):
            if path.stat().st_mtime < forgotten:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        kept = sorted(folder.glob(f"{prefix}-*"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-keep]:
            _remove(path)
    except OSError:
        return  # another process tidies, or the folder cannot be written


def file_digest(path: Path) -> str:
    """The SHA-256 digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
