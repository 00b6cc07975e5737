// What the verdict says, of facts like those of the samples.
import assert from "node:assert/strict";
import test from "node:test";

import { count, fixed, many, percent, points, printedChange, shortCount, signed, ticks } from "../../chameleon/app/components/assets/story/numbers.js";
import {
  causeWords, chipText, errorWords, headline, largestChanges, oneVersionHeadline, selectionWords, stepWords,
} from "../../chameleon/app/components/assets/story/sentences.js";

const NO_CHANGE = { added: 0, removed: 0, relabeled: 0, edited: 0, moved: 0 };

function factsOf({ metric, train, status = "ok", ...groups }) {
  const group = { n: 0, old: 0, new: 0, p: null };
  return {
    status, reason: null, guarded: null, excluded: { leaked: 0, unknown: 0 }, chips: [], errors: { n: 0, before: 0, labels: [] },
    metric: metric && { name: "Test accuracy", low: null, high: null, p: null, chance: null, change: metric.after - metric.before, ...metric },
    unchanged: { n: 0, before: 0, after: 0, fixed: 0, regressed: 0, p: null }, edited: { ...group, before: 0 }, added: group, removed: group,
    step: { train: { ...NO_CHANGE, ...train }, test: NO_CHANGE, validation: NO_CHANGE }, ...groups,
  };
}

const contextOf = (primary, secondary, more = {}) =>
  ({ primary, secondary, scope: "test", metricName: "Test accuracy", isForward: true, isPair: true, classCount: 10, ...more });

const line = (facts, context) => Object.values(headline(facts, context)).filter(Boolean).join(" ").replace(" :", ":");

const HARDER = [{ about: "test set", direction: "harder", level: "certain", points: null }];

// ---- the eight sentences ----------------------------------------------------------------------

test("the same rows: predictions that regressed and were fixed", () => {
  const facts = factsOf({
    metric: { before: 0.96, after: 0.874286, low: -0.117, high: -0.054, chance: false }, train: { added: 290 },
    unchanged: { n: 350, before: 336, after: 306, fixed: 4, regressed: 34, p: 1e-6 },
    errors: { n: 44, before: 14, labels: [["5", 12, 33], ["4", 7, 39], ["1", 7, 43]] },
  });
  const context = contextOf("1.5", "1.4");
  assert.equal(line(facts, context), "Test accuracy fell 8.6 points (95% CI −11.7 to −5.4): 96.0% → 87.4%");
  assert.equal(causeWords(facts, context), "On the same 350 test rows, 34 predictions regressed and 4 were fixed. Train data: 290 added.");
  assert.equal(errorWords(facts, context), "44 errors (14 in 1.4), most often for label 5 (12 of 33) and 4 (7 of 39).");
});

test("edited rows: before, and with both models", () => {
  const facts = factsOf({
    metric: { before: 434 / 450, after: 399 / 450, low: -0.1067, high: -0.0533, chance: false }, train: { edited: 250 }, chips: HARDER,
    unchanged: { n: 350, before: 337, after: 337, fixed: 4, regressed: 4, p: 1 }, edited: { n: 100, before: 97, old: 12, new: 62 },
  });
  const context = contextOf("1.9", "1.8");
  assert.equal(line(facts, context), "Test accuracy fell 7.77 points (95% CI −10.67 to −5.33): 96.44% → 88.67%");
  assert.equal(causeWords(facts, context),
    "100 edited rows: 97.0% before; 12.0% with 1.8's model, 62.0% with 1.9's. 350 unchanged rows: 4 regressed, 4 fixed. Train data: 250 edited.");
});

test("few changed outcomes on the same rows", () => {
  const facts = factsOf({
    metric: { before: 337 / 350, after: 340 / 350, low: -0.0057, high: 0.0229, chance: true }, train: { removed: 40 },
    unchanged: { n: 350, before: 337, after: 340, fixed: 5, regressed: 2, p: 0.45 },
  });
  assert.match(line(facts, contextOf("1.7", "1.6")), /\(95% CI −0\.57 to \+2\.29, consistent with chance\): 96\.29% → 97\.14%$/);
  assert.equal(causeWords(facts, contextOf("1.7", "1.6")),
    "On the same 350 test rows, 2 predictions regressed and 5 were fixed. Train data: 40 removed.");
});

test("a harder test set, of which the new model recovers part", () => {
  const facts = factsOf({
    metric: { before: 0.8919, after: 0.841 }, train: { added: 9858 }, chips: HARDER,
    unchanged: { n: 4997, before: 4457, after: 4430, fixed: 125, regressed: 152, p: 0.1 },
    added: { n: 2442, old: 915, new: 1825, p: 1e-9 },
  });
  assert.equal(causeWords(facts, contextOf("1.8", "1.7")).replaceAll("\u00a0", " "),
    "The test set got harder; the new model recovers part of it: 2,442 new rows are 37.5% correct with 1.7's model, 74.7% with 1.8's. " +
    "4,997 unchanged rows: −0.5 points. Train data: 9,858 added.");
});

