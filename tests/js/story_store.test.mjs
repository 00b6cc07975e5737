// The Story's store and counts: every number is checked against a list that can be read above it.
import assert from "node:assert/strict";
import test from "node:test";

import {
  CELL_NUMBERS, countCells, countChangesOfOutcome, countFeature, countLabels, countScope, countSelection, countSensitivity,
  countWithout, errorShift, foldHistogram,
} from "../../chameleon/app/components/assets/story/counts.js";
import { driftOf, jensenShannon } from "../../chameleon/app/components/assets/story/drift.js";
import {
  ADDED, FIXED, IS_ADDED, IS_EDITED, IS_RELABELED, IS_REMOVED, REGRESSED, REMOVED, STILL_CORRECT, UNKNOWN, accuracyOf, bitsOf,
  idOf, isPresent, openStore, outcomeAt, predictedAt, setFilter, setPair, settle,
} from "../../chameleon/app/components/assets/story/store.js";
import { smallPayload } from "./story_payload.mjs";

function opened(primary = 1, secondary = 0, options = {}) {
  const store = openStore(smallPayload(options));
  setPair(store, primary, secondary, options.scope ?? "test");
  return store;
}

test("bits are read at every offset of the bytes", () => {
  for (const start of [0, 1, 2, 3]) {
    const store = openStore(smallPayload({ start }));
    assert.deepEqual([0, 3, 8].map((row) => isPresent(store, 1, row)), [1, 0, 1]);
    assert.deepEqual([0, 1, 4].map((row) => outcomeAt(store, 2, row)), [0, 1, 2]);
    assert.equal(idOf(store, 8), "i-06");
  }
});

test("a prediction is the label, or the listed class where it is incorrect", () => {
  const store = openStore(smallPayload());
  assert.equal(predictedAt(store, 0, 0), 0);
  assert.equal(predictedAt(store, 2, 1), 2);  // label 1, so the class after it
  assert.equal(predictedAt(store, 1, 7), 2);
  assert.equal(predictedAt(store, 2, 4), store.unlabeled);
});

test("an instance represents itself once, with what became of it", () => {
  const store = opened();
  const found = [0, 1, 2, 3, 4, 5, 8, 9].map((row) => [store.counted[row], store.change[row], store.dataChange[row]]);
  assert.deepEqual(found, [
    [1, STILL_CORRECT, 0], [1, REGRESSED, 0], [1, FIXED, 0], [1, REMOVED, IS_REMOVED], [1, ADDED, IS_ADDED], [1, ADDED, IS_ADDED],
    [1, REGRESSED, IS_EDITED], [1, STILL_CORRECT, IS_RELABELED],
  ]);
  assert.deepEqual([6, 7].map((row) => store.counted[row]), [0, 0]);
  assert.equal(store.sameRows, false);
  assert.deepEqual(countScope(store), { primary: 7, secondary: 6 });
});

test("counts of a step", () => {
  const store = opened();
  assert.deepEqual([...countChangesOfOutcome(store)], [2, 2, 1, 0, 2, 1, 0]);
  assert.deepEqual([...countSensitivity(store)].slice(0, 3), [2, 4, 1]);
  assert.equal(countSensitivity(store)[255], 1);
  assert.deepEqual([...countLabels(store)], [1, 1, 2, 1, 1, 1, 2, 0, 2, 1, 0, 1]);
  const cells = countCells(store);
  assert.deepEqual([...cells.slice(0, CELL_NUMBERS)], [2, 1, 0, 0, 3, 0]);
  assert.deepEqual([...cells.slice(CELL_NUMBERS, 2 * CELL_NUMBERS)], [1, 1, 0, 2, 1, 1]);
});

test("a model without predictions leaves outcomes unknown", () => {
  const store = opened(2, 1);
  assert.equal(store.change[4], UNKNOWN);
  assert.equal(countSelection(store).primary.known, 6);
});

test("a feature counts both versions by bar and outcome", () => {
  const store = opened(), folded = foldHistogram(countFeature(store, 0), 5);
  assert.deepEqual(folded.map((part) => [...part].slice(0, 3)), [[1, 2, 1], [1, 0, 2], [0, 0, 0], [3, 1, 0], [0, 2, 0], [0, 0, 0]]);
  assert.ok(Math.abs(errorShift(store, 0) - (2 * (1 / 2) + 2 * (2 / 3)) / 7) < 1e-12);
});

