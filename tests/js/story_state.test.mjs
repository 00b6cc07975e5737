// State shared with the host, filters that link the views, masks of Python, counted facts, and letters.
import assert from "node:assert/strict";
import test from "node:test";

import { countSelection } from "../../chameleon/app/components/assets/story/counts.js";
import { keyOf } from "../../chameleon/app/components/assets/story/filters.js";
import { countedFacts, metricName } from "../../chameleon/app/components/assets/story/facts.js";
import {
  applyFilters, applyPreview, emptyWords, receiveMasks, withFilter,
} from "../../chameleon/app/components/assets/story/linking.js";
import { decodedMask, restrictionOf } from "../../chameleon/app/components/assets/story/masks.js";
import { fromHost, initialState, toHost } from "../../chameleon/app/components/assets/story/state.js";
import { openStore, setPair, settle } from "../../chameleon/app/components/assets/story/store.js";
import { smallPayload } from "./story_payload.mjs";

function appOf(filters = []) {
  const store = openStore(smallPayload());
  setPair(store, 1, 0, "test");
  return { store, head: store.head, state: { ...initialState(store.head), filters }, masks: new Map(), hover: null };
}

const packed = (rows) => btoa(String.fromCharCode(...[0, 1].map((byte) =>
  rows.reduce((sum, row) => sum + (row >> 3 === byte ? 1 << (row & 7) : 0), 0))));

test("the first state is the newest step of the first scope", () => {
  assert.deepEqual(initialState(smallPayload().head),
    { primary: 2, secondary: 1, pinned: false, scope: "test", shares: null, filters: [], open: null });
});

test("a state goes out and comes back the same, with names and ids outside", () => {
  const app = appOf([{ view: "labels", labels: ["a"], label: "label a" }]);
  Object.assign(app.state, { primary: 1, secondary: 0, pinned: true, open: 8 });
  const outside = toHost(app);
  assert.deepEqual([outside.primary, outside.secondary, outside.open], ["1.1", "1.0", "i-06"]);
  const back = { ...app.state, ...fromHost(app, outside) };
  assert.deepEqual({ ...back, open: app.store.instance[back.open] }, { ...app.state, open: 6 });
});

test("what a payload lacks is left out, and a strip keeps the id of the open instance", () => {
  const app = appOf(), state = { primary: "9", secondary: "1.0", scope: "validation", open: "i-77" };
  assert.deepEqual(fromHost(app, state), { secondary: 0, pinned: false, shares: null, filters: [], open: null });
  assert.equal(fromHost({ ...app, store: null }, state).open, "i-77");
  assert.equal(toHost({ ...app, store: null, state: { ...app.state, open: "i-77" } }).open, "i-77");
});

test("a view has one filter, Python's have one each", () => {
  const flow = { view: "flow", outcomes: ["fixed"] }, others = ["m1", "m2"].map((mask) => ({ view: "other", mask }));
  assert.equal(keyOf(others[0]), "other:m1");
  const all = [flow, ...others].reduce((filters, one) => withFilter(filters, keyOf(one), one), []);
  assert.equal(all.length, 3);
  assert.deepEqual(withFilter(all, "flow", null), others);
  assert.equal(withFilter(all, "flow", { ...flow, outcomes: ["regressed"] }).length, 3);
});

test("committed filters, the preview, and masks are counted together", () => {
  const app = appOf([{ view: "labels", labels: ["a", "b"], label: "label a or b" }]);
  assert.equal(applyFilters(app), false);
  app.hover = { view: "flow", outcomes: ["regressed"] };
  applyPreview(app);
  settle(app.store);
  assert.equal(countSelection(app.store).primary.n, 2);
  receiveMasks(app, [{ mask: "m1", label: "source x", side: "both", rows: packed([0, 1, 2]) }]);
  app.state.filters = [...app.state.filters, { view: "other", mask: "m1", label: "source x" }];
  applyFilters(app);
  settle(app.store);
  assert.equal(countSelection(app.store).primary.n, 1);
  app.state.filters = [];
  app.hover = null;
  applyFilters(app);
  applyPreview(app);
  settle(app.store);
  assert.equal(countSelection(app.store).primary.n, 7);
});

test("a mask of one side restricts that version alone", () => {
  const app = appOf([{ view: "other", mask: "m1", label: "primary source x" }]);
  receiveMasks(app, [{ mask: "m1", side: "primary", rows: packed([0, 4]) }]);
  assert.equal(applyFilters(app), true);
  assert.deepEqual([...app.store.restriction.primary], [1, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
  assert.equal(app.store.restriction.secondary, null);
  app.state.filters = [];
  assert.equal(applyFilters(app), true);
  assert.equal(app.store.restriction.primary, null);
});

test("masks of one side are combined with and", () => {
  const masks = [[0, 8], [8, 9]].map((rows) => decodedMask({ side: "primary", rows: packed(rows) }, 10));
  assert.deepEqual([...restrictionOf(masks, "primary")], [0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
  assert.equal(restrictionOf(masks, "secondary"), null);
});

test("where nothing matches, the filter that costs most is named", () => {
  const app = appOf([
    { view: "flow", outcomes: ["fixed"], label: "fixed" }, { view: "labels", labels: ["a"], label: "label a" },
  ]);
  applyFilters(app);
  settle(app.store);
  assert.equal(emptyWords(app), 'No instances match these filters. Removing "fixed" shows 3.');
  app.state.filters = app.state.filters.slice(0, 1);
  applyFilters(app);
  settle(app.store);
  assert.equal(emptyWords(app), null);
});

test("counted facts: groups of rows, the table, errors, and the step", () => {
  const { store } = appOf(), facts = countedFacts(store);
  assert.deepEqual(facts.table, [[[4, 6], [3, 7]], [[4, 6], [4, 7]]]);
  assert.deepEqual(facts.unchanged, { n: 3, before: 2, after: 2, fixed: 1, regressed: 1, p: null });
  assert.deepEqual(facts.edited, { n: 2, before: 2, old: 0, new: 1 });
  assert.deepEqual(facts.added, { n: 2, old: 1, new: 1, p: null });
  assert.deepEqual(facts.removed, { n: 1, old: 0, new: 1, p: null });
  assert.deepEqual(facts.errors, { n: 3, before: 2, labels: [["a", 1, 2], ["b", 1, 2], ["c", 1, 3]] });
  assert.deepEqual(facts.step.test, { added: 2, removed: 1, relabeled: 1, edited: 1, moved: 0 });
  assert.equal(facts.metric.name, "Test accuracy");
});

test("without rows of a scope there is nothing to compare", () => {
  const store = openStore(smallPayload());
  setPair(store, 1, 0, "train");
  assert.deepEqual([countedFacts(store).status, countedFacts(store).metric], ["none", null]);
  assert.equal(metricName(store.head, "all"), "Accuracy");
});

test("a letter reaches who listens, and who listens later", async () => {
  const events = new EventTarget();
  globalThis.window = Object.assign(events, { chameleonLetter: undefined });
  const { default: post, readLetters } = await import("../../chameleon/app/components/assets/story/letters.js");
  const read = [], stop = readLetters((letter) => read.push(letter.serial));
  post({ data: { letter: '{"serial": 1}' } });
  readLetters((letter) => read.push(`late ${letter.serial}`))();
  stop();
  post({ data: { letter: '{"serial": 2}' } });
  assert.deepEqual(read, [1, "late 1"]);
  delete globalThis.window;
});
