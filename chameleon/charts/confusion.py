"""Confusion matrices, the difference of two, and error rates by class or source."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.change_matrix import cell_looks
from chameleon.charts.theme import (
    BANDS,
    SIDES,
    bars,
    dimmed,
    finished,
    matrix,
    names_axis,
    palette,
    plural,
)
from chameleon.project import natural_order

MOST_CLASSES = 30
"""With more classes than this, cells leave no room for a count: the rest is folded into one."""

_SIZES = ((4, 54, 13), (10, 28, 11), (16, 23, 10))  # up to so many classes: pixels a cell, of text
_SMALLEST = (14, 8)
_SHORT_NAMES = 52
"""Pixels for names beside the smallest squares: two matrices of `MOST_CLASSES` share a line."""

MOST_GROUPS = 30

_CHARACTER = 0.62  # how wide a character is, in sizes of its font


class Shown(StrEnum):
    """Whose matrix is drawn: a version's, or primary less secondary."""

    SECONDARY = "secondary"
    PRIMARY = "primary"
    DIFFERENCE = "difference"


def names_lie_flat(classes: tuple[str, ...]) -> bool:
    """Whether every name fits across its column; else they stand upright."""
    step, text = _size(len(classes))
    return max((len(name) for name in classes), default=0) * text * _CHARACTER <= step


def _size(classes: int) -> tuple[int, int]:
    """The pixels of a cell's side, and of the text in it."""
    return next(((step, text) for most, step, text in _SIZES if classes <= most), _SMALLEST)


def confusion_matrix(*, classes: int, flat: bool, difference: bool, dark: bool) -> dict[str, Any]:
    """A square for each pair of true class (rows) and prediction (columns) that occurs.

    The frame: that of `confusion_frame`. Selection "pick": label, prediction.

    Parameters
    ----------
    classes
        How many are drawn; decides on the size of a square.
    flat
        Whether the names of the columns lie flat; see `names_lie_flat`.
    difference
        Whether the matrix is a difference: shaded from fewer over equal to more.
    """
    colors = palette(dark=dark)
    step, text = _size(classes)
    limit = 90 if (step, text) != _SMALLEST else _SHORT_NAMES
    axis = {**BANDS, "labelLimit": limit, "labelFontSize": max(text, 9)}
    scale = (
        alt.Scale(domain=[-1, 0, 1], range=list(colors.balance), interpolate="rgb")
        if difference
        else alt.Scale(domain=[0, 1], range=[colors.low, colors.high])
    )
    layers = matrix(
        names_axis(
            alt.X, "prediction", order="prediction_place", title="Predicted", orient="top",
            labelAngle=0 if flat else -90, **axis,
        ),
        names_axis(alt.Y, "label", order="label_place", title="True class", **axis),
        alt.Color("shade:Q", scale=scale, legend=None),
        tooltip=alt.Tooltip("sentence:N", title="Instances"),
        pick=("label", "prediction"),
        encoding=cell_looks(colors),
        words=[("written", {"fontSize": text}, {"opacity": dimmed(0.45)})],
    )  # fmt: skip
    what = "Difference of two confusion matrices" if difference else "Confusion matrix"
    return finished(
        layers,
        colors,
        autosize=None,
        width=alt.Step(step),
        height=alt.Step(step),
        description=f"{what}: instances by their true class and their prediction.",
    )


def shown_classes(confusion: pl.DataFrame) -> tuple[str, ...]:
    """The classes to draw, in natural order: at most `MOST_CLASSES` less one for the rest.

    Those with the most mistakes stay, true class and prediction in both versions together.
    """
    order = natural_order({*confusion["label"], *confusion["prediction"]})
    if len(order) <= MOST_CLASSES:
        return tuple(order)
    wrong = confusion.filter(pl.col("label") != pl.col("prediction"))
    mistakes = dict.fromkeys(order, 0)
    for label, prediction, *counts in wrong.select(
        "label", "prediction", "secondary", "primary"
    ).iter_rows():
        mistakes[label] += sum(counts)
        mistakes[prediction] += sum(counts)
    kept = sorted(order, key=lambda name: -mistakes[name])[: MOST_CLASSES - 1]
    return tuple(name for name in order if name in set(kept))


