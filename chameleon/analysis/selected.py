"""How many instances the filters leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chameleon.models import Evaluation
from chameleon.selection import Selection, instance_mask


@dataclass(frozen=True, slots=True)
class Selected:
    """Instances that pass the filters, of all that primary or secondary version hold.

    Attributes
    ----------
    instances, of
        Instances held by at least one of both versions.
    primary, of_primary, secondary, of_secondary
        The same for each version alone.
    """

    instances: int
    of: int
    primary: int
    of_primary: int
    secondary: int
    of_secondary: int


def selected(evaluation: Evaluation, selection: Selection) -> Selected:
    """How many instances pass the filters of a selection."""
    dataset = evaluation.dataset
    through = instance_mask(evaluation, selection)
    held = []
    for name in (selection.primary, selection.secondary):
        mask = np.zeros(dataset.instance_count, dtype=np.bool_)
        mask[dataset.instance[dataset.rows_of(dataset.version_number(name))]] = True
        held.append(mask)
    either = held[0] | held[1]
    return Selected(
        instances=int((through & either).sum()),
        of=int(either.sum()),
        primary=int((through & held[0]).sum()),
        of_primary=int(held[0].sum()),
        secondary=int((through & held[1]).sum()),
        of_secondary=int(held[1].sum()),
    )
