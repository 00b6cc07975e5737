"""What is kept on disk: folders named by the digest of what they were made from.

A folder is written under a temporary name and renamed, so that it is never half there. Arrays
are NPY, tables Parquet, the rest JSON; nothing is pickled. What cannot be written is simply
computed again the next time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from polars.exceptions import PolarsError

if TYPE_CHECKING:
    from chameleon.project import Project

Fact = TypeVar("Fact")

PROJECT_CACHE = ".chameleon"
KEPT_FOLDERS = 6
"""How many folders of one kind are kept; the longest unused leave first."""

_FORGOTTEN_SECONDS = 24 * 3600
"""A temporary folder this old belongs to a process that was killed."""


DAMAGED = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    zipfile.BadZipFile,
    PolarsError,
)
"""What reading a folder raises that is not there, is older, or was damaged: it is made again."""


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


def results_folder(project: Project) -> Path:
    """Where what is computed of an opened project is kept."""
    return project.private or cache_folder(project.path)


def models_folder(project: Project) -> Path:
    """Where fitted models of an opened project are kept, for this user alone."""
    return (project.private or user_cache_folder()) / "models"


def write_folder(target: Path, write: Callable[[Path], None]) -> bool:
    """Whether `target` now holds what `write` puts into the folder it is given.

    False where the disk refuses; nothing is left behind then.
    """
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".tmp-", dir=target.parent))
        write(temporary)
        _replace_folder(temporary, target)
    except (OSError, PolarsError):
        return target.is_dir()
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return True


def _replace_folder(temporary: Path, target: Path) -> None:
    try:
        temporary.rename(target)
    except OSError:  # another process was first, or a damaged folder stands there
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)


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
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        return False
    return True


def tidy(folder: Path, prefix: str, *, keep: int = KEPT_FOLDERS) -> None:
    """Remove the longest unused entries of a kind, and what killed processes left behind."""
    try:
        forgotten = time.time() - _FORGOTTEN_SECONDS
        for path in folder.glob(".tmp-*"):
            if path.stat().st_mtime < forgotten:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        kept = sorted(folder.glob(f"{prefix}-*"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-keep]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError:
        return  # another process tidies, or the folder cannot be written


class FileMemory:
    """Facts about files, remembered while their size, time of change and inode stay the same.

    Also facts about contents, by their digest. Kept as `files.json` in the cache folder, so that
    what is untouched is not read again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "files.json"
        self._entries = self._read()
        self._asked: set[str] = set()
        self._changed = False

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            entries = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return entries if isinstance(entries, dict) else {}

    def recall(self, path: Path, fact: str, find: Callable[[], Fact]) -> Fact:
        """The fact about the file, found again only when the file was touched."""
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns, status.st_ino]
        entry = self._entries.get(str(path))
        if not isinstance(entry, dict) or entry.get("stamp") != stamp:
            entry = {"stamp": stamp}
            self._entries[str(path)] = entry
        return self._fact(entry, fact, find)

    def recall_content(self, fingerprint: str, fact: str, find: Callable[[], Fact]) -> Fact:
        """The fact about what has that digest, found again only for another content."""
        name = f"content {fingerprint}"
        self._asked.add(name)
        entry = self._entries.get(name)
        if not isinstance(entry, dict):
            entry = self._entries[name] = {}
        return self._fact(entry, fact, find)

    def _fact(self, entry: dict[str, Any], fact: str, find: Callable[[], Fact]) -> Fact:
        if fact not in entry:
            entry[fact] = find()
            self._changed = True
        known: Fact = entry[fact]  # what JSON gives back of what `find` gave
        return known

    def save(self) -> None:
        """Write what was learnt; forget files that are gone and contents nobody asked of."""
        if not self._changed:
            return
        self._entries = {
            name: entry
            for name, entry in self._entries.items()
            if name in self._asked or Path(name).is_file()
        }
        self._changed = not write_text(self._path, json.dumps(self._entries))


def file_digest(path: Path) -> str:
    """The SHA-256 digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
