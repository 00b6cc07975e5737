"""What happened to the instances of a step: a bar a kind of change.

A specification without data, to be kept, with a frame beside it. A click selects under the name
"pick"; what is selected is shown by the frame's column `chosen`, never by the chart.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import altair as alt
import polars as pl

from chameleon.charts.specs import bar_names, dummy, fitted_spec
from chameleon.charts.theme import palette

HAPPENED = ("added", "removed", "relabelled", "labelled", "edited", "moved", "unchanged")
_WORDS = {"labelled": "labels added"}
_DIM = 0.35
_BAR = 26


def change_bars(*, dark: bool) -> dict[str, Any]:
    """A bar a kind of change, with its count; the same scale for all.

    The frame: that of `change_bar_frame`. Selection "pick": happened.
    """
    colours = palette(dark=dark)
    base = alt.Chart(dummy("happened", "words", "instances", "written", "sentence", "chosen",
                            "marked"))  # fmt: skip
    words = [_WORDS.get(happened, happened) for happened in HAPPENED]
    y = bar_names("words", words, {"labelFontSize": 12, "labelPadding": 8}, text=colours.text)
    bars = (
        base.mark_bar(color=colours.categories[0], cornerRadius=2)
        .encode(
            # room on the right for the count of the longest bar
            x=alt.X(
                "instances:Q",
                axis=None,
                scale=alt.Scale(type="sqrt", range=[0, alt.ExprRef("max(width - 56, 20)")]),
            ),
            y=y,
            tooltip=alt.Tooltip("sentence:N", title="Instances"),
            **_highlight(colours.text),
        )
        .add_params(alt.selection_point("pick", fields=["happened"], toggle="true"))
    )
    counts = base.mark_text(align="left", dx=6, color=colours.text, fontSize=12).encode(
        x="instances:Q", y=y, text="written:N"
    )
    return fitted_spec(
        alt.layer(bars, counts).properties(height=alt.Step(_BAR)),
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
        **_marks([line["happened"] for line in lines], chosen),
    )


def change_bars_text(frame: pl.DataFrame) -> str:
    """The bars in words."""
    if frame.is_empty() or not frame["of"][0]:
        return "Neither version has an instance here."
    told = [f"{line['written']} {line['words']}" for line in frame.iter_rows(named=True)]
    return f"Of {frame['of'][0]:,} instances: {', '.join(told)}."


def _highlight(stroke: str) -> dict[str, Any]:
    """Encodings that show a selection by the columns `chosen` (dims) and `marked` (outlines)."""
    return {
        "opacity": alt.condition("datum.chosen", alt.value(1), alt.value(_DIM)),
        "stroke": alt.condition("datum.marked", alt.value(stroke), alt.value(stroke)),
        "strokeWidth": alt.condition("datum.marked", alt.value(1.5), alt.value(0)),
    }


def _marks(keys: Sequence[str], chosen: Collection[str]) -> dict[str, pl.Series]:
    picked = [key in chosen for key in keys]
    return {
        "chosen": pl.Series([not chosen or one for one in picked], dtype=pl.Boolean),
        "marked": pl.Series(picked, dtype=pl.Boolean),
    }
