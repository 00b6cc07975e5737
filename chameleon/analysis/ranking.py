"""By what features can be sorted: how far the versions lie apart, and where errors gather."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.histograms import COUNT_COLUMNS
from chameleon.counting import OUTCOMES, jensen_shannon


def feature_ranking(histograms: pl.DataFrame) -> pl.DataFrame:
    """By what features can be sorted, from their histograms.

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
            "feature": pl.String,
            "distance": pl.Float64,
            "error_rate": pl.Float64,
            "error_rate_change": pl.Float64,
        },
        orient="row",
    )


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
        result.append((str(name), jensen_shannon_distance(inside, outside) if told else None))
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
    return jensen_shannon_distance(p, q)


def jensen_shannon_distance(p: NDArray[np.int64], q: NDArray[np.int64]) -> float:
    """The distance of two histograms over the same bins: 0 alike, 1 disjoint.

    The square root of the Jensen-Shannon divergence in base 2 (Endres and Schindelin 2003).
    Both must hold something.
    """
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