test("a filter narrows all views but its own", () => {
  const store = opened();
  setFilter(store, 1, "flow", { test: (row) => store.change[row] === REGRESSED });
  settle(store);
  const selection = countSelection(store);
  assert.equal(selection.regressed, 2);
  assert.deepEqual(selection.primary, { n: 2, correct: 0, known: 2 });
  assert.deepEqual(selection.secondary, { n: 2, correct: 2, known: 2 });  // with the secondary's row of the edited instance
  assert.deepEqual([...countChangesOfOutcome(store)], [2, 2, 1, 0, 2, 1, 0]);
  assert.equal(countWithout(store, "flow"), 8);
  assert.equal(bitsOf(store, "flow"), 2);
  setFilter(store, 1, "flow", null);
  settle(store);
  assert.equal(countSelection(store).primary.n, 7);
  assert.equal(store.filtered, false);
});

test("filters by ranges of rows and by test are combined with and, and survive a step", () => {
  const store = opened();
  setFilter(store, 1, "map", { rows: [[0, 3]] });
  setFilter(store, 31, "labels", { test: (row) => store.label[row] === 1 });
  settle(store);
  assert.deepEqual([...store.matching.slice(0, store.matchingCount)], [1]);
  setPair(store, 2, 1, "test");
  assert.deepEqual([...store.matching.slice(0, store.matchingCount)], [1]);
});

test("rows that don't match a side's restriction are not in that version", () => {
  const store = opened();
  store.restriction.primary = Uint8Array.from({ length: 10 }, (_, row) => (row < 2 ? 1 : 0));
  setPair(store, 1, 0, "test");
  assert.deepEqual(countScope(store), { primary: 2, secondary: 6 });
  assert.equal(store.change[2], REMOVED);
});

test("a filter reads an instance's row in the primary, even one that a restriction leaves out", () => {
  const store = opened();
  store.restriction.primary = Uint8Array.from({ length: 10 }, (_, row) => (row === 8 ? 0 : 1));
  setPair(store, 1, 0, "test");
  setFilter(store, 1, "feature:x", { test: (row) => store.columns[0][row] === 2 });  // row 8; row 6 has 0
  settle(store);
  assert.ok([...store.matching.slice(0, store.matchingCount)].includes(6));
});

test("only content that both versions have makes an edit", () => {
  const store = openStore(smallPayload({ contents: [[0], [], []] }));
  setPair(store, 1, 0, "test");
  assert.equal(store.dataChange[8], 0);
});

test("drift comes from the payload for a step, by letter for a pair, and else is counted", () => {
  const drift = Array.from({ length: 3 * 2 * 4 }, (_, i) => (i % 4 === 0 ? NaN : i));
  const store = opened(1, 0, { drift });
  assert.deepEqual(driftOf(store, 1), [null, 13, 14, 15]);
  store.pairDrift = [[null, 0.5, null, 0.1], [null, 0.25, null, 0.1]];
  assert.deepEqual(driftOf(store, 1), [null, 0.25, null, 0.1]);
  setPair(store, 2, 0, "test");
  const [train, distance, , chance] = driftOf(store, 0);
  assert.equal(train, null);
  assert.equal(distance, jensenShannon([2, 2, 3, 0, 0], [3, 3, 0, 0, 0]));
  assert.ok(chance > 0);
});

test("distances of histograms: identical, disjoint, empty", () => {
  assert.equal(jensenShannon([1, 3], [2, 6]), 0);
  assert.equal(jensenShannon([5, 0], [0, 7]), 1);
  assert.equal(jensenShannon([0, 0], [1, 0]), null);
});

test("a metric that a scope lacks is undefined", () => {
  const store = openStore(smallPayload());
  assert.deepEqual(accuracyOf(store, 1, "test"), { n: 7, value: 4 / 7, low: 0.2, high: 0.85 });
  assert.equal(accuracyOf(store, 1, "validation").value, null);
});
