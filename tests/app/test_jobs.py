"""Fits that visitors ask for: one at a time, shown, left, stopped, and cached."""

import logging
import threading

import polars as pl
import pytest
from polars.exceptions import PanicException

from chameleon.analysis.exclusions import FITS
from chameleon.app import jobs
from chameleon.app.background import MOST_QUEUED, Job, StoppedError, Task, WorkQueue
from chameleon.app.uploads import Upload
from chameleon.errors import ChameleonError, ModelError
from chameleon.project import with_damage
from chameleon.selection.exclusion_lists import FILE
from chameleon.storage import Progress
from tests.internals import ExclusionLists
from tests.library import TREE, plain, write_project

ITERATION, EXCLUSION_LIST, FAILURES = (
    "pages/data_changes.py",
    "pages/exclusion_lists.py",
    "pages/failures.py",
)
ATTRIBUTION = "pages/attribution.py"
SECONDS = 60
BUTTONS = {
    ITERATION: "iteration-ask", EXCLUSION_LIST: "what-if", FAILURES: "mistakes-judge",
    ATTRIBUTION: "training-go",
}  # fmt: skip


@pytest.fixture
def project(tmp_path):
    """Return a project for all four fits."""
    frames = {"1": plain(60), "2": plain(90).with_columns(pl.col("x") + 1)}
    folder = write_project(tmp_path / "p", frames, toml=TREE)
    ExclusionLists(folder / FILE).add("l", [str(k) for k in range(0, 40, 3)])
    return folder


@pytest.fixture
def gate(monkeypatch):
    """Return an event that lets the fits go on, the most at work at once, and their names."""
    opened, lock, running, most, names = threading.Event(), threading.Lock(), [], [0], []

    def held(name):
        def work(*args, progress, **options):
            with lock:
                running.append(name)
                names.append(name)
                most[0] = max(most[0], len(running))
            try:
                progress(Progress("Fitting", "2", 1, 5))
                opened.wait(SECONDS)
                progress(Progress("Fitting", "2", 2, 5))
                raise ModelError(f"{name} has no result.")
            finally:
                running.remove(name)

        return work

    for name in FITS:
        monkeypatch.setitem(FITS, name, held(name))
    yield opened, most, names
    opened.set()


def waiting(screen):
    return [bar.proto.text for bar in screen.at.main.get("progress")]


def test_fits_of_all_visitors_are_in_one_queue(open_app, project, gate):
    opened, most, names = gate
    screens = {}
    for place, (page, button) in enumerate(BUTTONS.items()):
        screen = screens[page] = open_app(project, page)
        screen.at.button(key=button).click().run()
        assert not screen.at.exception
        (words,) = waiting(screen)
        if place == 0:
            assert words.startswith("Fitting fold 2 of 5, about ")
        else:
            assert words.startswith(f"Queued: {place} job")
        assert screen.at.button(key=button).disabled
    left = screens[ITERATION].go("streamlit_app.py")  # its fits go on
    assert not waiting(left)
    opened.set()
    left.go(ITERATION)
    for page, screen in screens.items():
        screen.settle()
        assert not screen.at.exception
        assert any("has no result" in error.value for error in screen.at.error)
        assert not screen.at.button(key=BUTTONS[page]).disabled  # it can be queued again
    assert most == [1]
    assert names == ["domain classifier", "refit_without", "label issues", "training"]


def test_a_stopped_fit_leaves_the_queue_and_may_be_queued_again(open_app, project, gate):
    opened, _, names = gate
    first, second = open_app(project, ITERATION), open_app(project, FAILURES)
    first.at.button(key="iteration-ask").click().run()
    second.at.button(key="mistakes-judge").click().run()
    assert waiting(second)[0].startswith("Queued: 1 job before this one")
    second.at.button(key="mistakes-stop").click().run()
    assert not waiting(second)
    assert not second.at.button(key="mistakes-judge").disabled
    first.at.button(key="iteration-stop").click().run()
    assert not waiting(first)
    second.at.button(key="mistakes-judge").click().run()  # behind the step that is being done
    assert waiting(second)[0].startswith("Queued: 1 job before this one")
    opened.set()
    second.settle()
    assert names == ["domain classifier", "label issues"]
    first.at.run()
    assert not first.at.error  # stopped, not failed
    assert not first.at.exception


