"""Bars by kind of change, feature, or group of instances, and the drift of all versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.theme import (
    EVERY_NAME,
    SIDES,
    bars,
    choice_columns,
    dimmed,
    finished,
    framed,
    matrix,
    names_axis,
    outlined,
    palette,
    texts,
)
from chameleon.selection import ChangeType

HAPPENED = {change.value: change.words for change in ChangeType}
MOST_DRIFTING = 24
"""Features that are drawn at most; the table contains all."""
MOST_GROUPS = 30

_MOST_MAPPED = 12
"""Features in a heat map of drift that nobody chose."""
_NARROW = 16
"""More versions than this have vertical names below the heat map."""
_MEASURES = {
    "Jensen-Shannon": ("js_distance", "js_chance_level"),
    "Wasserstein": ("wasserstein", "wasserstein_chance_level"),
    "PSI": ("psi", "psi_chance_level"),
}


def change_bars(*, dark: bool) -> dict[str, Any]:
    """A bar per kind of change, with its count; the same scale for all.

    The frame: that of `change_bar_frame`. Selection "pick": change.
    """
    colors = palette(dark=dark)
    axis = alt.Axis(labelFontSize=12, labelPadding=8)
    # room on the right for the count of the longest bar
    scale = alt.Scale(type="sqrt", range=[0, alt.ExprRef("max(width - 56, 20)")])
    layers = bars(
        alt.X("instances:Q", axis=None, scale=scale),
        alt.Y("words:N", sort=list(HAPPENED.values()), title=None, axis=axis),
        tooltip=alt.Tooltip("sentence:N", title="Instances"),
        mark={"type": "bar", "color": colors.categories[0], "cornerRadius": 2},
        encoding={"opacity": dimmed(), **outlined(colors)},
        pick=("change",),
        words=("instances", "written", {}),
    )
    description = "Instances by their change in the step between the two versions."
    return finished(layers, colors, description, height=alt.Step(26))


def change_bar_frame(changes: pl.DataFrame, *, chosen: Collection[str] = ()) -> pl.DataFrame:
    """The frame of `change_bars` from that of `data_changes`."""
    lines = list(changes.iter_rows(named=True))
    return changes.with_columns(
        words=texts(HAPPENED[line["change"]] for line in lines),
        written=texts(f"{line['instances']:,}" for line in lines),
        sentence=texts(
            f"{line['instances']:,} of {line['total']:,}: {HAPPENED[line['change']]}"
            for line in lines
        ),
        **choice_columns([line["change"] for line in lines], chosen),
    )


def change_bars_text(frame: pl.DataFrame) -> str:
    """The bars in words."""
    if frame.is_empty() or not frame["total"][0]:
        return "No instance of either version matches."
    counts = [f"{line['written']} {line['words']}" for line in frame.iter_rows(named=True)]
    return f"Of {frame['total'][0]:,} instances: {', '.join(counts)}."


def drift_bars(*, dark: bool) -> dict[str, Any]:
    """A bar per feature with its distance, colored beyond chance, and a tick at its chance level.

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
    description = "Features by their distance between the two versions; ticks are chance levels."
    return finished(layers, colors, description, height=alt.Step(20))


def drift_frame(
    drift: pl.DataFrame, *, names: Mapping[str, str] | None = None, most: int = MOST_DRIFTING
) -> pl.DataFrame:
    """The frame of `drift_bars` from that of `feature_drift`; undefined rows are omitted.

    `names` are short names of features. In the result, `place` is the row in the frame given, and
    `beyond` is True if any of the three measures exceeds its chance level.
    """
    shown = drift.with_row_index("place").filter(pl.col("js_distance").is_not_null()).head(most)
    lines = list(shown.iter_rows(named=True))
    short = [_short_name(line["kind"], line["feature"], names or {}) for line in lines]
    rows = []
    for name, unique, line in zip(short, _unique(short), lines, strict=True):
        exceeded = _exceeded(line)
        sentence = f"{name}: {line['js_distance']:.3f}"
        if line["js_chance_level"] is not None:
            sentence += f", chance level {line['js_chance_level']:.3f}"
        if exceeded:
            sentence += f"; beyond chance by {' and '.join(exceeded)}"
        distance, chance = line["js_distance"], line["js_chance_level"]
        rows.append((line["place"], unique, distance, chance, bool(exceeded), sentence, False))
    return framed(rows, "place:i name:s distance:f chance:f beyond:b sentence:s marked:b")


def _exceeded(line: Mapping[str, Any]) -> list[str]:
    """The measures that exceed their chance levels."""
    return [
        name
        for name, (distance, chance) in _MEASURES.items()
        if line[distance] is not None
        and line[chance] is not None
        and line[distance] > line[chance] + 1e-12
    ]


def drift_text(frame: pl.DataFrame) -> str:
    """The drift in words."""
    beyond = frame.filter("beyond")
    if frame.is_empty():
        return "No feature has a distance between these versions."
    if beyond.is_empty():
        return f"None of {len(frame):,} exceeds a chance level."
    most = ", ".join(beyond["name"][:3])
    return f"{len(beyond):,} of {len(frame):,} exceed a chance level; largest: {most}."


