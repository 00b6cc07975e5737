"""Work in child processes: answers, errors, limits, and children that die."""

import os
import subprocess
import sys
import threading

import pytest

from chameleon.errors import ChameleonError
from chameleon.storage import Progress, answer_of_child, upload_limits
from chameleon.storage.child_process import ChildError, ProcessLimits

LIMITS = ProcessLimits(seconds=60, cpu_seconds=60)
needs_limits = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits memory")


def answer(task, limits=LIMITS, note=lambda progress: None, **job):
    return answer_of_child("tests.misbehaving", {"task": task, **job}, limits=limits, note=note)


def test_a_job_comes_back_as_its_answer_whatever_libraries_print_in_between():
    seen = []
    given = {"text": 'ä "quoted" \n', "numbers": [1, 2.5, None]}
    assert answer("echo", given=given, note=seen.append) == given
    assert [p for p in seen if p is not None] == [Progress("Fitting", "1.2", 1, 3)]


def test_an_error_of_the_data_is_raised_as_it_was():
    with pytest.raises(ChameleonError, match=r"^Version 3 is empty\.$"):
        answer("error")


def test_a_fault_is_logged_and_not_shown(caplog):
    with pytest.raises(ChildError, match="log") as raised:
        answer("fault")
    assert "secret" not in str(raised.value)
    assert "secret" in caplog.text


@pytest.mark.parametrize("task", ["abort", "exit"])
def test_a_child_that_dies_is_a_clear_error(task):
    with pytest.raises(ChildError, match=r"^Reading a\.arrow failed"):
        answer(task)


@needs_limits
@pytest.mark.parametrize("task", ["numpy memory", "polars memory"])
def test_memory_is_limited(task):
    limits = ProcessLimits(memory_bytes=600_000_000, cpu_seconds=60, seconds=60)
    with pytest.raises(ChildError, match=r"more than the 0\.6 GB of memory"):
        answer(task, limits)


@needs_limits
def test_processor_time_is_limited():
    with pytest.raises(ChildError, match="was stopped after"):
        answer("spin", ProcessLimits(cpu_seconds=1, seconds=60))


def test_time_is_limited():
    with pytest.raises(ChildError, match="was stopped after"):
        answer("wait", ProcessLimits(cpu_seconds=60, seconds=1))


def test_what_the_callback_raises_ends_the_child(tmp_path):
    pid = tmp_path / "pid"

    def note(progress):
        if pid.exists() and pid.read_text():
            raise KeyError

    with pytest.raises(KeyError):
        answer("wait", note=note, file=str(pid))
    assert not alive(int(pid.read_text()))


def test_a_child_ends_when_its_parent_does(tmp_path):
    pid = tmp_path / "pid"
    module = "tests.storage.test_child_process"
    code = f"import sys; from {module} import answer; answer('wait', file=sys.argv[1])"
    parent = subprocess.Popen([sys.executable, "-c", code, str(pid)])
    until(lambda: pid.exists() and pid.read_text())
    parent.kill()
    parent.wait()
    until(lambda: not alive(int(pid.read_text())))


def until(condition):
    """Wait until the condition holds; the test's own timeout ends it otherwise."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.02)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("text", "gigabytes"), [("", 2), ("750", 0.75), ("many", 2), ("0", 2)])
def test_the_operator_sets_the_memory_in_megabytes(monkeypatch, text, gigabytes):
    monkeypatch.setenv("CHAMELEON_UPLOAD_MEMORY", text)
    assert upload_limits().memory_bytes == gigabytes * 1_000_000_000
