// Changes of outcome: how often the outcome of each instance changed over all versions.
import { countSensitivity } from "./counts.js";
import { count, shortCount } from "./numbers.js";
import { barRanges, countWithin, mostChanges, rangeText, rangeWords, singleWidth, UNKNOWN_CHANGES } from "./ranges.js";
import { element, paneHead, setAttributes, sizeOf, textWidth } from "./ui.js";

const NEVER = 60;        // width of the number of instances that never changed
const NARROWEST = 21;    // width of a bar with a number of one or two digits
const LINE = 14;         // height of a count
const TEXT = 34;         // room for the count above a bar and the text beneath it

const committed = ({ state }) => state.filters.find((filter) => filter.view === "sensitivity") ?? null;
const isSame = (filter, range) => filter?.from === range.from && filter?.to === range.to;
const filterOf = (range) => ({ view: "sensitivity", from: range.from, to: range.to, label: rangeWords(range) });

// Bars as wide as their texts, for the counts without filters: hovering never regroups them.
function rangesFor(view, width, height) {
  const { app, store } = view, key = `${width} ${height}`;
  if (view.rangesKey === key && view.rangesTotals === app.totals) return view.ranges;
  Object.assign(view, { rangesKey: key, rangesTotals: app.totals, ranges: makeRanges(app, store, width, height) });
  return view.ranges;
}

function makeRanges(app, store, width, height) {
  const counts = app.totals?.sensitivity ?? countSensitivity(store), most = mostChanges(counts), room = width - NEVER;
  const widthOf = (n) => textWidth(shortCount(n), 12);
  const single = singleWidth(counts, most, { room: height, line: LINE, least: NARROWEST, widthOf });
  if (most * single <= room) return barRanges(most, most);
  const grouped = Math.max(single, textWidth(`${most - 1}–${most}`, 12) + 7);
  return barRanges(most, Math.max(2, Math.floor(room / grouped)));
}

function makeBar(view) {
  const { app } = view;
  const node = element("button.sbar", { type: "button", tabindex: -1 },
    element("span.num"), element("i"), element("span.x"));
  node.addEventListener("pointerenter", () => app.preview(filterOf(node.range)));
  node.addEventListener("pointerleave", () => app.preview(null));
  node.addEventListener("focus", () => node.matches(":focus-visible") && app.preview(filterOf(node.range)));
  node.addEventListener("blur", () => app.preview(null));
  node.addEventListener("click", () => {
    app.commit("sensitivity", isSame(committed(app), node.range) ? null : filterOf(node.range));
  });
  return node;
}

function drawBar(view, node, range, n, tallest, room) {
  const [number, bar, text] = node.children, never = range.to === 0;
  node.range = range;
  node.classList.toggle("never", never);
  number.textContent = n || never ? shortCount(n) : "";
  text.textContent = rangeText(range);
  bar.style.height = never ? "0" : `${Math.max(n ? 1.5 : 0, (n / tallest) * room)}px`;
  setAttributes(node, {
    "aria-label": `${count(n)}: ${rangeWords(range)}`,
    "aria-pressed": String(isSame(committed(view.app), range)),
  });
}

function drawUnknown(view, counts) {
  const n = counts[UNKNOWN_CHANGES];
  view.hint.textContent = n ? `${view.period}; ${count(n)} unknown` : view.period;
  view.hint.title = n ? `${count(n)} instances have fewer than two known outcomes` : "";
}

function draw(view) {
  const { store, list } = view, { w, h } = sizeOf(list);
  if (w < 100 || h < 40) return;
  const counts = countSensitivity(store), ranges = rangesFor(view, w, h - TEXT);
  const numbers = ranges.map((range) => countWithin(counts, range)), tallest = Math.max(1, ...numbers.slice(1));
  while (list.children.length > ranges.length) list.lastChild.remove();
  while (list.children.length < ranges.length) list.append(makeBar(view));
  ranges.forEach((range, i) => drawBar(view, list.children[i], range, numbers[i], tallest, h - TEXT));
  if (!list.querySelector("[tabindex='0']")) list.firstChild.tabIndex = 0;
  drawUnknown(view, counts);
}

// One tab stop: arrow keys move the focus along `list`.
export function listenToArrows(list, steps) {
  list.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step) return;
    const items = [...list.children], last = items.length - 1;
    const next = items[Math.max(0, Math.min(last, items.indexOf(event.target) + step))];
    for (const item of items) item.tabIndex = item === next ? 0 : -1;
    next.focus({ preventScroll: true });
    event.preventDefault();
  });
}

export function sensitivity(pane, app) {
  const { versions } = app.store.head, hint = element("span.hint");
  const list = element("div.sensitivity", {
    role: "group", "aria-label": "How often the outcome changed over all versions",
  });
  pane.append(paneHead("Changes of outcome", hint), list);
  const period = versions.length > 1 ? `times, ${versions[0].name}–${versions.at(-1).name}` : "one version";
  const view = { app, store: app.store, list, hint, period };
  listenToArrows(list, { ArrowLeft: -1, ArrowRight: 1 });
  return { draw: () => draw(view) };
}
