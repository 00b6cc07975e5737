// Filters, groups of instances, unusual values, history, pictures, and accuracy by label, on a store a reader can count.
import assert from "node:assert/strict";
import test from "node:test";

const STORY = "../../chameleon/app/components/assets/story";
const { openStore, setFilter, setPair, settle } = await import(`${STORY}/store.js`);
const { cellsText, keyOf, matcher } = await import(`${STORY}/filters.js`);
const { GROUPS, groupedRows, stepWords, summaryOf } = await import(`${STORY}/instance_groups.js`);
const { forgetRarities, oddsWords, rarities, unusualValues } = await import(`${STORY}/unusual.js`);
const { editedVersions, historyOf, namedPlaces, rowsOf } = await import(`${STORY}/history.js`);
const { isBlank, meanPixels, pixelsOf, relabeledElsewhere, sampled, touchedRows } = await import(`${STORY}/pictures.js`);
const { isCompared, sideNames } = await import(`${STORY}/sides.js`);
const { labelRates, layoutOf, lowEnd, worst } = await import(`${STORY}/label_rates.js`);

// Six instances in two versions: a still correct, b regressed, c fixed, d added (incorrect), e removed, f edited.
const ROWS = [
  // instance, label, split, present in, outcome by version, code of the feature, cell, content
  { instance: 0, label: 0, present: [1, 1], outcome: [0, 0], code: 0, cell: 0, content: 0 },
  { instance: 1, label: 1, present: [1, 1], outcome: [0, 1], code: 0, cell: 0, content: 0 },
  { instance: 2, label: 1, present: [1, 1], outcome: [1, 0], code: 1, cell: 1, content: 0 },
  { instance: 3, label: 0, present: [0, 1], outcome: [1, 1], code: 1, cell: 1, content: 0 },
  { instance: 4, label: 0, present: [1, 0], outcome: [0, 0], code: 1, cell: 1, content: 0 },
  { instance: 5, label: 1, present: [1, 0], outcome: [1, 1], code: 0, cell: 2, content: 0 },
  { instance: 5, label: 1, present: [0, 1], outcome: [1, 1], code: 1, cell: 2, content: 1 },
];

function packed(bits, width) {
  const bytes = new Uint8Array(Math.ceil((bits.length * width) / 8)), each = 8 / width;
  bits.forEach((bit, i) => { bytes[Math.floor(i / each)] |= bit << ((i % each) * width); });
  return bytes;
}

function payload() {
  const arrays = {
    codes: ["u1", [1, 7], Uint8Array.from(ROWS, (row) => row.code)],
    outcome: ["u1", [2, 2], Uint8Array.from([0, 1].flatMap((v) => [...packed(ROWS.map((row) => row.outcome[v]), 2)]))],
    present: ["u1", [2, 1], Uint8Array.from([0, 1].flatMap((v) => [...packed(ROWS.map((row) => row.present[v]), 1)]))],
    instance: ["u4", [7], Uint32Array.from(ROWS, (row) => row.instance)],
    cell: ["u2", [7], Uint16Array.from(ROWS, (row) => row.cell)],
    label: ["u1", [7], Uint8Array.from(ROWS, (row) => row.label)],
    split: ["u1", [7], new Uint8Array(7).fill(1)],
    content: ["u1", [1, 7], Uint8Array.from(ROWS, (row) => row.content)],
    changes: ["u1", [7], Uint8Array.from([0, 1, 1, 255, 255, 0, 0])],
    ids: ["u4", [6], Uint32Array.from([0, 1, 2, 3, 4, 5])],
  };
  const directory = [], chunks = [];
  let offset = 0;
  for (const [name, [dtype, shape, values]] of Object.entries(arrays)) {
    directory.push({ name, dtype, shape, offset });
    const bytes = new Uint8Array(Math.ceil(values.byteLength / 4) * 4);
    bytes.set(new Uint8Array(values.buffer));
    chunks.push(...bytes);
    offset += bytes.length;
  }
  const feature = { name: "x", kind: "number", bins: "values", values: [0, 1], bars: 4 };
  const head = {
    rows: 7, instances: 6, versions: [{ name: "1" }, { name: "2" }], steps: [null, {}], classes: ["no", "yes"],
    features: [feature], contents: [[0], [0]], grid: [3, 1], layout: "PCA", image: { shape: [1, 1], features: [0] },
    ids: { prefix: "r", width: 1 }, arrays: directory, scopes: ["test"],
  };
  return { head, blob: Uint8Array.from(chunks) };
}

function makeStore(primary = 1, secondary = 0) {
  const store = openStore(payload());
  setPair(store, primary, secondary, "test");
  return store;
}

const matching = (store, filter) => {
  setFilter(store, 1, filter && keyOf(filter), filter && matcher(store, filter));
  settle(store);
  return groupedRows(store).flat().sort((a, b) => a - b);
};

test("each filter keeps the instances whose row in the primary, else the secondary, satisfies it", () => {
  const store = makeStore();
  assert.deepEqual(matching(store, null), [0, 1, 2, 3, 4, 6]);
  assert.deepEqual(matching(store, { view: "feature", feature: "x", bars: [1] }), [2, 3, 4, 6]);
  assert.deepEqual(matching(store, { view: "feature", feature: "gone", bars: [1] }), []);
  assert.deepEqual(matching(store, { view: "labels", labels: ["yes"] }), [1, 2, 6]);
  assert.deepEqual(matching(store, { view: "flow", outcomes: ["regressed", "fixed"] }), [1, 2]);
  assert.deepEqual(matching(store, { view: "map", cells: [0, 2] }), [0, 1, 6]);
  assert.deepEqual(matching(store, { view: "sensitivity", from: 1, to: 3 }), [1, 2]);
  assert.deepEqual(matching(store, { view: "instances", row: 6 }), [6]);
  assert.equal(matcher(store, { view: "other", label: "source a" }), null);
});

