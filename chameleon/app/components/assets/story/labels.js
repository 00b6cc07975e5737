// Accuracy by label: a ring for the secondary, a dot for the primary.
import { cutMiddle } from "./bar_text.js";
import { listenToArrows } from "./bars.js";
import { countLabels } from "./counts.js";
import { labelRates, layoutOf, lowEnd, worst } from "./label_rates.js";
import { count, percent } from "./numbers.js";
import { isCompared, sideNames } from "./sides.js";
import { predictedAt } from "./store.js";
import { element, fitted, paneHead, setAttributes, shape, sizeOf, textWidth, tipLine, toned } from "./ui.js";

const AXIS = 38;       // room for the ticks at the left of columns
const RADIUS = 4;
const NAMES = 104;     // room for a name where the worst labels are lines
const VALUES = 112;    // room for "40.1% → 42.0%"
const ERRORS = 44;     // room for a count of errors
const LEGEND = 76;     // room for a name in the legend
const INSTEAD = 3;     // predictions named in the tooltip

const committed = ({ state }) => state.filters.find((filter) => filter.view === "labels") ?? null;

function filterOf({ store }, label) {
  const name = store.head.classes[label];
  return { view: "labels", labels: [name], label: `label ${name}` };
}

function toggle(view, label, extend) {
  const { app } = view, old = committed(app), { labels: [name] } = filterOf(view, label);
  app.tip.hide();
  const had = old?.labels.includes(name), alone = old?.labels.length === 1;
  if (!extend || !old) return app.commit("labels", had && alone ? null : filterOf(view, label));
  const names = had ? old.labels.filter((one) => one !== name) : [...old.labels, name];
  const filter = { view: "labels", labels: names, label: `label ${names.join(" or ")}` };
  return app.commit("labels", names.length ? filter : null);
}

// ---- drawing --------------------------------------------------------------------------------

function drawText(view, className, x, y, text, anchor = "start") {
  const node = shape(`text.${className}`, { x, y, "text-anchor": anchor }, view.svg);
  node.textContent = text;
  return node;
}

// A ring and a dot, joined by a line; `place` turns an accuracy into a point.
function drawMarks(view, { primary, secondary }, place, faded) {
  const compared = isCompared(view.store) && secondary !== null;
  const mark = shape("g", { opacity: faded ? 0.3 : 1 }, view.svg);
  if (compared && primary !== null) {
    const [from, to] = [place(secondary), place(primary)];
    shape("path.between", { d: `M${from}L${to}` }, mark);
  }
  if (compared) drawCircle(mark, "s", place(secondary));
  if (primary !== null) drawCircle(mark, "p", place(primary));
}

const drawCircle = (parent, side, [cx, cy]) => shape(`circle.${side}`, { cx, cy, r: RADIUS }, parent);

function drawColumns(view, rates, low, { w, h }) {
  const top = 7, bottom = h - 18, column = (w - AXIS) / rates.length;
  const height = (accuracy) => bottom - ((accuracy - low) / (1 - low)) * (bottom - top);
  for (const tick of [1, low]) {
    shape("path.rule", { d: `M${AXIS} ${height(tick)}H${w}` }, view.svg);
    drawText(view, "tick", AXIS - 5, height(tick) + 4, percent(tick, 0), "end");
  }
  rates.forEach((rate, i) => {
    const x = AXIS + (i + 0.5) * column;
    drawMarks(view, rate, (accuracy) => [x, height(accuracy)], isFaded(view, rate));
    drawText(view, "tick.strong", x, h - 3, view.store.head.classes[rate.label], "middle");
    placeButton(view, i, rate, `left:${x - column / 2}px;width:${column}px;top:0;bottom:0`);
  });
}

const isFaded = (view, { label }) => {
  const filter = committed(view.app);
  return Boolean(filter && !filter.labels.includes(view.store.head.classes[label]));
};

