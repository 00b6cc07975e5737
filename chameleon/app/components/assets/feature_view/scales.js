// Numbers, dates, ticks, and the place of each bar of a feature. Nothing here touches the page.

const formats = new Map();
function format(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat("en-US", options));
  return formats.get(key);
}

export const sum = (array) => array.reduce((total, n) => total + n, 0);
export const count = (n) => format({ maximumFractionDigits: 0 }).format(n);
export const percent = (share) => `${number(share * 100, 3)}%`;

// Grouping "min2" keeps years readable (2019) and still writes 64,205.
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "-";
  const size = Math.abs(value);
  if (size === 0) return "0";
  const [least, most] = digits < 10 ? [1e-3, 1e7] : [1e-9, 1e20];  // the format below has at most 21 digits
  if (size >= most || size < least) {
    return value.toExponential(digits < 10 ? Math.max(digits - 2, 1) : digits - 1).replace(/\.?0*e\+?/, "e");
  }
  const whole = size < 1 ? 1 : Math.floor(Math.log10(size)) + 1;
  const maximumSignificantDigits = Math.max(digits, whole);
  return format({ maximumSignificantDigits, useGrouping: "min2" }).format(value);
}

// On an axis room is short: 1.75M, unless few digits cannot distinguish neighbors.
export function brief(value, digits = 4) {
  if (digits > 4) return number(value, digits);
  if (Math.abs(value) < 1e5 || Math.abs(value) >= 1e12) return number(value, 4);
  return format({ notation: "compact", maximumSignificantDigits: 4 }).format(value);
}

export function moment(ms) {
  const date = new Date(ms);
  if (ms === null || Number.isNaN(date.getTime())) return "-";
  const [day, time] = date.toISOString().split("T");
  return time === "00:00:00.000Z" ? day : `${day} ${time.slice(0, 5)}`;
}

export const value = (feature, v, digits = 6) =>
  feature.kind === "date" ? moment(v) : number(v, digits);

// Digits that distinguish the edges of neighboring bars (1,000,000.1 from 1,000,000.2).
export function digitsOf(feature) {
  const edges = feature.edges, step = (edges.at(-1) - edges[0]) / (edges.length - 1);
  const most = Math.max(Math.abs(edges[0]), Math.abs(edges.at(-1)));
  return step > 0 ? Math.max(1, Math.min(15, Math.ceil(Math.log10(most / step)) + 1)) : 15;
}

const MOST_TICKS = 100;

