"""Work behind the pages: queues, their jobs, and the opening of projects."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from chameleon.app.upload_process import in_child
from chameleon.data import evolving_dataset
from chameleon.errors import ChameleonError
from chameleon.layout import LayoutProcess, cached_layout
from chameleon.models import Evaluation, dataset_evaluation, without_predictions
from chameleon.project import Limits, Project, folder_stamp, open_project, with_damage
from chameleon.storage import Note, Progress, noted_damage, upload_limits

Work = Callable[[], None]
Result = TypeVar("Result")

MOST_QUEUED = 8
"""Jobs that may wait for their turn in a queue; further ones are refused until one has begun."""

FAULT = "Something failed inside Chameleon. The server's log has the reason."

_log = logging.getLogger(__name__)


class WorkQueue:
    """Pieces of work in their order of arrival, done by one thread that ends with the process.

    A piece keeps its own result and error: what it raises is only logged.
    """

    def __init__(self, name: str, *, most: int = MOST_QUEUED) -> None:
        self._name = name
        self._most = most
        self._queued: deque[Work] = deque()
        self._lock = threading.Lock()
        self._working = False

    @property
    def refusal(self) -> str:
        """The message for a visitor whose work finds no place."""
        return f"The server is busy: {self._most} jobs are already queued. Try again later."

    def __len__(self) -> int:
        """Return the number of queued pieces, without the one at work."""
        with self._lock:
            return len(self._queued)

    def ahead(self, work: Work) -> int:
        """Number of pieces before a queued one, including the one at work; 0 if not queued."""
        with self._lock:
            return self._queued.index(work) + 1 if work in self._queued else 0

    def take(self, work: Work) -> bool:
        """Queue a piece, or begin it where nothing is at work; return False if there is no place.

        Not an executor of `concurrent.futures`: Python joins its threads at exit, so that a fit
        would keep the process alive after Ctrl-C. A daemon may end at any moment, because every
        result is renamed into place.
        """
        with self._lock:
            if not self._working:
                self._working = True
                run = threading.Thread(
                    target=self._run, args=(work,), name=self._name, daemon=True
                )  # fmt: skip
                run.start()
                return True
            if len(self._queued) >= self._most:
                return False
            self._queued.append(work)
            return True

    def leave(self, work: Work) -> bool:
        """Remove a queued piece; return False if it has begun or was never queued."""
        with self._lock:
            if work not in self._queued:
                return False
            self._queued.remove(work)
            return True

    def _run(self, work: Work) -> None:
        while True:
            try:
                work()
            except BaseException as error:  # whatever it is, the next piece has its turn
                _log.error("Queued work failed", exc_info=error)
            with self._lock:
                if not self._queued:
                    self._working = False
                    return
                work = self._queued.popleft()


class StoppedError(Exception):
    """Nobody waits for the work any longer."""


@dataclass(frozen=True, slots=True)
class Task(Generic[Result]):
    """Work with a result; tasks of one key have the same result.

    `work` gets a function to call before every step, and with None at any time; what it raises ends
    the work.
    """

    key: tuple[Hashable, ...]
    work: Callable[[Note], Result]


class Job(Generic[Result]):
    """A task in a queue.

    It has a `result`, or the message of an `error`; `progress` is the step at work, None before the
    first one. `damaged` names cached results that were damaged and have been recomputed. A job that
    was `refused` found no place in the queue, which may have one later.
    """

    def __init__(self, task: Task[Result]) -> None:
        self.result: Result | None = None
        self.error: str | None = None
        self.progress: Progress | None = None
        self.damaged: list[str] = []
        self.refused = False
        self._queue: WorkQueue | None = None
        self._work: Callable[[Note], Result] | None = task.work
        self._began = 0.0
        self._finished = threading.Event()
        self._stopped = threading.Event()

    @property
    def complete(self) -> bool:
        """Return True if nothing is left to do, in success or failure."""
        return self._finished.is_set()

    @property
    def stopped(self) -> bool:
        """Return True if nobody waits for it any longer."""
        return self._stopped.is_set()

    @property
    def ahead(self) -> int:
        """Number of jobs before this one."""
        return 0 if self._queue is None else self._queue.ahead(self.run)

    @property
    def seconds_left(self) -> float | None:
        """Estimate from the steps done; None before the first one."""
        if self.progress is None or not self.progress.done:
            return None
        each = (time.monotonic() - self._began) / self.progress.done
        return each * (self.progress.total - self.progress.done)

    def begin(self, queue: WorkQueue) -> None:
        """Take a place in the queue, or be refused."""
        self._queue = queue
        if not queue.take(self.run):
            self.refused, self.error = True, queue.refusal
            self._end()

    def wait(self, seconds: float | None) -> None:
        """Wait until complete, at most that long."""
        self._finished.wait(seconds)

    def run(self) -> None:
        """Do the work; never raises."""
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
        """Leave the queue, or end at the next step; models fitted until then stay cached."""
        self._stopped.set()
        if self._queue is not None and self._queue.leave(self.run):
            self._end()

    def _end(self) -> None:
        self._work = None  # it holds an evaluation
        self._finished.set()

    def _note(self, progress: Progress | None) -> None:
        if progress is not None:
            self.progress = progress
        if self.stopped:
            raise StoppedError


class Opening(Job[None]):
    """The opening of one project in the background: reading, fitting, and the layout.

    Without a queue of `layouts`, one is computed on request only. `private` is the one folder for
    cached results of an upload, which a child process reads and evaluates within `limits`; None for
    the operator's projects.

    `evaluation` is None until the data is read, and then without outcomes until the models are
    fitted. `layout_process` is None where no layout is needed, `layout_refused` is the reason why
    none can be computed now.
    """

    def __init__(
        self, address: str, layouts: WorkQueue | None = None, *,
        private: Path | None = None, limits: Limits | None = None,
    ) -> None:  # fmt: skip
        super().__init__(Task((address,), self._open))
        self.address = address
        self.private = private
        self.evaluation: Evaluation | None = None
        self.layout_process: LayoutProcess | None = None
        self.layout_refused: str | None = None
        self._layouts = layouts
        self._limits = limits or Limits()

    def cancel(self) -> None:
        """End the work at its next step, and the process of its layout."""
        super().cancel()
        if self.layout_process is not None:
            self.layout_process.cancel()

    def wants_layout(self, *, again: bool) -> bool:
        """Return True if a layout is to be computed: none is cached, or another is asked for."""
        if self.evaluation is None or self.stopped:
            return False
        if self.layout_process is not None and not self.layout_process.finished:
            return False
        return again or cached_layout(self.evaluation.dataset) is None

    def lay_out(self, queue: WorkQueue, *, again: bool) -> None:
        """Queue the process that computes the layout, which then replaces the first one."""
        if not self.wants_layout(again=again) or self.evaluation is None:
            return
        process = LayoutProcess(self.evaluation.dataset, again=again)
        taken = queue.take(lambda: self._await_layout(process))
        self.layout_refused = None if taken else queue.refusal
        if taken:
            self.layout_process = process

    def _await_layout(self, process: LayoutProcess) -> None:
        if self.stopped or process.finished:
            return
        process.start()
        process.wait(None if self.private is None else upload_limits().seconds)
        evaluation = self.evaluation
        layout = None if evaluation is None else cached_layout(evaluation.dataset)
        if evaluation is not None and layout is not None:
            self.evaluation = replace(evaluation, layout=layout)

    def _open(self, note: Note) -> None:
        try:
            if self.private is not None:
                limits = asdict(self._limits)
                self.damaged += in_child("open", self.address, self.private, note, upload=limits)
            evaluation = self._evaluated(note)
        except StoppedError:
            self.evaluation = None
            raise
        # also what was found before the evaluation looked for it: the layout
        findings = with_damage(evaluation.findings, self.damaged)
        self.evaluation = replace(evaluation, findings=findings)
        if self._layouts is not None:
            self.lay_out(self._layouts, again=False)

    def _project(self) -> Project:
        cached_only = self.private is not None
        return open_project(self.address, private=self.private, cached_only=cached_only)

    def _evaluated(self, note: Note) -> Evaluation:
        if self.evaluation is None:
            dataset = evolving_dataset(self._project(), progress=note)
            self.evaluation = without_predictions(dataset)
        return dataset_evaluation(self.evaluation.dataset, progress=note)

    def _note(self, progress: Progress | None) -> None:
        super()._note(progress)
        fitting = progress is not None and progress.stage == "Fitting"
        if fitting and self.private is not None and self.evaluation is None:
            self.evaluation = without_predictions(evolving_dataset(self._project()))


class Workshop:
    """All openings of the server: the operator's projects one by one, uploads beside them.

    The operator's are found by address and file stamps; an upload's by its visitor alone. `uploads`
    is the queue of all work on uploads (one child process at a time), `layouts` that of layouts,
    `levels` that of chance levels.
    """

    _MOST_CACHED = 4

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._openings: dict[tuple[str, Any], Opening] = {}
        self._projects = WorkQueue("chameleon-opening")
        self.uploads = WorkQueue("chameleon-uploads")
        self.layouts = WorkQueue("chameleon-layouts")
        self.levels = WorkQueue("chameleon-levels")

    def opening(self, address: str, *, umap: bool) -> Opening:
        """The opening of a project as its files are now; begun if new."""
        key = (address, folder_stamp(address))
        with self._lock:
            if key in self._openings:
                return self._openings[key]
            for (other, _), opened in self._openings.items():
                if other == address:
                    opened.cancel()  # its files have changed since
            new = Opening(address, self.layouts if umap else None)
            new.begin(self._projects)
            if not new.refused:
                self._openings[key] = new
            done = [key for key, opened in self._openings.items() if opened.complete]
            for old in done[: max(0, len(self._openings) - self._MOST_CACHED)]:
                del self._openings[old]
        return new
