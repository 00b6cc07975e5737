"""Masks of the instances that a step changed in one way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chameleon.data import EvolvingDataset, Pair, pair_of
from chameleon.errors import SelectionError
from chameleon.selection.view_filters import DataChange, Happened


def changed_instances_mask(
    dataset: EvolvingDataset, change: DataChange, *, before: str, after: str
) -> NDArray[np.bool_]:
    """The instances to which it happened in the step; bool of shape (n_instances,).

    Raises
    ------
    SelectionError
        A version or the feature does not exist.
    """
    pair = pair_of(dataset, before=before, after=after)
    mask = np.zeros(dataset.instance_count, dtype=np.bool_)
    mask[dataset.instance[rows_of_change(dataset, pair, change)]] = True
    return mask


def rows_of_change(dataset: EvolvingDataset, pair: Pair, change: DataChange) -> NDArray[np.int32]:
    """A row of every instance to which it happened: that of `after`, or of `before` where removed.

    Raises
    ------
    SelectionError
        The change or the feature does not exist.
    """
    check_change(dataset, change)
    match change.happened:
        case Happened.ADDED:
            return pair.added
        case Happened.REMOVED:
            return pair.removed
    return pair.new[kept_of_change(dataset, pair, change)]


def check_change(dataset: EvolvingDataset, change: DataChange) -> None:
    """Require that a change, and the feature it names, exist.

    Raises
    ------
    SelectionError
        One doesn't, or a feature is named where nothing was edited.
    """
    happened = Happened(change.happened)
    if change.feature is not None:
        dataset.feature_number(change.feature)
        if happened is not Happened.EDITED:
            raise SelectionError(f"Only 'edited' names a feature, not '{happened}'.")


def kept_of_change(dataset: EvolvingDataset, pair: Pair, change: DataChange) -> NDArray[np.bool_]:
    """The kept instances to which it happened; bool of shape (n_kept,)."""
    match change.happened:
        case Happened.RELABELLED:
            return pair.relabeled
        case Happened.LABELLED:
            unlabelled: NDArray[np.bool_] = pair.relabeled & (dataset.label[pair.old] < 0)
            return unlabelled
        case Happened.EDITED if change.feature is not None:
            return pair.edited_in(dataset.feature_number(change.feature))
        case Happened.EDITED:
            return pair.edited
        case Happened.MOVED:
            return pair.changed_split
        case Happened.UNCHANGED:
            return pair.unchanged
    return np.zeros(len(pair.old), dtype=np.bool_)
