// Changes of outcome: how many changes each bar stands for, and its words. No DOM.

export const UNKNOWN_CHANGES = 255;  // fewer than two known outcomes

// The largest number of changes that any instance has.
export function mostChanges(counts) {
  let most = 1;
  for (let changes = 1; changes < UNKNOWN_CHANGES; changes++) if (counts[changes]) most = changes;
  return most;
}

// The width at which single bars don't cut each other's counts: counts at about the same height need room.
export function singleWidth(counts, most, { room, line, least, widthOf }) {
  let peak = 1, width = least;
  for (let changes = 1; changes <= most; changes++) peak = Math.max(peak, counts[changes]);
  for (let changes = 1; changes < most; changes++) {
    const apart = (Math.abs(counts[changes] - counts[changes + 1]) / peak) * room >= line;
    if (apart || !counts[changes] || !counts[changes + 1]) continue;
    width = Math.max(width, (widthOf(counts[changes]) + widthOf(counts[changes + 1])) / 2 + 4);
  }
  return width;
}

// "Never", then 1, 2, ... changes; several to a bar where at most `fit` bars have room.
export function barRanges(most, fit) {
  const width = Math.ceil(most / Math.max(1, fit)), ranges = [{ from: 0, to: 0 }];
  for (let from = 1; from <= most; from += width) ranges.push({ from, to: Math.min(most, from + width - 1) });
  return ranges;
}

export function countWithin(counts, { from, to }) {
  let sum = 0;
  for (let changes = from; changes <= to; changes++) sum += counts[changes];
  return sum;
}

// Beneath the bar.
export function rangeText({ from, to }) {
  if (to === 0) return "never";
  return from === to ? String(from) : `${from}–${to}`;
}

// In a filter chip and for a screen reader.
export function rangeWords({ from, to }) {
  if (to === 0) return "outcome never changed";
  if (from === to) return `outcome changed ${from === 1 ? "once" : `${from} times`}`;
  return `outcome changed ${from} to ${to} times`;
}
