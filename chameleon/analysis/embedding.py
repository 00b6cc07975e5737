"""The aggregated embedding: the layout of all rows divided into cells, counted by outcome.

Method: Hohman et al., CHI 2020, "Aggregated Embedding".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from chameleon.analysis.matching import EVERYTHING, FILTERS_AND_PRIMARY, of_selection
from chameleon.analysis.values import Counts, Floats, Mask, coded
from chameleon.counting import CORRECT, INCORRECT, OUTCOMES
from chameleon.data import EvolvingDataset
from chameleon.errors import SelectionError
from chameleon.layout import Layout
from chameleon.models import Evaluation
from chameleon.selection import Region, Selection, held_rows, instance_mask

FEWEST_CELLS, MOST_CELLS = 14, 40
"""Cells along the longer side of the layout, by default: 40 would be confetti of few instances."""

SMOOTHING = 0.5


def default_cells(dataset: EvolvingDataset) -> int:
    """Cells along the longer side of the layout: about four instances for each of a square grid.

    By all instances of the timeline, never by filtered ones, so that cells stay as they are.
    """
    return min(MOST_CELLS, max(FEWEST_CELLS, round(math.sqrt(dataset.instance_count) / 2)))


@of_selection(*EVERYTHING, own=["regions"])
def embedding_cells(
    evaluation: Evaluation, selection: Selection, *, cells: int | None = None
) -> pl.DataFrame:
    """The cells of the embedding with instances of the primary or the secondary version.

    The grid is the same for all versions and filters, with `cells` along the longer side of the
    layout, by default `default_cells`. Its own filter does not narrow it.

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
    evaluation: Evaluation, selection: Selection, by: str, *, cells: int | None = None
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


def region_of_cells(layout: Layout, first: str, last: str | None = None, *, cells: int) -> Region:
    """The rectangle of a cell, or from the lower left to the upper right one ("column,row")."""
    left, bottom = _place(first, cells)
    right, top = _place(last or first, cells)
    return _Grid(layout, cells).region(layout.key, (left, right), (bottom, top))


def without_cell(
    layout: Layout, regions: tuple[Region, ...], cell: str, *, cells: int
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

    def region(self, key: str, columns: tuple[int, int], rows: tuple[int, int]) -> Region:
        """The rectangle from the first to the last of these columns and rows."""
        x, y = self.x_edges, self.y_edges
        bounds = (x[columns[0]], x[columns[1] + 1], y[rows[0]], y[rows[1] + 1])
        return Region(key, *(float(bound) for bound in bounds))

    def names(self, numbers: NDArray[np.intp]) -> list[str]:
        """The names of cells, "column,row"."""
        return [f"{n % self.columns},{n // self.columns}" for n in numbers]

    def centers(self, numbers: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """The centers of cells in the layout."""
        half = np.float64(self.size / 2)
        x: Floats = self.x_edges[numbers % self.columns] + half
        y: Floats = self.y_edges[numbers // self.columns] + half
        return x, y


def _grid(evaluation: Evaluation, cells: int | None) -> _Grid:
    if evaluation.layout is None:
        raise SelectionError("There is no layout of this dataset yet.")
    return _Grid(evaluation.layout, cells or default_cells(evaluation.dataset))


@dataclass(frozen=True, slots=True, eq=False)
class FittedGrid:
    """The default grid cut to the cells with rows, numbered by line from the upper left one.

    `numbers` has the cell of every row, of shape (n_rows,).
    """

    columns: int
    lines: int
    numbers: Counts
    _grid: _Grid
    _left: int
    _top: int

    @classmethod
    def of_layout(cls, layout: Layout, cells: int) -> FittedGrid:
        """The grid of a layout with that many cells along its longer side."""
        grid = _Grid(layout, cells)
        column, row = grid.numbers % cells, grid.numbers // cells
        left, top = int(column.min(initial=cells)), int(row.max(initial=0))
        columns = int(column.max(initial=0)) - left + 1
        lines = top - int(row.min(initial=cells)) + 1
        return cls(columns, lines, (top - row) * columns + column - left, grid, left, top)

    def regions(self, layout: Layout, numbers: Iterable[int]) -> tuple[Region, ...]:
        """Few rectangles that contain these cells, and no other cell with rows.

        SelectionError if there is no such cell.
        """
        chosen = np.zeros((self.lines, self.columns), dtype=np.bool_)
        for number in numbers:
            if not 0 <= number < chosen.size:
                raise SelectionError(f"'{number}' is not a cell of the embedding.")
            chosen.flat[number] = True
        return tuple(
            self._grid.region(
                layout.key, (first + self._left, last + self._left),
                (self._top - last_line, self._top - first_line),
            )
            for first_line, first, last_line, last in _rectangles(chosen, ~self._occupied)
        )  # fmt: skip

    def cells(self, region: Region) -> list[int] | None:
        """The cells with rows that a region consists of; None if it isn't made of whole ones."""
        spans: list[range] = []
        for edges, low, high in (
            (self._grid.x_edges, region.x0, region.x1), (self._grid.y_edges, region.y0, region.y1),
        ):  # fmt: skip
            ends = [np.flatnonzero(edges == end) for end in (low, high)]
            if not all(end.size for end in ends):
                return None
            spans.append(range(int(ends[0][0]), int(ends[1][0])))
        inside = np.zeros_like(self._occupied)
        left, right = (max(0, end - self._left) for end in (spans[0].start, spans[0].stop))
        top, bottom = (max(0, self._top - end + 1) for end in (spans[1].stop, spans[1].start))
        inside[top:bottom, left:right] = True
        return np.flatnonzero(inside & self._occupied).tolist()

    @property
    def _occupied(self) -> Mask:
        """The cells with rows, of shape (n_lines, n_columns)."""
        found = np.zeros((self.lines, self.columns), dtype=np.bool_)
        found.flat[self.numbers] = True
        return found


def _rectangles(chosen: Mask, free: Mask) -> Iterator[tuple[int, int, int, int]]:
    """Yield rectangles (first line and column, last line and column) that cover the chosen cells.

    They may also contain free cells. One rectangle around all of them is best; else each begins at
    the first cell that is not covered yet, and extends to the right, then down.
    """
    allowed, left = chosen | free, chosen.copy()
    lines, columns = np.nonzero(chosen)
    if lines.size:
        box = int(lines[0]), int(columns.min()), int(lines[-1]), int(columns.max())
        if allowed[box[0] : box[2] + 1, box[1] : box[3] + 1].all():
            yield box
            return
    while left.any():
        first_line, first = divmod(int(left.argmax()), left.shape[1])
        blocked = np.flatnonzero(~allowed[first_line, first:])
        end = first + int(blocked[0]) if blocked.size else left.shape[1]
        last = first + int(np.flatnonzero(chosen[first_line, first:end])[-1])
        whole: Mask = np.asarray(allowed[first_line:, first : last + 1].all(axis=1))
        depth = len(whole) if whole.all() else int(whole.argmin())
        wanted = chosen[first_line : first_line + depth, first : last + 1].any(axis=1)
        last_line = first_line + int(np.flatnonzero(wanted)[-1])
        left[first_line : last_line + 1, first : last + 1] = False
        yield first_line, first, last_line, last


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
