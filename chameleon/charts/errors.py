"""Error rates by class or source in both versions, with their intervals.

The chart is a specification without data, to be kept, with a frame beside it. A click selects under
the name "pick"; what is selected is shown by the frame's column `chosen`, never by the chart.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.specs import dummy, fitted_spec
from chameleon.charts.theme import palette

MOST_GROUPS = 30

_SIDES = ("secondary", "primary")
_STEP = 24


def error_rates(*, title: str, dark: bool) -> dict[str, Any]:
    """A dot a version on the line of every group, with the interval where one can be given.

    The frame: that of `error_frame`. Selection "pick": place.
    """
    colours = palette(dark=dark)
    columns = ("place", "group", "side", "offset", "rate", "low", "high", "sentence", "chosen")
    legend = alt.Legend(orient="top", title=None, labelColor=colours.text)
    base = alt.Chart(dummy(*columns)).encode(
        y=alt.Y(
            "group:N",
            title=title,
            sort=alt.EncodingSortField("place", op="min"),
            axis=alt.Axis(
                labelLimit=160, domain=False, ticks=False, grid=True, gridColor=colours.line,
                labelColor=colours.text, titleColor=colours.text, labelOverlap=False,
            ),
        ),
        yOffset=alt.YOffset("side:N", sort=list(_SIDES), scale=alt.Scale(domain=list(_SIDES))),
        color=alt.Color(
            "side:N",
            scale=alt.Scale(domain=list(_SIDES), range=[colours.secondary, colours.primary]),
            legend=legend,
        ),
        opacity=alt.condition("datum.chosen", alt.value(1), alt.value(0.35)),
    )  # fmt: skip
    x: dict[str, Any] = {
        "scale": alt.Scale(domainMin=0, nice=True),
        "axis": alt.Axis(
            format="%", title="Share that is wrong", grid=True, gridColor=colours.line,
            labelColor=colours.text, titleColor=colours.text, orient="top",
        ),
    }  # fmt: skip
    tip = alt.Tooltip("sentence:N", title="Errors")
    reach = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", **x), x2="high:Q", tooltip=tip)
    dots = (
        base.mark_point(filled=True, size=70, cursor="pointer")
        .encode(
            x=alt.X("rate:Q", **x),
            shape=alt.Shape(
                "side:N",
                scale=alt.Scale(domain=list(_SIDES), range=["diamond", "circle"]),
                legend=legend,
            ),
            tooltip=tip,
        )
        .add_params(alt.selection_point("pick", fields=["place"], toggle="true"))
    )
    return fitted_spec(
        alt.layer(reach, dots).properties(height=alt.Step(_STEP, **{"for": "position"})),
        description=f"Error rates by {title.lower()} in both versions, with 95 % intervals.",
    )


def error_frame(
    errors: pl.DataFrame,
    *,
    absent: str,
    primary: str,
    secondary: str,
    chosen: Collection[str | None] = (),
    most: int = MOST_GROUPS,
) -> pl.DataFrame:
    """The frame of `error_rates`.

    Parameters
    ----------
    errors
        group, then {s}_errors, {s}_instances, {s}_rate, {s}_low and {s}_high for both sides s;
        sorted.
    absent
        What the group without a name is called.
    primary, secondary
        What the two sides are called; any text.
    chosen
        Groups selected. Empty: nothing is, and all look alike.
    most
        So many groups are drawn.

    Returns
    -------
    polars.DataFrame
        place (of the group in `errors`), group, side, rate, low, high, sentence, chosen: a row a
        group and side with a known outcome.
    """
    names = {"primary": primary, "secondary": secondary}
    taken = {name for name in errors["group"] if name is not None}
    while absent in taken:
        absent += " "
    lines: list[dict[str, Any]] = []
    for place, row in enumerate(errors.head(most).iter_rows(named=True)):
        group = absent if row["group"] is None else row["group"]
        for side in _SIDES:
            if row[f"{side}_rate"] is None:
                continue
            lines.append(
                {
                    "place": place,
                    "group": group,
                    "side": side,
                    **{name: row[f"{side}_{name}"] for name in ("rate", "low", "high")},
                    "sentence": _sentence(group, row, side, names[side]),
                    "chosen": not chosen or row["group"] in chosen,
                }
            )
    return pl.DataFrame(
        lines,
        schema={
            "place": pl.Int32, "group": pl.String, "side": pl.String, "rate": pl.Float64,
            "low": pl.Float64, "high": pl.Float64, "sentence": pl.String, "chosen": pl.Boolean,
        },
    )  # fmt: skip


def error_text(frame: pl.DataFrame) -> str:
    """The chart in words, from the frame of `error_frame`."""
    own = frame.filter(side="primary")
    if own.is_empty():
        return "No outcome is known under the primary."
    return f"Most errors: {own['sentence'][0]}"


def _sentence(group: str, row: dict[str, Any], side: str, name: str) -> str:
    errors, of = row[f"{side}_errors"], row[f"{side}_instances"]
    told = f"{group} in {name}: {errors:,} of {of:,} wrong ({row[f'{side}_rate']:.1%}"
    if row[f"{side}_low"] is not None:
        told += f", 95 % interval {row[f'{side}_low']:.1%} to {row[f'{side}_high']:.1%}"
    return told + ")."
