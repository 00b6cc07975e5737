// The Feature View: one row per feature. Streamlit calls the default export at every change of data or theme.
import { component, element, hideTooltip, makeTooltip } from "../parts.js";
import { instances, nameOf, wordsOf } from "./counting.js";
import { drawPlot, drawStats, mark, plotHeight } from "./drawing.js";
import { listen, moveTo, showCursor } from "./input.js";
import { barsOf, count, sum } from "./scales.js";

// No blue, pink, red, or purple: those are the colors of versions and outcomes.
const PALETTE = ["#1b9e77", "#e6a500", "#8c6239", "#6aa52a", "#8a8a8a", "#f28e2b", "#00868b", "#c9bc4a", "#4f7d3a", "#d9b48f",
  "#2fc4a0", "#a0700f", "#b8d67a", "#5f6f65", "#ffcf66", "#386b5e", "#c2c2b8", "#7a7a2e", "#8fd3c1", "#cc7a1f"];

// ---- skeleton: made again only when the features or their order change -----------------------

const skeletonOf = (data) => JSON.stringify([data.splits, data.features.map((f) => [f.name, !f.note])]);

function makeRow(feature, r, data) {
  const node = element("div", "row"), about = node.appendChild(element("div", "about"));
  node.setAttribute("role", "group");
  node.setAttribute("aria-label", feature.name);
  const name = about.appendChild(element("div", "name", feature.name || "(no name)"));
  name.title = `${feature.name} (${feature.kind})`;
  name.append(element("small", "", ` ${feature.kind}`));
  const row = { node, stats: [], plots: [] };
  const texts = feature.note ? [feature.note] : data.splits;
  texts.forEach((_, split) => {
    const cell = node.appendChild(element("div", feature.note ? "plot note" : "plot"));
    cell.tabIndex = -1;
    cell.style.setProperty("--column", split + 1);
    const plot = { node: cell, row: r, split, note: Boolean(feature.note) };
    if (!feature.note) {
      const stats = about.appendChild(element("div", "stats"));
      stats.style.setProperty("--column", split + 1);
      row.stats.push(stats);
      plot.svg = cell.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
      plot.svg.setAttribute("aria-hidden", "true");
    }
    row.plots.push(plot);
  });
  return row;
}

function makeRows(view) {
  const { data } = view;
  view.observer.disconnect();
  view.visible.clear();
  view.rows = data.features.map((feature, r) => makeRow(feature, r, data));
  view.plots = new Map(view.rows.flatMap((row) => row.plots.map((plot) => [plot.node, plot])));
  view.body.replaceChildren(...view.rows.map((row) => row.node));
  const named = Math.max(0, data.features.findIndex((f) => f.name === view.cursor.name));
  Object.assign(view.cursor, { row: named, split: Math.min(view.cursor.split, (view.rows[named]?.plots.length ?? 1) - 1), bars: null });
  for (const row of view.rows) view.observer.observe(row.node);
}

// ---- legend and head ------------------------------------------------------------------------

function key(className, text) {
  const node = element("span", "key");
  node.append(element("i", `swatch ${className}`), element("span", "", text));
  node.title = text;
  return node;
}

function drawLegend(view) {
  const { data } = view;
  const keys = [key("primary", `Primary ${data.primary}`), key("secondary", `Secondary ${data.secondary}`), key("both", "Both: the smaller count")];
  if (data.features.some((f) => f.ghost)) keys.push(key("ghost", `Outline: all of ${data.primary}, shape only; figures: of all`));
  if (data.features.some((f) => f.selected.length)) keys.push(key("chosen", "Chosen as a filter"));
  view.legend.replaceChildren(...keys);
  const labeled = data.classes && data.features.some((f) => f.labels);
  view.labels.hidden = !labeled;
  if (!labeled) return;
  view.labels.replaceChildren(element("span", "", `True labels of ${data.primary}:`), ...data.classes.map((name, k) => {
    const node = key("", name);
    node.firstChild.style.background = PALETTE[k % PALETTE.length];
    return node;
  }));
  if (data.classes.length > PALETTE.length) view.labels.append(element("span", "", `(colors repeat after ${PALETTE.length})`));
}

function drawHead(view) {
  const { data } = view;
  view.head.replaceChildren(element("div", "about", data.features.length === 1 ? "1 feature" : `${count(data.features.length)} features`));
  data.splits.forEach((name, split) => {
    const cell = view.head.appendChild(element("div", "total"));
    cell.append(element("b", "", name));
    for (const [side, label] of [["primary", data.primary], ["secondary", data.secondary]]) {
      const n = instances(data, split, side === "primary" ? 0 : 3);
      const span = cell.appendChild(element("span", side, n === null ? "" : `${label}: ${count(n)}`));
      span.title = `${side} ${label}, ${name}: ${n === null ? "-" : count(n)} ${data.mode === "shares" ? "instances; bars are shares of these" : "instances"}`;
    }
  });
}

// ---- rows: named at every change, drawn when in view ----------------------------------------

