"""Facts about files and contents, cached so that what is untouched is not read again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from chameleon.storage.folders import write_folder
from chameleon.storage.parts import read_parts, save_parts

Fact = TypeVar("Fact")


class FileMemory:
    """Facts about files, remembered while their size, time of change and inode stay the same.

    Also facts about contents, by their digest. Kept in the folder `files` of the cache folder, so
    that what is untouched is not read again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._target = folder / "files"
        self._entries: dict[str, dict[str, Any]] = (
            read_parts(self._target, "file index", lambda parts: parts["files"]) or {}
        )
        self._asked: set[str] = set()
        self._changed = False

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
        parts = {"files": self._entries}
        self._changed = not write_folder(self._target, lambda folder: save_parts(folder, parts))