test("filters of different features are apart, others are one per view", () => {
  assert.equal(keyOf({ view: "feature", feature: "x" }), "feature:x");
  assert.equal(keyOf({ view: "map", cells: [] }), "map");
  assert.equal(keyOf({ view: "other", mask: "m1", label: "source a" }), "other:m1");
  assert.deepEqual([cellsText(1), cellsText(3)], ["1 cell of the map", "3 cells of the map"]);
});

test("instances are grouped by what happened to their prediction, each once", () => {
  const groups = groupedRows(makeStore());
  const named = Object.fromEntries(GROUPS.map(({ name }, i) => [name, groups[i]]).filter(([, rows]) => rows.length));
  assert.deepEqual(named, {
    Regressed: [1], "Still incorrect": [6], "New, incorrect": [3], Fixed: [2], "Still correct": [0], Removed: [4],
  });
});

test("a group is summed up by its labels and edits", () => {
  const store = makeStore();
  assert.equal(summaryOf(store, [1, 2, 0]), "label yes ×2, no ×1; none edited");
  assert.equal(summaryOf(store, [6]), "label yes ×1; 1 edited");
  assert.equal(summaryOf(store, [3]), "label no ×1");
  assert.deepEqual(stepWords(store.dataChange[6]), ["edited"]);
});

test("a value is unusual if few rows of the primary are in bars at most as frequent", () => {
  const store = makeStore();
  store.rarities = [{ rarity: [0.01, 1, 0, 0] }];
  assert.deepEqual(unusualValues(store, 0, 3), [{ feature: 0, code: 0, share: 0.01 }]);
  assert.deepEqual(unusualValues(store, 2, 3), []);
  forgetRarities(store);
  assert.deepEqual(Array.from(rarities(store)[0].rarity), [2 / 5, 1, 0, 0]);
  assert.deepEqual(unusualValues(store, 2, 3), []);
  assert.equal(rarities({ featureCount: 1000, rowCount: 1e5 }), null);
  assert.equal(oddsWords(0.00472).join(" "), "1 in 210 rows is as unusual");
  assert.equal(oddsWords(1 / 1430).join(" "), "1 in 1,400 rows is as unusual");
  assert.equal(oddsWords(0.05).join(" "), "5% of rows are as unusual");
});

test("a history has the row of every version, and tells where it was edited", () => {
  const store = makeStore();
  assert.deepEqual(rowsOf(store, 6), [5, 6]);
  assert.deepEqual(historyOf(store, 6).map((one) => one.row), [5, 6]);
  assert.deepEqual(editedVersions(historyOf(store, 6)), [1]);
  assert.deepEqual(historyOf(store, 3).map((one) => one?.outcome ?? null), [null, 1]);
  assert.deepEqual(editedVersions(historyOf(store, 3)), []);
});

test("names fit side by side, and those of both versions are always there", () => {
  assert.deepEqual(namedPlaces(6, 10, [3], 20), [0, 3]);
  assert.deepEqual(namedPlaces(3, 40, [1, 2], 20), [0, 1, 2]);
});

test("pictures come from codes, and the contact sheet from what the step touched", () => {
  const store = makeStore();
  assert.deepEqual([pixelsOf(store, 0), pixelsOf(store, 6)], [[0], [1]]);
  assert.ok(isBlank(pixelsOf(store, 0)) && !isBlank(pixelsOf(store, 6)));
  assert.deepEqual(meanPixels(store), [[3 / 5], [2 / 5]]);
  assert.deepEqual(touchedRows(store), { word: "edited", rows: [6] });
  assert.equal(touchedRows(makeStore(1, 1)), null);
  assert.equal(relabeledElsewhere(store, [3, 6]), 0);
  assert.deepEqual(sampled([1, 2, 3, 4, 5], 2), [1, 3]);
  assert.deepEqual(sampled([1], 5), [1]);
});

test("accuracy by label is of known rows, and the scale starts below the lowest", () => {
  const rates = labelRates(Uint32Array.from([3, 1, 0, 0, 0, 0, 1, 1]));
  assert.deepEqual(rates, [
    { label: 0, primary: 0.75, secondary: null, incorrect: 1, total: 4 },
    { label: 1, primary: null, secondary: 0.5, incorrect: 0, total: 0 },
  ]);
  assert.equal(lowEnd(rates), 0.4);
  assert.equal(lowEnd([]), 0.8);
  assert.deepEqual(worst(rates, 1).map(({ label }) => label), [0]);
});

test("labels are columns where their names fit, else lines", () => {
  assert.equal(layoutOf(4, 300, 280), "few");
  assert.equal(layoutOf(10, 8, 280), "columns");
  assert.equal(layoutOf(10, 60, 280), "worst");
  assert.equal(layoutOf(500, 8, 280), "worst");
});

test("two parts of one version are compared, and named by what they are restricted to", () => {
  const restriction = { primary: null, secondary: null };
  assert.equal(isCompared({ primary: 1, secondary: 1, restriction }), false);
  assert.equal(isCompared({ primary: 1, secondary: 0, restriction }), true);
  assert.equal(isCompared({ primary: 1, secondary: 1, restriction: { ...restriction, primary: new Uint8Array(1) } }), true);
  const filters = [{ view: "map", cells: [], label: "cells" }, { view: "other", mask: "m", label: "2, source: dock" }];
  const masks = new Map([["m", { side: "primary" }]]), head = { versions: [{ name: "1" }, { name: "2" }] };
  const app = { head, masks, state: { primary: 1, secondary: 1, filters } };
  assert.deepEqual(sideNames(app), { primary: "2, source: dock", secondary: "2" });
});
