"""Charts of the whole timeline: metrics as lines, sizes as bars, changes as a table of counts.

Each function builds a specification without data, to be kept; the frames go beside it. All have
the versions on the same x axis, so that they stand under each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.specs import BAR_WIDTH, POINT_SIZE, dummy, fitted_spec
from chameleon.charts.theme import Palette, palette

SPLITS = ("train", "test", "validation")
CHANGES = ("added", "removed", "relabelled", "labels added", "edited", "moved")

_SHAPES = ("circle", "square", "triangle-up")
_AXIS_EXTENT = 96
_NARROW = 24
"""More versions than this leave no room for a number in every cell."""
_FITTING = (
    "6 * length(datum.written) <= bandwidth('x') || datum.instances < 1000 ? datum.written"
    " : bandwidth('x') >= 16 ? format(datum.instances, '.2~s') : ''"
)
"""The count where it fits into its cell, else a short one, else none: the table has it."""
_FITTING_SIZE = "bandwidth('x') < 30 ? 9 : 11"


def metric_lines(*, title: str, splits: Sequence[str], dark: bool) -> dict[str, Any]:
    """A line for each of these splits over the versions, the two chosen versions marked.

    The frame: version, split, value, low, high (95 % interval, null without), instances, side
    ("primary", "secondary", "both" or ""), in the order of the timeline.
    """
    colours = palette(dark=dark)
    base = alt.Chart(dummy("version", "split", "value", "low", "high", "instances", "side"))
    x = _versions_axis()
    places = [SPLITS.index(split) for split in splits]
    hues = alt.Scale(domain=list(splits), range=[colours.categories[k] for k in places])
    shapes = alt.Scale(domain=list(splits), range=[_SHAPES[k] for k in places])
    legend = alt.Legend(orient="top", title=None, offset=6)
    y = alt.Y(
        "value:Q",
        title=title,
        scale=alt.Scale(zero=False, padding=12),
        axis=alt.Axis(
            labelFlush=False,
            minExtent=_AXIS_EXTENT,
            maxExtent=_AXIS_EXTENT,
            format="~g",
            tickCount=5,
        ),
    )
    lines = base.mark_line().encode(x=x, y=y, color=alt.Color("split:N", scale=hues, legend=legend))
    points = base.mark_point(filled=True, size=alt.ExprRef(POINT_SIZE), opacity=1).encode(
        x=x,
        y=y,
        color=alt.Color("split:N", scale=hues, legend=legend),
        shape=alt.Shape("split:N", scale=shapes, legend=legend),
        tooltip=[
            alt.Tooltip("version:N", title="Version"),
            alt.Tooltip("split:N", title="Split"),
            alt.Tooltip("value:Q", title=title, format=".4f"),
            alt.Tooltip("low:Q", title="95 % interval from", format=".4f"),
            alt.Tooltip("high:Q", title="to", format=".4f"),
            alt.Tooltip("instances:Q", title="Instances", format=","),
        ],
    )
    spans = base.mark_rule(strokeWidth=alt.ExprRef(BAR_WIDTH), opacity=0.3).encode(
        x=x,
        y=alt.Y("low:Q", title=title, scale=alt.Scale(zero=False, padding=12)),
        y2="high:Q",
        color=alt.Color("split:N", scale=hues, legend=legend),
    )
    return fitted_spec(
        alt.layer(*_side_rules(base, x, colours), spans, lines, points),
        height=150,
        description=f"{title} of every version, a line a split.",
    )


def size_bars(*, by: str, domain: Sequence[str], dark: bool) -> dict[str, Any]:
    """Stacked bars: the instances of every version by split or source.

    The frame: version, group, instances, place (the group's place in the stack).
    """
    colours = palette(dark=dark)
    hues = [colours.categories[k % len(colours.categories)] for k in range(len(domain))]
    chart = (
        alt.Chart(dummy("version", "group", "instances", "place"))
        .mark_bar()
        .encode(
            x=_versions_axis(),
            y=alt.Y(
                "instances:Q",
                title="Instances",
                axis=alt.Axis(labelFlush=False, minExtent=_AXIS_EXTENT, maxExtent=_AXIS_EXTENT,
                              format=",d", tickCount=4),
            ),
            color=alt.Color(
                "group:N",
                scale=alt.Scale(domain=list(domain), range=hues),
                legend=alt.Legend(orient="top", title=None, offset=6, symbolLimit=len(domain) or 1,
                                  columns=6, labelLimit=160),
            ),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("version:N", title="Version"),
                alt.Tooltip("group:N", title=by.capitalize()),
                alt.Tooltip("instances:Q", title="Instances", format=","),
            ],
        )
    )  # fmt: skip
    return fitted_spec(chart, height=120, description=f"Instances of every version by {by}.")


def change_table(*, versions: int, dark: bool) -> dict[str, Any]:
    """A table, kind of change by version, of how many instances changed in the step to it.

    The frame: version, before, kind, instances, written (the count as text, "" for none).
    """
    colours = palette(dark=dark)
    base = alt.Chart(dummy("version", "before", "kind", "instances", "written"))
    y = alt.Y(
        "kind:N",
        sort=list(CHANGES),
        title=" ",
        axis=alt.Axis(
            labelFlush=False,
            minExtent=_AXIS_EXTENT,
            maxExtent=_AXIS_EXTENT,
            domain=False,
            ticks=False,
            labelOverlap=False,
        ),
    )
    tooltip = [
        alt.Tooltip("before:N", title="From version"),
        alt.Tooltip("version:N", title="to version"),
        alt.Tooltip("kind:N", title="Kind"),
        alt.Tooltip("instances:Q", title="Instances", format=","),
    ]
    cells = base.mark_rect(stroke=colours.line, strokeWidth=0.5).encode(
        x=_versions_axis(),
        y=y,
        color=alt.Color(
            "instances:Q",
            scale=alt.Scale(type="symlog", range=[colours.low, colours.high], domainMin=0),
            legend=None,
        ),
        tooltip=tooltip,
    )
    if versions > _NARROW:
        return fitted_spec(cells, height=24 * len(CHANGES), description=_CHANGES_DESCRIBED)
    numbers = base.mark_text(
        fontSize=alt.ExprRef(_FITTING_SIZE), text=alt.ExprRef(_FITTING)
    ).encode(x=_versions_axis(), y=y, color=alt.value(colours.text), tooltip=tooltip)
    return fitted_spec(
        alt.layer(cells, numbers), height=24 * len(CHANGES), description=_CHANGES_DESCRIBED
    )


def metric_frame(
    metrics: pl.DataFrame, metric: str, *, primary: str, secondary: str
) -> pl.DataFrame:
    """The frame of `metric_lines` from that of `version_metrics`."""
    side = (
        pl.when((pl.col("version") == primary) & (pl.col("version") == secondary))
        .then(pl.lit("both"))
        .when(pl.col("version") == primary)
        .then(pl.lit("primary"))
        .when(pl.col("version") == secondary)
        .then(pl.lit("secondary"))
        .otherwise(pl.lit(""))
    )
    return pl.concat(
        metrics.select(
            "version",
            split=pl.lit(split),
            value=pl.col(f"{split}_{metric}"),
            low=_bound(metrics, f"{split}_{metric}_low"),
            high=_bound(metrics, f"{split}_{metric}_high"),
            instances=pl.col(f"{split}_instances"),
            side=side,
        )
        for split in SPLITS
    ).filter((pl.col("value").is_not_null()) | (pl.col("split") == SPLITS[0]))


def _bound(metrics: pl.DataFrame, column: str) -> pl.Expr:
    """The end of an interval, where this metric has one."""
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
    renamed = changes.rename({"labels_added": "labels added", "after": "version"})
    table = renamed.unpivot(
        CHANGES, index=["version", "before"], variable_name="kind", value_name="instances"
    )
    written = [f"{count:,}" if count else "" for count in table["instances"]]
    table = table.with_columns(written=pl.Series(written, dtype=pl.String))
    first = pl.DataFrame(
        {"version": versions[:1], "before": ["-"], "kind": [CHANGES[0]], "instances": [0],
         "written": [""]},
        schema=table.schema,
    )  # fmt: skip
    return pl.concat([first, table])


_CHANGES_DESCRIBED = (
    "Instances added, removed, relabelled, labelled, edited and moved at each step."
)


def _versions_axis() -> alt.X:
    return alt.X(
        "version:N",
        sort=None,
        title=None,
        scale=alt.Scale(type="band", paddingInner=0.15, paddingOuter=0.1),
        axis=alt.Axis(labelAngle=0, labelOverlap="greedy", labelLimit=90, grid=False),
    )


def _side_rules(base: alt.Chart, x: alt.X, colours: Palette) -> list[alt.Chart]:
    """A rule at the primary and at the secondary version.

    Invisible elsewhere rather than filtered out: a layer with other rows than its neighbours would
    change the order of the versions.
    """
    hues = {"primary": colours.primary, "secondary": colours.secondary}
    return [
        base.mark_rule(strokeWidth=2, strokeDash=dash, color=hue).encode(
            x=x,
            opacity=alt.condition(
                alt.FieldOneOfPredicate(field="side", oneOf=[side, "both"]),
                alt.value(0.9),
                alt.value(0),
            ),
        )
        for (side, hue), dash in zip(hues.items(), ([1, 0], [5, 4]), strict=True)
    ]
