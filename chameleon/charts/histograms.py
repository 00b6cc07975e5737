"""Small multiples of histograms: a feature in every version, or label probabilities by class."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.theme import COUNT, SIDES, blank, dimmed, finished, framed, palette, picked

A_ROW, CLASSES_A_ROW = 6, 4
"""Versions, and classes, in one row of histograms."""
MOST_WEAK_CLASSES = 12
"""Classes that are drawn at most."""

_GAP = 0.08
_WORDS = 0.62  # room for "incorrect", in widths of a histogram
_HEIGHT = 110
_CLASS_GAP = 0.12
_BETWEEN = 0.5  # room for the names and ends between rows, in heights of a panel
_CLASS_HEIGHT = 84
_COLUMNS = "part:s x:f x2:f y:f y2:f side:s class:s low:f high:f words:s chosen:b"


@dataclass(frozen=True, slots=True)
class SmallMultiples:
    """The look of the histograms, also the key of the cached specification.

    `shares` have one scale for all versions, counts one for each. Without `outcomes`, the unknown
    ones are drawn above the axis.
    """

    shares: bool
    dark: bool
    outcomes: bool


def small_multiples(options: SmallMultiples) -> dict[str, Any]:
    """A row of histograms as one flat chart, without data; see `row_frames`."""
    colors = palette(dark=options.dark)
    x = alt.X("x:Q", scale=alt.Scale(domain=[-_WORDS, A_ROW], nice=False), axis=None)
    share_axis = alt.Axis(format="~%", tickCount=4, minExtent=36, title=None)
    y = alt.Y("y:Q", scale=alt.Scale(nice=False), axis=share_axis if options.shares else None)
    hues = alt.Scale(domain=[*SIDES, ""], range=[colors.secondary, colors.primary, colors.neutral])
    tooltip = [
        alt.Tooltip("version:N", title="Version"),
        alt.Tooltip("bar:N", title="Values"),
        alt.Tooltip("half:N", title="Outcome"),
        alt.Tooltip("instances:Q", title="Instances", format=COUNT),
        alt.Tooltip("share:Q", title="Share of the version", format=".1%"),
    ]
    small = {"fontSize": 10}
    places: list[tuple[str, Any, dict[str, Any]]] = [
        ("name", alt.value(-24), {"fontWeight": 600, "limit": 92}),
        ("total", alt.value(-10), {"limit": 92, **small}),
        ("ends", alt.value(_HEIGHT + 9), {"limit": 110, **small}),
        ("above", y, {"dy": -8, **small}),
        ("below", y, {"dy": 8, **small}),
    ]
    words = [
        _words(part, x, height, {"align": "left", "baseline": "middle", **look})
        for part, height, look in places
    ]
    # invisible: fixes the scale, so that all rows of versions have the same
    reach = _part("reach").mark_point(opacity=0).encode(x=x, y=y)
    description = "One feature's histogram in every version: correct above, incorrect below."
    return finished(
        [*_panels(x, y, hues, line=colors.line, tooltip=tooltip), reach, *words],
        colors,
        description,
        height=_HEIGHT,
    )


def _part(name: str) -> alt.Chart:
    chart: alt.Chart = blank().transform_filter(alt.datum.part == name)
    return chart


def _panels(x: alt.X, y: alt.Y, hues: alt.Scale, *, line: str, tooltip: Any) -> list[alt.Chart]:  # noqa: ANN401
    """The axes and the bars of all panels."""
    color = alt.Color("side:N", scale=hues, legend=None)
    return [
        _part("axis").mark_rule(color=line).encode(x=x, x2="x2:Q", y=y),
        _part("bar").mark_rect().encode(
            x=x, x2="x2:Q", y=y, y2="y2:Q", color=color, tooltip=tooltip
        ),
    ]  # fmt: skip


def _words(part: str, x: alt.X, y: Any, look: Mapping[str, Any]) -> alt.Chart:  # noqa: ANN401
    words: alt.Chart = _part(part).mark_text(**look).encode(x=x, y=y, text="words:N")
    return words


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
    """The frames of `small_multiples`, one per row of versions, from `feature_over_versions`.

    `words` are the values of each bar, by bin, and `ends` the ends of all bars, in words.
    """
    chosen = histograms.filter((pl.col("split") == split) & pl.col("version").is_in(list(versions)))
    totals = pl.sum_horizontal("correct", "incorrect", "unknown").sum().over("version")
    above = pl.col("correct") if options.outcomes else pl.col("unknown")
    below = pl.col("incorrect") if options.outcomes else pl.lit(0, dtype=pl.Int64)
    largest = pl.max_horizontal(above, below).max().over("version")
    places = {name: place for place, name in enumerate(versions)}
    sides = {secondary: "secondary", primary: "primary"}
    width = (1 - 2 * _GAP) / len(words)
    placed = chosen.with_columns(
        place=pl.col("version").replace_strict(places, return_dtype=pl.Int32),
        total=totals,
        above=above,
        below=below,
        scale=pl.max_horizontal(totals if options.shares else largest, pl.lit(1)),
        side=pl.col("version").replace_strict(sides, default="", return_dtype=pl.String),
        bar=pl.col("bin").replace_strict(dict(enumerate(words)), return_dtype=pl.String),
    )
    left = pl.col("place") % A_ROW + _GAP
    bars = pl.concat(
        placed.filter(pl.col(count) > 0).select(
            "place",
            part=pl.lit("bar"),
            x=left + pl.col("bin") * width,
            x2=left + (pl.col("bin") + 0.92) * width,
            y=sign * pl.col(count) / pl.col("scale"),
            y2=pl.lit(0.0),
            side="side",
            version="version",
            bar="bar",
            half=pl.lit(half),
            instances=pl.col(count),
            share=pl.col(count) / pl.max_horizontal("total", pl.lit(1)),
            words=pl.lit(""),
        )
        for count, sign, half in (
            ("above", 1.0, "correct" if options.outcomes else "unknown"),
            ("below", -1.0, "incorrect"),
        )
    )
    heights = bars["y"].to_list()
    # room for the word "incorrect" where there is such a half
    least = -0.2 if options.outcomes and not options.shares else 0.0
    reach = (max(heights, default=0.0), min([*heights, least]))
    if reach[0] <= 0:
        reach = (1.0, reach[1])
    parts = _frame_parts(placed, versions, ends, reach, options)
    drawn = pl.concat([bars, pl.DataFrame(parts, schema=bars.schema)])
    for row in range((len(versions) + A_ROW - 1) // A_ROW):
        yield drawn.filter(pl.col("place") // A_ROW == row).drop("place")


def _frame_parts(
    placed: pl.DataFrame,
    versions: Sequence[str],
    ends: str,
    reach: tuple[float, float],
    options: SmallMultiples,
) -> list[dict[str, object]]:
    """The axis, name, count, and ends of every version's histogram, and the words of each row."""
    totals = dict(placed.select("version", "total").unique().iter_rows())
    parts: list[dict[str, object]] = []
    for place, name in enumerate(versions):
        left = place % A_ROW + _GAP
        shared = {"place": place, "x": left, "x2": left + 1 - 2 * _GAP, "y": 0.0, "y2": 0.0,
                  "side": "", "version": name, "bar": "", "half": "", "instances": 0,
                  "share": 0.0, "words": ""}  # fmt: skip
        total = f"{totals.get(name, 0):,} instances"
        words = {"axis": "", "name": name, "total": total, "ends": ends}
        parts += [{**shared, "part": part, "words": word} for part, word in words.items()]
        if place % A_ROW == 0:
            parts += [{**shared, "part": "reach", "y": end} for end in reach]
            halves = ("correct", "incorrect") if options.outcomes else ("instances", "")
            parts += [
                {**shared, "part": part, "x": -_WORDS, "words": half}
                for part, half in zip(("above", "below"), halves, strict=True)
            ]
    return parts