def drift_map(*, versions: int, dark: bool) -> dict[str, Any]:
    """A cell for each feature (rows) and version (columns), darker for a larger distance.

    The frame: that of `drift_map_frame`. Selection "pick": row, column.
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
    description = "Distance of every feature of every version from its reference version."
    return finished(cells, colors, description, height=alt.Step(18))


def drift_map_frame(
    drift: pl.DataFrame,
    features: Sequence[tuple[str, str]],
    *,
    primary: str,
    secondary: str,
    names: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """The frame of `drift_map` from that of `drift_over_versions`.

    `features` are the rows to draw, as (kind, feature), from top to bottom; `names` are short
    names of features and versions. The step from `secondary` to `primary` is marked.
    """
    short = names or {}
    rows = {key: place for place, key in enumerate(features)}
    versions = drift["version"].unique(maintain_order=True).to_list()
    row_names = _unique([_short_name(kind, feature, short) for kind, feature in features])
    column_names = _unique([short.get(name, name) for name in versions])
    table = []
    for line in drift.iter_rows(named=True):
        row = rows.get((line["kind"], line["feature"]))
        if row is None:
            continue
        before, after, distance = line["before"], line["version"], line["js_distance"]
        step = f"{short.get(before, before)} to {short.get(after, after)}"
        value = f"undefined, {line['reason']}" if distance is None else f"{distance:.3f}"
        column = versions.index(after)
        table.append(
            (row, row_names[row], column, column_names[column], distance,
             f"{row_names[row]}, {step}: {value}", (before, after) == (secondary, primary))
        )  # fmt: skip
    return framed(table, "row:i name:s column:i version:s distance:f sentence:s marked:b")


def most_drifting(drift: pl.DataFrame) -> list[tuple[str, str]]:
    """The features with the largest distance in any version, as (kind, feature)."""
    largest = drift.group_by("kind", "feature", maintain_order=True).agg(
        pl.col("js_distance").max()
    )
    top = largest.drop_nulls("js_distance").sort(
        "js_distance", descending=True, maintain_order=True
    )
    return [
        (kind, feature) for kind, feature in top.select("kind", "feature").head(_MOST_MAPPED).rows()
    ]


def drift_map_text(frame: pl.DataFrame) -> str:
    """The largest distances of the heat map in words."""
    known = frame.drop_nulls("distance").filter(pl.col("distance") > 0)
    if known.is_empty():
        return "No feature changed in any step."
    top = known.sort("distance", descending=True, maintain_order=True).head(3)
    return f"Largest: {'; '.join(top['sentence'])}."


def _short_name(kind: str, feature: str, names: Mapping[str, str]) -> str:
    return "(label)" if kind == "label" else names.get(feature, feature)


def _unique(names: Sequence[str]) -> list[str]:
    """The names, repeated ones with a number: an axis would join equal ones."""
    seen: dict[str, int] = {}
    result: list[str] = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result


def error_rates(*, title: str, dark: bool) -> dict[str, Any]:
    """A dot per version on the line of every group, with the interval if it is known.

    The frame: that of `error_frame`. Selection "pick": place.
    """
    colors = palette(dark=dark)
    legend = alt.Legend(orient="top", title=None)
    y = names_axis(
        alt.Y, "group", order="place", title=title, labelLimit=160, labelOverlap=False, grid=True,
    )  # fmt: skip
    axis = alt.Axis(format="%", title="Error rate", grid=True, orient="top")
    shape = alt.Scale(domain=list(SIDES), range=["diamond", "circle"])
    shared: dict[str, Any] = {
        "yOffset": alt.YOffset("side:N", sort=list(SIDES), scale=alt.Scale(domain=list(SIDES))),
        "color": alt.Color("side:N", scale=colors.sides, legend=legend),
        "opacity": dimmed(),
    }
    x: dict[str, Any] = {"scale": alt.Scale(domainMin=0, nice=True), "axis": axis}
    dots, spans = bars(
        alt.X("rate:Q", **x),
        y,
        tooltip=alt.Tooltip("sentence:N", title="Errors"),
        mark={"type": "point", "filled": True, "size": 70, "cursor": "pointer"},
        encoding={"shape": alt.Shape("side:N", scale=shape, legend=legend), **shared},
        pick=("place",),
        spans={"strokeWidth": 2, "encoding": {"x": alt.X("low:Q", **x), **shared}},
    )
    description = f"Error rates by {title.lower()} in both versions, with 95% CI."
    return finished([spans, dots], colors, description, height=alt.Step(24, **{"for": "position"}))


def error_frame(
    errors: pl.DataFrame,
    *,
    absent: str,
    primary: str,
    secondary: str,
    chosen: Collection[str | None] = (),
    most: int = MOST_GROUPS,
) -> pl.DataFrame:
    """The frame of `error_rates` from that of `errors_by`, sorted.

    `absent` names the group of instances without one. The result has a row per group and side with
    a known outcome; `place` is the group's row in the frame given.
    """
    names = {"primary": primary, "secondary": secondary}
    taken = set(errors["group"])
    while absent in taken:
        absent += " "
    lines: list[tuple[object, ...]] = []
    for place, row in enumerate(errors.head(most).iter_rows(named=True)):
        group = absent if row["group"] is None else row["group"]
        for side in SIDES:
            wrong, of, rate, low, high = (
                row[f"{side}_{name}"] for name in ("errors", "instances", "rate", "low", "high")
            )
            if rate is not None:
                interval = "" if low is None else f", 95% CI {low:.1%} to {high:.1%}"
                words = f"{group} in {names[side]}: {wrong:,} of {of:,} incorrect"
                sentence = f"{words} ({rate:.1%}{interval})."
                is_chosen = not chosen or row["group"] in chosen
                lines.append((place, group, side, rate, low, high, sentence, is_chosen))
    return framed(lines, "place:i group:s side:s rate:f low:f high:f sentence:s chosen:b")


def error_text(frame: pl.DataFrame) -> str:
    """The chart in words, from the frame of `error_frame`."""
    own = frame.filter(side="primary")
    if own.is_empty():
        return "The primary model has no known outcome."
    return f"Most errors: {own['sentence'][0]}"
