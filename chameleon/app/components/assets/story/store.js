// The rows of a timeline: what they are, and which of them two versions and the filters leave.
// No DOM: the same file runs in a page, a worker, or node.

export const SPLITS = ["train", "test", "validation"];
export const CORRECT = 0, INCORRECT = 1, UNKNOWN_OUTCOME = 2;
// What became of an instance's prediction, or of the instance, from the secondary to the primary.
export const STILL_CORRECT = 0, REGRESSED = 1, FIXED = 2, STILL_INCORRECT = 3;
export const ADDED = 4, REMOVED = 5, UNKNOWN = 6;
// What became of its data, as bits.
export const IS_ADDED = 1, IS_REMOVED = 2, IS_RELABELED = 4, IS_EDITED = 8, IS_MOVED = 16;

const ARRAYS = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array };
const HOLDS_PRIMARY = 1, HOLDS_SECONDARY = 2, IN_BOTH = 3;
const MOST_BARS = 256, OUTCOME_PAIRS = 16;

// ---- opening ----------------------------------------------------------------------------------

export function openStore({ head, blob }) {
  const arrays = Object.fromEntries(head.arrays.map((one) => [one.name, typedArray(blob, one)]));
  const rowCount = head.rows, featureCount = head.features.length;
  const store = {
    head, ...arrays, rowCount, featureCount, versionCount: head.versions.length,
    unlabeled: arrays.label instanceof Uint16Array ? 65535 : 255,
    columns: Array.from({ length: featureCount }, (_, f) => arrays.codes.subarray(f * rowCount, (f + 1) * rowCount)),
    cellStart: starts(arrays.cell, head.grid[0] * head.grid[1] || 1),
    instanceRows: rowsByInstance(arrays.instance, head.instances),
    ...rowArrays(rowCount, head.instances),
    filters: [], restriction: { primary: null, secondary: null }, pairDrift: null,
    histogram: new Uint32Array(MOST_BARS * OUTCOME_PAIRS),
  };
  return store;
}

// A typed array over the bytes, or over a copy of them where they don't start at a multiple of its
// element size: Arrow hands out a view at any offset.
function typedArray(blob, { dtype, shape, offset }) {
  const Type = ARRAYS[dtype], length = shape.reduce((product, size) => product * size, 1);
  const start = blob.byteOffset + offset;
  if (start % Type.BYTES_PER_ELEMENT === 0) return new Type(blob.buffer, start, length);
  return new Type(blob.slice(offset, offset + length * Type.BYTES_PER_ELEMENT).buffer);
}

// outcomes: per row of the scope, the primary model's outcome + 1 in the lower two bits, and the
// secondary model's in the next two; 0 if the row is not in that version. trainOutcomes: the same of
// train rows. counted: 1 for the one row that represents an instance of the scope. failing: a bit per
// filter that excludes the row. matching: the rows that no filter excludes. primaryRow: per instance its
// row in the primary, -1 without one; primaryPresent: the same, whatever restricts the primary.
function rowArrays(rowCount, instanceCount) {
  const bytes = () => new Uint8Array(rowCount), words = () => new Uint32Array(rowCount);
  return {
    outcomes: bytes(), trainOutcomes: bytes(), change: bytes(), dataChange: bytes(), counted: bytes(),
    sides: bytes(), failing: words(), matching: words(), trainMatching: words(),
    matchingCount: 0, trainMatchingCount: 0,
    primaryRow: new Int32Array(instanceCount), secondaryRow: new Int32Array(instanceCount),
    primaryPresent: new Int32Array(instanceCount), secondaryPresent: new Int32Array(instanceCount),
  };
}

// Of numbers from 0 to count - 1: where each would start if they were sorted.
function starts(numbers, count) {
  const start = new Uint32Array(count + 1);
  for (const number of numbers) start[number + 1]++;
  for (let i = 0; i < count; i++) start[i + 1] += start[i];
  return start;
}

function rowsByInstance(instance, count) {
  const start = starts(instance, count), rows = new Uint32Array(instance.length), next = start.slice();
  instance.forEach((number, row) => { rows[next[number]++] = row; });
  return { start, rows };
}

// ---- reading ----------------------------------------------------------------------------------

export function isPresent({ present, rowCount }, version, row) {
  const bytes = (rowCount + 7) >> 3;
  return (present[version * bytes + (row >> 3)] >> (row & 7)) & 1;
}

export function outcomeAt({ outcome, rowCount }, version, row) {
  const bytes = (rowCount + 3) >> 2;
  return (outcome[version * bytes + (row >> 2)] >> ((row & 3) * 2)) & 3;
}

