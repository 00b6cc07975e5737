"""The space in which rows are near to or far from each other, and neighbors in it.

Numbers and dates are standardized, categories one-hot, free text is left out. A space is fitted on
some rows and then fixed, so that later rows are measured like those. scikit-learn's
ColumnTransformer of StandardScaler and OneHotEncoder takes 3 times as long to transform 10,000 rows
and 9 times to fit them, takes no infinite value, and overflows at 1e300.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chameleon.data.bins import BinKind
from chameleon.data.dataset import EvolvingDataset
from chameleon.project import Kind

if TYPE_CHECKING:
    from sklearn.neighbors import NearestNeighbors

Rows = NDArray[np.intp]
Points = NDArray[np.float64]

MOST_CATEGORIES = 30  # columns of one category feature; rarer categories share the last one
MOST_DIMENSIONS = 50
"""Beyond these, neighbors are hardly nearer than other rows, and only take longer to find."""

CHUNK_ROWS = 4096  # rows that are measured at once: a thousand columns of them take 32 MB
_MIDDLE = (0.005, 0.995)
_SPARE_CANDIDATES = 5
_NO_DISTANCE = 1e-9
_ROUNDING = 1e-7  # of the largest deviation: float64 doesn't resolve smaller variances


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """The measure of a number, boolean, or date.

    Values beyond the middle 99% by more than its width are clipped: one value of 1e300 would
    otherwise make all others equal. Missing and infinite values count as the median. All are first
    divided by `size`, the largest absolute value, so that squares stay finite. `spread` is the
    standard deviation after that; 0 where all values are the same, or none is known.
    """

    name: str
    median: float
    low: float
    high: float
    size: float
    mean: float
    spread: float

    @property
    def width(self) -> int:
        """The number of columns in the space."""
        return int(self.spread > 0)

    def measured(self, dataset: EvolvingDataset, rows: Rows) -> Points:
        """float64 of shape (n, 1): the standardised values."""
        values = _values(dataset, self.name, rows)
        known = np.where(np.isfinite(values), values, self.median)
        scaled = np.clip(known, self.low, self.high) / self.size
        return ((scaled - self.mean) / self.spread)[:, None]

    def strange(self, dataset: EvolvingDataset, rows: Rows) -> NDArray[np.bool_]:
        """True for rows that differ in a feature that was the same in all fitted rows."""
        if self.width:
            return np.zeros(len(rows), dtype=np.bool_)
        values = _values(dataset, self.name, rows)
        return np.asarray(np.isfinite(values) & (values != self.median))


@dataclass(frozen=True, slots=True)
class CategoryColumns:
    """The measure of a category: a column each, one for all rarer, one for missing."""

    name: str
    categories: tuple[str, ...]
    other: bool
    missing: bool

    @property
    def width(self) -> int:
        """The number of columns in the space."""
        count = len(self.categories) + self.other + self.missing
        return count if count > 1 else 0

    def measured(self, dataset: EvolvingDataset, rows: Rows) -> Points:
        """float64 of shape (n, width): 1 in the category's column; 0 everywhere if unknown."""
        places = self._places(dataset, rows)
        columns = np.zeros((len(rows), self.width))
        known = np.flatnonzero(places >= 0)
        columns[known, places[known]] = 1.0
        return columns

    def strange(self, dataset: EvolvingDataset, rows: Rows) -> NDArray[np.bool_]:
        """True for rows with a category that no fitted row has."""
        missing = np.isnan(_values(dataset, self.name, rows))
        return (self._places(dataset, rows) < 0) & ~missing

    def _places(self, dataset: EvolvingDataset, rows: Rows) -> NDArray[np.int64]:
        texts, inverse = _texts(dataset, self.name, rows)
        known = {category: place for place, category in enumerate(self.categories)}
        unknown = len(self.categories) if self.other else -1
        nothing = len(self.categories) + self.other if self.missing else -1
        places = [nothing if text is None else known.get(text, unknown) for text in texts]
        return np.array(places, dtype=np.int64)[inverse]


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """The columns in which rows are compared, as fitted on some rows.

    `center` and `axes`, float64 of shape (n_columns,) and (n_columns, n_dimensions), turn them to
    the principal components where there are more than `MOST_DIMENSIONS` columns.
    """

    columns: tuple[NumberColumn | CategoryColumns, ...]
    center: NDArray[np.float64] | None = None
    axes: NDArray[np.float64] | None = None

    def points(self, dataset: EvolvingDataset, rows: Rows) -> Points:
        """The points of rows, float64 of shape (n, n_dimensions), n_dimensions at least 2."""
        parts = [column.measured(dataset, rows) for column in self.columns if column.width]
        # two columns at least, so that there is a plane even for one feature
        padding = max(0, 2 - sum(part.shape[1] for part in parts))
        points = np.concatenate([*parts, np.zeros((len(rows), padding))], axis=1)
        if self.axes is None:
            return points
        return np.asarray((points - self.center) @ self.axes)

    def strange(self, dataset: EvolvingDataset, rows: Rows) -> NDArray[np.bool_]:
        """True for rows that differ from the fitted ones in something this space can't measure.

        They have a category that no fitted row has, or another value in a feature that was the
        same in all fitted rows, or one in a feature added later.
        """
        strange = np.zeros(len(rows), dtype=np.bool_)
        for column in self.columns:
            strange |= column.strange(dataset, rows)
        known = {column.name for column in self.columns}
        for name in laid_out_features(dataset):
            if name not in known:
                strange |= ~np.isnan(_values(dataset, name, rows))
        return strange


