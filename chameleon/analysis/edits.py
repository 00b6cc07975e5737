"""How the values of edited features changed, so that a change of unit is recognised."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import FILTERS, of_selection
from chameleon.analysis.values import value_texts
from chameleon.data import EvolvingDataset, Pair, pair_of
from chameleon.models import Evaluation
from chameleon.project import Kind
from chameleon.selection import Selection, instance_mask

MOSTLY = 0.8
"""A rule that this share of the edits follows is said to be their pattern."""

_CLOSE = 0.01  # values are rounded when written, so that a ratio of 10 may read 9.98
_TOLD = 0.05
_FEWEST = 3

_SCHEMA = {
    "feature": pl.String, "instances": pl.Int64, "became_missing": pl.Int64,
    "was_missing": pl.Int64, "median_before": pl.Float64, "median_after": pl.Float64,
    "median_shift": pl.Float64, "shift_share": pl.Float64, "median_ratio": pl.Float64,
    "ratio_share": pl.Float64, "most_before": pl.String, "most_after": pl.String,
    "most_instances": pl.Int64, "pattern": pl.String,
}  # fmt: skip


@of_selection(*FILTERS, own=["data_changes"])
def edited_values(evaluation: Evaluation, selection: Selection) -> pl.DataFrame:
    """How the values of every edited feature changed from the secondary to the primary version.

    Over features that both versions have.

    Returns
    -------
    pl.DataFrame
        feature, instances (edited in it), became_missing, was_missing (of these), median_before,
        median_after (over pairs of finite values, as the rest), median_shift (of after - before),
        shift_share (of those pairs within 1 % of it), median_ratio (of after / before where
        neither is 0), ratio_share (of all pairs within 1 % of it), most_before, most_after,
        most_instances (the most frequent change as text, null for a missing value), pattern (such
        as "times 10", "plus 3", "became missing": a rule that four edits of five follow, or null).
        Dates are in microseconds since 1970; texts and booleans have no medians. Most edited first.
    """
    dataset = evaluation.dataset
    lines: list[dict[str, object]] = []
    for number, old, new in _edited_rows(evaluation, selection):
        feature = dataset.features[number]
        transitions = _transitions(dataset, number, old, new)
        before, after, most = transitions.row(0)
        a, b = dataset.values[number][old], dataset.values[number][new]
        line: dict[str, object] = {
            "feature": feature.name,
            "instances": len(old),
            "became_missing": int(np.isnan(b).sum()),
            "was_missing": int(np.isnan(a).sum()),
            "most_before": before,
            "most_after": after,
            "most_instances": most,
        }
        if feature.kind in (Kind.NUMBER, Kind.DATE):
            line |= _figures(a, b)
        lines.append({**line, "pattern": _pattern(line, feature.kind)})
    frame = pl.DataFrame(lines, schema=_SCHEMA)
    return frame.sort("instances", descending=True, maintain_order=True)


@of_selection(*FILTERS, own=["data_changes"])
def value_transitions(
    evaluation: Evaluation, selection: Selection, feature: str, *, most: int = 20
) -> pl.DataFrame:
    """Counts of the edits of one feature by value before and after.

    Returns
    -------
    pl.DataFrame
        before, after (text; null is missing), instances; the most frequent first, so many as
        asked for.
    """
    dataset = evaluation.dataset
    wanted = dataset.feature_number(feature)
    for number, old, new in _edited_rows(evaluation, selection):
        if number == wanted:
            return _transitions(dataset, number, old, new).head(most)
    return pl.DataFrame(schema={"before": pl.String, "after": pl.String, "instances": pl.Int64})


def _edited_rows(
    evaluation: Evaluation, selection: Selection
) -> list[tuple[int, NDArray[np.int32], NDArray[np.int32]]]:
    """Each edited feature, and the rows of its edited instances before and after."""
    dataset = evaluation.dataset
    pair: Pair = pair_of(dataset, before=selection.secondary, after=selection.primary)
    through = instance_mask(evaluation, selection)[dataset.instance[pair.new[pair.touched]]]
    old, new = pair.old[pair.touched], pair.new[pair.touched]
    found = ((int(f), pair.edits[place] & through) for place, f in enumerate(pair.common))
    return [(feature, old[edited], new[edited]) for feature, edited in found if edited.any()]


def _transitions(
    dataset: EvolvingDataset, number: int, old: NDArray[np.int32], new: NDArray[np.int32]
) -> pl.DataFrame:
    """The distinct changes and how often each occurs; equal ones in the order of the values."""
    values = dataset.values[number]
    pairs = pl.DataFrame({"a": values[old], "b": values[new], "old": old, "new": new})
    grouped = pairs.group_by("a", "b").agg(
        pl.col("old").first(), pl.col("new").first(), instances=pl.len().cast(pl.Int64)
    )
    ordered = grouped.sort("instances", "a", "b", descending=[True, False, False])
    rows = (ordered["old"].to_numpy(), ordered["new"].to_numpy())
    texts = [value_texts(dataset, number, of) for of in rows]
    return pl.DataFrame(
        {"before": texts[0], "after": texts[1], "instances": ordered["instances"]},
        schema={"before": pl.String, "after": pl.String, "instances": pl.Int64},
    )


def _figures(a: NDArray[np.float64], b: NDArray[np.float64]) -> dict[str, object]:
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    if not len(a):
        return {}
    shift = float(np.median(b - a))
    figures: dict[str, object] = {
        "median_before": float(np.median(a)),
        "median_after": float(np.median(b)),
        "median_shift": shift,
        "shift_share": float((np.abs(b - a - shift) <= _CLOSE * abs(shift)).mean()),
    }
    whole = (a != 0) & (b != 0)
    if whole.any() and len(np.unique(a)) >= _FEWEST:
        ratios = b[whole] / a[whole]
        ratio = float(np.median(ratios))
        near = np.abs(ratios - ratio) <= _CLOSE * abs(ratio)
        figures |= {"median_ratio": ratio, "ratio_share": float(near.sum() / len(a))}
    return figures


def _pattern(line: dict[str, object], kind: Kind) -> str | None:
    """The rule that most edits follow, in words."""
    edits = _number(line["instances"])
    for column, words in (("became_missing", "became missing"), ("was_missing", "was missing")):
        if _number(line[column]) >= MOSTLY * edits:
            return words
    rule = _rule(line) if kind is Kind.NUMBER else None
    if rule is not None:
        return rule
    if _number(line["most_instances"]) >= MOSTLY * edits and edits >= _FEWEST:
        names = (line["most_before"], line["most_after"])
        before, after = ("missing" if name is None else name for name in names)
        return f"{before} became {after}"
    return None


def _rule(line: dict[str, object]) -> str | None:
    """Times or plus, whichever more edits follow."""
    of_ratio, of_shift = (_number(line.get(name)) for name in ("ratio_share", "shift_share"))
    ratio, shift = (_number(line.get(name)) for name in ("median_ratio", "median_shift"))
    # ratios near 1 are alike whatever was done to the values
    told = of_ratio >= max(MOSTLY, of_shift) and abs(ratio - 1) > _TOLD
    if told:
        return f"times {ratio:.4g}" if abs(ratio) >= 1 else f"divided by {1 / ratio:.4g}"
    if of_shift >= MOSTLY:
        return f"{'plus' if shift > 0 else 'minus'} {abs(shift):.4g}"
    return None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