// Up to four labels, each with its accuracies.
function drawFew(view, rates, low, { w, h }) {
  const names = rates.map(({ label }) => view.store.head.classes[label]), line = Math.min(30, (h - 18) / rates.length);
  const longest = Math.max(0, ...names.map((name) => textWidth(name, 13, 600)));
  const left = Math.min(longest + 16, w * 0.32), right = w - VALUES, place = placeBetween(left, right, low);
  rates.forEach((rate, i) => {
    const y = 4 + (i + 0.5) * line;
    drawLine(view, rate, { y, left, right, place, i, line, w }, fitted(names[i], left - 12, 13, 600), "lname");
    drawValues(view, rate, w - 2, y + 4);
  });
  drawTicks(view, low, place, 4 + rates.length * line + 11);
}

// Many labels or long names: those with the most errors.
function drawWorst(view, rates, low, { w, h }) {
  const line = 19, rows = worst(rates, Math.max(1, Math.floor((h - 16) / line)));
  const right = w - ERRORS, place = placeBetween(NAMES, right, low);
  if (rates.length > rows.length) drawText(view, "tick", 0, 11, `worst ${rows.length} of ${count(rates.length)}`);
  drawTicks(view, low, place, 11);
  drawText(view, "tick", w - 2, 11, "errors", "end");
  rows.forEach((rate, i) => {
    const y = 14 + (i + 0.5) * line, name = view.store.head.classes[rate.label];
    drawLine(view, rate, { y, left: NAMES, right, place, i, line, w }, fitted(name, NAMES - 12), "tick.strong");
    drawText(view, "tick", w - 2, y + 4, count(rate.incorrect), "end");
  });
}

const placeBetween = (left, right, low) => (accuracy) =>
  left + 5 + ((accuracy - low) / (1 - low)) * (right - left - 10);

function drawLine(view, rate, { y, left, right, place, i, line, w }, name, className) {
  shape("path.rule", { d: `M${left} ${y}H${right}` }, view.svg);
  drawMarks(view, rate, (accuracy) => [place(accuracy), y], isFaded(view, rate));
  drawText(view, className, 4, y + 4, name);
  placeButton(view, i, rate, `left:0;width:${w}px;top:${y - line / 2}px;height:${line}px`);
}

function drawTicks(view, low, place, y) {
  drawText(view, "tick", place(low), y, percent(low, 0));
  drawText(view, "tick", place(1), y, percent(1, 0), "end");
}

function drawValues(view, { primary, secondary }, x, y) {
  const node = shape("text.lval", { x, y, "text-anchor": "end" }, view.svg);
  if (secondary !== null && isCompared(view.store)) {
    shape("tspan.s", {}, node).textContent = percent(secondary);
    shape("tspan", {}, node).textContent = " → ";
  }
  shape("tspan.p", {}, node).textContent = percent(primary);
}

function draw(view) {
  const { app, store, svg, list } = view, size = sizeOf(view.frame);
  if (size.w < 100 || size.h < 40) return;
  const all = labelRates(app.totals?.labels ?? countLabels(store));
  const rates = labelRates(countLabels(store)).filter(({ label }) => {
    const { primary, secondary } = all[label];
    return primary !== null || secondary !== null;  // columns stay while hovering
  });
  setAttributes(svg, { width: size.w, height: size.h });
  svg.replaceChildren();
  view.empty.hidden = rates.length > 0;
  while (list.children.length > rates.length) list.lastChild.remove();
  if (!rates.length) return;
  const names = rates.map(({ label }) => textWidth(store.head.classes[label], 12));
  const layout = layoutOf(rates.length, Math.max(0, ...names), size.w - AXIS), low = lowEnd(all, rates);
  const drawn = { columns: drawColumns, few: drawFew, worst: drawWorst }[layout];
  view.used = 0;
  drawn(view, rates, low, size);
  while (list.children.length > view.used) list.lastChild.remove();
  if (!list.querySelector("[tabindex='0']")) list.firstChild.tabIndex = 0;
}

