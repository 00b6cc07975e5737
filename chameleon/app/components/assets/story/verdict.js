// The verdict: the headline, its chips, cause, and errors; both models on both test sets; and what is
// shown: scope, size, and filters. A strip has only the last part.
import { countScope, countSelection } from "./counts.js";
import { shareOf } from "./facts.js";
import { count, percent } from "./numbers.js";
import { savePicture } from "./picture.js";
import {
  causeWords, chipText, errorWords, headline, largestChanges, noneWords, oneVersionHeadline, rowsOf, selectionWords,
} from "./sentences.js";
import { isCompared, sideNames } from "./sides.js";
import { element, setAttributes, sizeOf, textWidth, toned } from "./ui.js";

const CHIP_PADDING = 28, LEAD_GAP = 40;
const HEADLINE_SIZE = { tall: 22, mid: 20, low: 18 };

export function verdict(pane, app) {
  const view = { app, pane, ...statementParts(), ...controlParts(app), chipWords: [], leadWidth: 0, errors: "" };
  const isStrip = app.mode === "strip";
  pane.append(...(isStrip ? [] : [view.statement, view.table]), view.controls);
  view.scopes.addEventListener("keydown", (event) => pressScopeKey(view, event));
  return {
    pair: () => drawPair(view),
    draw: () => drawSelection(view),
    resize: () => placeChips(view),
  };
}

function statementParts() {
  const lead = element("span.lead"), allRows = element("span.allrows", { hidden: true });
  const chips = element("span.verdictchips");
  const leadLine = element("p.leadline", {}, lead, allRows);
  const cause = element("span.cause"), why = element("p.why", {}, cause), where = element("p.where");
  const spoken = element("div", { role: "status" }, leadLine, why);
  return { lead, allRows, chips, leadLine, cause, why, where, statement: element("div.statement", {}, spoken, where) };
}

function controlParts(app) {
  const scopes = element("div.seg.scopes", { role: "radiogroup", "aria-label": "Evaluate on" });
  const first = element("div.firstcontrols", {}, scopes, app.mode === "full" ? saveMenu(app) : null);
  const tally = element("p.tally"), filters = element("div.chips", { "aria-live": "polite" });
  const open = () => app.open("attribution");
  return {
    scopes, tally, filters, controls: element("div.controls", {}, first, tally, filters),
    table: element("button.models", { type: "button", title: "Open Attribution", onclick: open }),
  };
}

function saveMenu(app) {
  const name = "Save as a picture";
  const menu = element("details.save", {}, element("summary", { "aria-label": name, title: name }, "⤓"));
  const save = (type) => {
    menu.open = false;
    const { primary, secondary } = sideNames(app);
    savePicture(app.root, `${app.head.project} ${secondary} to ${primary}`, type);
  };
  const items = ["png", "svg"].map((type) =>
    element("button", { type: "button", onclick: () => save(type) }, `Save as ${type.toUpperCase()}`));
  menu.append(element("div.savemenu", {}, ...items));
  return menu;
}

const isOneVersion = ({ state }) => state.primary === state.secondary;

// A strip has no rows, so it knows versions alone.
const isPair = ({ store, state }) => (store ? isCompared(store) : !isOneVersion({ state }));

// ---- two versions -----------------------------------------------------------------------------

function drawPair(view) {
  const { app } = view;
  view.sizes = app.store && countScope(app.store);
  drawScopes(view);
  if (app.mode === "strip") return;
  drawStatement(view);
  drawTable(view);
  placeChips(view);
}

function drawStatement(view) {
  const { app, lead, cause } = view, facts = app.facts();
  const context = contextOf(app);
  const words = isPair(app) ? headline(facts, context) : oneVersionHeadline(context);
  lead.replaceChildren(words.text, ...(words.aside ? [" ", toned("ci", words.aside)] : []), words.values);
  cause.textContent = isPair(app) ? causeWords(facts, context) : "Shift-click another version to compare.";
  view.errors = errorWords(facts, context);
  view.words = words;
  drawChips(view, isPair(app) ? facts.chips : []);
}

