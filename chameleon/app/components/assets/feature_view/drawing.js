// Draws rows: the skeleton once, then statistics and one diverging histogram per split, as SVG.
import { element } from "../parts.js";
import { column, ghostPath, heights, runs, scaleOf } from "./counting.js";
import { barsOf, brief, count, dateTicks, describe, digitsOf, percent, place, position, sum, ticks, value } from "./scales.js";

const SVG = "http://www.w3.org/2000/svg";
const GUTTER = 50, TOP = 13, BOTTOM = 16, STRIP = 18;

export function shape(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const name in attributes) node.setAttribute(name, attributes[name]);
  if (text !== undefined) node.textContent = text;
  return node;
}

const pen = document.createElement("canvas").getContext("2d");
function textWidth(text) {
  pen.font = "10px 'Source Sans', sans-serif";
  return pen.measureText(text).width;
}

// Cut by code points, so that an emoji is never halved.
function fitted(text, room) {
  if (textWidth(text) <= room) return text;
  const letters = Array.from(text.slice(0, 80));
  while (letters.length && textWidth(`${letters.join("")}…`) > room) letters.pop();
  return letters.length ? `${letters.join("")}…` : "";
}

export const plotHeight = (labels) => 112 + (labels ? STRIP + 3 : 0);

// ---- statistics -----------------------------------------------------------------------------

export function drawStats(box, feature, splitIndex, data) {
  const sides = ["primary", "secondary"].map((side) => feature.stats[side][splitIndex]);
  const missing = sides.some((side) => side[3] > 0);
  const empty = sides.every((side) => side[0] === null && side[1] === null && side[2] === null);
  const columns = [...(empty ? [] : ["min", "mean", "max"]), ...(missing ? ["missing"] : [])];
  const table = element("table", columns.length ? "" : "bare"), head = table.appendChild(element("tr"));
  table.setAttribute("aria-label", `${feature.name}, ${data.splits[splitIndex]}`);
  head.append(element("th", "split", data.splits[splitIndex]), ...columns.map((c) => element("th", c, c)));
  sides.forEach((side, i) => {
    if (!columns.length) return;
    const row = table.appendChild(element("tr"));
    const name = row.appendChild(element("th", i ? "secondary" : "primary", i ? data.secondary : data.primary));
    name.title = name.textContent;
    for (const column of columns) {
      const at = ["min", "mean", "max", "missing"].indexOf(column);
      const text = at === 3 ? count(side[3]) : value(feature, side[at], 4);
      row.appendChild(element("td", "", feature.kind === "date" ? text.slice(0, 10) : text)).title = at === 3 ? text : value(feature, side[at], 12);
    }
  });
  box.replaceChildren(table);
}

// ---- histogram ------------------------------------------------------------------------------

const rect = (x, y, width, height) => `M${x.toFixed(2)} ${y.toFixed(2)}h${width.toFixed(2)}v${height.toFixed(2)}h${(-width).toFixed(2)}z`;

function drawBars(svg, bars, tall, scale, selected) {
  const paths = {};
  const add = (kind, d) => { paths[kind] = (paths[kind] ?? "") + d; };
  bars.forEach((bar, i) => {
    const dim = selected.size && !selected.has(i) ? " dim" : "";
    for (const down of [0, 1]) {
      const [p, s] = [tall[i][2 * down], tall[i][2 * down + 1]];
      if (!(p > 0 || s > 0)) continue;
      // A count too small for the scale still shows: at least one pixel.
      const high = Math.max(1, Math.max(p, s) * scale.unit), both = Math.min(p, s) * scale.unit;
      const at = (from, to) => (down ? scale.zero + from : scale.zero - to);
      if (both > 0) add(`both${dim}`, rect(bar.left, at(0, both), bar.ink, both));
      if (high > both) add(`${p > s ? "primary" : "secondary"}${dim}`, rect(bar.left, at(both, high), bar.ink, high - both));
      if (bar.kind !== "below" && bar.kind !== "above") continue;
      for (let y = 3; y < high; y += 4) add("stripe", `M${bar.left} ${at(y, y)}h${bar.ink}`);
    }
  });
  for (const kind in paths) svg.append(shape("path", { class: `bar ${kind}`, d: paths[kind] }));
}

