"""Label probabilities of every class in both versions: a small histogram a class.

A specification without data, to be kept, with a frame beside it. A click selects under the name
"pick"; what is selected is shown by the frame's column `chosen`, never by the chart.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.specs import dummy, fitted_spec
from chameleon.charts.theme import palette

MOST_WEAK_CLASSES = 12
"""So many classes are drawn."""

A_ROW = 4
_GAP = 0.12
_BETWEEN = 0.5  # room for the names and ends between rows, in heights of a panel
_HEIGHT = 84
_DIM = 0.35
_SIDES = ("secondary", "primary")
_SCHEMA: Mapping[str, Any] = {
    "part": pl.String, "x": pl.Float64, "x2": pl.Float64, "y": pl.Float64, "y2": pl.Float64,
    "side": pl.String, "class": pl.String, "low": pl.Float64, "high": pl.Float64,
    "words": pl.String, "chosen": pl.Boolean,
}  # fmt: skip


def probability_histograms(*, rows: int, dark: bool) -> dict[str, Any]:
    """A panel a class, four a row: two bars a range of probabilities, one a version.

    The frame: that of `probability_histogram_frame`. Selection "pick": class, low, high.

    Parameters
    ----------
    rows
        How many rows of panels there are, see `panel_rows`.
    """
    colours = palette(dark=dark)
    base = alt.Chart(dummy(*_SCHEMA))
    top, bottom = _BETWEEN, -(rows - 1) * (1 + _BETWEEN) - _BETWEEN / 2
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, A_ROW * (1 + _GAP)], nice=False), axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[bottom, 1 + top], nice=False), axis=None)
    bars = (
        base.transform_filter(alt.datum.part == "bar")
        .mark_rect()
        .encode(
            x=x,
            x2="x2:Q",
            y=y,
            y2="y2:Q",
            color=alt.Color(
                "side:N",
                scale=alt.Scale(domain=list(_SIDES), range=[colours.secondary, colours.primary]),
                legend=None,
            ),
            opacity=alt.condition("datum.chosen", alt.value(1), alt.value(_DIM)),
            tooltip=alt.Tooltip("words:N", title="Instances"),
        )
        .add_params(alt.selection_point("pick", fields=["class", "low", "high"], toggle="true"))
    )
    axis = (
        base.transform_filter(alt.datum.part == "axis")
        .mark_rule(color=colours.line)
        .encode(x=x, x2="x2:Q", y=y)
    )
    looks: list[tuple[str, dict[str, Any]]] = [
        ("name", {"align": "left", "baseline": "bottom", "dy": -5, "fontWeight": 600,
                  "limit": 150}),
        ("low", {"align": "left", "baseline": "top", "dy": 4, "fontSize": 10}),
        ("high", {"align": "right", "baseline": "top", "dy": 4, "fontSize": 10}),
    ]  # fmt: skip
    words = [
        base.transform_filter(alt.datum.part == part)
        .mark_text(color=colours.text, **look)
        .encode(x=x, y=y, text="words:N")
        for part, look in looks
    ]
    return fitted_spec(
        alt.layer(axis, bars, *words),
        description="How many instances have which label probability of each class, in both "
        "versions, as shares of those with label probabilities.",
        height=int(_HEIGHT * (1 + top - bottom)),
    )


def panel_rows(histograms: pl.DataFrame) -> int:
    """How many rows of panels the classes take."""
    return -(-min(histograms["class"].n_unique(), MOST_WEAK_CLASSES) // A_ROW)


def probability_histogram_frame(
    histograms: pl.DataFrame,
    *,
    primary: str,
    secondary: str,
    chosen: Collection[tuple[str, float, float]] = (),
) -> pl.DataFrame:
    """The frame of `probability_histograms` from that of `label_probability_histogram`.

    All panels share one scale, up to the largest share of either version.

    Returns
    -------
    polars.DataFrame
        part ("bar", "axis", "name", "low" or "high"), x, x2, y, y2, side, class, low, high, words,
        chosen.
    """
    classes = histograms["class"].unique(maintain_order=True).to_list()[:MOST_WEAK_CLASSES]
    totals = {side: _total(histograms, side) for side in _SIDES}
    drawn = histograms.filter(pl.col("class").is_in(classes))
    most = {side: max(drawn[side].to_list(), default=0) for side in _SIDES}
    largest = max(most[side] / max(totals[side], 1) for side in _SIDES) or 1.0
    names = {"primary": primary, "secondary": secondary}
    lines: list[tuple[Any, ...]] = []
    for place, name in enumerate(classes):
        left, floor = place % A_ROW * (1 + _GAP), -(place // A_ROW) * (1 + _BETWEEN)
        nothing = ("", name, None, None)
        lines.append(("axis", left, left + 1, floor, floor, *nothing, "", True))
        lines.append(("name", left, left, floor + 1, floor + 1, *nothing, name, True))
        lines.append(("low", left, left, floor, floor, *nothing, "0", True))
        lines.append(("high", left + 1, left + 1, floor, floor, *nothing, "1", True))
        for bar in drawn.filter(pl.col("class") == name).iter_rows(named=True):
            low, high = bar["low"], bar["high"]
            picked = not chosen or (name, low, high) in chosen
            width = (high - low) * 0.44
            for number, side in enumerate(_SIDES):
                start = left + low + (high - low) * 0.06 + number * width
                share = bar[side] / max(totals[side], 1)
                words = (
                    f"{bar[side]:,} of {totals[side]:,} ({share:.1%}) in {names[side]}: {name} "
                    f"from {low:g} to {high:g}"
                )
                end = floor + share / largest
                lines.append(
                    ("bar", start, start + width, floor, end, side, name, low, high, words, picked)
                )
    return pl.DataFrame(lines, schema=_SCHEMA, orient="row")


def probability_histogram_text(histograms: pl.DataFrame) -> str:
    """The panels in words."""
    totals = {side: _total(histograms, side) for side in _SIDES}
    if not any(totals.values()):
        return "No instance here has label probabilities."
    told: list[str] = []
    for (name,), own in histograms.group_by("class", maintain_order=True):
        sure = own.filter(pl.col("low") >= 0.5)
        shares = [f"{sure[s].sum() / totals[s]:.1%}" if totals[s] else "-" for s in _SIDES]
        told.append(f"{name} {shares[0]} before, {shares[1]} after")
    listed = "; ".join(told[:MOST_WEAK_CLASSES])
    return f"Share of instances with a probability of 0.5 or more, by class: {listed}."


def _total(histograms: pl.DataFrame, side: str) -> int:
    """The instances with label probabilities: those of any one class."""
    if histograms.is_empty():
        return 0
    first = histograms["class"][0]
    return int(histograms.filter(pl.col("class") == first)[side].sum())
