"""Charts over versions: metrics, sizes, and changes of all instances, and one instance.

The first three have the versions on the same x axis, so that they align.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.charts.theme import (
    COUNT,
    Palette,
    blank,
    dimmed,
    finished,
    interval_lines,
    matrix,
    palette,
    texts,
)
from chameleon.selection import ChangeType

SPLITS = ("train", "test", "validation")
CHANGES = {
    change.value: change.words for change in ChangeType if change is not ChangeType.UNCHANGED
}
"""The columns of `timeline_changes`, in words."""
OUTCOMES = ("correct", "incorrect", "unknown")

_EXTENT: dict[str, Any] = {"labelFlush": False, "minExtent": 96, "maxExtent": 96}
_NARROW = 24
"""More versions than this leave no room for a number in every cell."""
_NAMED = 30
"""More versions than this leave no room for the predicted class above each point."""
_FITTING = (
    "6 * length(datum.written) <= bandwidth('x') || datum.instances < 1000 ? datum.written"
    " : bandwidth('x') >= 16 ? format(datum.instances, '.2~s') : ''"
)
"""The count if it fits into its cell, else a short one, else none: the table has it."""
_FITTING_SIZE = "bandwidth('x') < 30 ? 9 : 11"


def metric_lines(*, title: str, splits: Sequence[str], dark: bool) -> dict[str, Any]:
    """A line for each of these splits over the versions, the two versions shown marked.

    The frame: version, split, value, low, high (95% CI, null without), instances, side
    ("primary", "secondary", "both", or ""), in the order of the timeline.
    """
    colors = palette(dark=dark)
    shapes = dict(zip(SPLITS, ("circle", "square", "triangle-up"), strict=True))
    x = _versions_axis()
    layers = interval_lines(
        "split",
        x,
        title=title,
        hues={split: colors.categories[SPLITS.index(split)] for split in splits},
        shapes=[shapes[split] for split in splits],
        names=("Version", "Split"),
        padding=12,
        axis=_EXTENT,
    )
    description = f"{title} of every version, one line per split."
    return finished([*_side_rules(x, colors), *layers], colors, description, height=150)


def size_bars(*, by: str, domain: Sequence[str], dark: bool) -> dict[str, Any]:
    """Stacked bars: the instances of every version by split or source.

    The frame: version, group, instances, place (the group's place in the stack).
    """
    colors = palette(dark=dark)
    hues = [colors.categories[k % len(colors.categories)] for k in range(len(domain))]
    legend = alt.Legend(
        orient="top", title=None, offset=6, symbolLimit=len(domain) or 1, columns=6, labelLimit=160
    )
    axis = alt.Axis(format=",d", tickCount=4, **_EXTENT)
    chart = blank().mark_bar()
    chart = chart.encode(
        x=_versions_axis(),
        y=alt.Y("instances:Q", title="Instances", axis=axis),
        color=alt.Color("group:N", scale=alt.Scale(domain=list(domain), range=hues), legend=legend),
        order=alt.Order("place:Q"),
        tooltip=[
            alt.Tooltip("version:N", title="Version"),
            alt.Tooltip("group:N", title=by.capitalize()),
            alt.Tooltip("instances:Q", title="Instances", format=COUNT),
        ],
    )
    description = f"Instances of every version by {by}."
    return finished(chart, colors, description, height=120)


def change_table(*, versions: int, dark: bool) -> dict[str, Any]:
    """A table of the instances that changed in the step to each version, by kind of change.

    The frame: version, before, kind, instances, written (the count as text, "" for none).
    """
    colors = palette(dark=dark)
    tooltip = [
        alt.Tooltip("before:N", title="From version"),
        alt.Tooltip("version:N", title="to version"),
        alt.Tooltip("kind:N", title="Kind"),
        alt.Tooltip("instances:Q", title="Instances", format=COUNT),
    ]
    text = {"fontSize": alt.ExprRef(_FITTING_SIZE), "text": alt.ExprRef(_FITTING)}
    numbers = (None, text, {"tooltip": tooltip})
    axis = alt.Axis(labelOverlap=False, **_EXTENT)
    scale = alt.Scale(type="symlog", range=[colors.low, colors.high], domainMin=0)
    layers = matrix(
        _versions_axis(),
        alt.Y("kind:N", sort=list(CHANGES.values()), title=" ", axis=axis),
        alt.Color("instances:Q", scale=scale, legend=None),
        tooltip=tooltip,
        mark={"stroke": colors.line, "strokeWidth": 0.5},
        words=[numbers] if versions <= _NARROW else [],
    )
    description = "Instances by kind of change in each step."
    return finished(layers, colors, description, height=24 * len(CHANGES))


def metric_frame(
    metrics: pl.DataFrame, metric: str, *, primary: str, secondary: str
) -> pl.DataFrame:
    """The frame of `metric_lines` from that of `version_metrics`."""
    sides = {secondary: "secondary", primary: "both" if primary == secondary else "primary"}
    return pl.concat(
        metrics.select(
            "version",
            split=pl.lit(split),
            value=pl.col(f"{split}_{metric}"),
            low=_bound(metrics, f"{split}_{metric}_low"),
            high=_bound(metrics, f"{split}_{metric}_high"),
            instances=pl.col(f"{split}_instances"),
            side=pl.col("version").replace_strict(sides, default="", return_dtype=pl.String),
        )
        for split in SPLITS
    ).filter(pl.col("value").is_not_null() | (pl.col("split") == SPLITS[0]))


def _bound(metrics: pl.DataFrame, column: str) -> pl.Expr:
    """The end of an interval, if this metric has one."""
    return pl.col(column) if column in metrics.columns else pl.lit(None, dtype=pl.Float64)


def size_frame(sizes: pl.DataFrame, by: str) -> tuple[pl.DataFrame, list[str]]:
    """The frame of `size_bars` from that of `version_sizes`, and its groups in order."""
    named = sizes.with_columns(group=pl.col(by).fill_null("no source"))
    grouped = named.group_by("version", "group", maintain_order=True).agg(pl.sum("instances"))
    groups = grouped["group"].unique(maintain_order=True).to_list()
    if by == "split":
        groups = [split for split in SPLITS if split in groups]
    places = {group: place for place, group in enumerate(groups)}
    return grouped.with_columns(
        place=pl.col("group").replace_strict(places, return_dtype=pl.Int32)
    ), groups


def change_frame(changes: pl.DataFrame, versions: Sequence[str]) -> pl.DataFrame:
    """The frame of `change_table` from that of `timeline_changes`; the first version is empty."""
    renamed = changes.rename({**CHANGES, "after": "version"})
    table = renamed.unpivot(
        list(CHANGES.values()), index=["version", "before"], variable_name="kind",
        value_name="instances",
    )  # fmt: skip
    written = texts(f"{count:,}" if count else "" for count in table["instances"])
    table = table.with_columns(written=written)
    first = pl.DataFrame(
        {"version": versions[:1], "before": ["-"], "kind": ["added"], "instances": [0],
         "written": [""]},
        schema=table.schema,
    )  # fmt: skip
    return pl.concat([first, table])


def probability_line(*, versions: int, known: bool, dark: bool) -> dict[str, Any]:
    """The probability of the instance's label in every version, with a symbol for the outcome.

    The frame: that of `probability_frame`. Without `known` probabilities, all symbols are on one
    line, without a scale.
    """
    colors = palette(dark=dark)
    x = alt.X(
        "version:O",
        sort=alt.EncodingSortField("place", op="min"),
        axis=alt.Axis(title=None, labelAngle=0 if versions <= 16 else -60, labelLimit=70),
    )
    # all layers have the same axes: Vega-Lite fails on merging a title with none
    scale = alt.Scale(domain=[0, 1])
    axis = alt.Axis(title="Probability of the label", format="~%", tickCount=3) if known else None
    y = alt.Y("y:Q", scale=scale, axis=axis)
    shapes = alt.Scale(domain=list(OUTCOMES), range=["circle", "cross", "diamond"])
    hues = alt.Scale(
        domain=list(OUTCOMES), range=[colors.correct, colors.incorrect, colors.neutral]
    )
    points = blank().mark_point(filled=True, size=110)
    points = points.encode(
        x=x,
        y=y,
        shape=alt.Shape("outcome:N", scale=shapes, legend=alt.Legend(title=None, orient="top")),
        color=alt.Color("outcome:N", scale=hues),
        opacity=dimmed(0.4, "present"),
        tooltip=alt.Tooltip("sentence:N", title="Model"),
    )
    layers = [points]
    if known:
        line = blank().mark_line(color=colors.neutral, strokeWidth=1.5)
        of_label = alt.Y("probability:Q", scale=scale, axis=axis)
        layers.insert(0, line.encode(x=x, y=of_label, order="place:Q"))
    if versions <= _NAMED:
        named = blank().mark_text(dy=-14, limit=60)
        layers.append(named.encode(x=x, y=y, text="prediction:N"))
    description = "Predictions of every version's model for one instance."
    return finished(layers, colors, description, height=170 if known else 70)


def probability_frame(versions: pl.DataFrame) -> pl.DataFrame:
    """The frame of `probability_line` from that of `instance_versions`.

    `probability` is that of the label; `y` is the same, or the middle where it is unknown.
    """
    lines = list(versions.iter_rows(named=True))
    probabilities = [line["probability_of_label"] for line in lines]
    return pl.DataFrame(
        {
            "place": list(range(len(lines))),
            "version": versions["version"],
            "probability": pl.Series(probabilities, dtype=pl.Float64),
            "y": pl.Series([0.5 if p is None else p for p in probabilities], dtype=pl.Float64),
            "outcome": versions["outcome"],
            "present": versions["present"],
            "prediction": [line["prediction"] or "-" for line in lines],
            "sentence": [_sentence(line) for line in lines],
        }
    )


def probability_text(frame: pl.DataFrame) -> str:
    """The line in words."""
    counts = dict(frame["outcome"].value_counts().iter_rows())
    outcomes = ", ".join(f"{counts[name]:,} {name}" for name in OUTCOMES if counts.get(name))
    words = f"Under the models of {len(frame):,} versions: {outcomes}."
    absent = int((~frame["present"]).sum())
    if absent:
        words += (
            f" {absent:,} don't contain the instance: its nearest row is predicted, drawn pale."
        )
    if 0 < frame["probability"].null_count() < len(frame):
        words += " Unknown probabilities are drawn in the middle."
    return words


def stream_line(*, dark: bool) -> dict[str, Any]:
    """A stream of numbers as a line. The frame: that of `stream_frame`."""
    colors = palette(dark=dark)
    line = blank().mark_line(color=colors.categories[0], strokeWidth=1.5)
    line = line.encode(
        x=alt.X("sample:Q", axis=alt.Axis(title=None, tickMinStep=1)),
        y=alt.Y("value:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title=None, tickCount=4)),
        tooltip=[alt.Tooltip("name:N", title="Sample"), alt.Tooltip("value:Q", title="Value")],
    )
    description = "The stream of one instance, in order."
    return finished(line, colors, description, height=180)


def stream_frame(
    samples: NDArray[np.float64], *, names: Sequence[str] | None = None
) -> pl.DataFrame:
    """The frame of `stream_line`: sample (from 0), value (null where not finite), name."""
    finite = np.where(np.isfinite(samples), samples, np.nan)
    places = list(range(len(samples)))
    shown = [str(place) for place in places] if names is None else list(names)
    value = pl.Series("value", finite, nan_to_null=True)
    return pl.DataFrame([pl.Series("sample", places), value, pl.Series("name", shown)])


def _sentence(line: dict[str, Any]) -> str:
    predicted = "no prediction"
    if line["prediction"] is not None:
        predicted = f"predicted {line['prediction']}"
    own, of = line["probability_of_prediction"], line["probability_of_label"]
    predicted += "" if own is None else f" ({own:.1%})"
    label = "" if line["label"] is None else f"; label {line['label']}"
    label += "" if of is None or not label else f" ({of:.1%})"
    absent = "" if line["present"] else "; instance not in this version"
    return f"{line['version']}: {predicted}{label}; {line['outcome']}{absent}."


def _versions_axis() -> alt.X:
    return alt.X(
        "version:N",
        sort=None,
        title=None,
        scale=alt.Scale(type="band", paddingInner=0.15, paddingOuter=0.1),
        axis=alt.Axis(labelAngle=0, labelOverlap="greedy", labelLimit=90, grid=False),
    )


def _side_rules(x: alt.X, colors: Palette) -> list[alt.Chart]:
    """A rule at the primary and at the secondary version.

    Invisible elsewhere rather than filtered out: a layer with other rows than the other layers
    would change the order of the versions.
    """
    rules = []
    for side, hue, dash in (
        ("primary", colors.primary, [1, 0]),
        ("secondary", colors.secondary, [5, 4]),
    ):
        own = alt.FieldOneOfPredicate(field="side", oneOf=[side, "both"])
        rule = blank().mark_rule(strokeWidth=2, strokeDash=dash, color=hue)
        rules.append(rule.encode(x=x, opacity=alt.condition(own, alt.value(0.9), alt.value(0))))
    return rules
