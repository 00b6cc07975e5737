"""The layers of the embedding's chart: colours, signs, what answers the pointer, the legend."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import altair as alt

from chameleon.charts.theme import Palette, dimmed, picked


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


CHANGE = 0.5
"""Changes of accuracy beyond this look like this."""
PALE = 0.6
"""Hues nearer to even than this stand out too little from the background without an edge."""
_LEAST_KEY = 11
"""Pixels below which a square is too small for a letter."""
_LEAST_STROKE = 6
"""Pixels below which a stroke would hide the colour of its square."""


def between(low: str, high: str, across: str, up: str) -> dict[str, Any]:
    """Encodings of a rectangle, or of the line from its lower left to its upper right."""
    return {**at(low, across), "x2": f"{high}:Q", "y2": f"{up}:Q"}


def at(x: str, y: str) -> dict[str, Any]:
    """Encodings of a place in the unit square."""
    unit = alt.Scale(domain=[0, 1], nice=False, zero=False)
    return {
        "x": alt.X(f"{x}:Q", scale=unit, axis=None),
        "y": alt.Y(f"{y}:Q", scale=unit, axis=None),
    }


def edge_of(options: EmbeddingChart) -> str:
    """How long the sides of the plot are drawn, as a Vega expression."""
    return f"min(width, {options.size_px})"


def _gradient(options: EmbeddingChart) -> str:
    """The length of the colour legend, which stands ten pixels in from the plot's edge."""
    return f"{edge_of(options)} - 10"


SQUARE = ("x0", "x1", "y0", "y1")


def named(options: EmbeddingChart) -> list[str]:
    """The groups as the legend names them: a number, which stands in the squares too."""
    return [f"{number} {name}" for number, name in enumerate(options.groups, start=1)]


def colour_of(options: EmbeddingChart, colours: Palette) -> Any:  # noqa: ANN401 - Altair's chain
    """The colour of a square by its place on the scale, with the legend above the plot."""
    unknown = alt.value(colours.neutral)
    legend: dict[str, Any] = {
        "orient": "top",
        "title": None,
        "offset": 8,
        "labelFontSize": 11,
    }
    if options.colouring is Colouring.GROUP:
        names = named(options)
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
            ends = (f"-{CHANGE} or less", "as accurate", f"+{CHANGE} or more")
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


def signs_of(held: alt.Chart, options: EmbeddingChart, colours: Palette) -> list[alt.Chart]:
    """What says without colour what the colour says: a stroke through, a number, a "?"."""
    dim = dimmed()
    # a letter as high as its square, where that can be read
    letters = held.transform_filter(f"datum.edge * {options.size_px} >= {_LEAST_KEY}")
    highest = alt.ExprRef(f"0.75 * {edge_of(options)}")
    high = alt.Size("edge:Q", scale=alt.Scale(domain=[0, 1], range=[0, highest]), legend=None)
    text = letters.mark_text(baseline="middle").encode(
        **at("middle", "centre"),
        text="key:N",
        size=high,
        opacity=dim,
        fill=alt.Fill("ink:N", scale=None, legend=None),
    )
    if not options.is_diverging:
        return [text]
    pale = f"datum.heat > {-PALE}"
    large = f"datum.edge * {options.size_px} >= {_LEAST_STROKE}"
    wrong = held.transform_filter(f"datum.known && datum.heat < 0 && {large}")
    strokes = wrong.mark_rule(strokeWidth=1)
    return [
        strokes.encode(
            **between(*SQUARE),
            color=alt.condition(pale, alt.value("#000000"), alt.value("#ffffff")),
            opacity=dim,
        ),
        text,
    ]


def reach_of(
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
    answers = cells.mark_rect(
        opacity=0, tooltip=alt.ExprRef(f"datum.unknown > 0 ? {more} : {as_object(told)}")
    )
    brush = alt.BrushConfig(
        fill=colours.neutral, fillOpacity=0.15, stroke=colours.text, strokeOpacity=0.8
    )
    reach: alt.Chart = picked(answers.encode(**whole), "cell").add_params(
        alt.selection_interval("brush", encodings=["x", "y"], mark=brush)
    )
    return reach


def size_legend(
    base: alt.Chart, square: dict[str, Any], options: EmbeddingChart, colours: Palette
) -> list[alt.Chart]:
    """Squares of two sizes under the plot, with what they stand for."""
    legend = base.transform_filter("datum.part !== 'cell'")
    layers = [
        legend.mark_rect(fill=colours.low, stroke=colours.neutral, strokeWidth=1).encode(**square),
        legend.mark_text(align="left", baseline="middle", fontSize=11, color=colours.text).encode(
            **at("middle", "centre"), text="words:N"
        ),
    ]
    if options.is_diverging:
        signs = legend.transform_filter("datum.part === 'sign'").mark_rule(color=colours.text)
        layers.append(signs.encode(**square))
    return layers
