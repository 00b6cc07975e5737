// One instance, over the right column: pictures or unusual values, predictions, what happened to it, neighbors.
import { barText } from "./bar_text.js";
import { cellsText } from "./filters.js";
import { thumbnail } from "./images.js";
import { count, percent } from "./numbers.js";
import { largeStrip } from "./outcome_strip.js";
import { isCompared, sideNames } from "./sides.js";
import {
  idOf, IS_ADDED, IS_EDITED, IS_MOVED, IS_RELABELED, IS_REMOVED, outcomeAt, predictedAt, SPLITS,
} from "./store.js";
import { element, shape, toned } from "./ui.js";
import { oddsWords, rarities, unusualValues } from "./unusual.js";

const VALUES = 7;             // unusual values
const NEIGHBORS = 16;
const NEIGHBOR = 40;          // edge of a neighbor's picture
const SPARK = { width: 84, height: 26 };
const WIDE = 420;             // from this width on, pictures are larger
const EDITED = 5;             // edited values that are listed
const OUTCOMES = [["okt", "correct"], ["not", "incorrect"], ["mute", "unknown"]];

const className = (store, label) => (label === store.unlabeled ? "–" : store.head.classes[label]);

function subjectOf(store, row) {
  const one = store.instance[row];
  return { row, now: store.primaryRow[one], then: store.secondaryRow[one], id: idOf(store, row) };
}

function namesOf(app) {
  const { primary, secondary } = sideNames(app);
  return [primary, secondary];
}

// What the host sent about this instance, if it is the one shown: values as text [feature, secondary, primary],
// text, pictures [secondary, primary], predictions [version, class, probability], and changes as sentences.
const detailsOf = ({ app }, { id }) => (app.letter?.instance?.id === id ? app.letter.instance : null);

// ---- parts ----------------------------------------------------------------------------------

function header(view, { row, id }) {
  const { store } = view, about = `${SPLITS[store.split[row]]} · label ${className(store, store.label[row])}`;
  const button = (name, sign, onclick) =>
    element("button", { type: "button", "aria-label": name, title: name, onclick }, sign);
  return element("header", {},
    element("div", {}, element("h3", { title: id }, id), element("p.mute", {}, about)),
    element("div.drawer-buttons", {},
      button("Previous instance", "↑", () => step(view, -1)),
      button("Next instance", "↓", () => step(view, 1)),
      button("Close", "✕", () => view.app.closeInstance())));
}

// Pixels are drawn from the codes, or by the host where the codes don't suffice.
function pictures(view, { now, then }, details) {
  const { store, node, app } = view, [primary, secondary] = namesOf(app), edge = node.clientWidth < WIDE ? 88 : 120;
  const figure = (row, tone, caption) => {
    const source = details?.image?.[tone === "pt" ? 1 : 0];
    const picture = store.head.image ? thumbnail(store, row, edge) : source && element("img.thumb", { src: source, alt: "", width: edge });
    return element("figure", {}, picture, element(`figcaption.${tone}`, {}, caption));
  };
  if (now >= 0 && now === then) {
    const same = store.primary === store.secondary ? primary : `${secondary} and ${primary}: same pixels`;
    return element("div.pictures", {}, figure(now, "pt", same));
  }
  return element("div.pictures", {},
    ...(then >= 0 ? [figure(then, "st", secondary)] : []), ...(now >= 0 ? [figure(now, "pt", primary)] : []));
}

function predictionOf(view, version, row, details) {
  const { store } = view;
  if (row < 0) return element("dd.mute", {}, "not in this version");
  const [tone, word] = OUTCOMES[outcomeAt(store, version, row)];
  const { name } = store.head.versions[version], probability = details?.predictions.find((one) => one[0] === name)?.[2];
  return element("dd", {}, element("b", {}, className(store, predictedAt(store, version, row))), " ", toned(tone, word),
    ...(Number.isFinite(probability) ? [toned("mute", ` (${percent(probability)})`)] : []));
}

