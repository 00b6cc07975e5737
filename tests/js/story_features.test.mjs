// Features: order and words of drift, bars, heights, cuts, and texts of the axis.
import assert from "node:assert/strict";
import test from "node:test";

const STORY = "../../chameleon/app/components/assets/story";
const { barsText, barText, cutMiddle, valueText } = await import(`${STORY}/bar_text.js`);
const { drawsTrain, driftWords, hasDrifted, headings, namedDrift, orderOf, shownSplit } =
  await import(`${STORY}/feature_order.js`);
const {
  allAbove, axisTexts, barAt, barPaths, cutHeight, GUTTER, hasOutcomes, hasSameValues, heightsOf, largestCount,
  outlinePath, placeBars, roundFactor, scaleOf, shownCodes, wantedFactor,
} = await import(`${STORY}/histogram.js`);

const RANGES = { name: "x", kind: "number", bins: "ranges", edges: [0, 10, 20, 30], bars: 7 };
const VALUES = { name: "n", kind: "number", bins: "values", values: [0, 1, 2], bars: 5 };
const countsOf = (...arrays) => [...arrays, ...Array(6 - arrays.length).fill([0, 0, 0, 0, 0, 0, 0])];

// ---- texts ----------------------------------------------------------------------------------

test("a bar is named by its range, value, or category", () => {
  assert.deepEqual([0, 1, 4, 5, 6].map((code) => barText(RANGES, code)), ["below 0", "0–10", "above 30", "missing", "not finite"]);
  assert.equal(barsText(RANGES, [1, 2, 3]), "0–30");
  assert.equal(barsText(RANGES, [0, 1]), "below 0 to 0–10");
  assert.equal(barsText({ ...RANGES, edges: [-20, -10, 0, 10] }, [1]), "−20 to −10");
  const category = { kind: "text", bins: "categories", categories: ["red", "blue"], bars: 5 };
  assert.deepEqual([0, 1, 2].map((code) => barText(category, code)), ["red", "blue", "other"]);
  assert.equal(barText({ kind: "boolean", bins: "values", values: [0, 1], bars: 4 }, 1), "true");
  assert.equal(valueText({ kind: "date", edges: [0, 1] }, Date.UTC(2019, 0, 2)), "2019-01-02");
});

test("a long name keeps its beginning and its end, and names that fit are whole", () => {
  const widthOf = (text) => 7 * text.length;
  assert.equal(cutMiddle("steps_24h", 70, widthOf), "steps_24h");
  assert.equal(cutMiddle("measurements.steps_24h", 84, widthOf), "measur…s_24h");
  for (const room of [7, 30, 100]) assert.ok(widthOf(cutMiddle("measurements.steps_24h", room, widthOf)) <= room);
});

// ---- order ----------------------------------------------------------------------------------

const drift = (...numbers) => namedDrift(numbers);

test("the larger distance of train and test decides on the order", () => {
  const drifts = [drift(0.1, 0.2, 0.05, 0.05), drift(0.3, 0, 0.05, 0.05), null];
  assert.deepEqual(orderOf(drifts, [9, 9, 9]), [1, 0, 2]);
});

test("where nothing drifted, the change of errors decides, and ties keep the order of the data", () => {
  const still = [drift(0, 0, 0.1, 0.1), drift(0, NaN, 0.1, 0.1), drift(0, 0, 0.1, 0.1)];
  assert.equal(hasDrifted(still), false);
  assert.deepEqual(orderOf(still, [0.1, 0.3, 0.3]), [1, 2, 0]);
  assert.deepEqual(orderOf(still, null), [0, 1, 2]);
});

test("train rows are drawn where they drifted more than twice as far, and beyond chance", () => {
  assert.equal(drawsTrain(drift(0.3, 0.1, 0.05, 0.05), "test"), true);
  assert.equal(drawsTrain(drift(0.2, 0.1, 0.05, 0.05), "test"), false);
  assert.equal(drawsTrain(drift(0.04, 0, 0.05, 0.05), "test"), false);
  assert.equal(drawsTrain(drift(0.3, 0, 0.05, 0.05), "all"), false);
  assert.equal(drawsTrain(drift(0.3, 0.1, NaN, NaN), "test"), true);
  assert.equal(drawsTrain(null, "test"), false);
  assert.equal(shownSplit(drift(0.3, 0.1, 0, 0), "all"), "train");
});

