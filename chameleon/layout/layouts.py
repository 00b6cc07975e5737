"""The 2-D layout of all rows of a timeline: a PCA at once, a UMAP when it is ready.

One layout serves all versions, so that a row has the same place in all of them. It is stored as the
points of distinct rows by the hash of their features. It was fitted on some rows; others are placed
among those, and no point ever moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version as release_of
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.data import (
    EvolvingDataset,
    Space,
    chunks,
    feature_hashes,
    fitted_space,
    laid_out_features,
    nearest,
    placed,
    principal_axes,
    sampled_hashes,
)
from chameleon.storage import digest, mark_used, read_parts, write_parts

FORMAT = 1
"""Raised whenever rows are measured or stored otherwise, so that stored layouts are made again."""

MOST_FITTED = 10_000
"""Distinct rows beyond which a layout is fitted on a sample (FACTS: as good, a sixth of the time),
and the rest is placed."""

PLACED_BY = 3
"""Nearest fitted rows that place a row. More draw points into the middle of groups: of the ten
nearest rows of placed digits 34% stay among the ten nearest in the plane, 26% with fifteen."""

SHIPPED = "layout"
"""The folder in a project that may contain its layout."""

PCA = "PCA"
UMAP = "UMAP"

_LEAST_SHARED = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A point for every row of the timeline.

    `x` and `y` are float32 of shape (n_rows,); rows with identical features have the same point.
    `method` is "PCA" or "UMAP", `parameters` its parameters in one line, `made_by` the libraries
    with their releases, and `versions` those it was fitted on. `key` is a digest of the method and
    the fitted points: rows that are placed, such as those of an appended version, leave it and the
    cells as they are. `fitted_rows` have a fitted point, `placed_rows` were placed by their nearest
    fitted rows; together they are all rows. `badly_placed` ones are farther from their nearest
    fitted row than 99% of the fitted rows, or differ in a way that the layout doesn't know: a new
    category, a feature that was added later or was constant in all fitted rows. Of rows like the
    fitted ones, about one in a hundred is counted too.
    """

    key: str
    method: str
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    parameters: str
    made_by: str
    versions: tuple[str, ...]
    fitted_rows: int
    placed_rows: int
    badly_placed: int


@dataclass(frozen=True, slots=True)
class LayoutMetadata:
    """A stored layout without its points.

    `features` placed the rows, `reach` is the distance within which 99% of the fitted rows have
    their nearest other, and `made` is the time of the fit in UTC: the newest layout is shown.
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

    `hashes` is uint64 of shape (n,), ascending; `plane` float32 of shape (n, 2); `fitted` (else
    placed) and `far` (placed, but badly) are bool of shape (n,).
    """

    metadata: LayoutMetadata
    hashes: NDArray[np.uint64]
    plane: NDArray[np.float32]
    fitted: NDArray[np.bool_]
    far: NDArray[np.bool_]

    @property
    def parts(self) -> dict[str, object]:
        """All of it as the parts of a folder."""
        columns = {"hash": self.hashes, "x": self.plane[:, 0], "y": self.plane[:, 1]}
        rows = pl.DataFrame({**columns, "fitted": self.fitted, "far": self.far})
        metadata = {"format": FORMAT, "rows": len(self.hashes), **asdict(self.metadata)}
        return {"rows": rows, "layout": metadata}


def pca_layout(dataset: EvolvingDataset) -> Layout:
    """The first two principal components, at once; shown until UMAP is ready."""
    from threadpoolctl import threadpool_limits

    features = laid_out_features(dataset)
    hashes = feature_hashes(dataset, features)
    with threadpool_limits(1):
        return _layout(pca_stored_layout(dataset, hashes, features), hashes)


def cached_layout(dataset: EvolvingDataset) -> Layout | None:
    """The stored layout with new rows placed into it; None without one.

    It is read from the cache or from the project's own folder `layout/`, which is never written.
    It is valid as long as the dataset has half of the rows it was fitted on; the newest one is
    used. A project with too few rows for UMAP has a stored PCA, whose parameters mention it.
    """
    for folder, stored in _stored_layouts(dataset):
        hashes = feature_hashes(dataset, stored.metadata.features)
        if not is_compatible(stored, hashes):
            continue
        mark_used(folder)
        if not np.isin(hashes, stored.hashes).all():
            stored = with_new_rows(stored, dataset, hashes)
            write_layout(stored, dataset)
        return _layout(stored, hashes)
    return None


def _layout(stored: StoredLayout, hashes: NDArray[np.uint64]) -> Layout:
    places = np.searchsorted(stored.hashes, hashes)
    x, y = stored.plane[places].T.copy()
    fitted = int(stored.fitted[places].sum())
    metadata, shown = stored.metadata, (stored.hashes, stored.plane)
    return Layout(
        key=digest(metadata.method, *(part[stored.fitted].tobytes() for part in shown)),
        method=metadata.method,
        x=x,
        y=y,
        parameters=metadata.parameters,
        made_by=metadata.made_by,
        versions=metadata.versions,
        fitted_rows=fitted,
        placed_rows=len(hashes) - fitted,
        badly_placed=int(stored.far[places].sum()),
    )


def write_layout(stored: StoredLayout, dataset: EvolvingDataset) -> bool:
    """Write the layout into the cache; return True if it is there now."""
    name = digest(asdict(stored.metadata), stored.hashes.tobytes(), stored.plane.tobytes())
    return write_parts(dataset.project.results_folder / f"layout-{name}", stored.parts)