function predictions(view, { now, then }, details) {
  const { store, app } = view, [primary, secondary] = namesOf(app);
  const before = [element("dt.st", {}, secondary), predictionOf(view, store.secondary, then, details)];
  return element("dl.predictions", {}, ...(isCompared(store) ? before : []),
    element("dt.pt", {}, primary), predictionOf(view, store.primary, now, details));
}

// What the step did to the instance, as sentences.
function stepSentences({ app, store }, { row, now, then }) {
  const bits = store.dataChange[row], [primary, secondary] = namesOf(app), sentences = [];
  const label = (at) => className(store, store.label[at]);
  if (bits & IS_RELABELED) sentences.push(`Label changed from ${label(then)} to ${label(now)}.`);
  if (bits & IS_EDITED) sentences.push(store.head.image ? "Its pixels were edited." : "Its values were edited.");
  if (bits & IS_MOVED) sentences.push(`Moved from ${SPLITS[store.split[then]]} to ${SPLITS[store.split[now]]}.`);
  if (bits & IS_ADDED) sentences.push(`Added: it isn’t in ${secondary}.`);
  if (bits & IS_REMOVED) sentences.push(`Removed: it isn’t in ${primary}.`);
  return sentences.map((text) => element("p.happened", {}, text));
}

// The values that the step edited, and what happened in other versions.
function changes({ store }, { row }, details) {
  if (!details) return [];
  const edited = store.head.image || !(store.dataChange[row] & IS_EDITED) ? []
    : details.values.filter(([, before, after]) => before !== after);
  const lines = edited.slice(0, EDITED).map(([name, before, after]) =>
    element("p", {}, `${name}: `, toned("st", before ?? "missing"), " → ", toned("pt", after ?? "missing")));
  if (edited.length > EDITED) lines.push(element("p.mute", {}, `and ${count(edited.length - EDITED)} more`));
  lines.push(...details.changes.map((text) => element("p", {}, text)));
  return lines.length ? [element("h4", {}, "What happened to it"), element("div.changes", {}, ...lines)] : [];
}

// ---- unusual values -------------------------------------------------------------------------

// The distribution of a feature in the primary, with the instance's bar marked.
function spark(shares, code) {
  const svg = shape("svg", { ...SPARK, "aria-hidden": "true" }), width = SPARK.width / shares.length;
  const top = Math.max(...shares), ink = Math.max(0.8, width - 0.6).toFixed(1), x = (code + 0.5) * width;
  const bars = Array.from(shares, (share, i) => {
    const height = Math.max(0.7, (share / top) * 22).toFixed(1);
    return share ? `M${(i * width).toFixed(1)} 25v-${height}h${ink}V25z` : "";
  });
  shape("path.all", { d: bars.join("") }, svg);
  shape("path.marked", { d: `M${x} 2V26` }, svg);
  shape("circle.marked", { cx: x, cy: 4, r: 3 }, svg);
  return svg;
}

function unusual(view, { row }, details) {
  const { store, app } = view, found = unusualValues(store, row, VALUES), [primary] = namesOf(app);
  const table = element("div.unusual");
  for (const { feature, code, share } of found) {
    const one = store.head.features[feature], [, , raw] = details?.values.find(([name]) => name === one.name) ?? [];
    const [odds, rest] = oddsWords(share), value = raw ?? barText(one, code);
    table.append(
      element("p.unusual-feature", { title: one.name }, one.name), spark(rarities(store)[feature].shares, code),
      element("p.unusual-numbers", { title: `${odds} ${rest}` }, element("b", {}, value), toned("mute", odds)));
  }
  if (!rarities(store)) return [];
  if (!found.length) return [element("h4", {}, "No unusual values")];
  return [element("h4", {}, "Its most unusual values", toned("mute", ` among all rows of ${primary}`)), table];
}

// ---- neighbors ------------------------------------------------------------------------------

