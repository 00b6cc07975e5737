// Before and after: thickness and place of the four ribbons, and of the lines of text beside them. No DOM.

const LEAST = 2.5;  // pixels: a single instance stays visible
const GAP = 5;      // pixels between correct and incorrect

// Thickness of every ribbon: proportional to its count, at least LEAST, in all at most `room`.
export function thicknesses(counts, room) {
  const total = counts.reduce((sum, n) => sum + n, 0) || 1;
  const wanted = counts.map((n) => (n ? Math.max(LEAST, (n / total) * room) : 0));
  const all = wanted.reduce((sum, size) => sum + size, 0);
  if (all <= room) return wanted;
  return wanted.map((size) => (size <= LEAST ? size : size * (room / all)));
}

// Upper ends at both sides: correct ones above, incorrect ones below; the order of the counts is
// still correct, fixed, regressed, still incorrect.
export function ribbonPlaces([stillCorrect, fixed, regressed, stillIncorrect], top) {
  const before = top + stillCorrect + regressed + GAP, after = top + stillCorrect + fixed + GAP;
  return {
    left: [top, before, top + stillCorrect, before + fixed],
    right: [top, top + stillCorrect, after, after + regressed],
    bars: [
      { side: "left", correct: true, y: top, height: stillCorrect + regressed },
      { side: "left", correct: false, y: before, height: fixed + stillIncorrect },
      { side: "right", correct: true, y: top, height: stillCorrect + fixed },
      { side: "right", correct: false, y: after, height: regressed + stillIncorrect },
    ],
  };
}

// A band from height `a` at the left to height `b` at the right.
export function bandPath(a, b, thickness, left, right) {
  if (!thickness) return "";
  const middle = (left + right) / 2;
  return `M${left} ${a}C${middle} ${a} ${middle} ${b} ${right} ${b}V${b + thickness}` +
    `C${middle} ${b + thickness} ${middle} ${a + thickness} ${left} ${a + thickness}z`;
}

// Middles of lines of text near the wanted ones, in their order, `line` apart, between `top` and `bottom`.
export function spread(wanted, line, top, bottom) {
  const last = wanted.length - 1, places = [...wanted];
  for (let i = last; i >= 0; i--) places[i] = Math.min(places[i], bottom - line / 2 - (last - i) * line);
  for (let i = 0; i <= last; i++) {
    places[i] = Math.max(places[i], top + line / 2 + i * line, i ? places[i - 1] + line : 0);
  }
  return places;
}
