// Instances in groups, regressed first; a row exists only while it is in view.
import { barText } from "./bar_text.js";
import { thumbnail } from "./images.js";
import { GROUPS, groupedRows, stepWords, summaryOf } from "./instance_groups.js";
import { count } from "./numbers.js";
import { smallStrip } from "./outcome_strip.js";
import { isCompared } from "./sides.js";
import { idOf, predictedAt } from "./store.js";
import { element, paneHead, sizeOf, textWidth, toned } from "./ui.js";
import { forgetRarities, oddsWords, rarities, unusualValues } from "./unusual.js";

const HEAD = 42;              // heading of a group with the line that sums it up
const TWO_LINES = 50, THREE_LINES = 66;
const PICTURE = 40;
const BESIDE = 10;            // space between text and strip
const PAGE = 8;
const TAG = 62;               // room for "relabeled" in its frame
const SORTED = "sorted: edited, then otherwise always correct";

const className = (store, label) => (label === store.unlabeled ? "–" : store.head.classes[label]);

// ---- one row --------------------------------------------------------------------------------

function predictionsOf(store, row) {
  const one = store.instance[row], now = store.primaryRow[one], then = store.secondaryRow[one];
  return {
    now: now >= 0 ? className(store, predictedAt(store, store.primary, now)) : null,
    then: then >= 0 ? className(store, predictedAt(store, store.secondary, then)) : null,
  };
}

function predictionWords({ now, then }) {
  if (now !== null && then !== null && now !== then) return `predicted ${then} → ${now}`;
  return `predicted ${now ?? then}`;
}

function predictionNodes({ now, then }) {
  const changed = now !== null && then !== null && now !== then;
  return [toned("mute", "predicted "),
    ...(changed ? [element("span.class.st", {}, then), toned("mute", " → "), element("b.class.pt", {}, now)]
      : [element("b.class", {}, now ?? then)])];
}

function labelNodes(store, row) {
  return [toned("mute", "label "), element("b.class", {}, className(store, store.label[row]))];
}

// The most unusual value, with as much of its sentence as fits; names are cut, never numbers.
function unusualNodes(view, row, room) {
  const { store } = view, [found] = unusualValues(store, row, 1);
  if (!rarities(store)) return { nodes: [], used: 0 };
  if (!found) return { nodes: [toned("mute", "nothing unusual")], used: textWidth("nothing unusual", 12) };
  const feature = store.head.features[found.feature], [odds, rest] = oddsWords(found.share);
  const value = `${barText(feature, found.code)}:`;
  const width = (words) => textWidth(`${feature.name} ${value} ${words}`, 12) + 12;
  const words = width(`${odds} ${rest}`) <= room ? `${odds} ${rest}` : odds;
  return {
    nodes: [
      element("span.unusual-name", { title: `${feature.name} ${value} ${odds} ${rest}` }, feature.name),
      element("span.unusual-value", {}, value), element("span.unusual-odds", {}, words),
    ],
    used: width(words),
  };
}

function detailLine(view, row, id, width) {
  const { store } = view, tags = stepWords(store.dataChange[row]).map((word) => element("span.tag", {}, word));
  if (store.head.image) return element("p.row-detail", {}, ...tags, element("span.row-id", {}, id));
  const { nodes, used } = unusualNodes(view, row, width - tags.length * TAG);
  const fits = width - used - tags.length * TAG > textWidth(id, 12) + 8;
  return element("p.row-detail", {}, ...tags, ...nodes, ...(fits ? [element("span.row-id.end", {}, id)] : []));
}

function makeRow(view, row, at) {
  const { store, app } = view, image = store.head.image, id = idOf(store, row), said = predictionsOf(store, row);
  const three = view.rowHeight === THREE_LINES;
  const top = labelNodes(store, row);
  if (!three) top.push(toned("mute", ", "), ...predictionNodes(said));
  const text = element("div.row-text", {},
    element("div.row-top", {}, element("p.row-words", {}, ...top), smallStrip(store, row, view.stripWidth, 22)),
    three ? element("p.row-words", {}, ...predictionNodes(said)) : null,
    detailLine(view, row, id, view.textWidth));
  const label = `label ${className(store, store.label[row])}`, touched = stepWords(store.dataChange[row]);
  const node = element("div.instance", {
    role: "option", id: `${app.uid}-instance-${at}`, "aria-selected": String(at === view.active),
    "aria-label": [id, label, predictionWords(said), ...touched].join(", "),
  }, image ? thumbnail(store, row, PICTURE) : null, text);
  node.addEventListener("pointerenter", () => app.preview({ view: "instances", row, label: id }));
  node.addEventListener("pointerleave", () => app.preview(null));
  node.addEventListener("click", () => open(view, at));
  return node;
}

function open(view, at) {
  view.active = at;
  view.app.openInstance(view.list[at]);
}

// ---- groups ---------------------------------------------------------------------------------

