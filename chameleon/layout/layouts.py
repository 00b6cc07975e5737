"""The 2-D layout of all rows of a timeline: a PCA at once, a UMAP when it is ready.

One layout serves all versions, so that a row keeps its place while versions are stepped through.
UMAP is fitted in a process of its own (`chameleon.layout.process`), which is followed from here.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chameleon.data import EvolvingDataset, feature_hashes, laid_out_features
from chameleon.layout.stored import (
    StoredLayout,
    is_compatible,
    keep,
    kept_layouts,
    pca_stored_layout,
    with_new_rows,
)
from chameleon.storage import UNREADABLE, digest, mark_used, spawn

FOLLOW = 3
"""The exit code of a process that found another at the same work."""

_SILENT_SECONDS = 60
"""A process writes its claim again every half second: so long after the last it is gone."""

_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class LayoutProgress:
    """How far a layout is: what is being done, and the share of all that is behind, 0 to 1."""

    stage: str
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A point for every row of the timeline.

    Attributes
    ----------
    key
        A digest of the method and the fitted points. It stays while no point moves: rows that are
        placed, such as those of an appended version, don't change it, and cells keep their meaning.
    method
        "PCA" or "UMAP".
    x, y
        float32 of shape (n_rows,). Rows with equal features have the same point.
    parameters
        One line that says how it was made.
    made_by
        The libraries that made it, with their releases.
    versions
        The versions it was fitted on. Rows of others were placed into it.
    fitted_rows, placed_rows
        How many rows have a point that was fitted, and how many were placed by their nearest
        fitted rows; together all rows.
    badly_placed
        How many of the placed rows fit badly: their nearest fitted row is farther than it is for
        99 % of the fitted rows, or they differ in what the layout does not know: a category
        that was new, a feature that joined later or was the same in all fitted rows. Of rows
        like the fitted ones about one in a hundred is counted too.
    """

    key: str
    method: str
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    parameters: str
    made_by: str
    versions: tuple[str, ...]
    fitted_rows: int
    placed_rows: int
    badly_placed: int


def pca_layout(dataset: EvolvingDataset) -> Layout:
    """The first two principal components, at once: what is shown until UMAP is ready."""
    from threadpoolctl import threadpool_limits

    features = laid_out_features(dataset)
    hashes = feature_hashes(dataset, features)
    with threadpool_limits(1):
        return _layout(pca_stored_layout(dataset, hashes, features), hashes)


def kept_layout(dataset: EvolvingDataset) -> Layout | None:
    """The layout kept from before, rows that joined since placed into it; None if there is none.

    Looked for in the cache and in the project's own folder `layout/`, which is only read. It
    valid as long as the dataset holds half of the rows it was fitted on; the newest one counts.
    A project with too few rows for UMAP has a PCA kept in its place, whose parameters say so.
    """
    for folder, standing in kept_layouts(dataset):
        hashes = feature_hashes(dataset, standing.about.features)
        if not is_compatible(standing, hashes):
            continue
        mark_used(folder)
        if not np.isin(hashes, standing.hashes).all():
            standing = with_new_rows(standing, dataset, hashes)
            keep(standing, dataset)
        return _layout(standing, hashes)
    return None


def _layout(standing: StoredLayout, hashes: NDArray[np.uint64]) -> Layout:
    places = np.searchsorted(standing.hashes, hashes)
    x, y = standing.plane[places].T.copy()
    fitted = int(standing.fitted[places].sum())
    about, shown = standing.about, (standing.hashes, standing.plane)
    return Layout(
        key=digest(about.method, *(part[standing.fitted].tobytes() for part in shown)),
        method=about.method,
        x=x,
        y=y,
        parameters=about.parameters,
        made_by=about.made_by,
        versions=about.versions,
        fitted_rows=fitted,
        placed_rows=len(hashes) - fitted,
        badly_placed=int(standing.far[places].sum()),
    )


@dataclass(frozen=True, slots=True)
class Claim:
    """What a process that makes a layout says of itself, in a file that others look at.

    Attributes
    ----------
    pid, born
        The process, and when it began: a number alone may be another's by now.
    done
        Whether the layout is kept now.
    error
        Why it gave up.
    """

    pid: int
    born: str
    stage: str
    share: float
    done: bool = False
    error: str | None = None

    def text(self) -> str:
        """The claim as its file holds it, with a digest of all that it says."""
        told = asdict(self)
        return json.dumps({**told, "digest": digest(told)})

    def alive(self, path: Path) -> bool:
        """Whether the process that wrote this claim to `path` is at work."""
        if self.done or self.error is not None or birth(self.pid) != self.born:
            return False
        try:
            return time.time() - path.stat().st_mtime < _SILENT_SECONDS
        except OSError:
            return False


