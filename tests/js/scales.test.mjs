// Numbers, ticks, and places of bars: laws, and figures a reader can check.
import assert from "node:assert/strict";
import test from "node:test";

import {
  barAt, barsOf, brief, count, dateTicks, describe, digitsOf, moment, number, percent, place, position, span, sum, ticks,
} from "../../chameleon/app/components/assets/feature_view/scales.js";

const RANGES = { kind: "number", edges: [0, 1, 2, 10], extras: ["below", "above", "missing"], low: -5, high: 99, other: null };
const CATEGORIES = { kind: "category", edges: null, categories: ["a", "b", "other"], extras: [], other: 1200 };
const DAY = 86400000;

test("numbers are written with a comma from five digits on, and in powers where they are extreme", () => {
  assert.deepEqual([null, undefined, 0, -0, 2019, 64205, 0.12345, 1e7, 0.0001].map((n) => number(n)),
    ["-", "-", "0", "0", "2019", "64,205", "0.1235", "1e7", "1e-4"]);
  assert.equal(number(123456789.125, 12), "123,456,789.125");
  assert.equal(count(1234.4), "1,234");
  assert.equal(percent(0.12345), "12.3%");
});

test("an axis is brief unless neighbors would look alike", () => {
  assert.equal(brief(1750000), "1.75M");
  assert.equal(brief(1000000.1, 8), "1,000,000.1");
  assert.equal(digitsOf({ edges: [1000000.1, 1000000.2, 1000000.3] }), 9);
  assert.equal(digitsOf({ edges: [3, 3] }), 15);
});

test("ticks lie in the range, rise, and are evenly spaced", () => {
  for (const [low, high, wanted, whole] of [[0, 1, 5, false], [-3.2, 7.9, 4, false], [0, 3, 9, true], [1e9, 1e9 + 5, 3, true], [-1e-6, 1e-6, 2, false]]) {
    const found = ticks(low, high, wanted, whole);
    assert.ok(found.length >= 1 && found.length <= 100);
    assert.ok(found.every((t) => t >= low - 1e-9 && t <= high + 1e-9), `${found}`);
    const steps = found.slice(1).map((t, i) => t - found[i]);
    assert.ok(steps.every((s) => s > 0 && Math.abs(s - steps[0]) <= 1e-9 * Math.max(1, Math.abs(high))));
    if (whole) assert.ok(found.every(Number.isInteger));
  }
});

test("ticks of an empty, an infinite, and a tiny range end", () => {
  assert.deepEqual(ticks(4, 4, 5), [4]);
  assert.deepEqual(ticks(NaN, 1, 5), [NaN]);
  assert.ok(ticks(-Number.MAX_VALUE, Number.MAX_VALUE, 4).length <= 100);
  assert.ok(ticks(2 ** 53, 2 ** 53 + 4, 4, true).length <= 100);
});

test("ticks of dates are in the range and on whole units of UTC", () => {
  const low = Date.UTC(2019, 0, 2), high = Date.UTC(2021, 5, 1);
  const found = dateTicks(low, high, 5);
  assert.ok(found.every(([at]) => at >= low && at <= high && new Date(at).getUTCDate() === 1));
  assert.deepEqual(found.map(([, label]) => label).slice(0, 2), ["2019-07", "2020-01"]);
  assert.deepEqual(dateTicks(0, DAY, 4).map(([, label]) => label), ["01-01", "01-01 06:00", "01-01 12:00", "01-01 18:00", "01-02"]);
  assert.deepEqual(dateTicks(low, low, 5), [[low, "2019-01-02"]]);
  assert.equal(moment(8.64e15 + 1), "-");
});

test("bars are in the order of the counts", () => {
  assert.deepEqual(barsOf(RANGES).map((bar) => bar.kind), ["below", "range", "range", "range", "above", "missing"]);
  assert.deepEqual(barsOf(CATEGORIES).map((bar) => bar.kind), ["category", "category", "category"]);
  assert.deepEqual(barsOf({ edges: null, extras: [], categories: [] }), []);
});

test("a bar says what it holds", () => {
  const bars = barsOf(RANGES);
  assert.deepEqual(bars.map((bar) => describe(RANGES, bar)),
    ["below 0, down to -5", "[0, 1)", "[1, 2)", "[2, 10]", "above 10, up to 99", "missing"]);
  assert.equal(describe(RANGES, bars[0], true), "< 0");
  assert.equal(describe(CATEGORIES, barsOf(CATEGORIES)[2]), "other: 1,200 rarer categories together");
});

test("bars fill their place without overlap, and every pixel of a slot finds its bar", () => {
  for (const width of [140, 300, 900]) {
    const bars = place(barsOf(RANGES), 52, width);
    for (const [i, bar] of bars.entries()) {
      assert.ok(bar.ink > 0 && bar.left >= bar.x - 1e-9);
      if (i) assert.ok(bar.x >= bars[i - 1].x + bars[i - 1].width - 1e-9);
      assert.equal(barAt(bars, bar.x + bar.width / 2), i);
    }
    assert.equal(barAt(bars, 0), -1);
  }
});

test("a value stands in its own bar, its share of the way through", () => {
  const bars = place(barsOf(RANGES), 0, 600), second = bars[2];
  assert.equal(position(RANGES, bars, 1.25), second.x + second.width / 4);
  assert.equal(position(RANGES, bars, 10), bars[3].x + bars[3].width);
});

test("bars are taken together with their neighbors, never across to missing", () => {
  const bars = barsOf(RANGES);
  assert.deepEqual(span(bars, 1, 3), [1, 2, 3]);
  assert.deepEqual(span(bars, 3, 1), [1, 2, 3]);
  assert.deepEqual(span(bars, 2, 5), [2, 3, 4]);
  assert.deepEqual(span(bars, 5, 1), [5]);
  assert.equal(sum([1, 2, 3]), 6);
});
