"""One instance over the versions, and a stream of numbers: specifications without data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.charts.specs import dummy, fitted_spec
from chameleon.charts.theme import palette

OUTCOMES = ("correct", "incorrect", "unknown")
_SHAPES = ("circle", "cross", "diamond")
_NAMED = 30
"""Up to so many versions the predicted class stands above each point."""


def probability_line(*, versions: int, known: bool, dark: bool) -> dict[str, Any]:
    """The probability of the instance's label in every version, a sign by outcome.

    The frame: that of `probability_frame`. Without `known` no probability is: the signs stand on
    one line, without a scale.
    """
    colours = palette(dark=dark)
    base = alt.Chart(dummy("place", "version", "probability", "outcome", "held", "prediction",
                           "sentence", "y"))  # fmt: skip
    x = alt.X(
        "version:O",
        sort=alt.EncodingSortField("place", op="min"),
        axis=alt.Axis(title=None, labelAngle=0 if versions <= 16 else -60, labelLimit=70),
    )
    # every layer says the same of both axes: Vega-Lite fails on merging a title with none
    scale = alt.Scale(domain=[0, 1])
    axis = alt.Axis(title="Probability of the label", format="~%", tickCount=3) if known else None
    y = alt.Y("y:Q", scale=scale, axis=axis)
    line = base.mark_line(color=colours.neutral, strokeWidth=1.5).encode(
        x=x, y=alt.Y("probability:Q", scale=scale, axis=axis), order="place:Q"
    )
    points = base.mark_point(filled=True, size=110).encode(
        x=x,
        y=y,
        shape=alt.Shape(
            "outcome:N",
            scale=alt.Scale(domain=list(OUTCOMES), range=list(_SHAPES)),
            legend=alt.Legend(title=None, orient="top"),
        ),
        color=alt.Color(
            "outcome:N",
            scale=alt.Scale(
                domain=list(OUTCOMES),
                range=[colours.correct, colours.incorrect, colours.neutral],
            ),
        ),
        opacity=alt.condition("datum.held", alt.value(1), alt.value(0.4)),
        tooltip=alt.Tooltip("sentence:N", title="Model"),
    )
    layers: list[alt.Chart] = [line, points] if known else [points]
    if versions <= _NAMED:
        layers.append(
            base.mark_text(dy=-14, color=colours.text, fontSize=11, limit=60).encode(
                x=x, y=y, text="prediction:N"
            )
        )
    return fitted_spec(
        alt.layer(*layers),
        description="What the model of every version says of one instance.",
        height=170 if known else 70,
    )


def probability_frame(versions: pl.DataFrame) -> pl.DataFrame:
    """The frame of `probability_line` from that of `instance_versions`.

    Returns
    -------
    polars.DataFrame
        place, version, probability (of the label; null where unknown), y (the same, or the middle
        where it is unknown), outcome, held, prediction ("-" where there is none), sentence.
    """
    lines = list(versions.iter_rows(named=True))
    probabilities = [line["probability_of_label"] for line in lines]
    return pl.DataFrame(
        {
            "place": list(range(len(lines))),
            "version": versions["version"],
            "probability": pl.Series(probabilities, dtype=pl.Float64),
            "y": pl.Series([0.5 if p is None else p for p in probabilities], dtype=pl.Float64),
            "outcome": versions["outcome"],
            "held": versions["held"],
            "prediction": [line["prediction"] or "-" for line in lines],
            "sentence": [_sentence(line) for line in lines],
        }
    )


def probability_text(frame: pl.DataFrame) -> str:
    """The line in words."""
    counts = dict(frame["outcome"].value_counts().iter_rows())
    told = ", ".join(f"{counts[name]:,} {name}" for name in OUTCOMES if counts.get(name))
    lacking = int((~frame["held"]).sum())
    pale = (
        f" {lacking:,} lack the instance: their model is asked of its nearest row, drawn pale."
        if lacking
        else ""
    )
    some = 0 < frame["probability"].null_count() < len(frame)
    unknown = " Without a probability a sign stands in the middle." if some else ""
    return f"Under the models of {len(frame):,} versions: {told}.{pale}{unknown}"


def stream_line(*, dark: bool) -> dict[str, Any]:
    """A stream of numbers as a line. The frame: that of `stream_frame`."""
    base = alt.Chart(dummy("sample", "value", "name"))
    line = base.mark_line(color=palette(dark=dark).categories[0], strokeWidth=1.5).encode(
        x=alt.X("sample:Q", axis=alt.Axis(title=None, tickMinStep=1)),
        y=alt.Y("value:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title=None, tickCount=4)),
        tooltip=[alt.Tooltip("name:N", title="Sample"), alt.Tooltip("value:Q", title="Value")],
    )
    return fitted_spec(line, description="The stream of one instance, in order.", height=180)


def stream_frame(
    samples: NDArray[np.float64], *, names: Sequence[str] | None = None
) -> pl.DataFrame:
    """The frame of `stream_line`: sample (from 0), value (null where not finite), name."""
    finite = np.where(np.isfinite(samples), samples, np.nan)
    places = list(range(len(samples)))
    told = [str(place) for place in places] if names is None else list(names)
    value = pl.Series("value", finite, nan_to_null=True)
    return pl.DataFrame([pl.Series("sample", places), value, pl.Series("name", told)])


def _sentence(line: dict[str, Any]) -> str:
    said = "nothing" if line["prediction"] is None else str(line["prediction"])
    own, of = line["probability_of_prediction"], line["probability_of_label"]
    sure = "" if own is None else f" ({own:.1%})"
    label = "" if line["label"] is None else f"; label {line['label']}"
    label += "" if of is None or not label else f" ({of:.1%})"
    held = "" if line["held"] else "; lacks the instance"
    return f"{line['version']} says {said}{sure}{label}: {line['outcome']}{held}."
