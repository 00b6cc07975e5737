"""One instance: its versions, its edits, and its place among the others."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import of_selection
from chameleon.analysis.sensitivities import History, own_rows
from chameleon.analysis.values import (
    Floats,
    Rows,
    id_column,
    id_ranks,
    instance_number,
    named_column,
    role_column,
    value_text,
    value_texts,
)
from chameleon.counting import OUTCOMES
from chameleon.data import (
    BarKind,
    BinKind,
    EvolvingDataset,
    Space,
    chunks,
    fitted_space,
    laid_out_features,
)
from chameleon.models import Evaluation
from chameleon.project import Kind
from chameleon.selection import Selection
from chameleon.storage import MemoryCache

ROLES = ("label", "split", "source", "date")
"""A row's columns besides its features, as `instance_rows` names them."""


def instance_versions(evaluation: Evaluation, instance: str) -> pl.DataFrame:
    """The row and the prediction of one instance in every version.

    Where a version lacks the instance, its model predicts the nearest earlier row, else the first
    later one, as for the sensitivity.

    Columns: those of `Instance.versions`.
    """
    dataset = evaluation.dataset
    history = History.of(evaluation, np.array([instance_number(dataset, instance)]))
    rows, versions = history.row[:, 0], np.arange(len(dataset.versions))
    distinct = distinct_rows(dataset, instance)
    at = (versions, rows)
    return pl.DataFrame(
        [
            pl.Series("version", [v.name for v in dataset.versions], dtype=pl.String),
            pl.Series("date", [v.date for v in dataset.versions], dtype=pl.Date),
            pl.Series("present", history.own[:, 0]),
            pl.Series("row", [distinct.tolist().index(row) + 1 for row in rows], dtype=pl.Int64),
            role_column(dataset, "label", rows),
            role_column(dataset, "split", rows),
            named_column("prediction", evaluation.classes, evaluation.predicted[at]),
            *(
                pl.Series(name, getattr(evaluation, name)[at], nan_to_null=True)
                for name in ("probability_of_label", "probability_of_prediction")
            ),
            named_column("outcome", OUTCOMES, history.outcome[:, 0]),
        ]
    )


def instance_rows(evaluation: Evaluation, instance: str) -> pl.DataFrame:
    """The distinct rows of one instance, old to new, and the edits between them.

    A row that occurs again later is one row.

    Columns: those of `Instance.rows`.
    """
    dataset = evaluation.dataset
    rows = distinct_rows(dataset, instance)
    names = [*ROLES, *(feature.name for feature in dataset.features)]
    columns = [*_role_texts(dataset, rows)]
    columns += [value_texts(dataset, number, rows) for number in range(len(dataset.features))]
    held = [_held_words(dataset, row) for row in rows]
    lines = [
        (place + 1, held[place], name, number >= len(ROLES), texts[place],
         place > 0 and texts[place] != texts[place - 1])
        for place in range(len(rows))
        for number, (name, texts) in enumerate(zip(names, columns, strict=True))
    ]  # fmt: skip
    return pl.DataFrame(
        lines,
        schema={
            "row": pl.Int64, "versions": pl.String, "column": pl.String, "is_feature": pl.Boolean,
            "value": pl.String, "changed": pl.Boolean,
        },
        orient="row",
    )  # fmt: skip


@of_selection()
def instance_places(evaluation: Evaluation, selection: Selection, instance: str) -> pl.DataFrame:
    """The place of one instance in each feature's distribution in the primary version.

    It is read from its row in the primary, else in the secondary, else from its newest row, and
    compared with the primary's rows of the same split.

    Columns: those of `Instance.quantiles`; "missing", "non-finite", "other", and "text" are
    categories too.
    """
    dataset = evaluation.dataset
    row = shown_row(dataset, instance, selection)
    others = dataset.rows_of(dataset.version_number(selection.primary))
    others = others[dataset.split[others] == dataset.split[row]]
    lines = [_place(dataset, number, row, others) for number in range(len(dataset.features))]
    return pl.DataFrame(
        lines,
        schema={
            "feature": pl.String, "value": pl.String, "share_below": pl.Float64, "known": pl.Int64,
            "low": pl.Float64, "high": pl.Float64, "category": pl.String, "bin_instances": pl.Int64,
            "instances": pl.Int64,
        },
        orient="row",
    )  # fmt: skip


def distinct_rows(dataset: EvolvingDataset, instance: str) -> Rows:
    """The rows of an instance in the order of the versions."""
    number = np.array([instance_number(dataset, instance)])
    by_version = own_rows(dataset, number)[:, 0]
    held = by_version[by_version >= 0]
    _, first = np.unique(held, return_index=True)
    return held[np.sort(first)]


def shown_row(dataset: EvolvingDataset, instance: str, selection: Selection) -> int:
    """The row an instance is read from: the primary's, else the secondary's, else its newest."""
    number = np.array([instance_number(dataset, instance)])
    rows = own_rows(dataset, number)[:, 0]
    asked = (dataset.version_number(selection.primary), dataset.version_number(selection.secondary))
    held = [int(rows[version]) for version in asked if rows[version] >= 0]
    return held[0] if held else int(rows[rows >= 0][-1])


