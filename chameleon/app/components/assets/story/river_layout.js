// Where the river's parts stand: places, scales, and texts, from the head and a size alone. No DOM.
import { count, isKnown, ticks } from "./numbers.js";
import { accuracyOf } from "./store.js";

export const STRIP_HEIGHT = 84;  // at most so high, the river is a strip: line, poles, and flags
const LEFT = 74, RIGHT = 18, INSET = 14;
const WORDS_SPACING = 84;        // px per version from which changes have words
const ROW_HEIGHT = 13, WORDS_HEIGHT = 26, NAMES_HEIGHT = 16, GAP = 6;
const LEAST_SPAN = 0.04;         // of the metric, so that noise doesn't fill the pane
const BAR_HEIGHT = 20, BAR_WIDTH = 6, BAR_STEP = 8, NUMBER_GAP = 3, LINE = 12;

const KINDS = ["added", "removed", "relabeled", "edited", "moved", "model"];
const ROW_NAMES = { moved: "changed split", model: "model code" };
export const rowName = (kind) => ROW_NAMES[kind] ?? kind;

export function changeText(kind, n) {
  if (kind === "model") return "model code";
  if (kind === "added") return `+${count(n)}`;
  if (kind === "removed") return `−${count(n)}`;
  return `${count(n)} ${kind === "moved" ? "changed split" : kind}`;
}

// In a row that names its kind.
function shortChange(kind, n) {
  if (kind === "model") return "◆";
  return `${{ added: "+", removed: "−" }[kind] ?? ""}${count(n)}`;
}

const kindsOf = (steps) => KINDS.filter((kind) => steps.some((step) => step?.[kind]));

// The extra height that rows of changes take where words don't fit, beyond the two that are planned for.
export function extraHeight(head, width) {
  if (spacingOf(head.versions.length, width, {}) >= WORDS_SPACING) return 0;
  return Math.max(0, kindsOf(head.steps).length - 2) * ROW_HEIGHT;
}

const spacingOf = (versionCount, width, { left = LEFT, right = RIGHT }) =>
  (versionCount > 1 ? (width - left - right - 2 * INSET) / (versionCount - 1) : width);

// `flagRoom` is what a flag needs beside its pole: a strip has one line for both flags, so that both
// ends leave room for one.
export function riverLayout({ head, scope, width, height, flagRoom }) {
  const versionCount = head.versions.length, isStrip = height <= STRIP_HEIGHT;
  const left = isStrip ? flagRoom : LEFT, right = isStrip ? flagRoom : RIGHT;
  const spacing = spacingOf(versionCount, width, { left, right }), hasWords = spacing >= WORDS_SPACING;
  const kinds = isStrip ? [] : kindsOf(head.steps);
  const top = isStrip ? 20 : height < 130 ? 35 : 38;
  const changesHeight = !kinds.length ? 0 : hasWords ? WORDS_HEIGHT : kinds.length * ROW_HEIGHT + 3;
  const bottom = height - (isStrip ? 0 : NAMES_HEIGHT) - changesHeight - GAP;
  const metrics = head.versions.map((_, version) => accuracyOf({ head }, version, scope));
  const [low, high] = metricRange(metrics);
  return {
    width, height, isStrip, left, right, spacing, hasWords, kinds, top, bottom, metrics, low, high,
    x: (version) => (versionCount === 1 ? (left + width - right) / 2 : left + INSET + version * spacing),
    y: (value) => bottom - ((value - low) / (high - low)) * (bottom - top - 2),
    rowHeight: ROW_HEIGHT, rowsTop: bottom + 8, namesY: height - 3,
    poleBottom: isStrip ? bottom + 4 : height - NAMES_HEIGHT,
    ticks: isStrip ? [] : metricTicks(low, high, bottom - top),
  };
}

function metricRange(metrics) {
  const known = metrics.filter(({ value }) => isKnown(value));
  if (!known.length) return [0, 1];
  const low = Math.min(...known.map((one) => one.low ?? one.value));
  const high = Math.max(...known.map((one) => one.high ?? one.value));
  const middle = (low + high) / 2;
  return high - low < LEAST_SPAN ? [middle - LEAST_SPAN / 2, middle + LEAST_SPAN / 2] : [low, high];
}

// Two, at round values as far apart as possible.
function metricTicks(low, high, room) {
  let found = ticks(low, high, 2);
  if (found.length < 2) found = ticks(low, high, 4);
  return found.length > 3 || (found.length > 2 && room < 50) ? [found[0], found.at(-1)] : found;
}

// ---- line -------------------------------------------------------------------------------------

const place = ({ x, y }, version, value) => `${x(version).toFixed(1)} ${y(value).toFixed(1)}`;

// Broken where a version has no value.
export function linePath(layout) {
  let path = "", isDrawing = false;
  layout.metrics.forEach(({ value }, version) => {
    if (isKnown(value)) path += `${isDrawing ? "L" : "M"}${place(layout, version, value)}`;
    isDrawing = isKnown(value);
  });
  return path;
}

// One shape per run of versions with an interval.
export function bandPath(layout) {
  let path = "", upper = [], lower = [];
  const close = () => {
    if (upper.length) path += `M${[...upper, ...lower.reverse()].join("L")}z`;
    [upper, lower] = [[], []];
  };
  layout.metrics.forEach(({ low, high }, version) => {
    if (!isKnown(low)) return close();
    upper.push(place(layout, version, high));
    lower.push(place(layout, version, low));
  });
  close();
  return path;
}

