"""Work that is done one piece after another, with a limit to how much may wait."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

Job = Callable[[], None]


class Line:
    """Jobs in the order they came, in a thread of their own that ends with the process.

    A job must not raise: whatever it has to tell, it keeps.
    """

    def __init__(self, name: str, *, most_waiting: int) -> None:
        self._name = name
        self._most_waiting = most_waiting
        self._waiting: deque[Job] = deque()
        self._lock = threading.Lock()
        self._busy = False

    @property
    def waiting(self) -> int:
        """How many jobs wait, without the one that is being done."""
        with self._lock:
            return len(self._waiting)

    def take(self, job: Job) -> bool:
        """Whether the job has a place; it begins at once where nothing is being done."""
        with self._lock:
            if not self._busy:
                self._busy = True
                # a daemon: what it writes is renamed into place, so that it may end at any moment
                thread = threading.Thread(
                    target=self._work, args=(job,), name=self._name, daemon=True
                )
                thread.start()
                return True
            if len(self._waiting) >= self._most_waiting:
                return False
            self._waiting.append(job)
            return True

    def _work(self, job: Job) -> None:
        while True:
            job()
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                job = self._waiting.popleft()
