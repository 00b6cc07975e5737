// Instances in groups, regressed first, each group in the order in which it tells most. No DOM.
import { count } from "./numbers.js";
import {
  ADDED, FIXED, IS_ADDED, IS_EDITED, IS_MOVED, IS_RELABELED, IS_REMOVED, outcomeAt, REGRESSED, REMOVED, STILL_CORRECT,
  STILL_INCORRECT,
} from "./store.js";

// `alone`: without a comparison; `part`: where two parts of one version are compared.
export const GROUPS = [
  { name: "Regressed", alone: "Regressed", tone: "not" },
  { name: "Still incorrect", alone: "Incorrect", tone: "not" },
  { name: "New, incorrect", alone: "Incorrect", part: "Incorrect, only in blue", tone: "not" },
  { name: "Fixed", alone: "Fixed", tone: "okt" },
  { name: "Still correct", alone: "Correct", tone: "okt" },
  { name: "New, correct", alone: "Correct", part: "Correct, only in blue", tone: "okt" },
  { name: "Removed", alone: "Removed", part: "Only in pink", tone: "mute" },
  { name: "Unknown outcome", alone: "Unknown outcome", tone: "mute" },
];
const UNKNOWN_GROUP = GROUPS.length - 1;
const OF_CHANGE = { [REGRESSED]: 0, [STILL_INCORRECT]: 1, [FIXED]: 3, [STILL_CORRECT]: 4, [REMOVED]: 6 };
const OF_NEW = [5, 2, UNKNOWN_GROUP];  // by the primary's outcome
const CHANGED = IS_RELABELED | IS_EDITED;
const LABELS_NAMED = 3;

function groupOf(store, row) {
  const change = store.change[row];
  if (change === ADDED) return OF_NEW[outcomeAt(store, store.primary, row)];
  return OF_CHANGE[change] ?? UNKNOWN_GROUP;
}

// Edited or relabeled first, then those whose outcome otherwise changed least.
function ordered(store, rows) {
  const { dataChange, changes } = store, untouched = (row) => (dataChange[row] & CHANGED ? 0 : 1);
  return rows.sort((a, b) => untouched(a) - untouched(b) || changes[a] - changes[b] || a - b);
}

// One list of rows per group: the representing rows of the instances that match all filters.
export function groupedRows(store) {
  const groups = GROUPS.map(() => []), { counted, failing, rowCount } = store;
  for (let row = 0; row < rowCount; row++) {
    if (counted[row] && !failing[row]) groups[groupOf(store, row)].push(row);
  }
  return groups.map((rows) => ordered(store, rows));
}

const className = (store, label) => (label === store.unlabeled ? "–" : store.head.classes[label]);

// Sums up a group, because its first rows mislead: "label 5 ×10, 4 ×7, 1 ×6; none edited".
export function summaryOf(store, rows) {
  const found = new Map();
  let edited = 0, relabeled = 0;
  for (const row of rows) {
    found.set(store.label[row], (found.get(store.label[row]) ?? 0) + 1);
    edited += (store.dataChange[row] & IS_EDITED) > 0;
    relabeled += (store.dataChange[row] & IS_RELABELED) > 0;
  }
  const labels = [...found].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, LABELS_NAMED)
    .map(([label, n]) => `${className(store, label)} ×${count(n)}`);
  const parts = [`label ${labels.join(", ")}${found.size > LABELS_NAMED ? ", …" : ""}`];
  const touched = [];
  if (edited) touched.push(`${count(edited)} edited`);
  if (relabeled) touched.push(`${count(relabeled)} relabeled`);
  const isShared = (row) => !(store.dataChange[row] & (IS_ADDED | IS_REMOVED));
  if (store.primary !== store.secondary && rows.some(isShared)) {
    parts.push(touched.length ? touched.join(", ") : "none edited");
  }
  return parts.join("; ");
}

// What a step did to an instance, beside adding or removing it.
export function stepWords(bits) {
  const words = [[IS_RELABELED, "relabeled"], [IS_EDITED, "edited"], [IS_MOVED, "changed split"]];
  return words.filter(([bit]) => bits & bit).map(([, word]) => word);
}
