"""Streams of numbers: a list column, or columns in order."""

from __future__ import annotations

import io

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from chameleon.app.formatting import number, plain
from chameleon.app.view import draw_chart, is_dark
from chameleon.app.viewers import PictureError
from chameleon.charts import palette, stream_frame, stream_line
from chameleon.data import EvolvingDataset, Viewer

GALLERY = True

MOST_SAMPLES = 1_000_000
_DRAWN = 2_000
_TWICE = 2  # drawn twice as large, so that a line is smooth on a fine screen


def picture(dataset: EvolvingDataset, viewer: Viewer, value: object, *, side: int) -> bytes:
    """The stream as a line, on a scale of its own."""
    from PIL import Image, ImageDraw

    samples = thinned(samples_of(value), 4 * side)
    known = samples[np.isfinite(samples)]
    if not known.size:
        raise PictureError("No sample is known.")
    width, height = side * _TWICE, side
    low, high = float(known.min()), float(known.max())
    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    color = palette(dark=is_dark()).categories[0]
    across = np.linspace(4, width - 4, len(samples)) if len(samples) > 1 else np.array([width / 2])
    # halves: the span of the largest floats would overflow
    span = (high / 2 - low / 2) or 1.0
    down = (height - 5) - (samples / 2 - low / 2) / span * (height - 10)
    finite = np.flatnonzero(np.isfinite(down))
    for part in np.split(finite, np.flatnonzero(np.diff(finite) > 1) + 1):
        points = list(zip(across[part].tolist(), down[part].tolist(), strict=True))
        if len(points) > 1:
            pen.line(points, fill=color, width=3, joint="curve")
        else:
            ((x, y),) = points
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=color)
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def draw(dataset: EvolvingDataset, viewer: Viewer, value: object, *, search: str) -> None:
    """The stream as a chart, with its range in words."""
    try:
        samples = samples_of(value)
    except PictureError as error:
        st.caption(plain(str(error)))
        return
    known = samples[np.isfinite(samples)]
    names = viewer.columns if len(viewer.columns) == len(samples) else None
    frame = stream_frame(thinned(samples), names=names if len(samples) <= _DRAWN else None)
    draw_chart(frame, stream_line, key="instance-stream")
    missing = len(samples) - len(known)
    words = f"{len(samples):,} samples"
    if len(known):
        words += f", from {number(float(known.min()))} to {number(float(known.max()))}."
    if missing:
        words += f" {missing:,} missing or not finite."
    if len(samples) > _DRAWN:
        words += f" Drawn: the minimum and maximum of each stretch, {_DRAWN:,} points."
    st.caption(plain(words))


def samples_of(value: object) -> NDArray[np.float64]:
    """The numbers of a stream; missing ones are NaN."""
    if value is None:
        raise PictureError("There is no stream: the value is missing.")
    try:
        samples = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise PictureError("This is no list of numbers.") from None
    if samples.ndim != 1 or not len(samples):
        raise PictureError("This is no list of numbers, or an empty one.")
    if len(samples) > MOST_SAMPLES:
        raise PictureError(f"The stream has more than {MOST_SAMPLES:,} samples.")
    return samples


def thinned(samples: NDArray[np.float64], most: int = _DRAWN) -> NDArray[np.float64]:
    """The minimum and the maximum of each stretch, in order, so that no peak is lost."""
    if len(samples) <= most:
        return samples
    kept: list[float] = []
    for part in np.array_split(samples, most // 2):
        known = np.flatnonzero(np.isfinite(part))
        if not known.size:
            kept += [np.nan, np.nan]
            continue
        ends = sorted((int(known[part[known].argmin()]), int(known[part[known].argmax()])))
        kept += [float(part[end]) for end in ends]
    return np.array(kept)
