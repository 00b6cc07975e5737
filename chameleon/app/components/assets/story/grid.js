// The map's grid: where cells lie in a pane, which one a point hits, and how a cell is colored. No DOM.

const TURN_GAIN = 1.2;  // a quarter turn has to enlarge the squares by this much
const RAMP_STEPS = 20;  // colors on either side of the neutral one

// Columns and rows that hold at least one row of data.
export function occupiedBox(cellStart, columns) {
  const box = { left: Infinity, right: -1, top: Infinity, bottom: -1 };
  for (let cell = 0; cell < cellStart.length - 1; cell++) {
    if (cellStart[cell + 1] === cellStart[cell]) continue;
    const column = cell % columns, row = Math.floor(cell / columns);
    box.left = Math.min(box.left, column);
    box.right = Math.max(box.right, column);
    box.top = Math.min(box.top, row);
    box.bottom = Math.max(box.bottom, row);
  }
  return box;
}

// The occupied cells fitted to a pane; turned where that enlarges the squares enough.
export function fitGrid(box, columns, width, height) {
  const across = box.right - box.left + 1, down = box.bottom - box.top + 1;
  const upright = Math.min(width / across, height / down), lying = Math.min(width / down, height / across);
  const turned = lying > TURN_GAIN * upright;
  const size = turned ? lying : upright;
  const [drawnColumns, drawnRows] = turned ? [down, across] : [across, down];
  return {
    box, columns, turned, size, width, height,
    left: (width - drawnColumns * size) / 2,
    top: (height - drawnRows * size) / 2,
  };
}

// The height that the data's aspect takes at a width, at most `most`.
export function heightWanted(box, columns, width, most) {
  const grid = fitGrid(box, columns, width, most);
  const rows = grid.turned ? box.right - box.left + 1 : box.bottom - box.top + 1;
  return Math.ceil(grid.size * rows);
}

// The upper left corner of a cell, in pixels.
export function cornerOf({ box, columns, turned, size, left, top }, cell) {
  const column = (cell % columns) - box.left, row = Math.floor(cell / columns) - box.top;
  return turned ? [left + row * size, top + column * size] : [left + column * size, top + row * size];
}

// The cell under a point, or -1 outside of the grid.
export function cellAt({ box, columns, turned, size, left, top }, x, y) {
  let column = Math.floor((x - left) / size), row = Math.floor((y - top) / size);
  if (turned) [column, row] = [row, column];
  if (column < 0 || row < 0 || column > box.right - box.left || row > box.bottom - box.top) return -1;
  return (row + box.top) * columns + column + box.left;
}

// The cells among `cells` whose center lies in a rectangle between two corners.
export function cellsWithin(grid, cells, [x0, y0], [x1, y1]) {
  const middle = grid.size / 2, between = (value, a, b) => value >= Math.min(a, b) && value <= Math.max(a, b);
  return cells.filter((cell) => {
    const [x, y] = cornerOf(grid, cell);
    return between(x + middle, x0, x1) && between(y + middle, y0, y1);
  });
}

// The nearest of `cells` in a direction; a cell aside counts three times its distance.
export function nextCell(grid, cells, from, [dx, dy]) {
  const [x, y] = cornerOf(grid, from);
  let best = from, least = Infinity;
  for (const cell of cells) {
    const [u, v] = cornerOf(grid, cell);
    const along = (u - x) * dx + (v - y) * dy, aside = Math.abs((u - x) * dy) + Math.abs((v - y) * dx);
    if (along > grid.size / 2 && along + 3 * aside < least) {
      least = along + 3 * aside;
      best = cell;
    }
  }
  return best;
}

// The four sides of a drawn square: the step to the neighbor beyond it, and the side's ends in units of the square.
const SIDES = [[-1, 0, 0, 0, 0, 1], [1, 0, 1, 0, 1, 1], [0, -1, 0, 0, 1, 0], [0, 1, 0, 1, 1, 1]];

function neighborOf({ columns, turned }, cell, dx, dy) {
  const [across, down] = turned ? [dy, dx] : [dx, dy];
  const column = (cell % columns) + across;
  return column < 0 || column >= columns ? -1 : cell + across + down * columns;
}

// Line segments [x0, y0, x1, y1] around a set of cells.
export function outlineOf(grid, cells) {
  const segments = [];
  for (const cell of cells) {
    const [x, y] = cornerOf(grid, cell);
    for (const [dx, dy, x0, y0, x1, y1] of SIDES) {
      if (cells.has(neighborOf(grid, cell, dx, dy))) continue;
      segments.push([x + x0 * grid.size, y + y0 * grid.size, x + x1 * grid.size, y + y1 * grid.size]);
    }
  }
  return segments;
}

// The count at which a square is full: the 95th percentile, so that one crowded cell doesn't shrink the rest.
export function fullCount(counts) {
  const sorted = counts.filter((n) => n > 0).sort((a, b) => a - b);
  return Math.max(3, sorted[Math.floor(sorted.length * 0.95)] ?? 1);
}

// The edge of a square whose area shows a count, at least `least` pixels.
export function edgeOf(count, full, size, least) {
  return Math.max(least, Math.sqrt(Math.min(1, count / full)) * (size - 0.5) * 0.98);
}

// The ratio correct : incorrect, smoothed by 1/2, on a log scale from -1 (1 : 10) to 1 (10 : 1).
export function ratioOf(correct, incorrect) {
  return Math.max(-1, Math.min(1, Math.log10((correct + 0.5) / (incorrect + 0.5))));
}

export const rampIndex = (ratio) => Math.round((ratio + 1) * RAMP_STEPS);

// Colors from incorrect through neutral to correct; each color is [red, green, blue].
export function colorRamp(incorrect, neutral, correct) {
  const mixed = (a, b, share) => `rgb(${a.map((value, i) => Math.round(value + (b[i] - value) * share)).join()})`;
  return Array.from({ length: 2 * RAMP_STEPS + 1 }, (_, i) => {
    const at = i / RAMP_STEPS - 1;
    return at < 0 ? mixed(neutral, incorrect, -at) : mixed(neutral, correct, at);
  });
}

// Colors as the stylesheet writes them: "#2b6fd6" or "#fff".
export function rgbOf(color) {
  const digits = color.length === 4 ? color.replace(/[\da-f]/gi, "$&$&") : color;
  return [1, 3, 5].map((at) => parseInt(digits.slice(at, at + 2), 16));
}