def with_new_rows(
    stored: StoredLayout,
    dataset: EvolvingDataset,
    hashes: NDArray[np.uint64],
    *,
    progress: Callable[[float], None] | None = None,
) -> StoredLayout:
    """The layout with the dataset's further rows placed into it; none of its points moves.

    `progress` is called with the share of rows that are placed.
    """
    from threadpoolctl import threadpool_limits

    distinct, first = np.unique(hashes, return_index=True)
    held = np.isin(distinct, stored.hashes[stored.fitted])
    plane = stored.plane[np.searchsorted(stored.hashes, distinct[held])]
    fresh = ~np.isin(distinct, stored.hashes)
    rows, count = first[fresh], int(fresh.sum())
    points, far = np.empty((count, 2), dtype=np.float32), np.empty(count, dtype=np.bool_)
    with threadpool_limits(1):
        space = fitted_space(dataset, first[held], stored.metadata.features)
        fitted = space.points(dataset, first[held])
        for part in chunks(count):
            distances, places = nearest(fitted, space.points(dataset, rows[part]), PLACED_BY)
            points[part] = placed(distances, places, plane)
            far[part] = distances[:, 0] > stored.metadata.reach
            far[part] |= space.strange(dataset, rows[part])
            if progress is not None:
                progress(part.stop / max(count, 1))
    joined = np.concatenate([stored.hashes, distinct[fresh]])
    order = np.argsort(joined)
    return StoredLayout(
        metadata=stored.metadata,
        hashes=joined[order],
        plane=np.concatenate([stored.plane, points])[order],
        fitted=np.concatenate([stored.fitted, np.zeros(count, dtype=np.bool_)])[order],
        far=np.concatenate([stored.far, far])[order],
    )


def pca_stored_layout(
    dataset: EvolvingDataset, hashes: NDArray[np.uint64], features: tuple[str, ...]
) -> StoredLayout:
    """The first two principal components of the sample, and all distinct rows along them."""
    distinct, first = np.unique(hashes, return_index=True)
    sample = sampled_hashes(dataset, hashes, MOST_FITTED)
    fitted = np.isin(distinct, sample)
    space = fitted_space(dataset, first[fitted], features)
    points = space.points(dataset, first[fitted])
    center = points.mean(axis=0)
    axes, shares = principal_axes(points, 2)
    plane = np.empty((distinct.size, 2), dtype=np.float32)
    for part in chunks(distinct.size):
        plane[part] = (space.points(dataset, first[part]) - center) @ axes
    return StoredLayout(
        metadata=LayoutMetadata(
            method=PCA,
            parameters=_pca_parameters(space, shares, len(sample), distinct.size),
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


def _pca_parameters(space: Space, shares: NDArray[np.float64], fitted: int, distinct: int) -> str:
    width = sum(column.width for column in space.columns)
    if not width:
        return "no feature differs between rows: all are on one point"
    return (
        f"2 components of {width} columns, with {shares.sum():.0%} of the variance; "
        f"fitted on {fitted:,} of {distinct:,} distinct rows"
    )


def is_compatible(stored: StoredLayout, hashes: NDArray[np.uint64]) -> bool:
    """Return True if a stored layout can serve the rows of these hashes, new ones included."""
    if stored.metadata.method == PCA:  # stored for too few rows: more may be enough for UMAP
        return bool(np.isin(hashes, stored.hashes).all())
    fitted = stored.hashes[stored.fitted]
    return bool(np.isin(fitted, hashes).mean() >= _LEAST_SHARED)


def _stored_layouts(dataset: EvolvingDataset) -> list[tuple[Path, StoredLayout]]:
    """Cached and shipped layouts by their folder, newest first; of equally new ones the largest.

    All are read, because only a layout that was verified as a whole has a reliable time.
    """
    cached = sorted(dataset.project.results_folder.glob("layout-*"))
    shipped = dataset.project.path / SHIPPED
    found = [
        (folder, read_parts(folder, "layout", _built, shipped=folder is shipped, used=False))
        for folder in (*cached, shipped)
        if not folder.is_symlink()
    ]
    return sorted(
        ((folder, stored) for folder, stored in found if stored is not None),
        key=lambda pair: (pair[1].metadata.made, len(pair[1].hashes)),
        reverse=True,
    )


def _built(parts: Mapping[str, Any]) -> StoredLayout | None:
    """The layout of these parts; None for another format or impossible points."""
    meta, rows = parts["layout"], parts["rows"]
    if meta["format"] != FORMAT:
        return None
    stored = StoredLayout(
        metadata=msgspec.convert(meta, LayoutMetadata),
        hashes=rows["hash"].cast(pl.UInt64).to_numpy(),
        plane=rows.select("x", "y").cast(pl.Float32).to_numpy(),
        fitted=rows["fitted"].cast(pl.Boolean).to_numpy(),
        far=rows["far"].cast(pl.Boolean).to_numpy(),
    )
    usable = (
        rows.null_count().sum_horizontal().item() == 0
        and bool(stored.fitted.any())
        and bool((stored.hashes[1:] > stored.hashes[:-1]).all())
        and bool(np.isfinite(stored.plane).all())
    )
    return stored if usable else None