def laid_out_features(dataset: EvolvingDataset) -> tuple[str, ...]:
    """The features that place a row, by name: all but free text."""
    return tuple(sorted(f.name for f in dataset.features if f.bins.kind is not BinKind.TEXT))


def feature_hashes(dataset: EvolvingDataset, features: tuple[str, ...]) -> NDArray[np.uint64]:
    """uint64 of shape (n_rows,): equal for rows that are equal in all features that place a row.

    `features` count even if they are free text now; they weren't when a layout was made.
    """
    wanted = {*features, *laid_out_features(dataset)}
    numbers = [k for k, feature in enumerate(dataset.features) if feature.name in wanted]
    if len(numbers) == len(dataset.features):
        return dataset.content_hashes()
    part = replace(
        dataset,
        features=tuple(dataset.features[number] for number in numbers),
        values=dataset.values[numbers],
    )
    return part.content_hashes()


def fitted_space(dataset: EvolvingDataset, rows: Rows, features: tuple[str, ...]) -> Space:
    """The space fitted on these rows, which have distinct features and a fixed order."""
    present = sorted({feature.name for feature in dataset.features} & set(features))
    columns = tuple(_fitted_column(dataset, name, rows) for name in present)
    space = Space(columns)
    points = space.points(dataset, rows)
    if points.shape[1] <= MOST_DIMENSIONS:
        return space
    return Space(columns, points.mean(axis=0), principal_axes(points, MOST_DIMENSIONS)[0])


