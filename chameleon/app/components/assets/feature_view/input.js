// Pointer, keyboard, and tooltip of the Feature View. Choices are sent; only what Python echoes is drawn.
import { element, hideTooltip, moveTooltip, openTooltip } from "../parts.js";
import { OUTCOMES, wordsOf } from "./counting.js";
import { mark } from "./drawing.js";
import { barAt, count, describe, percent, span, sum } from "./scales.js";

const LABELS_NAMED = 6;

// ---- tooltip --------------------------------------------------------------------------------

function tooltipTable(feature, split, data, from, to) {
  const counts = feature.counts[split];
  const take = (array) => sum(array.slice(from, to + 1));
  const table = element("table"), head = table.appendChild(element("tr"));
  head.append(element("th"), element("th", "primary", data.primary), element("th", "secondary", data.secondary));
  const all = [0, 3].map((side) => sum(counts.slice(side, side + 3).map(sum)));
  OUTCOMES.forEach((word, i) => {
    const pair = [take(counts[i]), take(counts[i + 3])];
    if (word === "unknown" ? data.outcomes && !(pair[0] || pair[1]) : !data.outcomes) return;
    const row = table.appendChild(element("tr"));
    row.append(element("th", "", word));
    pair.forEach((n, side) => {
      const share = data.mode === "shares" ? ` (${percent(n / Math.max(1, all[side]))})` : "";
      row.append(element("td", "", count(n) + share));
    });
  });
  return table;
}

function tooltipLabels(feature, split, data, from, to, palette) {
  const shares = feature.labels[split].map((label, k) => [sum(label.slice(from, to + 1)), k]);
  const all = sum(shares.map(([n]) => n));
  const found = shares.filter(([n]) => n > 0).sort((a, b) => b[0] - a[0]);
  const box = element("div", "shares");
  if (!all) return box;
  box.append(element("div", "", `True labels of ${data.primary}`));
  for (const [n, k] of found.slice(0, LABELS_NAMED)) {
    const line = box.appendChild(element("div"));
    line.append(element("i", "swatch"), `${data.classes?.[k] ?? k}: ${percent(n / all)}`);
    line.firstChild.style.background = palette[k % palette.length];
  }
  if (found.length > LABELS_NAMED) box.append(element("div", "", `and ${found.length - LABELS_NAMED} more`));
  return box;
}

function showTooltip(view, plot, from, to) {
  const { data, tip } = view, feature = data.features[plot.row];
  const range = from === to ? describe(feature, plot.bars[from])
    : `${describe(feature, plot.bars[from])} to ${describe(feature, plot.bars[to])}`;
  const labels = feature.labels ? [tooltipLabels(feature, plot.split, data, from, to, view.palette)] : [];
  const size = openTooltip(tip, element("b", "", feature.name), element("div", "", `${data.splits[plot.split]}, ${range}`),
    tooltipTable(feature, plot.split, data, from, to), ...labels);
  const box = plot.svg.getBoundingClientRect();
  const left = box.left + plot.bars[from].x, right = box.left + plot.bars[to].x + plot.bars[to].width;
  const x = right + 8 + size.width < innerWidth ? right + 8 : Math.max(4, left - 8 - size.width);
  const y = Math.max(4, Math.min(innerHeight - size.height - 4, box.top + plot.top));
  moveTooltip(tip, x, y);
}

// ---- pointer --------------------------------------------------------------------------------

function plotOf(view, event) {
  const node = event.target.closest?.(".plot");
  const plot = node && view.plots.get(node);
  return plot?.bars ? plot : null;
}

function barUnder(plot, event) {
  return barAt(plot.bars, event.clientX - plot.svg.getBoundingClientRect().left);
}

function send(view, plot, bars, extend) {
  view.send({ feature: view.data.features[plot.row].name, bars, extend });
}

function endDrag(view) {
  if (view.drag) mark(view.drag.plot, "brush", []);
  view.drag = null;
}

function listenToPointer(view) {
  const { root } = view;
  let hovered = null;
  const leave = () => {
    if (hovered) mark(hovered, "hover", []);
    hovered = null;
    hideTooltip(view);
  };
  root.addEventListener("pointerdown", (event) => {
    const plot = plotOf(view, event), bar = plot ? barUnder(plot, event) : -1;
    if (bar < 0 || event.button !== 0) return;
    view.drag = { plot, from: bar, to: bar };
    plot.node.setPointerCapture(event.pointerId);
    moveTo(view, plot, bar, false);
  });
  root.addEventListener("pointermove", (event) => {
    const { drag } = view, plot = drag?.plot ?? plotOf(view, event);
    if (!plot) return leave();
    let bar = barUnder(plot, event);
    if (drag) {
      const x = event.clientX - plot.svg.getBoundingClientRect().left;
      if (bar < 0) bar = plot.bars.findLastIndex((b) => b.x <= x);
      drag.to = Math.max(0, bar);
      drag.bars = span(plot.bars, drag.from, drag.to);
      if (drag.bars.length > 1 || drag.moved) {
        drag.moved = true;
        mark(plot, "brush", drag.bars);
        showTooltip(view, plot, drag.bars[0], drag.bars.at(-1));
      }
      return;
    }
    if (hovered && hovered !== plot) mark(hovered, "hover", []);
    if (bar < 0) return leave();
    hovered = plot;
    mark(plot, "hover", [bar]);
    showTooltip(view, plot, bar, bar);
  });
  root.addEventListener("pointerup", (event) => {
    const { drag } = view;
    if (!drag) return;
    endDrag(view);
    send(view, drag.plot, drag.bars ?? [drag.from], event.shiftKey);
  });
  root.addEventListener("pointercancel", () => endDrag(view));
  root.addEventListener("pointerleave", leave);
  view.scrolled = () => { if (hovered) leave(); };
}

