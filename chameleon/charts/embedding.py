"""The aggregated embedding: a square a cell, as large as it holds instances, coloured by outcome.

The specification holds no data and is to be kept; its frame goes beside it. Coordinates are those
of a unit square cut into `cells` by `cells`, so that nothing moves with versions and filters. A
click selects under the name "pick", a drag under "brush"; what is selected is shown by the frame's
column `chosen`, never by the chart.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.specs import without_data
from chameleon.charts.theme import Palette, ink, palette

OTHER = "other"


class Colouring(StrEnum):
    """What the colour of a square says."""

    RATIO = "correct : incorrect"
    CHANGE = "change of accuracy"
    GROUP = "group"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class EmbeddingChart:
    """How the embedding is drawn; also the key of the kept specification.

    Attributes
    ----------
    size_px
        Width and height of the plot, smaller in a narrower place; the legends stand above and
        below it.
    colouring
        What colours say; RATIO and CHANGE are diverging.
    outline
        Whether the secondary's counts are drawn as pink outlines.
    groups
        For GROUP the names in their order, as `cell_groups_shown` gives them.
    """

    size_px: int
    dark: bool
    colouring: Colouring = Colouring.RATIO
    outline: bool = False
    groups: tuple[str, ...] = ()

    @property
    def is_diverging(self) -> bool:
        """Whether blue is good and red is bad."""
        return self.colouring in (Colouring.RATIO, Colouring.CHANGE)


_FURTHEST = 10.0
"""Ratios beyond 10 : 1 and 1 : 10 look like these."""
_CHANGE = 0.5
"""Changes of accuracy beyond this look like this."""
_PALE = 0.6
"""Hues nearer to even than this stand out too little from the background without an edge."""
_DIM = 0.35
_LEAST_KEY = 11
"""Pixels below which a square is too small for a letter."""
_LEAST_STROKE = 6
"""Pixels below which a stroke would hide the colour of its square."""

_FLOATS = (
    *("x0", "x1", "y0", "y1", "s0", "s1", "t0", "t1", "left", "right", "bottom", "top"),
    *("middle", "centre", "edge", "heat"),
)
_TEXTS = ("part", "cell", "shown", "key", "ink", "accuracy_words", "more", "words")
_COUNTS = ("correct", "incorrect", "unknown", "instances", "secondary_instances")
_SCHEMA = (
    dict.fromkeys(_FLOATS, pl.Float64)
    | dict.fromkeys(_TEXTS, pl.String)
    | dict.fromkeys(_COUNTS, pl.Int64)
    | dict.fromkeys(("known", "chosen", "marked"), pl.Boolean)
)


def embedding_chart(options: EmbeddingChart) -> dict[str, Any]:
    """The squares and their legends, without data.

    The frame: that of `embedding_frame`. Selections "pick": cell, and "brush": left, bottom (in
    the unit square; see `brushed_cells`). In a place narrower than the plot the squares shrink.
    """
    colours = palette(dark=options.dark)
    base = alt.Chart(pl.DataFrame({column: [0] for column in _SCHEMA}))
    whole = _between("left", "right", "bottom", "top")
    square = _between(*_SQUARE)
    cells = base.transform_filter("datum.part === 'cell'")
    held = cells.transform_filter("datum.edge > 0")
    grid = cells.mark_rect(filled=False, stroke=colours.line, strokeWidth=0.5).encode(**whole)
    squares = held.mark_rect().encode(
        **square,
        color=_colour(options, colours),
        opacity=alt.condition("datum.chosen", alt.value(1), alt.value(_DIM)),
        stroke=alt.condition("datum.marked", alt.value(colours.text), alt.value(colours.neutral)),
        strokeWidth=alt.when("datum.marked")
        .then(alt.value(2))
        .when(f"{str(options.colouring is not Colouring.GROUP).lower()}"
              f" && (datum.heat > 1 || abs(datum.heat) < {_PALE})")
        .then(alt.value(0.75))
        .otherwise(alt.value(0)),
    )  # fmt: skip
    layers = [grid, squares, *_signs(held, options, colours)]
    if options.outline:
        other = _between("s0", "s1", "t0", "t1")
        layers.append(
            cells.transform_filter("datum.secondary_instances > 0")
            .mark_rect(filled=False, stroke=colours.secondary, strokeWidth=1)
            .encode(
                **other, opacity=alt.condition("datum.chosen", alt.value(1), alt.value(_DIM))
            )
        )  # fmt: skip
    marked = cells.transform_filter("datum.marked")
    layers.append(
        marked.mark_rect(filled=False, stroke=colours.text, strokeWidth=1.5).encode(**whole)
    )
    layers.append(_reach(cells, whole, options, colours))
    layers += _size_legend(base, square, options, colours)
    chart = alt.layer(*layers).properties(
        height=options.size_px,
        description="Aggregated embedding: similar instances lie near one another; a square a "
        f"cell, sized by instances, coloured by {options.colouring}.",
    )
    spec: dict[str, Any] = chart.to_dict()
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    edge = {"expr": _edge(options)}
    for layer in spec["layer"]:  # squares stay squares, whatever the width of the place
        layer["encoding"]["x"]["scale"]["range"] = [0, edge]
        layer["encoding"]["y"]["scale"]["range"] = [edge, 0]
    return without_data(spec)


def _edge(options: EmbeddingChart) -> str:
    """How long the sides of the plot are drawn, as a Vega expression."""
    return f"min(width, {options.size_px})"


def _gradient(options: EmbeddingChart) -> str:
    """The length of the colour legend, which stands ten pixels in from the plot's edge."""
    return f"{_edge(options)} - 10"


