"""Figures that features are sorted by, and the most correlated pairs of features."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.histograms import COUNT_COLUMNS
from chameleon.analysis.matching import FILTERS_AND_PRIMARY, of_selection
from chameleon.counting import OUTCOMES, jensen_shannon
from chameleon.models import Evaluation
from chameleon.project import Kind
from chameleon.selection import Selection, held_rows, instance_mask


def feature_ranking(histograms: pl.DataFrame) -> pl.DataFrame:
    """Figures that features are sorted by, from their histograms.

    Train rows are what the model learnt from, so the distance is taken over them; errors on
    train rows are mostly memorised away, so the error figures are taken over test rows, or over
    train rows where there are no test rows.

    Parameters
    ----------
    histograms
        The frame of `feature_histograms`.

    Returns
    -------
    pl.DataFrame
        feature, distance (Jensen-Shannon distance, base 2, between the two versions over the
        bins of train rows; null where a version has none), error_rate (mean absolute deviation
        of a bar's error rate from the error rate of all, weighted by the bar's instances: how
        unevenly errors fall over the feature), error_rate_change (mean absolute change of a
        bar's error rate from secondary to primary, weighted likewise); null where undefined.
    """
    features = histograms["feature"].unique(maintain_order=True)
    counts = {
        key[0]: part.select(COUNT_COLUMNS).to_numpy()
        for key, part in histograms.filter(pl.col("split") == "train").group_by("feature")
    }
    test = histograms.filter(pl.col("split") == "test").select(COUNT_COLUMNS)
    judged_split = "test" if test.sum().sum_horizontal().sum() else "train"
    judged = {
        key[0]: part.select(COUNT_COLUMNS).to_numpy()
        for key, part in histograms.filter(pl.col("split") == judged_split).group_by("feature")
    }
    return pl.DataFrame(
        [
            (name, _distance(counts.get(name)), *_error_figures(judged.get(name)))
            for name in features
        ],
        schema={
            "feature": pl.String, "distance": pl.Float64, "error_rate": pl.Float64,
            "error_rate_change": pl.Float64,
        },
        orient="row",
    )  # fmt: skip


def subset_distances(filtered: pl.DataFrame, whole: pl.DataFrame) -> pl.DataFrame:
    """How much the instances that pass the filters differ from those that do not.

    Over the primary version's instances of all splits.

    Parameters
    ----------
    filtered, whole
        The frames of `feature_histograms` under the filters and without any.

    Returns
    -------
    pl.DataFrame
        feature, subset_distance (Jensen-Shannon distance, base 2; null where all or none pass,
        and for a filtered feature, whose own histogram is not narrowed by its filter).
    """
    own = [f"primary_{outcome}" for outcome in OUTCOMES]
    both = pl.DataFrame(
        {
            "feature": whole["feature"],
            "bin": whole["bin"],
            "inside": filtered.select(pl.sum_horizontal(own))[:, 0],
            "all": whole.select(pl.sum_horizontal(own))[:, 0],
        }
    )
    bars = both.group_by("feature", "bin", maintain_order=True).agg(pl.sum("inside", "all"))
    least = bars.group_by("feature").agg(pl.sum("inside"))["inside"].min()
    result: list[tuple[str, float | None]] = []
    for (name,), part in bars.group_by("feature", maintain_order=True):
        inside, everything = part["inside"].to_numpy(), part["all"].to_numpy()
        outside = everything - inside
        told = inside.sum() == least and inside.sum() and outside.sum()
        result.append((str(name), float(jensen_shannon(inside, outside)) if told else None))
    return pl.DataFrame(
        result, schema={"feature": pl.String, "subset_distance": pl.Float64}, orient="row"
    )


def _distance(counts: NDArray[np.int64] | None) -> float | None:
    if counts is None:
        return None
    half = len(OUTCOMES)
    p, q = counts[:, :half].sum(axis=1), counts[:, half:].sum(axis=1)
    if not p.sum() or not q.sum():
        return None
    return float(jensen_shannon(p, q))


def _error_figures(counts: NDArray[np.int64] | None) -> tuple[float | None, float | None]:
    if counts is None:
        return None, None
    pc, pi, _, sc, si, _ = counts.T
    known, earlier = pc + pi, sc + si
    if not known.sum():
        return None, None
    own = known > 0
    rates = pi[own] / known[own]
    weights = known[own] / known.sum()
    spread = float((weights * np.abs(rates - pi.sum() / known.sum())).sum())
    both = own & (earlier > 0)
    if not both.any():
        return spread, None
    change = pi[both] / known[both] - si[both] / earlier[both]
    return spread, float((known[both] / known[both].sum() * np.abs(change)).sum())


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
        "feature_a": pl.String, "feature_b": pl.String, "subset": pl.Float64, "all": pl.Float64,
        "subset_rows": pl.Int64, "all_rows": pl.Int64,
    }  # fmt: skip
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