// The predicted class: the label where correct, else from the list of incorrect predictions.
export function predictedAt(store, version, row) {
  const outcome = outcomeAt(store, version, row);
  if (outcome === CORRECT) return store.label[row];
  if (outcome !== INCORRECT) return store.unlabeled;
  if (!store.wrong) return store.label[row] === 0 ? 1 : 0;
  return incorrectClasses(store, version)[row];
}

const MOST_CACHED_VERSIONS = 6;  // two are drawn, and a film passes through the others once

// Per row, the class of an incorrect prediction of one version's model. `wrong` has them in the order
// of version, then row.
function incorrectClasses(store, version) {
  store.incorrectClasses ??= new Map();
  const cached = store.incorrectClasses.get(version);
  if (cached) return cached;
  const classes = new Uint16Array(store.rowCount);
  let next = incorrectBefore(store, version);
  for (let row = 0; row < store.rowCount; row++) {
    if (outcomeAt(store, version, row) === INCORRECT) classes[row] = store.wrong[next++];
  }
  if (store.incorrectClasses.size >= MOST_CACHED_VERSIONS) {
    store.incorrectClasses.delete(store.incorrectClasses.keys().next().value);
  }
  store.incorrectClasses.set(version, classes);
  return classes;
}

function incorrectBefore(store, version) {
  store.incorrectStart ??= [0];
  for (let v = store.incorrectStart.length; v <= version; v++) {
    let total = store.incorrectStart[v - 1];
    for (let row = 0; row < store.rowCount; row++) if (outcomeAt(store, v - 1, row) === INCORRECT) total++;
    store.incorrectStart.push(total);
  }
  return store.incorrectStart[version];
}

// The headline metric of a version: how many rows, value, and 95% interval.
export function accuracyOf({ head }, version, scope) {
  const [n, value, low, high] = head.metrics[scope]?.[version] ?? [0, null, null, null];
  return { n, value, low, high };
}

export function idOf(store, row) {
  const { ids, instance } = store, format = store.head.ids;
  if (!format.text) return format.prefix + String(ids[instance[row]]).padStart(format.width, "0");
  store.idTexts ??= new TextDecoder().decode(ids).split(format.separator);
  return store.idTexts[instance[row]];
}

// ---- two versions -----------------------------------------------------------------------------

// Everything that depends on the two versions and the scope ("all": every split).
export function setPair(store, primary, secondary, scope) {
  Object.assign(store, { primary, secondary, scope, pairDrift: null, countedDrift: null });
  store.sharedGroups = store.head.contents[primary].filter((group) => store.head.contents[secondary].includes(group));
  markRows(store);
  markInstances(store);
  store.filters.forEach((filter) => filter && markFailing(store, filter));
  settle(store);
}

function markRows(store) {
  const { rowCount, outcomes, trainOutcomes, sides, split } = store;
  const wanted = SPLITS.indexOf(store.scope);
  const sizes = (store.sideSizes = [0, 0, 0, 0, 0, 0]);  // per split: in the secondary, the primary, and both
  for (const array of [outcomes, trainOutcomes, sides]) array.fill(0);
  const primary = sideOf(store, "primary"), secondary = sideOf(store, "secondary");
  store.sameRows = store.sameTrainRows = true;
  for (let row = 0; row < rowCount; row++) {
    const inPrimary = isHeld(store, primary, row), inSecondary = isHeld(store, secondary, row);
    if (!inPrimary && !inSecondary) continue;
    const pair = (inPrimary ? outcomeAt(store, store.primary, row) + 1 : 0) |
      (inSecondary ? (outcomeAt(store, store.secondary, row) + 1) << 2 : 0);
    sides[row] = (inPrimary ? HOLDS_PRIMARY : 0) | (inSecondary ? HOLDS_SECONDARY : 0);
    if (split[row] < 2) addSizes(sizes, 3 * split[row], sides[row]);
    if (wanted < 0 || split[row] === wanted) {
      outcomes[row] = pair;
      if (sides[row] !== IN_BOTH) store.sameRows = false;
    }
    if (split[row] === 0) {
      trainOutcomes[row] = pair;
      if (sides[row] !== IN_BOTH) store.sameTrainRows = false;
    }
  }
}

function addSizes(sizes, at, sides) {
  if (sides & HOLDS_SECONDARY) sizes[at]++;
  if (sides & HOLDS_PRIMARY) sizes[at + 1]++;
  if (sides === IN_BOTH) sizes[at + 2]++;
}

