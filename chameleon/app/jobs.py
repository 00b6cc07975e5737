"""Models fitted on a visitor's request: all visitors' in one line, watched, left and stopped.

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
from chameleon.app.formatting import duration_words, plain
from chameleon.app.upload_process import in_child
from chameleon.app.work_queue import Job, Line, Question
from chameleon.models import Evaluation
from chameleon.project import with_damage
from chameleon.storage import Note

Result = TypeVar("Result")

MOST_WAITING = 8
"""So many jobs may wait for their turn; more are asked to come back later."""

_JOBS = "chameleon.jobs"
_MOST_KEPT = 24
_MOMENT_SECONDS = 0.4
_LOOK_SECONDS = 0.7


def fit_question(name: str, evaluation: Evaluation, **options: object) -> Question[Any]:
    """An analysis that fits models, to be asked for; on an upload a child process fits them.

    Parameters
    ----------
    name, options
        As `run_fit` takes them.
    """

    def work(note: Note) -> object:
        project = evaluation.dataset.project
        if project.cached_only and project.private is not None:
            in_child("fit", project.path, project.private, note, name=name, options=options)
        return run_fit(name, evaluation, options, note)

    return Question((name, evaluation.key, json.dumps(options, sort_keys=True)), work)


def ask(question: Question[Any]) -> None:
    """Put a question in the line, for this visitor. For callbacks: the script runs afterwards.

    A short job is done by then.
    """
    if found_job(question) is not None:
        return
    own = uploads.upload_of_session() if uploads.is_shown() else None
    jobs, job = _jobs(), Job(question, _line() if own is None else projects.workshop().uploads)
    jobs[question.key] = job
    done = [key for key, known in jobs.items() if known.complete]
    for forgotten in done[: max(0, len(jobs) - _MOST_KEPT)]:
        del jobs[forgotten]
    job.begin()
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

    The page is drawn anew when it ends. Cached results that were damaged are named. Otherwise
    nothing is drawn where there is nothing to wait for.

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
    for finding in with_damage((), job.damaged):
        st.warning(finding.message, icon=":material/warning:")
    if job.error is not None:
        st.error(plain(job.error), icon=":material/error:")
    elif not job.complete:
        watch(job, what=what, key=key)


def words(job: Job[Any], what: str) -> str:
    """How far a job is, in a sentence."""
    leave = "You can leave this page."
    if ahead := job.ahead:
        return f"Waiting: {ahead:,} job{'' if ahead == 1 else 's'} before this one. {leave}"
    progress = job.progress
    if progress is None or progress.total == 1:
        return f"Working on {what}… {leave}"
    seconds = job.seconds_left
    left = "" if seconds is None else f", about {duration_words(seconds)} to go"
    return f"{progress.done:,} of {progress.total:,} {what}{left}. {leave}"


def watch(job: Job[Any], *, what: str, key: str | None) -> None:
    """Show how far a job is, with a button of that key that stops it; see `draw`."""

    @st.fragment(run_every=_LOOK_SECONDS)
    def look() -> None:
        if job.complete or job.stopped:
            st.rerun(scope="app")
        progress = job.progress
        share = 0.0 if progress is None else progress.done / max(progress.total, 1)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(share, text=words(job, what), width=480)
            if key is not None:
                st.button(
                    "Stop", key=key, icon=":material/stop_circle:", on_click=job.cancel,
                    help="Fitting ends after the current model. Fitted models are cached.",
                )  # fmt: skip

    look()


def _jobs() -> OrderedDict[tuple[Hashable, ...], Job[Any]]:
    found = st.session_state.setdefault(_JOBS, OrderedDict())
    return cast("OrderedDict[tuple[Hashable, ...], Job[Any]]", found)


@st.cache_resource(show_spinner=False)
def _line() -> Line:
    return Line("chameleon-jobs", most_waiting=MOST_WAITING)