def embedding_frame(
    counts: pl.DataFrame,
    options: EmbeddingChart,
    *,
    cells: int,
    chosen: Collection[str] = (),
) -> pl.DataFrame:
    """The frame of `embedding_chart` from that of `embedding_cells`.

    Parameters
    ----------
    counts
        cell ("column,row"), correct, incorrect, unknown, instances, accuracy, ratio,
        secondary_instances; for GROUP also group (text); for DATE value or group (naive
        datetime); for CHANGE value or accuracy_change.
    cells
        Cells along the longer side of the layout.
    chosen
        Cells selected, by name. Empty: none is, and all look alike.

    Returns
    -------
    polars.DataFrame
        A row a cell (part "cell"), and rows for the legend of sizes (part "size", "sign").
    """
    held = (counts["instances"] + counts["unknown"]).to_list()
    second = counts["secondary_instances"].to_list()
    largest = max([*held, *(second if options.outline else []), 1])
    heats, shown, known = _colouring(counts, options)
    colours = palette(dark=options.dark)
    hues = dict(zip(_named(options), colours.categories, strict=False))
    rows: list[dict[str, Any]] = []
    for number, row in enumerate(counts.iter_rows(named=True)):
        column, line = (int(part) for part in row["cell"].split(","))
        middle, centre = (column + 0.5) / cells, (line + 0.5) / cells
        edge = math.sqrt(held[number] / largest) / cells
        other = math.sqrt(second[number] / largest) / cells if options.outline else 0.0
        name = shown[number]
        rows.append(
            {
                **_box("x0", "x1", "y0", "y1", middle, centre, edge),
                **_box("s0", "s1", "t0", "t1", middle, centre, other),
                **_box("left", "right", "bottom", "top", middle, centre, 1 / cells),
                "part": "cell",
                "cell": row["cell"],
                "middle": middle,
                "centre": centre,
                "edge": edge,
                "heat": heats[number],
                "shown": name,
                "key": name.split(" ", 1)[0] if known[number] else "?",
                "ink": ink(hues.get(name, colours.neutral)),
                "known": known[number],
                "chosen": not chosen or row["cell"] in chosen,
                "marked": row["cell"] in chosen,
                **{name: row[name] for name in ("correct", "incorrect", "unknown", "instances")},
                "accuracy_words": "-" if row["accuracy"] is None else f"{row['accuracy']:.3f}",
                "more": _more(row, options),
                "secondary_instances": second[number],
                "words": "",
            }
        )
    rows += _legend_rows(largest, cells, options)
    return pl.DataFrame(rows, schema=_SCHEMA)