test("new rows alone, where the test set's change is consistent with chance", () => {
  const facts = factsOf({
    metric: { before: 0.918, after: 0.908 }, unchanged: { n: 2293, before: 2106, after: 2097, fixed: 30, regressed: 39, p: 0.3 },
    added: { n: 538, old: 474, new: 475, p: 1 }, train: { added: 2162 },
  });
  assert.equal(causeWords(facts, contextOf("1.3", "1.2")).replaceAll("\u00a0", " "),
    "2,293 unchanged rows: −0.4 points. 538 new rows are 88.1% correct with 1.2's model, 88.3% with 1.3's. Train data: 2,162 added.");
});

test("new and removed rows together, where both models agree on the new ones", () => {
  const facts = factsOf({
    metric: { before: 0.8181, after: 0.8286 }, chips: [{ ...HARDER[0], direction: "easier" }],
    unchanged: { n: 4545, before: 3738, after: 3734, fixed: 53, regressed: 57, p: 0.8 },
    added: { n: 827, old: 717, new: 717, p: 1 }, removed: { n: 73, old: 40, new: 41, p: 1 }, train: { added: 3056, removed: 224 },
  });
  assert.equal(causeWords(facts, contextOf("1.9", "1.8")).replaceAll("\u00a0", " "),
    "4,545 unchanged rows: −0.1 points. 827 new rows are 86.7% correct, the 73 removed ones were 54.8%: the test set got easier. " +
    "Train data: 3,056 added, 224 removed.");
});

test("versions that are far apart", () => {
  const facts = factsOf({
    metric: { before: 0.8114, after: 0.9711 }, unchanged: { n: 350, before: 284, after: 341, fixed: 62, regressed: 5, p: 1e-9 },
    added: { n: 100, old: 83, new: 96, p: 0.001 }, train: { added: 1600 },
  });
  assert.equal(causeWords(facts, contextOf("1.11", "1.0")).replaceAll("\u00a0", " "),
    "350 unchanged rows: +16.3 points. 100 new rows are 83.0% correct with 1.0's model, 96.0% with 1.11's. Train data: 1,600 added.");
});

test("nothing to compare", () => {
  const facts = factsOf({ status: "none", metric: null, train: { added: 290 } }), context = contextOf("1.5", "1.4");
  assert.equal(line(facts, context), "No test accuracy to compare");
  assert.equal(causeWords(facts, context), "1.5 has no test rows with a label and a prediction. Changes: 290 added.");
});

// ---- other states -----------------------------------------------------------------------------

test("train rows, other directions, no change, and one version", () => {
  const seen = factsOf({ status: "seen", metric: { before: 1, after: 0.99 } });
  assert.equal(line(seen, contextOf("2", "1")), "Test accuracy fell 1.0 points (seen in training): 100.0% → 99.0%");
  const back = factsOf({ metric: { before: 0.9, after: 0.95 } });
  assert.equal(line(back, contextOf("1", "2", { isForward: false })), "Test accuracy of 1 is 5.0 points above 2: 95.0%, 90.0%");
  const still = factsOf({ metric: { before: 0.9, after: 0.9, low: 0, high: 0, chance: true }, unchanged: { n: 10, before: 9, after: 9, fixed: 0, regressed: 0 } });
  assert.equal(line(still, contextOf("2", "1")), "Test accuracy stayed at 90.0% (no change)");
  assert.equal(oneVersionHeadline({ metricName: "Test accuracy", primary: "1.0", value: 0.8114 }).text, "Test accuracy of 1.0: 81.1%");
  assert.equal(errorWords(still, contextOf("2", "1")), "No errors (0 in 1).");
});

test("a metric name keeps its capitals inside a sentence", () => {
  const facts = factsOf({ status: "none", metric: null });
  assert.equal(headline(facts, contextOf("2", "1", { metricName: "Test macro F1" })).text, "No Test macro F1 to compare");
});

test("few shared rows, and rows without one model's predictions", () => {
  const few = factsOf({ metric: { before: 0.9, after: 0.8 }, unchanged: { n: 10, before: 9, after: 9, fixed: 0, regressed: 0 }, added: { n: 90, old: null, new: 72, p: null } });
  assert.equal(causeWords(few, contextOf("2", "1")),
    "Few test rows are in both versions. 10 unchanged rows: no outcome changed. 90 new rows are 80.0% correct with 2's model. Train data: unchanged.");
});

