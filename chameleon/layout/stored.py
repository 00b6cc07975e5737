"""Layouts that stand: the points of distinct rows, kept by the hash of their features.

A layout was fitted on some rows. Others are placed among those, and nothing ever moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version as release_of
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import (
    EvolvingDataset,
    Space,
    chunks,
    fitted_space,
    nearest,
    placed,
    principal_axes,
    sampled_hashes,
)
from chameleon.storage import digest, read_parts, write_parts

FORMAT = 1
"""Raised whenever rows are measured or stored otherwise, so that kept layouts are made again."""

MOST_FITTED = 10_000
"""Beyond so many distinct rows a layout is fitted on a sample (FACTS: as good, a sixth of the
time), and the rest is placed."""

PLACED_BY = 3
"""Nearest fitted rows that place a row. More draw points into the middle of groups: of the ten
nearest rows of placed digits 34 % stay among the ten nearest in the plane, 26 % with fifteen."""

SHIPPED = "layout"
"""The folder in a project that may hold a layout that came with it."""

PCA = "PCA"
UMAP = "UMAP"

_STANDING_SHARE = 0.5

ShareCallback = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class LayoutMetadata:
    """What is kept about a layout beside its points.

    Attributes
    ----------
    features
        The features that placed the rows.
    reach
        The distance within which 99 % of the fitted rows have their nearest other.
    made
        When it was fitted, in UTC: the newest standing layout is shown.
    """

    method: str
    parameters: str
    made_by: str
    versions: tuple[str, ...]
    features: tuple[str, ...]
    reach: float
    made: str


@dataclass(frozen=True, slots=True, eq=False)
class StoredLayout:
    """The points of distinct rows, by the hash of their features.

    Attributes
    ----------
    hashes
        uint64 of shape (n,), ascending.
    plane
        float32 of shape (n, 2).
    fitted, far
        bool of shape (n,): whether the point was fitted, and whether it was placed but fits badly.
    """

    about: LayoutMetadata
    hashes: NDArray[np.uint64]
    plane: NDArray[np.float32]
    fitted: NDArray[np.bool_]
    far: NDArray[np.bool_]

    @property
    def parts(self) -> dict[str, object]:
        """All of it as the parts of a folder."""
        rows = pl.DataFrame(
            {
                "hash": self.hashes,
                "x": self.plane[:, 0],
                "y": self.plane[:, 1],
                "fitted": self.fitted,
                "far": self.far,
            }
        )
        return {
            "rows": rows,
            "layout": {"format": FORMAT, "rows": len(self.hashes), **asdict(self.about)},
        }


def keep(standing: StoredLayout, dataset: EvolvingDataset) -> bool:
    """Whether the layout now stands in the cache."""
    name = digest(asdict(standing.about), standing.hashes.tobytes(), standing.plane.tobytes())
    return write_parts(dataset.project.results_folder / f"layout-{name}", standing.parts)


def with_new_rows(
    standing: StoredLayout,
    dataset: EvolvingDataset,
    hashes: NDArray[np.uint64],
    *,
    progress: ShareCallback | None = None,
) -> StoredLayout:
    """The layout with the dataset's further rows placed into it; none of its own points moves."""
    from threadpoolctl import threadpool_limits

    distinct, first = np.unique(hashes, return_index=True)
    held = np.isin(distinct, standing.hashes[standing.fitted])
    plane = standing.plane[np.searchsorted(standing.hashes, distinct[held])]
    fresh = ~np.isin(distinct, standing.hashes)
    rows, count = first[fresh], int(fresh.sum())
    points, far = np.empty((count, 2), dtype=np.float32), np.empty(count, dtype=np.bool_)
    with threadpool_limits(1):
        space = fitted_space(dataset, first[held], standing.about.features)
        fitted = space.points(dataset, first[held])
        for part in chunks(count):
            distances, places = nearest(fitted, space.points(dataset, rows[part]), PLACED_BY)
            points[part] = placed(distances, places, plane)
            far[part] = distances[:, 0] > standing.about.reach
            far[part] |= space.strange(dataset, rows[part])
            if progress is not None:
                progress(part.stop / max(count, 1))
    joined = np.concatenate([standing.hashes, distinct[fresh]])
    order = np.argsort(joined)
    return StoredLayout(
        about=standing.about,
        hashes=joined[order],
        plane=np.concatenate([standing.plane, points])[order],
        fitted=np.concatenate([standing.fitted, np.zeros(count, dtype=np.bool_)])[order],
        far=np.concatenate([standing.far, far])[order],
    )


