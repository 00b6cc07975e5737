// Before and after: predictions that are correct and incorrect in both versions, and the four flows between.
import { cutMiddle } from "./bar_text.js";
import { countChangesOfOutcome } from "./counts.js";
import { OUTCOME_WORDS } from "./filters.js";
import { count } from "./numbers.js";
import { bandPath, ribbonPlaces, spread, thicknesses } from "./ribbons.js";
import { isCompared, sideNames } from "./sides.js";
import { ADDED, FIXED, REGRESSED, REMOVED, STILL_CORRECT, STILL_INCORRECT, UNKNOWN } from "./store.js";
import { element, paneHead, setAttributes, shape, sizeOf, textWidth } from "./ui.js";

const ORDER = [STILL_CORRECT, FIXED, REGRESSED, STILL_INCORRECT];
const GOOD = new Set([STILL_CORRECT, FIXED]);
const BAR = 7;          // width of the bars at both ends
const TOP = 17;         // room for the names of the versions
const WORDS = 136;      // room for the buttons
const FOOT = 20;        // room for the line below
const LEAST_HEIGHT = 80;  // a lower pane has no room for four lines of text
const LINE = 22;        // height of a button where there is room

const committed = ({ state }) => state.filters.find((filter) => filter.view === "flow") ?? null;

function filterOf(outcomes) {
  const words = ORDER.map((change) => OUTCOME_WORDS[change]).filter((word) => outcomes.includes(word));
  return { view: "flow", outcomes: words, label: words.join(" or ") };
}

function toggle({ app }, word, extend) {
  const old = committed(app)?.outcomes ?? [], had = old.includes(word);
  let next = [word];
  if (extend) next = had ? old.filter((one) => one !== word) : [...old, word];
  else if (had && old.length === 1) next = [];
  app.commit("flow", next.length ? filterOf(next) : null);
}

function listen(view, node, word) {
  const { app } = view;
  node.addEventListener("pointerenter", () => app.preview(filterOf([word])));
  node.addEventListener("pointerleave", () => app.preview(null));
  node.addEventListener("focus", () => node.matches(":focus-visible") && app.preview(filterOf([word])));
  node.addEventListener("blur", () => app.preview(null));
  node.addEventListener("click", (event) => toggle(view, word, event.shiftKey));
}

// ---- elements -------------------------------------------------------------------------------

function gradient(parent, id, from, to) {
  const node = shape("linearGradient", { id }, parent);
  shape("stop", { offset: "0", style: `stop-color:var(${from})` }, node);
  shape("stop", { offset: "1", style: `stop-color:var(${to})` }, node);
  return `url(#${id})`;
}

function makeRibbons(view, svg) {
  const definitions = shape("defs", {}, svg), { uid } = view.app;
  const fills = {
    [STILL_CORRECT]: "var(--ok)",
    [STILL_INCORRECT]: "var(--no)",
    [REGRESSED]: gradient(definitions, `${uid}-regressed`, "--ok", "--no"),
    [FIXED]: gradient(definitions, `${uid}-fixed`, "--no", "--ok"),
  };
  return ORDER.map((change) => {
    const same = change === STILL_CORRECT || change === STILL_INCORRECT;
    const node = shape(`path.ribbon${same ? ".same" : ""}`, { fill: fills[change] }, svg);
    listen(view, node, OUTCOME_WORDS[change]);
    return node;
  });
}

function makeButtons(view, list) {
  return ORDER.map((change) => {
    const word = OUTCOME_WORDS[change], tone = GOOD.has(change) ? "okt" : "not";
    const node = element("button.flow-item", { type: "button", "aria-pressed": "false" },
      element(`span.num.${tone}`), element("span.word", {}, word));
    listen(view, node, word);
    list.append(node);
    return node;
  });
}

// ---- drawing --------------------------------------------------------------------------------

function drawHeads({ app, heads }, right) {
  const { primary, secondary } = sideNames(app);
  const fitted = (name) => cutMiddle(name, right / 2 - 4, (text) => textWidth(text, 12, 700));
  heads[0].textContent = fitted(secondary);
  heads[1].textContent = fitted(primary);
  setAttributes(heads[1], { x: right });
}

