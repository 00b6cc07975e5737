"""The instances behind the filters as a table: a page of it, all of it, and its groups."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.instance_order import (
    SIDES,
    MatchingInstances,
    feature_columns,
    found_places,
    matching_instances,
    ordered_places,
)
from chameleon.analysis.matching import EVERYTHING, of_selection
from chameleon.analysis.sensitivities import COURSES, History, known_changes
from chameleon.analysis.values import SPLIT_NAMES, named_column
from chameleon.counting import INCORRECT, OUTCOMES, UNKNOWN
from chameleon.data import EvolvingDataset
from chameleon.errors import Option
from chameleon.models import Evaluation
from chameleon.project import EXACT_INTEGER, Kind
from chameleon.selection import Selection
from chameleon.storage import csv_text

_DAY = 86_400_000_000
_whole: WeakKeyDictionary[EvolvingDataset, dict[int, bool]] = WeakKeyDictionary()


class TableForm(Option):
    """The forms in which a table of instances is handed out."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class InstancePage:
    """Some of the instances behind the filters, in an order.

    Attributes
    ----------
    frame
        The instances of the page, as `instances` says.
    found
        How many instances pass the filters and the search: the length of all pages together.
    of
        How many pass the filters, searched or not.
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
    """A page of the instances that the primary or the secondary version holds, behind the filters.

    An instance is read from its row in the primary version, else from its row in the secondary
    one. Each version's model is asked of that version's own row, else of the row read.

    Parameters
    ----------
    search
        A text that must occur, whatever its case, in the id, the label, a prediction, the source or
        a text feature.
    order_by
        A column of the frame, a feature that need not be shown, or "errors": what the primary gets
        wrong first, then what is unknown, then what it gets right, each by label and prediction.
    descending
        The largest first. What has no value stands last either way; ties stay in the order of
        their ids, so that pages neither repeat nor lose one.
    offset, limit
        From which instance on, and how many; None gives all that follow.
    features
        The features to show, by name; None gives all.

    Returns
    -------
    InstancePage
        `found`, `of`, and `frame`: instance (its id), label, split, source, date, side ("both",
        "primary" or "secondary": which of the two versions holds it), primary_prediction,
        secondary_prediction, primary_probability_of_label, primary_probability_of_prediction,
        secondary_probability_of_label, secondary_probability_of_prediction, primary_outcome,
        secondary_outcome ("correct", "incorrect", "unknown"), strip (a sign a version, old to new:
        ✓ correct, ✗ incorrect, ? unknown; v, x and · where the version lacks the instance and its
        nearest row is asked), course (none, lasting improvement, lasting regression, flicker),
        changes (of the outcome over all versions, as `sensitivity` counts them; null with fewer
        than two known outcomes), held_in (how many versions hold it); then a column a feature with
        the values as they are: numbers, booleans, dates (with times where any has one), texts. A
        feature whose name is one of these columns has " (feature)" behind it.
    """
    if offset < 0 or (limit is not None and limit < 0):
        raise ValueError("offset and limit count instances: they cannot be negative")
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
    """All instances that pass filters and search, as the content of a CSV or Parquet file.

    Columns, order and arguments are those of `instances`. In CSV, texts and column names that a
    spreadsheet would take for a formula begin with an apostrophe; Parquet holds them as they are.
    """
    frame = instances(
        evaluation,
        selection,
        search=search,
        order_by=order_by,
        descending=descending,
        limit=None,
        features=features,
    ).frame
    if TableForm(form) is TableForm.CSV:
        return csv_text(frame).encode()
    content = io.BytesIO()
    frame.write_parquet(content)
    return content.getvalue()


@of_selection(*EVERYTHING)
def instance_groups(
    evaluation: Evaluation, selection: Selection, *, search: str | None = None
) -> pl.DataFrame:
    """How many instances have each true and predicted class, in the order "errors" of `instances`.

    Returns
    -------
    pl.DataFrame
        outcome (under the primary), label, primary_prediction (null where there is none),
        instances, offset (the place of the group's first instance in that order).
    """
    held = matching_instances(evaluation, selection)
    held = held.at(found_places(evaluation, held, search or ""))
    outcome = evaluation.outcome[held.first, held.row]
    keys = pl.DataFrame(
        {
            "place": np.where(outcome == INCORRECT, 0, np.where(outcome == UNKNOWN, 1, 2)),
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
            named_column(
                "primary_prediction", evaluation.classes, counted["prediction"].to_numpy()
            ),
            counted["instances"],
            (counted["instances"].cum_sum() - counted["instances"]).alias("offset"),
        ]
    )


def value_column(dataset: EvolvingDataset, number: int, rows: NDArray[np.integer]) -> pl.Series:
    """A feature's values of some rows in their own type, null where missing.

    Whole numbers are Int64 where all values of the feature are.
    """
    feature = dataset.features[number]
    values = pl.Series(feature.name, np.asarray(dataset.values[number])[rows], nan_to_null=True)
    match feature.kind:
        case Kind.TEXT:
            return dataset.texts[feature.name].gather(values.cast(pl.UInt32)).alias(feature.name)
        case Kind.BOOLEAN:
            return values.cast(pl.Boolean)
        case Kind.DATE:
            return _dates(values.cast(pl.Int64), days=_all_multiples(dataset, number, _DAY))
    return values.cast(pl.Int64) if _all_multiples(dataset, number, 1) else values


def _dates(microseconds: pl.Series, *, days: bool) -> pl.Series:
    moments = microseconds.cast(pl.Datetime("us"))
    return moments.cast(pl.Date) if days else moments


def _all_multiples(dataset: EvolvingDataset, number: int, unit: int) -> bool:
    """Return True if all values of the feature, in any version, are exact multiples of the unit."""
    kept = _whole.setdefault(dataset, {})
    if number not in kept:
        values = np.asarray(dataset.values[number])
        known = values[np.isfinite(values)]
        exact = np.abs(known) < EXACT_INTEGER if unit == 1 else np.bool_(True)
        finite = len(known) + np.isnan(values).sum() == len(values)
        kept[number] = bool(finite and np.all(exact) and (known % unit == 0).all())
    return kept[number]


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
        for of in ("label", "prediction"):
            known = getattr(evaluation, f"probability_of_{of}")[at]
            name = f"{side}_probability_of_{of}"
            probabilities.append(pl.Series(name, known, dtype=pl.Float32, nan_to_null=True))
        outcomes.append(named_column(f"{side}_outcome", OUTCOMES, evaluation.outcome[at]))
    return [
        dataset.instance_ids.gather(page.instance).alias("instance"),
        dataset.labels(page.row.astype(np.intp)),
        named_column("split", SPLIT_NAMES, dataset.split[page.row]),
        named_column("source", dataset.sources, dataset.source[page.row]),
        _instance_dates(dataset, page.row),
        named_column("side", SIDES, page.side),
        *predictions,
        *probabilities,
        *outcomes,
        history.strips(),
        named_column("course", COURSES, history.courses()),
        changes.set(changes < 0, None),
        pl.Series("held_in", history.own.sum(axis=0), dtype=pl.Int64),
    ]


def _instance_dates(dataset: EvolvingDataset, rows: NDArray[np.int32]) -> pl.Series:
    """The dates of rows: days where all dates of the dataset are."""
    known = dataset.date[~np.isnat(dataset.date)].astype(np.int64)
    moments = pl.Series("date", dataset.date[rows], dtype=pl.Datetime("us"))
    return moments.cast(pl.Date) if (known % _DAY == 0).all() else moments
