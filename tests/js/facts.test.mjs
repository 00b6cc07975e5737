// What the timeline says of a version.
import assert from "node:assert/strict";
import test from "node:test";

import { facts, nameOf, spoken } from "../../chameleon/app/components/assets/timeline/facts.js";

const VERSION = { name: "1.9", date: "2019-01-11T00:00:00", instances: 53189, train_accuracy: 0.9995, test_accuracy: null, note: null };

test("figures have three decimals, with ties as in Python", () => {
  assert.deepEqual(facts(VERSION, false).map(([, text]) => text), ["2019-01-11", "53,189", "1.000", "-", "-"]);
  assert.equal(facts({ ...VERSION, train_accuracy: 0.0625 }, false)[2][1], "0.062");
});

test("an accuracy that is on its way is not missing, and a time is only said where there is one", () => {
  assert.equal(facts(VERSION, true)[3][1], "being computed");
  assert.equal(facts({ ...VERSION, date: "2019-01-11T14:30:00" }, false)[0][1], "2019-01-11 14:30");
  assert.equal(facts({ ...VERSION, date: null }, false)[0][1], "-");
});

test("a screen reader hears all of it", () => {
  assert.equal(spoken("primary", VERSION, false),
    "Primary version 1.9, 2019-01-11, 53,189 instances, train accuracy 1.000, test accuracy -");
  assert.equal(spoken("secondary", { ...VERSION, date: null, note: "first" }, true),
    "Secondary version 1.9, no date, 53,189 instances, train accuracy 1.000, test accuracy being computed, first");
  assert.equal(nameOf({ name: "" }), "(no name)");
});
