// One row of Features: name, drift, missing shares, and the histogram of both versions.
import { barsText, barText, cutMiddle, missingCode } from "./bar_text.js";
import { countFeature, foldHistogram } from "./counts.js";
import { driftWords, isAboveChance, shownSplit } from "./feature_order.js";
import {
  allAbove, AXIS, axisTexts, barPaths, GUTTER, hasOutcomes, hasSameValues, heightsOf, largestCount, outlinePath,
  placeBars, scaleOf, shownCodes,
} from "./histogram.js";
import { count, percent, shortCount } from "./numbers.js";
import { isCompared, sideNames } from "./sides.js";
import { bitsOf, FIXED, REGRESSED } from "./store.js";
import { element, shape, textWidth, toned } from "./ui.js";

const PATHS = ["both", "primary", "secondary", "plain", "fixed", "regressed", "breaks", "outline", "axis"];
const TEXT_FEATURE = "Free text: nearly every value differs.";
const FIXED_KEY = 0b1001;      // incorrect in the secondary, correct in the primary
const REGRESSED_KEY = 0b0110;

// Sets what changed: most attributes of a row stay while the pointer moves over other views.
function update(node, attributes) {
  const drawn = (node.drawn ??= {});
  for (const key in attributes) {
    if (drawn[key] === attributes[key]) continue;
    drawn[key] = attributes[key];
    node.setAttribute(key, attributes[key]);
  }
}

export function makeRow() {
  const name = element("b.fname"), lines = element("div.flines"), svg = shape("svg", { role: "slider", tabindex: -1 });
  const node = element("div.frow", { role: "listitem" }, element("div.fhead", {}, name, lines), svg);
  const row = { node, name, lines, svg, cursor: 0, reading: null, paths: {} };
  row.chosen = shape("rect.chosen", { y: 0, height: 0, visibility: "hidden" }, svg);
  for (const key of PATHS) row.paths[key] = shape(`path.${key}`, {}, svg);
  row.over = shape("rect.over", { visibility: "hidden" }, svg);
  row.texts = shape("g", {}, svg);
  row.numbers = shape("g", {}, svg);
  row.sides = shape("g.sides", {}, svg);
  for (const word of ["correct", "incorrect"]) {
    shape("text.tick", { x: GUTTER - 5, "text-anchor": "end" }, row.sides).textContent = word;
  }
  svg.row = row;
  return row;
}

// ---- counts ---------------------------------------------------------------------------------

// Counts without filters, once per pair of versions.
function unfiltered(view, feature) {
  const { store, totals } = view, { bars } = store.head.features[feature];
  if (!totals.has(feature)) {
    totals.set(feature, foldHistogram(countFeature(store, feature, { all: true, train: view.train[feature] }), bars));
  }
  return totals.get(feature);
}

// The counts of one feature, as drawn: narrowed by the other filters, and without any.
export function measure(view, feature, own = 0) {
  const { store } = view, { bars } = store.head.features[feature], train = view.train[feature];
  const total = unfiltered(view, feature), histogram = countFeature(store, feature, { own, train });
  const counts = foldHistogram(histogram, bars), outcomes = hasOutcomes(total);
  const same = isCompared(store) && outcomes && hasSameValues(total);
  const changed = same ? changedCounts(store, feature, histogram, { own, train }) : null;
  const drawn = (numbers) => (outcomes ? numbers : allAbove(numbers));
  return { counts: drawn(counts), total: drawn(total), outcomes, changed };
}

// Per bar the instances that were fixed (above) and regressed (below): those with one row in both versions
// are in the histogram, those that were relabeled or edited elsewhere are in the pairs of rows.
function changedCounts(store, feature, histogram, { own, train }) {
  const codes = store.columns[feature], pairs = train ? store.trainOutcomes : store.outcomes;
  const bars = Array.from({ length: store.head.features[feature].bars }, (_, code) => code * 16);
  const changed = {
    up: bars.map((at) => histogram[at + FIXED_KEY]),
    down: bars.map((at) => histogram[at + REGRESSED_KEY]),
  };
  for (const [now] of store.pairedRows) {
    if (!pairs[now] || store.failing[now] & ~own) continue;
    if (store.change[now] === FIXED) changed.up[codes[now]]++;
    if (store.change[now] === REGRESSED) changed.down[codes[now]]++;
  }
  return changed;
}

const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);
export const sizesOf = (counts) => [0, 3].map((from) => sum(counts.slice(from, from + 3).map(sum)));

export function heightsFor(view, measured, codes) {
  const onlyPrimary = Boolean(measured.changed) || !isCompared(view.store);
  return heightsOf(measured.counts, codes, view.shares, onlyPrimary);
}

// ---- the lines beside the histogram ---------------------------------------------------------