test("the heading counts features beyond chance by split, and says so where it can't", () => {
  const drifts = [drift(0.1, 0, 0.05, 0.05), drift(0.2, 0.04, 0.05, 0.05), drift(0, 0, NaN, NaN)];
  assert.equal(headings(drifts)[0], "Test rows: none of 3 features drifted beyond chance. Train rows: 2.");
  assert.equal(headings(drifts).at(-1), "Drifted: test 0, train 2 of 3");
  assert.equal(headings([drift(0.1, NaN, 0.05, NaN)])[0], "Train rows: 1 of 1 features drifted beyond chance");
  assert.deepEqual(headings([null, null]), ["Features"]);
  assert.deepEqual(headings([drift(0.1, 0.1, NaN, NaN)]), ["Features, the largest drift first"]);
});

test("a third decimal separates a distance from its chance level", () => {
  const words = (distance, chance) => driftWords({ distance, chance });
  assert.deepEqual(words(0.0512, 0.02), { drift: "drift 0.05 of 1", chance: "chance up to 0.02" });
  assert.deepEqual(words(0.0512, 0.0498), { drift: "drift 0.051 of 1", chance: "chance up to 0.050" });
  assert.deepEqual(words(0.0001, 0.02), { drift: "no drift", chance: "" });
  assert.equal(words(0.05, null).chance, "");
  assert.equal(words(null, 0.02), null);
});

// ---- bars -----------------------------------------------------------------------------------