function nameRow(view, row, feature) {
  for (const plot of row.plots) {
    plot.node.tabIndex = plot.row === view.cursor.row && plot.split === view.cursor.split ? 0 : -1;
    if (plot.note) {
      plot.node.setAttribute("role", "img");
      plot.node.setAttribute("aria-label", `${feature.name}: ${feature.note}`);
      plot.node.textContent = feature.note;
      continue;
    }
    const bars = plot.bars = barsOf(feature);
    const now = Math.max(0, Math.min(view.cursor.bar, bars.length - 1));
    const attributes = {
      role: "slider", "aria-roledescription": "histogram", "aria-orientation": "horizontal",
      "aria-label": nameOf(feature, plot.split, view.data), "aria-valuemin": 1, "aria-valuemax": Math.max(1, bars.length), "aria-valuenow": now + 1,
      "aria-valuetext": bars.length ? wordsOf(feature, plot.split, view.data, bars, now, now) : "no values",
    };
    for (const name in attributes) plot.node.setAttribute(name, attributes[name]);
  }
}

function drawRow(view, row) {
  if (row.fresh) return;
  const feature = view.data.features[view.rows.indexOf(row)];
  row.fresh = true;
  row.stats.forEach((box, split) => drawStats(box, feature, split, view.data));
  for (const plot of row.plots) if (!plot.note) drawPlot(plot, feature, plot.split, view.data, PALETTE);
}

function redraw(view) {
  for (const row of view.rows) row.fresh = false;
  for (const row of view.visible) drawRow(view, row);
  const plot = view.rows[view.cursor.row]?.plots[view.cursor.split];
  if (plot && plot.node.getRootNode().activeElement === plot.node) {
    drawRow(view, view.rows[view.cursor.row]);
    moveTo(view, plot, view.cursor.bar, Boolean(view.cursor.bars));
    showCursor(view, plot);
  }
}

function arrange(view, width) {
  const splits = view.data.splits.length;
  const layout = width < (splits > 2 ? 700 : 480) ? "stacked" : width < Math.max(760, 268 + splits * 246) ? "narrow" : "wide";
  view.root.dataset.layout = layout;
  view.root.style.setProperty("--splits", splits);
  view.root.style.setProperty("--plot", `${plotHeight(view.data.classes && view.data.features.some((f) => f.labels))}px`);
}

// Streamlit's own header lies over the top of the page, so the head stays below it.
function headTop(main) {
  const over = main?.matches(".stMain") && document.querySelector("[data-testid=stHeader]");
  return over ? `${over.offsetHeight}px` : "0px";
}

function scroller(node) {
  for (let at = node; at; at = at.parentElement ?? at.getRootNode().host) {
    if (at.nodeType === 1 && /auto|scroll/.test(getComputedStyle(at).overflowY)) return at;
  }
  return null;
}

// ---- life -----------------------------------------------------------------------------------

function make(root) {
  const view = { root, rows: [], plots: new Map(), visible: new Set(), cursor: { row: 0, split: 0, column: 0, bar: 0, anchor: 0, bars: null }, drag: null, palette: PALETTE };
  for (const name of ["legend", "labels", "head", "body"]) view[name] = root.appendChild(element("div", name));
  view.labels.classList.add("legend");
  view.body.setAttribute("role", "group");
  view.body.setAttribute("aria-label", "Feature View. Up and Down: feature; Page Up and Page Down: split; Left and Right: bar; Shift extends; Enter filters; Escape clears.");
  view.tip = makeTooltip(root);
  view.draw = (row) => drawRow(view, row);

  const main = scroller(root.getRootNode().host ?? root);
  root.style.setProperty("--head-top", headTop(main));
  view.observer = new IntersectionObserver((entries) => {
    const rows = new Map(view.rows.map((row) => [row.node, row]));
    for (const entry of entries) {
      const row = rows.get(entry.target);
      if (!row) continue;
      if (entry.isIntersecting) { view.visible.add(row); drawRow(view, row); } else view.visible.delete(row);
    }
  }, { root: main, rootMargin: "300px 0px" });
  let width = 0;
  view.resizer = new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - width) < 1) return;
    width = entry.contentRect.width;
    if (!width || !view.data) return;
    arrange(view, width);
    redraw(view);
  });
  view.resizer.observe(root);
  view.drawAll = () => view.rows.forEach((row) => drawRow(view, row));
  window.addEventListener("beforeprint", view.drawAll);
  listen(view);
  view.main = main ?? window;
  view.main.addEventListener("scroll", view.scrolled, { passive: true });
  return view;
}

function update(view) {
  const { data } = view;
  if (view.drag) { mark(view.drag.plot, "brush", []); view.drag = null; }
  hideTooltip(view);
  drawLegend(view);
  drawHead(view);
  arrange(view, view.root.clientWidth);
  const skeleton = skeletonOf(data);
  if (skeleton !== view.skeleton) {
    const focused = view.body.contains(view.root.getRootNode().activeElement);
    view.skeleton = skeleton;
    makeRows(view);
    if (focused) view.rows[view.cursor.row]?.plots[view.cursor.split]?.node.focus({ preventScroll: true });
  }
  data.features.forEach((feature, r) => nameRow(view, view.rows[r], feature));
  redraw(view);
}

function end(view) {
  view.observer.disconnect();
  window.removeEventListener("beforeprint", view.drawAll);
  view.main.removeEventListener("scroll", view.scrolled);
}

export default component("feature-view", "select", { make, update, end });
