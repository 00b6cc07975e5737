"""Which rows pass the filters that are read from a row: a bool a row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chameleon.counting import OUTCOMES
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.errors import SelectionError, place_of
from chameleon.models import Evaluation
from chameleon.project import Kind, Split
from chameleon.selection.filters import FeatureFilter, Filters, Range
from chameleon.selection.view_filters import Region
from chameleon.selection.weak_masks import weak_row_mask


def check_feature(dataset: EvolvingDataset, one: FeatureFilter) -> None:
    """Raise SelectionError where a feature cannot be filtered so."""
    feature = dataset.features[dataset.feature_number(one.feature)]
    if feature.kind is Kind.TEXT and one.ranges:
        raise SelectionError(f"Feature '{one.feature}' is text: it has no ranges to filter by.")
    if feature.kind is not Kind.TEXT and (one.categories or one.other):
        raise SelectionError(f"Feature '{one.feature}' is no text: filter it by ranges.")


def row_mask(
    evaluation: Evaluation,
    primary: int,
    rows: NDArray[np.int32],
    filters: Filters,
    without: str | None,
) -> NDArray[np.bool_]:
    """Which of these rows pass; what only two versions together can tell is no part of it.

    Parameters
    ----------
    primary
        The number of the version whose model's outcomes count.
    without
        A feature whose own filter is left out.

    Raises
    ------
    SelectionError
        A value or the layout does not exist.
    """
    dataset = evaluation.dataset
    mask = np.ones(len(rows), dtype=np.bool_)
    if filters.splits:
        mask &= np.isin(
            dataset.split[rows], [SPLITS.index(Split(split)) for split in filters.splits]
        )
    if filters.labels:
        wanted = codes_of(filters.labels, dataset.classes, "label")
        mask &= np.isin(dataset.label[rows], wanted)
    if filters.sources:
        wanted = codes_of(filters.sources, dataset.sources, "source")
        mask &= np.isin(dataset.source[rows], wanted)
    if filters.dates is not None:
        mask &= _within(dataset.date[rows], *filters.dates)
    if filters.outcomes:
        codes = [place_of(outcome, OUTCOMES, "outcome") for outcome in filters.outcomes]
        mask &= np.isin(evaluation.outcome[primary, rows], codes)
    for one in filters.features:
        if one.feature != without and not one.is_empty:
            mask &= _feature_mask(dataset, one, rows)
    if filters.regions:
        mask &= region_mask(evaluation, filters.regions, rows)
    if filters.votes or filters.label_probabilities:
        mask &= weak_row_mask(dataset, filters, rows)
    return mask


def region_mask(
    evaluation: Evaluation, regions: tuple[Region, ...], rows: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Which of these rows lie in one of the regions of the embedding.

    Raises
    ------
    SelectionError
        There is no layout, or they were chosen in another one.
    """
    layout = evaluation.layout
    mask = np.zeros(len(rows), dtype=np.bool_)
    if layout is None:
        raise SelectionError("There is no embedding to filter by.")
    # exactly as the bounds are: a float32 would be compared with rounded bounds
    x, y = layout.x[rows].astype(np.float64), layout.y[rows].astype(np.float64)
    for region in regions:
        if region.layout != layout.key:
            raise SelectionError(
                "The cells of the embedding were chosen in another layout than the one shown."
            )
        mask |= (x >= region.x0) & (x < region.x1) & (y >= region.y0) & (y < region.y1)
    return mask


def codes_of(names: Sequence[str | None], known: tuple[str, ...], what: str) -> list[int]:
    """Their places among the known ones, -1 for None.

    Raises
    ------
    SelectionError
        One is not known.
    """
    return [-1 if name is None else place_of(name, known, what) for name in names]


def _within(
    dates: NDArray[np.datetime64], first: dt.date | None, last: dt.date | None
) -> NDArray[np.bool_]:
    mask = ~np.isnat(dates)
    if first is not None:
        mask &= dates >= np.datetime64(first, "us")
    if last is not None:
        mask &= dates.astype("datetime64[D]") <= np.datetime64(last, "D")
    return mask


def _feature_mask(
    dataset: EvolvingDataset, one: FeatureFilter, rows: NDArray[np.int32]
) -> NDArray[np.bool_]:
    check_feature(dataset, one)
    number = dataset.feature_number(one.feature)
    feature = dataset.features[number]
    mask = np.zeros(len(rows), dtype=np.bool_)
    missing = feature.bins.missing_code
    asked = (one.other and feature.bins.other, one.missing, one.non_finite)
    for code, wanted in zip((missing - 1, missing, missing + 1), asked, strict=True):
        if wanted:
            mask |= dataset.codes[number, rows] == code
    if one.ranges:
        values = np.asarray(dataset.values[number])[rows]
        finite = np.isfinite(values)
        for one_range in one.ranges:
            mask |= finite & _inside(values, one_range)
    if one.categories:
        texts = dataset.texts[one.feature]
        places = np.flatnonzero(texts.is_in(list(one.categories)).to_numpy())
        mask |= np.isin(dataset.values[number][rows], places)
    return mask


def _inside(values: NDArray[np.float64], limits: Range) -> NDArray[np.bool_]:
    above = values > limits.low if limits.open else values >= limits.low
    below = values <= limits.high if limits.closed else values < limits.high
    inside: NDArray[np.bool_] = above & below
    return inside