function makeGroups(scroll) {
  return GROUPS.map(({ name, alone, part = name, tone }) => {
    const title = toned(tone, name), number = toned("num", ""), summary = element("p.group-summary");
    const head = element("div.group-head", {}, element("p.group-title", {}, title, number), summary);
    const body = element("div.group-body");
    const node = element("section.group", { role: "group", "aria-label": name }, head, body);
    scroll.append(node);
    return { name, alone, part, node, title, number, summary, body, rows: [], first: 0, top: 0, shown: new Map() };
  });
}

function measure(view) {
  const { store } = view, image = store.head.image, { w, h } = sizeOf(view.frame);
  view.height = h;
  view.stripWidth = Math.min(image ? 92 : 84, Math.max(40, store.versionCount * 4));
  view.textWidth = w - 8 - (image ? PICTURE + 9 : 0);
  const longest = Math.max(0, ...store.head.classes.map((name) => textWidth(name, 13, 600)));
  const words = textWidth("label , predicted  → ", 13) + 3 * longest;
  view.rowHeight = words <= view.textWidth - view.stripWidth - BESIDE ? TWO_LINES : THREE_LINES;
}

function gather(view) {
  const { store } = view, parts = store.primary === store.secondary, alone = !isCompared(store);
  let top = 0, first = 0;
  groupedRows(store).forEach((rows, i) => {
    const group = view.groups[i];
    Object.assign(group, { rows, top, first });
    group.node.hidden = !rows.length;
    first += rows.length;
    if (!rows.length) return;
    top += HEAD + rows.length * view.rowHeight;
    group.title.textContent = alone ? group.alone : parts ? group.part : group.name;
    group.number.textContent = count(rows.length);
    group.summary.textContent = group.summary.title = summaryOf(store, rows);
    group.body.style.height = `${rows.length * view.rowHeight}px`;
  });
  view.list = view.groups.flatMap((group) => group.rows);
  view.active = Math.max(0, Math.min(view.active, view.list.length - 1));
}

function fill(view, all) {
  const { scroll, rowHeight } = view, top = scroll.scrollTop, bottom = top + view.height;
  for (const group of view.groups) {
    const from = Math.max(0, Math.floor((top - group.top - HEAD) / rowHeight) - 1);
    const to = Math.min(group.rows.length, Math.ceil((bottom - group.top - HEAD) / rowHeight) + 1);
    for (const [i, node] of group.shown) {
      if (!all && i >= from && i < to) continue;
      node.remove();
      group.shown.delete(i);
    }
    for (let i = from; i < to; i++) {
      if (group.shown.has(i)) continue;
      const node = makeRow(view, group.rows[i], group.first + i);
      node.style.cssText = `transform:translateY(${i * rowHeight}px);height:${rowHeight}px`;
      group.shown.set(i, node);
      group.body.append(node);
    }
  }
}

// Says why nothing is shown, and which filter to remove.
function drawEmpty(view) {
  const { app, empty } = view;
  empty.hidden = view.list.length > 0;
  if (view.list.length) return;
  const { scope } = app.state;
  empty.textContent = app.emptyWords() ?? `No ${scope === "all" ? "" : `${scope} `}instances match.`;
}

function draw(view) {
  if (sizeOf(view.frame).w < 60) return;
  measure(view);
  gather(view);
  drawEmpty(view);
  fill(view, true);
}

// ---- keyboard -------------------------------------------------------------------------------

function placeOf(view, at) {
  const group = view.groups.find(({ first, rows }) => at >= first && at < first + rows.length);
  return group ? group.top + HEAD + (at - group.first) * view.rowHeight : 0;
}

function move(view, step) {
  const { scroll } = view;
  view.active = Math.max(0, Math.min(view.list.length - 1, view.active + step));
  const top = placeOf(view, view.active);
  if (top - HEAD < scroll.scrollTop) scroll.scrollTop = top - HEAD;
  else scroll.scrollTop = Math.max(scroll.scrollTop, top + view.rowHeight - view.height);
  fill(view, true);
  scroll.setAttribute("aria-activedescendant", `${view.app.uid}-instance-${view.active}`);
  return view.list[view.active];
}

function listenToKeys(view) {
  view.scroll.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE }[event.key];
    if (!view.list.length) return;
    if (step) move(view, step);
    else if (event.key === "Enter") open(view, view.active);
    else return;
    event.preventDefault();
  });
}

export function instances(pane, app) {
  const label = "Instances, regressed first";
  const scroll = element("div.instance-rows", { role: "listbox", "aria-label": label, tabindex: 0 });
  const empty = element("p.empty", { hidden: true }), frame = element("div.instances", {}, scroll, empty);
  pane.append(paneHead("Instances", element("span.hint", {}, SORTED)), frame);
  const view = { app, store: app.store, scroll, frame, empty, list: [], active: 0, height: 0, rowHeight: TWO_LINES };
  view.groups = makeGroups(scroll);
  scroll.addEventListener("scroll", () => fill(view, false), { passive: true });
  listenToKeys(view);
  return {
    draw: () => draw(view),
    pair: () => forgetRarities(app.store),
    next: (step) => move(view, step),
    top: () => {
      scroll.scrollTop = 0;
      view.active = 0;
    },
  };
}