test("two parts of one version have one model", () => {
  const facts = factsOf({ metric: { before: 0.823, after: 0.918 }, table: [[[8455, 10273], [2678, 2917]], [[8455, 10273], [2678, 2917]]] });
  const context = contextOf("1.18, dock", "1.18, no dock", { isForward: false, isOneVersion: true });
  assert.equal(line(facts, context), "Test accuracy of 1.18, dock is 9.5 points above 1.18, no dock: 91.8%, 82.3%");
  assert.equal(causeWords(facts, context), "2,917 test rows of 1.18, dock are compared with 10,273 of 1.18, no dock. The same model predicts both.");
});

test("duplicates of train rows are left out in a last sentence", () => {
  const facts = factsOf({ metric: { before: 0.9, after: 0.95 }, guarded: { before: 0.88, after: 0.9 }, excluded: { leaked: 3, unknown: 0 } });
  assert.match(causeWords(facts, contextOf("2", "1")), /Without 3 test rows that are also train rows: 88\.0% → 90\.0%\.$/);
});

test("chips name a direction, or the change and what chance makes of it", () => {
  assert.equal(chipText(HARDER[0]), "test set: harder");
  assert.equal(chipText({ about: "unchanged rows", direction: null, points: -0.13, level: "chance" }), "unchanged rows: −0.1 points, consistent with chance");
  assert.equal(chipText({ about: "unchanged rows", direction: null, points: -8.6, level: "certain" }), "unchanged rows: −8.6 points");
});

test("shared and other instances of a selection are counted separately", () => {
  const selection = { primary: { correct: 9, known: 10 }, secondary: { correct: 4, known: 5 }, fixed: 1, regressed: 2, changes: [3, 2, 1, 0, 5, 4, 0] };
  assert.equal(selectionWords(selection, { primary: "2", secondary: "1", isPair: true }),
    "accuracy 80.0% → 90.0%; 2 regressed, 1 fixed; 5 only in 2, 4 only in 1");
  assert.equal(selectionWords(selection, { primary: "2", secondary: "2", isPair: false }), "accuracy 90.0%");
});

test("steps in words, and the largest of them", () => {
  assert.equal(stepWords({ ...NO_CHANGE, added: 1200, moved: 3, model: true }), "1,200 added, 3 changed split, other model code");
  assert.equal(stepWords(NO_CHANGE), "unchanged");
  const step = (change, chance) => factsOf({ metric: { before: 0.5, after: 0.5 + change, low: 0, high: 1, chance } });
  const head = {
    facts: { test: [null, step(0.02, false), step(-0.08, false), step(0.3, true)] },
    steps: [null, NO_CHANGE, { ...NO_CHANGE, edited: 900 }, { ...NO_CHANGE, relabeled: 191, removed: 3 }],
  };
  assert.deepEqual(largestChanges(head, "test").map(({ version, text }) => `${version}: ${text}`.replace("\u00a0", " ")),
    ["2: −8.0 points", "1: +2.0 points", "3: 191 relabeled"]);
});

// ---- numbers ----------------------------------------------------------------------------------

test("numbers are rounded as Python rounds them, and never to a signed zero", () => {
  assert.deepEqual([6.25, 6.35, 88.25, 0.75].map((x) => fixed(x, 1)), ["6.2", "6.3", "88.2", "0.8"]);
  assert.equal(percent(0.8825), "88.2%");
  assert.equal(percent(null), "–");
  assert.deepEqual([0.0123, -0.0123, -0.0001].map((x) => signed(x)), ["+1.2", "−1.2", "0.0"]);
  assert.equal(points(-0.086), "−8.6\u00a0points");
});

test("every printed headline subtracts", () => {
  for (let before = 0; before <= 350; before += 7) {
    for (let after = 0; after <= 450; after += 11) {
      const { digits, change } = printedChange(before / 350, after / 450);
      const printed = Number(fixed((100 * after) / 450, digits)) - Number(fixed((100 * before) / 350, digits));
      assert.ok(Math.abs(printed - change) < 1e-9, `${before} ${after}`);
    }
  }
});

test("counts have commas; axes may be shorter", () => {
  assert.equal(count(53189), "53,189");
  assert.equal(many(1, "row"), "1 row");
  assert.equal(many(2000, "class", "classes"), "2,000 classes");
  assert.deepEqual([99999, 123456, 1234567].map(shortCount), ["99,999", "123k", "1.23M"]);
});

test("ticks are round, in range, and as many as wanted", () => {
  assert.deepEqual(ticks(0.766, 0.979, 4), [0.8, 0.9]);
  assert.deepEqual(ticks(0, 1, 2), [0, 0.5, 1]);
  assert.ok(ticks(0.99, 0.991, 4).length <= 6);
});
