"""One row of figures for every feature and split, of two versions."""

from __future__ import annotations

import polars as pl

from chameleon.analysis.histograms import (
    feature_histograms,
    feature_ranking,
    feature_summary,
    subset_distances,
)
from chameleon.analysis.matching import EVERYTHING, of_selection
from chameleon.models import Evaluation
from chameleon.selection import Selection

_FIGURES = ("min", "max", "mean", "missing", "instances")


@of_selection(*EVERYTHING)
def feature_table(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """The summary, distances, and unevenness of errors of every feature and split.

    Returns
    -------
    pl.DataFrame
        feature, kind, split, then min, max, mean, missing, and instances of both versions (with
        the prefixes secondary_ and primary_), js_distance, error_unevenness,
        error_unevenness_change, subset_distance.
    """
    histograms = feature_histograms(evaluation, selection)
    everything = Selection(selection.primary, selection.secondary)
    whole = feature_histograms(evaluation, everything)
    summary = feature_summary(evaluation, selection)
    table = summary.select("feature", "split").unique(maintain_order=True)
    for side in ("secondary", "primary"):
        own = summary.filter(version=getattr(selection, side)).select(
            "feature", "split", **{f"{side}_{name}": name for name in _FIGURES}
        )
        table = table.join(own, on=["feature", "split"], how="left", maintain_order="left")
    ranking = feature_ranking(histograms).rename(
        {
            "distance": "js_distance",
            "error_rate": "error_unevenness",
            "error_rate_change": "error_unevenness_change",
        }
    )
    kinds = {feature.name: feature.kind.value for feature in evaluation.dataset.features}
    return (
        table.join(ranking, on="feature", how="left", maintain_order="left")
        .join(subset_distances(histograms, whole), on="feature", how="left", maintain_order="left")
        .with_columns(kind=pl.col("feature").replace_strict(kinds, return_dtype=pl.String))
    )
