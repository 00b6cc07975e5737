"""No viewer: the values stand in the table of the instance's rows."""

from __future__ import annotations

from collections.abc import Sequence

from chameleon.app.viewers import Picture, PictureError
from chameleon.data import EvolvingDataset, Viewer

GALLERY = False


def pictures(
    dataset: EvolvingDataset, viewer: Viewer, values: Sequence[object], *, side: int
) -> list[Picture]:
    """No picture of anything."""
    return [PictureError("There is nothing to picture.") for _ in values]


def draw(dataset: EvolvingDataset, viewer: Viewer, value: object, *, search: str) -> None:
    """Nothing beside the table."""
