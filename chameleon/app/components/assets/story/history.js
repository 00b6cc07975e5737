// One instance in every version. No DOM.
import { isPresent, outcomeAt, predictedAt } from "./store.js";

export function rowsOf({ instance, instanceRows }, row) {
  const one = instance[row];
  return Array.from(instanceRows.rows.subarray(instanceRows.start[one], instanceRows.start[one + 1]));
}

// Per version the row that the version holds, its outcome, and the prediction; null where it is absent.
export function historyOf(store, row) {
  const rows = rowsOf(store, row);
  return store.head.versions.map((_, version) => {
    const at = rows.find((one) => isPresent(store, version, one));
    if (at === undefined) return null;
    return { row: at, outcome: outcomeAt(store, version, at), predicted: predictedAt(store, version, at) };
  });
}

// Versions whose row differs from the one before.
export function editedVersions(history) {
  let last = null;
  return history.flatMap((one, version) => {
    const edited = one && last !== null && one.row !== last;
    if (one) last = one.row;
    return edited ? [version] : [];
  });
}

// Which of `count` names fit with `step` pixels each: those of `kept`, then every so many of the others.
export function namedPlaces(count, step, kept, room) {
  const every = Math.max(1, Math.ceil(room / step));
  const others = Array.from({ length: count }, (_, i) => i).filter((i) => i % every === 0);
  const free = others.filter((i) => kept.every((one) => Math.abs(one - i) * step >= room));
  return [...new Set([...kept, ...free])].sort((a, b) => a - b);
}
