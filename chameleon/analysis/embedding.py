"""The aggregated embedding: the layout of all rows cut into squares, counted by outcome.

Method: Hohman et al., CHI 2020, "Aggregated Embedding".
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import EVERYTHING, FILTERS_AND_PRIMARY, of_selection
from chameleon.counting import CORRECT, INCORRECT, UNKNOWN
from chameleon.data import SPLITS, EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.layout import Layout
from chameleon.models import Evaluation
from chameleon.selection import Region, Selection, held_rows, instance_mask

CELLS = 40
"""Cells along the longer side of the layout, unless told otherwise."""

SMOOTHING = 0.5


@of_selection(*EVERYTHING, own=["regions"], secondary="primary")
def embedding_cells(
    evaluation: Evaluation, selection: Selection, *, cells: int = CELLS
) -> pl.DataFrame:
    """The cells of the embedding that hold instances of the primary or the secondary version.

    The grid is the same for all versions and filters. Cells chosen in the view do not narrow it.

    Parameters
    ----------
    cells
        Cells along the longer side of the layout.

    Returns
    -------
    pl.DataFrame
        cell ("column,row"), x, y (its centre in the layout), size (its edge), correct, incorrect,
        unknown, instances (correct + incorrect), accuracy (null without any), ratio (correct to
        incorrect, both with 1/2 added), secondary_correct, secondary_incorrect,
        secondary_unknown, secondary_instances, secondary_accuracy, accuracy_change (null where
        either is).
    """
    grid = _grid(evaluation, cells)
    through = _through(evaluation, selection)
    counts: list[NDArray[np.int64]] = []
    sides = zip(
        (selection.primary, selection.secondary), held_rows(evaluation, selection), strict=True
    )
    for name, held in sides:
        rows = np.flatnonzero(held & through)
        outcome = evaluation.outcome[evaluation.dataset.version_number(name), rows]
        key = grid.numbers[rows] * 3 + outcome
        counts.append(np.bincount(key, minlength=grid.count * 3).reshape(-1, 3))
    occurring = np.flatnonzero(counts[0].sum(axis=1) + counts[1].sum(axis=1))
    columns = _count_columns("", counts[0][occurring])
    columns |= _count_columns("secondary_", counts[1][occurring])
    x, y = grid.centres(occurring)
    frame = pl.DataFrame(
        {
            "cell": grid.names(occurring),
            "x": x,
            "y": y,
            "size": np.full(len(occurring), grid.size),
            **columns,
        },
        schema_overrides={"cell": pl.String},
    )
    return frame.with_columns(
        accuracy=pl.col("correct") / _positive("instances"),
        ratio=(pl.col("correct") + SMOOTHING) / (pl.col("incorrect") + SMOOTHING),
        secondary_accuracy=pl.col("secondary_correct") / _positive("secondary_instances"),
    ).with_columns(accuracy_change=pl.col("accuracy") - pl.col("secondary_accuracy"))


@of_selection(*FILTERS_AND_PRIMARY, own=["regions"], secondary="primary")
def cell_groups(
    evaluation: Evaluation, selection: Selection, by: str, *, cells: int = CELLS
) -> pl.DataFrame:
    """The most frequent label, split, or source of each cell, or its mean date.

    Parameters
    ----------
    by
        "label", "split", "source" or "date".

    Returns
    -------
    pl.DataFrame
        cell, group (the most frequent; for dates the mean as naive datetime), group_instances
        (how many have it; for dates how many have one).
    """
    dataset = evaluation.dataset
    grid = _grid(evaluation, cells)
    held = held_rows(evaluation, selection)[0] & _through(evaluation, selection)
    rows = np.flatnonzero(held)
    if by == "date":
        return _mean_dates(grid, dataset.date[rows], grid.numbers[rows])
    codes, names = _coded(dataset, by)
    width = len(names) + 1
    key = grid.numbers[rows] * width + codes[rows] + 1
    counts = np.bincount(key, minlength=grid.count * width).reshape(-1, width)
    occurring = np.flatnonzero(counts.sum(axis=1))
    best = counts[occurring].argmax(axis=1)
    return pl.DataFrame(
        {
            "cell": grid.names(occurring),
            "group": [f"no {by}" if b == 0 else names[b - 1] for b in best],
            "group_instances": counts[occurring].max(axis=1),
        },
        schema={"cell": pl.String, "group": pl.String, "group_instances": pl.Int64},
    )


def region_of_cells(
    layout: Layout, first: str, last: str | None = None, *, cells: int = CELLS
) -> Region:
    """The rectangle that a cell stands for, or that reaches from one cell to another.

    Parameters
    ----------
    first, last
        The lower left and the upper right cell, "column,row".
    """
    grid = _Grid(layout, cells)
    left, bottom = _place(first, cells)
    right, top = _place(last or first, cells)
    bounds = (
        grid.x_edges[left],
        grid.x_edges[right + 1],
        grid.y_edges[bottom],
        grid.y_edges[top + 1],
    )
    return Region(layout.key, *(float(bound) for bound in bounds))


def without_cell(
    layout: Layout, regions: tuple[Region, ...], cell: str, *, cells: int = CELLS
) -> tuple[Region, ...]:
    """The regions without one cell; a larger region it lies in falls into its other cells."""
    taken = region_of_cells(layout, cell, cells=cells)
    grid = _Grid(layout, cells)
    kept: list[Region] = []
    for region in regions:
        if not _covers(region, taken):
            kept.append(region)
            continue
        left = int(np.searchsorted(grid.x_edges, region.x0, side="right")) - 1
        right = int(np.searchsorted(grid.x_edges, region.x1, side="left")) - 1
        bottom = int(np.searchsorted(grid.y_edges, region.y0, side="right")) - 1
        top = int(np.searchsorted(grid.y_edges, region.y1, side="left")) - 1
        names = [f"{c},{r}" for r in range(bottom, top + 1) for c in range(left, right + 1)]
        kept += [region_of_cells(layout, name, cells=cells) for name in names if name != cell]
    return tuple(kept)


def _place(cell: str, cells: int) -> tuple[int, int]:
    try:
        column, row = (int(part) for part in cell.split(","))
    except ValueError:
        column = row = -1
    if not (0 <= column < cells and 0 <= row < cells):
        raise SelectionError(f"'{cell}' is no cell of the embedding.")
    return column, row


def _covers(region: Region, cell: Region) -> bool:
    x, y = (cell.x0 + cell.x1) / 2, (cell.y0 + cell.y1) / 2
    return region.x0 <= x < region.x1 and region.y0 <= y < region.y1


def cells_in_regions(frame: pl.DataFrame, regions: tuple[Region, ...]) -> list[str]:
    """The cells of `embedding_cells` whose centre lies in any of the regions."""
    x, y = frame["x"].to_numpy(), frame["y"].to_numpy()
    inside = np.zeros(len(frame), dtype=np.bool_)
    for region in regions:
        inside |= (x >= region.x0) & (x < region.x1) & (y >= region.y0) & (y < region.y1)
    return frame["cell"].filter(pl.Series(inside)).to_list()


class _Grid:
    """Squares over a layout: where they begin, how large they are, and the square of each row."""

    def __init__(self, layout: Layout, cells: int) -> None:
        x, y = layout.x.astype(np.float64), layout.y.astype(np.float64)
        span = max(float(np.ptp(x)), float(np.ptp(y))) if len(x) else 0.0
        # a little larger than the span, so that the outermost rows lie inside
        span = (span or 1.0) * (1 + 1e-6)
        self.size = span / cells
        self.columns = cells
        self.count = cells * cells
        # a row's cell is told by comparing with the edges themselves, as a filter does
        steps = np.arange(cells + 1) * self.size - span / 2
        self.x_edges: NDArray[np.float64] = np.add(steps, _middle(x))
        self.y_edges: NDArray[np.float64] = np.add(steps, _middle(y))
        column = np.searchsorted(self.x_edges, x, side="right") - 1
        row = np.searchsorted(self.y_edges, y, side="right") - 1
        self.numbers = (row * cells + column).astype(np.int64)

    def names(self, numbers: NDArray[np.intp]) -> list[str]:
        """The names of cells, "column,row"."""
        return [f"{n % self.columns},{n // self.columns}" for n in numbers]

    def centres(self, numbers: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The centres of cells in the layout."""
        half = np.float64(self.size / 2)
        x: NDArray[np.float64] = self.x_edges[numbers % self.columns] + half
        y: NDArray[np.float64] = self.y_edges[numbers // self.columns] + half
        return x, y


def _grid(evaluation: Evaluation, cells: int) -> _Grid:
    if evaluation.layout is None:
        raise SelectionError("There is no layout of this dataset yet.")
    return _Grid(evaluation.layout, cells)


def _middle(values: NDArray[np.float64]) -> float:
    return float(values.min() / 2 + values.max() / 2) if len(values) else 0.0


def _coded(dataset: EvolvingDataset, by: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if by == "label":
        return dataset.label.astype(np.int64), dataset.classes
    if by == "split":
        return dataset.split.astype(np.int64), tuple(split.value for split in SPLITS)
    if by == "source":
        return dataset.source.astype(np.int64), dataset.sources
    raise ValueError(f"by must be 'label', 'split', 'source' or 'date', not {by!r}")


def _through(evaluation: Evaluation, selection: Selection) -> NDArray[np.bool_]:
    """The rows whose instances the filters let through."""
    if selection.filters.is_empty:
        return np.ones(evaluation.dataset.row_count, dtype=np.bool_)
    return instance_mask(evaluation, selection)[evaluation.dataset.instance]


def _count_columns(prefix: str, counts: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    return {
        f"{prefix}correct": counts[:, CORRECT],
        f"{prefix}incorrect": counts[:, INCORRECT],
        f"{prefix}unknown": counts[:, UNKNOWN],
        f"{prefix}instances": counts[:, CORRECT] + counts[:, INCORRECT],
    }


def _positive(column: str) -> pl.Expr:
    return pl.when(pl.col(column) > 0).then(pl.col(column))


def _mean_dates(
    grid: _Grid, dates: NDArray[np.datetime64], numbers: NDArray[np.int64]
) -> pl.DataFrame:
    dated = ~np.isnat(dates)
    seconds = dates[dated].astype("datetime64[s]").astype(np.int64).astype(np.float64)
    counts = np.bincount(numbers[dated], minlength=grid.count)
    sums = np.bincount(numbers[dated], weights=seconds, minlength=grid.count)
    occurring = np.flatnonzero(counts)
    means = (sums[occurring] / counts[occurring]).astype(np.int64).astype("datetime64[s]")
    return pl.DataFrame(
        {
            "cell": grid.names(occurring),
            "group": means.astype("datetime64[us]"),
            "group_instances": counts[occurring],
        },
        schema={"cell": pl.String, "group": pl.Datetime("us"), "group_instances": pl.Int64},
    )
