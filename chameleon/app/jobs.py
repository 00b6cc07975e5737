"""Models fitted on a visitor's request: all visitors' in one line, watched, left and stopped.

Two fits at once on two cores would take longer than one after the other, and every page with them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import streamlit as st

from chameleon.app import uploads
from chameleon.app.line import Line
from chameleon.app.words import duration_words, plain
from chameleon.errors import ChameleonError
from chameleon.progress import Progress, ProgressCallback
from chameleon.project import with_damage
from chameleon.store import noted_damage

Result = TypeVar("Result")

MOST_WAITING = 8
"""So many jobs may wait for their turn; more are asked to come back later."""

_JOBS = "chameleon.jobs"
_MOST_KEPT = 24
_MOMENT_SECONDS = 0.4
_LOOK_SECONDS = 0.7
_BUSY = f"The server is busy: {MOST_WAITING} jobs wait for their turn already. Try again later."
_FAULT = "Something went wrong inside Chameleon. The log of the server says what."

_log = logging.getLogger(__name__)


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
        Answers it. It is handed what to call before every step; what that raises ends the work.
    """

    key: tuple[Hashable, ...]
    work: Callable[[ProgressCallback], Result]


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
    """

    def __init__(self, question: Question[Result], line: Line) -> None:
        self.result: Result | None = None
        self.error: str | None = None
        self.progress: Progress | None = None
        self.damaged: list[str] = []
        self._line = line
        self._work: Callable[[ProgressCallback], Result] | None = question.work
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
            self.error = _BUSY
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
        except Exception as error:  # a fault of ours: the operator's log has it
            if not self.stopped:  # else its folder may have been taken away under its hands
                _log.error("A job failed", exc_info=error)
            self.error = _FAULT
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

    def _note(self, progress: Progress) -> None:
        self.progress = progress
        if self.stopped:
            raise StoppedError


def ask(question: Question[Any]) -> None:
    """Put a question in the line, for this visitor. For callbacks: the script runs afterwards.

    A short job is done by then.
    """
    if found_job(question) is not None:
        return
    jobs, job = _jobs(), Job(question, _line())
    jobs[question.key] = job
    done = [key for key, known in jobs.items() if known.complete]
    for forgotten in done[: max(0, len(jobs) - _MOST_KEPT)]:
        del jobs[forgotten]
    job.begin()
    own = uploads.upload_of_session() if uploads.is_shown() else None
    if own is not None:
        own.ends_with(job)
    job.wait(_MOMENT_SECONDS)


def found_job(question: Question[Result]) -> Job[Result] | None:
    """What this visitor has asked already; None where it was not asked, stopped, or failed."""
    job = cast("Job[Result] | None", _jobs().get(question.key))
    return None if job is None or job.stopped or job.error is not None else job


def answer(question: Question[Result]) -> Result | None:
    """What came of a question, where this visitor has asked it and it is there."""
    job = found_job(question)
    return None if job is None else job.result


def draw(question: Question[Any], *, what: str, key: str) -> None:
    """How far a job is, its place in the line, and a button that stops it; or why it failed.

    The page is drawn anew when it ends. Nothing is drawn where there is nothing to wait for, but
    for the cached results that were damaged.

    Parameters
    ----------
    what
        What is counted: "models", "folds".
    key
        Of the button.
    """
    job = _jobs().get(question.key)
    if job is None or job.stopped:
        return
    for problem in with_damage((), job.damaged):
        st.warning(problem.message, icon=":material/warning:")
    if job.error is not None:
        st.error(plain(job.error), icon=":material/error:")
    elif not job.complete:
        _watch(job, what, key)


def words(job: Job[Any], what: str) -> str:
    """How far a job is, in a sentence."""
    leave = "The page can be left meanwhile."
    if ahead := job.ahead:
        return f"Waiting: {ahead:,} job{'' if ahead == 1 else 's'} before this one. {leave}"
    progress = job.progress
    if progress is None or progress.total == 1:
        return f"Working… {leave}"
    seconds = job.seconds_left
    left = "" if seconds is None else f", about {duration_words(seconds)} to go"
    return f"{progress.done:,} of {progress.total:,} {what}{left}. {leave}"


def _watch(job: Job[Any], what: str, key: str) -> None:
    @st.fragment(run_every=_LOOK_SECONDS)
    def watch() -> None:
        if job.complete or job.stopped:
            st.rerun(scope="app")
        progress = job.progress
        share = 0.0 if progress is None else progress.done / max(progress.total, 1)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(share, text=words(job, what), width=480)
            st.button(
                "Stop", key=key, icon=":material/stop_circle:", on_click=job.cancel,
                help="It ends after the model that is being fitted. What was fitted is kept.",
            )  # fmt: skip

    watch()


def _jobs() -> OrderedDict[tuple[Hashable, ...], Job[Any]]:
    found = st.session_state.setdefault(_JOBS, OrderedDict())
    return cast("OrderedDict[tuple[Hashable, ...], Job[Any]]", found)


@st.cache_resource(show_spinner=False)
def _line() -> Line:
    return Line("chameleon-jobs", most_waiting=MOST_WAITING)
