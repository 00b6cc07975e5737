"""What all charts share: a specification without data, to be kept with a frame beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

EVERY_NAME: dict[str, Any] = {
    "labelLimit": 150,
    "labelOverlap": False,
    "labelBound": False,
    "labelFlush": False,
}
"""An axis of names, all of which are written, the long ones cut off."""

BAR_WIDTH = "clamp(0.4 * width / length(domain('x')), 1, 5)"
POINT_SIZE = "clamp(0.5 * pow(width / length(domain('x')), 2), 8, 60)"
"""Thickness of an interval and area of a point, thinner where versions stand close together."""


def bar_names(
    field: str, sort: Sequence[str] | alt.EncodingSortField, axis: Mapping[str, Any], *, text: str
) -> alt.Y:
    """The axis of bars that lie: a name a bar, in the colour of text, no line."""
    shown = alt.Axis(domain=False, ticks=False, labelColor=text, **axis)
    return alt.Y(f"{field}:N", sort=sort, title=None, axis=shown)


def dummy(*columns: str) -> pl.DataFrame:
    """One row, so that the specification can be built; its data is thrown away."""
    return pl.DataFrame({column: [0] for column in columns})


def fitted_spec(
    chart: alt.Chart | alt.LayerChart | alt.FacetChart,
    *,
    description: str,
    height: int | None = None,
) -> dict[str, Any]:
    """The specification of a chart as wide as its place; the height is the plot's own."""
    shaped = chart.properties(description=description)
    if height is not None:
        shaped = shaped.properties(height=height)
    spec = without_data(shaped.to_dict())
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    return spec


def without_data(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification without the row it was built with."""
    spec.pop("data", None)
    spec.pop("datasets", None)
    return spec