function driftLines(view, feature) {
  const { store } = view, drift = view.drifts[feature];
  if (!drift) return [];
  const split = shownSplit(drift, store.scope), words = driftWords(drift[split]);
  if (!words) return [];
  const tone = isAboveChance(drift[split]) ? "" : ".chance", drawn = store.scope === "test" || store.scope === "train";
  const which = drawn ? "" : `${split} `, filtered = store.filtered ? ", unfiltered" : "";
  return [
    element(`p.fdrift${tone}`, {}, `${which}${words.drift}${filtered}`),
    ...(words.chance ? [element("p", {}, `(${words.chance})`)] : []),
  ];
}

// Shares of missing values, as text: primary, secondary; null where neither has any.
function missingShares(feature, { counts }) {
  const missing = missingCode(feature), sizes = sizesOf(counts);
  const shares = [0, 3].map((from, side) =>
    (sizes[side] ? sum([0, 1, 2].map((i) => counts[from + i][missing])) / sizes[side] : 0));
  return shares.some((share) => share > 0) ? shares.map((share) => percent(share, share < 0.1 ? 1 : 0)) : null;
}

function missingLine({ store, train }, feature, shares) {
  const marked = train[feature] && store.scope !== "train";
  const mark = marked ? [element("span.ftrain", {}, "train rows")] : [];
  if (!shares) return mark.length ? [element("p", {}, ...mark)] : [];
  const before = isCompared(store) ? [toned("st", shares[1]), " → "] : [];
  return [element("p", {}, ...mark, "missing ", ...before, toned("pt", shares[0]))];
}

// The counts of the bar under the pointer stand in the row: nothing floats over its neighbors.
function readingLines(view, row) {
  const { store } = view, { head } = store, { counts, outcomes } = row.measured, names = sideNames(view.app);
  const code = row.bars[Math.min(row.reading, row.bars.length - 1)].code;
  const line = (tone, name, from) => {
    const [correct, incorrect] = [counts[from][code], counts[from + 1][code]].map(shortCount);
    return element("p.read", {}, toned(tone, name),
      ...(outcomes ? [toned("okt", `✓${correct}`), toned("not", `✗${incorrect}`)] : [element("span", {}, correct)]));
  };
  return [
    element("p.readbar", {}, barText(head.features[row.feature], code)),
    ...(isCompared(store) ? [line("st", names.secondary, 3)] : []),
    line("pt", names.primary, 0),
  ];
}

// Made anew only when they say something else.
function drawLines(view, row) {
  const { store } = view, reading = row.reading !== null && row.bars.length > 0;
  const shares = reading ? null : missingShares(store.head.features[row.feature], row.measured);
  const key = reading ? null : [view.pairs, row.feature, store.filtered, shares].join();
  if (key !== null && row.linesKey === key) return;
  row.linesKey = key;
  row.lines.replaceChildren(...(reading ? readingLines(view, row)
    : [...driftLines(view, row.feature), ...missingLine(view, row.feature, shares)]));
}

// ---- the histogram --------------------------------------------------------------------------

function drawTextFeature(view, row) {
  for (const key of PATHS) update(row.paths[key], { d: "" });
  row.bars = [];
  row.axisKey = row.linesKey = row.numbersKey = null;
  row.numbers.replaceChildren();
  row.texts.replaceChildren();
  shape("text.tick", { x: GUTTER, y: row.height / 2 }, row.texts).textContent = TEXT_FEATURE;
  row.lines.replaceChildren();
  update(row.svg, { "aria-label": `${row.name.title}. ${TEXT_FEATURE}` });
}

// The largest count on its bar, and the counts of the bars that are cut below the axis.
function numbersOf(view, { bars, heights, scale, width, cuts }) {
  const label = (value) => (view.shares ? percent(value, value < 0.1 ? 1 : 0) : shortCount(Math.round(value)));
  const largest = largestCount(bars, heights), numbers = [];
  if (largest.value) {
    const text = label(largest.value), half = textWidth(text, 12, 600) / 2;
    const middle = largest.bar.left + largest.bar.ink / 2;
    const height = largest.above ? Math.min(largest.value * scale.up, scale.above - 1) : 1;
    numbers.push([Math.max(GUTTER + half, Math.min(width - half, middle)), scale.zero - height - 2, "middle", text]);
  }
  for (const { bar, value, sign } of cuts) {
    if (sign < 0) continue;  // the largest count already stands above it
    const text = label(value), end = bar.left + bar.ink + 3, fits = end + textWidth(text, 12, 600) < width;
    numbers.push([fits ? end : bar.left - 3, scale.zero + scale.below, fits ? "start" : "end", text]);
  }
  return numbers;
}

function drawNumbers(view, row) {
  const numbers = numbersOf(view, row), key = numbers.join();
  if (key === row.numbersKey) return;
  row.numbersKey = key;
  row.numbers.replaceChildren();
  for (const [x, y, anchor, text] of numbers) {
    shape("text.number", { x, y, "text-anchor": anchor }, row.numbers).textContent = text;
  }
}

