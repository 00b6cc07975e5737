"""Matrices of counts: changes of outcomes, changes of predicted classes, and confusion."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.theme import (
    BANDS,
    SIDES,
    Palette,
    blank,
    choice_columns,
    dimmed,
    finished,
    framed,
    matrix,
    names_axis,
    outlined,
    palette,
    plural,
    share_words,
    texts,
)
from chameleon.project import natural_order

OUTCOMES = ("correct", "incorrect")
NUMBERED_CLASSES = 15
"""More classes than this leave no room for a count in every cell of the table."""
MOST_CLASSES = 30
"""More classes than this leave no room for counts: the others are combined into one."""

_WORDS = {
    ("correct", "correct"): "still correct",
    ("correct", "incorrect"): "regressed",
    ("incorrect", "correct"): "fixed",
    ("incorrect", "incorrect"): "still incorrect",
}
_VERDICTS = {
    "still correct": "Both models predict {them} correctly",
    "regressed": "The step made the model regress on {them}",
    "fixed": "The step fixed {them}",
    "still incorrect": "Both models predict {them} incorrectly",
}
_NARROW_CLASSES = 4
"""More classes than this have vertical names above the table."""
_SIZES = ((4, 54, 13), (10, 28, 11), (16, 23, 10))  # most classes, pixels of a cell, of its text
_SMALLEST = (14, 8)
_SHORT_NAMES = 52
"""Pixels for names beside the smallest squares: two matrices of `MOST_CLASSES` share a line."""
_CHARACTER = 0.62  # width of a character, in sizes of its font


def outcome_matrix(*, dark: bool, height: int = 190) -> dict[str, Any]:
    """Four cells, secondary (rows) by primary (columns), shaded by their share of all.

    The frame: that of `outcome_frame`. Selection "pick": secondary, primary.
    """
    colors = palette(dark=dark)
    scale = alt.Scale(domain=list(OUTCOMES), paddingInner=0.04, paddingOuter=0)
    plain: dict[str, Any] = {"title": None, "grid": False, "labelFontSize": 12, "labelPadding": 6}
    side = alt.Axis(minExtent=20, maxExtent=20, labelAngle=270, **plain)
    layers = matrix(
        alt.X("primary:N", scale=scale, axis=alt.Axis(orient="top", labelAngle=0, **plain)),
        alt.Y("secondary:N", scale=scale, axis=side),
        _shade("share", colors, domain=[0, 1]),
        tooltip=alt.Tooltip("sentence:N", title="Instances"),
        pick=("secondary", "primary"),
        mark={"cornerRadius": 3},
        encoding=_cell_looks(colors),
        words=[
            ("word", {"dy": -24, "fontSize": 12, "limit": alt.ExprRef("width / 2 - 6")}, {}),
            ("counted", {"dy": -2, "fontSize": 18, "fontWeight": 600}, {}),
            ("shared", {"dy": 19, "fontSize": 12}, {}),
        ],
    )
    # Titles are words of the frame, so that all pairs of versions share one specification.
    once = blank().transform_filter("datum.secondary === 'correct' && datum.primary === 'correct'")
    bold: dict[str, Any] = {"fontSize": 12, "fontWeight": 600}
    layers += [
        once.mark_text(align="left", limit=alt.ExprRef("width"), **bold).encode(
            x=alt.value(0), y=alt.value(-36), text="after:N"
        ),
        once.mark_text(align="center", angle=270, limit=height, **bold).encode(
            x=alt.value(-34), y=alt.value(height / 2), text="before:N"
        ),
    ]
    description = "Prediction change matrix: instances by their outcome before and after."
    return finished(layers, colors, description, height=height)


def class_table(*, classes: int, dark: bool) -> dict[str, Any]:
    """A cell for each pair of classes, before (rows) by after (columns), shaded by instances.

    The frame: that of `class_frame`. Selection "pick": secondary_class, primary_class. `classes`
    is their number on the longer side.
    """
    colors = palette(dark=dark)
    sides = ("secondary_class", "primary_class")
    axis: dict[str, Any] = {**BANDS, "labelLimit": 130, "labelFontSize": 11 if classes <= 30 else 9}
    across: dict[str, Any] = (
        {"labelAngle": -90, "labelOverlap": "greedy"}
        if classes > _NARROW_CLASSES
        else {"labelAngle": 0, "labelLimit": alt.ExprRef(f"width / {max(classes, 1)} - 6")}
    )
    layers = matrix(
        names_axis(
            alt.X, sides[1], order="primary_place", title="Predicted after", orient="top",
            **axis | across,
        ),
        names_axis(alt.Y, sides[0], order="secondary_place", title="Predicted before", **axis),
        _shade("instances", colors, domainMin=0),
        tooltip=alt.Tooltip("sentence:N", title="Instances"),
        pick=sides,
        encoding=_cell_looks(colors),
        words=[("counted", {}, {})] if classes <= NUMBERED_CLASSES else [],
    )  # fmt: skip
    description = "Instances whose predicted class changed, by the class before and after."
    return finished(layers, colors, description, height=alt.Step(22 if classes <= 30 else 13))


def _cell_looks(colors: Palette) -> dict[str, Any]:
    """Encodings of cells, some of them chosen."""
    return {"opacity": dimmed(), **outlined(colors, edge=colors.neutral, marked=2.5, plain=0.75)}


def _shade(field: str, colors: Palette, **domain: Any) -> alt.Color:  # noqa: ANN401 - of any kind
    scale = alt.Scale(type="sqrt", range=[colors.low, colors.high], **domain)
    return alt.Color(f"{field}:Q", scale=scale, legend=None)


def outcome_frame(
    changes: pl.DataFrame, *, primary: str, secondary: str, chosen: Collection[tuple[str, str]] = ()
) -> pl.DataFrame:
    """The frame of `outcome_matrix` from that of `prediction_changes`."""
    rows = list(changes.iter_rows(named=True))
    words = [_WORDS[row["secondary"], row["primary"]] for row in rows]
    sentences = [
        f"{plural(row['instances'])}: {row['secondary']} in {secondary}, "
        f"{row['primary']} in {primary}.{_verdict(row, word)}"
        for row, word in zip(rows, words, strict=True)
    ]
    return changes.with_columns(
        share=pl.col("share").fill_null(0.0),
        word=texts(words),
        counted=texts(f"{row['instances']:,}" for row in rows),
        shared=texts(share_words(row["share"]) for row in rows),
        sentence=texts(sentences),
        before=pl.lit(f"before: {secondary}"),
        after=pl.lit(f"after: {primary}"),
        **choice_columns([(row["secondary"], row["primary"]) for row in rows], chosen),
    )


def class_frame(
    changes: pl.DataFrame, *, primary: str, secondary: str, chosen: Collection[tuple[str, str]] = ()
) -> pl.DataFrame:
    """The frame of `class_table` from secondary_class, primary_class, instances.

    Places of classes are the same on both sides.
    """
    rows = changes.select("secondary_class", "primary_class", "instances").rows()
    classes = natural_order({name for row in rows for name in row[:2]})
    places = {name: place for place, name in enumerate(classes)}
    sentences = [
        f"{plural(count)}: {before} in {secondary}, {after} in {primary}."
        for before, after, count in rows
    ]
    return changes.with_columns(
        secondary_place=pl.Series([places[row[0]] for row in rows], dtype=pl.Int32),
        primary_place=pl.Series([places[row[1]] for row in rows], dtype=pl.Int32),
        counted=texts(f"{row[2]:,}" for row in rows),
        sentence=texts(sentences),
        **choice_columns([row[:2] for row in rows], chosen),
    )


def outcome_matrix_text(frame: pl.DataFrame) -> str:
    """The matrix in words, from the frame of `outcome_frame`."""
    total = int(frame["instances"].sum())
    if not total:
        return "No instance has a known outcome in both versions."
    cells = [
        f"{row['counted']} {row['word']} ({row['shared']})" for row in frame.iter_rows(named=True)
    ]
    return f"Of {plural(total)}, {frame['before'][0]}, {frame['after'][0]}: {', '.join(cells)}."


def class_table_text(frame: pl.DataFrame) -> str:
    """The table in words, from the frame of `class_frame`."""
    total = int(frame["instances"].sum())
    if not total:
        return "No predicted class changed."
    top = frame.sort("instances", descending=True, maintain_order=True)["sentence"][0]
    return (
        f"The predicted class changed for {plural(total)}, in {plural(len(frame), 'pair')} of "
        f"classes. Most often: {top}"
    )


def _verdict(row: Mapping[str, Any], word: str) -> str:
    """The meaning of a cell, and how many of its instances were relabeled or edited."""
    count, relabeled, edited = row["instances"], row["relabeled"], row["edited"]
    if not count:
        return ""
    verdict = _VERDICTS[word].format(them="it" if count == 1 else "them")
    if count == 1:
        done = [name for name, n in (("relabeled", relabeled), ("edited", edited)) if n]
        touched = f"it was {' and '.join(done) or 'neither relabeled nor edited'}"
    elif not relabeled and not edited:
        touched = "none of them was relabeled or edited"
    else:
        was = "was" if relabeled == 1 else "were"
        touched = f"{relabeled:,} of them {was} relabeled, {edited:,} edited"
    return f" {verdict}; {touched}."


class Shown(StrEnum):
    """The confusion matrix shown: of a version, or the primary less the secondary."""

    SECONDARY = "secondary"
    PRIMARY = "primary"
    DIFFERENCE = "difference"


def names_lie_flat(classes: tuple[str, ...]) -> bool:
    """Return True if every name fits above its column; else they are vertical."""
    step, text = _size(len(classes))
    return max((len(name) for name in classes), default=0) * text * _CHARACTER <= step


def _size(classes: int) -> tuple[int, int]:
    """The pixels of a cell's side, and of the text in it."""
    return next(((step, text) for most, step, text in _SIZES if classes <= most), _SMALLEST)