function contextOf(app) {
  const { state, head } = app, isStep = state.primary - state.secondary === 1;
  return {
    ...sideNames(app), scope: state.scope, metricName: app.metricName(), value: app.metric(state.primary).value,
    isPair: isPair(app), isForward: state.primary > state.secondary, isOneVersion: isOneVersion(app),
    isModelChange: isStep && head.steps[state.primary].model, classCount: head.classes.length,
  };
}

const CHIP_HELP = "Filled: p < 0.01. Outlined: p < 0.05. Dashed: consistent with chance. " +
  "Sampling noise of the rows is included, training noise isn't.";

function drawChips(view, chips) {
  view.chipWords = chips.map(chipText);
  view.chips.replaceChildren(...chips.map((chip, i) => {
    const look = chip.direction === "unchanged" ? "neutral" : chip.level;
    return element(`span.chip.${look}`, { title: CHIP_HELP }, view.chipWords[i]);
  }));
}

// After the headline if they fit, else before the cause.
function placeChips(view) {
  const { app, statement, chips, leadLine, why, words, chipWords } = view;
  if (!words) return;
  const size = HEADLINE_SIZE[app.root.dataset.h] ?? HEADLINE_SIZE.mid;
  const lead = textWidth(words.text + words.values, size, 600) + textWidth(` ${words.aside}`, 14);
  const room = sizeOf(statement).w - lead - LEAD_GAP;
  const need = chipWords.reduce((sum, text) => sum + textWidth(text, 12, 600) + CHIP_PADDING, 0);
  if (need < room) leadLine.append(chips);
  else why.prepend(chips);
}

// Is it the model or the test set? Both models on both versions' rows.
function drawTable({ app, table }) {
  const facts = app.facts();
  table.hidden = isOneVersion(app) || !facts?.metric;
  if (table.hidden) return;
  const { primary, secondary } = sideNames(app), rows = rowsOf(app.state.scope);
  const shares = facts.table.map((cells) => cells.map((cell) => percent(shareOf(cell))));
  const [[oldThen, oldNow], [newThen, newNow]] = shares, cell = (tag, text) => element(`span.${tag}`, {}, text);
  table.replaceChildren(
    element("span"), cell("hd.st", `${secondary}'s ${rows}`), cell("hd.pt", `${primary}'s ${rows}`),
    cell("rd.st", `${secondary}'s model`), cell("v.own", oldThen), cell("v", oldNow),
    cell("rd.pt", `${primary}'s model`), cell("v", newThen), cell("v.own", newNow),
  );
  const spoken = `${secondary}'s model: ${oldThen} on ${secondary}'s ${rows}, ${oldNow} on ${primary}'s. ` +
    `${primary}'s model: ${newThen} and ${newNow}. Open Attribution.`;
  setAttributes(table, { "aria-label": spoken });
}

// ---- scope ------------------------------------------------------------------------------------

function drawScopes({ app, scopes }) {
  scopes.replaceChildren(...app.head.scopes.map((scope) => {
    const isChosen = scope === app.state.scope;
    return element("button", {
      type: "button", role: "radio", "aria-checked": String(isChosen), tabindex: isChosen ? 0 : -1,
      onclick: () => choose(app, scopes, scope),
    }, scope);
  }));
}

function choose(app, scopes, scope) {
  app.setScope(scope);
  scopes.querySelector("[aria-checked=true]")?.focus({ preventScroll: true });
}

function pressScopeKey({ app, scopes }, event) {
  const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!move) return;
  const all = app.head.scopes, next = (all.indexOf(app.state.scope) + move + all.length) % all.length;
  choose(app, scopes, all[next]);
  event.preventDefault();
}

// ---- selection --------------------------------------------------------------------------------

function drawSelection(view) {
  const { store, mode } = view.app, selection = store?.filtered ? countSelection(store) : null;
  drawTally(view, selection);
  drawFilters(view);
  if (mode !== "strip") drawWhere(view, selection);
}

