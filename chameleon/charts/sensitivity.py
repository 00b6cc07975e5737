"""How often outcomes changed: bars by number of changes, and strips of outcomes over versions."""

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
    names_axis,
    palette,
    picked,
    plural,
)

NUMBERED_BARS = 12
"""More bars than this leave no room for a count above each."""

STRIP_OUTCOMES = ("correct", "incorrect", "unknown", "absent")

_LEAST_TOP = 4.0  # so that the axis of small counts has whole steps
_STRIP_WIDTH = 640
_WIDEST, _NARROWEST = 18, 3  # pixels from one version to the next


class BarScale(StrEnum):
    """How the heights of bars grow; the last two keep long tails in sight."""

    LINEAR = "linear"
    ROOT = "square root"
    LOG = "logarithmic"


def sensitivity_bars(
    *,
    scale: BarScale = BarScale.LINEAR,
    numbered: bool,
    dark: bool,
    title: str = "Changes of outcome",
    height: int = 130,
) -> dict[str, Any]:
    """A bar for every number of changes from 1 on; the unfiltered shape as a dashed outline.

    The frame: that of `sensitivity_frame`. Selection "pick": changes.

    Parameters
    ----------
    numbered
        Whether counts are written above the bars; see `NUMBERED_BARS`.
    """
    colors = palette(dark=dark)
    x = alt.X(
        "changes:O",
        title=title,
        scale=alt.Scale(paddingInner=0.15, paddingOuter=0.1),
        axis=alt.Axis(labelAngle=0, labelOverlap="greedy", grid=False),
    )
    kinds: dict[BarScale, tuple[Any, float]] = {
        BarScale.LINEAR: ("linear", 0.0),
        BarScale.ROOT: ("sqrt", 0.0),
        BarScale.LOG: ("log", 0.5),  # below 1, so that one instance has a height
    }
    kind, floor = kinds[scale]
    grows = alt.Scale(type=kind, nice=False, padding=0)
    axis: dict[str, Any] = {"tickCount": 4, "tickMinStep": 1}
    words = "format(datum.value, '~s')"
    if floor:  # only the powers of ten get a line and a number
        power = "abs(log(datum.value) / LN10 - round(log(datum.value) / LN10)) < 0.001"
        words = f"{power} ? {words} : ''"
        axis = {"gridOpacity": alt.condition(power, alt.value(1), alt.value(0))}
    axis["labelExpr"] = words

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title="Instances", scale=grows, axis=alt.Axis(**axis))

    def bar(chart: alt.Chart, field: str, **encoding: Any) -> alt.Chart:  # noqa: ANN401 - Altair's
        drawn: alt.Chart = chart.encode(x=x, y=y(field), y2=alt.datum(floor), **encoding)
        return drawn

    counted = blank().transform_calculate(drawn=f"max(datum.instances, {floor})")
    marked = blank().transform_filter("datum.marked && datum.instances > 0")
    expected = blank().transform_filter(f"datum.expected > {floor}")
    meant = blank().transform_filter("datum.sentence !== ''")
    layers = [
        bar(counted.mark_bar(color=colors.neutral), "drawn", opacity=dimmed()),
        # a pale line beneath, so that the dashes are seen on bars too
        bar(expected.mark_bar(filled=False, stroke=colors.low, strokeWidth=2.5), "expected"),
        bar(
            expected.mark_bar(filled=False, stroke=colors.text, strokeWidth=1, strokeDash=[3, 2]),
            "expected",
        ),
        bar(marked.mark_bar(filled=False, stroke=colors.text, strokeWidth=2.5), "instances"),
        # holds the scale where there is no bar
        blank().mark_point(opacity=0).encode(x=x, y=y("top")),
    ]
    if numbered:
        written = blank().transform_filter("datum.instances > 0").mark_text(dy=-7)
        layers.append(written.encode(x=x, y=y("instances"), text="written:N"))
    # A bar of one instance is too low to hit: the whole height answers, and holds the scale.
    tooltip = alt.Tooltip("sentence:N", title="Instances")
    layers.append(picked(bar(meant.mark_bar(opacity=0), "top", tooltip=tooltip), "changes"))
    return finished(
        layers,
        colors,
        grid=False,
        only="datum.changes >= 1",
        height=height,
        description="Sensitivity histogram: instances by how often their outcome changed.",
    )


