"""The instances behind the filters: the row each is read from, in which order, found by a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.sensitivities import History, known_changes
from chameleon.counting import INCORRECT, UNKNOWN
from chameleon.data import EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.models import Evaluation
from chameleon.project import Kind
from chameleon.selection import Selection, held_rows, instance_mask

SIDES = ("both", "primary", "secondary")

COLUMNS = (
    "instance", "label", "split", "source", "date", "side", "primary_prediction",
    "secondary_prediction", "primary_probability_of_label", "primary_probability_of_prediction",
    "secondary_probability_of_label", "secondary_probability_of_prediction", "primary_outcome",
    "secondary_outcome", "strip", "course", "changes", "held_in",
)  # fmt: skip
"""The columns of every table of instances, before those of features."""

_ranks: WeakKeyDictionary[EvolvingDataset, dict[str, NDArray[np.int64]]] = WeakKeyDictionary()
_histories: WeakKeyDictionary[Evaluation, dict[str, NDArray[np.int64]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class MatchingInstances:
    """The instances behind the filters and the rows they are read from.

    All arrays have one entry an instance, in the order of the dataset's instances.

    Attributes
    ----------
    first, second
        The places of the primary and the secondary version.
    instance
        The instance's number.
    row
        The row it is read from: the primary's, else the secondary's.
    second_row
        The row that the secondary's model is asked of: the secondary's, else the primary's.
    side
        Which version holds it, as an index into `SIDES`.
    """

    first: int
    second: int
    instance: NDArray[np.int32]
    row: NDArray[np.int32]
    second_row: NDArray[np.int32]
    side: NDArray[np.uint8]

    def at(self, places: NDArray[np.intp]) -> MatchingInstances:
        """Some of the instances, in that order."""
        return replace(
            self,
            instance=self.instance[places],
            row=self.row[places],
            second_row=self.second_row[places],
            side=self.side[places],
        )


def matching_instances(evaluation: Evaluation, selection: Selection) -> MatchingInstances:
    """The instances that either side holds and the filters let through."""
    dataset = evaluation.dataset
    first = dataset.version_number(selection.primary)
    second = dataset.version_number(selection.secondary)
    through = instance_mask(evaluation, selection)
    if not (selection.primary_only.is_empty and selection.secondary_only.is_empty):
        either = np.zeros_like(through)
        for side in held_rows(evaluation, selection):
            either[dataset.instance[side]] = True
        through = through & either
    instance = np.flatnonzero(through).astype(np.int32)
    own = dataset.row_of_instance(first)[instance]
    other = dataset.row_of_instance(second)[instance]
    held_by = np.where(own < 0, 2, np.where(other < 0, 1, 0)).astype(np.uint8)
    row, second_row = np.where(own < 0, other, own), np.where(other < 0, own, other)
    return MatchingInstances(first, second, instance, row, second_row, held_by)


def found_places(evaluation: Evaluation, held: MatchingInstances, search: str) -> NDArray[np.intp]:
    """The places of the instances in which a text occurs, whatever its case.

    Looked through are the id, the label, both predictions, the source and all text features.
    """
    if not search:
        return np.arange(len(held.instance))
    dataset = evaluation.dataset
    classes = _holding(pl.Series(evaluation.classes, dtype=pl.String), search)
    found = _holding(dataset.instance_ids, search)[held.instance]
    found |= classes[dataset.label[held.row]]  # the dataset's classes are the first
    found |= classes[evaluation.predicted[held.first, held.row]]
    found |= classes[evaluation.predicted[held.second, held.second_row]]
    sources = _holding(pl.Series(dataset.sources, dtype=pl.String), search)
    found |= sources[dataset.source[held.row]]
    for number, feature in enumerate(dataset.features):
        if feature.kind is Kind.TEXT:
            texts = _holding(dataset.texts[feature.name], search)
            if texts.any():
                values = np.asarray(dataset.values[number])[held.row]
                found |= texts[np.where(np.isnan(values), -1, values).astype(np.int64)]
    return np.flatnonzero(found)


def _holding(texts: pl.Series, search: str) -> NDArray[np.bool_]:
    """A mask of the texts that contain the search, with one more entry for the missing text."""
    wanted = pl.Series([search]).str.to_lowercase()[0]
    lowered = texts.alias("").str.to_lowercase()
    holding = lowered.str.contains(wanted, literal=True).fill_null(value=False).to_numpy()
    return np.append(holding, False)


def ordered_places(
    evaluation: Evaluation, held: MatchingInstances, order_by: str, *, descending: bool
) -> NDArray[np.intp]:
    """The places of the instances in an order; ties in the order of their ids.

    What has no value stands last in either direction.
    """
    key = _order_key(evaluation, held, order_by)
    if key.dtype.kind == "M":
        missing, key = np.isnat(key), key.astype(np.int64)
    else:
        missing = np.isnan(key) if key.dtype.kind == "f" else key < 0
    by_id = np.argsort(id_ranks(evaluation.dataset)[held.instance])
    missing, key = missing[by_id], key[by_id]
    known = by_id[~missing]
    key = -key[~missing] if descending else key[~missing]  # mirrored, so that ties keep their order
    return np.concatenate([known[np.argsort(key, kind="stable")], by_id[missing]])


def _order_key(evaluation: Evaluation, held: MatchingInstances, order_by: str) -> NDArray[Any]:
    """One number an instance; negative integers, NaN and NaT are missing."""
    dataset = evaluation.dataset
    sides: Mapping[str, tuple[int, NDArray[np.int32]]] = {
        "primary": (held.first, held.row),
        "secondary": (held.second, held.second_row),
    }
    side_name, _, asked = order_by.partition("_")
    arrays: Mapping[str, NDArray[Any]] = {
        "prediction": evaluation.predicted,
        "probability_of_label": evaluation.probability_of_label,
        "probability_of_prediction": evaluation.probability_of_prediction,
        "outcome": evaluation.outcome,
    }
    if side_name in sides and asked in arrays:
        return _integers(arrays[asked][sides[side_name]])
    match order_by:
        case "instance":
            return id_ranks(dataset)[held.instance]
        case "label" | "split" | "source" | "date":
            return _integers(getattr(dataset, order_by)[held.row])
        case "side":
            return _integers(held.side)
        case "strip" | "course" | "changes" | "held_in":
            return _history_key(evaluation, held, order_by)
        case "errors":
            return _gallery_key(evaluation, held)
    number = feature_columns(dataset).get(order_by)
    if number is None:
        raise SelectionError(f"There is no column '{order_by}' to order instances by.")
    return _feature_key(dataset, number, held.row)


def _integers(values: NDArray[Any]) -> NDArray[Any]:
    """Small codes as int64, so that they can be mirrored; the rest as it is."""
    return values.astype(np.int64) if values.dtype.kind in "ui" else values


def _history_key(evaluation: Evaluation, held: MatchingInstances, order_by: str) -> NDArray[Any]:
    if order_by == "changes":
        return known_changes(evaluation, held.instance)
    kept = _histories.setdefault(evaluation, {})
    if order_by not in kept:  # of all instances: computed once for an evaluation
        history = History.of(evaluation, np.arange(evaluation.dataset.instance_count))
        if order_by == "held_in":
            kept[order_by] = history.own.sum(axis=0)
        elif order_by == "course":
            kept[order_by] = history.courses()
        else:
            codes = np.ascontiguousarray(history.codes().T + 1, dtype=np.uint8)
            texts = codes.view(f"S{codes.shape[1]}")[:, 0]
            kept[order_by] = np.unique(texts, return_inverse=True)[1].astype(np.int64)
    return kept[order_by][held.instance]


def _gallery_key(evaluation: Evaluation, held: MatchingInstances) -> NDArray[np.int64]:
    """Incorrect, unknown, correct; in each by label, then by prediction."""
    outcome = evaluation.outcome[held.first, held.row]
    place = np.where(outcome == INCORRECT, 0, np.where(outcome == UNKNOWN, 1, 2)).astype(np.int64)
    width = len(evaluation.classes) + 1  # -1, nothing known, comes first
    label = evaluation.dataset.label[held.row].astype(np.int64) + 1
    prediction = evaluation.predicted[held.first, held.row].astype(np.int64) + 1
    return np.asarray((place * width + label) * width + prediction)


def _feature_key(dataset: EvolvingDataset, number: int, rows: NDArray[np.int32]) -> NDArray[Any]:
    values = np.asarray(dataset.values[number])[rows]
    feature = dataset.features[number]
    if feature.kind is not Kind.TEXT:
        return values
    rank = _text_ranks(dataset, f"feature {feature.name}", dataset.texts[feature.name])
    return np.append(rank, -1)[np.where(np.isnan(values), -1, values).astype(np.int64)]


def id_ranks(dataset: EvolvingDataset) -> NDArray[np.int64]:
    """Each instance's place in the order of the ids, which people read lists in."""
    ids = dataset.instance_ids
    numbers = ids.cast(pl.Int64, strict=False)
    if len(ids) and not numbers.null_count():  # 10 after 9
        return _text_ranks(dataset, "ids", numbers)
    return _text_ranks(dataset, "ids", ids)


def _text_ranks(dataset: EvolvingDataset, name: str, texts: pl.Series) -> NDArray[np.int64]:
    """Each text's place in the order of all; computed once for a dataset."""
    kept = _ranks.setdefault(dataset, {})
    if name not in kept:
        ranks = np.empty(len(texts), dtype=np.int64)
        ranks[texts.arg_sort().to_numpy()] = np.arange(len(texts))
        kept[name] = ranks
    return kept[name]


def feature_columns(dataset: EvolvingDataset) -> dict[str, int]:
    """The features by the names of their columns: a name that is taken gets " (feature)"."""
    result: dict[str, int] = {}
    own = {feature.name for feature in dataset.features}
    for number, feature in enumerate(dataset.features):
        name = feature.name
        while name in COLUMNS or (name != feature.name and name in own) or name in result:
            name += " (feature)"
        result[name] = number
    return result
