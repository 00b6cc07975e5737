"""Charts with their data, for notebooks."""

from __future__ import annotations

from typing import Any, TypeAlias

import altair as alt
import polars as pl

Chart: TypeAlias = alt.Chart

MOST_ROWS = 12
"""Features in a heat map of drift."""


def as_chart(spec: dict[str, Any], frame: pl.DataFrame) -> Chart:
    """A specification of a builder with its data, as Altair has it."""
    chart: Chart = alt.Chart.from_dict({**spec, "data": {"values": []}})
    chart.data = alt.InlineData(values=frame.to_dicts())
    return chart


def most_drifting(drift: pl.DataFrame) -> list[tuple[str, str]]:
    """The features with the largest distance in any version, as (kind, feature)."""
    largest = drift.group_by("kind", "feature", maintain_order=True).agg(
        pl.col("js_distance").max()
    )
    top = largest.drop_nulls("js_distance").sort(
        "js_distance", descending=True, maintain_order=True
    )
    return [
        (kind, feature) for kind, feature in top.select("kind", "feature").head(MOST_ROWS).rows()
    ]