def confusion_frame(
    confusion: pl.DataFrame,
    shown: Shown,
    *,
    classes: tuple[str, ...],
    names: Mapping[Shown, str],
    shares: bool = False,
    chosen: Collection[tuple[str, str]] = (),
) -> pl.DataFrame:
    """The frame of `confusion_matrix`.

    Parameters
    ----------
    confusion
        label, prediction, secondary, primary: counts.
    shown
        Whose matrix it is.
    classes
        Those drawn by themselves, in order; the others are folded into one.
    shares
        Write shares of the true class, in percent, instead of counts.

    Returns
    -------
    polars.DataFrame
        label, prediction, label_place, prediction_place, value (the count or difference), written,
        shade (of a version from 0 to 1: its share of the true class; of a difference from -1 to
        1), sentence, right (whether label and prediction agree), folded (whether either stands for
        several classes), chosen, marked. Cells that are 0 on the shown side are left out, but for
        those of a class with itself: so all matrices have the same rows and columns.
    """
    folded = _folded(confusion, classes)
    other = other_classes(confusion, classes)
    places = {name: place for place, name in enumerate((*classes, other))}
    totals = {
        (row["label"], side): row[side]
        for row in folded.drop("prediction").group_by("label").sum().iter_rows(named=True)
        for side in SIDES
    }
    lines: list[dict[str, Any]] = []
    for row in folded.iter_rows(named=True):
        label = row["label"]
        parts = {
            side: (row[side], row[side] / totals[label, side] if totals[label, side] else None)
            for side in SIDES
        }
        value, share = _value(parts, shown)
        pair = (label, row["prediction"])
        held = row["secondary"] or row["primary"] if shown is Shown.DIFFERENCE else value
        if not held and label != row["prediction"]:
            continue
        lines.append(
            {
                "label": label,
                "prediction": row["prediction"],
                "label_place": places[label],
                "prediction_place": places[row["prediction"]],
                "value": value,
                "share": share or 0.0,
                "written": _written(value, share, shown, shares=shares),
                "sentence": _sentence(pair, parts, shown, names),
                "right": pair[0] == pair[1],
                "folded": other in pair,
                "chosen": not chosen or pair in chosen,
                "marked": pair in chosen,
            }
        )
    frame = pl.DataFrame(lines, schema=_SCHEMA)
    if shown is not Shown.DIFFERENCE:
        return frame.with_columns(shade=pl.col("share").sqrt())
    most = max((abs(line["value"]) for line in lines), default=1) or 1
    return frame.with_columns(shade=pl.col("value").sign() * (pl.col("value").abs() / most).sqrt())


_SCHEMA: Mapping[str, type[pl.DataType]] = {
    "label": pl.String, "prediction": pl.String, "label_place": pl.Int32,
    "prediction_place": pl.Int32, "value": pl.Int64, "share": pl.Float64, "written": pl.String,
    "sentence": pl.String, "right": pl.Boolean, "folded": pl.Boolean, "chosen": pl.Boolean,
    "marked": pl.Boolean,
}  # fmt: skip


def other_classes(confusion: pl.DataFrame, classes: tuple[str, ...]) -> str:
    """What the folded classes are called; no class of the frame has that name."""
    every = {*confusion["label"], *confusion["prediction"]}
    name = f"{len(every) - len(set(classes) & every)} other classes"
    while name in every:
        name += " "
    return name


def confusion_text(frame: pl.DataFrame, shown: Shown) -> str:
    """The matrix in words, from the frame of `confusion_frame`."""
    if frame.is_empty() or not (shown is Shown.DIFFERENCE or frame["value"].sum()):
        return "No instance has a known outcome."
    wrong = frame.filter(~pl.col("right") | pl.col("folded"))
    if shown is Shown.DIFFERENCE:
        moved = frame.filter(pl.col("value") != 0)
        if moved.is_empty():
            return "Both matrices are the same."
        top = moved.sort(pl.col("value").abs(), descending=True, maintain_order=True)
        return f"{len(moved):,} cells differ. Most: {top['sentence'][0]}"
    total = int(frame["value"].sum())
    mistaken = int(frame.filter(~pl.col("right"))["value"].sum())
    told = f"Of {plural(total)} {mistaken:,} {'is' if mistaken == 1 else 'are'} mistaken"
    told += f" ({mistaken / total:.1%})."
    if not mistaken or wrong.is_empty():
        return told
    top = frame.filter(~pl.col("right")).sort("value", descending=True, maintain_order=True)
    return f"{told} Most often: {top['sentence'][0]}"


