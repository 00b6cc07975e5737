"""Changes of outcomes: bars by number of changes, and strips of outcomes over versions."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.theme import (
    blank,
    choice_columns,
    dimmed,
    finished,
    framed,
    names_axis,
    palette,
    picked,
    plural,
    texts,
)

NUMBERED_BARS = 12
"""More bars than this leave no room for a count above each."""
STRIP_OUTCOMES = ("correct", "incorrect", "unknown", "absent")

_LEAST_TOP = 4.0  # so that the axis of small counts has whole steps
_STRIP_WIDTH = 640
_WIDEST, _NARROWEST = 18, 3  # pixels from one version to the next
_IN_TRAIN = "in train"
_SIZE, _UNIT = 100, 5.0  # Vega draws a path's -1 to 1 over the root of 100: 5 pixels per unit
_COLUMNS = "changes:i instances:i all_instances:i expected:f written:s sentence:s"


class BarScale(StrEnum):
    """The scale of the bars' heights; the last two keep long tails visible."""

    LINEAR = "linear"
    ROOT = "square root"
    LOG = "logarithmic"


_SCALES: dict[BarScale, tuple[Any, float]] = {
    BarScale.LINEAR: ("linear", 0.0),
    BarScale.ROOT: ("sqrt", 0.0),
    BarScale.LOG: ("log", 0.5),  # below 1, so that one instance has a height
}


def sensitivity_bars(
    *,
    scale: BarScale = BarScale.LINEAR,
    numbered: bool,
    dark: bool,
    title: str = "Changes of outcome",
    height: int = 130,
) -> dict[str, Any]:
    """A bar for every number of changes from 1 on; the unfiltered shape as a dashed outline.

    The frame: that of `sensitivity_frame`. Selection "pick": changes. `numbered` writes counts
    above the bars; see `NUMBERED_BARS`.
    """
    colors = palette(dark=dark)
    x = alt.X(
        "changes:O",
        title=title,
        scale=alt.Scale(paddingInner=0.15, paddingOuter=0.1),
        axis=alt.Axis(labelAngle=0, labelOverlap="greedy", grid=False),
    )
    kind, floor = _SCALES[scale]
    heights = alt.Scale(type=kind, nice=False, padding=0)
    axis: dict[str, Any] = {"tickCount": 4, "tickMinStep": 1}
    words = "format(datum.value, '~s')"
    if floor:  # only the powers of ten get a line and a number
        power = "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 0.001"
        words = f"{power} ? {words} : ''"
        axis = {"gridOpacity": alt.condition(power, alt.value(1), alt.value(0))}
    axis["labelExpr"] = words

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title="Instances", scale=heights, axis=alt.Axis(**axis))

    def bar(chart: alt.Chart, field: str, **encoding: Any) -> alt.Chart:  # noqa: ANN401 - Altair's
        drawn: alt.Chart = chart.encode(x=x, y=y(field), y2=alt.datum(floor), **encoding)
        return drawn

    counted = blank().transform_calculate(drawn=f"max(datum.instances, {floor})")
    marked = blank().transform_filter("datum.marked && datum.instances > 0")
    expected = blank().transform_filter(f"datum.expected > {floor}")
    described = blank().transform_filter("datum.sentence !== ''")
    dashed = expected.mark_bar(filled=False, stroke=colors.text, strokeWidth=1, strokeDash=[3, 2])
    layers = [
        bar(counted.mark_bar(color=colors.neutral), "drawn", opacity=dimmed()),
        # a pale line beneath, so that the dashes are visible on bars too
        bar(expected.mark_bar(filled=False, stroke=colors.low, strokeWidth=2.5), "expected"),
        bar(dashed, "expected"),
        bar(marked.mark_bar(filled=False, stroke=colors.text, strokeWidth=2.5), "instances"),
        # fixes the scale where there is no bar
        blank().mark_point(opacity=0).encode(x=x, y=y("top")),
    ]
    if numbered:
        written = blank().transform_filter("datum.instances > 0").mark_text(dy=-7)
        layers.append(written.encode(x=x, y=y("instances"), text="written:N"))
    # A bar of one instance is too low to hit: the whole height answers, and fixes the scale.
    tooltip = alt.Tooltip("sentence:N", title="Instances")
    layers.append(picked(bar(described.mark_bar(opacity=0), "top", tooltip=tooltip), "changes"))
    description = "Sensitivity histogram: instances by number of changes of their outcome."
    return finished(layers, colors, description, only="datum.changes >= 1", height=height)


