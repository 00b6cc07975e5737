// Counts of a store's rows. Views count without their own filter: what else would they offer?
import { CORRECT, FIXED, INCORRECT, REGRESSED, bitsOf } from "./store.js";

const OUTCOME_PAIRS = 16;  // two bits of each version

// ---- features ---------------------------------------------------------------------------------

// How often each bar has each pair of outcomes: histogram[bar * 16 + pair]. `own` are bits of filters
// to ignore, `all` ignores every filter, `train` counts train rows instead of those of the scope.
export function countFeature(store, feature, { own = 0, all = false, train = false } = {}) {
  const { rowCount, failing, histogram } = store, codes = store.columns[feature];
  const pairs = train ? store.trainOutcomes : store.outcomes;
  histogram.fill(0, 0, store.head.features[feature].bars * OUTCOME_PAIRS);
  if (all || own) {
    const counting = all ? 0 : ~own;
    for (let row = 0; row < rowCount; row++) {
      if (!(failing[row] & counting)) histogram[codes[row] * OUTCOME_PAIRS + pairs[row]]++;
    }
    return histogram;
  }
  const matching = train ? store.trainMatching : store.matching;
  const count = train ? store.trainMatchingCount : store.matchingCount;
  for (let i = 0; i < count; i++) {
    const row = matching[i];
    histogram[codes[row] * OUTCOME_PAIRS + pairs[row]]++;
  }
  return histogram;
}

// By bar: the primary's correct, incorrect, and unknown rows, then the secondary's.
export function foldHistogram(histogram, bars) {
  const folded = Array.from({ length: 6 }, () => new Uint32Array(bars));
  for (let bar = 0; bar < bars; bar++) {
    for (let pair = 1; pair < OUTCOME_PAIRS; pair++) {
      const count = histogram[bar * OUTCOME_PAIRS + pair];
      if (!count) continue;
      if (pair & 3) folded[(pair & 3) - 1][bar] += count;
      if (pair >> 2) folded[(pair >> 2) + 2][bar] += count;
    }
  }
  return folded;
}

// How much the share of incorrect rows changed from bar to bar, weighted by the primary's rows.
export function errorShift(store, feature) {
  const histogram = countFeature(store, feature, { all: true }), { bars } = store.head.features[feature];
  const [correct, incorrect, , correctThen, incorrectThen] = foldHistogram(histogram, bars);
  let shift = 0, total = 0;
  correct.forEach((_, bar) => {
    const now = correct[bar] + incorrect[bar], then = correctThen[bar] + incorrectThen[bar];
    total += now;
    if (now && then) shift += now * Math.abs(incorrect[bar] / now - incorrectThen[bar] / then);
  });
  return total ? shift / total : 0;
}

// ---- map, outcomes, labels --------------------------------------------------------------------

// Per cell: the primary's correct, incorrect, unknown, and new rows; the secondary's rows, and those
// of them that the primary lacks.
export const CELL_NUMBERS = 6;

export function countCells(store) {
  const { rowCount, outcomes, failing, cell } = store, counting = ~bitsOf(store, "map");
  const counts = (store.cellCounts ??= new Uint32Array((store.cellStart.length - 1) * CELL_NUMBERS));
  counts.fill(0);
  for (let row = 0; row < rowCount; row++) {
    const pair = outcomes[row];
    if (!pair || failing[row] & counting) continue;
    const now = pair & 3, then = pair >> 2, at = cell[row] * CELL_NUMBERS;
    if (now) counts[at + now - 1]++;
    if (!then) counts[at + 3]++;
    else counts[at + 4]++;
    if (!now) counts[at + 5]++;
  }
  return counts;
}

export function countChangesOfOutcome(store) {
  const { rowCount, counted, failing, change } = store, counting = ~bitsOf(store, "flow");
  const counts = new Uint32Array(7);
  for (let row = 0; row < rowCount; row++) if (counted[row] && !(failing[row] & counting)) counts[change[row]]++;
  return counts;
}

// How many instances changed their outcome 0, 1, 2, ... times over the whole timeline; 255: unknown.
export function countSensitivity(store, { all = false } = {}) {
  const { rowCount, counted, failing, changes } = store, counting = all ? 0 : ~bitsOf(store, "sensitivity");
  const counts = new Uint32Array(256);
  for (let row = 0; row < rowCount; row++) if (counted[row] && !(failing[row] & counting)) counts[changes[row]]++;
  return counts;
}

// Per label: the primary's correct and incorrect rows, then the secondary's.
export function countLabels(store, { all = false } = {}) {
  const { rowCount, outcomes, failing, label, unlabeled } = store, counting = all ? 0 : ~bitsOf(store, "labels");
  const counts = new Uint32Array(store.head.classes.length * 4);
  for (let row = 0; row < rowCount; row++) {
    const pair = outcomes[row];
    if (!pair || label[row] === unlabeled || failing[row] & counting) continue;
    const now = (pair & 3) - 1, then = (pair >> 2) - 1, at = label[row] * 4;
    if (now === CORRECT || now === INCORRECT) counts[at + now]++;
    if (then === CORRECT || then === INCORRECT) counts[at + 2 + then]++;
  }
  return counts;
}

// ---- selection --------------------------------------------------------------------------------

// Of the rows that match: both versions' accuracy, and of the instances what became of them.
export function countSelection(store) {
  const { matching, matchingCount, outcomes, rowCount, counted, failing, change } = store;
  const of = { primary: { n: 0, correct: 0, known: 0 }, secondary: { n: 0, correct: 0, known: 0 } };
  const add = (side, outcome) => {
    if (!outcome) return;
    side.n++;
    if (outcome - 1 === CORRECT) side.correct++;
    if (outcome - 1 <= INCORRECT) side.known++;
  };
  for (let i = 0; i < matchingCount; i++) {
    add(of.primary, outcomes[matching[i]] & 3);
    add(of.secondary, outcomes[matching[i]] >> 2);
  }
  const changes = new Uint32Array(7);
  for (let row = 0; row < rowCount; row++) if (counted[row] && !failing[row]) changes[change[row]]++;
  return { ...of, fixed: changes[FIXED], regressed: changes[REGRESSED], changes };
}

// Instances that would match without one view's filter.
export function countWithout(store, key) {
  const { rowCount, counted, failing } = store, counting = ~bitsOf(store, key);
  let count = 0;
  for (let row = 0; row < rowCount; row++) if (counted[row] && !(failing[row] & counting)) count++;
  return count;
}

// Rows of the scope in the primary and in the secondary, whatever the filters.
export function countScope(store) {
  const { rowCount, outcomes } = store;
  let primary = 0, secondary = 0;
  for (let row = 0; row < rowCount; row++) {
    if (outcomes[row] & 3) primary++;
    if (outcomes[row] >> 2) secondary++;
  }
  return { primary, secondary };
}
