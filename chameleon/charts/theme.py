"""Colors, fonts, and axes of all charts in both themes, and the builders.

A chart is a cached specification without data, with a frame beside it. A click selects under the
name "pick"; the frame's columns `chosen` (the others are dimmed) and `marked` (outlined) show the
selection, never the chart itself.

Blue, pink, and purple belong to the two versions, red to incorrect outcomes, so that splits,
sources, and kinds of change have other hues. Every fill has at least 3:1 against its background.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import altair as alt
import polars as pl

Chart: TypeAlias = alt.Chart

DIM = 0.35
_TYPES = {"b": pl.Boolean, "f": pl.Float64, "i": pl.Int64, "s": pl.String}
BAR_WIDTH = "clamp(0.4 * width / length(domain('x')), 1, 5)"
POINT_SIZE = "clamp(0.5 * pow(width / length(domain('x')), 2), 8, 60)"
"""Thickness of an interval and area of a point, smaller where versions are close together."""
FIGURE = ".4f"
COUNT = ","
EVERY_NAME: Mapping[str, Any] = {
    "labelLimit": 150,
    "labelOverlap": False,
    "labelBound": False,
    "labelFlush": False,
}
"""An axis of names, all of them shown, long ones cut off."""
BANDS: Mapping[str, Any] = {**EVERY_NAME, "grid": True, "tickBand": "extent"}
"""An axis of names with lines between them."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The colors of one theme.

    `neutral` is for bars of no particular version, `line` for rules and grids, and `categories`
    for splits and sources, far from blue, pink, purple, and red. `low` and `high` are the ends of
    a one-hue scale for counts. `outcomes` is a diverging scale from incorrect (red) to correct
    (blue); only its ends contrast with the background, hues between them need an edge. `balance`
    is one for differences of counts, without a better end: fewer (amber), equal, more (green).
    """

    primary: str
    secondary: str
    neutral: str
    line: str
    text: str
    categories: tuple[str, ...]
    low: str
    high: str
    outcomes: tuple[str, str, str, str, str]
    balance: tuple[str, str, str]

    @property
    def correct(self) -> str:
        """The blue of correct outcomes."""
        return self.outcomes[-1]

    @property
    def incorrect(self) -> str:
        """The red of incorrect outcomes."""
        return self.outcomes[0]

    @property
    def sides(self) -> alt.Scale:
        """The colors of the secondary and the primary."""
        return alt.Scale(domain=list(SIDES), range=[self.secondary, self.primary])

    @property
    def config(self) -> dict[str, Any]:
        """The defaults of Vega-Lite that differ from Streamlit's theme."""
        named = {"labelColor": self.text, "titleColor": self.text}
        text = {"color": self.text, "fontSize": 11}
        return {"text": text, "axis": {**named, "gridColor": self.line}, "legend": named}


SIDES = ("secondary", "primary")
LIGHT = Palette(
    primary="#2a78b8",
    secondary="#d0418b",
    neutral="#737d84",
    line="#c5ccc9",
    text="#1f2623",
    categories=("#1b7f6b", "#b36b00", "#5d6a72", "#5f8700", "#8a6d3b", "#00838f", "#a08a00"),
    low="#f1f5f3",
    high="#84c7aa",
    outcomes=("#b2182b", "#ef8a62", "#f7f7f7", "#67a9cf", "#2166ac"),  # ColorBrewer's RdBu
    balance=("#e3b066", "#f7f7f5", "#84c7aa"),
)
DARK = Palette(
    primary="#55a5e3",
    secondary="#f48fb1",
    neutral="#98a3ab",
    line="#3a4449",
    text="#e6ebe8",
    categories=("#4fc3a5", "#f0a94b", "#aab4bb", "#a5cc4e", "#c9a66b", "#4dd0e1", "#d9c44f"),
    low="#1b2124",
    high="#2a7054",
    outcomes=("#dc4b52", "#f0988a", "#f4f4f2", "#8fc1ea", "#3f90dc"),
    balance=("#7d5618", "#1b2124", "#2a7054"),
)


def palette(*, dark: bool) -> Palette:
    """The palette of a theme."""
    return DARK if dark else LIGHT


