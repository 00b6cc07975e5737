// Pictures of image data: gray values from the codes, means of both versions, and what a step touched. No DOM.
import { IS_ADDED, IS_EDITED, IS_RELABELED, IS_REMOVED } from "./store.js";

const TOUCHED = [[IS_EDITED, "edited"], [IS_RELABELED, "relabeled"], [IS_ADDED, "added"], [IS_REMOVED, "removed"]];
const PRIMARY = 1, SECONDARY = 2;  // bits of store.sides

// Gray values of one bar of a pixel, from 0 to 1; null where the value is missing.
function grayOf(feature, code) {
  if (code >= feature.bars - 2) return null;
  if (feature.bins === "values") return feature.values[code] / (feature.values.at(-1) || 1);
  return code / (feature.bars - 3);
}

// The pixels of one row, from 0 (no ink) to 1.
export function pixelsOf({ head, columns }, row) {
  return head.image.features.map((feature) => grayOf(head.features[feature], columns[feature][row]));
}

export const isBlank = (pixels) => pixels.every((value) => value === 0);

// The mean of every pixel over the rows of either version: [primary, secondary].
export function meanPixels({ head, columns, sides, rowCount }) {
  return [PRIMARY, SECONDARY].map((side) => head.image.features.map((feature) => {
    const codes = columns[feature], one = head.features[feature];
    const grays = Array.from({ length: one.bars }, (_, code) => grayOf(one, code));
    let total = 0, known = 0;
    for (let row = 0; row < rowCount; row++) {
      const gray = sides[row] & side ? grays[codes[row]] : null;
      if (gray === null) continue;
      total += gray;
      known++;
    }
    return known ? total / known : 0;
  }));
}

// The instances that the step edited; if none, those it relabeled, added, or removed.
export function touchedRows(store) {
  const { dataChange, instance, primaryRow, secondaryRow, rowCount } = store;
  for (const [bit, word] of TOUCHED) {
    const rows = [];
    for (let row = 0; row < rowCount; row++) {
      if (!(dataChange[row] & bit)) continue;
      const now = primaryRow[instance[row]];
      if ((now >= 0 ? now : secondaryRow[instance[row]]) === row) rows.push(row);
    }
    if (rows.length) return { word, rows };
  }
  return null;
}

// Evenly spaced ones of a list, at most `most`.
export function sampled(list, most) {
  const step = Math.max(1, list.length / Math.max(1, most));
  return Array.from({ length: Math.min(most, list.length) }, (_, i) => list[Math.floor(i * step)]);
}

// How many added instances have another label in another version.
export function relabeledElsewhere({ instance, instanceRows, label }, rows) {
  return rows.filter((row) => {
    const { start, rows: all } = instanceRows, one = instance[row];
    for (let k = start[one]; k < start[one + 1]; k++) if (label[all[k]] !== label[row]) return true;
    return false;
  }).length;
}