function sideOf(store, side) {
  const present = store[`${side}Present`].fill(-1), held = store[`${side}Row`].fill(-1);
  return { version: store[side], restriction: store.restriction[side], present, held };
}

// Notes the row of its instance in a side's version; returns true if the side has it.
function isHeld(store, { version, restriction, present, held }, row) {
  if (!isPresent(store, version, row)) return false;
  const instance = store.instance[row];
  present[instance] = row;
  if (restriction && !restriction[row]) return false;
  held[instance] = row;
  return true;
}

function markInstances(store) {
  const { primaryRow, secondaryRow, primaryPresent, secondaryPresent, counted, change, dataChange, split } = store;
  const wanted = SPLITS.indexOf(store.scope);
  store.pairedRows = [];
  counted.fill(0);
  for (let i = 0; i < store.head.instances; i++) {
    const read = primaryPresent[i], other = secondaryPresent[i];
    if (read >= 0 && other >= 0 && read !== other) store.pairedRows.push([read, other]);
    const now = primaryRow[i], then = secondaryRow[i], row = now >= 0 ? now : then;
    if (row < 0) continue;
    counted[row] = wanted < 0 || split[row] === wanted ? 1 : 0;
    change[row] = changeOfOutcome(store, now, then);
    dataChange[row] = changeOfData(store, now, then);
  }
}

function changeOfOutcome(store, now, then) {
  if (then < 0) return ADDED;
  if (now < 0) return REMOVED;
  const before = outcomeAt(store, store.secondary, then), after = outcomeAt(store, store.primary, now);
  if (before >= UNKNOWN_OUTCOME || after >= UNKNOWN_OUTCOME) return UNKNOWN;
  if (before === CORRECT) return after === CORRECT ? STILL_CORRECT : REGRESSED;
  return after === CORRECT ? FIXED : STILL_INCORRECT;
}

function changeOfData(store, now, then) {
  const { label, split } = store;
  if (then < 0) return IS_ADDED;
  if (now < 0) return IS_REMOVED;
  return (label[now] !== label[then] ? IS_RELABELED : 0) |
    (isEdited(store, now, then) ? IS_EDITED : 0) | (split[now] !== split[then] ? IS_MOVED : 0);
}

// `content` numbers the different contents of an instance, per group of columns that come and go together.
export function isEdited({ content, sharedGroups, rowCount }, now, then) {
  return sharedGroups.some((group) => content[group * rowCount + now] !== content[group * rowCount + then]);
}

// ---- filters ----------------------------------------------------------------------------------

// Bit 0 is the hover, bits 1 to 31 committed filters. A matcher is {test(row)}, or {rows}: ranges
// [from, to) of rows that match; null removes the filter. `key` names its view, which ignores it.
export function setFilter(store, bit, key, matcher) {
  if (store.filters[bit]) {
    const others = ~(1 << bit);
    for (let row = 0; row < store.rowCount; row++) store.failing[row] &= others;
  }
  store.filters[bit] = matcher ? { bit, key, ...matcher } : null;
  if (matcher) markFailing(store, store.filters[bit]);
}

// An instance matches by its row in the primary, so the row it had in the secondary goes with it.
function markFailing({ failing, rowCount, pairedRows }, { bit, test, rows }) {
  const mask = 1 << bit;
  if (rows) {
    for (let row = 0; row < rowCount; row++) failing[row] |= mask;
    for (const [from, to] of rows) for (let row = from; row < to; row++) failing[row] &= ~mask;
  } else {
    for (let row = 0; row < rowCount; row++) failing[row] = test(row) ? failing[row] & ~mask : failing[row] | mask;
  }
  for (const [now, then] of pairedRows) failing[then] = (failing[then] & ~mask) | (failing[now] & mask);
}

// Lists the rows that no filter excludes.
export function settle(store) {
  const { rowCount, outcomes, trainOutcomes, failing, matching, trainMatching } = store;
  let count = 0, trainCount = 0;
  for (let row = 0; row < rowCount; row++) {
    if (failing[row]) continue;
    if (outcomes[row]) matching[count++] = row;
    if (trainOutcomes[row]) trainMatching[trainCount++] = row;
  }
  store.matchingCount = count;
  store.trainMatchingCount = trainCount;
  store.filtered = store.filters.some(Boolean);
}

// The bits of a view's own filters, which don't narrow what it counts.
export function bitsOf({ filters }, key) {
  return filters.reduce((bits, filter) => (filter && filter.key === key ? bits | (1 << filter.bit) : bits), 0);
}