def ink(fill: str) -> str:
    """Black or white, whichever is more legible on this fill ("#rrggbb")."""
    channels = (int(fill[k : k + 2], 16) / 255 for k in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # WCAG 2.2's contrast: equal to both where (L + 0.05)^2 = 1.05 * 0.05
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def blank() -> alt.Chart:
    """A chart of the frame, which is supplied later."""
    return alt.Chart(alt.NamedData(name="frame"))


def finished(
    layers: Sequence[alt.Chart] | alt.Chart,
    colors: Palette,
    description: str,
    *,
    only: str | None = None,
    autosize: str | None = "fit-x",
    **size: Any,  # noqa: ANN401 - pixels or steps
) -> dict[str, Any]:
    """The specification of a chart, without data.

    `only` is a Vega expression for the rows that all layers draw. With `autosize` "fit-x" the
    chart is as wide as its container and as high as the plot; with None, Streamlit decides.
    """
    chart: Any = layers if isinstance(layers, alt.Chart) else alt.layer(*layers)
    if only is not None:
        chart = chart.transform_filter(only)
    spec: dict[str, Any] = chart.properties(description=description, **size).to_dict()
    for part in (spec, *spec.get("layer", ())):
        part.pop("data", None)
    if autosize is not None:
        spec["autosize"] = {"type": autosize, "contains": "padding"}
    spec["config"] |= colors.config
    return spec


def as_chart(spec: dict[str, Any], frame: pl.DataFrame) -> Chart:
    """A specification of a builder with its data, as Altair has it."""
    chart: Chart = alt.Chart.from_dict({**spec, "data": {"values": []}})
    chart.data = alt.InlineData(values=frame.to_dicts())
    return chart


def names_axis(
    channel: type[alt.X | alt.Y],
    field: str,
    *,
    order: str | None = None,
    title: str | None = None,
    **axis: Any,  # noqa: ANN401 - properties of an axis
) -> Any:  # noqa: ANN401 - the channel given
    """An axis of names in the order of the frame, or of a column of numbers."""
    sort = None if order is None else alt.EncodingSortField(order, op="min")
    return channel(f"{field}:N", sort=sort, title=title, axis=alt.Axis(**axis))


def picked(chart: alt.Chart, *fields: str) -> alt.Chart:
    """The chart, with marks that a click selects."""
    selected: alt.Chart = chart.add_params(
        alt.selection_point("pick", fields=list(fields), toggle="true")
    )
    return selected


def dimmed(least: float = DIM, column: str = "chosen") -> Any:  # noqa: ANN401 - Altair's condition
    """The opacity of marks: those that are not chosen are dimmed."""
    return alt.condition(f"datum.{column}", alt.value(1), alt.value(least))


def outlined(
    colors: Palette, *, edge: str | None = None, marked: float = 1.5, plain: float = 0
) -> dict[str, Any]:
    """Outlines of the marked, and of the rest in the color `edge`; widths are in pixels."""
    hues, widths = (colors.text, edge or colors.text), (marked, plain)
    return {
        "stroke": alt.condition("datum.marked", *map(alt.value, hues)),
        "strokeWidth": alt.condition("datum.marked", *map(alt.value, widths)),
    }


def matrix(
    x: alt.X,
    y: alt.Y,
    color: alt.Color,
    *,
    tooltip: alt.Tooltip | Sequence[alt.Tooltip],
    pick: Sequence[str] = (),
    mark: Mapping[str, Any] | None = None,
    encoding: Mapping[str, Any] | None = None,
    words: Sequence[tuple[str | None, Mapping[str, Any], Mapping[str, Any]]] = (),
) -> list[alt.Chart]:
    """The layers of a matrix: cells, and on each the words of some columns.

    A click selects by the columns `pick`. `mark` and `encoding` are those of cells, and `words`
    are columns (None: the look has the text), the look of their text, and further encodings.
    """
    cells = blank().mark_rect(**mark or {})
    cells = cells.encode(x=x, y=y, color=color, tooltip=tooltip, **encoding or {})
    written = []
    for column, look, more in words:
        text = {} if column is None else {"text": f"{column}:N"}
        written.append(blank().mark_text(**look).encode(x=x, y=y, **text, **more))
    return [picked(cells, *pick) if pick else cells, *written]


def bars(
    x: alt.X,
    y: alt.Y,
    *,
    tooltip: alt.Tooltip,
    mark: Mapping[str, Any],
    encoding: Mapping[str, Any],
    pick: Sequence[str] = (),
    ticks: tuple[str, Mapping[str, Any], Mapping[str, Any]] | None = None,
    spans: Mapping[str, Any] | None = None,
    words: tuple[str, str, Mapping[str, Any]] | None = None,
) -> list[alt.Chart]:
    """The layers of horizontal bars or dots, one row per name.

    A click selects by the columns `pick`. `mark` (with its "type") and `encoding` are those of
    bars. `ticks` are a column of places on x, their look, and further encodings; `spans` the look
    of the interval from column `low` to `high`, and "encoding"; `words` a column of places on x, a
    column of words, and further encodings.
    """
    base = alt.Chart(alt.NamedData(name="frame"), mark=alt.MarkDef(**mark))
    drawn = base.encode(x=x, y=y, tooltip=tooltip, **encoding)
    layers = [picked(drawn, *pick) if pick else drawn]
    if ticks is not None:
        at, look, more = ticks
        layers.append(blank().mark_tick(**look).encode(**{"x": f"{at}:Q", "y": y, **more}))
    if spans is not None:
        look = {name: value for name, value in spans.items() if name != "encoding"}
        more = {"x": "low:Q", "x2": "high:Q", "y": y, "tooltip": tooltip}
        layers.append(blank().mark_rule(**look).encode(**more | spans.get("encoding", {})))
    if words is not None:
        at, column, more = words
        text = blank().mark_text(align="left", dx=6, fontSize=12)
        layers.append(text.encode(x=f"{at}:Q", y=y, text=f"{column}:N", **more))
    return layers


def interval_lines(
    series: str,
    x: alt.X,
    *,
    title: str,
    hues: Mapping[str, str],
    shapes: Sequence[str] | None = None,
    names: tuple[str, str],
    padding: int,
    axis: Mapping[str, Any] | None = None,
) -> list[alt.Chart]:
    """The layers of one line per series, with a thick bar for the interval of each value.

    The frame: series, version, value, low, high (95% CI, null without), instances. `hues` are the
    colors of the series, `shapes` their symbols if the legend shows them, and `names` those of
    the version and the series in tooltips.
    """
    domain = list(hues)
    legend = alt.Legend(orient="top", title=None, offset=6, labelLimit=320)
    scale = alt.Scale(domain=domain, range=list(hues.values()))
    color = alt.Color(f"{series}:N", scale=scale, legend=legend)
    symbols = alt.Scale(domain=domain, range=list(shapes)) if shapes else alt.Scale(domain=domain)
    shape = alt.Shape(f"{series}:N", scale=symbols, legend=legend if shapes else None)
    y: dict[str, Any] = {"title": title, "scale": alt.Scale(zero=False, padding=padding)}
    shown = alt.Axis(format="~g", tickCount=5, **axis or {})
    value = alt.Y("value:Q", axis=shown, **y)
    spans = blank().mark_rule(strokeWidth=alt.ExprRef(BAR_WIDTH), opacity=0.3)
    points = blank().mark_point(filled=True, size=alt.ExprRef(POINT_SIZE), opacity=1)
    tooltip = [
        alt.Tooltip("version:N", title=names[0]),
        alt.Tooltip(f"{series}:N", title=names[1]),
        alt.Tooltip("value:Q", title=title, format=FIGURE),
        alt.Tooltip("low:Q", title="95% CI from", format=FIGURE),
        alt.Tooltip("high:Q", title="to", format=FIGURE),
        alt.Tooltip("instances:Q", title="Instances", format=COUNT),
    ]
    return [
        spans.encode(x=x, y=alt.Y("low:Q", **y), y2="high:Q", color=color),
        blank().mark_line().encode(x=x, y=value, color=color),
        points.encode(x=x, y=value, color=color, shape=shape, tooltip=tooltip),
    ]


def framed(rows: Sequence[Any], columns: str) -> pl.DataFrame:
    """A frame of tuples or dicts; `columns` are names with types, such as "place:i name:s"."""
    named = (column.split(":") for column in columns.split())
    return pl.DataFrame(rows, {name: _TYPES[kind] for name, kind in named}, orient="row")


def texts(values: Iterable[str | None]) -> pl.Series:
    """A column of texts, also if there is none."""
    return pl.Series(list(values), dtype=pl.String)


def choice_columns(keys: Sequence[object], chosen: Collection[object]) -> dict[str, pl.Series]:
    """The columns `chosen` and `marked`; if nothing is chosen, all look alike."""
    marked = [key in chosen for key in keys]
    return {
        "chosen": pl.Series([not chosen or one for one in marked], dtype=pl.Boolean),
        "marked": pl.Series(marked, dtype=pl.Boolean),
    }


def plural(count: int, noun: str = "instance") -> str:
    """A count with its noun: "1 instance", "1,200 instances"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def share_words(share: float | None) -> str:
    """A share as text, never rounded to none or all; "-" if it is undefined."""
    if share is None:
        return "-"
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{share:.1%}"