def probability_histograms(*, rows: int, dark: bool) -> dict[str, Any]:
    """A panel per class, four in a row: two bars per range of probabilities, one per version.

    The frame: that of `probability_histogram_frame`. Selection "pick": class, low, high. `rows`
    is the number of rows of panels; see `panel_rows`.
    """
    colors = palette(dark=dark)
    top, bottom = _BETWEEN, -(rows - 1) * (1 + _BETWEEN) - _BETWEEN / 2
    across = alt.Scale(domain=[0, CLASSES_A_ROW * (1 + _CLASS_GAP)], nice=False)
    x = alt.X("x:Q", scale=across, axis=None)
    y = alt.Y("y:Q", scale=alt.Scale(domain=[bottom, 1 + top], nice=False), axis=None)
    tooltip = alt.Tooltip("words:N", title="Instances")
    axis, bars = _panels(x, y, colors.sides, line=colors.line, tooltip=tooltip)
    bars = picked(bars.encode(opacity=dimmed()), "class", "low", "high")
    looks: list[tuple[str, dict[str, Any]]] = [
        ("name", {"align": "left", "baseline": "bottom", "dy": -5, "fontWeight": 600,
                  "limit": 150}),
        ("low", {"align": "left", "baseline": "top", "dy": 4, "fontSize": 10}),
        ("high", {"align": "right", "baseline": "top", "dy": 4, "fontSize": 10}),
    ]  # fmt: skip
    description = (
        "Instances by label probability of each class, in both versions, as shares of "
        "those with label probabilities."
    )
    return finished(
        [axis, bars, *(_words(part, x, y, look) for part, look in looks)],
        colors,
        description,
        height=int(_CLASS_HEIGHT * (1 + top - bottom)),
    )


