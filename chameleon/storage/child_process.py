"""Work in a child process with limits on memory, CPU, and time.

The parent writes one line of JSON to the child's standard input. The child writes one line of
JSON for every message: {"progress": ...}, {"doing": ...}, and last {"done": ...}, {"error": ...},
or {"fault": ...}. Nothing is pickled. The child ends when its parent does.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from chameleon.errors import ChameleonError
from chameleon.storage.folders import user_cache_folder

_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
"""More threads are slower on shared cores (FACTS), and would sum in another order."""

MEMORY_VARIABLE = "CHAMELEON_UPLOAD_MEMORY"
"""Megabytes of memory for a process that works on an upload."""

_MOST_DIGITS = 10
_NICENESS = 5
_LOOK_SECONDS = 0.2
_LONGEST_MESSAGE = 4_000
_INSTEAD = "leave out versions, or run Chameleon yourself, where there is no limit."

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """The step of a long job that begins now, such as "Reading" a version: `done` of `total`."""

    stage: str
    version: str
    done: int
    total: int


ProgressCallback = Callable[[Progress], None]
Note = Callable[[Progress | None], None]
"""Called with every step, and with None a few times a second; an error it raises ends the child."""


@dataclass(frozen=True, slots=True)
class ProcessLimits:
    """The limits of a child process."""

    memory_bytes: int = 2_000_000_000  # private; enforced on Linux only (RLIMIT_DATA)
    cpu_seconds: int = 900  # on all cores together; enforced where Python has `resource`
    seconds: int = 1_800  # elapsed; the parent enforces it everywhere


def upload_limits() -> ProcessLimits:
    """The limits of processes that work on uploads; the operator may set the memory."""
    text = os.environ.get(MEMORY_VARIABLE, "")
    if text.isdecimal() and len(text) < _MOST_DIGITS and int(text):
        return ProcessLimits(memory_bytes=int(text) * 1_000_000)
    if text:
        _log.warning("%s=%r is not used: it must be a number of megabytes.", MEMORY_VARIABLE, text)
    return ProcessLimits()


class ChildError(ChameleonError):
    """A child process ended before its work was done."""


def spawn(module: str, arguments: Sequence[str], *, piped: bool = False) -> subprocess.Popen[bytes]:
    """Start `python -m module` with one thread for numerical libraries."""
    root = str(Path(__file__).parents[2])  # the package need not be installed
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    channel = subprocess.PIPE if piped else subprocess.DEVNULL
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **_ONE_THREAD}
    environment.setdefault("NUMBA_CACHE_DIR", str(user_cache_folder() / "numba"))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        env=environment,
        stdin=channel,
        stdout=channel,
        stderr=subprocess.DEVNULL,
    )


def limit_process(limits: ProcessLimits | None) -> None:
    """Lower this process's priority, and end it if it exceeds the limits."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)  # pages have priority
    if limits is None:
        return
    try:
        import resource
    except ImportError:  # Windows
        return
    wanted = {resource.RLIMIT_CORE: 0, resource.RLIMIT_CPU: limits.cpu_seconds}
    if sys.platform == "linux":  # macOS accepts the limit and ignores it
        wanted[resource.RLIMIT_DATA] = limits.memory_bytes
    for kind, most in wanted.items():
        hard = resource.getrlimit(kind)[1]  # the operator's, which can't be raised
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (soft, hard))


def answer_of_child(
    module: str, job: Mapping[str, object], *, limits: ProcessLimits, note: Note
) -> Any:  # noqa: ANN401 - whatever JSON the module answers
    """The answer of `module`, which calls `answer_parent` when it is run, to a job in JSON.

    The child process is always ended on return. ChildError: it could not be started, or a limit or
    a damaged file ended it.
    """
    try:
        child = spawn(module, [], piped=True)
    except OSError as error:
        raise ChildError(f"No process could be started for the upload: {error}.") from error
    assert child.stdin is not None
    assert child.stdout is not None
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_forward, args=(child.stdout, lines), daemon=True).start()
    try:
        with suppress(BrokenPipeError):  # it ended at once: its exit code shows how
            child.stdin.write(json.dumps({"limits": asdict(limits), **job}).encode() + b"\n")
            child.stdin.flush()
        return _answer(child, lines, limits, note)
    finally:
        child.kill()
        child.wait()
        with suppress(OSError):
            child.stdin.close()


def _forward(stream: IO[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(b"")


def _answer(
    child: subprocess.Popen[bytes],
    lines: queue.SimpleQueue[bytes],
    limits: ProcessLimits,
    note: Note,
) -> Any:  # noqa: ANN401
    doing, end = "Starting", time.monotonic() + limits.seconds
    while True:
        note(None)
        if time.monotonic() > end:
            raise ChildError(_too_long(doing, limits.seconds))
        try:
            line = lines.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            continue
        if not line:
            raise ChildError(_ended(child.wait(), doing, limits))
        message: dict[str, Any] = json.loads(line)
        if "done" in message:
            return message["done"]
        if "error" in message:
            raise ChameleonError(str(message["error"]))
        if "fault" in message:
            _log.error("A child process failed:\n%s", message["fault"])
            raise ChildError(f"{doing} failed inside Chameleon. The server's log has the reason.")
        if "progress" in message:
            progress = Progress(*message["progress"])
            doing = f"{progress.stage} version {progress.version}"
            note(progress)
        else:
            doing = str(message["doing"])


def _ended(code: int, doing: str, limits: ProcessLimits) -> str:
    if code == -getattr(signal, "SIGXCPU", 0):
        return _too_long(doing, limits.cpu_seconds)
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return (
        f"{doing} failed ({how}): the data is damaged, or needs more than the "
        f"{limits.memory_bytes / 1e9:g} GB of memory that an upload may use. Write the files "
        f"again, {_INSTEAD}"
    )


def _too_long(doing: str, seconds: int) -> str:
    return (
        f"{doing} was stopped after {seconds / 60:,.0f} min, the limit for an upload. Write "
        f"smaller files, {_INSTEAD}"
    )


class Channel:
    """The child's end: messages to its parent."""

    def __init__(self) -> None:
        # output of libraries must not come between the messages
        self._stream = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def progress(self, progress: Progress) -> None:
        """Send the step that begins now."""
        self.send(progress=[progress.stage, progress.version, progress.done, progress.total])

    def doing(self, what: str) -> None:
        """Send the current work, as the beginning of a sentence about its failure."""
        self.send(doing=what[:_LONGEST_MESSAGE])

    def send(self, **message: object) -> None:
        """Send one message."""
        self._stream.write(json.dumps(message).encode() + b"\n")


def answer_parent(work: Callable[[Mapping[str, Any], Channel], object]) -> None:
    """Read the job, limit this process, do the work, and send its answer to the parent."""
    channel = Channel()
    job: dict[str, Any] = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    limit_process(ProcessLimits(**job.pop("limits")))
    try:
        channel.send(done=work(job, channel))
    except ChameleonError as error:
        channel.send(error=str(error)[:_LONGEST_MESSAGE])
    except MemoryError:
        os.abort()  # like an allocation that fails inside a library
    except BaseException:  # polars raises panics that are no Exception
        channel.send(fault=traceback.format_exc()[-_LONGEST_MESSAGE:])


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)  # the main thread may be in long C code


def birth(pid: int) -> str | None:
    """The start time of a process in ticks since the machine started; None if it ended.

    Empty on a system without /proc.
    """
    if not Path("/proc/self/stat").exists():
        return ""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    after_name = status.rpartition(")")[2].split()
    state, ticks = after_name[0], after_name[19]
    return None if state in "ZX" else ticks  # a zombie ended
