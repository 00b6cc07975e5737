"""Added or removed instances compared with the shared ones, feature by feature.

Where one version contains the other, this is the only fair question: the kept rows are the same
on both sides and would hide what came, or went.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import FILTERS, matching_pair, of_selection
from chameleon.data import BinKind, EvolvingDataset, Feature
from chameleon.models import Evaluation
from chameleon.project import Kind, Split
from chameleon.selection import Selection

Rows = NDArray[np.int32]

KOLMOGOROV, CHI_SQUARE = "Kolmogorov-Smirnov", "chi-square"
FEWEST = 5
"""Fewer instances on a side are not tested; a category expected less often is merged."""


@of_selection(*FILTERS)
def added_against_kept(
    evaluation: Evaluation, selection: Selection, *, split: Split | None = None
) -> pl.DataFrame:
    """How the instances that the primary version added differ from those of both versions.

    Kept instances are read from the primary version. Numbers and dates by the two-sample
    Kolmogorov-Smirnov test over finite values; booleans, categories and labels by the chi-square
    test of independence, the rarest categories merged until each is expected five times.

    Returns
    -------
    pl.DataFrame
        kind ("feature" or "label"), feature, split ("all" or its name), added, kept (instances
        that were tested), test ("Kolmogorov-Smirnov" or "chi-square"), effect (the largest
        difference of the distribution functions, or Cramer's V; both from 0 to 1), p_value,
        q_value (Benjamini and Hochberg 1995, over all rows that were tested), reason (why there is
        no test). Largest effect first; untested rows last.
    """
    pair = matching_pair(evaluation, selection, split)
    sides = _Sides("added", pair.added, pair.new, selection.primary)
    return _against_kept(evaluation.dataset, sides, split)


@of_selection(*FILTERS)
def removed_against_kept(
    evaluation: Evaluation, selection: Selection, *, split: Split | None = None
) -> pl.DataFrame:
    """How the instances that the primary version lacks differ from those of both versions.

    As `added_against_kept`; kept instances are read from the secondary version.

    Returns
    -------
    pl.DataFrame
        kind, feature, split, removed, kept, test, effect, p_value, q_value, reason.
    """
    pair = matching_pair(evaluation, selection, split)
    sides = _Sides("removed", pair.removed, pair.old, selection.secondary)
    return _against_kept(evaluation.dataset, sides, split)


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """The rows that came or went, the kept ones, and the version that both are read from."""

    name: str
    rows: Rows
    kept: Rows
    version: str


def _against_kept(dataset: EvolvingDataset, sides: _Sides, split: Split | None) -> pl.DataFrame:
    part = "all" if split is None else str(split)
    version = dataset.version_number(sides.version)
    lines: list[dict[str, object]] = []
    for number, feature in enumerate(dataset.features):
        found = (
            _of_feature(dataset, feature, number, sides)
            if dataset.has_column[version, number]
            else {"reason": f"version {sides.version} has no such column"}
        )
        lines.append({"kind": "feature", "feature": feature.name, "split": part, **found})
    labels = tuple(dataset.label[rows].astype(np.int64) + 1 for rows in (sides.rows, sides.kept))
    label = _chi_square(labels[0], labels[1], len(dataset.classes) + 1, sides.name)
    lines.append({"kind": "label", "feature": "label", "split": part, **label})
    schema = {
        "kind": pl.String, "feature": pl.String, "split": pl.String, sides.name: pl.Int64,
        "kept": pl.Int64, "test": pl.String, "effect": pl.Float64, "p_value": pl.Float64,
        "q_value": pl.Float64, "reason": pl.String,
    }  # fmt: skip
    frame = pl.DataFrame(lines, schema=schema)
    frame = frame.with_columns(q_value=_controlled(frame["p_value"]))
    return frame.sort("effect", descending=True, nulls_last=True, maintain_order=True)


def _of_feature(
    dataset: EvolvingDataset, feature: Feature, number: int, sides: _Sides
) -> dict[str, object]:
    if feature.bins.kind is BinKind.TEXT:
        return {"reason": "it is text that nearly always differs"}
    if feature.kind in (Kind.TEXT, Kind.BOOLEAN):
        codes = dataset.codes[number]
        return _chi_square(codes[sides.rows], codes[sides.kept], feature.bins.count, sides.name)
    values = dataset.values[number]
    return _kolmogorov(values[sides.rows], values[sides.kept], sides.name)


def _kolmogorov(
    rows: NDArray[np.float64], kept: NDArray[np.float64], name: str
) -> dict[str, object]:
    sides = [side[np.isfinite(side)] for side in (rows, kept)]
    counted = {name: len(sides[0]), "kept": len(sides[1]), "test": KOLMOGOROV}
    reason = _too_few(sides[0], sides[1], name)
    if reason is not None:
        return {**counted, "test": None, "reason": reason}
    from scipy.stats import ks_2samp

    # the exact distribution of small samples has no ties in it, and is slow for large ones
    found = ks_2samp(*sides, method="asymp")
    return {**counted, "effect": float(found.statistic), "p_value": float(found.pvalue)}


def _chi_square(
    rows: NDArray[np.integer], kept: NDArray[np.integer], bins: int, name: str
) -> dict[str, object]:
    counted = {name: len(rows), "kept": len(kept), "test": CHI_SQUARE}
    reason = _too_few(rows, kept, name)
    if reason is not None:
        return {**counted, "test": None, "reason": reason}
    table = np.array([np.bincount(side, minlength=bins) for side in (rows, kept)])
    table = _merged(table[:, table.sum(axis=0) > 0])
    if table.shape[1] < 2:
        return {**counted, "effect": 0.0, "p_value": 1.0}
    from scipy.stats import chi2_contingency
    from scipy.stats.contingency import association

    found = chi2_contingency(table, correction=False)
    effect = association(table, method="cramer", correction=False)
    return {**counted, "effect": float(effect), "p_value": float(found.pvalue)}


def _merged(table: NDArray[np.int64]) -> NDArray[np.int64]:
    """The table with its rarest columns added up until each is expected often enough."""
    smaller = table.sum(axis=1).min() / table.sum()
    order = np.argsort(-table.sum(axis=0), kind="stable")
    table = table[:, order]
    while table.shape[1] > 1 and table[:, -1].sum() * smaller < FEWEST:
        last = table[:, -2] + table[:, -1]
        table = np.column_stack([table[:, :-2], last])
    return table


def _too_few(rows: NDArray[np.generic], kept: NDArray[np.generic], name: str) -> str | None:
    for side, called in ((rows, name), (kept, "kept")):
        if len(side) < FEWEST:
            return f"{len(side)} {called} instances with a value are too few for a test"
    return None


def _controlled(p_values: pl.Series) -> pl.Series:
    known = p_values.is_not_null()
    if not known.any():
        return p_values.rename("q_value")
    from scipy.stats import false_discovery_control

    tested = false_discovery_control(p_values.drop_nulls().to_numpy())
    result = np.full(len(p_values), np.nan)
    result[known.to_numpy()] = tested
    return pl.Series("q_value", result, nan_to_null=True)
