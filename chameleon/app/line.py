"""Work that is done one piece after another, with a limit to how much may wait."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

Work = Callable[[], None]


class Line:
    """Pieces of work in the order they came, in a thread of their own that ends with the process.

    A piece must not raise: whatever it has to tell, it keeps.
    """

    def __init__(self, name: str, *, most_waiting: int) -> None:
        self._name = name
        self._most_waiting = most_waiting
        self._waiting: deque[Work] = deque()
        self._lock = threading.Lock()
        self._busy = False

    @property
    def waiting(self) -> int:
        """How many pieces wait, without the one that is being done."""
        with self._lock:
            return len(self._waiting)

    def ahead(self, work: Work) -> int:
        """How many pieces come before this one, the one being done included; 0 where none waits."""
        with self._lock:
            return self._waiting.index(work) + 1 if work in self._waiting else 0

    def take(self, work: Work) -> bool:
        """Whether it has a place; it begins at once where nothing is being done."""
        with self._lock:
            if not self._busy:
                self._busy = True
                # a daemon: what it writes is renamed into place, so that it may end at any moment
                thread = threading.Thread(
                    target=self._work, args=(work,), name=self._name, daemon=True
                )
                thread.start()
                return True
            if len(self._waiting) >= self._most_waiting:
                return False
            self._waiting.append(work)
            return True

    def leave(self, work: Work) -> bool:
        """Give its place up; False where it has none, because it has begun or was never there."""
        with self._lock:
            if work not in self._waiting:
                return False
            self._waiting.remove(work)
            return True

    def _work(self, work: Work) -> None:
        while True:
            work()
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                work = self._waiting.popleft()