def _place(
    dataset: EvolvingDataset, number: int, row: int, others: NDArray[np.intp]
) -> tuple[object, ...]:
    feature = dataset.features[number]
    values = np.asarray(dataset.values[number])
    value, known = float(values[row]), values[others]
    known = known[~np.isnan(known)]
    share: float | None = None
    if feature.kind is not Kind.TEXT and not np.isnan(value) and len(known):
        below, equal = int((known < value).sum()), int((known == value).sum())
        share = (below + equal / 2) / len(known)
    code = int(dataset.codes[number, row])
    bar = feature.bins.bars[code]
    category = bar.category
    if bar.kind in (BarKind.MISSING, BarKind.NON_FINITE, BarKind.OTHER, BarKind.TEXT):
        category = bar.kind.value
    elif feature.bins.kind is BinKind.VALUES and feature.kind is Kind.BOOLEAN:
        category = value_text(value, feature.kind)
    in_bin = int((dataset.codes[number, others] == code).sum())
    text = value_texts(dataset, number, np.array([row]))[0]
    return (feature.name, text, share, len(known), bar.low, bar.high, category, in_bin, len(others))


def _role_texts(dataset: EvolvingDataset, rows: Rows) -> list[list[str | None]]:
    """Label, split, source, and date of rows as text."""
    moments = dataset.date[rows].astype("datetime64[us]")
    return [
        *(role_column(dataset, by, rows).to_list() for by in ("label", "split", "source")),
        [
            None if np.isnat(moment) else value_text(float(moment.astype(np.int64)), Kind.DATE)
            for moment in moments
        ],
    ]


def _held_words(dataset: EvolvingDataset, row: np.int32) -> str:
    """The versions that contain a row, consecutive ones joined."""
    held = np.flatnonzero(dataset.present[:, row])
    runs = np.split(held, np.flatnonzero(np.diff(held) > 1) + 1)
    names = [version.name for version in dataset.versions]
    return ", ".join(
        names[run[0]] if len(run) == 1 else f"{names[run[0]]} to {names[run[-1]]}" for run in runs
    )


MOST_FITTED = 10_000
"""The most rows of a version that the space is fitted on, evenly drawn from it."""

Fitted = tuple[Space, Floats]
_spaces: MemoryCache[EvolvingDataset, int, Fitted] = MemoryCache(2)


@of_selection()
def nearest_instances(
    evaluation: Evaluation, selection: Selection, instance: str, *, count: int = 10
) -> pl.DataFrame:
    """The `count` instances of the primary version nearest to another one in feature space.

    The instance is read from its row in the primary, else in the secondary, else from its newest
    row. The distance is Euclidean, over standardized numbers and dates (missing and infinite ones
    count as the median, far outliers are drawn in) and one column per category; free text is
    excluded. Beyond 50 columns it is taken over their first 50 principal components. The search is
    exact; ties are in the order of ids. Of a version of more than 10,000 rows, evenly drawn ones
    fix means, spreads, and components.

    Columns: those of `Instance.neighbors`, with primary_prediction and primary_outcome.
    """
    dataset = evaluation.dataset
    version = dataset.version_number(selection.primary)
    row = shown_row(dataset, instance, selection)
    rows = dataset.rows_of(version)
    space, points = _fitted(dataset, version, rows)
    between = points - space.points(dataset, np.array([row]))
    distances = np.sqrt(np.einsum("ij,ij->i", between, between))
    distances[dataset.instance[rows] == instance_number(dataset, instance)] = np.inf
    order = np.lexsort((id_ranks(dataset)[dataset.instance[rows]], distances))
    order = order[np.isfinite(distances[order])][:count]
    near = rows[order]
    label = dataset.label[near]
    same = pl.Series("same_label", label == dataset.label[row])
    known = (label >= 0) & (dataset.label[row] >= 0)
    return pl.DataFrame(
        [
            id_column(dataset, dataset.instance[near]),
            pl.Series("distance", distances[order], dtype=pl.Float64),
            *(role_column(dataset, by, near) for by in ("label", "split", "source")),
            named_column(
                "primary_prediction", evaluation.classes, evaluation.predicted[version, near]
            ),
            named_column("primary_outcome", OUTCOMES, evaluation.outcome[version, near]),
            same.set(pl.Series(~known), None),
        ]
    )


def _fitted(dataset: EvolvingDataset, version: int, rows: NDArray[np.intp]) -> Fitted:
    """The space of a version and the points of its rows in it; the last ones are cached."""
    from threadpoolctl import threadpool_limits

    def find() -> Fitted:
        step = max(-(-len(rows) // MOST_FITTED), 1)
        with threadpool_limits(1):
            space = fitted_space(dataset, rows[::step], laid_out_features(dataset))
            parts = [space.points(dataset, rows[part]) for part in chunks(len(rows))]
        return space, np.concatenate(parts)

    return _spaces.recall(dataset, version, find)