def cell_groups_shown(counts: pl.DataFrame) -> tuple[str, ...]:
    """The groups of cells that have a colour of their own: the most frequent, then "other".

    Parameters
    ----------
    counts
        group (text) and instances of each cell.
    """
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

    In are the cells whose centre it covers; of one that covers no centre, the cell it lies in.

    Parameters
    ----------
    brush
        What "brush" holds in the event: left and bottom, each (low, high) in the unit square.
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
    left_out = f", {unknown:,} unknown" if unknown else ""
    told = (
        f"{total:,} instance{_s(total)} in {len(cells):,} cell{_s(len(cells))}: {correct:,} "
        f"correct, {incorrect:,} incorrect{accuracy}{left_out}."
    )
    worst = cells.sort("incorrect", descending=True, maintain_order=True).row(0, named=True)
    if not worst["incorrect"]:
        return told
    return (
        f"{told} Most incorrect ones in one cell: {worst['incorrect']:,} of "
        f"{worst['instances']:,} in cell {worst['cell']}."
    )


def _between(low: str, high: str, across: str, up: str) -> dict[str, Any]:
    """Encodings of a rectangle, or of the line from its lower left to its upper right."""
    return {**_at(low, across), "x2": f"{high}:Q", "y2": f"{up}:Q"}


def _at(x: str, y: str) -> dict[str, Any]:
    """Encodings of a place in the unit square."""
    unit = alt.Scale(domain=[0, 1], nice=False, zero=False)
    return {
        "x": alt.X(f"{x}:Q", scale=unit, axis=None),
        "y": alt.Y(f"{y}:Q", scale=unit, axis=None),
    }


_SQUARE = ("x0", "x1", "y0", "y1")


def _box(
    low: str, high: str, across: str, up: str, x: float, y: float, edge: float
) -> dict[str, float]:
    """A square around a centre under these names."""
    half = edge / 2
    return {low: x - half, high: x + half, across: y - half, up: y + half}


def _covered(ends: Sequence[float], cells: int) -> tuple[int, int]:
    """The first and last of `cells` equal parts of [0, 1] whose middle lies between the ends."""
    low, high = sorted(float(end) for end in ends)
    first, last = math.ceil(low * cells - 0.5), math.floor(high * cells - 0.5)
    if first > last:
        first = last = math.floor((low + high) / 2 * cells)
    return max(0, min(first, cells - 1)), max(0, min(last, cells - 1))


def _colouring(
    counts: pl.DataFrame, options: EmbeddingChart
) -> tuple[list[float | None], list[str], list[bool]]:
    """Of every cell the place on the scale, the name in the legend, and whether it has either."""
    none = [""] * len(counts)
    if options.colouring is Colouring.GROUP:
        names = dict(zip(options.groups, _named(options), strict=True))
        other = names.get(OTHER, "")
        groups = counts["group"].to_list()
        shown = ["" if group is None else names.get(group, other) for group in groups]
        return [0.0] * len(counts), shown, [bool(name) for name in shown]
    if options.colouring is Colouring.DATE:
        dates = _first_of(counts, "value", "group")
        # as milliseconds, drawn on a UTC scale: the browser's zone moves nothing
        heats = dates.cast(pl.Datetime("ms")).to_physical().cast(pl.Float64).to_list()
        return heats, none, [heat is not None for heat in heats]
    if options.colouring is Colouring.CHANGE:
        changes = _first_of(counts, "value", "accuracy_change").to_list()
        heats = [None if c is None else max(-1.0, min(1.0, c / _CHANGE)) for c in changes]
    else:
        heats = [
            max(-1.0, min(1.0, math.log(ratio, _FURTHEST))) if total else None
            for ratio, total in counts.select("ratio", "instances").iter_rows()
        ]
    return [heat or 0.0 for heat in heats], none, [heat is not None for heat in heats]