def error_rates(*, title: str, dark: bool) -> dict[str, Any]:
    """A dot a version on the line of every group, with the interval where one can be given.

    The frame: that of `error_frame`. Selection "pick": place.
    """
    colors = palette(dark=dark)
    legend = alt.Legend(orient="top", title=None)
    y = names_axis(
        alt.Y, "group", order="place", title=title, labelLimit=160, labelOverlap=False, grid=True,
    )  # fmt: skip
    axis = alt.Axis(format="%", title="Share that is wrong", grid=True, orient="top")
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
    return finished(
        [spans, dots],
        colors,
        height=alt.Step(24, **{"for": "position"}),
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
        Name of the group without one.

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
        for side in SIDES:
            if row[f"{side}_rate"] is None:
                continue
            lines.append(
                {
                    "place": place,
                    "group": group,
                    "side": side,
                    **{name: row[f"{side}_{name}"] for name in ("rate", "low", "high")},
                    "sentence": _error_sentence(group, row, side, names[side]),
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


def _folded(confusion: pl.DataFrame, classes: tuple[str, ...]) -> pl.DataFrame:
    """The counts with the other classes as one, and a line for each class with itself."""
    kept, other = list(classes), other_classes(confusion, classes)
    renamed = [
        pl.when(pl.col(name).is_in(kept)).then(pl.col(name)).otherwise(pl.lit(other)).alias(name)
        for name in ("label", "prediction")
    ]
    counted = (
        confusion.select(*renamed, "secondary", "primary")
        .group_by("label", "prediction", maintain_order=True)
        .sum()
    )
    every = pl.Series("label", list(dict.fromkeys([*counted["label"], *counted["prediction"]])),
                      dtype=pl.String)  # fmt: skip
    itself = pl.DataFrame({"label": every, "prediction": every})
    missing = itself.join(counted, on=["label", "prediction"], how="anti")
    nothing = missing.with_columns(
        secondary=pl.lit(0, dtype=pl.Int64), primary=pl.lit(0, dtype=pl.Int64)
    )
    return pl.concat([counted, nothing])


Parts = Mapping[str, tuple[int, float | None]]


def _value(parts: Parts, shown: Shown) -> tuple[int, float | None]:
    if shown is not Shown.DIFFERENCE:
        return parts[shown]
    (before, old), (after, new) = parts["secondary"], parts["primary"]
    return after - before, None if old is None or new is None else new - old


def _written(value: int, share: float | None, shown: Shown, *, shares: bool) -> str:
    sign = "+" if shown is Shown.DIFFERENCE and value > 0 else ""
    if shares:
        if share is None:
            return "-"
        sign = "+" if shown is Shown.DIFFERENCE and round(100 * share) > 0 else ""
        return f"{sign}{100 * share:.0f}" if round(100 * share) else "0"
    return sign + _short(value)


def _short(value: int) -> str:
    """A count in at most four characters, its sign aside."""
    size = abs(value)
    for limit, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if size >= limit:
            return f"{int(value / (1000 if unit == 'k' else limit)):d}{unit}"
    return f"{value:d}"


def _sentence(pair: tuple[str, str], parts: Parts, shown: Shown, names: Mapping[Shown, str]) -> str:
    label, prediction = pair
    what = f"{label} rightly told" if label == prediction else f"{label} taken for {prediction}"
    told = [
        f"{parts[side][0]:,} ({_percent(parts[side][1])} of {label}) in {names[side]}"
        for side in (Shown.SECONDARY, Shown.PRIMARY)
        if shown in (side, Shown.DIFFERENCE)
    ]
    return f"{what}: {', '.join(told)}."


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _error_sentence(group: str, row: dict[str, Any], side: str, name: str) -> str:
    errors, of = row[f"{side}_errors"], row[f"{side}_instances"]
    told = f"{group} in {name}: {errors:,} of {of:,} wrong ({row[f'{side}_rate']:.1%}"
    if row[f"{side}_low"] is not None:
        told += f", 95 % interval {row[f'{side}_low']:.1%} to {row[f'{side}_high']:.1%}"
    return told + ")."
