// Pointer and keyboard of the features: hover reads a bar, a click or a brush filters.
import { reveal } from "./feature_pool.js";
import { drawRow, filterOf, showReading } from "./feature_row.js";
import { barAt } from "./histogram.js";

const rowOf = (event) => event.target.closest?.("svg")?.row ?? null;
const barUnder = (row, event) => barAt(row.bars, event.clientX - row.svg.getBoundingClientRect().left);
const committed = ({ app }, { key, name }) => (key ? app.state.filters.find(
  (filter) => filter.view === "feature" && filter.feature === name.title) : null) ?? null;

const isSame = (one, other) => one?.feature === other.feature && one.bars.join() === other.bars.join();

// ---- reading --------------------------------------------------------------------------------

function read(view, row, bar) {
  if (view.readRow && view.readRow !== row) stopReading(view);
  view.readRow = row;
  row.reading = row.cursor = bar;
  showReading(row);
}

function stopReading(view) {
  const row = view.readRow;
  view.readRow = null;
  if (!row) return;
  row.reading = null;
  showReading(row);
  if (!row.node.hidden) drawRow(view, row);
}

function leave(view) {
  stopReading(view);
  if (view.app.hover?.view === "feature") view.app.preview(null);
}

function preview(view, row, from, to) {
  const { app } = view, filter = filterOf(view, row, from, to), { hover } = app;
  read(view, row, to);
  if (hover?.view === "feature" && isSame(hover, filter)) drawRow(view, row);
  else app.preview(filter);
}

// A click on what is chosen clears it.
function toggle(view, row, from, to) {
  const next = filterOf(view, row, from, to), old = committed(view, row);
  view.app.commit(row.key, isSame(old, next) ? null : next);
}

// ---- pointer --------------------------------------------------------------------------------

function focusRow(view, row) {
  view.focused = row.at;
  for (const other of view.rows.values()) other.svg.setAttribute("tabindex", other === row ? 0 : -1);
}

function listenToPointer(view) {
  const { scroll } = view;
  scroll.addEventListener("pointermove", (event) => {
    const row = view.drag?.row ?? rowOf(event);
    if (event.pointerType === "touch") return;
    if (!row?.bars?.length) return leave(view);
    const bar = barUnder(row, event);
    if (view.drag) view.drag.to = bar;
    preview(view, row, view.drag?.from ?? bar, bar);
  });
  scroll.addEventListener("pointerdown", (event) => {
    const row = rowOf(event);
    if (!row?.bars?.length || event.button !== 0 || event.pointerType === "touch") return;
    const bar = barUnder(row, event);
    view.drag = { row, from: bar, to: bar };
    row.svg.setPointerCapture(event.pointerId);
    focusRow(view, row);
  });
  scroll.addEventListener("pointerup", (event) => {
    const { drag } = view, row = drag?.row ?? rowOf(event);
    view.drag = null;
    if (drag) return toggle(view, row, drag.from, drag.to);
    if (event.pointerType !== "touch" || !row?.bars?.length) return undefined;
    const bar = barUnder(row, event);
    return toggle(view, row, bar, bar);
  });
  scroll.addEventListener("pointercancel", () => {
    view.drag = null;
    leave(view);
  });
  scroll.addEventListener("pointerleave", () => !view.drag && leave(view));
}

// ---- keyboard -------------------------------------------------------------------------------

function moveBar(view, row, bar, extend) {
  const last = row.bars.length - 1, to = Math.max(0, Math.min(last, bar));
  row.anchor = extend ? row.anchor ?? row.cursor : null;
  preview(view, row, row.anchor ?? to, to);
}

function moveRow(view, row, step) {
  const at = Math.max(0, Math.min(view.order.length - 1, row.at + step)), next = reveal(view, at);
  if (!next) return;
  focusRow(view, next);
  next.svg.focus({ preventScroll: true });
}

function press(view, row, { key, shiftKey }) {
  const { cursor } = row, page = Math.max(1, Math.floor(view.height / view.rowHeight)) * view.columns;
  const bars = { ArrowLeft: cursor - 1, ArrowRight: cursor + 1, Home: 0, End: row.bars.length - 1 };
  const rows = { ArrowUp: -view.columns, ArrowDown: view.columns, PageUp: -page, PageDown: page };
  if (key in rows) moveRow(view, row, rows[key]);
  else if (!row.bars.length) return false;
  else if (key in bars) moveBar(view, row, bars[key], shiftKey);
  else if (key === "Enter" || key === " ") toggle(view, row, row.anchor ?? cursor, cursor);
  else if (key === "Escape") {
    row.anchor = null;
    leave(view);
    view.app.commit(row.key, null);
  } else return false;
  return true;
}

export function listenToFeatures(view) {
  listenToPointer(view);
  view.scroll.addEventListener("keydown", (event) => {
    const row = rowOf(event);
    if (row && press(view, row, event)) event.preventDefault();
  });
  view.scroll.addEventListener("focusout", () => !view.drag && leave(view));
}
