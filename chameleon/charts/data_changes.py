"""How the data of a step changed, and how far features drifted over all versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.theme import (
    EVERY_NAME,
    bars,
    choice_columns,
    dimmed,
    finished,
    matrix,
    names_axis,
    outlined,
    palette,
)

HAPPENED = ("added", "removed", "relabelled", "labelled", "edited", "moved", "unchanged")
MOST_DRIFTING = 24
"""So many features are drawn; the table holds all."""

_WORDS = {"labelled": "labels added"}
_NARROW = 16
"""Up to so many versions, their names lie level below the heat map."""


def change_bars(*, dark: bool) -> dict[str, Any]:
    """A bar a kind of change, with its count; the same scale for all.

    The frame: that of `change_bar_frame`. Selection "pick": happened.
    """
    colors = palette(dark=dark)
    words = [_WORDS.get(happened, happened) for happened in HAPPENED]
    axis = alt.Axis(labelFontSize=12, labelPadding=8)
    # room on the right for the count of the longest bar
    scale = alt.Scale(type="sqrt", range=[0, alt.ExprRef("max(width - 56, 20)")])
    layers = bars(
        alt.X("instances:Q", axis=None, scale=scale),
        alt.Y("words:N", sort=words, title=None, axis=axis),
        tooltip=alt.Tooltip("sentence:N", title="Instances"),
        mark={"type": "bar", "color": colors.categories[0], "cornerRadius": 2},
        encoding={"opacity": dimmed(), **outlined(colors)},
        pick=("happened",),
        words=("instances", "written", {}),
    )
    return finished(
        layers,
        colors,
        height=alt.Step(26),
        description="Instances by what happened to them in the step between the two versions.",
    )


def change_bar_frame(changes: pl.DataFrame, *, chosen: Collection[str] = ()) -> pl.DataFrame:
    """The frame of `change_bars` from that of `data_changes`.

    Returns
    -------
    polars.DataFrame
        happened, words, instances, of, written (the count), sentence, chosen, marked.
    """
    lines = list(changes.iter_rows(named=True))
    return changes.with_columns(
        pl.Series("words", [_WORDS.get(x["happened"], x["happened"]) for x in lines], pl.String),
        pl.Series("written", [f"{line['instances']:,}" for line in lines], pl.String),
        pl.Series(
            "sentence",
            [
                f"{x['instances']:,} of {x['of']:,}: {_WORDS.get(x['happened'], x['happened'])}"
                for x in lines
            ],
            pl.String,
        ),
        **choice_columns([line["happened"] for line in lines], chosen),
    )


def change_bars_text(frame: pl.DataFrame) -> str:
    """The bars in words."""
    if frame.is_empty() or not frame["of"][0]:
        return "Neither version has an instance here."
    told = [f"{line['written']} {line['words']}" for line in frame.iter_rows(named=True)]
    return f"Of {frame['of'][0]:,} instances: {', '.join(told)}."


def drift_bars(*, dark: bool) -> dict[str, Any]:
    """A bar a feature with its distance, and a tick at its chance level; coloured beyond chance.

    The frame: that of `drift_frame`. Selection "pick": place.
    """
    colors = palette(dark=dark)
    beyond = (alt.value(colors.categories[1]), alt.value(colors.neutral))
    layers = bars(
        alt.X(
            "distance:Q",
            title="Jensen-Shannon distance",
            scale=alt.Scale(domainMin=0, nice=True),
            axis=alt.Axis(tickCount=5),
        ),
        names_axis(alt.Y, "name", order="place", **EVERY_NAME),
        tooltip=alt.Tooltip("sentence:N", title="Drift"),
        mark={"type": "bar", "cornerRadius": 2},
        encoding={"color": alt.condition("datum.beyond", *beyond), **outlined(colors)},
        pick=("place",),
        ticks=("chance", {"color": colors.text, "thickness": 2, "size": 16}, {}),
    )
    return finished(
        layers,
        colors,
        height=alt.Step(20),
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
        [
            (line["place"], unique, line["js_distance"], line["js_chance"], bool(_passed(line)),
             _drift_sentence(name, line), False)
            for name, unique, line in zip(called, _unique(called), lines, strict=True)
        ],
        schema={
            "place": pl.Int64, "name": pl.String, "distance": pl.Float64, "chance": pl.Float64,
            "beyond": pl.Boolean, "sentence": pl.String, "marked": pl.Boolean,
        },
        orient="row",
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
    colors = palette(dark=dark)
    # from the background to the amber of drift: blue, pink, and red mean versions and outcomes
    warm = [colors.low, colors.categories[1]]
    (cells,) = matrix(
        names_axis(
            alt.X, "version", order="column", title="Version", labelOverlap="greedy",
            labelLimit=80, labelAngle=0 if versions <= _NARROW else -90,
        ),
        names_axis(alt.Y, "name", order="row", **EVERY_NAME),
        alt.Color(
            "distance:Q",
            scale=alt.Scale(type="sqrt", domainMin=0, range=warm, interpolate="rgb"),
            legend=alt.Legend(title="distance", gradientLength=120, tickCount=3),
        ),
        tooltip=alt.Tooltip("sentence:N", title="Drift"),
        pick=("row", "column"),
        encoding=outlined(colors, edge=colors.line, plain=0.4),
    )  # fmt: skip
    return finished(
        cells,
        colors,
        height=alt.Step(18),
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
    return pl.DataFrame(
        [
            (row, row_names[row], column, version_names[column], line["js_distance"],
             _map_sentence(row_names[row], line, called),
             (line["before"], line["version"]) == (secondary, primary))
            for line in lines
            for row, column in [(rows[line["kind"], line["feature"]], columns[line["version"]])]
        ],
        schema={
            "row": pl.Int64, "name": pl.String, "column": pl.Int64, "version": pl.String,
            "distance": pl.Float64, "sentence": pl.String, "marked": pl.Boolean,
        },
        orient="row",
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
