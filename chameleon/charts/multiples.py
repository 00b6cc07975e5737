"""One feature's histogram in every version, side by side, some versions a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.theme import palette

A_ROW = 6
"""Versions in one row of histograms."""

_GAP = 0.08
_WORDS = 0.62  # room for "incorrect", in widths of a histogram
_HEIGHT = 110
_NAMED = ("primary", "secondary", "")


@dataclass(frozen=True, slots=True)
class SmallMultiples:
    """How the histograms are drawn; also the key of the kept specification.

    Attributes
    ----------
    shares
        Shares on one scale for all versions, instead of counts with a scale for each.
    outcomes
        Whether outcomes are known; else the unknown are drawn above the axis.
    """

    shares: bool
    dark: bool
    outcomes: bool


def small_multiples(options: SmallMultiples) -> dict[str, Any]:
    """A row of histograms as one flat chart, without data; see `row_frames`."""
    colours = palette(dark=options.dark)
    columns = ("part", "x", "x2", "y", "y2", "side", "version", "bar", "half", "instances",
               "share", "words")  # fmt: skip
    base = alt.Chart(pl.DataFrame({column: [0] for column in columns}))
    x = alt.X("x:Q", scale=alt.Scale(domain=[-_WORDS, A_ROW], nice=False), axis=None)
    share_axis = alt.Axis(format="~%", tickCount=4, minExtent=36, title=None)
    y = alt.Y("y:Q", scale=alt.Scale(nice=False), axis=share_axis if options.shares else None)
    hues = [colours.primary, colours.secondary, colours.neutral]
    bars = (
        base.transform_filter(alt.datum.part == "bar")
        .mark_rect()
        .encode(
            x=x,
            x2="x2:Q",
            y=y,
            y2="y2:Q",
            color=alt.Color(
                "side:N", scale=alt.Scale(domain=list(_NAMED), range=hues), legend=None
            ),
            tooltip=[
                alt.Tooltip("version:N", title="Version"),
                alt.Tooltip("bar:N", title="Values"),
                alt.Tooltip("half:N", title="Outcome"),
                alt.Tooltip("instances:Q", title="Instances", format=","),
                alt.Tooltip("share:Q", title="Share of the version", format=".1%"),
            ],
        )
    )
    axis = (
        base.transform_filter(alt.datum.part == "axis")
        .mark_rule(color=colours.line)
        .encode(x=x, x2="x2:Q", y=y)
    )
    words: list[alt.Chart] = []
    places: list[tuple[str, Any, dict[str, Any]]] = [
        ("name", alt.value(-24), {"fontWeight": 600, "limit": 92}),
        ("total", alt.value(-10), {"fontSize": 10, "limit": 92}),
        ("ends", alt.value(_HEIGHT + 9), {"fontSize": 10, "limit": 110}),
        ("above", y, {"fontSize": 10, "dy": -8}),
        ("below", y, {"fontSize": 10, "dy": 8}),
    ]
    for part, height, look in places:
        words.append(
            base.transform_filter(alt.datum.part == part)
            .mark_text(align="left", baseline="middle", color=colours.text, **look)
            .encode(x=x, y=height, text="words:N")
        )
    # nothing to see: holds the scale, so that all rows of versions have the same
    reach = base.transform_filter(alt.datum.part == "reach").mark_point(opacity=0).encode(x=x, y=y)
    chart = alt.layer(axis, bars, reach, *words).properties(
        height=_HEIGHT,
        description="One feature's histogram in every version: correct above, incorrect below.",
    )
    spec: dict[str, Any] = chart.to_dict()
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}  # the height is the plot's own
    spec.pop("data", None)
    spec.pop("datasets", None)
    return spec


def row_frames(
    histograms: pl.DataFrame,
    options: SmallMultiples,
    *,
    split: str,
    versions: Sequence[str],
    primary: str,
    secondary: str,
    words: Sequence[str],
    ends: str,
) -> Iterator[pl.DataFrame]:
    """The frames of `small_multiples`, one a row of versions.

    Parameters
    ----------
    histograms
        version, split, bin, bar, correct, incorrect, unknown: as `feature_over_versions` gives.
    words
        What each bar holds, in words, by bin.
    ends
        What the bars reach from and to, in words.
    """
    chosen = histograms.filter((pl.col("split") == split) & pl.col("version").is_in(list(versions)))
    totals = pl.sum_horizontal("correct", "incorrect", "unknown").sum().over("version")
    above = pl.col("correct") if options.outcomes else pl.col("unknown")
    below = pl.col("incorrect") if options.outcomes else pl.lit(0, dtype=pl.Int64)
    largest = pl.max_horizontal(above, below).max().over("version")
    scale = totals if options.shares else largest
    places = {name: place for place, name in enumerate(versions)}
    bins = len(words)
    width = (1 - 2 * _GAP) / bins
    placed = chosen.with_columns(
        place=pl.col("version").replace_strict(places, return_dtype=pl.Int32),
        total=totals,
        above=above,
        below=below,
        scale=pl.max_horizontal(scale, pl.lit(1)),
        side=pl.when(pl.col("version") == primary)
        .then(pl.lit("primary"))
        .when(pl.col("version") == secondary)
        .then(pl.lit("secondary"))
        .otherwise(pl.lit("")),
        bar_words=pl.col("bin").replace_strict(dict(enumerate(words)), return_dtype=pl.String),
    )
    halves = [
        placed.filter(pl.col(count) > 0).select(
            "place",
            part=pl.lit("bar"),
            x=(pl.col("place") % A_ROW) + _GAP + pl.col("bin") * width,
            x2=(pl.col("place") % A_ROW) + _GAP + (pl.col("bin") + 0.92) * width,
            y=sign * pl.col(count) / pl.col("scale"),
            y2=pl.lit(0.0),
            side="side",
            version="version",
            bar="bar_words",
            half=pl.lit(half),
            instances=pl.col(count),
            share=pl.col(count) / pl.max_horizontal("total", pl.lit(1)),
            words=pl.lit(""),
        )
        for count, sign, half in (
            ("above", 1.0, "correct" if options.outcomes else "unknown"),
            ("below", -1.0, "incorrect"),
        )
    ]
    bars = pl.concat(halves)
    reach = (_highest(bars["y"].max(), 1.0), _lowest(bars["y"].min(), options))
    parts = _frame_parts(placed, versions, ends, reach, options)
    drawn = pl.concat([bars, pl.DataFrame(parts, schema=bars.schema)])
    for row in range((len(versions) + A_ROW - 1) // A_ROW):
        yield drawn.filter(pl.col("place") // A_ROW == row).drop("place")


def _highest(value: object, otherwise: float) -> float:
    return value if isinstance(value, float) and value > 0 else otherwise


def _lowest(value: object, options: SmallMultiples) -> float:
    """The lower end of the scale; room for the word "incorrect" where there is such a half."""
    lowest = value if isinstance(value, float) else 0.0
    return min(lowest, -0.2 if options.outcomes and not options.shares else lowest)


def _frame_parts(
    placed: pl.DataFrame,
    versions: Sequence[str],
    ends: str,
    reach: tuple[float, float],
    options: SmallMultiples,
) -> list[dict[str, object]]:
    """The axis, name, count and ends of every version's histogram, and the words of each row."""
    totals = dict(placed.select("version", "total").unique().iter_rows())
    parts: list[dict[str, object]] = []
    for place, name in enumerate(versions):
        left = place % A_ROW + _GAP
        shared = {"place": place, "x": left, "x2": left + 1 - 2 * _GAP, "y": 0.0, "y2": 0.0,
                  "side": "", "version": name, "bar": "", "half": "", "instances": 0,
                  "share": 0.0, "words": ""}  # fmt: skip
        total = f"{totals.get(name, 0):,} instances"
        parts += [
            {**shared, "part": "axis"},
            {**shared, "part": "name", "words": name},
            {**shared, "part": "total", "words": total},
            {**shared, "part": "ends", "words": ends},
        ]
        if place % A_ROW == 0:
            parts += [{**shared, "part": "reach", "y": end} for end in reach]
            words = ("correct", "incorrect") if options.outcomes else ("instances", "")
            parts += [
                {**shared, "part": part, "x": -_WORDS, "words": word}
                for part, word in zip(("above", "below"), words, strict=True)
            ]
    return parts