// The same for one pair and size, however the filters narrow the bars.
function drawOutline(view, row) {
  const own = bitsOf(view.store, row.key), key = [view.pairs, row.feature, row.width, row.height].join();
  const others = view.store.filters.some((filter, bit) => filter && !(own & (1 << bit)));
  if (others && row.outlineKey !== key) {
    row.outlineKey = key;
    row.outline = row.bars.length ? outlinePath(row.bars, row.measured.total, row.scale) : "";
  }
  update(row.paths.outline, { d: others ? row.outline : "" });
}

// The texts of the axis are made only when they change.
function drawAxis(row, feature) {
  const key = `${row.feature} ${row.width} ${row.height} ${row.bars.map((bar) => bar.code).join()}`;
  update(row.paths.axis, { d: `M${GUTTER} ${row.scale.zero + 0.5}H${row.width}` });
  const [correct, incorrect] = row.sides.children;
  update(correct, { y: row.scale.zero - 4 });
  update(incorrect, { y: row.scale.zero + 12 });
  row.sides.classList.toggle("none", !row.measured.outcomes);
  if (key === row.axisKey) return;
  row.axisKey = key;
  row.texts.replaceChildren();
  for (const { x, text } of axisTexts(feature, row.bars, row.width, (one) => textWidth(one, 12))) {
    shape("text.tick", { x, y: row.height - 3 }, row.texts).textContent = text;
  }
}

export const slotOf = (row, codes) => {
  const bars = row.bars.filter((bar) => codes.includes(bar.code));
  return bars.length ? { x: bars[0].x, width: bars.at(-1).x + bars.at(-1).width - bars[0].x } : null;
};

// The bars of the feature's own filter, or of the brush that is being drawn.
function drawChosen(view, row) {
  const { app } = view, isOwn = (filter) => filter?.view === "feature" && filter.feature === row.name.title;
  const filter = isOwn(app.hover) && app.hover.bars.length > 1 ? app.hover : app.state.filters.find(isOwn);
  const slot = filter && slotOf(row, filter.bars), height = row.height - AXIS;
  update(row.chosen, slot ? { ...slot, height, visibility: "visible" } : { visibility: "hidden" });
}

export function showReading(row) {
  const bar = row.reading === null ? null : row.bars[Math.min(row.reading, row.bars.length - 1)];
  const place = bar ? { x: bar.x, y: 0.5, width: bar.width, height: row.height - AXIS - 1, visibility: "visible" }
    : { visibility: "hidden" };
  update(row.over, place);
}

function describeRow(view, row, feature) {
  const { counts } = row.measured, totals = counts.map(sum), names = sideNames(view.app);
  const cursor = Math.min(row.cursor, row.bars.length - 1), { code } = row.bars[cursor];
  const words = (name, numbers, from) =>
    `${name} ${count(numbers[from])} correct, ${count(numbers[from + 1])} incorrect`;
  const both = (numbers) => [words(names.primary, numbers, 0), words(names.secondary, numbers, 3)]
    .slice(0, isCompared(view.store) ? 2 : 1).join("; ");
  update(row.svg, {
    "aria-label": `${feature.name}: ${both(totals)}`,
    "aria-valuemin": 1, "aria-valuemax": row.bars.length, "aria-valuenow": cursor + 1,
    "aria-valuetext": `${barText(feature, code)}: ${both(counts.map((numbers) => numbers[code]))}`,
  });
}

export function drawRow(view, row) {
  const { store } = view, feature = store.head.features[row.feature];
  row.key = `feature:${feature.name}`;
  if (row.name.title !== feature.name || row.nameRoom !== view.head) {
    row.nameRoom = view.head;
    row.name.title = feature.name;
    row.name.textContent = cutMiddle(feature.name, view.head - 8, (text) => textWidth(text, 13, 600));
  }
  row.node.classList.toggle("text", feature.bins === "text");
  if (feature.bins === "text") return drawTextFeature(view, row);
  row.measured = measure(view, row.feature, bitsOf(store, row.key));
  row.bars = placeBars(feature, shownCodes(feature, row.measured.total), row.width);
  const codes = row.bars.map((bar) => bar.code), { changed } = row.measured;
  row.heights = heightsFor(view, row.measured, codes);
  row.scale = scaleOf(row.heights, view.factor, row.height);
  const inUnits = (numbers) => codes.map((code) => numbers[code] * row.heights.unit);
  const parts = changed && { up: inUnits(changed.up), down: inUnits(changed.down) };
  const { cuts, ...paths } = barPaths(row.bars, row.heights, row.scale, parts);
  row.cuts = cuts;
  for (const key of Object.keys(paths)) update(row.paths[key], { d: paths[key] });
  drawOutline(view, row);
  drawAxis(row, feature);
  drawNumbers(view, row);
  drawChosen(view, row);
  drawLines(view, row);
  describeRow(view, row, feature);
  return undefined;
}

// The filter of some bars of a row.
export function filterOf(view, row, from, to) {
  const feature = view.store.head.features[row.feature];
  const bars = row.bars.slice(Math.min(from, to), Math.max(from, to) + 1).map((bar) => bar.code);
  return { view: "feature", feature: feature.name, bars, label: `${feature.name} ${barsText(feature, bars)}` };
}
