"""The matching instances as a table: a page of it, all of it, and its groups."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import EVERYTHING, of_selection
from chameleon.analysis.sensitivities import COURSES, History, known_changes
from chameleon.analysis.values import (
    DAY,
    Codes,
    Counts,
    Mask,
    Rows,
    id_column,
    id_ranks,
    named_column,
    role_column,
    text_ranks,
    value_column,
)
from chameleon.counting import INCORRECT, OUTCOMES, UNKNOWN
from chameleon.data import EvolvingDataset
from chameleon.errors import Option, SelectionError
from chameleon.models import Evaluation
from chameleon.project import Kind
from chameleon.selection import Selection, held_rows, instance_mask
from chameleon.storage import MemoryCache, csv_text

SIDES = ("both", "primary", "secondary")
_GALLERY_PLACES = np.array([{INCORRECT: 0, UNKNOWN: 1}.get(k, 2) for k in range(len(OUTCOMES))])
_histories: MemoryCache[Evaluation, str, Counts] = MemoryCache(3)

COLUMNS = (
    "instance", "label", "split", "source", "date", "side", "primary_prediction",
    "secondary_prediction", "primary_probability_of_label", "primary_probability",
    "secondary_probability_of_label", "secondary_probability", "primary_outcome",
    "secondary_outcome", "strip", "course", "changes", "versions",
)  # fmt: skip
"""The columns of every table of instances, before the features."""


@dataclass(frozen=True, slots=True, eq=False)
class MatchingInstances:
    """The matching instances and the rows they are read from, in the dataset's order.

    `first` and `second` are the places of the primary and the secondary version. Arrays have one
    entry per instance: its number, the `row` it is read from (the primary's, else the secondary's),
    the `second_row` that the secondary's model predicts (the secondary's, else the primary's), and
    `side`, the versions that contain it, as an index into `SIDES`.
    """

    first: int
    second: int
    instance: Rows
    row: Rows
    second_row: Rows
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
    """The instances of either side that match the filters."""
    dataset = evaluation.dataset
    first = dataset.version_number(selection.primary)
    second = dataset.version_number(selection.secondary)
    matching = instance_mask(evaluation, selection)
    if not (selection.primary_only.is_empty and selection.secondary_only.is_empty):
        either = np.zeros_like(matching)
        for side in held_rows(evaluation, selection):
            either[dataset.instance[side]] = True
        matching = matching & either
    instance = np.flatnonzero(matching).astype(np.int32)
    own = dataset.row_of_instance(first)[instance]
    other = dataset.row_of_instance(second)[instance]
    held_by = np.where(own < 0, 2, np.where(other < 0, 1, 0)).astype(np.uint8)
    row, second_row = np.where(own < 0, other, own), np.where(other < 0, own, other)
    return MatchingInstances(first, second, instance, row, second_row, held_by)


def found_places(evaluation: Evaluation, held: MatchingInstances, search: str) -> NDArray[np.intp]:
    """The places of the instances that contain a text, whatever its case.

    Searched are the id, the label, both predictions, the source, and all text features.
    """
    if not search:
        return np.arange(len(held.instance))
    dataset = evaluation.dataset
    classes = _containing(pl.Series(evaluation.classes, dtype=pl.String), search)
    found = _containing(dataset.instance_ids, search)[held.instance]
    found |= classes[dataset.label[held.row]]  # the dataset's classes are the first
    found |= classes[evaluation.predicted[held.first, held.row]]
    found |= classes[evaluation.predicted[held.second, held.second_row]]
    sources = _containing(pl.Series(dataset.sources, dtype=pl.String), search)
    found |= sources[dataset.source[held.row]]
    for number, feature in enumerate(dataset.features):
        if feature.kind is Kind.TEXT:
            texts = _containing(dataset.texts[feature.name], search)
            if texts.any():
                values = np.asarray(dataset.values[number])[held.row]
                found |= texts[np.where(np.isnan(values), -1, values).astype(np.int64)]
    return np.flatnonzero(found)


def _containing(texts: pl.Series, search: str) -> Mask:
    """A mask of the texts that contain the search, with one more entry for the missing text."""
    wanted = pl.Series([search]).str.to_lowercase()[0]
    lowered = texts.alias("").str.to_lowercase()
    holding = lowered.str.contains(wanted, literal=True).fill_null(value=False).to_numpy()
    return np.append(holding, False)


def ordered_places(
    evaluation: Evaluation, held: MatchingInstances, order_by: str, *, descending: bool
) -> NDArray[np.intp]:
    """The places of the instances in an order; ties by id, missing values last either way."""
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
    """One number per instance; negative integers, NaN and NaT are missing."""
    dataset = evaluation.dataset
    sides: Mapping[str, tuple[int, Rows]] = {
        "primary": (held.first, held.row),
        "secondary": (held.second, held.second_row),
    }
    side_name, _, asked = order_by.partition("_")
    arrays: Mapping[str, NDArray[Any]] = {
        "prediction": evaluation.predicted,
        "probability_of_label": evaluation.probability_of_label,
        "probability": evaluation.probability_of_prediction,
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
        case "strip" | "course" | "changes" | "versions":
            return _history_key(evaluation, held, order_by)
        case "errors":
            return _gallery_key(evaluation, held)
    number = feature_columns(dataset).get(order_by)
    if number is None:
        raise SelectionError(
            f"There is no column '{order_by}' to sort instances by.", column=order_by
        )
    return _feature_key(dataset, number, held.row)


def _integers(values: NDArray[Any]) -> NDArray[Any]:
    """Small codes as int64, so that they can be mirrored; others unchanged."""
    return values.astype(np.int64) if values.dtype.kind in "ui" else values


def _gallery_key(evaluation: Evaluation, held: MatchingInstances) -> Counts:
    """Incorrect, unknown, correct; in each by label, then by prediction."""
    outcome = evaluation.outcome[held.first, held.row]
    place = _GALLERY_PLACES[outcome].astype(np.int64)
    width = len(evaluation.classes) + 1  # -1, nothing known, comes first
    label = evaluation.dataset.label[held.row].astype(np.int64) + 1
    prediction = evaluation.predicted[held.first, held.row].astype(np.int64) + 1
    return np.asarray((place * width + label) * width + prediction)


def _feature_key(dataset: EvolvingDataset, number: int, rows: Rows) -> NDArray[Any]:
    values = np.asarray(dataset.values[number])[rows]
    feature = dataset.features[number]
    if feature.kind is not Kind.TEXT:
        return values
    rank = text_ranks(dataset, feature.name)
    return np.append(rank, -1)[np.where(np.isnan(values), -1, values).astype(np.int64)]


def feature_columns(dataset: EvolvingDataset) -> dict[str, int]:
    """The features by the names of their columns: a taken name gets " (feature)"."""
    result: dict[str, int] = {}
    own = {feature.name for feature in dataset.features}
    for number, feature in enumerate(dataset.features):
        name = feature.name
        while name in COLUMNS or (name != feature.name and name in own) or name in result:
            name += " (feature)"
        result[name] = number
    return result


class TableForm(Option):
    """The file formats of a table of instances."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class InstancePage:
    """A part of the matching instances, in an order.

    `frame` is that of `instances`; `found` counts the instances that match filters and search,
    which is the length of all pages together, and `of` those that match the filters.
    """

    frame: pl.DataFrame
    found: int
    of: int


