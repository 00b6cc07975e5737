"""How many instances the filters leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chameleon.analysis.arguments import EVERYTHING, of_selection
from chameleon.counting import CORRECT, UNKNOWN
from chameleon.data import SPLITS
from chameleon.models import Evaluation
from chameleon.selection import Selection, held_rows, instance_mask


@dataclass(frozen=True, slots=True)
class Selected:
    """Instances that pass the filters, of all that the primary or secondary side holds.

    Attributes
    ----------
    instances, of
        Instances held by at least one of both versions.
    primary, of_primary, secondary, of_secondary
        The same for each version alone.
    by_split
        Passing instances of the primary and of the secondary version, by split.
    outcomes
        For the primary and for the secondary side, whatever the filters: by split how many
        instances its own model gets right, and for how many the outcome is known.
    """

    instances: int
    of: int
    primary: int
    of_primary: int
    secondary: int
    of_secondary: int
    by_split: Mapping[str, tuple[int, int]]
    outcomes: tuple[Mapping[str, tuple[int, int]], Mapping[str, tuple[int, int]]]


@of_selection(*EVERYTHING)
def selected(evaluation: Evaluation, selection: Selection) -> Selected:
    """How many instances pass the filters of a selection."""
    dataset = evaluation.dataset
    through = instance_mask(evaluation, selection)
    sides = held_rows(evaluation, selection)
    either = np.zeros(dataset.instance_count, dtype=np.bool_)
    held: list[int] = []
    passing: list[NDArray[np.intp]] = []
    for side in sides:
        rows = np.flatnonzero(side)
        either[dataset.instance[rows]] = True
        held.append(len(rows))
        passing.append(rows[through[dataset.instance[rows]]])
    splits = [np.bincount(dataset.split[rows], minlength=len(SPLITS)).tolist() for rows in passing]
    return Selected(
        instances=int((through & either).sum()),
        of=int(either.sum()),
        primary=len(passing[0]),
        of_primary=held[0],
        secondary=len(passing[1]),
        of_secondary=held[1],
        outcomes=(
            _outcomes(evaluation, selection.primary, sides[0]),
            _outcomes(evaluation, selection.secondary, sides[1]),
        ),
        by_split={split.value: (splits[0][k], splits[1][k]) for k, split in enumerate(SPLITS)},
    )


def _outcomes(
    evaluation: Evaluation, name: str, side: NDArray[np.bool_]
) -> dict[str, tuple[int, int]]:
    """By split, how many of a side's instances its model gets right, and of how many known."""
    rows = np.flatnonzero(side)
    outcome = evaluation.outcome[evaluation.dataset.version_number(name), rows]
    result: dict[str, tuple[int, int]] = {}
    for code, split in enumerate(SPLITS):
        own = outcome[evaluation.dataset.split[rows] == code]
        result[split.value] = int((own == CORRECT).sum()), int((own != UNKNOWN).sum())
    return result