def birth(pid: int) -> str | None:
    """When a process began, in ticks since the machine did; None where it ended.

    Empty where the system does not tell (it has no /proc).
    """
    if not Path("/proc/self/stat").exists():
        return ""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    after_name = told.rpartition(")")[2].split()
    state, ticks = after_name[0], after_name[19]
    return None if state in "ZX" else ticks  # a zombie ended


def read_claim(path: Path) -> Claim | None:
    """The claim in a file; None where there is none, or a damaged one."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Claim(**told) if told.pop("digest") == digest(told) else None
    except (*UNREADABLE, AttributeError):
        return None


class LayoutProcess:
    """A UMAP being computed in a process of its own, seen from here.

    Where another start for the same data runs already, on behalf of whomever, this follows that
    one, and takes over should it end without a result. The process ends when this one ends.
    When `finished` and there is no `error`, `kept_layout` finds the layout.
    """

    def __init__(self, dataset: EvolvingDataset, *, again: bool = False) -> None:
        folder = dataset.project.results_folder
        self._project = dataset.project
        self._again = again
        self._claim = folder / f"laying-{digest(dataset.key, again)}.json"
        self._child: subprocess.Popen[bytes] | None = None
        self._progress = LayoutProgress("Starting", 0.0)
        self._started = False
        self._finished = False
        self._error: str | None = None

    def start(self) -> None:
        """Start the process, or follow the one that runs. Nothing if it was started before."""
        if self._started:
            return
        self._started = True
        running = read_claim(self._claim)
        if running is None or not running.alive(self._claim):
            self._spawn()

    @property
    def progress(self) -> LayoutProgress:
        """How far it is."""
        self._look()
        return self._progress

    @property
    def finished(self) -> bool:
        """Whether it ended: with a layout, with an error, or cancelled."""
        self._look()
        return self._finished

    @property
    def error(self) -> str | None:
        """Why there is no layout, in one sentence; None while all is well."""
        self._look()
        return self._error

    def wait(self, seconds: float | None = None) -> LayoutProgress:
        """How it ended, once it has; it is cancelled after that many seconds.

        For scripts, as a page looks again later instead.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while not self.finished:
            if end is not None and time.monotonic() > end:
                self.cancel()
            time.sleep(_LOOK_SECONDS)
        return self.progress

    def cancel(self) -> None:
        """End the process. One that was started elsewhere is only no longer followed."""
        if self._finished:
            return
        if self._child is not None and self._child.poll() is None:
            pid = self._child.pid
            self._child.kill()
            self._child.wait()
            claim = read_claim(self._claim)
            if claim is not None and claim.pid == pid:
                self._claim.unlink(missing_ok=True)
        self._end("The layout was cancelled.")

    def _spawn(self) -> None:
        arguments = [self._project.address, "--claim", str(self._claim)]
        arguments += ["--parent", str(os.getpid())]
        if self._project.private is not None:
            arguments += ["--private", str(self._project.private)]
        if self._again:
            arguments.append("--again")
        try:
            self._child = spawn("chameleon.layout.process", arguments)
        except OSError as error:
            self._end(f"The layout's process cannot be started: {error}.")

    def _look(self) -> None:
        if self._finished or not self._started:
            return
        code = None if self._child is None else self._child.poll()
        claim = read_claim(self._claim)
        alive = claim is not None and claim.alive(self._claim)
        if claim is not None and alive:
            self._progress = LayoutProgress(claim.stage, claim.share)
        if code == FOLLOW:
            self._child = None  # another process was a moment earlier
        elif code is not None:
            self._end(None if code == 0 else _why(claim, code))
        elif self._child is None and not alive:
            self._take_over(claim)

    def _take_over(self, claim: Claim | None) -> None:
        if claim is not None and (claim.done or claim.error is not None):
            self._end(claim.error)
        else:  # it was cancelled or killed, or whoever started it left
            self._spawn()

    def _end(self, error: str | None) -> None:
        self._finished, self._error = True, error
        if error is None:
            self._progress = LayoutProgress("Ready", 1.0)


def umap_process(dataset: EvolvingDataset, *, again: bool = False) -> LayoutProcess:
    """A started process that lays the project out by UMAP and keeps the result on disk.

    Returns at once. Where a layout exists, there is nothing to compute and it ends soon.

    Parameters
    ----------
    dataset
        The dataset, whose project the process opens for itself.
    again
        Make a new layout, fitted on all versions that are present, even if one exists.
    """
    process = LayoutProcess(dataset, again=again)
    process.start()
    return process


def _why(claim: Claim | None, code: int) -> str:
    if claim is not None and claim.error is not None:
        return claim.error
    return f"The layout's process ended before it was done (exit code {code})."
