"""Filters by label probabilities and by votes of labelling rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chameleon.data import EvolvingDataset
from chameleon.errors import SelectionError, place_of
from chameleon.project import ABSTAIN, WeakLabels
from chameleon.selection.filters import Filters
from chameleon.selection.view_filters import LabelProbability, VoteChange, Voted


def weak_row_mask(
    dataset: EvolvingDataset, filters: Filters, rows: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """The rows whose votes and label probabilities the filters let through.

    Raises
    ------
    SelectionError
        A rule or class does not exist.
    """
    passing: dict[tuple[str, int], NDArray[np.bool_]] = {}
    nothing = np.zeros(len(rows), dtype=np.bool_)
    for rule, vote in filters.votes:
        weak, number = _rule(dataset, rule)
        found = weak.votes[number, rows] == _class(weak, vote)
        passing["vote", number] = passing.get(("vote", number), nothing) | found
    for one in filters.label_probabilities:
        weak, place = _probability(dataset, one.of_class)
        found = _within(weak.probabilities[place, rows], one)
        passing["probability", place] = passing.get(("probability", place), nothing) | found
    result: NDArray[np.bool_] = np.logical_and.reduce([~nothing, *passing.values()])
    return result


def vote_change_mask(
    dataset: EvolvingDataset, changes: Sequence[VoteChange], *, before: str, after: str
) -> NDArray[np.bool_]:
    """The instances of both versions for which any of these votes changed so.

    Returns
    -------
    bool of shape (n_instances,)

    Raises
    ------
    SelectionError
        A version or rule does not exist.
    """
    first = dataset.row_of_instance(dataset.version_number(before))
    second = dataset.row_of_instance(dataset.version_number(after))
    instance = np.flatnonzero((first >= 0) & (second >= 0))
    mask = np.zeros(dataset.instance_count, dtype=np.bool_)
    for rule, voted in changes:
        weak, number = _rule(dataset, rule)
        votes = weak.votes[number]
        changed = voted_so(votes[first[instance]], votes[second[instance]], Voted(voted))
        mask[instance[changed]] = True
    return mask


def voted_so(
    before: NDArray[np.int16], after: NDArray[np.int16], voted: Voted
) -> NDArray[np.bool_]:
    """Whether each vote changed in that way."""
    abstained, abstains = before == ABSTAIN, after == ABSTAIN
    changed: NDArray[np.bool_] = before != after
    match voted:
        case Voted.STARTED:
            changed &= abstained
        case Voted.STOPPED:
            changed &= abstains
        case Voted.SWITCHED:
            changed &= ~abstained & ~abstains
    return changed


def check_weak_filters(dataset: EvolvingDataset, filters: Filters) -> None:
    """Require that the rules and classes which filters name exist.

    Raises
    ------
    SelectionError
        One does not.
    """
    weak_row_mask(dataset, filters, np.zeros(0, dtype=np.int32))
    for rule, voted in filters.vote_changes:
        _rule(dataset, rule)
        Voted(voted)


def _within(values: NDArray[np.float32], one: LabelProbability) -> NDArray[np.bool_]:
    # bounds are rounded as the stored values were, so that 0.3 lies from 0.3 on
    low, high = np.float32(one.low), np.float32(one.high)
    below = values <= high if high >= 1 else values < high
    inside: NDArray[np.bool_] = (values >= low) & below
    return inside


def _rule(dataset: EvolvingDataset, name: str) -> tuple[WeakLabels, int]:
    weak = dataset.weak
    if weak is None:
        raise SelectionError(f"There is no labelling rule '{name}' in this dataset.")
    return weak, place_of(name, weak.rules, "labelling rule")


def _class(weak: WeakLabels, name: str | None) -> int:
    if name is None:
        return ABSTAIN
    return place_of(name, weak.classes, "class")


def _probability(dataset: EvolvingDataset, name: str) -> tuple[WeakLabels, int]:
    weak = dataset.weak
    if weak is not None:
        for place, code in enumerate(weak.codes.tolist()):
            if weak.classes[code] == name:
                return weak, place
    raise SelectionError(f"There are no label probabilities of a class '{name}' in this dataset.")