def pca_stored_layout(
    dataset: EvolvingDataset, hashes: NDArray[np.uint64], features: tuple[str, ...]
) -> StoredLayout:
    """The first two principal components of the sample, and all distinct rows seen along them."""
    distinct, first = np.unique(hashes, return_index=True)
    sample = sampled_hashes(dataset, hashes, MOST_FITTED)
    fitted = np.isin(distinct, sample)
    space = fitted_space(dataset, first[fitted], features)
    points = space.points(dataset, first[fitted])
    centre = points.mean(axis=0)
    axes, shares = principal_axes(points, 2)
    plane = np.empty((distinct.size, 2), dtype=np.float32)
    for part in chunks(distinct.size):
        plane[part] = (space.points(dataset, first[part]) - centre) @ axes
    return StoredLayout(
        about=LayoutMetadata(
            method=PCA,
            parameters=_pca_words(space, shares, len(sample), distinct.size),
            made_by=f"numpy {release_of('numpy')}",
            versions=tuple(version.name for version in dataset.versions),
            features=features,
            reach=math.inf,
            made="",
        ),
        hashes=distinct,
        plane=plane,
        fitted=fitted,
        far=np.zeros(distinct.size, dtype=np.bool_),
    )


def _pca_words(space: Space, shares: NDArray[np.float64], fitted: int, distinct: int) -> str:
    width = sum(column.width for column in space.columns)
    if not width:
        return "no feature differs between rows: all lie on one point"
    return (
        f"2 components of {width} columns, which hold {shares.sum():.0%} of the variance; "
        f"fitted on {fitted:,} of {distinct:,} distinct rows"
    )


def is_compatible(standing: StoredLayout, hashes: NDArray[np.uint64]) -> bool:
    """Whether a kept layout can serve the rows of these hashes, new ones among them."""
    if standing.about.method == PCA:  # kept for too few rows: more may be enough for UMAP
        return bool(np.isin(hashes, standing.hashes).all())
    fitted = standing.hashes[standing.fitted]
    return bool(np.isin(fitted, hashes).mean() >= _STANDING_SHARE)


def kept_layouts(dataset: EvolvingDataset) -> list[tuple[Path, StoredLayout]]:
    """Cached and shipped layouts by their folder, newest first; of equal ones the fullest.

    All are read, as only a layout that was verified as a whole tells when it was made.
    """
    cached = sorted(dataset.project.results_folder.glob("layout-*"))
    shipped = dataset.project.path / SHIPPED
    found = [
        (folder, read_parts(folder, "layout", _built, shipped=folder is shipped, used=False))
        for folder in (*cached, shipped)
        if not folder.is_symlink()
    ]
    return sorted(
        ((folder, standing) for folder, standing in found if standing is not None),
        key=lambda pair: (pair[1].about.made, len(pair[1].hashes)),
        reverse=True,
    )


def _built(parts: Mapping[str, Any]) -> StoredLayout | None:
    """The layout of these parts; None where another release wrote it, or its points are none."""
    meta, rows = parts["layout"], parts["rows"]
    if meta["format"] != FORMAT:
        return None
    standing = StoredLayout(
        about=LayoutMetadata(
            method=str(meta["method"]),
            parameters=str(meta["parameters"]),
            made_by=str(meta["made_by"]),
            versions=tuple(map(str, meta["versions"])),
            features=tuple(map(str, meta["features"])),
            reach=float(meta["reach"]),
            made=str(meta["made"]),
        ),
        hashes=rows["hash"].cast(pl.UInt64).to_numpy(),
        plane=rows.select("x", "y").cast(pl.Float32).to_numpy(),
        fitted=rows["fitted"].cast(pl.Boolean).to_numpy(),
        far=rows["far"].cast(pl.Boolean).to_numpy(),
    )
    usable = (
        rows.null_count().sum_horizontal().item() == 0
        and bool(standing.fitted.any())
        and bool((standing.hashes[1:] > standing.hashes[:-1]).all())
        and bool(np.isfinite(standing.plane).all())
    )
    return standing if usable else None
