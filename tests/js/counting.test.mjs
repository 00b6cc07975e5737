// Heights, outlines, and words of counts.
import assert from "node:assert/strict";
import test from "node:test";

import {
  column, ghostPath, heights, instances, nameOf, runs, scaleOf, totals, wordsOf,
} from "../../chameleon/app/components/assets/feature_view/counting.js";
import { barsOf, place } from "../../chameleon/app/components/assets/feature_view/scales.js";

const FEATURE = { name: "x", kind: "number", edges: [0, 1, 2], extras: [], other: null, selected: [1],
  counts: [[[3, 1], [1, 0], [0, 0], [2, 2], [0, 4], [0, 7]]] };
const DATA = { primary: "1.9", secondary: "1.8", splits: ["test"], mode: "counts", outcomes: true, features: [FEATURE] };

test("correct counts go up and incorrect ones down, as counts or shares of all", () => {
  assert.deepEqual(heights(DATA, FEATURE.counts[0]), [[3, 2, 1, 0], [1, 2, 0, 4]]);
  const shares = heights({ ...DATA, mode: "shares" }, [[3, 0], [1, 0], [0, 4], [2, 2], [0, 0], [0, 0]]);
  assert.deepEqual(shares, [[3 / 8, 2 / 4, 1 / 8, 0], [0, 2 / 4, 0, 0]]);
  const unknown = heights({ ...DATA, outcomes: false }, FEATURE.counts[0]);
  assert.deepEqual(unknown, [[0, 0, 0, 0], [0, 7, 0, 0]]);
});

test("both halves fit their room, and neither is lost", () => {
  for (const tall of [[[9, 1, 0, 0]], [[0, 0, 5, 2]], [[3, 2, 1, 0], [1, 2, 0, 4]], [[1e6, 0, 1, 0]]]) {
    const scale = scaleOf(tall, true, 100, 13);
    assert.ok(Math.abs(scale.up + scale.down - 100) < 1e-9);
    assert.ok(scale.up >= 20 - 1e-9 && scale.down >= 20 - 1e-9);
    for (const [a, b, c, d] of tall) {
      assert.ok(Math.max(a, b) * scale.unit <= scale.up + 1e-9);
      assert.ok(Math.max(c, d) * scale.unit <= scale.down + 1e-9);
    }
  }
  assert.equal(scaleOf([[0, 0, 0, 0]], true, 100, 13).empty, true);
  assert.equal(scaleOf([[5, 0, 0, 0]], false, 100, 13).down, 0);
});

test("an outline has its own scale and joins neighboring bars", () => {
  const bars = place(barsOf(FEATURE), 0, 200), scale = scaleOf([[3, 0, 1, 0]], true, 100, 0);
  const path = ghostPath(bars, [[30, 10], [10, 0], [0, 0]], scale, true);
  assert.equal(path.match(/M/g).length, 2);  // one above the axis, one below
  assert.equal(path, ghostPath(bars, [[3, 1], [1, 0], [0, 0]], scale, true));
  assert.doesNotMatch(path, /NaN|Infinity/);
});

test("chosen bars are marked as runs, with the slots they cover", () => {
  assert.deepEqual(runs([7, 1, 2, 3]), [[1, 3], [7, 7]]);
  assert.deepEqual(runs([]), []);
  const bars = place(barsOf(FEATURE), 10, 30);
  assert.deepEqual(column(bars, 0, 1), { x: "10.0", width: "20.0" });
});

test("counts are said with both versions, unknown ones only where there are any", () => {
  assert.equal(totals(FEATURE, 0, DATA), "primary 1.9 4 correct, 1 incorrect; secondary 1.8 4 correct, 4 incorrect, 7 unknown");
  assert.equal(nameOf(FEATURE, 0, DATA), `x, test: ${totals(FEATURE, 0, DATA)}; 1 bars chosen as a filter`);
  assert.equal(wordsOf(FEATURE, 0, DATA, barsOf(FEATURE), 0, 0),
    "[0, 1): primary 1.9 3 correct, 1 incorrect; secondary 1.8 2 correct, 0 incorrect");
});

test("the instances shown are given, or those of the narrowest row", () => {
  const wide = { ...FEATURE, counts: [[[9], [9], [9], [9], [9], [9]]] };
  assert.equal(instances({ ...DATA, features: [wide, FEATURE, { note: "text" }] }, 0, 0), 5);
  assert.equal(instances({ ...DATA, totals: [[42, 7]] }, 0, 3), 7);
  assert.equal(instances({ ...DATA, features: [] }, 0, 0), null);
});
