"""The columns that show an instance: named by [viewer], or found by their names."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from chameleon.data.bins import BinKind
from chameleon.data.dataset import EvolvingDataset, Feature
from chameleon.data.raw_rows import raw_columns, raw_values
from chameleon.project import Kind, ViewerKind
from chameleon.storage import MemoryCache

FEWEST_SAMPLES = 8  # the fewest columns of one name and running numbers that are a stream
FEWEST_PIXELS = 16
_RUNNING = re.compile(r"(.*?)([0-9]+)(?:([^0-9]+)([0-9]+))?")


@dataclass(frozen=True, slots=True)
class Viewer:
    """The view of an instance.

    `columns` are in order. `shape` is rows, columns, and, for colors, 3 of an image of pixel
    columns; None for paths and bytes. `found` is False where [viewer] names it. `finding` is the
    reason why [viewer] cannot be used; then a plain table is shown.
    """

    kind: ViewerKind
    columns: tuple[str, ...] = ()
    shape: tuple[int, ...] | None = None
    found: bool = True
    finding: str | None = None


def viewer_of(dataset: EvolvingDataset) -> Viewer:
    """The viewer that chameleon.toml names, else the one that fits the columns.

    Tried in this order: an image (columns of one name and running numbers, such as p0 to p63 or
    pixel_0_0 to pixel_7_7, that form a square or a grid and contain nothing below 0), a text that
    nearly always differs, a stream (8 such columns or more).
    """
    find = _found if dataset.project.settings.viewer is None else _declared
    return _viewers.recall(dataset, "", lambda: find(dataset))


_viewers: MemoryCache[EvolvingDataset, str, Viewer] = MemoryCache(1)


def _found(dataset: EvolvingDataset) -> Viewer:
    groups = _running_groups(dataset)
    for names, shape in groups:
        if shape is not None:
            return Viewer(ViewerKind.IMAGE, names, shape)
    for feature in dataset.features:
        if feature.kind is Kind.TEXT and feature.bins.kind is BinKind.TEXT:
            return Viewer(ViewerKind.TEXT, (feature.name,))
    if groups:
        return Viewer(ViewerKind.SENSOR, max(groups, key=lambda group: len(group[0]))[0])
    return Viewer(ViewerKind.PLAIN)


def viewed_values(
    dataset: EvolvingDataset, viewer: Viewer, rows: NDArray[np.integer], *, first: Sequence[str]
) -> list[object]:
    """The values that the viewer shows of some rows: numbers, a text, bytes, a list, or None.

    Features come from memory; any other column is read from the file of a version with the row:
    one of `first`, where possible.
    """
    numbers = {feature.name: number for number, feature in enumerate(dataset.features)}
    column = viewer.columns[0]
    if column in numbers and (len(viewer.columns) > 1 or viewer.shape is not None):
        wanted = [numbers[name] for name in viewer.columns]
        return list(np.stack([np.asarray(dataset.values[n])[rows] for n in wanted], axis=1))
    if column in numbers and dataset.features[numbers[column]].kind is Kind.TEXT:
        return dataset.feature_frame(np.asarray(rows, np.intp), [numbers[column]])[column].to_list()
    preferred = [dataset.version_number(name) for name in dict.fromkeys(first)]
    order = [*preferred, *(v for v in range(len(dataset.versions)) if v not in preferred)]
    version = np.array(order)[dataset.present[order][:, rows].argmax(axis=0)]
    ids = dataset.instance_ids.gather(dataset.instance[rows]).to_list()
    result: list[object] = [None] * len(ids)
    for number in np.unique(version):
        own = np.flatnonzero(version == number).tolist()
        asked = [ids[place] for place in own]
        found = raw_values(dataset, column, asked, dataset.versions[number])
        for place, value in zip(own, found, strict=True):
            result[place] = value
    return result


def _declared(dataset: EvolvingDataset) -> Viewer:
    spec = dataset.project.settings.viewer
    assert spec is not None
    features = {feature.name: feature for feature in dataset.features}
    known = raw_columns(dataset)
    columns: list[str] = []
    for name in spec.columns:
        if name in known or "*" not in name:
            matching = [name] if name in known else []
        else:  # only * is special in a pattern
            pattern = name.replace("[", "[[]").replace("?", "[?]")
            matching = [c for c in features if fnmatchcase(c, pattern)]
        if not matching:
            return _unusable(f"names '{name}', but no version has such a column")
        columns += matching
    columns = list(dict.fromkeys(columns))
    if len(columns) == 1 and (spec.shape is None or columns[0] not in features):
        return Viewer(spec.kind, tuple(columns), spec.shape, found=False)
    if spec.kind is ViewerKind.TEXT:
        return _unusable(f"names {len(columns):,} columns, where a text is one")
    for name in columns:
        if name not in features or features[name].kind is Kind.TEXT:
            return _unusable(f"names '{name}' among several columns, but it isn't a number feature")
    if spec.kind is not ViewerKind.IMAGE:
        return Viewer(spec.kind, tuple(columns), found=False)
    side = math.isqrt(len(columns))
    shape = spec.shape or (side, side)
    if math.prod(shape) != len(columns):
        wanted = " x ".join(str(part) for part in shape)
        return _unusable(
            f"names {len(columns):,} pixel columns, which are not {wanted}"
            + ("" if spec.shape else ". Add shape = [rows, columns]")
        )
    return Viewer(spec.kind, tuple(columns), shape, found=False)


def _unusable(reason: str) -> Viewer:
    message = f"chameleon.toml: [viewer] {reason}. A table is shown."
    return Viewer(ViewerKind.PLAIN, found=False, finding=message)


Group = tuple[tuple[str, ...], tuple[int, ...] | None]


def _running_groups(dataset: EvolvingDataset) -> list[Group]:
    """Number features of one name and running numbers, and the shape of those that are pixels."""
    found: dict[tuple[str, str], dict[tuple[int, int], Feature]] = {}
    for feature in dataset.features:
        match = _RUNNING.fullmatch(feature.name)
        if match is not None and feature.kind is Kind.NUMBER:
            name, one, between, two = match.groups()
            place = (int(one), 0) if two is None else (int(one), int(two))
            found.setdefault((name, between or ""), {})[place] = feature
    groups: list[Group] = []
    for members in found.values():
        places = sorted(members)
        if len(places) < FEWEST_SAMPLES:
            continue
        grid = _grid(places)
        if grid is None:
            continue
        dark = all((members[place].bins.low or 0.0) >= 0 for place in places)
        pixels = len(grid) == 2 and dark and len(places) >= FEWEST_PIXELS
        names = tuple(members[place].name for place in places)
        groups.append((names, grid if pixels else None))
    return groups


def _grid(places: Sequence[tuple[int, int]]) -> tuple[int, ...] | None:
    """The shape of places without a gap: both sides of a grid or square, else the length."""
    rows, columns = ({place[axis] for place in places} for axis in (0, 1))
    whole = all(max(numbers) - min(numbers) + 1 == len(numbers) for numbers in (rows, columns))
    if not whole or len(rows) * len(columns) != len(places):
        return None
    if len(columns) > 1:
        return len(rows), len(columns)
    side = math.isqrt(len(rows))
    return (side, side) if side * side == len(rows) else (len(rows),)
