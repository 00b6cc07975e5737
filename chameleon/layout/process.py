"""The process that fits UMAP, `python -m chameleon.layout.process PROJECT`, and its observer.

The process locks the work on a dataset, writes its progress beside the lock, lowers its priority,
and ends when the process that started it does. The lock ends with it, however it ends.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version as release_of
from pathlib import Path

import numpy as np
from filelock import BaseFileLock, FileLock, Timeout
from numpy.typing import NDArray

from chameleon.data import (
    EvolvingDataset,
    evolving_dataset,
    feature_hashes,
    fitted_space,
    laid_out_features,
    neighbor_graph,
    sampled_hashes,
)
from chameleon.errors import ChameleonError
from chameleon.layout.layouts import (
    MOST_FITTED,
    UMAP,
    LayoutMetadata,
    StoredLayout,
    cached_layout,
    pca_stored_layout,
    with_new_rows,
    write_layout,
)
from chameleon.project import open_project
from chameleon.storage import (
    UNREADABLE,
    digest,
    limit_process,
    prune_cache,
    save_parts,
    spawn,
    upload_limits,
    write_folder,
    write_text,
)

NEIGHBORS = 15
MIN_DIST = 0.1
EPOCHS = 200
SEED = 0

FEWEST_ROWS = NEIGHBORS + 1
"""A row must have this many neighbors, itself included."""

FOLLOW = 3
"""The exit code of a process that found another one at the same work."""

_LIBRARIES = ("umap-learn", "scikit-learn")
_REACH = 0.99
_BEAT_SECONDS = 0.5
_LOOK_SECONDS = 0.1

Report = Callable[[str, float], None]
"""Called with the current stage and the share of the work that is done."""


def lay_out(dataset: EvolvingDataset, report: Report) -> StoredLayout:
    """A new layout of all rows of the timeline: by UMAP, or by PCA where there are too few rows."""
    from threadpoolctl import threadpool_limits

    report("Finding neighbors", 0.1)
    features = laid_out_features(dataset)
    hashes = feature_hashes(dataset, features)
    distinct, first = np.unique(hashes, return_index=True)
    sample = sampled_hashes(dataset, hashes, MOST_FITTED)
    rows = first[np.searchsorted(distinct, sample)]
    made = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    with threadpool_limits(1):
        points = fitted_space(dataset, rows, features).points(dataset, rows)
        different = len(np.unique(points, axis=0))
        if different < FEWEST_ROWS:
            stored = pca_stored_layout(dataset, hashes, features)
            parameters = (
                f"{stored.metadata.parameters}; UMAP needs at least {FEWEST_ROWS} rows that "
                f"differ, found {different}"
            )
            metadata = replace(stored.metadata, parameters=parameters, made=made)
            return replace(stored, metadata=metadata)
        distances, places = neighbor_graph(points, NEIGHBORS)
        report("Starting UMAP", 0.25)
        plane = _umap_plane(points, distances, places, report)
    stored = StoredLayout(
        metadata=LayoutMetadata(
            method=UMAP,
            parameters=(
                f"n_neighbors={NEIGHBORS}, min_dist={MIN_DIST}, metric=euclidean, "
                f"epochs={EPOCHS}, seed={SEED}, fitted on {len(sample):,} of "
                f"{distinct.size:,} distinct rows"
            ),
            made_by=", ".join(f"{name} {release_of(name)}" for name in _LIBRARIES),
            versions=tuple(version.name for version in dataset.versions),
            features=features,
            reach=float(np.quantile(distances[:, 1], _REACH)),
            made=made,
        ),
        hashes=sample,
        plane=plane,
        fitted=np.ones(len(sample), dtype=np.bool_),
        far=np.zeros(len(sample), dtype=np.bool_),
    )
    return with_new_rows(
        stored, dataset, hashes,
        progress=lambda share: report("Placing the other rows", 0.8 + 0.2 * share),
    )  # fmt: skip


def _umap_plane(
    points: NDArray[np.float64],
    distances: NDArray[np.float64],
    places: NDArray[np.intp],
    report: Report,
) -> NDArray[np.float32]:
    with warnings.catch_warnings():
        # that tensorflow is not installed, that seeded work takes one thread, that neighbors
        # found elsewhere cannot serve `transform`
        warnings.simplefilter("ignore")
        import umap

        fitting = umap.UMAP(
            n_neighbors=NEIGHBORS,
            min_dist=MIN_DIST,
            n_epochs=EPOCHS,
            init="pca",
            random_state=SEED,
            n_jobs=1,
            precomputed_knn=(places.astype(np.int32), distances.astype(np.float32)),
            tqdm_kwds={
                "disable": False,
                "file": _Epochs(report),
                "bar_format": "{n_fmt}",
                "mininterval": 0.2,
            },
        )
        plane = fitting.fit_transform(points.astype(np.float32))
    return np.asarray(plane, dtype=np.float32)


class _Epochs:
    """The file for UMAP's progress bar, which is the number of finished epochs."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def write(self, text: str) -> None:
        if text.strip().isdecimal():
            self._report("Laying out by UMAP", 0.4 + 0.4 * int(text) / EPOCHS)

    def flush(self) -> None:
        """Nothing is buffered."""


