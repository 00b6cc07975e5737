"""What is kept of models: what they said, beside the project, and themselves, for this user alone.

Fitted models are never read from a project: reading one runs no code of its file (skops, no
pickle), but the trees of gradient boosting hold raw positions that a stranger's file could abuse.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chameleon.models.predictions import Says
from chameleon.storage import read_folder, tidy, write_folder

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_TRUSTED = ("numpy.dtype", "functools.partial")
"""Beside scikit-learn's own, the types in fitted pipelines that skops asks about."""


class Kept:
    """What a model said, by the hash of a row's features, and what it warned of.

    `seconds` is how long its fit took; None where that was not measured.
    """

    def __init__(
        self,
        classes: tuple[str, ...],
        hashes: NDArray[np.uint64],
        predicted: NDArray[np.int64],
        probabilities: NDArray[np.float64] | None,
        warnings: tuple[str, ...] = (),
        seconds: float | None = None,
    ) -> None:
        self.warnings = warnings
        self.seconds = seconds
        order = np.argsort(hashes)
        self.classes = classes
        self.hashes = hashes[order]
        self.predicted = predicted[order]
        self.probabilities = None if probabilities is None else probabilities[order]

    def says(self, hashes: NDArray[np.uint64]) -> Says:
        """The predictions for rows of these hashes, all of which are kept."""
        places = np.searchsorted(self.hashes, hashes)
        shares = self.probabilities
        return Says(
            self.classes, self.predicted[places], None if shares is None else shares[places]
        )

    def joined(self, other: Kept) -> Kept:
        """Both together; their rows are disjoint."""
        shares = None
        if self.probabilities is not None and other.probabilities is not None:
            shares = np.concatenate([self.probabilities, other.probabilities])
        return Kept(
            self.classes,
            np.concatenate([self.hashes, other.hashes]),
            np.concatenate([self.predicted, other.predicted]),
            shares,
            tuple(dict.fromkeys((*self.warnings, *other.warnings))),
            self.seconds if other.seconds is None else other.seconds,
        )

    def write(self, folder: Path) -> None:
        """Write all of it into an empty folder."""
        np.save(folder / "hashes.npy", self.hashes, allow_pickle=False)
        np.save(folder / "predicted.npy", self.predicted, allow_pickle=False)
        if self.probabilities is not None:
            np.save(folder / "probabilities.npy", self.probabilities, allow_pickle=False)
        meta = {"classes": self.classes, "warnings": self.warnings, "seconds": self.seconds}
        (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def read_kept(folder: Path) -> Kept | None:
    """What is kept in a folder; None where there is none that is whole."""
    return read_folder(folder, _read_kept, "set of predictions")


def _read_kept(folder: Path) -> Kept:
    shares = folder / "probabilities.npy"
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    kept = Kept(
        tuple(meta["classes"]),
        np.load(folder / "hashes.npy", allow_pickle=False),
        np.load(folder / "predicted.npy", allow_pickle=False),
        np.load(shares, allow_pickle=False) if shares.is_file() else None,
        tuple(meta["warnings"]),
        meta["seconds"],
    )
    return kept


def write_model(path: Path, pipeline: Pipeline, seconds: float, *, keep: int) -> None:
    """Keep a fitted model, and how long its fit took, for this user, where skops can write it."""
    import skops.io

    def write(folder: Path) -> None:
        skops.io.dump(
            pipeline, folder / "model.skops", compression=zipfile.ZIP_DEFLATED, compresslevel=1
        )
        (folder / "seconds.json").write_text(json.dumps(seconds), encoding="utf-8")

    try:
        write_folder(path, write)
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        return  # a classifier that skops cannot write is fitted again when it is asked again
    tidy(path.parent, "model", keep=keep)


def read_model(path: Path) -> tuple[Pipeline, float] | None:
    """The fitted model kept in a folder, and how many seconds its fit took; None without one."""
    return read_folder(path, _read_model, "model")


def _read_model(folder: Path) -> tuple[Pipeline, float] | None:
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    file = folder / "model.skops"
    asked = skops.io.get_untrusted_types(file=file)
    trusted = [name for name in asked if name.startswith("sklearn.") or name in _TRUSTED]
    try:
        pipeline: Pipeline = skops.io.load(file, trusted=trusted)
    except UntrustedTypesFoundException:
        return None
    seconds = float(json.loads((folder / "seconds.json").read_text(encoding="utf-8")))
    return pipeline, seconds