@of_selection(*EVERYTHING)
def instances(
    evaluation: Evaluation,
    selection: Selection,
    *,
    search: str | None = None,
    order_by: str = "instance",
    descending: bool = False,
    offset: int = 0,
    limit: int | None = 100,
    features: Sequence[str] | None = None,
) -> InstancePage:
    """A page of the matching instances of the primary or the secondary version.

    An instance is read from its row in the primary version, else from its row in the secondary one.
    Each version's model predicts that version's own row, else the row read. `search` is a text that
    must occur, whatever its case, in the id, the label, a prediction, the source, or a text
    feature. `order_by` is a column of the frame, a feature that need not be shown, or "errors":
    incorrect predictions of the primary first, then unknown, then correct ones, each by label and
    prediction. Missing values are last in either direction; ties are in the order of their ids, so
    that pages neither repeat nor lose one.

    Columns: instance (its id), label, split, source, date, side ("both", "primary" or "secondary":
    the versions that contain it), primary_prediction, secondary_prediction,
    primary_probability_of_label, primary_probability, secondary_probability_of_label,
    secondary_probability, primary_outcome, secondary_outcome ("correct", "incorrect",
    "unknown"), strip (a sign per version, old to new: ✓ correct, ✗ incorrect, ? unknown; v, x and ·
    where the version lacks the instance and its nearest row is predicted), course (none, lasting
    improvement, lasting regression, flicker), changes (of the outcome over all versions, as in
    `sensitivity`; null with fewer than two known outcomes), versions (the number that contain it);
    then one column per feature, named " (feature)" where it has the name of another column.
    """
    if offset < 0 or (limit is not None and limit < 0):
        raise ValueError("offset and limit count instances and can't be negative")
    dataset = evaluation.dataset
    shown = _asked_columns(dataset, features)
    held = matching_instances(evaluation, selection)
    found = held.at(found_places(evaluation, held, search or ""))
    order = ordered_places(evaluation, found, order_by, descending=descending)
    stop = None if limit is None else offset + limit
    page = found.at(order[offset:stop])
    columns = [*_own_columns(evaluation, page)]
    columns += [value_column(dataset, shown[name], page.row).alias(name) for name in shown]
    frame = pl.DataFrame({column.name: column for column in columns})  # a list would name ""
    return InstancePage(frame, len(found.instance), len(held.instance))