test("tails, missing, and non-finite values have a bar only where they occur", () => {
  assert.deepEqual(shownCodes(RANGES, countsOf([0, 1, 0, 0, 0, 0, 0])), [1, 2, 3]);
  assert.deepEqual(shownCodes(RANGES, countsOf([1, 1, 0, 0, 2, 3, 4])), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(shownCodes(VALUES, countsOf([1, 0, 0, 0, 0])), [0, 1, 2]);
});

test("bars share the room, and every place hits one", () => {
  const bars = placeBars(RANGES, [1, 2, 3, 5], 354);
  assert.equal(bars[0].x, GUTTER);
  assert.ok(Math.abs(bars.at(-1).x + bars.at(-1).width - 354) < 1e-9);
  bars.forEach((bar, i) => assert.equal(barAt(bars, bar.x + bar.width / 2), i));
  assert.equal(barAt(bars, -10), 0);
  assert.equal(barAt(bars, 9999), 3);
  assert.ok(bars.at(-1).apart && !bars[0].apart);
});

test("heights are counts, or shares of each version's drawn rows", () => {
  const counts = countsOf([3, 1], [0, 4], [0, 2], [5, 5], [5, 5], [0, 0]);
  assert.deepEqual(heightsOf(counts, [0, 1], false, false), { up: [[3, 5], [1, 5]], down: [[0, 5], [4, 5]], unit: 1 });
  assert.deepEqual(heightsOf(countsOf([3, 1], [0, 4], [0, 0], [5, 5], [5, 5], [0, 0]), [0, 1], true, false).up,
    [[3 / 8, 0.25], [1 / 8, 0.25]]);
  assert.deepEqual(heightsOf(counts, [0, 1], false, true).down, [[0, 0], [4, 0]]);
});

test("a bar is cut from four times the next, never at two or three times", () => {
  assert.equal(cutHeight([[30, 1], [10, 0]]), 30);
  assert.equal(cutHeight([[40, 1], [10, 0]]), 40);
  assert.equal(cutHeight([[41, 1], [10, 0]]), 24);
  assert.equal(cutHeight([[41, 0], [0, 0]]), 41);
});

test("one round factor for incorrect counts holds in all rows, and every bar fits", () => {
  assert.equal(roundFactor([]), 1);
  assert.equal(roundFactor([null, 1.4]), 1);
  assert.equal(roundFactor([3.1, 3.1, 9, 9]), 3);
  assert.equal(wantedFactor({ up: [[0, 0]], down: [[1, 0]] }), null);
  for (const [up, down] of [[100, 1], [1, 100], [0, 7], [7, 0]]) {
    const heights = { up: [[up, 0]], down: [[down, 0]] };
    for (const factor of [1, 3, 20]) {
      const scale = scaleOf(heights, factor, 72);
      assert.ok(up * scale.up <= scale.above && down * scale.down <= scale.below);
      assert.ok(Math.abs(scale.down - factor * scale.up) < 1e-12);
    }
  }
});

test("paths have what both have, what either has more, and no NaN", () => {
  const bars = placeBars(VALUES, [0, 1, 2], 354), heights = { up: [[9, 3], [0, 4], [2, 2]], down: [[0, 0], [1, 1], [90, 2]] };
  const scale = scaleOf(heights, 2, 72), paths = barPaths(bars, heights, scale, null);
  const boxes = (d) => (d.match(/M/g) ?? []).length;
  assert.deepEqual([paths.both, paths.primary, paths.secondary].map(boxes), [4, 2, 1]);
  assert.deepEqual(paths.cuts.map(({ value, sign }) => [value, sign]), [[90, 1]]);
  assert.doesNotMatch(Object.values(paths).join(), /NaN|Infinity/);
});

test("the same rows are gray, with fixed and regressed ones at the far end", () => {
  const bars = placeBars(VALUES, [0, 1, 2], 354), heights = { up: [[9, 0], [4, 0], [2, 0]], down: [[3, 0], [0, 0], [1, 0]] };
  const changed = { up: [9, 0, 1], down: [1, 0, 0] }, paths = barPaths(bars, heights, scaleOf(heights, 1, 72), changed);
  const boxes = (d) => (d.match(/M/g) ?? []).length;
  assert.deepEqual([paths.plain, paths.fixed, paths.regressed].map(boxes), [4, 2, 1]);
  assert.equal(paths.both + paths.primary + paths.secondary, "");
});

test("values are the same where every bar has as many rows in both versions, whatever their outcomes", () => {
  assert.equal(hasSameValues(countsOf([3, 1], [0, 4], [0, 0], [1, 5], [2, 0], [0, 0])), true);
  assert.equal(hasSameValues(countsOf([3, 1], [0, 4], [0, 0], [1, 5], [2, 1], [0, 0])), false);
});

test("without outcomes, all rows are above the axis", () => {
  const counts = countsOf([0, 0], [0, 0], [3, 4], [0, 0], [0, 0], [1, 2]);
  assert.equal(hasOutcomes(counts), false);
  const [up, down, , then] = allAbove(counts);
  assert.deepEqual([up, Array.from(down), then], [[3, 4], [0, 0], [1, 2]]);
});

test("the outline has the shape of the unfiltered primary on a scale of its own", () => {
  const bars = placeBars(VALUES, [0, 1, 2], 354), scale = scaleOf({ up: [[1, 0]], down: [[1, 0]] }, 2, 72);
  const path = outlinePath(bars, countsOf([100, 50, 0], [1, 1, 0]), scale);
  assert.equal(path, outlinePath(bars, countsOf([200, 100, 0], [2, 2, 0]), scale));
  assert.doesNotMatch(path, /NaN|Infinity/);
});

test("the largest count stands on its bar, above the axis if there are any", () => {
  const bars = placeBars(VALUES, [0, 1, 2], 354);
  const largest = largestCount(bars, { up: [[1, 7], [2, 2], [3, 1]], down: [[9, 9], [0, 0], [0, 0]] });
  assert.deepEqual([largest.bar.code, largest.value, largest.above], [0, 7, true]);
  assert.equal(largestCount(bars, { up: [[0, 0], [0, 0], [0, 0]], down: [[0, 1], [5, 0], [0, 0]] }).bar.code, 1);
});

test("texts of the axis never overlap and stay in the row", () => {
  const widthOf = (text) => 7 * text.length;
  const dates = { kind: "date", bins: "ranges", bars: 7, edges: [2019, 2020, 2021, 2022].map((year) => Date.UTC(year, 0, 1)) };
  const many = { kind: "text", bins: "categories", bars: 12, categories: Array.from({ length: 10 }, (_, i) => `a long category ${i}`) };
  for (const [feature, codes] of [[RANGES, [0, 1, 2, 3, 4, 5]], [VALUES, [0, 1, 2]], [dates, [1, 2, 3]], [many, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]]) {
    for (const right of [200, 354, 800]) {
      const texts = axisTexts(feature, placeBars(feature, codes, right), right, widthOf);
      assert.ok(texts.length > 0);
      texts.forEach(({ x, text }, i) => {
        assert.ok(x >= GUTTER - 1e-9 && x + widthOf(text) <= right + 1e-9, `${text} at ${x} of ${right}`);
        if (i) assert.ok(x >= texts[i - 1].x + widthOf(texts[i - 1].text), `${texts[i - 1].text} before ${text}`);
      });
    }
  }
});