def principal_axes(points: Points, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The principal components and the share of the variance of each.

    float64 of shape (n_dimensions, count) and (count,). Their signs are fixed: the largest entry
    of a component is positive. Of fewer rows than dimensions, components without variance are 0.
    scikit-learn's PCA finds the same within 1e-14, but no more axes than there are rows.
    """
    centered = points - points.mean(axis=0)
    wide = len(points) < points.shape[1]  # of both products, the smaller one is decomposed
    variances, axes = np.linalg.eigh(centered @ centered.T if wide else centered.T @ centered)
    total = variances.sum()
    held, axes = np.maximum(variances[::-1][:count], 0), axes[:, ::-1][:, :count]
    if wide:
        axes = centered.T @ axes
        lengths, absent = np.linalg.norm(axes, axis=0), (0, count - len(held))
        known = lengths > lengths[0] * _ROUNDING
        axes = np.divide(axes, lengths, out=np.zeros_like(axes), where=known)
        axes, held = np.pad(axes, ((0, 0), absent)), np.pad(held, absent)
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.where(axes[largest, np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    return axes, held / total if total > 0 else np.zeros_like(held)


def sampled_hashes(
    dataset: EvolvingDataset, hashes: NDArray[np.uint64], most: int
) -> NDArray[np.uint64]:
    """The distinct hashes to fit on, ascending: all, or a fixed sample stratified by label.

    A row's hash decides whether it is drawn, so that the order of files and rows doesn't matter. Of
    equal rows with different labels the first label by name counts.
    """
    distinct, place = np.unique(hashes, return_inverse=True)
    if distinct.size <= most:
        return distinct
    by_name = np.argsort(np.argsort(np.array(dataset.classes, dtype=np.str_)))
    rank = np.array([*by_name, len(dataset.classes)], dtype=np.int64)  # the last: no label
    stratum = np.full(distinct.size, rank.max(), dtype=np.int64)
    np.minimum.at(stratum, place, rank[dataset.label])
    counts = np.bincount(stratum)
    exact = counts * (most / distinct.size)
    quota = np.floor(exact).astype(np.int64)
    short = np.argsort(quota - exact, kind="stable")[: most - quota.sum()]  # largest remainders
    quota[short] += 1
    # the hashes are uniform, so that the smallest of a label are a random draw
    order = np.argsort(stratum, kind="stable")
    starts = np.cumsum(counts) - counts
    within = np.arange(distinct.size) - np.repeat(starts, counts)
    drawn = order[within < np.repeat(quota, counts)]
    return np.sort(distinct[drawn])


def nearest(
    fitted: Points, asked: Points, count: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The distances to, and the places of, the nearest fitted points; each of shape (n, count).

    Exact: scikit-learn finds candidates, whose distances are computed again without rounding (its
    fast ones depend on the other points). Ties go to the first.
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(count + _SPARE_CANDIDATES, len(fitted))).fit(fitted)
    found = [_nearest_of_chunk(search, fitted, asked[part], count) for part in chunks(len(asked))]
    distances, places = zip(*found, strict=True)
    return np.concatenate(distances), np.concatenate(places)


def neighbor_graph(points: Points, count: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Each point's distances to, and places of, itself and its nearest others; shape (n, count)."""
    distances, places = nearest(points, points, min(count + 1, len(points)))
    own = np.arange(len(points))
    # itself first, even among points that lie on each other
    order = np.argsort(places != own[:, None], axis=1, kind="stable")[:, :count]
    places = np.take_along_axis(places, order, axis=1)
    distances = np.take_along_axis(distances, order, axis=1)
    places[:, 0], distances[:, 0] = own, 0.0
    return distances, places


def placed(
    distances: NDArray[np.float64], places: NDArray[np.intp], plane: NDArray[np.float32]
) -> NDArray[np.float32]:
    """float32 of shape (n, 2): the means of the neighbors' points, weighted by 1 / distance.

    Each depends on its neighbors only, not on the other points as in UMAP's `transform`. A row that
    equals a fitted one gets its point.
    """
    weights = 1.0 / np.maximum(distances, _NO_DISTANCE)
    weights /= weights.sum(axis=1, keepdims=True)
    means = (weights[:, :, None] * plane[places]).sum(axis=1)
    return np.asarray(means, dtype=np.float32)


def chunks(count: int) -> Iterator[slice]:
    """Slices of up to `CHUNK_ROWS` rows; one empty slice where there are none."""
    for start in range(0, max(count, 1), CHUNK_ROWS):
        yield slice(start, min(start + CHUNK_ROWS, count))


def _nearest_of_chunk(
    search: NearestNeighbors, fitted: Points, asked: Points, count: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    if not len(asked):
        return np.zeros((0, count)), np.zeros((0, count), dtype=np.intp)
    candidates = np.sort(search.kneighbors(asked, return_distance=False), axis=1)
    distances = np.empty(candidates.shape)
    for column in range(candidates.shape[1]):
        between = asked - fitted[candidates[:, column]]
        distances[:, column] = np.sqrt(np.einsum("ij,ij->i", between, between))
    order = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(distances, order, 1), np.take_along_axis(candidates, order, 1)


def _values(dataset: EvolvingDataset, name: str, rows: Rows) -> NDArray[np.float64]:
    for number, feature in enumerate(dataset.features):
        if feature.name == name:
            return np.asarray(dataset.values[number][rows])
    return np.full(len(rows), np.nan)  # no version has that feature anymore


def _texts(
    dataset: EvolvingDataset, name: str, rows: Rows
) -> tuple[list[str | None], NDArray[np.intp]]:
    """The distinct texts of some rows, None for missing, and each row's place among them."""
    values = _values(dataset, name, rows)
    numbers, inverse = np.unique(np.where(np.isnan(values), -1, values), return_inverse=True)
    known = numbers[numbers >= 0].astype(np.uint32)
    texts: list[str | None] = dataset.texts[name].gather(known).to_list() if known.size else []
    return [None] * (len(numbers) - len(texts)) + texts, inverse


def _fitted_column(
    dataset: EvolvingDataset, name: str, rows: Rows
) -> NumberColumn | CategoryColumns:
    values = _values(dataset, name, rows)
    if dataset.features[dataset.feature_number(name)].kind is Kind.TEXT:
        return _fitted_categories(dataset, name, rows)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return NumberColumn(name, np.nan, np.nan, np.nan, 1.0, 0.0, 0.0)
    # "nearest" and "lower" are values that occur; the mean of two could overflow
    low, high = np.quantile(finite, _MIDDLE, method="nearest").tolist()
    median = float(np.quantile(finite, 0.5, method="lower"))
    if low == high:  # nearly all the same: the others make the difference
        low, high = float(finite.min()), float(finite.max())
    else:
        low, high = 2 * low - high, 2 * high - low  # Python floats: an overflow is infinite
    known = np.clip(np.where(np.isfinite(values), values, median), low, high)
    size = float(np.abs(known).max()) or 1.0
    scaled = known / size
    spread = float(scaled.std()) if known.min() < known.max() else 0.0
    return NumberColumn(name, median, low, high, size, float(scaled.mean()), spread)


def _fitted_categories(dataset: EvolvingDataset, name: str, rows: Rows) -> CategoryColumns:
    texts, inverse = _texts(dataset, name, rows)
    counts = dict(zip(texts, np.bincount(inverse, minlength=len(texts)).tolist(), strict=True))
    missing = counts.pop(None, 0) > 0
    held = sorted((-count, text) for text, count in counts.items() if text is not None)
    other = len(held) > MOST_CATEGORIES
    shown = tuple(text for _, text in held[: MOST_CATEGORIES - other])
    return CategoryColumns(name, shown, other, missing)
