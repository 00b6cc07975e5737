"""Images: pixel columns of a shape, files inside the project, or the bytes of such files.

Only PNG and JPEG are opened, and only below limits that are checked before anything is unpacked.
The browser always gets a PNG made by this module.
"""

from __future__ import annotations

import io
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from chameleon.app.formatting import plain
from chameleon.app.viewers import PictureError
from chameleon.data import EvolvingDataset, Viewer
from chameleon.project import MOST_PIXELS, outside

if TYPE_CHECKING:
    from PIL.Image import Image

GALLERY = True

MOST_BYTES = 20_000_000
"""Of one file."""

FORMATS = ("PNG", "JPEG")
_LARGE = 320


def picture(dataset: EvolvingDataset, viewer: Viewer, value: object, *, side: int) -> bytes:
    """The image, a small one enlarged by whole pixels, a large one reduced."""
    if viewer.shape is not None:
        return png(of_pixels(value, viewer.shape, pixel_limits(dataset, viewer)), side)
    return png(of_file(content_of(dataset, value), side), side)


def draw(dataset: EvolvingDataset, viewer: Viewer, value: object, *, search: str) -> None:
    """The image alone."""
    try:
        st.image(picture(dataset, viewer, value, side=_LARGE), alt="The instance as an image")
    except PictureError as error:
        st.caption(plain(str(error)))


def pixel_limits(dataset: EvolvingDataset, viewer: Viewer) -> tuple[float, float] | None:
    """The range of all pixel columns, if any; one for all images, so that pale ones are pale."""
    wanted = set(viewer.columns) if viewer.shape is not None else set()
    bins = [feature.bins for feature in dataset.features if feature.name in wanted]
    lows = [one.low for one in bins if one.low is not None]
    highs = [one.high for one in bins if one.high is not None]
    return (min(lows), max(highs)) if lows and highs else None


def of_pixels(value: object, shape: tuple[int, ...], limits: tuple[float, float] | None) -> Image:
    """An image of numbers, the smallest black, the largest white, missing ones transparent."""
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
    gray, seen = levels.reshape(shape[:2]), opaque.reshape(shape[:2])
    return Image.fromarray(np.dstack([gray, seen]), "LA")


def content_of(dataset: EvolvingDataset, value: object) -> bytes:
    """The bytes of an image: the value itself, or the file inside the project that it names."""
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
    """The named file inside the project folder, with links followed."""
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
    """The image of a PNG or JPEG file, at most twice as large as shown."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        # reads the header alone: its size reveals an image that would unpack to gigabytes
        image = Image.open(io.BytesIO(content), formats=FORMATS)
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise PictureError(f"The image has {width:,} x {height:,} pixels, which are too many.")
        image.draft("RGB", (2 * side, 2 * side))  # unpacks no more of a JPEG than is shown
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
    """The image as a PNG file of at most `side` pixels; a small one enlarged by whole steps."""
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
