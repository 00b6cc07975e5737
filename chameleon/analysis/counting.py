"""Counting rows by the bins of every feature: the inner loop of the Feature View.

Everything is a sum over rows, by `np.bincount` on one small integer a row that combines its bin
with whatever else is asked of it.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import SPLITS, EvolvingDataset
from chameleon.models import Evaluation
from chameleon.selection import Selection, instance_mask

_structures: WeakKeyDictionary[EvolvingDataset, tuple[pl.DataFrame, NDArray[np.intp]]] = (
    WeakKeyDictionary()
)
_FEW_ROWS = 4096
_SCHEMA = {
    "feature": pl.String,
    "split": pl.String,
    "bin": pl.Int32,
    "bar": pl.String,
    "low": pl.Float64,
    "high": pl.Float64,
    "category": pl.String,
}


def feature_counts(
    evaluation: Evaluation,
    selection: Selection,
    state: NDArray[np.int64],
    width: int,
    held: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """How many rows have each pair of a bin and a state, under the filters.

    A feature's own filter does not narrow its own counts.

    Parameters
    ----------
    state
        What is asked of every row, from 0 to width - 1; shape (n_rows,).
    held
        The rows that matter, shape (n_rows,): the others may be left out.

    Returns
    -------
    ndarray of shape (bins of all features one after the other, width)
    """
    dataset, filters = evaluation.dataset, selection.filters

    def rows_through(without: str | None) -> NDArray[np.intp] | None:
        kept = filters if without is None else filters.without_feature(without)
        if kept.is_empty:
            return None
        mask = instance_mask(evaluation, selection, without=without)
        return np.flatnonzero(mask[dataset.instance] & held)

    def of_feature(number: int, rows: NDArray[np.intp] | None) -> NDArray[np.int64]:
        codes, bins = dataset.codes[number], dataset.features[number].bins.count
        if rows is None:
            return counts(codes, state, bins, width)
        return counts(codes[rows], state[rows], bins, width)

    through = rows_through(None)
    numbers = range(len(dataset.features))
    if through is not None and len(through) <= _FEW_ROWS:
        grid = _counts_at_once(dataset, through, state, width)
    else:
        grid = np.concatenate([of_feature(number, through) for number in numbers])
    grid = grid.reshape(-1, width)
    filtered = {one.feature for one in filters.features}
    first = 0
    for number, feature in enumerate(dataset.features):
        if feature.name in filtered:
            own = of_feature(number, rows_through(feature.name)).reshape(-1, width)
            grid[first : first + len(own)] = own
        first += feature.bins.count
    return grid


def _counts_at_once(
    dataset: EvolvingDataset, rows: NDArray[np.intp], state: NDArray[np.int64], width: int
) -> NDArray[np.int64]:
    """As `counts`, for all features in one call: for few rows the calls are what takes time."""
    bins = np.array([feature.bins.count for feature in dataset.features])
    key = np.take(dataset.codes, rows, axis=1).astype(np.int64)
    key += (np.cumsum(bins) - bins)[:, None]
    key *= width
    key += state[rows]
    counted: NDArray[np.int64] = np.bincount(key.ravel(), minlength=int(bins.sum()) * width)
    return counted


def counts(
    codes: NDArray[np.uint8], state: NDArray[np.int64], bins: int, width: int
) -> NDArray[np.int64]:
    """How many entries have each pair of a code and a state; shape (bins * width,)."""
    key = np.multiply(codes, width, dtype=np.int64)
    key += state
    counted: NDArray[np.int64] = np.bincount(key, minlength=bins * width)
    return counted


def occurring_splits(dataset: EvolvingDataset) -> list[int]:
    """The codes of the splits that any row of the timeline stands in."""
    found = np.bincount(dataset.split, minlength=len(SPLITS))
    return [code for code in range(len(SPLITS)) if found[code]]


def structure(dataset: EvolvingDataset) -> tuple[pl.DataFrame, NDArray[np.intp]]:
    """The rows of every histogram frame, and where each finds its counts.

    Returns
    -------
    frame
        feature, split, bin, bar, low, high, category.
    order
        For each row of the frame its place among counts by (bin of all features, split).
    """
    if dataset not in _structures:
        rows: list[tuple[object, ...]] = []
        order: list[int] = []
        first = 0
        splits = occurring_splits(dataset)
        for feature in dataset.features:
            bars = feature.bins.bars
            for split in splits:
                name = SPLITS[split].value
                rows += [
                    (feature.name, name, code, b.kind.value, b.low, b.high, b.category)
                    for code, b in enumerate(bars)
                ]
                order += [(first + code) * len(SPLITS) + split for code in range(len(bars))]
            first += len(bars)
        frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
        _structures[dataset] = frame, np.array(order, dtype=np.intp)
    return _structures[dataset]
