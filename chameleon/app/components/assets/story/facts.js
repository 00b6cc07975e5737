// The facts of two versions as counted in the browser: they stand in until Python's arrive, which
// have intervals and tests besides. The same shape, with null for what only Python knows.
import {
  CORRECT, INCORRECT, IS_ADDED, IS_EDITED, IS_MOVED, IS_RELABELED, IS_REMOVED, SPLITS, UNKNOWN_OUTCOME, isEdited,
  outcomeAt,
} from "./store.js";

const STEP_BITS = [
  ["added", IS_ADDED], ["removed", IS_REMOVED], ["relabeled", IS_RELABELED], ["edited", IS_EDITED], ["moved", IS_MOVED],
];
const MOST_LABELS = 5, LEAST_ROWS = 10;

export function countedFacts(store) {
  const facts = {
    status: store.scope === "train" ? "seen" : "ok", reason: null, guarded: null, excluded: { leaked: 0, unknown: 0 },
    table: [[[0, 0], [0, 0]], [[0, 0], [0, 0]]], chips: [], step: countedStep(store), errors: countedErrors(store),
    unchanged: { n: 0, before: 0, after: 0, fixed: 0, regressed: 0, p: null },
    edited: { n: 0, before: 0, old: 0, new: 0 },
    added: { n: 0, old: 0, new: 0, p: null },
    removed: { n: 0, old: 0, new: 0, p: null },
  };
  for (let i = 0; i < store.head.instances; i++) addInstance(store, facts, i);
  const [[then], [, now]] = facts.table, before = shareOf(then), after = shareOf(now);
  if (before === null || after === null) return { ...facts, status: "none", metric: null };
  const name = metricName(store.head, store.scope), unknown = { low: null, high: null, p: null, chance: null };
  return { ...facts, metric: { name, before, after, change: after - before, ...unknown } };
}

export const shareOf = ([correct, n]) => (n ? correct / n : null);

export function metricName(head, scope) {
  const named = head.facts[scope]?.find((facts) => facts?.metric);
  if (named) return named.metric.name;
  return scope === "all" ? "Accuracy" : `${scope[0].toUpperCase()}${scope.slice(1)} accuracy`;
}

// Adds one instance to the table and to the group of what became of its row.
function addInstance(store, facts, instance) {
  const now = inScope(store, store.primaryRow[instance]), then = inScope(store, store.secondaryRow[instance]);
  if (now < 0 && then < 0) return;
  const outcome = (version, row) => (row < 0 ? UNKNOWN_OUTCOME : outcomeAt(store, version, row));
  const outcomes = {
    oldThen: outcome(store.secondary, then), oldNow: outcome(store.secondary, now),
    newThen: outcome(store.primary, then), newNow: outcome(store.primary, now),
  };
  addOutcome(facts.table[0][0], outcomes.oldThen);
  addOutcome(facts.table[0][1], outcomes.oldNow);
  addOutcome(facts.table[1][0], outcomes.newThen);
  addOutcome(facts.table[1][1], outcomes.newNow);
  addToGroup(store, facts, { now, then, ...outcomes });
}

function inScope({ scope, split }, row) {
  return row >= 0 && (scope === "all" || SPLITS[split[row]] === scope) ? row : -1;
}

function addOutcome(cell, outcome) {
  if (outcome > INCORRECT) return;
  cell[1]++;
  if (outcome === CORRECT) cell[0]++;
}

function addToGroup(store, facts, { now, then, oldThen, oldNow, newThen, newNow }) {
  const isKnownNow = newNow <= INCORRECT, isKnownThen = oldThen <= INCORRECT;
  const isCorrect = (outcome) => (outcome === CORRECT ? 1 : 0);
  if (isKnownNow && isKnownThen) {
    const isSame = now === then || (store.label[now] === store.label[then] && !isEdited(store, now, then));
    if (isSame) return addUnchanged(facts.unchanged, isCorrect(oldThen), isCorrect(newNow));
    facts.edited.n++;
    facts.edited.before += isCorrect(oldThen);
    return addBoth(facts.edited, isCorrect(oldNow), isCorrect(newNow));
  }
  if (isKnownNow) {
    facts.added.n++;
    addBoth(facts.added, isCorrect(oldNow), isCorrect(newNow));
  } else if (isKnownThen) {
    facts.removed.n++;
    addBoth(facts.removed, isCorrect(oldThen), isCorrect(newThen));
  }
}

function addUnchanged(group, before, after) {
  group.n++;
  group.before += before;
  group.after += after;
  if (after > before) group.fixed++;
  if (after < before) group.regressed++;
}

function addBoth(group, old, now) {
  group.old += old;
  group.new += now;
}

function countedStep({ primaryRow, secondaryRow, dataChange, split, head }) {
  const nothing = () => Object.fromEntries(STEP_BITS.map(([key]) => [key, 0]));
  const step = Object.fromEntries(SPLITS.map((name) => [name, nothing()]));
  for (let i = 0; i < head.instances; i++) {
    const row = primaryRow[i] >= 0 ? primaryRow[i] : secondaryRow[i];
    if (row < 0) continue;
    for (const [key, bit] of STEP_BITS) if (dataChange[row] & bit) step[SPLITS[split[row]]][key]++;
  }
  return step;
}

// As in Python: labels with the highest share of errors, of those with enough rows if there are any.
function countedErrors(store) {
  const { outcomes, label, unlabeled, rowCount, head } = store;
  const byLabel = head.classes.map((name) => [name, 0, 0]);
  let before = 0;
  for (let row = 0; row < rowCount; row++) {
    const now = (outcomes[row] & 3) - 1, then = (outcomes[row] >> 2) - 1;
    if (then === INCORRECT) before++;
    if (label[row] === unlabeled || (now !== CORRECT && now !== INCORRECT)) continue;
    byLabel[label[row]][2]++;
    if (now === INCORRECT) byLabel[label[row]][1]++;
  }
  const n = byLabel.reduce((total, [, wrong]) => total + wrong, 0);
  const enough = byLabel.filter(([, , rows]) => rows >= LEAST_ROWS), ranked = enough.length ? enough : byLabel;
  const labels = ranked.filter(([, wrong]) => wrong).sort((a, b) => b[1] / b[2] - a[1] / a[2]).slice(0, MOST_LABELS);
  return { n, before, labels };
}