def confusion_matrix(*, classes: int, flat: bool, difference: bool, dark: bool) -> dict[str, Any]:
    """A square for each pair of true class (rows) and prediction (columns) that occurs.

    The frame: that of `confusion_frame`. Selection "pick": label, prediction. `flat` names of the
    columns are horizontal; see `names_lie_flat`.
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
        encoding=_cell_looks(colors),
        words=[("written", {"fontSize": text}, {"opacity": dimmed(0.45)})],
    )  # fmt: skip
    kind = "Difference of two confusion matrices" if difference else "Confusion matrix"
    description = f"{kind}: instances by their true class and their prediction."
    return finished(
        layers, colors, description, autosize=None, width=alt.Step(step), height=alt.Step(step)
    )


def shown_classes(confusion: pl.DataFrame) -> tuple[str, ...]:
    """The classes to draw, in natural order: at most `MOST_CLASSES` less one for the others.

    Those with the most errors, as true class or prediction in either version, are kept.
    """
    order = natural_order({*confusion["label"], *confusion["prediction"]})
    if len(order) <= MOST_CLASSES:
        return tuple(order)
    errors = dict.fromkeys(order, 0)
    wrong = confusion.filter(pl.col("label") != pl.col("prediction"))
    for *names, before, after in wrong.select("label", "prediction", *SIDES).iter_rows():
        for name in names:
            errors[name] += before + after
    kept = {*sorted(order, key=lambda name: -errors[name])[: MOST_CLASSES - 1]}
    return tuple(name for name in order if name in kept)


def other_classes(confusion: pl.DataFrame, classes: tuple[str, ...]) -> str:
    """The name of the combined classes, which no class in the frame has."""
    every = {*confusion["label"], *confusion["prediction"]}
    name = f"{len(every) - len(set(classes) & every)} other classes"
    while name in every:
        name += " "
    return name


def confusion_frame(
    confusion: pl.DataFrame,
    shown: Shown,
    *,
    classes: tuple[str, ...],
    names: Mapping[Shown, str],
    shares: bool = False,
    chosen: Collection[tuple[str, str]] = (),
) -> pl.DataFrame:
    """The frame of `confusion_matrix` from label, prediction, secondary, primary (counts).

    `classes` are those that are not combined, in order, and `names` those of the versions; with
    `shares`, percentages of the true class are written. Cells of 0 are omitted except on the
    diagonal, so that all matrices have the same rows and columns. `folded` is True for the combined
    classes. `shade` is the root of the share of the true class, or from -1 to 1 that of the
    difference.
    """
    other = other_classes(confusion, classes)
    folded = _folded(confusion, classes, other)
    places = {name: place for place, name in enumerate((*classes, other))}
    totals = {
        (label, side): total
        for label, *sums in folded.group_by("label").agg(pl.sum(*SIDES)).iter_rows()
        for side, total in zip(SIDES, sums, strict=True)
    }
    lines: list[dict[str, Any]] = []
    for label, prediction, *counts in folded.select("label", "prediction", *SIDES).iter_rows():
        parts = {
            side: (count, count / totals[label, side] if totals[label, side] else None)
            for side, count in zip(SIDES, counts, strict=True)
        }
        value, share = _value(parts, shown)
        pair = (label, prediction)
        if not (any(counts) if shown is Shown.DIFFERENCE else value) and label != prediction:
            continue
        lines.append(
            {
                "label": label,
                "prediction": prediction,
                "label_place": places[label],
                "prediction_place": places[prediction],
                "value": value,
                "share": share or 0.0,
                "written": _written(value, share, shown, shares=shares),
                "sentence": _sentence(pair, parts, shown, names),
                "right": label == prediction,
                "folded": other in pair,
                "chosen": not chosen or pair in chosen,
                "marked": pair in chosen,
            }
        )
    frame = framed(lines, _CELL)
    if shown is not Shown.DIFFERENCE:
        return frame.with_columns(shade=pl.col("share").sqrt())
    most = max((abs(line["value"]) for line in lines), default=1) or 1
    return frame.with_columns(shade=pl.col("value").sign() * (pl.col("value").abs() / most).sqrt())


_CELL = (
    "label:s prediction:s label_place:i prediction_place:i value:i share:f written:s sentence:s "
    "right:b folded:b chosen:b marked:b"
)


def confusion_text(frame: pl.DataFrame, shown: Shown) -> str:
    """The matrix in words, from the frame of `confusion_frame`."""
    if frame.is_empty() or not (shown is Shown.DIFFERENCE or frame["value"].sum()):
        return "No instance has a known outcome."
    if shown is Shown.DIFFERENCE:
        differing = frame.filter(pl.col("value") != 0)
        if differing.is_empty():
            return "The matrices are identical."
        top = differing.sort(pl.col("value").abs(), descending=True, maintain_order=True)
        return f"{len(differing):,} cells differ. Most: {top['sentence'][0]}"
    wrong = frame.filter(~pl.col("right"))
    total, errors = int(frame["value"].sum()), int(wrong["value"].sum())
    words = f"Of {plural(total)}, {errors:,} {'is' if errors == 1 else 'are'} incorrect"
    words += f" ({errors / total:.1%})."
    if not errors:
        return words
    top = wrong.sort("value", descending=True, maintain_order=True)
    return f"{words} Most often: {top['sentence'][0]}"


def _folded(confusion: pl.DataFrame, classes: tuple[str, ...], other: str) -> pl.DataFrame:
    """The counts with the other classes combined, and a row for each class with itself."""
    pair = ["label", "prediction"]
    counted = (
        confusion.select(
            *(pl.when(pl.col(n).is_in(list(classes))).then(n).otherwise(pl.lit(other)).alias(n)
              for n in pair),
            *SIDES,
        )
        .group_by(pair, maintain_order=True)
        .sum()
    )  # fmt: skip
    every = list(dict.fromkeys([*counted["label"], *counted["prediction"]]))
    diagonal = pl.DataFrame(dict.fromkeys(pair, every), schema=dict.fromkeys(pair, pl.String))
    missing = diagonal.join(counted, on=pair, how="anti")
    return pl.concat(
        [counted, missing.with_columns(pl.lit(0).cast(pl.Int64).alias(s) for s in SIDES)]
    )


Parts = Mapping[str, tuple[int, float | None]]


def _value(parts: Parts, shown: Shown) -> tuple[int, float | None]:
    if shown is not Shown.DIFFERENCE:
        return parts[shown]
    (before, old), (after, new) = parts["secondary"], parts["primary"]
    return after - before, None if old is None or new is None else new - old


def _written(value: int, share: float | None, shown: Shown, *, shares: bool) -> str:
    """The count, or the percentage without its sign, in at most four characters and a sign."""
    if shares and share is None:
        return "-"
    number = round(100 * (share or 0.0)) if shares else value
    sign = "+" if shown is Shown.DIFFERENCE and number > 0 else ""
    for limit, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (10_000, "k")):
        if abs(number) >= limit:
            return f"{sign}{int(number / (1000 if unit == 'k' else limit)):d}{unit}"
    return f"{sign}{number:d}"


def _sentence(pair: tuple[str, str], parts: Parts, shown: Shown, names: Mapping[Shown, str]) -> str:
    label, prediction = pair
    predicted = "correctly predicted" if label == prediction else f"predicted as {prediction}"
    counts = [
        f"{parts[side][0]:,} ({share_words(parts[side][1])} of {label}) in {names[side]}"
        for side in (Shown.SECONDARY, Shown.PRIMARY)
        if shown in (side, Shown.DIFFERENCE)
    ]
    return f"{label} {predicted}: {', '.join(counts)}."
