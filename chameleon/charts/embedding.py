"""The aggregated embedding: one square per cell, sized by instances and colored by outcome.

Coordinates are those of a unit square cut into `cells` by `cells`, so that nothing moves with
versions and filters. A click selects under the name "pick", a drag under "brush".
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.theme import (
    Palette,
    blank,
    dimmed,
    finished,
    framed,
    ink,
    palette,
    picked,
    plural,
)

OTHER = "other"

_FURTHEST = 10.0
"""Ratios beyond 10 : 1 and 1 : 10 have the colors of these."""
_CHANGE = 0.5
"""Larger changes of accuracy have the color of this one."""
_PALE = 0.6
"""Hues nearer to even than this need an edge to contrast with the background."""
_LEAST_KEY, _LEAST_STROKE = 11, 6
"""Smaller squares, in pixels, have no room for a letter, or for a stroke."""
_SQUARE, _OUTLINE = ("x0", "x1", "y0", "y1"), ("s0", "s1", "t0", "t1")
_CELL = ("left", "right", "bottom", "top")
_COUNTS = ("correct", "incorrect", "unknown", "instances", "secondary_instances")
_COLUMNS = (
    "x0:f x1:f y0:f y1:f s0:f s1:f t0:f t1:f left:f right:f bottom:f top:f middle:f center:f "
    "edge:f heat:f part:s cell:s shown:s key:s ink:s accuracy_words:s more:s words:s correct:i "
    "incorrect:i unknown:i instances:i secondary_instances:i known:b chosen:b marked:b"
)


class Coloring(StrEnum):
    """The meaning of the color of a square."""

    RATIO = "correct : incorrect"
    CHANGE = "change of accuracy"
    GROUP = "group"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class EmbeddingChart:
    """The look of the embedding, also the key of the cached specification.

    `size_px` is the width and height of the plot, without legends, smaller in a narrower
    container. `outline` draws the secondary's counts as pink outlines. `groups` are the names for
    GROUP in their order, as `cell_groups_shown` returns them.
    """

    size_px: int
    dark: bool
    coloring: Coloring = Coloring.RATIO
    outline: bool = False
    groups: tuple[str, ...] = ()

    @property
    def is_diverging(self) -> bool:
        """Return True if blue is better and red is worse."""
        return self.coloring in (Coloring.RATIO, Coloring.CHANGE)

    @property
    def edge(self) -> str:
        """The length of the plot's sides, as a Vega expression."""
        return f"min(width, {self.size_px})"

    @property
    def named(self) -> list[str]:
        """The groups with the numbers that the squares show."""
        return [f"{number} {name}" for number, name in enumerate(self.groups, start=1)]


def embedding_chart(options: EmbeddingChart) -> dict[str, Any]:
    """The squares and their legends, without data.

    The frame: that of `embedding_frame`. Selections "pick": cell, and "brush": left, bottom (in
    the unit square; see `brushed_cells`). In a narrower container the squares shrink.
    """
    colors = palette(dark=options.dark)
    base = blank()
    cells = base.transform_filter("datum.part === 'cell'")
    held = cells.transform_filter("datum.edge > 0")
    whole = _between(*_CELL)
    grid = cells.mark_rect(filled=False, stroke=colors.line, strokeWidth=0.5).encode(**whole)
    shows_ratio = str(options.coloring is not Coloring.GROUP).lower()
    pale = f"{shows_ratio} && (datum.heat > 1 || abs(datum.heat) < {_PALE})"
    squares = held.mark_rect().encode(
        **_between(*_SQUARE),
        color=_color(options, colors),
        opacity=dimmed(),
        stroke=alt.condition("datum.marked", alt.value(colors.text), alt.value(colors.neutral)),
        strokeWidth=alt.when("datum.marked").then(alt.value(2)).when(pale).then(alt.value(0.75))
        .otherwise(alt.value(0)),
    )  # fmt: skip
    layers = [grid, squares, *_signs(held, options)]
    if options.outline:
        outlines = cells.transform_filter("datum.secondary_instances > 0").mark_rect(
            filled=False, stroke=colors.secondary, strokeWidth=1
        )
        layers.append(outlines.encode(**_between(*_OUTLINE), opacity=dimmed()))
    marked = cells.transform_filter("datum.marked")
    layers.append(
        marked.mark_rect(filled=False, stroke=colors.text, strokeWidth=1.5).encode(**whole)
    )
    layers.append(_targets(cells, options, colors))
    layers += _size_legend(base, options, colors)
    description = (
        "Aggregated embedding: similar instances are close to each other; one square "
        f"per cell, sized by instances, colored by {options.coloring}."
    )
    spec = finished(layers, colors, description, height=options.size_px)
    edge = {"expr": options.edge}
    for layer in spec["layer"]:  # squares stay squares, whatever the width of the container
        layer["encoding"]["x"]["scale"]["range"] = [0, edge]
        layer["encoding"]["y"]["scale"]["range"] = [edge, 0]
    return spec