function drawRibbons(view, sizes, places, right, chosen) {
  view.ribbons.forEach((node, i) => {
    setAttributes(node, { d: bandPath(places.left[i], places.right[i], sizes[i], BAR, right - BAR) });
    node.classList.toggle("dim", Boolean(chosen && !chosen.outcomes.includes(OUTCOME_WORDS[ORDER[i]])));
  });
  places.bars.forEach(({ side, y, height }, i) => {
    setAttributes(view.bars[i], { x: side === "left" ? 0 : right - BAR, y, height: Math.max(0, height) });
  });
}

function drawButtons(view, numbers, sizes, places, right, height, chosen) {
  const middles = places.right.map((y, i) => y + sizes[i] / 2);
  const line = Math.min(LINE, (height - 10) / ORDER.length), at = spread(middles, line, TOP - 6, height);
  view.buttons.forEach((node, i) => {
    const n = numbers[i], word = OUTCOME_WORDS[ORDER[i]];
    node.style.transform = `translateY(${(at[i] - line / 2).toFixed(1)}px)`;
    node.style.height = `${line}px`;
    node.children[0].textContent = count(n);
    setAttributes(node, {
      "aria-label": `${count(n)} ${word}`,
      "aria-pressed": String(Boolean(chosen?.outcomes.includes(word))),
    });
    setAttributes(view.leads[i], { d: n ? `M${right + 2} ${middles[i]}L${right + 14} ${at[i]}` : "" });
  });
}

function drawFoot({ app, foot }, counts, shared) {
  const { primary, secondary } = sideNames(app), only = [];
  if (counts[ADDED]) only.push(`Only in ${primary}: ${count(counts[ADDED])}.`);
  if (counts[REMOVED]) only.push(`Only in ${secondary}: ${count(counts[REMOVED])}.`);
  if (counts[UNKNOWN]) only.push(`Unknown outcome: ${count(counts[UNKNOWN])}.`);
  const all = shared ? `${count(shared)} in both versions` : "No instances match.";
  foot.textContent = only.length ? only.join(" ") : all;
  foot.title = foot.textContent;
}

function draw(view) {
  const { app, store, svg, frame } = view, { w, h } = sizeOf(frame);
  frame.classList.toggle("tiny", h < LEAST_HEIGHT);
  if (w < 60 || h < LEAST_HEIGHT || !isCompared(store)) return;
  const counts = countChangesOfOutcome(store), numbers = ORDER.map((change) => counts[change]);
  const right = Math.max(90, w - WORDS), height = h - FOOT, chosen = committed(app);
  setAttributes(svg, { width: w, height });
  const sizes = thicknesses(numbers, height - TOP - 7), places = ribbonPlaces(sizes, TOP);
  drawHeads(view, right);
  drawRibbons(view, sizes, places, right, chosen);
  drawButtons(view, numbers, sizes, places, right, height, chosen);
  drawFoot(view, counts, numbers.reduce((sum, n) => sum + n, 0));
}

export function flow(pane, app) {
  const svg = shape("svg", { "aria-hidden": "true" }), foot = element("p.flow-foot");
  const list = element("div.flow-list", { role: "group", "aria-label": "Outcomes before and after" });
  const frame = element("div.flow", {}, svg, list, foot);
  pane.append(paneHead("Before and after"), frame);
  const view = { app, store: app.store, svg, frame, foot };
  view.ribbons = makeRibbons(view, svg);
  view.leads = ORDER.map(() => shape("path.lead", {}, svg));
  view.bars = ["ok", "no", "ok", "no"].map((tone) => shape(`rect.${tone}`, { width: BAR, rx: 1.5 }, svg));
  view.heads = [
    shape("text.colhead.s", { x: 0, y: 10 }, svg),
    shape("text.colhead.p", { y: 10, "text-anchor": "end" }, svg),
  ];
  view.buttons = makeButtons(view, list);
  return { draw: () => draw(view) };
}