def outcome_strips(*, versions: int, dark: bool) -> dict[str, Any]:
    """A row per instance, a square per version: correct is higher than incorrect.

    The frame: that of `strip_frame`. As wide as its squares: draw it with width="content". More
    `versions` have narrower squares.
    """
    colors = palette(dark=dark)
    step = max(_NARROWEST, min(_WIDEST, _STRIP_WIDTH // max(versions, 1)))
    points = alt.Scale(type="point", padding=0.5)
    x = names_axis(
        alt.X, "version", orient="top", labelAngle=-90, labelOverlap="greedy", labelLimit=90,
        grid=False,
    ).scale(points)  # fmt: skip
    y = names_axis(alt.Y, "instance", labelLimit=150, labelOverlap=False, grid=True).scale(points)
    hues = [colors.correct, colors.incorrect, colors.neutral, colors.neutral]
    legend = alt.Legend(orient="bottom", title=None, columns=4)
    domain = list(STRIP_OUTCOMES)
    squares = blank().mark_point(filled=True, opacity=1, size=_SIZE, strokeWidth=0)
    train = alt.Scale(domain=[_IN_TRAIN], range=[colors.text])
    held = alt.Fill("held:N", scale=train, legend=alt.Legend(orient="bottom", title=None))
    dots = blank().transform_filter("datum.held !== ''")
    dots = dots.mark_point(
        filled=True, opacity=1, size=min(12, step**2), shape="circle", yOffset=11
    )
    shapes = alt.Scale(domain=domain, range=_shapes(step))
    layers = [
        squares.encode(
            x=x,
            y=y,
            color=alt.Color("outcome:N", scale=alt.Scale(domain=domain, range=hues), legend=legend),
            shape=alt.Shape("outcome:N", scale=shapes, legend=legend),
            tooltip=alt.Tooltip("sentence:N", title="Model"),
        ),
        dots.encode(x=x, y=y, fill=held),
    ]
    description = "Outcome strips: the outcome of each instance under each version's model."
    return finished(
        layers, colors, description, autosize="pad", width=alt.Step(step), height=alt.Step(28)
    )


def sensitivity_frame(sensitivity: pl.DataFrame, *, chosen: Collection[int] = ()) -> pl.DataFrame:
    """The frame of `sensitivity_bars` from that of `sensitivity`.

    It has every number of changes from 0 to the largest, at least 1, then null if given.
    `expected` are the instances if those shown changed as often as all, null without filters.
    """
    whole = sensitivity.get_column("all_instances", default=sensitivity["instances"])
    pairs = zip(sensitivity["instances"], whole, strict=True)
    given: dict[int | None, tuple[int, int]] = dict(zip(sensitivity["changes"], pairs, strict=True))
    numbers = [change for change in given if change is not None]
    changes: list[int | None] = [*range(max([1, *numbers]) + 1)]
    changes += [None] if None in given else []
    share = _share(given)
    rows = []
    top = _LEAST_TOP
    for change in changes:
        count, every = given.get(change, (0, 0))
        expected = None if share is None or change is None else every * share
        written = f"{count:,}" if count else ""
        rows.append((change, count, every, expected, written, _sentence(change, count, every)))
        top = max(top, count, expected or 0.0) if change else top
    return framed(rows, _COLUMNS).with_columns(
        top=pl.lit(float(top)), **choice_columns(changes, chosen)
    )


def strip_frame(strips: pl.DataFrame) -> pl.DataFrame:
    """The frame of `outcome_strips`: one row per instance and version, in the order of `place`.

    `strips`: instance, place, version, outcome, in_train, predicted, in timeline order.
    """
    ordered = strips.sort("place", maintain_order=True)
    sentences = []
    for row in ordered.iter_rows(named=True):
        predicted = row["prediction"]
        known = predicted is not None and row["outcome"] != "absent"
        prediction = f", predicted {predicted}" if known else ""
        train = "; in train" if row["in_train"] else ""
        sentences.append(
            f"{row['instance']} in {row['version']}: {row['outcome']}{prediction}{train}."
        )
    return ordered.with_columns(
        sentence=texts(sentences),
        held=pl.when("in_train").then(pl.lit(_IN_TRAIN)).otherwise(pl.lit("")),
    )


def sensitivity_text(frame: pl.DataFrame) -> str:
    """The bars in words, from the frame of `sensitivity_frame`."""
    counted = frame.filter(pl.col("changes").is_not_null())
    total = int(counted["instances"].sum())
    unknown = int(frame["instances"].sum()) - total
    without = f" {plural(unknown)} with fewer than two known outcomes." if unknown else ""
    if not total:
        return f"No instance has two known outcomes in these versions.{without}"
    bars = counted.filter((pl.col("changes") > 0) & (pl.col("instances") > 0))
    changed = int(bars["instances"].sum())
    if not changed:
        return f"None of {plural(total)} changed.{without}"
    top = bars.sort("instances", descending=True, maintain_order=True).row(0, named=True)
    return (
        f"{changed:,} of {plural(total)} changed, most often {_times(top['changes'])} "
        f"({top['instances']:,}), at most {_times(bars['changes'][-1])}.{without}"
    )


def strip_text(frame: pl.DataFrame) -> str:
    """The strips in words, from the frame of `strip_frame`."""
    if frame.is_empty():
        return "No instance changed."
    counts = dict(frame["outcome"].value_counts().iter_rows())
    words = ", ".join(f"{counts[name]:,} {name}" for name in STRIP_OUTCOMES if counts.get(name))
    rows, versions = frame["instance"].n_unique(), frame["version"].n_unique()
    return (
        f"{plural(rows)} under the models of {plural(versions, 'version')}: {words}; "
        f"{int(frame['in_train'].sum()):,} in train."
    )


def _shapes(step: int) -> list[str]:
    """A path for each outcome, recognizable by its place: above, below, in the middle, a dash."""
    half = min(step - 1, 12) / 2 / _UNIT

    def box(top: float, bottom: float) -> str:
        return f"M{-half},{top / _UNIT}H{half}V{bottom / _UNIT}H{-half}Z"

    return [box(-8, 4), box(-4, 8), box(-2.5, 2.5), box(-0.5, 0.5)]


def _share(given: dict[int | None, tuple[int, int]]) -> float | None:
    """The shown share of all instances; None if all are shown, or there are none."""
    if all(count == every for count, every in given.values()):
        return None
    counted = [pair for change, pair in given.items() if change is not None]
    every = sum(pair[1] for pair in counted)
    return sum(pair[0] for pair in counted) / every if every else None


def _sentence(changes: int | None, count: int, every: int) -> str:
    if changes is None or not max(count, every):
        return ""
    without = f"; {every:,} without filters" if every != count else ""
    return f"{plural(count)} changed {_times(changes)}{without}."


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count:,} times")
