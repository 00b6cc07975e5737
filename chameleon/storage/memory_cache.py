"""Results in memory: the last used ones of every owner, safe to share between threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

Owner = TypeVar("Owner")
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class MemoryCache(Generic[Owner, Key, Value]):
    """At most `most` results of every owner, such as a dataset; they are freed with it.

    A result must not hold its owner, which would then never be freed, and must not be changed.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._results: WeakKeyDictionary[Owner, OrderedDict[Key, Value]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def recall(self, owner: Owner, key: Key, find: Callable[[], Value]) -> Value:
        """The cached result, else what `find` returns; the longest unused one leaves for it.

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
