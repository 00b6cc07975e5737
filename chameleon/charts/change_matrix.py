"""How predictions changed: the 2 x 2 matrix of outcomes, and the table of classes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.theme import (
    BANDS,
    Palette,
    blank,
    choice_columns,
    dimmed,
    finished,
    matrix,
    names_axis,
    outlined,
    palette,
    plural,
)
from chameleon.project import natural_order

OUTCOMES = ("correct", "incorrect")
NUMBERED_CLASSES = 15
"""More classes than this leave no room for a count in every cell of the table."""

_WORDS = {
    ("correct", "correct"): "unaffected",
    ("correct", "incorrect"): "regressed",
    ("incorrect", "correct"): "improved",
    ("incorrect", "incorrect"): "needs attention",
}
_VERDICTS = {
    "unaffected": "Both models are right on {them}",
    "regressed": "The iteration made the model regress on {them}",
    "improved": "The iteration improved the model on {them}",
    "needs attention": "Both models are wrong on {them}",
}
_NARROW_CLASSES = 4
"""More classes than this stand upright below the table's top."""


def outcome_matrix(*, dark: bool, height: int = 190) -> dict[str, Any]:
    """Four cells, secondary (rows) by primary (columns), shaded by their share of all.

    The frame: that of `outcome_frame`. Selection "pick": secondary, primary.
    """
    colors = palette(dark=dark)
    scale = alt.Scale(domain=list(OUTCOMES), paddingInner=0.04, paddingOuter=0)
    plain: dict[str, Any] = {"title": None, "grid": False, "labelFontSize": 12, "labelPadding": 6}
    x = alt.X("primary:N", scale=scale, axis=alt.Axis(orient="top", labelAngle=0, **plain))
    y = alt.Y(
        "secondary:N",
        scale=scale,
        axis=alt.Axis(minExtent=20, maxExtent=20, labelAngle=270, **plain),
    )
    layers = matrix(
        x,
        y,
        _shade("share", colors, domain=[0, 1]),
        tooltip=alt.Tooltip("sentence:N", title="Instances"),
        pick=("secondary", "primary"),
        mark={"cornerRadius": 3},
        encoding=cell_looks(colors),
        words=[
            ("word", {"dy": -24, "fontSize": 12, "limit": alt.ExprRef("width / 2 - 6")}, {}),
            ("counted", {"dy": -2, "fontSize": 18, "fontWeight": 600}, {}),
            ("shared", {"dy": 19, "fontSize": 12}, {}),
        ],
    )
    # Titles are words of the frame, so that one specification serves all pairs of versions.
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
    return finished(
        layers,
        colors,
        height=height,
        description="Prediction change matrix: instances by their outcome before and after.",
    )