function drawCounts(svg, data, scale, width) {
  const label = (v) => (data.mode === "shares" ? percent(v) : brief(v));
  const grid = [];
  if (scale.empty) svg.append(shape("text", { class: "tick nothing", x: GUTTER + 6, y: 10 }, "no instances"));
  for (const [sign, room, word] of [[-1, scale.up, "correct"], [1, scale.down, "incorrect"]]) {
    if (room < 2) continue;
    for (const tick of scale.empty ? [] : ticks(0, room / scale.unit, Math.max(1, Math.floor(room / 20)), data.mode !== "shares")) {
      const y = scale.zero + sign * tick * scale.unit;
      if (tick === 0 || !Number.isFinite(y)) continue;
      grid.push(`M${GUTTER} ${y.toFixed(1)}H${width}`);
      if (Math.abs(y - scale.zero) > 18 || !data.outcomes) svg.append(shape("text", { class: "tick end", x: GUTTER - 4, y: y + 3 }, label(tick)));
    }
    if (data.outcomes) svg.append(shape("text", { class: "word end", x: GUTTER - 4, y: scale.zero + (sign < 0 ? -3 : 10) }, word));
  }
  if (!data.outcomes) svg.append(shape("text", { class: "word", x: GUTTER, y: 9 }, "instances, outcome unknown"));
  svg.prepend(shape("path", { class: "grid", d: grid.join("") || "M0 0" }));
  svg.append(shape("path", { class: "axis", d: `M${GUTTER} ${scale.zero.toFixed(1)}H${width}` }));
}

// [x, text, room] of the labels under the bars; special bars first, so that ticks give way to them.
function xLabels(feature, bars) {
  const found = [], tails = bars.filter((bar) => bar.kind === "below" || bar.kind === "above");
  const fixed = [...bars.filter((bar) => bar.apart), ...tails];
  for (const bar of fixed) found.push([bar.apart ? bar.left + bar.ink / 2 : bar.x + bar.width / 2, describe(feature, bar, true), 90]);
  const middle = bars.filter((bar) => bar.kind === "range" || bar.kind === "category");
  if (!middle.length) return found;
  const wide = middle.length * middle[0].width;
  if (feature.edges) {
    const [low, high] = [feature.edges[0], feature.edges.at(-1)], wanted = Math.max(1, Math.floor(wide / 50));
    const marks = feature.kind === "date" ? dateTicks(low, high, Math.max(1, Math.floor(wide / 60)))
      : ticks(low, high, wanted, feature.kind === "integer").map((t) => [t, brief(t, digitsOf(feature))]);
    if (!marks.length) marks.push([low, value(feature, low)]);
    for (const [at, text] of marks) found.push([position(feature, bars, at), text, 90, true]);
    return found;
  }
  const longest = Math.min(70, Math.max(...middle.map((bar) => textWidth(describe(feature, bar, true)))) + 6);
  const rest = feature.other === null ? -1 : middle.length - 1;  // "other" is always named
  if (rest >= 0) found.push([middle[rest].x + middle[rest].width / 2, describe(feature, middle[rest], true), 60]);
  const every = Math.ceil(Math.max(longest, 14) / middle[0].width / (feature.values || middle.length > 12 ? 1 : 1.6));
  middle.forEach((bar, i) => {
    if (i % every === 0 && i !== rest) found.push([bar.x + bar.width / 2, describe(feature, bar, true), every * bar.width - 4]);
  });
  return found;
}

