// One row of Features: which bars it draws, where, how tall, and which are cut. No DOM.
import { dateTicks, ticks } from "../feature_view/scales.js";
import { barText, isApart, missingCode, valueText } from "./bar_text.js";

export const AXIS = 16;          // room beneath the bars for the texts of the axis
export const GUTTER = 54;        // room at the left for "correct" and "incorrect"
const UP_SHARE = 0.66;           // share of the room for bars above the axis
const NUMBER = 12;               // room above for the largest count
const APART = 46;                // width of a bar that stands apart, with its text
const APART_GAP = 8;
const WIDEST_APART = 18;
const CUT_FROM = 4;              // a bar more than this many times the next is cut
const CUT_TO = 2.4;              // and then as tall as this many times the next
const TALLER = [2, 3, 5, 10, 20, 50, 100];
const CATEGORY_LENGTH = 14;

const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);

// ---- bars -----------------------------------------------------------------------------------

// Counts are six arrays by bar: correct, incorrect, unknown of the primary, then of the secondary.
export const hasOutcomes = (counts) => [0, 1, 3, 4].some((i) => counts[i].some((n) => n > 0));

// True if every bar has as many rows in both versions: then the versions' colors would suggest a change.
export function hasSameValues(counts) {
  const rows = (from, code) => counts[from][code] + counts[from + 1][code] + counts[from + 2][code];
  return counts[0].every((_, code) => rows(0, code) === rows(3, code));
}

// Without any outcome all rows are drawn above the axis.
export function allAbove(counts) {
  const none = new Uint32Array(counts[0].length);
  return [counts[2], none, none, counts[5], none, none];
}

const occurs = (counts, code) => counts.some((numbers) => numbers[code] > 0);

// Codes to draw: the tails of ranges, missing, and non-finite values only where there are any.
export function shownCodes(feature, counts) {
  const missing = missingCode(feature), codes = [];
  for (let code = 0; code < feature.bars; code++) {
    const tail = feature.bins === "ranges" && (code === 0 || code === missing - 1);
    if ((tail || code >= missing) && !occurs(counts, code)) continue;
    codes.push(code);
  }
  return codes;
}

// A slot (x, width) and the ink in it (left, ink) for every code; missing values stand apart.
export function placeBars(feature, codes, right) {
  const apart = codes.filter((code) => isApart(feature, code)).length, joined = codes.length - apart;
  const width = (right - GUTTER - apart * (APART + APART_GAP)) / Math.max(1, joined);
  const gap = width > 5 ? 1 : 0.4, bars = [];
  let x = GUTTER;
  for (const code of codes) {
    if (isApart(feature, code)) {
      const ink = Math.max(3, Math.min(WIDEST_APART, width - gap));
      x += APART_GAP;
      bars.push({ code, x, width: APART, left: x + (APART - ink) / 2, ink, apart: true });
      x += APART;
    } else {
      bars.push({ code, x, width, left: x, ink: width - gap, apart: false });
      x += width;
    }
  }
  return bars;
}

// The bar at a place, at either end the outermost.
export function barAt(bars, x) {
  const found = bars.findIndex((bar) => x < bar.x + bar.width);
  return found < 0 ? bars.length - 1 : found;
}

// ---- heights --------------------------------------------------------------------------------

// Per bar the primary's and the secondary's heights, above and below the axis.
export function heightsOf(counts, codes, shares, primaryOnly) {
  const total = (from) => Math.max(1, sum(counts.slice(from, from + 3).map(sum)));
  const primary = shares ? 1 / total(0) : 1, secondary = primaryOnly ? 0 : shares ? 1 / total(3) : 1;
  const side = (i) => codes.map((code) => [counts[i][code] * primary, counts[i + 3][code] * secondary]);
  return { up: side(0), down: side(1), unit: primary };
}

