"""The process that fits UMAP: `python -m chameleon.layout.process PROJECT`.

It writes its claim with its progress while it works, lowers its priority, and ends when the
process that started it does. Killed, it leaves nothing but a claim that nobody believes.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import shutil
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version as release_of
from pathlib import Path

import numpy as np
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
from chameleon.layout.layouts import FOLLOW, Claim, birth, kept_layout, read_claim
from chameleon.layout.stored import (
    MOST_FITTED,
    UMAP,
    LayoutMetadata,
    StoredLayout,
    keep,
    pca_stored_layout,
    with_new_rows,
)
from chameleon.project import open_project
from chameleon.storage import (
    limit_process,
    prune_cache,
    save_parts,
    upload_limits,
    write_folder,
    write_text,
)

NEIGHBOURS = 15
MIN_DIST = 0.1
EPOCHS = 200
SEED = 0

FEWEST_ROWS = NEIGHBOURS + 1
"""A row has to have as many neighbours, itself among them."""

_REACH = 0.99
_BEAT_SECONDS = 0.5

Say = Callable[[str, float], None]


def lay_out(dataset: EvolvingDataset, say: Say) -> StoredLayout:
    """A new layout of all rows of the timeline: by UMAP, or by PCA where rows are too few.

    Parameters
    ----------
    dataset
        Whose rows.
    say
        Called with what is done next and the share that is behind.
    """
    from threadpoolctl import threadpool_limits

    say("Finding neighbours", 0.1)
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
            return _by_pca(dataset, hashes, features, different, made)
        distances, places = neighbor_graph(points, NEIGHBOURS)
        say("Starting UMAP", 0.25)
        plane = _umap_plane(points, distances, places, say)
    standing = StoredLayout(
        about=LayoutMetadata(
            method=UMAP,
            parameters=(
                f"n_neighbors={NEIGHBOURS}, min_dist={MIN_DIST}, metric=euclidean, "
                f"epochs={EPOCHS}, seed={SEED}, fitted on {len(sample):,} of "
                f"{distinct.size:,} distinct rows"
            ),
            made_by=_releases("umap-learn", "scikit-learn"),
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
        standing, dataset, hashes,
        progress=lambda share: say("Placing the other rows", 0.8 + 0.2 * share),
    )  # fmt: skip


def _by_pca(
    dataset: EvolvingDataset,
    hashes: NDArray[np.uint64],
    features: tuple[str, ...],
    different: int,
    made: str,
) -> StoredLayout:
    standing = pca_stored_layout(dataset, hashes, features)
    words = (
        f"{standing.about.parameters}; UMAP needs at least {FEWEST_ROWS} rows that differ, "
        f"found {different}"
    )
    return replace(standing, about=replace(standing.about, parameters=words, made=made))


def _umap_plane(
    points: NDArray[np.float64],
    distances: NDArray[np.float64],
    places: NDArray[np.intp],
    say: Say,
) -> NDArray[np.float32]:
    with warnings.catch_warnings():
        # that tensorflow is not installed, that seeded work takes one thread, that neighbours
        # found elsewhere cannot serve `transform`
        warnings.simplefilter("ignore")
        import umap

        fitting = umap.UMAP(
            n_neighbors=NEIGHBOURS,
            min_dist=MIN_DIST,
            n_epochs=EPOCHS,
            init="pca",
            random_state=SEED,
            n_jobs=1,
            precomputed_knn=(places.astype(np.int32), distances.astype(np.float32)),
            tqdm_kwds={
                "disable": False,
                "file": _Epochs(say),
                "bar_format": "{n_fmt}",
                "mininterval": 0.2,
            },
        )
        plane = fitting.fit_transform(points.astype(np.float32))
    return np.asarray(plane, dtype=np.float32)


class _Epochs:
    """Where UMAP writes its progress bar, which is the number of epochs behind."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def write(self, text: str) -> None:
        if text.strip().isdecimal():
            self._say("Laying out by UMAP", 0.4 + 0.4 * int(text) / EPOCHS)

    def flush(self) -> None:
        """Nothing is held back."""


