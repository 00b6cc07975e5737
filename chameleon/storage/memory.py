"""Results cached in memory, and facts about files and contents cached between openings."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from chameleon.storage.folders import read_parts, save_parts, write_folder

Owner = TypeVar("Owner")
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class MemoryCache(Generic[Owner, Key, Value]):
    """The last `most` results of every owner, such as a dataset, shared between threads.

    Results are freed with their owner. A result must not refer to its owner, which would then
    never be freed, and must not be changed.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._results: WeakKeyDictionary[Owner, OrderedDict[Key, Value]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def recall(self, owner: Owner, key: Key, find: Callable[[], Value]) -> Value:
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

    def recall(self, path: Path, fact: str, find: Callable[[], Value]) -> Value:
        """The fact about the file, found again only after the file was touched."""
        status = path.stat()
        stamp = [status.st_size, status.st_mtime_ns, status.st_ino]
        entry = self._entries.get(str(path))
        if not isinstance(entry, dict) or entry.get("stamp") != stamp:
            entry = {"stamp": stamp}
        return self._fact(str(path), entry, fact, find)

    def recall_content(self, fingerprint: str, fact: str, find: Callable[[], Value]) -> Value:
        """The fact about the content with that digest."""
        name = f"content {fingerprint}"
        self._asked.add(name)
        entry = self._entries.get(name)
        return self._fact(name, entry if isinstance(entry, dict) else {}, fact, find)

    def _fact(
        self, name: str, entry: dict[str, Any], fact: str, find: Callable[[], Value]
    ) -> Value:
        self._entries[name] = entry
        if fact not in entry:
            entry[fact] = find()
            self._changed = True
        known: Value = entry[fact]  # of an earlier opening: JSON of what `find` returned
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