// The tallest bar as drawn: itself, or less where it is more than four times the next.
export function cutHeight(pairs) {
  let tallest = 0, next = 0;
  for (const pair of pairs) {
    const height = Math.max(...pair);
    if (height > tallest) [next, tallest] = [tallest, height];
    else if (height > next) next = height;
  }
  return tallest > CUT_FROM * next && next > 0 ? CUT_TO * next : tallest;
}

// How many times taller incorrect counts need to be drawn in one row.
export function wantedFactor({ up, down }) {
  const [above, below] = [cutHeight(up), cutHeight(down)];
  return above && below ? ((1 - UP_SHARE) / below) * (above / UP_SHARE) : null;
}

// One factor for all rows: a round number that a quarter of the first rows needs at most.
export function roundFactor(wanted) {
  const sorted = wanted.filter((factor) => factor !== null).sort((a, b) => a - b);
  const quarter = sorted[Math.floor(sorted.length / 4)] ?? 1;
  return TALLER.reduce((best, factor) => (quarter >= factor * 0.9 ? factor : best), 1);
}

// The place of the axis, the room on both sides, and pixels per count. Where incorrect counts would not
// fit with the common factor, the whole row is drawn smaller.
export function scaleOf({ up, down }, factor, height) {
  const room = height - AXIS - NUMBER, above = Math.round(room * UP_SHARE), below = room - above;
  const [tallest, deepest] = [cutHeight(up), cutHeight(down)];
  let unit = (above - 1) / (tallest || 1);
  if (deepest * unit * factor > below - 1) unit = (below - 1) / (deepest * factor);
  return { zero: NUMBER + above, above, below, up: unit, down: unit * factor, tallest, deepest };
}

// ---- paths ----------------------------------------------------------------------------------

const box = ({ left, ink }, from, to) =>
  `M${left.toFixed(1)} ${from.toFixed(1)}V${to.toFixed(1)}h${ink.toFixed(1)}V${from.toFixed(1)}z`;

// One half of a row: paths of what both versions have, what either has more, and where bars are cut.
function halfPaths(paths, bars, pairs, { zero, sign, unit, room, limit }, changed) {
  pairs.forEach((pair, i) => {
    const bar = bars[i], most = Math.max(...pair), cut = most > limit * 1.001;
    const scale = cut ? room / most : unit, at = (height) => zero + sign * height * scale;
    if (cut) {
      const y = zero + sign * room * 0.55 + 1.5;
      paths.breaks += `M${(bar.left - 1).toFixed(1)} ${y.toFixed(1)}l${(bar.ink + 2).toFixed(1)} -3`;
      paths.cuts.push({ bar, value: most, sign });
    }
    if (changed) changedBar(paths, bar, pair[0], changed[i], sign, scale, zero);
    else comparedBar(paths, bar, pair, at, scale);
  });
}

function comparedBar(paths, bar, [primary, secondary], at, scale) {
  const low = Math.min(primary, secondary), high = Math.max(primary, secondary);
  if (low > 0) paths.both += box(bar, at(0), at(Math.max(low, 0.6 / scale)));
  if ((high - low) * scale <= 0.3) return;  // less than a third of a pixel
  paths[primary > secondary ? "primary" : "secondary"] += box(bar, at(low), at(high));
}

// The same rows in both versions: gray, with those whose outcome changed at the far end.
function changedBar(paths, bar, total, changed, sign, scale, zero) {
  const at = (pixels) => zero + sign * pixels, height = total * scale, part = changed * scale;
  if (height > part) paths.plain += box(bar, at(0), at(Math.max(height - part, 0.6)));
  if (part <= 0) return;
  paths[sign < 0 ? "fixed" : "regressed"] += box(bar, at(height - part), at(Math.max(height, height - part + 0.8)));
}

// All paths of a row. `changed`: per half and bar the counts that were fixed (above) and regressed (below).
export function barPaths(bars, heights, scale, changed) {
  const paths = { both: "", primary: "", secondary: "", plain: "", fixed: "", regressed: "", breaks: "", cuts: [] };
  halfPaths(paths, bars, heights.up,
    { zero: scale.zero, sign: -1, unit: scale.up, room: scale.above - 1, limit: scale.tallest }, changed?.up);
  halfPaths(paths, bars, heights.down,
    { zero: scale.zero, sign: 1, unit: scale.down, room: scale.below - 1, limit: scale.deepest }, changed?.down);
  return paths;
}

