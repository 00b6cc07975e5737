"""Work that is done one piece after another, with a limit to how much may wait."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from chameleon.errors import ChameleonError
from chameleon.storage import Note, Progress, noted_damage

Work = Callable[[], None]
Result = TypeVar("Result")

FAULT = "Something failed inside Chameleon. The server's log has the reason."

_log = logging.getLogger(__name__)


class Line:
    """Pieces of work in the order they came, in a thread of their own that ends with the process.

    A piece keeps its own result and its own error: what it raises is only logged.
    """

    def __init__(self, name: str, *, most_waiting: int) -> None:
        self._name = name
        self._most_waiting = most_waiting
        self._waiting: deque[Work] = deque()
        self._lock = threading.Lock()
        self._busy = False

    @property
    def busy(self) -> str:
        """The sentence for a visitor whose work finds no place."""
        return f"The server is busy: {self._most_waiting} jobs are already queued. Try again later."

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
            try:
                work()
            except BaseException as error:  # whatever it is, the next piece has its turn
                _log.error("Queued work failed", exc_info=error)
            with self._lock:
                if not self._waiting:
                    self._busy = False
                    return
                work = self._waiting.popleft()


class StoppedError(Exception):
    """The visitor does not want it any more."""


@dataclass(frozen=True, slots=True)
class Question(Generic[Result]):
    """Something that takes fits to answer.

    Attributes
    ----------
    key
        What it is about; two questions of the same key have the same answer.
    work
        Answers it. It is handed what to call before every step, and with None at any time; what
        that raises ends the work.
    """

    key: tuple[Hashable, ...]
    work: Callable[[Note], Result]


class Job(Generic[Result]):
    """A question on its way to an answer.

    Attributes
    ----------
    result
        None until it is there.
    error
        Why there is none; None where all went well.
    progress
        The step that is being done; None before the first one.
    damaged
        The cached results that were found damaged, and were computed again.
    refused
        Whether the queue had no place for it: it may have one later.
    """

    def __init__(self, question: Question[Result], line: Line) -> None:
        self.result: Result | None = None
        self.error: str | None = None
        self.progress: Progress | None = None
        self.damaged: list[str] = []
        self.refused = False
        self._line = line
        self._work: Callable[[Note], Result] | None = question.work
        self._began = 0.0
        self._finished = threading.Event()
        self._stopped = threading.Event()

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self._finished.is_set()

    @property
    def stopped(self) -> bool:
        """Whether nobody wants it any more."""
        return self._stopped.is_set()

    @property
    def ahead(self) -> int:
        """How many jobs come before this one."""
        return self._line.ahead(self.run)

    @property
    def seconds_left(self) -> float | None:
        """By the steps behind; None before there is one."""
        if self.progress is None or not self.progress.done:
            return None
        each = (time.monotonic() - self._began) / self.progress.done
        return each * (self.progress.total - self.progress.done)

    def wait(self, seconds: float | None) -> None:
        """Wait until complete, but not longer than that."""
        self._finished.wait(seconds)

    def begin(self) -> None:
        """Take a place in the line, or be refused."""
        if not self._line.take(self.run):
            self.refused, self.error = True, self._line.busy
            self._end()

    def run(self) -> None:
        """Answer the question; never raises."""
        self._began = time.monotonic()
        try:
            if self._work is not None and not self.stopped:
                with noted_damage() as self.damaged:
                    self.result = self._work(self._note)
        except StoppedError:
            pass
        except ChameleonError as error:
            self.error = str(error)
        except BaseException as error:  # polars raises panics that are no Exception
            if not self.stopped:  # else its folder may have been removed while it worked
                _log.error("A job failed", exc_info=error)
            self.error = FAULT
        finally:
            self._end()

    def cancel(self) -> None:
        """Leave the line, or end at the next step; models fitted until then are kept on disk."""
        self._stopped.set()
        if self._line.leave(self.run):
            self._end()

    def _end(self) -> None:
        self._work = None  # it holds an evaluation
        self._finished.set()

    def _note(self, progress: Progress | None) -> None:
        if progress is not None:
            self.progress = progress
        if self.stopped:
            raise StoppedError