// Steps whose change is more than chance.
export function certainPath(layout, facts) {
  return (facts ?? []).map((step, version) => {
    if (!isCertain(step)) return "";
    const [before, after] = [layout.metrics[version - 1].value, layout.metrics[version].value];
    return `M${place(layout, version - 1, before)}L${place(layout, version, after)}`;
  }).join("");
}

const isCertain = (facts) => facts?.status === "ok" && isKnown(facts.metric.low) && !facts.metric.chance;

// ---- changes ----------------------------------------------------------------------------------

function most(steps, kinds) {
  const counts = steps.filter(Boolean).flatMap((step) => kinds.map((kind) => Number(step[kind] ?? 0)));
  return Math.max(1, ...counts);
}

// A bar as a path; a removed one is hollow, so that its outline lies inside.
function barPath(x, base, width, height, kind) {
  const inset = kind === "removed" && width > 4 ? 0.5 : 0;
  const w = (width - 2 * inset).toFixed(1), h = Math.max(0.5, height - 2 * inset).toFixed(1);
  return `M${(x + inset).toFixed(1)} ${(base - height + inset).toFixed(1)}h${w}v${h}h-${w}z`;
}

const diamond = (x, y, r) => `M${x.toFixed(1)} ${(y - r).toFixed(1)}l${r} ${r}l${-r} ${r}l${-r} ${-r}z`;

// Room for words: bars side by side, with the count of each, centered between the versions.
export function wordedChanges(layout, steps, textWidth) {
  const { kinds, spacing, x, rowsTop } = layout, base = rowsTop + BAR_HEIGHT + 1, paths = {}, texts = [];
  const highest = most(steps, kinds.filter((kind) => kind !== "model"));
  steps.forEach((step, version) => {
    const occurring = step ? kinds.filter((kind) => step[kind]) : [];
    if (!occurring.length) return;
    const words = stepLines(occurring, step);
    const width = occurring.length * BAR_STEP + NUMBER_GAP + Math.max(...words.map((text) => textWidth(text, 12)));
    let at = x(version) - spacing / 2 - width / 2;
    for (const kind of occurring) {
      const height = Math.max(2, Math.sqrt(step[kind] / highest) * BAR_HEIGHT), isModel = kind === "model";
      const bar = isModel ? diamond(at + BAR_WIDTH / 2, base - 6, 4) : barPath(at, base, BAR_WIDTH, height, kind);
      paths[kind] = (paths[kind] ?? "") + bar;
      at += BAR_STEP;
    }
    words.forEach((text, i) => {
      texts.push({ text, version, x: at + NUMBER_GAP, y: base - (words.length - 1 - i) * LINE });
    });
  });
  return { paths, texts, base };
}

// At most two lines fit.
function stepLines(kinds, step) {
  const lines = kinds.slice(0, 2).map((kind) => changeText(kind, step[kind]));
  if (kinds.length > 2) lines[1] += " …";
  return lines;
}

// No room for words: a row per kind. The selected step is left out, its counts stand there instead.
export function rowChanges(layout, steps, selected) {
  const { kinds, spacing, x, rowsTop, rowHeight } = layout, paths = {}, texts = [];
  const width = Math.max(1, Math.min(11, spacing * 0.62));
  kinds.forEach((kind, i) => {
    const base = rowsTop + (i + 1) * rowHeight - 1, highest = most(steps, [kind]);
    paths[kind] = steps.map((step, version) => {
      const n = Number(step?.[kind] ?? 0), middle = x(version) - spacing / 2;
      if (!n) return "";
      if (version === selected) {
        texts.push({ text: shortChange(kind, n), x: middle, y: base - 1 });
        return "";
      }
      if (kind === "model") return diamond(middle, base - 5, Math.min(4, width / 2));
      const height = Math.max(1.5, Math.sqrt(n / highest) * (rowHeight - 3));
      return barPath(middle - width / 2, base, width, height, kind);
    }).join("");
  });
  return { paths, texts };
}

// ---- names ------------------------------------------------------------------------------------

// The versions whose names fit, none of them over those of the two that are selected.
export function shownNames(layout, widths, selected) {
  const { spacing, x } = layout, need = Math.max(...widths) + 10, every = Math.max(1, Math.ceil(need / spacing));
  const isApart = (a, b) => Math.abs(x(a) - x(b)) >= (widths[a] + widths[b]) / 2 + 8;
  const isClear = (version) => selected.every((one) => isApart(one, version));
  const last = widths.length - 1, shown = [];
  for (let version = 0; version <= last; version += every) shown.push(version);
  if (shown.at(-1) !== last && x(last) - x(shown.at(-1)) >= need) shown.push(last);
  return shown.filter((version) => !selected.includes(version) && isClear(version));
}

// Whether the flag stands at the right of its pole: flags lean away from each other, a note goes
// where it fits, and nothing leaves the pane.
export function standsAtRight({ x, width, left }, version, { leansRight, need, hasNote, isStrip }) {
  if (isStrip) return leansRight;
  const roomRight = width - x(version) - 12, roomLeft = x(version) - left - 26;
  if (hasNote) return need <= roomRight || roomRight >= roomLeft;
  if (leansRight) return need <= roomRight || roomRight >= roomLeft;
  return need > roomLeft && roomRight > roomLeft;
}