def _named(options: EmbeddingChart) -> list[str]:
    """The groups as the legend names them: a number, which stands in the squares too."""
    return [f"{number} {name}" for number, name in enumerate(options.groups, start=1)]


def _first_of(counts: pl.DataFrame, *names: str) -> pl.Series:
    return next(counts[name] for name in names if name in counts.columns)


def _more(row: Mapping[str, Any], options: EmbeddingChart) -> str:
    """What the tooltip says of the colour, beside the counts."""
    match options.colouring:
        case Colouring.GROUP:
            return "-" if row["group"] is None else str(row["group"])
        case Colouring.DATE:
            date = row["value"] if "value" in row else row["group"]
            return "-" if date is None else f"{date:%Y-%m-%d}"
        case Colouring.CHANGE:
            change = row["value"] if "value" in row else row["accuracy_change"]
            return "-" if change is None else f"{change:+.3f}"
        case _:
            return ""


def _legend_rows(largest: int, cells: int, options: EmbeddingChart) -> list[dict[str, Any]]:
    """Squares of two sizes with their counts, and the sign of a cell that is mostly wrong."""
    line = -0.03 - 0.5 / cells
    counts = [largest, *([round(largest / 4)] if largest >= 4 else [])]
    rows: list[dict[str, Any]] = []
    left = 0.0
    for place, count in enumerate(counts):
        last = place == len(counts) - 1
        words = f"{count:,}" + (f" instance{_s(count)}" if last else "")
        edge = math.sqrt(count / largest) / cells
        rows.append(
            {
                **_box("x0", "x1", "y0", "y1", left + 0.5 / cells, line, edge),
                "part": "size",
                "middle": left + 1 / cells + 0.02,
                "centre": line,
                "words": words,
            }
        )
        left += 1 / cells + 0.06 + len(words) * 7 / options.size_px
    if options.is_diverging:
        rows.append(
            {
                **_box("x0", "x1", "y0", "y1", left + 0.5 / cells, line, 1 / cells),
                "part": "sign",
                "middle": left + 1 / cells + 0.02,
                "centre": line,
                "words": "mostly incorrect" if options.colouring is Colouring.RATIO else "worse",
            }
        )
    return rows


