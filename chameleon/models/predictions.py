"""What one model says of rows: a class each, and probabilities where it gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Says:
    """The predictions of one model for all rows of a timeline.

    Attributes
    ----------
    classes
        The classes it can predict.
    predicted
        int of shape (n_rows,): index into `classes`, -1 where it says nothing.
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