function drawLabelsX(svg, feature, bars, y, width) {
  const taken = [], marks = [];
  for (const [x, full, room, tick] of xLabels(feature, bars)) {
    const text = fitted(full, Math.max(room, 12)), half = textWidth(text) / 2;
    const middle = Math.max(half + 1, Math.min(width - half - 1, x));
    if (!text || taken.some(([l, r]) => middle - half - 4 < r && middle + half + 4 > l)) continue;
    taken.push([middle - half, middle + half]);
    if (tick) marks.push(`M${x.toFixed(1)} ${y - 1}v3`);
    svg.append(shape("text", { class: "tick middle", x: middle.toFixed(1), y: y + 11 }, text));
  }
  if (marks.length) svg.append(shape("path", { class: "axis", d: marks.join("") }));
}

// Under each bar the shares of the true labels, stacked in the order of the classes.
function drawStrip(svg, bars, labels, y, palette) {
  const totals = bars.map((_, i) => sum(labels.map((label) => label[i])));
  const reached = bars.map(() => 0);
  labels.forEach((label, k) => {
    let d = "";
    bars.forEach((bar, i) => {
      if (!label[i]) return;
      const high = (label[i] / totals[i]) * STRIP;
      d += rect(bar.left, y + reached[i], bar.ink, high);
      reached[i] += high;
    });
    if (d) svg.append(shape("path", { d, fill: palette[k % palette.length] }));
  });
}

function drawUnknown(svg, data, counts, width) {
  const [p, s] = [sum(counts[2]), sum(counts[5])];
  if (!data.outcomes || !(p || s)) return;
  const text = shape("text", { class: "tick end", x: width - 1, y: 9 });
  if (p) text.append(shape("tspan", { class: "primary" }, `+${count(p)} `));
  if (s) text.append(shape("tspan", { class: "secondary" }, `+${count(s)} `));
  text.append("unknown");
  svg.append(text);
}

// Draws one histogram into plot.svg and keeps its bars on the plot, for the pointer and the keys.
export function drawPlot(plot, feature, splitIndex, data, palette) {
  const width = Math.max(plot.node.clientWidth, 120), labels = feature.labels?.[splitIndex];
  const height = plotHeight(data.classes && data.features.some((f) => f.labels));
  const room = height - TOP - BOTTOM - (labels ? STRIP + 3 : 0);
  const svg = plot.svg, counts = feature.counts[splitIndex];
  const bars = place(barsOf(feature), GUTTER + 2, width - 2), tall = heights(data, counts);
  const scale = scaleOf(tall, data.outcomes, room, TOP);
  const selected = new Set(feature.selected);

  svg.setAttribute("width", width);
  svg.setAttribute("height", height);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);   // paper is narrower: there it scales
  svg.replaceChildren();
  drawCounts(svg, data, scale, width);
  const ghost = feature.ghost && ghostPath(bars, feature.ghost[splitIndex], scale, data.outcomes);
  if (ghost) svg.append(shape("path", { class: "ghost", d: ghost }));
  drawBars(svg, bars, tall, scale, selected);
  // Over the bars again as a line with a halo, or tall bars would hide it.
  if (ghost) svg.append(shape("path", { class: "halo", d: ghost }), shape("path", { class: "line", d: ghost }));
  if (labels) drawStrip(svg, bars, labels, TOP + room + 3, palette);
  drawLabelsX(svg, feature, bars, height - BOTTOM + 1, width);
  drawUnknown(svg, data, counts, width);
  for (const [from, to] of runs(feature.selected)) {
    svg.append(shape("rect", { class: "chosen", ...column(bars, from, to), y: TOP - 2, height: height - TOP - BOTTOM + 3 }));
  }
  plot.over = svg.appendChild(shape("g"));
  Object.assign(plot, { bars, top: TOP - 2, tall: height - TOP - BOTTOM + 3 });
}

// Marks bars under the pointer ("hover"), the keys ("cursor") or a drag ("brush").
export function mark(plot, kind, bars) {
  if (!plot.over) return;
  for (const old of plot.over.querySelectorAll(`.${kind}`)) old.remove();
  if (!bars.length || !plot.bars[bars.at(-1)]) return;
  plot.over.append(shape("rect", { class: kind, ...column(plot.bars, bars[0], bars.at(-1)), y: plot.top, height: plot.tall }));
}
