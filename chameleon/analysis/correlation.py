"""Which pairs of features go together, among the instances shown and among all."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.arguments import FILTERS_AND_PRIMARY, of_selection
from chameleon.models import Evaluation
from chameleon.project import Kind
from chameleon.selection import Selection, held_rows, instance_mask

MOST_ROWS = 5_000
"""More rows than this are thinned out evenly: ranks need sorting for every pair with gaps."""

_FEWEST_ROWS = 3


@of_selection(*FILTERS_AND_PRIMARY)
def feature_correlations(
    evaluation: Evaluation, selection: Selection, *, features: int = 64, most: int = 20
) -> pl.DataFrame:
    """The pairs of features with the strongest Spearman correlation in the primary version.

    Numbers, dates and booleans; a pair is taken over the rows where both have a finite value.

    Parameters
    ----------
    filters
        What makes the subset.
    features
        So many features take part, the first by name.
    most
        So many pairs are returned.

    Returns
    -------
    pl.DataFrame
        feature_a, feature_b, subset (Spearman's rho over the subset), all (over all of the
        primary's instances), subset_rows, all_rows (complete rows behind each, thinned out
        to `MOST_ROWS`); strongest in the subset first, null where a feature is constant or
        fewer than three rows are complete.
    """
    dataset = evaluation.dataset
    held = np.flatnonzero(held_rows(evaluation, selection)[0])
    subset = held
    if not selection.filters.is_empty:
        subset = held[instance_mask(evaluation, selection)[dataset.instance[held]]]
    numbers = [n for n, f in enumerate(dataset.features) if f.kind is not Kind.TEXT][:features]
    blocks = [_finite(dataset.values, numbers, _thinned(rows)) for rows in (subset, held)]
    table: list[tuple[object, ...]] = []
    for a, b in combinations(range(len(numbers)), 2):
        found = [_spearman(block[a], block[b]) for block in blocks]
        names = (dataset.features[numbers[a]].name, dataset.features[numbers[b]].name)
        table.append((*names, found[0][0], found[1][0], found[0][1], found[1][1]))
    schema = {
        "feature_a": pl.String,
        "feature_b": pl.String,
        "subset": pl.Float64,
        "all": pl.Float64,
        "subset_rows": pl.Int64,
        "all_rows": pl.Int64,
    }
    frame = pl.DataFrame(table, schema=schema, orient="row")
    order = pl.col("subset").abs()
    return frame.sort(order, descending=True, nulls_last=True, maintain_order=True).head(most)


def _thinned(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    if len(rows) <= MOST_ROWS:
        return rows
    chosen: NDArray[np.intp] = rows[np.linspace(0, len(rows) - 1, MOST_ROWS).astype(np.intp)]
    return chosen


def _finite(
    values: NDArray[np.float64], numbers: list[int], rows: NDArray[np.intp]
) -> list[NDArray[np.float64]]:
    """The values of each feature, NaN where missing or infinite."""
    return [np.where(np.isfinite(v := values[n][rows]), v, np.nan) for n in numbers]


def _spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float | None, int]:
    """Spearman's rho over the complete pairs, and how many there are."""
    complete = ~(np.isnan(a) | np.isnan(b))
    count = int(complete.sum())
    if count < _FEWEST_ROWS:
        return None, count
    from scipy.stats import rankdata

    ranks = [rankdata(side[complete]) for side in (a, b)]
    spreads = [float(rank.std()) for rank in ranks]
    if not all(spreads):
        return None, count
    centred = [rank - rank.mean() for rank in ranks]
    rho = float((centred[0] * centred[1]).mean() / (spreads[0] * spreads[1]))
    return min(max(rho, -1.0), 1.0), count
