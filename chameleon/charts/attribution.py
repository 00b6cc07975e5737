"""The causes of a metric's change, models on other test sets, and a fixed test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.theme import (
    bars,
    blank,
    dimmed,
    finished,
    framed,
    interval_lines,
    matrix,
    names_axis,
    palette,
    texts,
)

NUMBERED = 14
"""More versions than this leave no room for a value in every cell of the matrix."""

_PALE = 0.4
_APART = "\u200b"  # is not visible, but separates two rows with the same words
_ROW = 34
_STEP = "place:i words:s kind:s start:f end:f low:f high:f reach:f written:s sentence:s pale:b"


def waterfall(*, rows: int, title: str, dark: bool) -> dict[str, Any]:
    """A metric from before to after, with a bar and an interval for each cause.

    The frame: that of `waterfall_frame`.
    """
    colors = palette(dark=dark)
    axis: dict[str, Any] = {"labelLimit": 230, "minExtent": 190, "maxExtent": 240}
    axis |= {"labelFontSize": 12, "labelPadding": 8, "grid": False}
    scale = alt.Scale(
        domain=["better", "worse", "level"], range=[colors.correct, colors.incorrect, colors.text]
    )
    tooltip = alt.Tooltip("sentence:N", title="Cause")
    at_levels = alt.condition("datum.kind === 'level'", alt.value(1), alt.value(0))
    layers = bars(
        alt.X(
            "start:Q",
            title=title,
            scale=alt.Scale(zero=False, nice=False, padding=46),
            axis=alt.Axis(format="~g", tickCount=6),
        ),
        alt.Y("words:N", sort=alt.EncodingSortField("place"), title=None, axis=alt.Axis(**axis)),
        tooltip=tooltip,
        mark={"type": "bar", "height": 18},
        encoding={
            "x2": "end:Q",
            "color": alt.Color("kind:N", scale=scale, legend=None),
            "opacity": alt.condition("datum.pale", alt.value(_PALE), alt.value(1)),
        },
        ticks=(
            "end",
            {"thickness": 4, "size": 22, "color": colors.text},
            {"opacity": at_levels, "tooltip": tooltip},
        ),
        spans={"color": colors.text, "strokeWidth": 1.5},
        words=("reach", "written", {"tooltip": tooltip}),
    )
    description = "Change of the metric from the version before to the one after, by cause."
    return finished(layers, colors, description, height=_ROW * rows)


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

    `parts`: part, value, low, high, instances. `words` names the parts, `start` and `end` are the
    metric before and after. `better` is 1 if more of the metric is better, else -1.
    """

    def level(place: int, words: str, name: str, value: float) -> tuple[object, ...]:
        return place, words, "level", value, value, None, None, value, f"{value:.4f}", name, False

    rows: list[tuple[object, ...]] = [level(0, before, before, start)]
    at = start
    for place, (part, value, low, high, instances) in enumerate(parts.iter_rows(), start=1):
        pale = low is not None and low <= 0 <= high
        then = at + value
        span = (None, None) if low is None else (at + low, at + high)
        reach = max(at, then, span[1] if span[1] is not None else then)
        counted = "" if instances is None else f", {instances:,} instances"
        interval = "" if low is None else f" (95% CI {low:+.4f} to {high:+.4f})"
        doubt = ", consistent with chance" if pale and value else ""
        kind = "better" if value * better >= 0 else "worse"
        sentence = f"{words[part]}{counted}: {value:+.4f}{interval}{doubt}"
        rows.append((place, words[part], kind, at, then, *span, reach, f"{value:+.4f}", sentence,
                     bool(pale)))  # fmt: skip
        at = then
    rows.append(level(len(parts) + 1, f"{after}{_APART}", after, end))
    return framed(rows, _STEP)


def waterfall_text(frame: pl.DataFrame) -> str:
    """The waterfall in words."""
    causes = [f"{row['words']} {row['written']}" for row in frame[1:-1].iter_rows(named=True)]
    first, last = frame.row(0, named=True), frame.row(-1, named=True)
    return (
        f"From {first['written']} ({first['words']}) to {last['written']} ({last['sentence']}): "
        f"{'; '.join(causes)}. A pale bar is consistent with chance."
    )


def crossed_tests(*, versions: int, title: str, reverse: bool, dark: bool) -> dict[str, Any]:
    """Every version's model (rows) on every version's test set (columns).

    The frame: that of `crossed_tests_frame`. `reverse`: less is better.
    """
    colors = palette(dark=dark)
    axis: dict[str, Any] = {"labelOverlap": "greedy", "labelLimit": 90, "grid": False}
    x = names_axis(alt.X, "test", title="test set of version", orient="top", labelAngle=0, **axis)
    y = names_axis(alt.Y, "model", title="model of version", **axis)
    hues = [colors.low, colors.high]
    tooltip = alt.Tooltip("sentence:N", title="Value")
    numbers: tuple[str, dict[str, Any], dict[str, Any]] = ("written", {}, {"tooltip": tooltip})
    cells, *written = matrix(
        x,
        y,
        alt.Color(
            "value:Q",
            scale=alt.Scale(range=hues[::-1] if reverse else hues, zero=False, nice=False),
            legend=alt.Legend(title=title, orient="right", gradientLength=120, format="~g"),
        ),
        tooltip=tooltip,
        mark={"strokeWidth": 1.5},
        encoding={"stroke": alt.value(colors.line)},
        words=[numbers] if versions <= NUMBERED else [],
    )
    own = blank().mark_rect(filled=False, strokeWidth=2, stroke=colors.text)
    outline = own.encode(x=x, y=y, opacity=dimmed(0, "own"), tooltip=tooltip)
    description = f"{title} of every version's model on every version's test set."
    return finished(
        [cells, outline, *written],
        colors,
        description,
        height=max(26 * versions, 120)
        if versions <= NUMBERED
        else min(max(12 * versions, 360), 620),
    )


def crossed_tests_frame(tests: pl.DataFrame) -> pl.DataFrame:
    """The frame of `crossed_tests` from model, test, value, instances, leaked, unknown."""
    rows = list(tests.iter_rows(named=True))
    values = ["-" if row["value"] is None else f"{row['value']:.3f}" for row in rows]
    return tests.select(
        "model",
        "test",
        "value",
        written=texts(values),
        own=pl.col("model") == pl.col("test"),
        sentence=texts(map(_cell_words, rows)),
    )


def _cell_words(row: Mapping[str, Any]) -> str:
    words = f"The model of {row['model']} on the test set of {row['test']}"
    if row["value"] is None:
        words += ": no rows remain to be scored"
    else:
        words += f": {row['value']:.4f} on {row['instances']:,} instances"
    if row["leaked"]:
        words += f"; {row['leaked']:,} excluded because the model was trained on them"
    if row["unknown"]:
        words += f"; {row['unknown']:,} without label or prediction"
    return words


def frozen_lines(*, title: str, series: Sequence[str], dark: bool) -> dict[str, Any]:
    """A metric of every version on its own test set, and on one fixed test set.

    The frame: version, series, value, low, high, instances, in the order of the timeline.
    """
    colors = palette(dark=dark)
    scale = alt.Scale(type="point", padding=0.5)
    x = names_axis(
        alt.X, "version", labelAngle=0, labelOverlap="greedy", labelLimit=90, grid=False
    ).scale(scale)
    layers = interval_lines(
        "series",
        x,
        title=title,
        hues=dict(zip(series, colors.categories, strict=False)),
        names=("Model of version", "Tested on"),
        padding=10,
    )
    description = f"{title} of every version's model on its own and on one fixed test set."
    return finished(layers, colors, description, height=170)