def test_the_result_stays_when_the_visitor_comes_back(open_app, project):
    screen = open_app(project, ATTRIBUTION)
    screen.at.button(key="training-go").click()
    screen.settle()
    told = [text for text in screen.texts() if "train data" in text]
    screen.go("streamlit_app.py").go(ATTRIBUTION)
    assert [text for text in screen.texts() if "train data" in text] == told
    assert told


def test_a_damaged_cached_fit_is_computed_again_and_reported(open_app, project):
    (told,) = [p.message for p in with_damage((), ["cached cross-validation fold"])]

    def asked():
        screen = open_app(project, FAILURES)
        screen.at.button(key="mistakes-judge").click()
        return screen.settle().settle()  # the first may end as the job does

    before = asked()
    assert not before.at.warning
    for path in (project / ".chameleon").glob("fold-*/values.npy"):
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    after = asked()
    assert [warning.value for warning in after.at.warning] == [told]
    without = [text for text in after.texts() if text != told]
    assert without == before.texts()
    assert not asked().at.warning


def job_of(work) -> Job[int]:
    return Job(Task(("test",), work))


def test_a_job_shows_its_progress_and_its_result():
    words = []

    def work(progress):
        for done in range(3):
            progress(Progress("Fitting", "1", done, 3))
            words.append(jobs.progress_words(job, "model"))
        return 42

    job = job_of(work)
    job.begin(WorkQueue("test", most=1))
    job.wait(SECONDS)
    assert (job.complete, job.result, job.error) == (True, 42, None)
    assert words[0] == "Fitting model 1 of 3. You can leave this page."
    assert words[2] == "Fitting model 3 of 3, about 1 s left. You can leave this page."


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModelError("No model."), "No model."),
        (PanicException("x"), "The server's log"),  # a BaseException
    ],
)
def test_a_failure_is_reported_and_the_queue_goes_on(error, message, caplog):
    queue = WorkQueue("test", most=2)

    def work(progress):
        raise error

    with caplog.at_level(logging.ERROR):
        first, second = job_of(work), job_of(lambda progress: 1)
        first.begin(queue)
        second.begin(queue)
        second.wait(SECONDS)
    assert message in (first.error or "")
    assert second.result == 1
    assert bool(caplog.records) is not isinstance(error, ChameleonError)


def test_a_full_queue_refuses_and_one_that_leaves_makes_room():
    queue, gate = WorkQueue("test"), threading.Event()

    def work(progress):
        gate.wait(SECONDS)
        progress(Progress("Fitting", "1", 0, 1))
        return 1

    made = [job_of(work) for _ in range(MOST_QUEUED + 2)]
    for job in made:
        job.begin(queue)
    assert "server is busy" in (made[-1].error or "")
    assert [job.ahead for job in made[:-1]] == list(range(MOST_QUEUED + 1))
    made[2].cancel()
    assert made[2].complete
    assert [job.ahead for job in made[3:-1]] == list(range(2, MOST_QUEUED))
    late = job_of(work)
    late.begin(queue)
    assert late.error is None
    made[0].cancel()  # at work: it ends at its next step
    assert not made[0].complete
    gate.set()
    late.wait(SECONDS)
    assert (made[0].result, made[0].error) == (None, None)
    assert [job.result for job in (made[1], *made[3:-1], late)] == [1] * MOST_QUEUED


def test_an_upload_is_removed_only_when_the_fits_on_it_have_ended(tmp_path):
    gate, begun = threading.Event(), threading.Event()
    upload = Upload("session", tmp_path / "u", "p")
    stopped = []

    def work(progress):
        begun.set()
        gate.wait(SECONDS)
        try:
            progress(Progress("Fitting", "1", 0, 1))
        except StoppedError:
            stopped.append(upload.folder.exists())
            raise
        return 1

    job = job_of(work)
    job.begin(WorkQueue("test", most=1))
    upload.add_job(job)
    assert begun.wait(SECONDS)
    upload.remove()
    assert upload.folder.exists()
    gate.set()
    job.wait(SECONDS)
    assert stopped == [True]
    end = threading.Event()
    while upload.folder.exists() and not end.wait(0.01):
        pass