def _releases(*libraries: str) -> str:
    return ", ".join(f"{library} {release_of(library)}" for library in libraries)


class _Claimed:
    """The claim file while this process works: kept fresh from a thread of its own."""

    def __init__(self, path: Path, parent: int | None, private: Path | None = None) -> None:
        self._path = path
        self._parent = parent
        self._private = private
        self._claim = Claim(os.getpid(), birth(os.getpid()) or "", "Reading the dataset", 0.0)
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._beat, daemon=True)

    def taken(self) -> bool:
        """Whether the work is this process's; False where another one is at it."""
        own = self._path.with_name(f".tmp-{self._path.name}-{os.getpid()}")
        if not write_text(own, self._claim.text()):
            return True  # nothing can be written, so that nobody can be found either
        prune_cache(self._path.parent, "laying")
        try:
            for _ in range(2):
                with suppress(FileExistsError):
                    os.link(own, self._path)  # only one can: a rename would replace
                    break
                other = read_claim(self._path)
                if other is not None and other.alive(self._path):
                    return False
                self._path.unlink(missing_ok=True)
        except OSError:
            write_text(self._path, self._claim.text())  # a disk without links
        finally:
            own.unlink(missing_ok=True)
        self._watch.start()
        return True

    def say(self, stage: str, share: float) -> None:
        """Tell what is done next; it is written with the next beat."""
        self._claim = replace(self._claim, stage=stage, share=share)

    def end(self, error: str | None = None) -> None:
        """Leave word that the layout is kept, or why there is none."""
        self._over.set()
        if self._watch.is_alive():
            self._watch.join()
        self._claim = replace(self._claim, done=error is None, error=error)
        write_text(self._path, self._claim.text())

    def _beat(self) -> None:
        while True:
            if self._parent is not None and os.getppid() != self._parent:
                self._path.unlink(missing_ok=True)
                os._exit(1)  # the work is for nobody now; the main thread may be in long C code
            if self._private is not None and not self._private.is_dir():
                os._exit(1)  # taken away, and not to be made anew
            if not self._own():
                os._exit(FOLLOW)  # two found a stale claim at once, and the other was the last
            write_text(self._path, self._claim.text())
            if self._over.wait(_BEAT_SECONDS):
                return

    def _own(self) -> bool:
        found = read_claim(self._path)
        return found is None or found.pid == self._claim.pid


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 where a layout stands now, 3 where another process is at it, else 1."""
    parser = argparse.ArgumentParser(description="Lays out the rows of a project by UMAP.")
    parser.add_argument("project")
    parser.add_argument("--private", type=Path, help="keep everything in this folder alone")
    parser.add_argument("--again", action="store_true", help="whatever layout stands")
    parser.add_argument("--into", type=Path, help="write a new layout into this folder")
    parser.add_argument("--claim", type=Path, help="the file that tells the progress")
    parser.add_argument("--parent", type=int, help="end when this process does")
    options = parser.parse_args(arguments)
    if options.claim is None:
        _make(options, lambda stage, share: None)
        return 0
    limit_process(upload_limits() if options.private is not None else None)
    parent = options.parent if os.name == "posix" else None
    claimed = _Claimed(options.claim, parent, options.private)
    if not claimed.taken():
        return FOLLOW
    try:
        _make(options, claimed.say)
    except ChameleonError as error:
        claimed.end(str(error))
        return 1
    except Exception as error:  # whatever it was, the page has to hear of it
        claimed.end(f"The layout failed ({type(error).__name__}): {error}")
        return 1
    claimed.end()
    return 0


def _make(options: argparse.Namespace, say: Say) -> None:
    dataset = evolving_dataset(open_project(options.project, private=options.private))
    if options.into is not None:
        shutil.rmtree(options.into, ignore_errors=True)
        parts = lay_out(dataset, say).parts
        write_folder(options.into, lambda folder: save_parts(folder, parts))
        return
    if not options.again and kept_layout(dataset) is not None:
        return
    if not keep(lay_out(dataset, say), dataset):
        raise ChameleonError("The layout was made but the disk did not take it.")


if __name__ == "__main__":
    sys.exit(main())