function drawLegend({ app, store, legend }) {
  const { primary, secondary } = sideNames(app), cut = (name) => cutMiddle(name, LEGEND, (text) => textWidth(text, 12));
  const both = [element("i.ring.s"), toned("st", cut(secondary)), element("i.ring.p"), toned("pt", cut(primary))];
  legend.replaceChildren(...(isCompared(store) ? both : both.slice(2)));
}

// ---- pointer and keyboard -------------------------------------------------------------------

// What was predicted instead of a label, most often first.
function predictedInstead({ store }, label) {
  const found = new Map();
  if (store.head.classes.length < 3) return null;
  for (let i = 0; i < store.matchingCount; i++) {
    const row = store.matching[i];
    if (store.label[row] !== label || (store.outcomes[row] & 3) !== 2) continue;
    const predicted = predictedAt(store, store.primary, row);
    found.set(predicted, (found.get(predicted) ?? 0) + 1);
  }
  const sorted = [...found].sort((a, b) => b[1] - a[1]).slice(0, INSTEAD);
  if (!sorted.length) return null;
  const words = sorted.map(([predicted, n]) => `${store.head.classes[predicted]} (${count(n)})`).join(", ");
  return `predicted ${words}${found.size > INSTEAD ? ", …" : ""}`;
}

function showTip(view, node) {
  const { store, app } = view, { head } = store, { rate } = node, box = node.getBoundingClientRect();
  const { primary, secondary } = sideNames(app);
  const lines = [`label ${head.classes[rate.label]}`], instead = predictedInstead(view, rate.label);
  if (isCompared(store)) lines.push(tipLine(toned("st", secondary), toned("num", percent(rate.secondary))));
  lines.push(tipLine(toned("pt", primary), toned("num", percent(rate.primary)),
    `${count(rate.incorrect)} incorrect of ${count(rate.total)}`));
  if (instead) lines.push(element("p", {}, instead));
  app.tip.show(lines, box.left + box.width / 2, box.bottom - 10, "below");
}

function preview(view, node) {
  const { app } = view, filter = filterOf(view, node.rate.label);
  app.preview(filter);
  requestAnimationFrame(() => {  // after the counts of this preview
    if (app.hover === filter) showTip(view, node);
  });
}

function makeButton(view) {
  const { app } = view, node = element("button", { type: "button", tabindex: -1 });
  const leave = () => {
    app.preview(null);
    app.tip.hide();
  };
  node.addEventListener("pointerenter", () => preview(view, node));
  node.addEventListener("pointerleave", leave);
  node.addEventListener("focus", () => node.matches(":focus-visible") && preview(view, node));
  node.addEventListener("blur", leave);
  node.addEventListener("click", (event) => toggle(view, node.rate.label, event.shiftKey));
  return node;
}

function placeButton(view, i, rate, style) {
  const { store, list } = view, node = list.children[i] ?? list.appendChild(makeButton(view));
  const name = store.head.classes[rate.label];
  const before = isCompared(store) ? `, before ${percent(rate.secondary)}` : "";
  view.used = i + 1;
  node.rate = rate;
  node.style.cssText = style;
  setAttributes(node, {
    "aria-pressed": String(committed(view.app)?.labels.includes(name) ?? false),
    "aria-label": `label ${name}: accuracy ${percent(rate.primary)}${before}, ` +
      `${count(rate.incorrect)} incorrect of ${count(rate.total)}`,
  });
}

export function labels(pane, app) {
  const svg = shape("svg", { "aria-hidden": "true" }), legend = element("span.hint.label-legend");
  const list = element("div.label-buttons", { role: "group", "aria-label": "Accuracy by label" });
  const empty = element("p.empty", { hidden: true }, "No rows have a label and a prediction.");
  const frame = element("div.labels", {}, svg, list, empty);
  pane.append(paneHead("Accuracy by label", legend), frame);
  const view = { app, store: app.store, svg, list, empty, frame, legend, used: 0 };
  listenToArrows(list, { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 });
  return { draw: () => draw(view), pair: () => drawLegend(view) };
}
