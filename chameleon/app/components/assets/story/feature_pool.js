// The rows of Features that are in view, taken from a pool.
import { drawRow, makeRow, showReading } from "./feature_row.js";
import { setAttributes } from "./ui.js";

const COLUMN_GAP = 28;
const TWO_COLUMNS = 780;      // a pane wider than this has two
const NARROW = 480;           // a column narrower than this has less room for names
const FLASH = 700;            // milliseconds

// Sizes are read once per resize or pair: reading them between writes lays the page out again and again.
export function measurePane(view) {
  const { scroll, pane } = view, width = scroll.clientWidth;
  view.width = width;
  view.height = scroll.clientHeight;
  view.columns = width > TWO_COLUMNS ? 2 : 1;
  view.columnWidth = Math.floor((width - (view.columns - 1) * COLUMN_GAP) / view.columns);
  view.head = view.columnWidth < NARROW ? 138 : 156;
  view.rowHeight = view.columns === 2 ? 88 : pane.clientHeight > 430 ? 80 : 70;
  view.spacer.style.height = `${Math.ceil(view.order.length / view.columns) * view.rowHeight}px`;
}

function place(view, row) {
  const { columns, rowHeight, head, columnWidth: width } = view;
  const x = (row.at % columns) * (width + COLUMN_GAP), y = Math.floor(row.at / columns) * rowHeight;
  row.node.style.cssText = `transform:translate(${x}px,${y}px);width:${width}px;height:${rowHeight}px;` +
    `grid-template-columns:${head}px auto`;
  row.width = width - head;
  row.height = rowHeight - 8;
  setAttributes(row.svg, { width: row.width, height: row.height, tabindex: row.at === view.focused ? 0 : -1 });
  setAttributes(row.node, { "aria-posinset": row.at + 1, "aria-setsize": view.order.length });
}

// Takes rows out of the pool for what is in view, and gives back the others.
export function fillRows(view, all) {
  const { scroll, rowHeight, columns, order, rows, spare } = view;
  if (view.width < 200) return;
  const top = Math.floor(scroll.scrollTop / rowHeight);
  const bottom = Math.ceil((scroll.scrollTop + view.height) / rowHeight);
  const from = Math.max(0, top - 1) * columns, to = Math.min(order.length, (bottom + 1) * columns);
  for (const [at, row] of rows) {
    if (at >= from && at < to) continue;
    rows.delete(at);
    row.node.hidden = true;
    spare.push(row);
  }
  for (let at = from; at < to; at++) {
    const known = rows.get(at), row = known ?? spare.pop() ?? addRow(view);
    rows.set(at, row);
    row.node.hidden = false;
    if (known && !all && row.feature === order[at]) continue;
    if (row.feature !== order[at]) forget(row);
    Object.assign(row, { at, feature: order[at] });
    place(view, row);
    drawRow(view, row);
  }
  const first = Math.ceil(scroll.scrollTop / rowHeight - 0.3);  // the first that is in view at least to its axis
  for (const [at, row] of rows) row.node.classList.toggle("first", Math.floor(at / columns) === first);
}

// What the pointer and keys did to a row is that of its feature.
function forget(row) {
  Object.assign(row, { reading: null, anchor: null, cursor: 0 });
  showReading(row);
}

function addRow(view) {
  const row = makeRow();
  view.spacer.append(row.node);
  return row;
}

export function reveal(view, at) {
  const { scroll, rowHeight, columns } = view, y = Math.floor(at / columns) * rowHeight;
  if (y < scroll.scrollTop) scroll.scrollTop = y;
  else if (y + rowHeight > scroll.scrollTop + view.height) scroll.scrollTop = y + rowHeight - view.height;
  fillRows(view, false);
  return view.rows.get(at);
}

export function show(view, feature) {
  const row = reveal(view, view.order.indexOf(feature));
  row?.node.classList.add("flash");
  setTimeout(() => row?.node.classList.remove("flash"), FLASH);
}
