// Filters of the views: conditions on instances, as plain values that a link can hold.
import { FIXED, REGRESSED, STILL_CORRECT, STILL_INCORRECT } from "./store.js";

export const OUTCOME_WORDS = {
  [STILL_CORRECT]: "still correct",
  [FIXED]: "fixed",
  [REGRESSED]: "regressed",
  [STILL_INCORRECT]: "still incorrect",
};

// Filters of one key are combined with OR in their view; a view ignores its own key. One that only Python
// can evaluate has the key of the view that would set it, such as that of a feature's range, if there is one.
export function keyOf({ view, feature, mask, own }) {
  if (view === "feature") return `feature:${feature}`;
  return view === "other" ? own ?? `other:${mask}` : view;
}

// Membership of small whole numbers, as fast as an array.
function lookup(numbers, size) {
  const has = new Uint8Array(size);
  for (const one of numbers) has[one] = 1;
  return has;
}

function featureMatcher(store, { feature, bars }) {
  const at = store.head.features.findIndex((one) => one.name === feature);
  if (at < 0) return { test: () => false };
  const codes = store.columns[at], has = lookup(bars, 256);
  return { test: (row) => has[codes[row]] === 1 };
}

function labelMatcher(store, { labels }) {
  const wanted = labels.map((name) => store.head.classes.indexOf(name)).filter((one) => one >= 0);
  const has = lookup(wanted, store.unlabeled + 1), { label } = store;
  return { test: (row) => has[label[row]] === 1 };
}

function flowMatcher(store, { outcomes }) {
  const wanted = Object.keys(OUTCOME_WORDS).filter((change) => outcomes.includes(OUTCOME_WORDS[change]));
  const has = lookup(wanted, 256), { change } = store;
  return { test: (row) => has[change[row]] === 1 };
}

const MATCHERS = {
  feature: featureMatcher,
  labels: labelMatcher,
  flow: flowMatcher,
  map: ({ cellStart }, { cells }) => ({ rows: cells.map((cell) => [cellStart[cell], cellStart[cell + 1]]) }),
  sensitivity: ({ changes }, { from, to }) => ({ test: (row) => changes[row] >= from && changes[row] <= to }),
  instances: (store, { row }) => ({ test: (other) => other === row }),
};

// The rows that a filter keeps: {test(row)} or {rows: [[from, to], ...]}; null if only Python can tell.
export const matcher = (store, filter) => MATCHERS[filter.view]?.(store, filter) ?? null;

// One cell counts once, however it was drawn.
export const cellsText = (count) => `${count} ${count === 1 ? "cell" : "cells"} of the map`;