def outcome_strips(*, versions: int, dark: bool) -> dict[str, Any]:
    """A row an instance, a square a version: correct stands higher than incorrect.

    The frame: that of `strip_frame`. As wide as its squares: draw it with width="content".

    Parameters
    ----------
    versions
        How many there are; with more the squares are narrower.
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
    layers = [
        squares.encode(
            x=x,
            y=y,
            color=alt.Color("outcome:N", scale=alt.Scale(domain=domain, range=hues), legend=legend),
            shape=alt.Shape(
                "outcome:N", scale=alt.Scale(domain=domain, range=_shapes(step)), legend=legend
            ),
            tooltip=alt.Tooltip("sentence:N", title="Model"),
        ),
        dots.encode(x=x, y=y, fill=held),
    ]
    return finished(
        layers,
        colors,
        autosize="pad",
        width=alt.Step(step),
        height=alt.Step(28),
        description="Outcome strips: what the model of each version said of each instance.",
    )


def sensitivity_frame(sensitivity: pl.DataFrame, *, chosen: Collection[int] = ()) -> pl.DataFrame:
    """The frame of `sensitivity_bars` from that of `sensitivity`.

    Parameters
    ----------
    sensitivity
        changes (null: fewer than two known outcomes), instances and, where filters are set,
        all_instances (without filters).

    Returns
    -------
    polars.DataFrame
        changes (every integer from 0 to the largest, at least 1, then null where it was given),
        instances, all_instances, expected (what the bar were if the instances shown changed as
        often as all; null where they are all), top (of the scale), written, sentence ("" where no
        instance is meant), chosen, marked.
    """
    whole = sensitivity.get_column("all_instances", default=sensitivity["instances"])
    given = {
        change: (count, every)
        for change, count, every in zip(
            sensitivity["changes"], sensitivity["instances"], whole, strict=True
        )
    }
    numbers = [change for change in given if change is not None]
    changes: list[int | None] = [*range(max([1, *numbers]) + 1)]
    changes += [None] if None in given else []
    counts = [given.get(change, (0, 0)) for change in changes]
    share = _share(given)
    expected = [None if share is None or c is None else every * share
                for c, (_, every) in zip(changes, counts, strict=True)]  # fmt: skip
    bars = [n for c, (n, _) in zip(changes, counts, strict=True) if c]
    tall = [e for c, e in zip(changes, expected, strict=True) if c and e is not None]
    sentences = [_sentence(c, n, every) for c, (n, every) in zip(changes, counts, strict=True)]
    return pl.DataFrame(
        {
            "changes": changes,
            "instances": [count for count, _ in counts],
            "all_instances": [every for _, every in counts],
            "expected": expected,
            "top": [max([*bars, *tall, _LEAST_TOP])] * len(changes),
            "written": [f"{count:,}" if count else "" for count, _ in counts],
            "sentence": sentences,
            **choice_columns(changes, chosen),
        },
        schema={
            "changes": pl.Int64,
            "instances": pl.Int64,
            "all_instances": pl.Int64,
            "expected": pl.Float64,
            "top": pl.Float64,
            "written": pl.String,
            "sentence": pl.String,
            "chosen": pl.Boolean,
            "marked": pl.Boolean,
        },
    )


def strip_frame(strips: pl.DataFrame) -> pl.DataFrame:
    """The frame of `outcome_strips`: one row an instance and version.

    Parameters
    ----------
    strips
        instance, place (of the row), version, outcome, in_train, predicted: in the order of the
        timeline within an instance.

    Returns
    -------
    polars.DataFrame
        Those columns and held ("in train" or ""), sentence.
    """
    ordered = strips.sort("place", maintain_order=True)
    sentences = [
        _strip_sentence(*row)
        for row in ordered.select(
            "instance", "version", "outcome", "predicted", "in_train"
        ).iter_rows()
    ]
    return ordered.with_columns(
        pl.Series("sentence", sentences, dtype=pl.String),
        held=pl.when("in_train").then(pl.lit(_IN_TRAIN)).otherwise(pl.lit("")),
    )


def sensitivity_text(frame: pl.DataFrame) -> str:
    """The bars in words, from the frame of `sensitivity_frame`."""
    counted = frame.filter(pl.col("changes").is_not_null())
    total = int(counted["instances"].sum())
    unknown = int(frame.filter(pl.col("changes").is_null())["instances"].sum())
    left_out = f" {plural(unknown)} with fewer than two known outcomes." if unknown else ""
    if not total:
        return f"No instance has two known outcomes in these versions.{left_out}"
    bars = counted.filter((pl.col("changes") > 0) & (pl.col("instances") > 0))
    changed = int(bars["instances"].sum())
    if not changed:
        return f"None of {plural(total)} changed.{left_out}"
    top = bars.sort("instances", descending=True, maintain_order=True).row(0, named=True)
    return (
        f"{changed:,} of {plural(total)} changed, most often {_times(top['changes'])} "
        f"({top['instances']:,}), at most {_times(int(bars['changes'].to_list()[-1]))}.{left_out}"
    )


def strip_text(frame: pl.DataFrame) -> str:
    """The strips in words, from the frame of `strip_frame`."""
    if frame.is_empty():
        return "No instance changed."
    counts = dict(frame["outcome"].value_counts().iter_rows())
    told = ", ".join(f"{counts[name]:,} {name}" for name in STRIP_OUTCOMES if counts.get(name))
    rows, versions = frame["instance"].n_unique(), frame["version"].n_unique()
    return (
        f"{plural(rows)} under the models of {plural(versions, 'version')}: {told}; "
        f"{int(frame['in_train'].sum()):,} in train."
    )


_IN_TRAIN = "in train"
_SIZE = 100  # Vega draws a path's -1 to 1 over the root of this: 5 pixels a unit
_UNIT = 5.0


def _shapes(step: int) -> list[str]:
    """A path for each outcome, told apart by its place: above, below, in the middle, a dash."""
    half = min(step - 1, 12) / 2

    def box(top: float, bottom: float) -> str:
        left, right = -half / _UNIT, half / _UNIT
        return f"M{left},{top / _UNIT}H{right}V{bottom / _UNIT}H{left}Z"

    return [box(-8, 4), box(-4, 8), box(-2.5, 2.5), box(-0.5, 0.5)]


def _share(given: dict[int | None, tuple[int, int]]) -> float | None:
    """The part of all instances that is shown; None where they are all, or there are none."""
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


def _strip_sentence(
    instance: str, version: str, outcome: str, predicted: str | None, in_train: bool
) -> str:
    said = "" if predicted is None or outcome == "absent" else f", predicted {predicted}"
    train = "; in train" if in_train else ""
    return f"{instance} in {version}: {outcome}{said}{train}."


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count:,} times")
