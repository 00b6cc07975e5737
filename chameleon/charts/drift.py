"""How far features moved: bars of one step with chance levels, and a heat map of all versions.

Each chart is a specification without data, to be kept, with a frame beside it. A click selects
under the name "pick"; what is looked at is shown by the frame's column `marked`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.specs import EVERY_NAME, bar_names, dummy, fitted_spec
from chameleon.charts.theme import palette

MOST_DRIFTING = 24
"""So many features are drawn; the table holds all."""

_CELL = 18
_NARROW = 16
"""Up to so many versions, their names lie level below the heat map."""


def drift_bars(*, dark: bool) -> dict[str, Any]:
    """A bar a feature with its distance, and a tick at its chance level; coloured beyond chance.

    The frame: that of `drift_frame`. Selection "pick": place.
    """
    colours = palette(dark=dark)
    base = alt.Chart(dummy("place", "name", "distance", "chance", "beyond", "sentence",
                            "marked"))  # fmt: skip
    order = alt.EncodingSortField("place", op="min")
    y = bar_names("name", order, EVERY_NAME, text=colours.text)
    x = alt.X(
        "distance:Q",
        title="Jensen-Shannon distance",
        scale=alt.Scale(domainMin=0, nice=True),
        axis=alt.Axis(tickCount=5, gridColor=colours.line, labelColor=colours.text,
                      titleColor=colours.text),
    )  # fmt: skip
    bars = (
        base.mark_bar(cornerRadius=2)
        .encode(
            x=x,
            y=y,
            color=alt.condition(
                "datum.beyond",
                alt.value(colours.categories[1]),
                alt.value(colours.neutral),
            ),
            tooltip=alt.Tooltip("sentence:N", title="Drift"),
            **_highlight(colours.text),
        )
        .add_params(alt.selection_point("pick", fields=["place"], toggle="true"))
    )
    level = base.mark_tick(color=colours.text, thickness=2, size=16).encode(x="chance:Q", y=y)
    return fitted_spec(
        alt.layer(bars, level).properties(height=alt.Step(20)),
        description="Features by their distance between the two versions; ticks are chance levels.",
    )


def drift_frame(
    drift: pl.DataFrame, *, names: Mapping[str, str] | None = None, most: int = MOST_DRIFTING
) -> pl.DataFrame:
    """The frame of `drift_bars` from that of `feature_drift`; undefined rows are left out.

    Parameters
    ----------
    names
        What features are called, where that differs from their name.

    Returns
    -------
    polars.DataFrame
        place (in the frame given), name (unique), distance, chance, beyond (whether any of the
        three measures passes its chance level), sentence (which says the ones that do), marked.
    """
    shown = drift.with_row_index("place").filter(pl.col("js_distance").is_not_null()).head(most)
    lines = list(shown.iter_rows(named=True))
    called = [_called(line, names or {}) for line in lines]
    return pl.DataFrame(
        {
            "place": [line["place"] for line in lines],
            "name": _unique(called),
            "distance": [line["js_distance"] for line in lines],
            "chance": [line["js_chance"] for line in lines],
            "beyond": [bool(_passed(line)) for line in lines],
            "sentence": [_drift_sentence(n, x) for n, x in zip(called, lines, strict=True)],
            "marked": [False] * len(lines),
        },
        schema={
            "place": pl.Int64, "name": pl.String, "distance": pl.Float64, "chance": pl.Float64,
            "beyond": pl.Boolean, "sentence": pl.String,
            "marked": pl.Boolean,
        },
    )  # fmt: skip


def drift_text(frame: pl.DataFrame) -> str:
    """The drift in words."""
    beyond = frame.filter("beyond")
    if frame.is_empty():
        return "No feature has a distance between these versions."
    if beyond.is_empty():
        return f"None of {len(frame):,} passes a chance level."
    most = ", ".join(beyond["name"][:3])
    return f"{len(beyond):,} of {len(frame):,} pass a chance level; farthest: {most}."


def drift_map(*, versions: int, dark: bool) -> dict[str, Any]:
    """A cell for each feature (rows) and version (columns), darker for a larger distance.

    The frame: that of `drift_map_frame`. Selection "pick": row, column.

    Parameters
    ----------
    versions
        How many there are; decides on the labels below.
    """
    colours = palette(dark=dark)
    base = alt.Chart(dummy("row", "name", "column", "version", "distance", "sentence",
                            "marked"))  # fmt: skip
    axis: dict[str, Any] = {
        "domain": False, "ticks": False, "labelColor": colours.text, "titleColor": colours.text,
    }  # fmt: skip
    level: dict[str, Any] = {"labelAngle": 0} if versions <= _NARROW else {"labelAngle": -90}
    cells = (
        base.mark_rect()
        .encode(
            x=alt.X(
                "version:N", title="Version", sort=alt.EncodingSortField("column", op="min"),
                axis=alt.Axis(labelOverlap="greedy", labelLimit=80, **axis, **level),
            ),
            y=alt.Y(
                "name:N", title=None, sort=alt.EncodingSortField("row", op="min"),
                axis=alt.Axis(**EVERY_NAME, **axis),
            ),
            color=alt.Color(
                "distance:Q",
                scale=alt.Scale(type="sqrt", domainMin=0, range=_warm(dark), interpolate="rgb"),
                legend=alt.Legend(
                    title="distance", gradientLength=120, tickCount=3, labelColor=colours.text,
                    titleColor=colours.text,
                ),
            ),
            tooltip=alt.Tooltip("sentence:N", title="Drift"),
            **_highlight(colours.text, edge=colours.line, width=0.4),
        )
        .add_params(alt.selection_point("pick", fields=["row", "column"], toggle="true"))
    )  # fmt: skip
    return fitted_spec(
        cells.properties(height=alt.Step(_CELL)),
        description="How far every feature of every version lies from the version held against.",
    )


def drift_map_frame(
    drift: pl.DataFrame,
    features: Sequence[tuple[str, str]],
    *,
    primary: str,
    secondary: str,
    names: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """The frame of `drift_map` from that of `drift_over_versions`.

    Parameters
    ----------
    features
        The rows to draw, as (kind, feature), from top to bottom.
    primary, secondary
        The step looked at is outlined.
    names
        What features and versions are called, where that differs from their name.

    Returns
    -------
    polars.DataFrame
        row, name (unique), column, version (unique), distance (null: undefined), sentence,
        marked.
    """
    called = names or {}
    rows = {key: place for place, key in enumerate(features)}
    versions = drift["version"].unique(maintain_order=True).to_list()
    columns = {name: place for place, name in enumerate(versions)}
    row_names = _unique([_called({"kind": k, "feature": f}, called) for k, f in features])
    version_names = _unique([called.get(name, name) for name in versions])
    lines = [x for x in drift.iter_rows(named=True) if (x["kind"], x["feature"]) in rows]
    placed = [(rows[x["kind"], x["feature"]], columns[x["version"]]) for x in lines]
    return pl.DataFrame(
        {
            "row": [row for row, _ in placed],
            "name": [row_names[row] for row, _ in placed],
            "column": [column for _, column in placed],
            "version": [version_names[column] for _, column in placed],
            "distance": [line["js_distance"] for line in lines],
            "sentence": [_map_sentence(row_names[p[0]], x, called)
                         for p, x in zip(placed, lines, strict=True)],
            "marked": [(x["before"], x["version"]) == (secondary, primary) for x in lines],
        },
        schema={
            "row": pl.Int64, "name": pl.String, "column": pl.Int64, "version": pl.String,
            "distance": pl.Float64, "sentence": pl.String,
            "marked": pl.Boolean,
        },
    )  # fmt: skip


def drift_map_text(frame: pl.DataFrame) -> str:
    """The heat map in words: where the largest distances are."""
    known = frame.drop_nulls("distance").filter(pl.col("distance") > 0)
    if known.is_empty():
        return "No feature moved at any step."
    top = known.sort("distance", descending=True, maintain_order=True).head(3)
    return f"Largest: {'; '.join(top['sentence'])}."


_MEASURES = {
    "Jensen-Shannon": ("js_distance", "js_chance"),
    "Wasserstein": ("wasserstein", "wasserstein_chance"),
    "PSI": ("psi", "psi_chance"),
}


def _passed(line: Mapping[str, Any]) -> list[str]:
    """The measures that pass their chance levels."""
    return [
        name
        for name, (distance, chance) in _MEASURES.items()
        if line[distance] is not None
        and line[chance] is not None
        and line[distance] > line[chance] + 1e-12
    ]


def _drift_sentence(name: str, line: Mapping[str, Any]) -> str:
    chance, passed = line["js_chance"], _passed(line)
    level = "" if chance is None else f", chance level {chance:.3f}"
    beyond = f"; beyond chance by {' and '.join(passed)}" if passed else ""
    return f"{name}: {line['js_distance']:.3f}{level}{beyond}"


def _map_sentence(name: str, line: Mapping[str, Any], called: Mapping[str, str]) -> str:
    before, after = (called.get(line[side], line[side]) for side in ("before", "version"))
    step = f"{before} to {after}"
    if line["js_distance"] is None:
        return f"{name}, {step}: undefined, {line['reason']}"
    return f"{name}, {step}: {line['js_distance']:.3f}"


def _called(line: Mapping[str, Any], names: Mapping[str, str]) -> str:
    feature = str(line["feature"])
    return "(label)" if line["kind"] == "label" else names.get(feature, feature)


def _unique(names: Sequence[str]) -> list[str]:
    """The names, those that occur before with a number: an axis would join equal ones."""
    seen: dict[str, int] = {}
    result: list[str] = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result


def _warm(dark: bool) -> list[str]:
    """A scale from the background to the amber of drift: blue, pink and red mean versions."""
    colours = palette(dark=dark)
    return [colours.low, colours.categories[1]]


def _highlight(stroke: str, *, edge: str | None = None, width: float = 0) -> dict[str, Any]:
    """Encodings that outline what is looked at, by the column `marked`."""
    return {
        "stroke": alt.condition("datum.marked", alt.value(stroke), alt.value(edge or stroke)),
        "strokeWidth": alt.condition("datum.marked", alt.value(1.5), alt.value(width)),
    }
