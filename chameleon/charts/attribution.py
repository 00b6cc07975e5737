"""Why a metric moved: its way from before to after, models on other test sets, a frozen test.

Each chart is a specification without data, to be kept, with a frame beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.specs import BAR_WIDTH, POINT_SIZE, dummy, fitted_spec
from chameleon.charts.theme import palette

NUMBERED = 14
"""More versions than this leave no room for a value in every cell of the matrix."""

_PALE = 0.4
_APART = "\u200b"  # is not seen, but keeps two rows of the same words apart
_ROW = 34
_STEP_SCHEMA = {
    "place": pl.Int64, "words": pl.String, "kind": pl.String, "start": pl.Float64,
    "end": pl.Float64, "low": pl.Float64, "high": pl.Float64, "reach": pl.Float64,
    "written": pl.String, "sentence": pl.String, "pale": pl.Boolean,
}  # fmt: skip


def waterfall(*, rows: int, title: str, dark: bool) -> dict[str, Any]:
    """The way of a metric from before to after: a bar a cause, with its interval.

    The frame: that of `waterfall_frame`.
    """
    colours = palette(dark=dark)
    base = alt.Chart(dummy(*_STEP_SCHEMA))
    y = alt.Y(
        "words:N",
        sort=alt.EncodingSortField("place"),
        title=None,
        axis=alt.Axis(labelLimit=230, minExtent=190, maxExtent=240, ticks=False, domain=False,
                      labelFontSize=12, labelPadding=8, grid=False),
    )  # fmt: skip
    x = alt.X(
        "start:Q",
        title=title,
        scale=alt.Scale(zero=False, nice=False, padding=46),
        axis=alt.Axis(format="~g", tickCount=6),
    )
    tooltip = alt.Tooltip("sentence:N", title="Cause")
    bars = base.mark_bar(height=18).encode(
        y=y,
        x=x,
        x2="end:Q",
        color=alt.Color(
            "kind:N",
            scale=alt.Scale(
                domain=["better", "worse", "level"],
                range=[colours.correct, colours.incorrect, colours.text],
            ),
            legend=None,
        ),
        opacity=alt.condition("datum.pale", alt.value(_PALE), alt.value(1)),
        tooltip=tooltip,
    )
    levels = base.mark_tick(thickness=4, size=22, color=colours.text).encode(
        y=y,
        x="end:Q",
        opacity=alt.condition("datum.kind === 'level'", alt.value(1), alt.value(0)),
        tooltip=tooltip,
    )
    spans = base.mark_rule(color=colours.text, strokeWidth=1.5).encode(
        y=y, x="low:Q", x2="high:Q", tooltip=tooltip
    )
    words = base.mark_text(align="left", dx=6, fontSize=12, color=colours.text).encode(
        y=y, x="reach:Q", text="written:N", tooltip=tooltip
    )
    return fitted_spec(
        alt.layer(bars, levels, spans, words),
        height=_ROW * rows,
        description="The way of the metric from the version before to the one after, by cause.",
    )


def waterfall_frame(
    parts: pl.DataFrame,
    words: Mapping[str, str],
    *,
    start: float,
    end: float,
    before: str,
    after: str,
    better: int = 1,
) -> pl.DataFrame:
    """The frame of `waterfall` from the parts of an attribution.

    Parameters
    ----------
    parts
        part, value, low, high, instances.
    words
        What each part is called.
    start, end
        The metric before and after; the parts lead from one to the other.
    before, after
        What the two are called; they may read the same.
    better
        1 where more of the metric is better, else -1.
    """
    rows: list[tuple[object, ...]] = [
        (0, before, "level", start, start, None, None, start, f"{start:.4f}", before, False)
    ]
    at = start
    for place, (part, value, low, high, instances) in enumerate(parts.iter_rows(), start=1):
        pale = low is not None and low <= 0 <= high
        then = at + value
        span = (None, None) if low is None else (at + low, at + high)
        reach = max(at, then, span[1] if span[1] is not None else then)
        counted = "" if instances is None else f", {instances:,} instances"
        interval = "" if low is None else f" (95 % interval {low:+.4f} to {high:+.4f})"
        doubt = ": not to be told from noise" if pale and value else ""
        rows.append(
            (
                place,
                words[part],
                "better" if value * better >= 0 else "worse",
                at,
                then,
                *span,
                reach,
                f"{value:+.4f}",
                f"{words[part]}{counted}: {value:+.4f}{interval}{doubt}",
                bool(pale),
            )
        )
        at = then
    rows.append(
        (
            len(parts) + 1,
            f"{after}{_APART}",
            "level",
            end,
            end,
            None,
            None,
            end,
            f"{end:.4f}",
            after,
            False,
        )
    )
    return pl.DataFrame(rows, schema=_STEP_SCHEMA, orient="row")


def waterfall_text(frame: pl.DataFrame) -> str:
    """What the waterfall shows, in a sentence."""
    causes = [f"{row['words']} {row['written']}" for row in frame[1:-1].iter_rows(named=True)]
    first, last = frame.row(0, named=True), frame.row(-1, named=True)
    return (
        f"From {first['written']} ({first['words']}) to {last['written']} ({last['sentence']}): "
        f"{'; '.join(causes)}. A pale bar is not to be told from noise."
    )


def crossed_tests(*, versions: int, title: str, reverse: bool, dark: bool) -> dict[str, Any]:
    """Every version's model (rows) on every version's test set (columns).

    The frame: that of `crossed_tests_frame`. `reverse`: less is better.
    """
    colours = palette(dark=dark)
    base = alt.Chart(dummy("model", "test", "value", "written", "own", "sentence"))
    axis: dict[str, Any] = {"labelOverlap": "greedy", "labelLimit": 90, "grid": False,
                            "ticks": False, "domain": False}  # fmt: skip
    x = alt.X("test:N", sort=None, title="test set of version",
              axis=alt.Axis(orient="top", labelAngle=0, **axis))  # fmt: skip
    y = alt.Y("model:N", sort=None, title="model of version", axis=alt.Axis(**axis))
    tooltip = alt.Tooltip("sentence:N", title="Value")
    hues = [colours.low, colours.high]
    cells = base.mark_rect(strokeWidth=1.5).encode(
        x=x,
        y=y,
        color=alt.Color(
            "value:Q",
            scale=alt.Scale(range=hues[::-1] if reverse else hues, zero=False, nice=False),
            legend=alt.Legend(title=title, orient="right", gradientLength=120, format="~g"),
        ),
        stroke=alt.value(colours.line),
        tooltip=tooltip,
    )
    own = base.mark_rect(filled=False, strokeWidth=2, stroke=colours.text).encode(
        x=x,
        y=y,
        opacity=alt.condition("datum.own", alt.value(1), alt.value(0)),
        tooltip=tooltip,
    )
    height = max(26 * versions, 120) if versions <= NUMBERED else min(max(12 * versions, 360), 620)
    description = f"{title} of every version's model on every version's test set."
    if versions > NUMBERED:
        return fitted_spec(alt.layer(cells, own), height=height, description=description)
    numbers = base.mark_text(fontSize=11, color=colours.text).encode(
        x=x, y=y, text="written:N", tooltip=tooltip
    )
    return fitted_spec(alt.layer(cells, own, numbers), height=height, description=description)


def crossed_tests_frame(tests: pl.DataFrame) -> pl.DataFrame:
    """The frame of `crossed_tests` from model, test, value, instances, leaked, unknown."""
    rows = list(tests.iter_rows(named=True))
    values = ["-" if row["value"] is None else f"{row['value']:.3f}" for row in rows]
    return tests.select(
        "model",
        "test",
        "value",
        written=pl.Series(values, dtype=pl.String),
        own=pl.col("model") == pl.col("test"),
        sentence=pl.Series([_cell_words(row) for row in rows], dtype=pl.String),
    )


def _cell_words(row: Mapping[str, Any]) -> str:
    words = f"The model of {row['model']} on the test set of {row['test']}"
    if row["value"] is None:
        words += ": nothing is left to score"
    else:
        words += f": {row['value']:.4f} over {row['instances']:,} instances"
    left_out = [
        f"{row[name]:,} {what}"
        for name, what in (
            ("leaked", "left out because the model was trained on them"),
            ("unknown", "without label or prediction"),
        )
        if row[name]
    ]
    return f"{words}; {', '.join(left_out)}" if left_out else words


def frozen_lines(*, title: str, series: Sequence[str], dark: bool) -> dict[str, Any]:
    """A metric over the versions on their own test sets, and on one that stays the same.

    The frame: version, series, value, low, high, instances, in the order of the timeline.
    """
    colours = palette(dark=dark)
    base = alt.Chart(dummy("version", "series", "value", "low", "high", "instances"))
    x = alt.X(
        "version:N",
        sort=None,
        title=None,
        scale=alt.Scale(type="point", padding=0.5),
        axis=alt.Axis(labelAngle=0, labelOverlap="greedy", labelLimit=90, grid=False),
    )
    hue = alt.Color(
        "series:N",
        scale=alt.Scale(domain=list(series), range=list(colours.categories[: len(series)])),
        legend=alt.Legend(orient="top", title=None, offset=6, labelLimit=320),
    )
    scale = alt.Scale(zero=False, padding=10)
    y = alt.Y("value:Q", title=title, scale=scale, axis=alt.Axis(format="~g", tickCount=5))
    bands = base.mark_rule(strokeWidth=alt.ExprRef(BAR_WIDTH), opacity=0.3).encode(
        x=x, y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q", color=hue
    )
    lines = base.mark_line().encode(x=x, y=y, color=hue)
    points = base.mark_point(filled=True, size=alt.ExprRef(POINT_SIZE), opacity=1).encode(
        x=x,
        y=y,
        color=hue,
        shape=alt.Shape("series:N", scale=alt.Scale(domain=list(series)), legend=None),
        tooltip=[
            alt.Tooltip("version:N", title="Model of version"),
            alt.Tooltip("series:N", title="Tested on"),
            alt.Tooltip("value:Q", title=title, format=".4f"),
            alt.Tooltip("low:Q", title="95 % interval from", format=".4f"),
            alt.Tooltip("high:Q", title="to", format=".4f"),
            alt.Tooltip("instances:Q", title="Instances", format=","),
        ],
    )
    return fitted_spec(
        alt.layer(bands, lines, points),
        height=170,
        description=f"{title} of every version's model on its own and on one fixed test set.",
    )