export function ticks(low, high, wanted, whole = false) {
  const parts = Math.max(wanted, 1), raw = high / parts - low / parts;  // high - low may be infinite
  if (!(raw > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(raw));
  let step = [1, 2, 5, 10].find((m) => m * power >= raw * 0.7) * power;
  if (whole) step = Math.max(1, step);
  const found = [];
  const last = Math.floor(high / step + 1e-9);
  for (let i = Math.ceil(low / step - 1e-9); i <= last && found.length < MOST_TICKS; i++) {  // beyond 2^53, i + 1 may be i
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

const SECOND = 1000, DAY = 86400 * SECOND;
const TIME_STEPS = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200].map((s) => s * SECOND);
const MONTH_STEPS = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200];

// [position, label] pairs at whole seconds to centuries of UTC.
export function dateTicks(low, high, wanted) {
  const raw = (high - low) / Math.max(wanted, 1);
  if (!(raw > 0)) return [[low, moment(low)]];
  const short = [...TIME_STEPS, DAY, 2 * DAY, 7 * DAY].find((step) => step >= raw);
  if (short) {
    const label = (ms) => (short < DAY ? moment(ms).slice(5) : moment(ms));
    return ticks(low / short, high / short, 1e9, true).slice(0, 60)
      .map((i) => [i * short, label(i * short)]);
  }
  const months = MONTH_STEPS.find((m) => m * 30.4 * DAY >= raw) ?? 2400;
  const from = new Date(low), found = [];
  let month = from.getUTCFullYear() * 12 + from.getUTCMonth();
  for (month = Math.ceil(month / months) * months; found.length < 60; month += months) {
    const at = Date.UTC(Math.floor(month / 12), month % 12, 1);
    if (!(at <= high)) break;  // NaN: no date of JavaScript
    if (at >= low) found.push([at, moment(at).slice(0, months < 12 ? 7 : 4)]);
  }
  return found;
}

// ---- bars -----------------------------------------------------------------------------------

// One entry per bar, in the order of the counts: below, ranges or categories, above, missing, nonfinite.
export function barsOf(feature) {
  const has = (kind) => feature.extras.includes(kind);
  const names = feature.categories ?? feature.values ?? [];
  const middle = feature.edges ? feature.edges.length - 1 : names.length;
  const bars = [];
  if (has("below")) bars.push({ kind: "below", at: 0 });
  for (let i = 0; i < middle; i++) bars.push({ kind: feature.edges ? "range" : "category", at: i });
  if (has("above")) bars.push({ kind: "above", at: middle });
  for (const kind of ["missing", "nonfinite"]) if (has(kind)) bars.push({ kind, at: 0, apart: true });
  return bars;
}

const isOther = (feature, bar) =>
  feature.other !== null && feature.other !== undefined && bar.kind === "category" &&
  bar.at === (feature.categories ?? feature.values).length - 1;

// The values of a bar, as text for the tooltip, the axis ("short"), and the screen reader.
export function describe(feature, bar, short = false) {
  const edges = feature.edges;
  if (bar.kind === "missing") return "missing";
  if (bar.kind === "nonfinite") return short ? "infinite" : "not finite (infinity)";
  if (bar.kind === "category") {
    if (isOther(feature, bar)) {
      return short ? `other (${feature.other})` : `other: ${count(feature.other)} rarer categories together`;
    }
    return feature.categories ? feature.categories[bar.at] : value(feature, feature.values[bar.at]);
  }
  if (bar.kind === "below" || bar.kind === "above") {
    const below = bar.kind === "below";
    const edge = edges ? edges[below ? 0 : edges.length - 1] : null;
    const end = below ? feature.low : feature.high;
    if (short && edge !== null) return `${below ? "<" : ">"} ${feature.kind === "date" ? moment(edge) : brief(edge, digitsOf(feature))}`;
    if (short) return bar.kind;
    return `${bar.kind} ${edge === null ? "the range" : value(feature, edge, Math.max(6, digitsOf(feature)))}` +
      (end === null ? "" : `, ${below ? "down" : "up"} to ${value(feature, end)}`);
  }
  const last = bar.at === edges.length - 2, digits = Math.max(6, digitsOf(feature));
  return `[${value(feature, edges[bar.at], digits)}, ${value(feature, edges[bar.at + 1], digits)}${last ? "]" : ")"}`;
}

const WIDEST_BAR = 72, TAIL_GAP = 4;

// Gives every bar its slot (x, width: what is clicked) and its ink (left, ink).
export function place(bars, from, to) {
  const slot = to - from < 260 ? 43 : 52;
  const apart = bars.filter((bar) => bar.apart).length;
  const tails = bars.filter((bar) => bar.kind === "below" || bar.kind === "above").length;
  const room = to - from - apart * slot - tails * TAIL_GAP;
  const step = Math.max(1, Math.min(WIDEST_BAR, room / Math.max(bars.length - apart, 1)));
  const gap = step > 5 ? 1 : step > 3 ? 0.5 : 0;
  let x = from;
  for (const bar of bars) {
    if (bar.kind === "above") x += TAIL_GAP;
    const width = bar.apart ? slot : step;
    const ink = bar.apart ? Math.max(4, Math.min(step, 18)) : step - gap;
    Object.assign(bar, { x, width, ink, left: bar.apart ? x + (slot + 8 - ink) / 2 : x + gap / 2 });
    x += width + (bar.kind === "below" ? TAIL_GAP : 0);
  }
  return bars;
}

// The place of a value of a range feature; edges need not be evenly spaced.
export function position(feature, bars, v) {
  const i = Math.max(0, Math.min(feature.edges.length - 2, feature.edges.findIndex((e) => e > v) - 1));
  const at = v >= feature.edges.at(-1) ? feature.edges.length - 2 : i;
  const bar = bars.find((b) => b.kind === "range" && b.at === at);
  const [low, high] = [feature.edges[at], feature.edges[at + 1]];
  return bar.x + bar.width * (high > low ? (v - low) / (high - low) : 0.5);
}

export const barAt = (bars, x) => bars.findIndex((bar) => x >= bar.x && x < bar.x + bar.width);

// The bars from i to j that may be chosen together: neighbors on the axis, never across to "missing".
export function span(bars, i, j) {
  if (bars[i].apart) return [i];
  const last = bars.findLastIndex((bar) => !bar.apart);
  const end = Math.min(j, last);
  const [from, to] = i < end ? [i, end] : [end, i];
  return Array.from({ length: to - from + 1 }, (_, k) => from + k);
}
