"""Viewers: how an instance is shown, by its kind of data.

Another viewer is a file of this folder, named as its kind, with everything in `ViewerModule`, and a
line in `chameleon.project.ViewerKind`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from chameleon.data import EvolvingDataset, Viewer
from chameleon.errors import ChameleonError
from chameleon.project import ViewerKind


class PictureError(ChameleonError):
    """A value that cannot be shown, and why."""


Picture = bytes | PictureError
"""The content of a PNG file, or why there is none."""


class ViewerModule(Protocol):
    """Contents of a file of this folder. Values are those of `chameleon.data.viewed_values`."""

    GALLERY: bool
    """True if values have small pictures, to compare many of them side by side."""

    def picture(
        self, dataset: EvolvingDataset, viewer: Viewer, value: object, *, side: int
    ) -> bytes:
        """The PNG of a value, at most `side` pixels wide and high; or raise PictureError."""

    def draw(self, dataset: EvolvingDataset, viewer: Viewer, value: object, *, search: str) -> None:
        """Draw one value large, or say why it cannot be shown."""


class _Plain:
    """No viewer: the values are in the table of the instance's rows."""

    GALLERY = False

    def picture(
        self, dataset: EvolvingDataset, viewer: Viewer, value: object, *, side: int
    ) -> bytes:
        raise PictureError("This value has no picture.")

    def draw(self, dataset: EvolvingDataset, viewer: Viewer, value: object, *, search: str) -> None:
        return


def module_of(kind: ViewerKind) -> ViewerModule:
    """The viewer of this kind of data."""
    if kind is ViewerKind.PLAIN:
        return _Plain()
    return cast("ViewerModule", import_module(f"{__name__}.{kind.value}"))


def pictures(
    dataset: EvolvingDataset, viewer: Viewer, values: Sequence[object], *, side: int
) -> list[Picture]:
    """A small picture of each value."""

    def made(value: object) -> Picture:
        try:
            return module_of(viewer.kind).picture(dataset, viewer, value, side=side)
        except PictureError as error:
            return error

    return [made(value) for value in values]