function neighborRows(store, row) {
  const cell = store.cell[row], rows = [];
  if (!store.head.layout) return rows;
  for (let other = store.cellStart[cell]; other < store.cellStart[cell + 1]; other++) {
    const one = store.instance[other];
    if (store.primaryRow[one] === other && one !== store.instance[row]) rows.push(other);
  }
  return rows;
}

function neighbor({ store, app }, row) {
  const outcome = outcomeAt(store, store.primary, row), label = className(store, store.label[row]);
  return element(`button.${["ok", "no", "unknown"][outcome]}`, {
    type: "button", onclick: () => app.openInstance(row),
    "aria-label": `${idOf(store, row)}, label ${label}, ${OUTCOMES[outcome][1]}`,
  }, thumbnail(store, row, NEIGHBOR), element("span", {}, label));
}

function neighbors(view, { row }) {
  const rows = neighborRows(view.store, row), shown = rows.slice(0, NEIGHBORS);
  if (!rows.length) return [];
  const words = ` ${count(shown.length)} of ${count(rows.length)} in its cell, with labels`;
  return [
    element("h4", {}, "Its neighbors", toned("mute", words)),
    element("div.neighbors", {}, ...shown.map((other) => neighbor(view, other))),
  ];
}

function footer(view, { row, id }) {
  const { store, app } = view, cell = store.cell[row];
  const show = () => {
    app.commit("map", { view: "map", cells: [cell], label: cellsText(1) });
    app.closeInstance();
  };
  return element("footer", {},
    store.head.layout ? element("button.plain", { type: "button", onclick: show }, "Show its neighbors") : null,
    element("button.plain", { type: "button", onclick: () => app.open({ instance: id }) }, "Open in Instances"));
}

// ---- view -----------------------------------------------------------------------------------

function fill(view, row) {
  const { store, node } = view, { image } = store.head, subject = subjectOf(store, row);
  const details = detailsOf(view, subject), pictured = image || details?.image;
  node.replaceChildren(
    header(view, subject),
    element("div.drawer-top", {}, pictured ? pictures(view, subject, details) : null,
      element("div", {}, predictions(view, subject, details), ...stepSentences(view, subject))),
    ...(details?.text ? [element("p.drawer-text", {}, details.text)] : []),
    element("h4", {}, "Prediction in every version", toned("mute", " up: correct, down: incorrect")),
    largeStrip(store, row, Math.max(200, node.clientWidth) - 36),
    ...changes(view, subject, details),
    ...(image ? neighbors(view, subject) : unusual(view, subject, details)),
    footer(view, subject));
}

function step(view, by) {
  const row = view.app.views.instances.next(by);
  if (row !== undefined) view.app.openInstance(row);
}

// Keeps the focus on the same button where opening the next instance makes new ones.
function open(view, row) {
  const { node, app } = view, { activeElement } = node.getRootNode();
  const name = node.contains(activeElement) ? activeElement.getAttribute("aria-label") : null;
  node.style.top = `${app.root.querySelector(".body")?.offsetTop ?? 0}px`;
  const first = node.hidden;
  if (first) view.back = activeElement;
  node.hidden = false;
  fill(view, row);
  const buttons = [...node.querySelectorAll("button")];
  const again = name && buttons.find((button) => button.getAttribute("aria-label") === name);
  if (again) again.focus({ preventScroll: true });
  else if (first || name) node.focus({ preventScroll: true });
}

function close(view) {
  view.node.hidden = true;
  view.back?.focus?.({ preventScroll: true });
  view.back = null;
}

export function drawer(root, app) {
  const node = element("section.drawer", { role: "dialog", "aria-label": "One instance", hidden: true, tabindex: -1 });
  root.append(node);
  const view = { app, store: app.store, node, back: null };
  node.addEventListener("keydown", (event) => {
    if (event.key === "Escape") app.closeInstance();
    else if (event.key === "ArrowDown") step(view, 1);
    else if (event.key === "ArrowUp") step(view, -1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return {
    open: (row) => open(view, row),
    close: () => close(view),
    get shown() { return !node.hidden; },
  };
}