// The outline of the unfiltered primary, on a scale that fits: its shape, not its size.
export function outlinePath(bars, counts, scale) {
  const [correct, incorrect] = counts, peak = (numbers) => Math.max(1e-9, ...bars.map(({ code }) => numbers[code]));
  const up = (scale.above - 1) / peak(correct);
  const down = Math.min((scale.below - 1) / peak(incorrect), up * (scale.down / scale.up));
  const edge = (numbers, sign, unit) => {
    const steps = bars.map(({ code, left, ink }) =>
      `L${left.toFixed(1)} ${(scale.zero + sign * numbers[code] * unit).toFixed(1)}h${ink.toFixed(1)}`);
    const last = bars.at(-1), end = (last.left + last.ink).toFixed(1);
    return `M${bars[0].left.toFixed(1)} ${scale.zero}${steps.join("")}L${end} ${scale.zero}`;
  };
  return edge(correct, -1, up) + edge(incorrect, 1, down);
}

// ---- texts ----------------------------------------------------------------------------------

// The bar whose count is the largest above the axis (below, if there is none above), and that count.
export function largestCount(bars, { up, down }) {
  const pairs = up.some((pair) => Math.max(...pair) > 0) ? up : down;
  let best = 0;
  pairs.forEach((pair, i) => { if (Math.max(...pair) > Math.max(...pairs[best])) best = i; });
  return { bar: bars[best], value: Math.max(...pairs[best]), above: pairs === up };
}

const shortened = (text) => (text.length > CATEGORY_LENGTH ? `${text.slice(0, CATEGORY_LENGTH - 1)}…` : text);

// The place of a value among bars of ranges; edges need not be evenly spaced.
function placeOf({ edges }, bars, value) {
  const code = Math.min(edges.length - 1, Math.max(1, edges.findLastIndex((edge) => edge <= value) + 1));
  const bar = bars.find((one) => one.code === code), low = edges[code - 1], high = edges[code];
  return bar.x + bar.width * ((value - low) / (high - low || 1));
}

function rangeTexts(feature, bars) {
  const { edges } = feature, low = edges[0], high = edges.at(-1), joined = bars.filter((bar) => !bar.apart);
  const width = joined.at(-1).x + joined.at(-1).width - joined[0].x, wanted = Math.max(2, Math.floor(width / 80));
  const found = feature.kind === "date" ? dateTicks(low, high, wanted)
    : ticks(low, high, wanted).map((at) => [at, valueText(feature, at)]);
  return found.map(([at, text]) => ({ x: placeOf(feature, bars, at), text }));
}

const middleText = (feature, bar) => ({ x: bar.x + bar.width / 2, text: shortened(barText(feature, bar.code)) });

// Texts of the axis with the ends of their space, left to right, never overlapping; `widthOf` measures.
export function axisTexts(feature, bars, right, widthOf) {
  const joined = bars.filter((bar) => !bar.apart), apart = bars.filter((bar) => bar.apart);
  const inner = feature.bins === "ranges" ? rangeTexts(feature, bars) : joined.map((bar) => middleText(feature, bar));
  const end = apart.length ? apart[0].x : right, texts = [];
  let last = -Infinity;
  const step = feature.bins === "values" ? Math.ceil((inner.length * 24) / Math.max(1, end - GUTTER)) : 1;
  inner.forEach(({ x, text }, i) => {
    const width = widthOf(text), left = Math.max(GUTTER, Math.min(x - width / 2, end - width));
    if (i % step || left < last + 6) return;
    texts.push({ x: left, text });
    last = left + width;
  });
  return [...texts, ...apart.map((bar) => {
    const { x, text } = middleText(feature, bar);
    return { x: Math.min(x - widthOf(text) / 2, right - widthOf(text)), text };
  })];
}
