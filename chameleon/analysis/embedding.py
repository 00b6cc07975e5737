"""The aggregated embedding: the layout of all rows divided into cells, counted by outcome.

Method: Hohman et al., CHI 2020, "Aggregated Embedding".
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import EVERYTHING, FILTERS_AND_PRIMARY, of_selection
from chameleon.analysis.values import Counts, Floats, Mask, coded
from chameleon.counting import CORRECT, INCORRECT, OUTCOMES
from chameleon.errors import SelectionError
from chameleon.layout import Layout
from chameleon.models import Evaluation
from chameleon.selection import Region, Selection, held_rows, instance_mask

CELLS = 40
"""Cells along the longer side of the layout, by default."""

SMOOTHING = 0.5


@of_selection(*EVERYTHING, own=["regions"])
def embedding_cells(
    evaluation: Evaluation, selection: Selection, *, cells: int = CELLS
) -> pl.DataFrame:
    """The cells of the embedding with instances of the primary or the secondary version.

    The grid is the same for all versions and filters, with `cells` along the longer side of the
    layout. Its own filter does not narrow it.

    Columns: cell ("column,row"), x, y (its center in the layout), size (its edge); correct,
    incorrect, unknown, instances (correct + incorrect), and accuracy (null without any) of the
    primary, and with secondary_ before them of the secondary; ratio (correct to incorrect of the
    primary, both with 1/2 added), accuracy_change (null where either accuracy is).
    """
    grid = _grid(evaluation, cells)
    matching = _matching_rows(evaluation, selection)
    counts: list[Counts] = []
    names = (selection.primary, selection.secondary)
    for name, held in zip(names, held_rows(evaluation, selection), strict=True):
        rows = np.flatnonzero(held & matching)
        outcome = evaluation.outcome[evaluation.dataset.version_number(name), rows]
        key = grid.numbers[rows] * 3 + outcome
        counts.append(np.bincount(key, minlength=grid.count * 3).reshape(-1, 3))
    occurring = np.flatnonzero(counts[0].sum(axis=1) + counts[1].sum(axis=1))
    x, y = grid.centers(occurring)
    columns: dict[str, object] = {
        "cell": grid.names(occurring), "x": x, "y": y, "size": np.full(len(occurring), grid.size),
    }  # fmt: skip
    for prefix, of_side in zip(("", "secondary_"), counts, strict=True):
        own = of_side[occurring]
        known = own[:, CORRECT] + own[:, INCORRECT]
        accuracy = np.full(len(own), np.nan)
        np.divide(own[:, CORRECT], known, out=accuracy, where=known > 0)
        columns |= {f"{prefix}{name}": own[:, code] for code, name in enumerate(OUTCOMES)}
        columns |= {f"{prefix}instances": known, f"{prefix}accuracy": accuracy}
    frame = pl.DataFrame(columns, nan_to_null=True, schema_overrides={"cell": pl.String})
    return frame.with_columns(
        ratio=(pl.col("correct") + SMOOTHING) / (pl.col("incorrect") + SMOOTHING),
        accuracy_change=pl.col("accuracy") - pl.col("secondary_accuracy"),
    )


@of_selection(*FILTERS_AND_PRIMARY, own=["regions"])
def cell_groups(
    evaluation: Evaluation, selection: Selection, by: str, *, cells: int = CELLS
) -> pl.DataFrame:
    """The most frequent label, split, or source of each cell, or its mean date.

    `by` is "label", "split", "source" or "date".

    Columns: cell, group (the most frequent; for dates the mean as naive datetime), group_instances
    (instances with it; for dates those with a date).
    """
    dataset = evaluation.dataset
    grid = _grid(evaluation, cells)
    held = held_rows(evaluation, selection)[0]
    rows = np.flatnonzero(held & _matching_rows(evaluation, selection))
    if by == "date":
        return _mean_dates(grid, dataset.date[rows], grid.numbers[rows])
    codes, names = coded(dataset, by)
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
    """The rectangle of a cell, or from the lower left to the upper right one ("column,row")."""
    grid = _Grid(layout, cells)
    left, bottom = _place(first, cells)
    right, top = _place(last or first, cells)
    x, y = grid.x_edges, grid.y_edges
    bounds = (x[left], x[right + 1], y[bottom], y[top + 1])
    return Region(layout.key, *(float(bound) for bound in bounds))


def without_cell(
    layout: Layout, regions: tuple[Region, ...], cell: str, *, cells: int = CELLS
) -> tuple[Region, ...]:
    """The regions without one cell; a larger region becomes its other cells."""
    removed = region_of_cells(layout, cell, cells=cells)
    grid = _Grid(layout, cells)
    x, y = (removed.x0 + removed.x1) / 2, (removed.y0 + removed.y1) / 2
    kept: list[Region] = []
    for region in regions:
        if not (region.x0 <= x < region.x1 and region.y0 <= y < region.y1):
            kept.append(region)
            continue
        columns, rows = (
            range(
                int(np.searchsorted(edges, low, side="right")) - 1,
                int(np.searchsorted(edges, high, side="left")),
            )
            for edges, low, high in (
                (grid.x_edges, region.x0, region.x1), (grid.y_edges, region.y0, region.y1),
            )
        )  # fmt: skip
        names = [f"{column},{row}" for row in rows for column in columns]
        kept += [region_of_cells(layout, name, cells=cells) for name in names if name != cell]
    return tuple(kept)


def _place(cell: str, cells: int) -> tuple[int, int]:
    try:
        column, row = (int(part) for part in cell.split(","))
    except ValueError:
        column = row = -1
    if not (0 <= column < cells and 0 <= row < cells):
        raise SelectionError(f"'{cell}' is not a cell of the embedding.")
    return column, row


def cells_in_regions(frame: pl.DataFrame, regions: tuple[Region, ...]) -> list[str]:
    """The cells of `embedding_cells` whose center is in any of the regions."""
    x, y = frame["x"].to_numpy(), frame["y"].to_numpy()
    inside = np.zeros(len(frame), dtype=np.bool_)
    for region in regions:
        inside |= (x >= region.x0) & (x < region.x1) & (y >= region.y0) & (y < region.y1)
    return frame["cell"].filter(pl.Series(inside)).to_list()


class _Grid:
    """Square cells over a layout: their edges, their size, and the cell of each row."""

    def __init__(self, layout: Layout, cells: int) -> None:
        x, y = layout.x.astype(np.float64), layout.y.astype(np.float64)
        span = max(float(np.ptp(x)), float(np.ptp(y))) if len(x) else 0.0
        # a little larger than the span, so that the outermost rows are inside
        span = (span or 1.0) * (1 + 1e-6)
        self.size = span / cells
        self.columns = cells
        self.count = cells * cells
        # a row's cell is found by comparing with the edges themselves, as in a filter
        steps = np.arange(cells + 1) * self.size - span / 2
        self.x_edges: Floats = np.add(steps, _middle(x))
        self.y_edges: Floats = np.add(steps, _middle(y))
        column = np.searchsorted(self.x_edges, x, side="right") - 1
        row = np.searchsorted(self.y_edges, y, side="right") - 1
        self.numbers = (row * cells + column).astype(np.int64)

    def names(self, numbers: NDArray[np.intp]) -> list[str]:
        """The names of cells, "column,row"."""
        return [f"{n % self.columns},{n // self.columns}" for n in numbers]

    def centers(self, numbers: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """The centers of cells in the layout."""
        half = np.float64(self.size / 2)
        x: Floats = self.x_edges[numbers % self.columns] + half
        y: Floats = self.y_edges[numbers // self.columns] + half
        return x, y


def _grid(evaluation: Evaluation, cells: int) -> _Grid:
    if evaluation.layout is None:
        raise SelectionError("There is no layout of this dataset yet.")
    return _Grid(evaluation.layout, cells)


def _middle(values: Floats) -> float:
    return float(values.min() / 2 + values.max() / 2) if len(values) else 0.0


def _matching_rows(evaluation: Evaluation, selection: Selection) -> Mask:
    """The rows whose instances match the filters."""
    return instance_mask(evaluation, selection)[evaluation.dataset.instance]


def _mean_dates(grid: _Grid, dates: NDArray[np.datetime64], numbers: Counts) -> pl.DataFrame:
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