def _between(low: str, high: str, across: str, up: str) -> dict[str, Any]:
    """Encodings of a rectangle, or of the line from its lower left to its upper right."""
    return {**_at(low, across), "x2": f"{high}:Q", "y2": f"{up}:Q"}


def _at(x: str, y: str) -> dict[str, Any]:
    """Encodings of a point in the unit square."""
    unit = alt.Scale(domain=[0, 1], nice=False, zero=False)
    return {
        "x": alt.X(f"{x}:Q", scale=unit, axis=None),
        "y": alt.Y(f"{y}:Q", scale=unit, axis=None),
    }


def _color(options: EmbeddingChart, colors: Palette) -> Any:  # noqa: ANN401 - Altair's chain
    """The color of a square by its place on the scale, with the legend above the plot."""
    legend: dict[str, Any] = {"orient": "top", "title": None, "offset": 8, "labelFontSize": 11}
    if options.coloring is Coloring.GROUP:
        names = options.named
        scale = alt.Scale(domain=names, range=list(colors.categories[: len(names)]))
        legend |= {
            "labelLimit": max(options.size_px // 2 - 24, 60),
            "columns": 2,
            "symbolType": "square",
            "symbolStrokeWidth": 0,
            "symbolOpacity": 1,
            "rowPadding": 2,
        }
        field = alt.Color("shown:N", scale=scale, legend=alt.Legend(**legend))
    else:
        # ten pixels in from the plot's edge
        legend["gradientLength"] = alt.ExprRef(f"{options.edge} - 10")
        if options.coloring is Coloring.DATE:
            scale = alt.Scale(type="utc", range=[colors.low, colors.categories[0]])
            legend |= {"format": "%Y-%m-%d", "tickCount": 3}
            field = alt.Color("heat:T", scale=scale, legend=alt.Legend(**legend))
        else:
            worst, even, best = (
                ("1 : 10", "1 : 1", "10 correct : 1 incorrect")
                if options.coloring is Coloring.RATIO
                else (f"-{_CHANGE} or less", "as accurate", f"+{_CHANGE} or more")
            )
            words = f"datum.value < 0 ? '{worst}' : datum.value > 0 ? '{best}' : '{even}'"
            legend |= {"labelExpr": words, "labelLimit": 160, "labelOverlap": False}
            legend["values"] = [-1, 0, 1]
            domain = [-1, -0.5, 0, 0.5, 1]
            scale = alt.Scale(domain=domain, range=list(colors.outcomes), interpolate="lab")
            field = alt.Color("heat:Q", scale=scale, legend=alt.Legend(**legend))
    return alt.when("datum.known").then(field).otherwise(alt.value(colors.neutral))


def _signs(held: alt.Chart, options: EmbeddingChart) -> list[alt.Chart]:
    """The meaning of the color without color: a stroke through, a number, a "?"."""
    # a letter as high as its square, if that is legible
    letters = held.transform_filter(f"datum.edge * {options.size_px} >= {_LEAST_KEY}")
    highest = alt.ExprRef(f"0.75 * {options.edge}")
    text = letters.mark_text(baseline="middle").encode(
        **_at("middle", "center"),
        text="key:N",
        size=alt.Size("edge:Q", scale=alt.Scale(domain=[0, 1], range=[0, highest]), legend=None),
        opacity=dimmed(),
        fill=alt.Fill("ink:N", scale=None, legend=None),
    )
    if not options.is_diverging:
        return [text]
    large = f"datum.edge * {options.size_px} >= {_LEAST_STROKE}"
    wrong = held.transform_filter(f"datum.known && datum.heat < 0 && {large}")
    pale = alt.condition(f"datum.heat > {-_PALE}", alt.value("#000000"), alt.value("#ffffff"))
    strokes = wrong.mark_rule(strokeWidth=1)
    return [strokes.encode(**_between(*_SQUARE), color=pale, opacity=dimmed()), text]


def _targets(cells: alt.Chart, options: EmbeddingChart, colors: Palette) -> alt.Chart:
    """The whole of every cell answers the pointer: small squares are hard to hit."""
    shown = {
        "Correct": "format(datum.correct, ',')",
        "Incorrect": "format(datum.incorrect, ',')",
        "Total": "format(datum.instances, ',')",
        "Accuracy": "datum.accuracy_words",
    }
    titles = {
        Coloring.GROUP: "Most frequent",
        Coloring.DATE: "Mean date",
        Coloring.CHANGE: "Change of accuracy",
    }
    if options.coloring in titles:
        shown[titles[options.coloring]] = "datum.more"
    if options.outline:
        shown["In the secondary"] = "format(datum.secondary_instances, ',')"
    shown["Cell"] = "datum.cell"
    few = ", ".join(f"'{name}': {value}" for name, value in shown.items())
    all_of = f"{few}, 'Unknown': format(datum.unknown, ',')"
    tooltip = alt.ExprRef(f"datum.unknown > 0 ? {{{all_of}}} : {{{few}}}")
    answers = cells.mark_rect(opacity=0, tooltip=tooltip).encode(**_between(*_CELL))
    brush = alt.BrushConfig(
        fill=colors.neutral, fillOpacity=0.15, stroke=colors.text, strokeOpacity=0.8
    )
    targets: alt.Chart = picked(answers, "cell").add_params(
        alt.selection_interval("brush", encodings=["x", "y"], mark=brush)
    )
    return targets


def _size_legend(base: alt.Chart, options: EmbeddingChart, colors: Palette) -> list[alt.Chart]:
    """Squares of two sizes below the plot, with their counts."""
    legend = base.transform_filter("datum.part !== 'cell'")
    square = _between(*_SQUARE)
    layers = [
        legend.mark_rect(fill=colors.low, stroke=colors.neutral, strokeWidth=1).encode(**square),
        legend.mark_text(align="left", baseline="middle", fontSize=11, color=colors.text).encode(
            **_at("middle", "center"), text="words:N"
        ),
    ]
    if options.is_diverging:
        signs = legend.transform_filter("datum.part === 'sign'").mark_rule(color=colors.text)
        layers.append(signs.encode(**square))
    return layers


def embedding_frame(
    counts: pl.DataFrame, options: EmbeddingChart, *, cells: int, chosen: Collection[str] = ()
) -> pl.DataFrame:
    """The frame of `embedding_chart`: cells, and the legend of sizes (part "size" and "sign").

    `counts` is the frame of `embedding_cells`, for GROUP and DATE with that of `cell_groups`;
    `cells` are those along the longer side of the layout.
    """
    held = (counts["instances"] + counts["unknown"]).to_list()
    second = counts["secondary_instances"].to_list()
    largest = max([*held, *(second if options.outline else []), 1])
    heats, shown, known = _coloring(counts, options)
    colors = palette(dark=options.dark)
    hues = dict(zip(options.named, colors.categories, strict=False))
    rows: list[dict[str, Any]] = []
    for number, row in enumerate(counts.iter_rows(named=True)):
        column, line = (int(part) for part in row["cell"].split(","))
        middle, center = (column + 0.5) / cells, (line + 0.5) / cells
        edge = math.sqrt(held[number] / largest) / cells
        other = math.sqrt(second[number] / largest) / cells if options.outline else 0.0
        name = shown[number]
        rows.append(
            {
                **_box(_SQUARE, middle, center, edge),
                **_box(_OUTLINE, middle, center, other),
                **_box(_CELL, middle, center, 1 / cells),
                **{count: row[count] for count in ("cell", *_COUNTS)},
                "part": "cell",
                "middle": middle,
                "center": center,
                "edge": edge,
                "heat": heats[number],
                "shown": name,
                "key": name.split(" ", 1)[0] if known[number] else "?",
                "ink": ink(hues.get(name, colors.neutral)),
                "known": known[number],
                "chosen": not chosen or row["cell"] in chosen,
                "marked": row["cell"] in chosen,
                "accuracy_words": "-" if row["accuracy"] is None else f"{row['accuracy']:.3f}",
                "more": _more(row, options),
                "words": "",
            }
        )
    rows += _legend_rows(largest, cells, options)
    return framed(rows, _COLUMNS)


def cell_groups_shown(counts: pl.DataFrame) -> tuple[str, ...]:
    """The groups of cells with their own color, the most frequent, then "other"."""
    most = len(palette(dark=False).categories)
    frequent = (
        counts.filter(pl.col("group").is_not_null())
        .group_by("group")
        .agg(pl.sum("instances"))
        .sort("instances", "group", descending=[True, False])["group"]
        .to_list()
    )
    return tuple(frequent if len(frequent) <= most else [*frequent[: most - 1], OTHER])


def brushed_cells(
    brush: Mapping[str, Sequence[float]] | None, *, cells: int
) -> tuple[str, str] | None:
    """The lower left and the upper right cell of a brush; None without one.

    It contains the cells whose center it covers; if it covers none, the cell it is in. `brush` is
    the event's: left and bottom, each (low, high) in the unit square.
    """
    if not brush or not brush.get("left") or not brush.get("bottom"):
        return None
    columns = _covered(brush["left"], cells)
    lines = _covered(brush["bottom"], cells)
    return f"{columns[0]},{lines[0]}", f"{columns[1]},{lines[1]}"


def embedding_text(frame: pl.DataFrame) -> str:
    """The embedding in words, from the frame of `embedding_frame`."""
    cells = frame.filter((pl.col("part") == "cell") & (pl.col("edge") > 0))
    if cells.is_empty():
        return "No instances of the primary version."
    correct, incorrect, unknown = (
        int(cells[name].sum()) for name in ("correct", "incorrect", "unknown")
    )
    total = correct + incorrect
    accuracy = f", accuracy {correct / total:.3f}" if total else ""
    without = f", {unknown:,} unknown" if unknown else ""
    words = (
        f"{plural(total)} in {plural(len(cells), 'cell')}: {correct:,} "
        f"correct, {incorrect:,} incorrect{accuracy}{without}."
    )
    worst = cells.sort("incorrect", descending=True, maintain_order=True).row(0, named=True)
    if not worst["incorrect"]:
        return words
    return (
        f"{words} Most incorrect ones in one cell: {worst['incorrect']:,} of "
        f"{worst['instances']:,} in cell {worst['cell']}."
    )


def _box(names: Sequence[str], x: float, y: float, edge: float) -> dict[str, float]:
    """The left, right, bottom, and top of a square around a center, under these names."""
    half = edge / 2
    return dict(zip(names, (x - half, x + half, y - half, y + half), strict=True))


def _covered(ends: Sequence[float], cells: int) -> tuple[int, int]:
    """The first and last of `cells` equal parts of [0, 1] whose middle is between the ends."""
    low, high = sorted(float(end) for end in ends)
    first, last = math.ceil(low * cells - 0.5), math.floor(high * cells - 0.5)
    if first > last:
        first = last = math.floor((low + high) / 2 * cells)
    return max(0, min(first, cells - 1)), max(0, min(last, cells - 1))


def _coloring(
    counts: pl.DataFrame, options: EmbeddingChart
) -> tuple[list[float | None], list[str], list[bool]]:
    """The place of each cell on the scale, its name in the legend, and True if it has either."""
    none = [""] * len(counts)
    if options.coloring is Coloring.GROUP:
        names = dict(zip(options.groups, options.named, strict=True))
        other = names.get(OTHER, "")
        groups = counts["group"].to_list()
        shown = ["" if group is None else names.get(group, other) for group in groups]
        return [0.0] * len(counts), shown, [bool(name) for name in shown]
    if options.coloring is Coloring.DATE:
        # as milliseconds, drawn on a UTC scale: the browser's zone moves nothing
        heats = counts["group"].cast(pl.Datetime("ms")).to_physical().cast(pl.Float64).to_list()
        return heats, none, [heat is not None for heat in heats]
    if options.coloring is Coloring.CHANGE:
        changes = counts["accuracy_change"]
        heats = [None if c is None else max(-1.0, min(1.0, c / _CHANGE)) for c in changes]
    else:
        heats = [
            max(-1.0, min(1.0, math.log(ratio, _FURTHEST))) if total else None
            for ratio, total in counts.select("ratio", "instances").iter_rows()
        ]
    return [heat or 0.0 for heat in heats], none, [heat is not None for heat in heats]


def _more(row: Mapping[str, Any], options: EmbeddingChart) -> str:
    """The meaning of a cell's color in the tooltip, beside the counts."""
    match options.coloring:
        case Coloring.GROUP:
            value, form = row["group"], "s"
        case Coloring.DATE:
            value, form = row["group"], "%Y-%m-%d"
        case Coloring.CHANGE:
            value, form = row["accuracy_change"], "+.3f"
        case _:
            return ""
    return "-" if value is None else format(value, form)


def _legend_rows(largest: int, cells: int, options: EmbeddingChart) -> list[dict[str, Any]]:
    """Squares of two sizes with their counts, and the sign of a mostly incorrect cell."""
    counts = [largest, *([round(largest / 4)] if largest >= 4 else [])]
    legend = [("size", count, f"{count:,}") for count in counts]
    legend[-1] = ("size", counts[-1], plural(counts[-1]))
    if options.is_diverging:
        words = "mostly incorrect" if options.coloring is Coloring.RATIO else "worse"
        legend.append(("sign", largest, words))
    rows: list[dict[str, Any]] = []
    line, left = -0.03 - 0.5 / cells, 0.0
    for part, count, words in legend:
        edge = math.sqrt(count / largest) / cells
        rows.append(
            {
                **_box(_SQUARE, left + 0.5 / cells, line, edge),
                "part": part,
                "middle": left + 1 / cells + 0.02,
                "center": line,
                "words": words,
            }
        )
        left += 1 / cells + 0.06 + len(words) * 7 / options.size_px
    return rows
