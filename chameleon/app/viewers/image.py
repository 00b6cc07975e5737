"""Images: pixel columns of a shape, files inside the project, or the bytes of such files.

Only PNG and JPEG are opened, and only below limits that are looked at before anything is unpacked.
What reaches the browser is always a PNG made here.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from chameleon.app.formatting import plain
from chameleon.app.viewers import Picture, PictureError
from chameleon.data import EvolvingDataset, Viewer
from chameleon.project import MOST_PIXELS, outside

if TYPE_CHECKING:
    from PIL.Image import Image

GALLERY = True

MOST_BYTES = 20_000_000
"""Of one file."""

FORMATS = ("PNG", "JPEG")
_LARGE = 320


def pictures(
    dataset: EvolvingDataset, viewer: Viewer, values: Sequence[object], *, side: int
) -> list[Picture]:
    """Each image, small ones enlarged pixel by pixel, large ones made smaller."""
    limits = pixel_limits(dataset, viewer)
    return [_picture(dataset, viewer, value, limits, side) for value in values]


def draw(dataset: EvolvingDataset, viewer: Viewer, value: object, *, search: str) -> None:
    """The image alone."""
    (made,) = pictures(dataset, viewer, [value], side=_LARGE)
    if isinstance(made, PictureError):
        st.caption(plain(str(made)))
        return
    st.image(made, alt="The instance as an image")


def pixel_limits(dataset: EvolvingDataset, viewer: Viewer) -> tuple[float, float] | None:
    """The least and the largest value of all pixel columns; None where no column is one.

    The same for all images, so that a pale one looks pale.
    """
    wanted = set(viewer.columns) if viewer.shape is not None else set()
    bins = [feature.bins for feature in dataset.features if feature.name in wanted]
    lows = [one.low for one in bins if one.low is not None]
    highs = [one.high for one in bins if one.high is not None]
    return (min(lows), max(highs)) if lows and highs else None


def _picture(
    dataset: EvolvingDataset,
    viewer: Viewer,
    value: object,
    limits: tuple[float, float] | None,
    side: int,
) -> Picture:
    try:
        if viewer.shape is not None:
            image = of_pixels(value, viewer.shape, limits)
        else:
            image = of_file(content_of(dataset, value), side)
    except PictureError as error:
        return error
    return png(image, side)


def of_pixels(value: object, shape: tuple[int, ...], limits: tuple[float, float] | None) -> Image:
    """An image of numbers, the least black and the largest white; missing ones see-through.

    Raises
    ------
    PictureError
        There are no numbers, or not as many as the shape has.
    """
    from PIL import Image

    if value is None:
        raise PictureError("There is no image: the value is missing.")
    try:
        pixels: NDArray[np.float64] = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise PictureError("This is no list of numbers.") from None
    if pixels.size != int(np.prod(shape)):
        raise PictureError(f"The image has {pixels.size:,} values, which are not {shape}.")
    known = np.isfinite(pixels)
    if not known.any():
        raise PictureError("No pixel is known.")
    low, high = limits or (float(pixels[known].min()), float(pixels[known].max()))
    # halves: the span of the largest floats would overflow
    span = (high / 2 - low / 2) or 1.0
    scaled = np.where(known, (pixels / 2 - low / 2) / span, 0.0)
    levels = np.rint(np.clip(scaled, 0, 1) * 255).astype(np.uint8).reshape(shape)
    opaque = (known.reshape(shape) * np.uint8(255)).astype(np.uint8)
    if len(shape) == 3 and shape[2] == 3:
        return Image.fromarray(np.dstack([levels, opaque.min(axis=2)]), "RGBA")
    grey, seen = levels.reshape(shape[:2]), opaque.reshape(shape[:2])
    return Image.fromarray(np.dstack([grey, seen]), "LA")


def content_of(dataset: EvolvingDataset, value: object) -> bytes:
    """The bytes of an image: the value itself, or the file inside the project that it names.

    Raises
    ------
    PictureError
        It is neither, leads out of the project, or is too large.
    """
    if value is None or value == "":
        raise PictureError("There is no image: the value is missing.")
    if isinstance(value, bytes):
        if len(value) > MOST_BYTES:
            raise PictureError(f"The image has more than {MOST_BYTES:,} bytes.")
        return value
    if not isinstance(value, str):
        raise PictureError("This is neither the path nor the bytes of an image.")
    path = _inside(dataset.project.path, value)
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError:
        raise PictureError(f"The file '{value}' cannot be read.") from None
    if len(content) > MOST_BYTES:
        raise PictureError(f"The file '{value}' has more than {MOST_BYTES:,} bytes.")
    return content


def _inside(project: Path, name: str) -> Path:
    """The file that is named, inside the project folder, links followed.

    Raises
    ------
    PictureError
        The name leads out of the folder, or there is no such file.
    """
    folder = project if project.is_dir() else project.parent
    parts = PurePosixPath(name.replace("\\", "/")).parts
    absolute = name.startswith("/") or PureWindowsPath(name).anchor or "\0" in name
    if absolute or ".." in parts or outside(folder, folder / Path(*parts)):
        raise PictureError(f"'{name}' is no path inside the project folder.")
    try:
        path = (folder / Path(*parts)).resolve()
        if path.is_file():  # no pipe or device, which could be waited for
            return path
    except (OSError, RuntimeError, ValueError):
        pass
    raise PictureError(f"There is no file '{name}' in the project folder.")


def of_file(content: bytes, side: int) -> Image:
    """The image of a PNG or JPEG file.

    Raises
    ------
    PictureError
        It is none, is damaged, or unpacks to too many pixels.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        # the header alone is read here: what would unpack to gigabytes is told by its size
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise PictureError(f"The image has {width:,} x {height:,} pixels, which are too many.")
        image.draft("RGB", (2 * side, 2 * side))  # of a JPEG, unpacks no more than is shown
        image.load()
        turned = ImageOps.exif_transpose(image)
        return turned.convert("RGBA" if "A" in turned.getbands() else "RGB")
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError("This is no PNG or JPEG image.") from None
    except Exception:  # a damaged file may raise anything in a decoder
        raise PictureError("The image is damaged, or too large to be unpacked.") from None


def png(image: Image, side: int) -> bytes:
    """The image as a PNG file of at most `side` pixels; a small one by whole steps."""
    from PIL import Image

    longest = max(image.size)
    if longest > side:
        image.thumbnail((side, side))
    elif side // longest > 1:
        width, height = (edge * (side // longest) for edge in image.size)
        image = image.resize((width, height), Image.Resampling.NEAREST)
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()
