"""Predictions of one model for rows: a class each, and probabilities where it gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chameleon.storage import read_parts, write_parts


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """The predictions of one model for rows.

    Attributes
    ----------
    classes
        The classes it can predict.
    predicted
        int of shape (n_rows,): index into `classes`, -1 where there is no prediction.
    probabilities
        float64 of shape (n_rows, n_classes) with NaN where unknown, or None.
    """

    classes: tuple[str, ...]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None

    def probability_of(
        self, wanted: NDArray[np.int16], names: Sequence[str]
    ) -> NDArray[np.float32]:
        """The probability of one wanted class a row, NaN where there is none.

        Parameters
        ----------
        wanted
            Index into `names` a row; -1 where no class is wanted.
        """
        result = np.full(len(wanted), np.nan, dtype=np.float32)
        if self.probabilities is None:
            return result
        column_of = np.array([*(self._column(name) for name in names), -1])
        columns = column_of[wanted]
        # a class the model never saw has no probability of its own
        rows = np.flatnonzero(columns >= 0)
        result[rows] = self.probabilities[rows, columns[rows]]
        return result

    def probabilities_of_rows(self, rows: NDArray[np.intp]) -> NDArray[np.float64] | None:
        """The probabilities of some rows, shape (n, n_classes)."""
        return None if self.probabilities is None else self.probabilities[rows]

    def _column(self, name: str) -> int:
        return self.classes.index(name) if name in self.classes else -1


class CachedPredictions:
    """Predictions of a model by the hash of a row's features, and what it warned of.

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
        self.warnings = tuple(dict.fromkeys(warnings))
        self.seconds = seconds
        order = np.argsort(hashes)
        self.classes = classes
        self.hashes = hashes[order]
        self.predicted = predicted[order]
        self.probabilities = None if probabilities is None else probabilities[order]

    def of_hashes(self, hashes: NDArray[np.uint64]) -> Predictions:
        """The predictions for rows of these hashes, all of which are cached."""
        places = np.searchsorted(self.hashes, hashes)
        shares = self.probabilities
        return Predictions(
            self.classes, self.predicted[places], None if shares is None else shares[places]
        )

    def joined(self, other: CachedPredictions) -> CachedPredictions:
        """Both together; their rows are disjoint."""
        shares = None
        if self.probabilities is not None and other.probabilities is not None:
            shares = np.concatenate([self.probabilities, other.probabilities])
        return CachedPredictions(
            self.classes,
            np.concatenate([self.hashes, other.hashes]),
            np.concatenate([self.predicted, other.predicted]),
            shares,
            (*self.warnings, *other.warnings),
            self.seconds if other.seconds is None else other.seconds,
        )

    def write(self, target: Path, *, keep: int) -> None:
        """Write all of it into a cached folder."""
        meta = {"classes": self.classes, "warnings": self.warnings, "seconds": self.seconds}
        parts: dict[str, object] = {
            "hashes": self.hashes, "predicted": self.predicted, "meta": meta,
        }  # fmt: skip
        if self.probabilities is not None:
            parts["probabilities"] = self.probabilities
        write_parts(target, parts, keep=keep)


def read_predictions(target: Path) -> CachedPredictions | None:
    """The predictions cached in a folder; None without a whole one."""

    def build(parts: Mapping[str, Any]) -> CachedPredictions:
        meta = parts["meta"]
        return CachedPredictions(
            tuple(meta["classes"]), parts["hashes"], parts["predicted"], parts.get("probabilities"),
            tuple(meta["warnings"]), meta["seconds"],
        )  # fmt: skip

    return read_parts(target, "set of predictions", build)