// "450 test instances in 1.9 (350 in 1.8)", or with filters "13 of 450 test instances match in 1.9".
function drawTally(view, selection) {
  const { app, tally } = view, { scope, filters } = app.state;
  const { primary, secondary } = sideNames(app), sizes = sizesOf(view, selection);
  const what = `${scope === "all" ? "" : `${scope} `}instances`;
  const empty = app.store || sizes.matching !== 0 ? null : app.letter.empty;
  tally.title = sampleWords(app.head);
  if (empty) {
    tally.textContent = noneWords(empty.filter, empty.shows);
    return;
  }
  const about = aboutSign(app);
  if (filters.length && sizes.matching !== null) {
    tally.textContent = `${about}${count(sizes.matching)} of ${count(sizes.primary)} ${what} in ${primary} match`;
    return;
  }
  const isSame = sizes.secondary === sizes.primary;
  const then = isSame ? ` and ${secondary}` : ` (${count(sizes.secondary)} in ${secondary})`;
  tally.textContent = `${about}${count(sizes.primary)} ${what} in ${primary}${isPair(app) ? then : ""}`;
}

// Numbers of a sample are not those of all rows.
const aboutSign = ({ head }) => (head.sample ? "≈ " : "");

function sampleWords({ sample }) {
  if (!sample) return "";
  return `Based on a random sample of ${count(sample.rows)} of ${count(sample.of_rows)} rows (seed ${sample.seed}).`;
}

// A strip has no rows: it takes what Python counted.
function sizesOf({ app: { state, head, letter }, sizes }, selection) {
  if (sizes) return { ...sizes, matching: selection?.primary.n ?? null };
  const size = (version) => head.metrics[state.scope][version][0];
  const [matching, all] = letter?.matching ?? [null, null];
  return { primary: all ?? size(state.primary), secondary: size(state.secondary), matching };
}

function drawFilters({ app, filters }) {
  const chosen = app.state.filters, key = JSON.stringify([chosen, app.state.scope]);
  if (filters.dataset.key === key) return;
  filters.dataset.key = key;
  if (!chosen.length) return filters.replaceChildren(...largestParts(app));
  const removeAll = element("button.plain", { type: "button", onclick: () => app.clear() }, "Remove all");
  filters.replaceChildren(...chosen.map((filter) => filterChip(app, filter)));
  if (chosen.length > 1) filters.append(removeAll);
}

function filterChip(app, filter) {
  return element("button.fchip", {
    type: "button", title: filter.label, "aria-label": `Remove filter ${filter.label}`,
    onclick: () => app.remove(filter),
  }, element("span", {}, filter.label), element("i", { "aria-hidden": "true" }, "×"));
}

// Without filters, their place offers the steps that tell most.
function largestParts(app) {
  const largest = largestChanges(app.head, app.state.scope);
  if (largest.length < 2) return [];
  const buttons = largest.map(({ version, text }) => element("button.largest", {
    type: "button", title: "Show this step", onclick: () => app.lookAt(version),
  }, toned("num", app.head.versions[version].name), ` ${text}`));
  return [toned("mute", "largest changes"), ...buttons];
}

// The third line: errors of the scope, or what is selected or under the pointer.
function drawWhere(view, selection) {
  const { app, allRows, where } = view, { state } = app;
  allRows.hidden = !state.filters.length;
  allRows.textContent = `all ${rowsOf(state.scope)}`;
  where.classList.toggle("sel", Boolean(selection));
  if (!selection) {
    where.textContent = view.errors;
    return;
  }
  const empty = app.hover ? null : app.emptyWords();
  if (empty) {
    where.textContent = empty;
    return;
  }
  const n = selection.changes.reduce((sum, some) => sum + some, 0);
  const words = selectionWords(selection, { ...sideNames(app), isPair: isPair(app) });
  const what = `${app.hover ? "Under the pointer" : "Selected"} ${aboutSign(app)}${count(n)}:`;
  where.replaceChildren(element("b", {}, what), ` ${words}`);
}

