// Where the river's parts stand, for 1 to 300 versions.
import assert from "node:assert/strict";
import test from "node:test";

import { heightClass, widthClass } from "../../chameleon/app/components/assets/story/layout_classes.js";
import {
  bandPath, certainPath, changeText, extraHeight, linePath, riverLayout, rowChanges, shownNames, standsAtRight, wordedChanges,
} from "../../chameleon/app/components/assets/story/river_layout.js";

const NO_STEP = { added: 0, removed: 0, relabeled: 0, edited: 0, moved: 0, model: false };
const textWidth = (text) => 6 * text.length;

function headOf(versionCount, step = { ...NO_STEP, added: 290, removed: 40 }) {
  const versions = Array.from({ length: versionCount }, (_, i) => ({ name: `1.${i}` }));
  const metrics = versions.map((_, i) => [100, 0.8 + (i % 3) / 20, 0.75, 0.95]);
  return { versions, steps: versions.map((_, i) => (i ? step : null)), metrics: { test: metrics }, facts: {} };
}

const layoutOf = (versionCount, { width = 1148, height = 140, head = headOf(versionCount) } = {}) =>
  riverLayout({ head, scope: "test", width, height, flagRoom: 100 });

test("versions are evenly spaced inside the pane, words come with room", () => {
  for (const [versionCount, hasWords] of [[2, true], [12, true], [14, false], [60, false], [300, false]]) {
    const layout = layoutOf(versionCount), { x } = layout;
    assert.equal(layout.hasWords, hasWords, `${versionCount}`);
    assert.ok(x(0) >= layout.left && x(versionCount - 1) <= layout.width - layout.right);
    assert.ok(Math.abs(x(1) - x(0) - layout.spacing) < 1e-9);
  }
  assert.equal(layoutOf(1).x(0), (74 + 1148 - 18) / 2);
});

test("a higher metric stands higher, inside the pane, even if none is known", () => {
  const layout = layoutOf(12);
  assert.ok(layout.y(0.95) < layout.y(0.75));
  assert.ok(layout.y(layout.high) >= layout.top && layout.y(layout.low) <= layout.bottom);
  const head = { ...headOf(3), metrics: { test: [1, 2, 3].map(() => [0, null, null, null]) } };
  const unknown = layoutOf(3, { head });
  assert.equal(linePath(unknown) + bandPath(unknown), "");
  assert.deepEqual([unknown.low, unknown.high], [0, 1]);
});

test("the line breaks where a version has no value", () => {
  const head = headOf(4);
  head.metrics.test[1] = [0, null, null, null];
  const layout = layoutOf(4, { head });
  assert.equal(linePath(layout).match(/M/g).length, 2);
  assert.equal(bandPath(layout).match(/z/g).length, 2);
});

test("a thick step is one whose change is more than chance", () => {
  const fact = (status, low, chance) => ({ status, metric: { low, chance } });
  const facts = [null, fact("ok", 0.1, false), fact("ok", 0.1, true), fact("seen", null, null)];
  assert.equal(certainPath(layoutOf(4), facts).match(/M/g).length, 1);
  assert.equal(certainPath(layoutOf(4), undefined), "");
});

test("a strip has the line alone, with room for a flag at both ends", () => {
  const layout = layoutOf(12, { height: 56 });
  assert.equal(layout.isStrip, true);
  assert.deepEqual([layout.kinds, layout.ticks], [[], []]);
  assert.ok(layout.x(0) >= 100 && layout.width - layout.x(11) >= 100);
});

test("changes are worded between versions, at most two lines", () => {
  assert.deepEqual(["added", "removed", "relabeled", "moved"].map((kind) => changeText(kind, 1290)),
    ["+1,290", "−1,290", "1,290 relabeled", "1,290 changed split"]);
  const head = headOf(6, { ...NO_STEP, added: 290, removed: 40, edited: 3 }), layout = layoutOf(6, { head });
  const { texts, paths } = wordedChanges(layout, head.steps, textWidth);
  assert.deepEqual(texts.filter(({ version }) => version === 2).map(({ text }) => text), ["+290", "−40 …"]);
  assert.deepEqual(Object.keys(paths), ["added", "removed", "edited"]);
  for (const { x, text, version } of texts) assert.ok(x > layout.x(version - 1) && x + textWidth(text) < layout.x(version));
});

test("without room they are rows, where the selected step keeps its counts", () => {
  const head = headOf(60), layout = layoutOf(60), { texts, paths } = rowChanges(layout, head.steps, 7);
  assert.deepEqual(texts.map(({ text }) => text), ["+290", "−40"]);
  assert.equal(paths.added.match(/M/g).length, 58);
  assert.equal(extraHeight(headOf(60, { ...NO_STEP, added: 1, removed: 1, relabeled: 1, edited: 1 }), 1148), 26);
  assert.equal(extraHeight(headOf(5), 1148), 0);
});

test("names thin out and never cover those of the selected versions", () => {
  for (const versionCount of [2, 12, 60, 300]) {
    const layout = layoutOf(versionCount), widths = layout.metrics.map(() => 30), selected = [0, versionCount - 1];
    const shown = shownNames(layout, widths, selected);
    const places = [...shown, ...selected].map(layout.x).sort((a, b) => a - b);
    places.slice(1).forEach((place, i) => assert.ok(place - places[i] >= 30, `${versionCount}`));
  }
});

test("flags lean away from each other unless they would leave the pane", () => {
  const layout = layoutOf(12), at = (version, more) => standsAtRight(layout, version, { need: 80, hasNote: false, isStrip: false, ...more });
  assert.deepEqual([at(5, { leansRight: true }), at(5, { leansRight: false })], [true, false]);
  assert.equal(at(11, { leansRight: true }), false);
  assert.equal(at(0, { leansRight: false }), true);
  assert.equal(at(9, { leansRight: true, need: 600, hasNote: true }), false);
});

test("classes of size", () => {
  assert.deepEqual([1500, 1499, 1180, 1179, 880, 879, 620, 619].map(widthClass),
    ["wide", "mid", "mid", "slim", "slim", "narrow", "narrow", "phone"]);
  assert.deepEqual([1080, 900, 720].map(heightClass), ["tall", "mid", "low"]);
});