@dataclass(frozen=True, slots=True)
class LayoutProgress:
    """The stage of a layout, the share of the work that is done, and how it ended.

    `done` if the layout is stored now; `error` is the reason if there is none.
    """

    stage: str
    share: float
    done: bool = False
    error: str | None = None

    @property
    def ended(self) -> bool:
        """Return True if the process that wrote it finished its work."""
        return self.done or self.error is not None

    def write(self, path: Path) -> None:
        """Write it into a file, with a digest of itself."""
        write_text(path, json.dumps({**asdict(self), "digest": digest(asdict(self))}))


def read_progress(path: Path) -> LayoutProgress | None:
    """The progress in a file; None without one, or for a damaged one."""
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        return LayoutProgress(**entry) if entry.pop("digest") == digest(entry) else None
    except (*UNREADABLE, AttributeError):
        return None


def locked(path: Path) -> BaseFileLock | None:
    """The lock on the work whose progress is in this file; None while another process has it.

    The system frees it when the process ends, even if it is killed.
    """
    lock = FileLock(path.with_name(f".{path.stem}.lock"), timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    except (OSError, NotImplementedError):
        pass  # on a disk that can't be written or locked there is no other process to find
    return lock


def is_running(path: Path) -> bool:
    """Return True if a process has the lock on this work."""
    lock = locked(path)
    if lock is not None:
        lock.release()
    return lock is None


class _Reporter:
    """Writes the progress while this process works, from a thread, and ends with its parent."""

    def __init__(self, path: Path, parent: int | None, private: Path | None) -> None:
        self._path = path
        self._parent = parent
        self._private = private
        self._progress = LayoutProgress("Reading the dataset", 0.0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def report(self, stage: str, share: float) -> None:
        """Note the current stage; it is written with the next beat."""
        self._progress = LayoutProgress(stage, share)

    def end(self, error: str | None = None) -> None:
        """Write that the layout is stored, or why there is none."""
        self._over.set()
        self._thread.join()
        replace(self._progress, done=error is None, error=error).write(self._path)

    def _beat(self) -> None:
        while True:
            # the work is for nobody now, or its folder was deleted and must not be made again;
            # the main thread may be in long C code
            if self._parent is not None and os.getppid() != self._parent:
                os._exit(1)
            if self._private is not None and not self._private.is_dir():
                os._exit(1)
            self._progress.write(self._path)
            if self._over.wait(_BEAT_SECONDS):
                return


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 if a layout is stored now, 3 if another process is at work, else 1."""
    parser = argparse.ArgumentParser(description="Lays out the rows of a project by UMAP.")
    parser.add_argument("project")
    parser.add_argument("--private", type=Path, help="store everything in this folder alone")
    parser.add_argument("--again", action="store_true", help="even if a layout is stored")
    parser.add_argument("--into", type=Path, help="write a new layout into this folder")
    parser.add_argument("--progress", type=Path, help="the file to write the progress into")
    parser.add_argument("--parent", type=int, help="end when this process does")
    options = parser.parse_args(arguments)
    if options.progress is None:
        _make(options, lambda stage, share: None)
        return 0
    limit_process(upload_limits() if options.private is not None else None)
    lock = locked(options.progress)
    if lock is None:
        return FOLLOW
    prune_cache(options.progress.parent, "laying")
    parent = options.parent if os.name == "posix" else None
    reporter = _Reporter(options.progress, parent, options.private)
    error = None
    try:
        _make(options, reporter.report)
    except ChameleonError as found:
        error = str(found)
    except Exception as found:  # whatever it was, the page must show it
        error = f"The layout failed ({type(found).__name__}): {found}"
    reporter.end(error)
    lock.release()
    return 0 if error is None else 1


def _make(options: argparse.Namespace, report: Report) -> None:
    dataset = evolving_dataset(open_project(options.project, private=options.private))
    if options.into is not None:
        shutil.rmtree(options.into, ignore_errors=True)
        parts = lay_out(dataset, report).parts
        write_folder(options.into, lambda folder: save_parts(folder, parts))
        return
    if not options.again and cached_layout(dataset) is not None:
        return
    if not write_layout(lay_out(dataset, report), dataset):
        raise ChameleonError("The layout was made but couldn't be written to the disk.")


class LayoutProcess:
    """A UMAP being computed in a separate process, observed from this one.

    Where another process is at work for the same data, this one follows it, and takes over if it
    ends without a result. The process ends when this one does. When `finished` without an `error`,
    `cached_layout` finds the layout. `again` makes a new layout even if there is one.
    """

    def __init__(self, dataset: EvolvingDataset, *, again: bool = False) -> None:
        folder = dataset.project.results_folder
        self._project = dataset.project
        self._again = again
        self._file = folder / f"laying-{digest(dataset.key, again)}.json"
        self._child: subprocess.Popen[bytes] | None = None
        self._progress = LayoutProgress("Starting", 0.0)
        self._started = False

    def start(self) -> None:
        """Start the process, or follow the running one; nothing if it was started before."""
        if not self._started:
            self._started = True
            if not is_running(self._file):
                self._spawn()

    @property
    def progress(self) -> LayoutProgress:
        """Its current progress."""
        self._look()
        return self._progress

    @property
    def finished(self) -> bool:
        """Return True if it ended: with a layout, with an error, or canceled."""
        return self.progress.ended

    @property
    def error(self) -> str | None:
        """The reason in one sentence if there is no layout."""
        return self.progress.error

    def wait(self, seconds: float | None = None) -> LayoutProgress:
        """Its progress when it ended; it is canceled after that many seconds. For scripts."""
        end = None if seconds is None else time.monotonic() + seconds
        while not self.finished:
            if end is not None and time.monotonic() > end:
                self.cancel()
            time.sleep(_LOOK_SECONDS)
        return self._progress

    def cancel(self) -> None:
        """End the process. One that was started elsewhere is only no longer followed."""
        if self._progress.ended:
            return
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()
        self._end("The layout was canceled.")

    def _spawn(self) -> None:
        arguments = [self._project.address, "--progress", str(self._file)]
        arguments += ["--parent", str(os.getpid())]
        if self._project.private is not None:
            arguments += ["--private", str(self._project.private)]
        if self._again:
            arguments.append("--again")
        try:
            self._child = spawn("chameleon.layout.process", arguments)
        except OSError as error:
            self._end(f"The layout's process couldn't be started: {error}.")

    def _look(self) -> None:
        if self._progress.ended or not self._started:
            return
        code = None if self._child is None else self._child.poll()
        running = code is None if self._child is not None else is_running(self._file)
        written = read_progress(self._file)
        if running:
            if written is not None and not written.ended:
                self._progress = written
        elif self._child is None:
            if written is not None and written.ended:
                self._end(written.error)
            else:  # it was canceled or killed, or the process that started it ended
                self._spawn()
        elif code == FOLLOW:
            self._child = None  # another process was a moment earlier
        elif code:
            error = None if written is None else written.error
            default = f"The layout's process ended before it was done (exit code {code})."
            self._end(error or default)
        else:
            self._end(None)

    def _end(self, error: str | None) -> None:
        if error is None:
            self._progress = LayoutProgress("Ready", 1.0, done=True)
        else:
            self._progress = replace(self._progress, error=error)


if __name__ == "__main__":
    sys.exit(main())
