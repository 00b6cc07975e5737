"""What all charts share: a specification without data, to be kept with a frame beside it."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl


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