@of_selection(*EVERYTHING)
def instance_file(
    evaluation: Evaluation,
    selection: Selection,
    form: TableForm,
    *,
    search: str | None = None,
    order_by: str = "instance",
    descending: bool = False,
    features: Sequence[str] | None = None,
) -> bytes:
    """All instances that match filters and search, as the content of a CSV or Parquet file.

    Columns, order, and arguments are those of `instances`. In CSV, texts and column names that a
    spreadsheet would take for a formula begin with an apostrophe; Parquet has them unchanged.
    """
    frame = instances(
        evaluation, selection, search=search, order_by=order_by, descending=descending, limit=None,
        features=features,
    ).frame  # fmt: skip
    if TableForm(form) is TableForm.CSV:
        return csv_text(frame).encode()
    content = io.BytesIO()
    frame.write_parquet(content)
    return content.getvalue()


@of_selection(*EVERYTHING)
def instance_groups(
    evaluation: Evaluation, selection: Selection, *, search: str | None = None
) -> pl.DataFrame:
    """Counts of instances by true and predicted class, in the order "errors" of `instances`.

    Columns: outcome (under the primary), label, primary_prediction (null without one), instances,
    offset (the place of the group's first instance in that order).
    """
    held = matching_instances(evaluation, selection)
    held = held.at(found_places(evaluation, held, search or ""))
    outcome = evaluation.outcome[held.first, held.row]
    keys = pl.DataFrame(
        {
            "place": _GALLERY_PLACES[outcome],
            "label": evaluation.dataset.label[held.row],
            "prediction": evaluation.predicted[held.first, held.row],
            "outcome": outcome,
        }
    )
    counted = keys.group_by(pl.all()).agg(instances=pl.len().cast(pl.Int64))
    counted = counted.sort("place", "label", "prediction")
    classes = evaluation.classes
    return pl.DataFrame(
        [
            named_column("outcome", OUTCOMES, counted["outcome"].to_numpy()),
            named_column("label", classes, counted["label"].to_numpy()),
            named_column("primary_prediction", classes, counted["prediction"].to_numpy()),
            counted["instances"],
            (counted["instances"].cum_sum() - counted["instances"]).alias("offset"),
        ]
    )


def _asked_columns(dataset: EvolvingDataset, features: Sequence[str] | None) -> dict[str, int]:
    columns = feature_columns(dataset)
    if features is None:
        return columns
    wanted = [dataset.feature_number(name) for name in dict.fromkeys(features)]
    named = {number: name for name, number in columns.items()}
    return {named[number]: number for number in wanted}


def _own_columns(evaluation: Evaluation, page: MatchingInstances) -> list[pl.Series]:
    dataset = evaluation.dataset
    history = History.of(evaluation, page.instance)
    changes = pl.Series("changes", known_changes(evaluation, page.instance))
    asked = {"primary": (page.first, page.row), "secondary": (page.second, page.second_row)}
    predictions, probabilities, outcomes = [], [], []
    for side, at in asked.items():
        name = f"{side}_prediction"
        predictions.append(named_column(name, evaluation.classes, evaluation.predicted[at]))
        for column, of in (
            ("probability_of_label", evaluation.probability_of_label),
            ("probability", evaluation.probability_of_prediction),
        ):
            name = f"{side}_{column}"
            probabilities.append(pl.Series(name, of[at], dtype=pl.Float32, nan_to_null=True))
        outcomes.append(named_column(f"{side}_outcome", OUTCOMES, evaluation.outcome[at]))
    return [
        id_column(dataset, page.instance),
        *(role_column(dataset, by, page.row) for by in ("label", "split", "source")),
        instance_dates(dataset, page.row),
        named_column("side", SIDES, page.side),
        *predictions,
        *probabilities,
        *outcomes,
        history.strips(),
        named_column("course", COURSES, history.courses()),
        changes.set(changes < 0, None),
        pl.Series("versions", history.own.sum(axis=0), dtype=pl.Int64),
    ]


def instance_dates(dataset: EvolvingDataset, rows: Codes) -> pl.Series:
    """The dates of rows: days where all dates of the dataset are."""
    known = dataset.date[~np.isnat(dataset.date)].astype(np.int64)
    moments = pl.Series("date", dataset.date[rows], dtype=pl.Datetime("us"))
    return moments.cast(pl.Date) if (known % DAY == 0).all() else moments


def _history_key(evaluation: Evaluation, held: MatchingInstances, order_by: str) -> NDArray[Any]:
    if order_by == "changes":
        return known_changes(evaluation, held.instance)

    def find() -> Counts:
        history = History.of(evaluation, np.arange(evaluation.dataset.instance_count))
        if order_by == "versions":
            return np.asarray(history.own.sum(axis=0), dtype=np.int64)
        if order_by == "course":
            return history.courses()
        codes = np.ascontiguousarray(history.codes().T + 1, dtype=np.uint8)
        texts = codes.view(f"S{codes.shape[1]}")[:, 0]
        return np.unique(texts, return_inverse=True)[1].astype(np.int64)

    return _histories.recall(evaluation, order_by, find)[held.instance]