// ---- keyboard -------------------------------------------------------------------------------

const isPlot = (plot) => plot && !plot.note;

// The one tab stop moves with the cursor; aria-valuetext names the bar.
export function moveTo(view, plot, bar, extend) {
  const { cursor } = view, feature = view.data.features[plot.row];
  const before = view.rows[cursor.row]?.plots[cursor.split];
  if (before && before !== plot) {
    before.node.tabIndex = -1;
    mark(before, "cursor", []);
  }
  const last = isPlot(plot) ? plot.bars.length - 1 : 0;
  const at = Math.max(0, Math.min(last, bar));
  Object.assign(cursor, { row: plot.row, split: plot.split, name: feature.name, bar: at, anchor: extend ? cursor.anchor : at, bars: null });
  plot.node.tabIndex = 0;
  if (!isPlot(plot)) return;
  cursor.column = plot.split;
  if (!plot.bars.length) return;
  const taken = span(plot.bars, Math.min(cursor.anchor, last), at);
  cursor.bars = taken;
  plot.node.setAttribute("aria-valuenow", at + 1);
  plot.node.setAttribute("aria-valuetext", wordsOf(feature, plot.split, view.data, plot.bars, taken[0], taken.at(-1)));
}

export function showCursor(view, plot) {
  if (!view.cursor.bars) return mark(plot, "cursor", []);
  mark(plot, "cursor", view.cursor.bars);
  if (plot.node.matches(":focus-visible")) showTooltip(view, plot, view.cursor.bars[0], view.cursor.bars.at(-1));
}

function step(view, event) {
  const { cursor, rows } = view, plot = rows[cursor.row].plots[cursor.split];
  const last = isPlot(plot) ? plot.bars.length - 1 : 0;
  const go = (row, split) => {
    const to = rows[Math.max(0, Math.min(rows.length - 1, row))];
    const next = to.plots[Math.max(0, Math.min(to.plots.length - 1, split))];
    view.draw(to);
    moveTo(view, next, cursor.bar, false);
    next.node.focus({ preventScroll: true });
    next.node.scrollIntoView({ block: "nearest" });
  };
  switch (event.key) {
    case "ArrowUp": return go(cursor.row - 1, cursor.column);
    case "ArrowDown": return go(cursor.row + 1, cursor.column);
    case "PageUp": return go(cursor.row, cursor.split - 1);
    case "PageDown": return go(cursor.row, cursor.split + 1);
    case "ArrowLeft": return moveTo(view, plot, cursor.bar - 1, event.shiftKey);
    case "ArrowRight": return moveTo(view, plot, cursor.bar + 1, event.shiftKey);
    case "Home": return moveTo(view, plot, 0, event.shiftKey);
    case "End": return moveTo(view, plot, last, event.shiftKey);
  }
}

const MOVES = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"];

function listenToKeys(view) {
  const { root } = view;
  root.addEventListener("focusin", (event) => {
    const plot = view.plots.get(event.target.closest?.(".plot"));
    if (!plot || view.drag) return;
    view.draw(view.rows[plot.row]);
    if (plot.row !== view.cursor.row || plot.split !== view.cursor.split || !view.cursor.bars) moveTo(view, plot, view.cursor.bar, false);
    showCursor(view, plot);
  });
  root.addEventListener("focusout", () => {
    const plot = view.rows[view.cursor.row]?.plots[view.cursor.split];
    if (plot) mark(plot, "cursor", []);
    hideTooltip(view);
  });
  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const plot = view.rows[view.cursor.row]?.plots[view.cursor.split];
    if (!plot) return;
    if (event.key === "Escape") {
      const selected = view.data.features[plot.row].selected;
      if (view.drag) endDrag(view);
      else if (selected.length) send(view, plot, [], false);
      hideTooltip(view);
      return;
    }
    if (event.key === "Enter" && view.cursor.bars) send(view, plot, view.cursor.bars, event.shiftKey);
    else if (MOVES.includes(event.key)) {
      step(view, event);
      showCursor(view, view.rows[view.cursor.row].plots[view.cursor.split]);
    } else return;
    event.preventDefault();
  });
}

export function listen(view) {
  listenToPointer(view);
  listenToKeys(view);
}
