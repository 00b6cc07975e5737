"""Fits that visitors ask for: in one queue for all visitors, shown, left, and stopped.

Two fits at once on two cores would take longer than one after the other, and every page with them.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, TypeVar, cast

import streamlit as st

from chameleon.analysis import run_fit
from chameleon.app import projects, uploads
from chameleon.app.background import Job, Task, WorkQueue
from chameleon.app.formatting import counted, duration_words, plain
from chameleon.app.upload_process import in_child
from chameleon.app.view import draw_until
from chameleon.models import Evaluation
from chameleon.project import with_damage
from chameleon.storage import Note

Result = TypeVar("Result")

_JOBS = "chameleon.jobs"
_MOST_CACHED = 24
_WAIT_SECONDS = 0.4
_LOOK_SECONDS = 0.7


def fit_task(name: str, evaluation: Evaluation, **options: object) -> Task[Any]:
    """An analysis that fits models, as `run_fit` takes it; a child process fits an upload's."""

    def work(note: Note) -> object:
        project = evaluation.dataset.project
        if project.cached_only and project.private is not None:
            in_child("fit", project.path, project.private, note, name=name, options=options)
        return run_fit(name, evaluation, options, note)

    return Task((name, evaluation.key, json.dumps(options, sort_keys=True)), work)


def enqueue(task: Task[Any]) -> None:
    """Queue a task for this visitor, and wait a moment. For callbacks: the script runs next."""
    if job_of(task) is not None:
        return
    own = uploads.upload_of_session() if uploads.is_shown() else None
    jobs, job = _jobs(), Job(task)
    jobs[task.key] = job
    done = [key for key, known in jobs.items() if known.complete]
    for old in done[: max(0, len(jobs) - _MOST_CACHED)]:
        del jobs[old]
    job.begin(_queue() if own is None else projects.workshop().uploads)
    if own is not None:
        own.add_job(job)
    job.wait(_WAIT_SECONDS)


def job_of(task: Task[Result]) -> Job[Result] | None:
    """The visitor's job of a task; None where it was not queued, was stopped, or failed."""
    job = cast("Job[Result] | None", _jobs().get(task.key))
    return None if job is None or job.stopped or job.error is not None else job


def result_of(task: Task[Result]) -> Result | None:
    """The result of this visitor's job, if there is one."""
    job = job_of(task)
    return None if job is None else job.result


def draw_button(
    task: Task[Any], label: str, *, key: str, icon: str, why: str, enabled: bool = True
) -> None:
    """Draw a button that queues a task, unless it is queued or done."""
    st.button(
        label, key=key, icon=icon, help=why, disabled=not enabled or job_of(task) is not None,
        on_click=enqueue, args=(task,),
    )  # fmt: skip


def draw(task: Task[Any], *, unit: str, key: str) -> None:
    """Show a job's progress with a button that stops it, or why it failed.

    Damaged cached results are named. When the job ends, the page is drawn again. `unit` is one of
    its steps ("model", "fold"), `key` that of the button.
    """
    job = _jobs().get(task.key)
    if job is None or job.stopped:
        return
    for finding in with_damage((), job.damaged):
        st.warning(finding.message, icon=":material/warning:")
    if job.error is not None:
        st.error(plain(job.error), icon=":material/error:")
    elif not job.complete:
        draw_progress(job, unit=unit, key=key)


def progress_words(job: Job[Any], unit: str) -> str:
    """A job's progress in a sentence."""
    leave = "You can leave this page."
    if job.ahead:
        return f"Queued: {counted(job.ahead, 'job')} before this one. {leave}"
    progress = job.progress
    if progress is None or progress.total == 1:
        return f"Working on {unit}s… {leave}"
    seconds = job.seconds_left
    left = "" if seconds is None else f", about {duration_words(seconds)} left"
    step = min(progress.done + 1, progress.total)
    return f"Fitting {unit} {step:,} of {progress.total:,}{left}. {leave}"


def draw_progress(job: Job[Any], *, unit: str, key: str | None) -> None:
    """Show a job's progress, with a button of that key that stops it; see `draw`."""

    def draw() -> None:
        progress = job.progress
        share = 0.0 if progress is None else progress.done / max(progress.total, 1)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(share, text=progress_words(job, unit), width=480)
            if key is not None:
                st.button(
                    "Stop", key=key, icon=":material/stop_circle:", on_click=job.cancel,
                    help="Fitting ends after the current model. Fitted models are cached.",
                )  # fmt: skip

    draw_until(lambda: job.complete or job.stopped, draw, seconds=_LOOK_SECONDS)


def _jobs() -> OrderedDict[tuple[Hashable, ...], Job[Any]]:
    found = st.session_state.setdefault(_JOBS, OrderedDict())
    return cast("OrderedDict[tuple[Hashable, ...], Job[Any]]", found)


@st.cache_resource(show_spinner=False)
def _queue() -> WorkQueue:
    return WorkQueue("chameleon-jobs")
