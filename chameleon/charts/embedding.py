"""The aggregated embedding: a square a cell, as large as it holds instances, coloured by outcome.

The specification holds no data and is to be kept; its frame goes beside it. Coordinates are those
of a unit square cut into `cells` by `cells`, so that nothing moves with versions and filters. A
click selects under the name "pick", a drag under "brush"; what is selected is shown by the frame's
column `chosen`, never by the chart.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.embedding_layers import (
    CHANGE,
    PALE,
    SQUARE,
    Colouring,
    EmbeddingChart,
    between,
    colour_of,
    edge_of,
    named,
    reach_of,
    signs_of,
    size_legend,
)
from chameleon.charts.theme import blank, dimmed, finished, ink, palette, plural

OTHER = "other"

_FURTHEST = 10.0
"""Ratios beyond 10 : 1 and 1 : 10 look like these."""
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
    base = blank()
    whole = between("left", "right", "bottom", "top")
    square = between(*SQUARE)
    cells = base.transform_filter("datum.part === 'cell'")
    held = cells.transform_filter("datum.edge > 0")
    grid = cells.mark_rect(filled=False, stroke=colours.line, strokeWidth=0.5).encode(**whole)
    squares = held.mark_rect().encode(
        **square,
        color=colour_of(options, colours),
        opacity=dimmed(),
        stroke=alt.condition("datum.marked", alt.value(colours.text), alt.value(colours.neutral)),
        strokeWidth=alt.when("datum.marked")
        .then(alt.value(2))
        .when(f"{str(options.colouring is not Colouring.GROUP).lower()}"
              f" && (datum.heat > 1 || abs(datum.heat) < {PALE})")
        .then(alt.value(0.75))
        .otherwise(alt.value(0)),
    )  # fmt: skip
    layers = [grid, squares, *signs_of(held, options, colours)]
    if options.outline:
        other = between("s0", "s1", "t0", "t1")
        layers.append(
            cells.transform_filter("datum.secondary_instances > 0")
            .mark_rect(filled=False, stroke=colours.secondary, strokeWidth=1)
            .encode(
                **other, opacity=dimmed()
            )
        )  # fmt: skip
    marked = cells.transform_filter("datum.marked")
    layers.append(
        marked.mark_rect(filled=False, stroke=colours.text, strokeWidth=1.5).encode(**whole)
    )
    layers.append(reach_of(cells, whole, options, colours))
    layers += size_legend(base, square, options, colours)
    spec = finished(
        layers,
        colours,
        height=options.size_px,
        description="Aggregated embedding: similar instances lie near one another; a square a "
        f"cell, sized by instances, coloured by {options.colouring}.",
    )
    edge = {"expr": edge_of(options)}
    for layer in spec["layer"]:  # squares stay squares, whatever the width of the place
        layer["encoding"]["x"]["scale"]["range"] = [0, edge]
        layer["encoding"]["y"]["scale"]["range"] = [edge, 0]
    return spec


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
    hues = dict(zip(named(options), colours.categories, strict=False))
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
        f"{plural(total)} in {plural(len(cells), 'cell')}: {correct:,} "
        f"correct, {incorrect:,} incorrect{accuracy}{left_out}."
    )
    worst = cells.sort("incorrect", descending=True, maintain_order=True).row(0, named=True)
    if not worst["incorrect"]:
        return told
    return (
        f"{told} Most incorrect ones in one cell: {worst['incorrect']:,} of "
        f"{worst['instances']:,} in cell {worst['cell']}."
    )


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
        names = dict(zip(options.groups, named(options), strict=True))
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
        heats = [None if c is None else max(-1.0, min(1.0, c / CHANGE)) for c in changes]
    else:
        heats = [
            max(-1.0, min(1.0, math.log(ratio, _FURTHEST))) if total else None
            for ratio, total in counts.select("ratio", "instances").iter_rows()
        ]
    return [heat or 0.0 for heat in heats], none, [heat is not None for heat in heats]


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
        words = plural(count) if last else f"{count:,}"
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