def class_table(*, classes: int, dark: bool) -> dict[str, Any]:
    """A cell for each pair of classes, before (rows) by after (columns), shaded by instances.

    The frame: that of `class_frame`. Selection "pick": secondary_class, primary_class.

    Parameters
    ----------
    classes
        How many there are on the longer side; decides on numbers in the cells and the labels.
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
        encoding=cell_looks(colors),
        words=[("counted", {}, {})] if classes <= NUMBERED_CLASSES else [],
    )  # fmt: skip
    return finished(
        layers,
        colors,
        height=alt.Step(22 if classes <= 30 else 13),
        description="Instances whose predicted class changed, by the class before and after.",
    )


def cell_looks(colors: Palette) -> dict[str, Any]:
    """Encodings of cells of which some are chosen."""
    edges = outlined(colors, edge=colors.neutral, marked=2.5, plain=0.75)
    return {"opacity": dimmed(), **edges}


def _shade(field: str, colors: Palette, **domain: Any) -> alt.Color:  # noqa: ANN401 - of any kind
    scale = alt.Scale(type="sqrt", range=[colors.low, colors.high], **domain)
    return alt.Color(f"{field}:Q", scale=scale, legend=None)


def outcome_frame(
    changes: pl.DataFrame,
    *,
    primary: str,
    secondary: str,
    chosen: Collection[tuple[str, str]] = (),
) -> pl.DataFrame:
    """The frame of `outcome_matrix` from that of `prediction_changes`.

    Parameters
    ----------
    changes
        secondary, primary, instances, share, relabelled, edited: four rows.

    Returns
    -------
    polars.DataFrame
        Those columns and word, counted, shared (count and share as text), sentence, before, after,
        chosen, marked.
    """
    rows = list(changes.iter_rows(named=True))
    words = [_WORDS[row["secondary"], row["primary"]] for row in rows]
    return changes.with_columns(
        pl.Series("share", [row["share"] or 0.0 for row in rows], dtype=pl.Float64),
        pl.Series("word", words, dtype=pl.String),
        pl.Series("counted", [f"{row['instances']:,}" for row in rows], dtype=pl.String),
        pl.Series("shared", [_percent(row["share"]) for row in rows], dtype=pl.String),
        pl.Series(
            "sentence",
            [
                _sentence(row, word, primary=primary, secondary=secondary)
                for row, word in zip(rows, words, strict=True)
            ],
            dtype=pl.String,
        ),
        before=pl.lit(f"before: {secondary}"),
        after=pl.lit(f"after: {primary}"),
        **choice_columns([(row["secondary"], row["primary"]) for row in rows], chosen),
    )


def class_frame(
    changes: pl.DataFrame,
    *,
    primary: str,
    secondary: str,
    chosen: Collection[tuple[str, str]] = (),
) -> pl.DataFrame:
    """The frame of `class_table`.

    Parameters
    ----------
    changes
        secondary_class, primary_class, instances: pairs of different classes.

    Returns
    -------
    polars.DataFrame
        Those columns and secondary_place, primary_place (the class's place, the same on both
        sides), counted, sentence, chosen, marked.
    """
    rows = list(changes.iter_rows(named=True))
    sides = ("secondary_class", "primary_class")
    classes = natural_order({row[side] for row in rows for side in sides})
    places = {name: place for place, name in enumerate(classes)}
    sentences = [
        f"{plural(row['instances'])}: {row['secondary_class']} in {secondary}, "
        f"{row['primary_class']} in {primary}."
        for row in rows
    ]
    return changes.with_columns(
        pl.Series("secondary_place", [places[row[sides[0]]] for row in rows], dtype=pl.Int32),
        pl.Series("primary_place", [places[row[sides[1]]] for row in rows], dtype=pl.Int32),
        pl.Series("counted", [f"{row['instances']:,}" for row in rows], dtype=pl.String),
        pl.Series("sentence", sentences, dtype=pl.String),
        **choice_columns([(row[sides[0]], row[sides[1]]) for row in rows], chosen),
    )


def outcome_matrix_text(frame: pl.DataFrame) -> str:
    """The matrix in words, from the frame of `outcome_frame`."""
    total = int(frame["instances"].sum())
    if not total:
        return "No instance has a known outcome in both versions."
    before, after = frame["before"][0], frame["after"][0]
    cells = [
        f"{row['counted']} {_in_words(row['word'])} ({row['shared']})"
        for row in frame.iter_rows(named=True)
    ]
    return f"Of {plural(total)}, {before}, {after}: {', '.join(cells)}."


def class_table_text(frame: pl.DataFrame) -> str:
    """The table in words, from the frame of `class_frame`."""
    total = int(frame["instances"].sum())
    if not total:
        return "No predicted class changed."
    top = frame.sort("instances", descending=True, maintain_order=True).row(0, named=True)
    return (
        f"The predicted class changed for {plural(total)}, in "
        f"{plural(len(frame), 'pair')} of classes. "
        f"Most often: {top['sentence']}"
    )


def _sentence(row: dict[str, Any], word: str, *, primary: str, secondary: str) -> str:
    """One cell in words: count, outcomes, what it means, and how many had changed themselves."""
    count = row["instances"]
    told = f"{plural(count)}: {row['secondary']} in {secondary}, {row['primary']} in {primary}."
    if not count:
        return told
    verdict = _VERDICTS[word].format(them="it" if count == 1 else "them")
    return f"{told} {verdict}; {_touched(count, row['relabelled'], row['edited'])}."


def _touched(count: int, relabelled: int, edited: int) -> str:
    if not relabelled and not edited:
        return (
            "it was neither relabelled nor edited"
            if count == 1
            else ("none of them was relabelled or edited")
        )
    if count == 1:
        done = [name for name, n in (("relabelled", relabelled), ("edited", edited)) if n]
        return f"it was {' and '.join(done)}"
    was = "was" if relabelled == 1 else "were"
    return f"{relabelled:,} of them {was} relabelled, {edited:,} edited"


def _in_words(word: str) -> str:
    return "need attention" if word == "needs attention" else word


def _percent(share: float | None) -> str:
    """A share as text; what is neither none nor all never reads as none or all."""
    if share is None:
        return "-"
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 <= share < 1:
        return ">99.9 %"
    return f"{100 * share:.1f} %"
