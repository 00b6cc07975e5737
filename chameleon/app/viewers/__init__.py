"""Viewers: how an instance is looked at, by its kind of data.

Another viewer is a file of this folder that is named as its kind and offers what `ViewerModule`
says, and a line in `chameleon.project.ViewerKind`.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from chameleon.data import EvolvingDataset, Viewer
from chameleon.errors import ChameleonError
from chameleon.project import ViewerKind


class PictureError(ChameleonError):
    """Why a value cannot be shown."""


Picture = bytes | PictureError
"""The content of a PNG file, or why there is none."""


class ViewerModule(Protocol):
    """What a file of this folder offers. Values are those of `chameleon.data.viewed_values`."""

    GALLERY: bool
    """Whether many instances can be looked at side by side, as `pictures`."""

    def pictures(
        self, dataset: EvolvingDataset, viewer: Viewer, values: Sequence[object], *, side: int
    ) -> list[Picture]:
        """A small picture a value, at most `side` pixels wide and high."""

    def draw(self, dataset: EvolvingDataset, viewer: Viewer, value: object, *, search: str) -> None:
        """Draw one value large, or say why it cannot be shown."""


class _Plain:
    """No viewer: the values are in the table of the instance's rows."""

    GALLERY = False

    def pictures(
        self, dataset: EvolvingDataset, viewer: Viewer, values: Sequence[object], *, side: int
    ) -> list[Picture]:
        return [PictureError("There is nothing to picture.") for _ in values]

    def draw(self, dataset: EvolvingDataset, viewer: Viewer, value: object, *, search: str) -> None:
        return


def module_of(kind: ViewerKind) -> ViewerModule:
    """What looks at this kind of data."""
    if kind is ViewerKind.PLAIN:
        return _Plain()
    return cast("ViewerModule", import_module(f"{__name__}.{kind.value}"))