def _colour(options: EmbeddingChart, colours: Palette) -> Any:  # noqa: ANN401 - Altair's chain
    unknown = alt.value(colours.neutral)
    legend: dict[str, Any] = {
        "orient": "top",
        "title": None,
        "offset": 8,
        "labelColor": colours.text,
        "labelFontSize": 11,
    }
    if options.colouring is Colouring.GROUP:
        names = _named(options)
        scale = alt.Scale(domain=names, range=list(colours.categories[: len(names)]))
        legend |= {
            "labelLimit": max(options.size_px // 2 - 24, 60),
            "columns": 2,
            "symbolType": "square",
            "symbolStrokeWidth": 0,
            "symbolOpacity": 1,
            "rowPadding": 2,
        }
        field = alt.Color("shown:N", scale=scale, legend=alt.Legend(**legend))
    elif options.colouring is Colouring.DATE:
        scale = alt.Scale(type="utc", range=[colours.low, colours.categories[0]])
        legend |= {
            "format": "%Y-%m-%d",
            "gradientLength": alt.ExprRef(_gradient(options)),
            "tickCount": 3,
        }
        field = alt.Color("heat:T", scale=scale, legend=alt.Legend(**legend))
    else:
        if options.colouring is Colouring.RATIO:
            ends = ("1 : 10", "1 : 1", "10 correct : 1 incorrect")
        else:
            ends = (f"-{_CHANGE} or less", "as accurate", f"+{_CHANGE} or more")
        legend |= {
            "gradientLength": alt.ExprRef(_gradient(options)),
            "values": [-1, 0, 1],
            "labelExpr": f"datum.value < 0 ? '{ends[0]}' : datum.value > 0 ? '{ends[2]}' "
            f": '{ends[1]}'",
            "labelLimit": 160,
            "labelOverlap": False,
        }
        scale = alt.Scale(
            domain=[-1, -0.5, 0, 0.5, 1], range=list(colours.outcomes), interpolate="lab"
        )
        field = alt.Color("heat:Q", scale=scale, legend=alt.Legend(**legend))
    return alt.when("datum.known").then(field).otherwise(unknown)


def _signs(held: alt.Chart, options: EmbeddingChart, colours: Palette) -> list[alt.Chart]:
    """What says without colour what the colour says: a stroke through, a number, a "?"."""
    dim = alt.condition("datum.chosen", alt.value(1), alt.value(_DIM))
    # a letter as high as its square, where that can be read
    letters = held.transform_filter(f"datum.edge * {options.size_px} >= {_LEAST_KEY}")
    highest = alt.ExprRef(f"0.75 * {_edge(options)}")
    high = alt.Size(
        "edge:Q", scale=alt.Scale(domain=[0, 1], range=[0, highest]), legend=None
    )  # fmt: skip
    text = letters.mark_text(baseline="middle").encode(
        **_at("middle", "centre"),
        text="key:N",
        size=high,
        opacity=dim,
        fill=alt.Fill("ink:N", scale=None, legend=None),
    )
    if not options.is_diverging:
        return [text]
    pale = f"datum.heat > {-_PALE}"
    large = f"datum.edge * {options.size_px} >= {_LEAST_STROKE}"
    wrong = held.transform_filter(f"datum.known && datum.heat < 0 && {large}")
    strokes = wrong.mark_rule(strokeWidth=1)
    return [
        strokes.encode(
            **_between(*_SQUARE),
            color=alt.condition(pale, alt.value("#000000"), alt.value("#ffffff")),
            opacity=dim,
        ),
        text,
    ]


def _reach(
    cells: alt.Chart, whole: dict[str, Any], options: EmbeddingChart, colours: Palette
) -> alt.Chart:
    """The whole of every cell answers the pointer: small squares are hard to hit."""
    told = {
        "Correct": "format(datum.correct, ',')",
        "Incorrect": "format(datum.incorrect, ',')",
        "Total": "format(datum.instances, ',')",
        "Accuracy": "datum.accuracy_words",
    }
    titles = {
        Colouring.GROUP: "Most frequent",
        Colouring.DATE: "Mean date",
        Colouring.CHANGE: "Change of accuracy",
    }
    if options.colouring in titles:
        told[titles[options.colouring]] = "datum.more"
    if options.outline:
        told["In the secondary"] = "format(datum.secondary_instances, ',')"
    told["Cell"] = "datum.cell"

    def as_object(pairs: dict[str, str]) -> str:
        return "{" + ", ".join(f"'{name}': {value}" for name, value in pairs.items()) + "}"

    more = as_object({**told, "Unknown": "format(datum.unknown, ',')"})
    reach: alt.Chart = (
        cells.mark_rect(
            opacity=0,
            tooltip=alt.ExprRef(f"datum.unknown > 0 ? {more} : {as_object(told)}"),
        )
        .encode(**whole)
        .add_params(
            alt.selection_point("pick", fields=["cell"], toggle="true"),
            alt.selection_interval(
                "brush",
                encodings=["x", "y"],
                mark=alt.BrushConfig(
                    fill=colours.neutral, fillOpacity=0.15, stroke=colours.text, strokeOpacity=0.8
                ),
            ),
        )
    )
    return reach


def _size_legend(
    base: alt.Chart, square: dict[str, Any], options: EmbeddingChart, colours: Palette
) -> list[alt.Chart]:
    legend = base.transform_filter("datum.part !== 'cell'")
    layers = [
        legend.mark_rect(fill=colours.low, stroke=colours.neutral, strokeWidth=1).encode(**square),
        legend.mark_text(align="left", baseline="middle", fontSize=11, color=colours.text).encode(
            **_at("middle", "centre"), text="words:N"
        ),
    ]
    if options.is_diverging:
        signs = legend.transform_filter("datum.part === 'sign'").mark_rule(color=colours.text)
        layers.append(signs.encode(**square))
    return layers


def _s(count: int) -> str:
    return "" if count == 1 else "s"