def panel_rows(histograms: pl.DataFrame) -> int:
    """The number of rows of panels for the classes."""
    return -(-min(histograms["class"].n_unique(), MOST_WEAK_CLASSES) // CLASSES_A_ROW)


def probability_histogram_frame(
    histograms: pl.DataFrame,
    *,
    primary: str,
    secondary: str,
    chosen: Collection[tuple[str, float, float]] = (),
) -> pl.DataFrame:
    """The frame of `probability_histograms` from that of `label_probability_histogram`.

    All panels share one scale, up to the largest share of either version.
    """
    classes = histograms["class"].unique(maintain_order=True).to_list()[:MOST_WEAK_CLASSES]
    totals = _totals(histograms)
    drawn = histograms.filter(pl.col("class").is_in(classes))
    most = (max(drawn[side].to_list(), default=0) / max(totals[side], 1) for side in SIDES)
    largest = max(most) or 1.0
    names = {"primary": primary, "secondary": secondary}
    lines: list[tuple[Any, ...]] = []
    for place, name in enumerate(classes):
        left = place % CLASSES_A_ROW * (1 + _CLASS_GAP)
        floor = -(place // CLASSES_A_ROW) * (1 + _BETWEEN)
        nothing = ("", name, None, None)
        lines.append(("axis", left, left + 1, floor, floor, *nothing, "", True))
        lines.append(("name", left, left, floor + 1, floor + 1, *nothing, name, True))
        lines.append(("low", left, left, floor, floor, *nothing, "0", True))
        lines.append(("high", left + 1, left + 1, floor, floor, *nothing, "1", True))
        for bar in drawn.filter(pl.col("class") == name).iter_rows(named=True):
            low, high = bar["low"], bar["high"]
            is_chosen = not chosen or (name, low, high) in chosen
            width = (high - low) * 0.44
            for number, side in enumerate(SIDES):
                start = left + low + (high - low) * 0.06 + number * width
                share = bar[side] / max(totals[side], 1)
                words = (
                    f"{bar[side]:,} of {totals[side]:,} ({share:.1%}) in {names[side]}: {name} "
                    f"from {low:g} to {high:g}"
                )
                lines.append(("bar", start, start + width, floor, floor + share / largest, side,
                              name, low, high, words, is_chosen))  # fmt: skip
    return framed(lines, _COLUMNS)


def probability_histogram_text(histograms: pl.DataFrame) -> str:
    """The panels in words."""
    totals = _totals(histograms)
    if not any(totals.values()):
        return "No instance with label probabilities matches."
    classes: list[str] = []
    for (name,), own in histograms.group_by("class", maintain_order=True):
        sure = own.filter(pl.col("low") >= 0.5)
        shares = [f"{sure[s].sum() / totals[s]:.1%}" if totals[s] else "-" for s in SIDES]
        classes.append(f"{name} {shares[0]} before, {shares[1]} after")
    shown = "; ".join(classes[:MOST_WEAK_CLASSES])
    return f"Share of instances with a probability of 0.5 or more, by class: {shown}."


def _totals(histograms: pl.DataFrame) -> dict[str, int]:
    """The instances with label probabilities on each side: those of any one class."""
    first = histograms.filter(pl.col("class") == pl.col("class").first())
    return {side: int(first[side].sum()) for side in SIDES}
