// The map's grid, the ribbons of Before and after, and the ranges of Changes of outcome.
import assert from "node:assert/strict";
import test from "node:test";

const STORY = "../../chameleon/app/components/assets/story";
const {
  cellAt, cellsWithin, colorRamp, cornerOf, edgeOf, fitGrid, fullCount, heightWanted, nextCell, occupiedBox, outlineOf,
  rampIndex, ratioOf, rgbOf,
} = await import(`${STORY}/grid.js`);
const { bandPath, ribbonPlaces, spread, thicknesses } = await import(`${STORY}/ribbons.js`);
const { barRanges, countWithin, mostChanges, rangeText, rangeWords, singleWidth } = await import(`${STORY}/ranges.js`);

const COLUMNS = 4;
const OCCUPIED = [5, 6, 9];  // columns 1 and 2, rows 1 and 2 of a grid of 4 columns
const cellStart = Uint32Array.from({ length: 13 }, (_, cell) => OCCUPIED.filter((one) => one < cell).length);
const box = occupiedBox(cellStart, COLUMNS);

test("the grid is fitted to the occupied cells, and a point in a cell hits it, turned or not", () => {
  assert.deepEqual(box, { left: 1, right: 2, top: 1, bottom: 2 });
  for (const [wide, width, height] of [[box, 200, 100], [{ left: 0, right: 3, top: 1, bottom: 1 }, 40, 200]]) {
    const grid = fitGrid(wide, COLUMNS, width, height);
    for (const cell of wide === box ? OCCUPIED : [4, 5, 6, 7]) {
      const [x, y] = cornerOf(grid, cell);
      assert.ok(x >= -1e-9 && y >= -1e-9 && x + grid.size <= width + 1e-9 && y + grid.size <= height + 1e-9);
      assert.equal(cellAt(grid, x + grid.size / 2, y + grid.size / 2), cell);
    }
  }
  assert.equal(fitGrid({ left: 0, right: 3, top: 1, bottom: 1 }, COLUMNS, 40, 200).turned, true);
  assert.equal(fitGrid({ left: 0, right: 3, top: 1, bottom: 1 }, COLUMNS, 100, 110).turned, false);
  assert.equal(cellAt(fitGrid(box, COLUMNS, 200, 100), 10, 10), -1);
});

test("the pane takes the height of the data's aspect, at most what is offered", () => {
  assert.equal(heightWanted({ left: 0, right: 9, top: 0, bottom: 4 }, 10, 300, 200), 150);
  assert.equal(heightWanted({ left: 0, right: 9, top: 0, bottom: 9 }, 10, 300, 120), 120);
});

test("a rectangle holds the cells whose center it contains, in any direction", () => {
  const grid = fitGrid(box, COLUMNS, 100, 100);
  assert.deepEqual(cellsWithin(grid, OCCUPIED, [0, 0], [100, 49]), [5, 6]);
  assert.deepEqual(cellsWithin(grid, OCCUPIED, [49, 100], [0, 0]), [5, 9]);
  assert.deepEqual(cellsWithin(grid, OCCUPIED, [90, 90], [95, 95]), []);
});

test("arrow keys reach the nearest cell, and stay where there is none", () => {
  const grid = fitGrid(box, COLUMNS, 100, 100);
  assert.equal(nextCell(grid, OCCUPIED, 5, [1, 0]), 6);
  assert.equal(nextCell(grid, OCCUPIED, 5, [0, 1]), 9);
  assert.equal(nextCell(grid, OCCUPIED, 9, [0, 1]), 9);
});

test("an outline goes around the cells, not between them or across the grid's edge", () => {
  const grid = fitGrid({ left: 0, right: 3, top: 0, bottom: 2 }, COLUMNS, 40, 30);
  assert.equal(outlineOf(grid, new Set([5])).length, 4);
  assert.equal(outlineOf(grid, new Set([5, 6])).length, 6);
  assert.equal(outlineOf(grid, new Set([3, 4])).length, 8);
});

test("a square is full at the 95th percentile of the counts, and its area shows the count", () => {
  assert.equal(fullCount([0, 0, 1, 2]), 3);
  assert.equal(fullCount([...Array(19).fill(10), 900]), 900);
  assert.equal(fullCount([...Array(99).fill(10), 900]), 10);
  assert.ok(Math.abs(edgeOf(25, 100, 40.5, 2) - edgeOf(100, 100, 40.5, 2) / 2) < 1e-9);
  assert.equal(edgeOf(1, 10000, 10, 2), 2);
});

test("the color is the ratio correct : incorrect, neutral at equal numbers, full at 10 : 1", () => {
  const ramp = colorRamp([0, 0, 0], [100, 100, 100], [200, 200, 200]);
  assert.equal(ramp[rampIndex(ratioOf(7, 7))], "rgb(100,100,100)");
  assert.equal(ramp[rampIndex(ratioOf(1000, 0))], "rgb(200,200,200)");
  assert.equal(ramp[rampIndex(ratioOf(0, 1000))], "rgb(0,0,0)");
  assert.deepEqual([rgbOf("#2b6fd6"), rgbOf("#fff")], [[43, 111, 214], [255, 255, 255]]);
});

test("ribbons fill the room, and a single instance is visible", () => {
  const sizes = thicknesses([1000, 1, 0, 400], 100);
  assert.equal(sizes[1], 2.5);
  assert.equal(sizes[2], 0);
  assert.ok(sizes.reduce((sum, size) => sum + size) <= 103);
  assert.deepEqual(thicknesses([0, 0, 0, 0], 100), [0, 0, 0, 0]);
});

test("both ends of the ribbons add up to the bars of their side", () => {
  const { left, right, bars } = ribbonPlaces([50, 10, 20, 5], 17);
  assert.deepEqual(left, [17, 92, 67, 102]);
  assert.deepEqual(right, [17, 67, 82, 102]);
  assert.deepEqual(bars.map(({ height }) => height), [70, 15, 60, 25]);
  assert.equal(bandPath(0, 0, 0, 7, 100), "");
});

test("lines of text keep their order and their distance", () => {
  const places = spread([20, 21, 22, 95], 22, 10, 100);
  places.slice(1).forEach((place, i) => assert.ok(place - places[i] >= 22 - 1e-9));
  assert.ok(places[0] >= 21 && places.at(-1) <= 89 + 1e-9);
});

test("every number of changes is in exactly one bar", () => {
  const counts = Uint32Array.from({ length: 256 }, (_, changes) => (changes < 14 ? 1 : 0));
  assert.equal(mostChanges(counts), 13);
  for (const fit of [3, 5, 13]) {
    const ranges = barRanges(13, fit);
    assert.ok(ranges.length - 1 <= fit);
    assert.equal(ranges.reduce((sum, range) => sum + countWithin(counts, range), 0), 14);
  }
  assert.deepEqual(barRanges(7, 3).map(rangeText), ["never", "1–3", "4–6", "7"]);
  assert.deepEqual(barRanges(2, 1).map(rangeWords), ["outcome never changed", "outcome changed 1 to 2 times"]);
  assert.equal(rangeWords({ from: 1, to: 1 }), "outcome changed once");
});

test("a bar is wider only where counts at the same height would touch", () => {
  const counts = new Uint32Array(256);
  counts.set([0, 1000, 990, 5]);
  const options = { room: 50, line: 14, least: 21, widthOf: (n) => 10 * String(n).length };
  assert.equal(singleWidth(counts, 3, options), 39);
  counts[2] = 100;
  assert.equal(singleWidth(counts, 3, options), 24);
});
