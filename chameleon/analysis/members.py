"""The rows of two versions' instances by their role: kept, removed, added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chameleon.data import SPLITS
from chameleon.models import Evaluation
from chameleon.project import Split
from chameleon.selection import Filters, Selection, instance_mask


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Rows of two versions' instances: kept in both, removed, added."""

    old: NDArray[np.int32]
    new: NDArray[np.int32]
    removed: NDArray[np.int32]
    added: NDArray[np.int32]

    @property
    def before(self) -> NDArray[np.int32]:
        """The rows of the first version."""
        return np.concatenate([self.old, self.removed])

    @property
    def after(self) -> NDArray[np.int32]:
        """The rows of the second version."""
        return np.concatenate([self.new, self.added])


def members_of(
    evaluation: Evaluation,
    primary: str,
    secondary: str,
    split: Split | None,
    filters: Filters | None,
) -> Members:
    """The rows of the two versions' instances in a split, as the filters let through."""
    dataset = evaluation.dataset
    first, second = dataset.version_number(secondary), dataset.version_number(primary)
    rows = [dataset.row_of_instance(first), dataset.row_of_instance(second)]
    if filters is not None and not filters.is_empty:
        passing = instance_mask(evaluation, Selection(primary, secondary, filters))
        rows = [np.where(passing, of_version, -1) for of_version in rows]
    if split is not None:
        code = SPLITS.index(Split(split))
        # the row of an absent instance, -1, reads the last row's split: it stays -1 either way
        rows = [np.where(dataset.split[of] == code, of, -1) for of in rows]
    held = [of_version >= 0 for of_version in rows]
    kept = held[0] & held[1]
    return Members(
        old=rows[0][kept],
        new=rows[1][kept],
        removed=rows[0][held[0] & ~kept],
        added=rows[1][held[1] & ~kept],
    )
