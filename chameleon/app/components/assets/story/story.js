// The Story: draws a timeline's payload and links its parts. It knows no host: a payload and a state
// come in, callbacks tell what the visitor did.
import { sensitivity } from "./bars.js";
import { countLabels, countSensitivity } from "./counts.js";
import { drawer } from "./drawer.js";
import { countedFacts, metricName } from "./facts.js";
import { features } from "./features.js";
import { flow } from "./flow.js";
import { instances } from "./instances.js";
import { labels } from "./labels.js";
import { arrange, nestHeadings, skeleton } from "./layout.js";
import { keyOf } from "./filters.js";
import { applyFilters, applyPreview, emptyWords, receiveMasks, withFilter } from "./linking.js";
import { map } from "./map.js";
import { river } from "./river.js";
import { isCompared } from "./sides.js";
import { fromHost, initialState, toHost } from "./state.js";
import { accuracyOf, openStore, setPair, settle } from "./store.js";
import { makeTooltip, oncePerFrame, setFont } from "./ui.js";
import { verdict } from "./verdict.js";

const SETTLED = 200;     // ms: a held arrow key is one message
const LIST_DELAY = 80;   // ms: a list is read standing still
let mounted = 0;

// mode: "full", "strip" (river and filters, without rows), or one large part: "map", "flow", "sensitivity".
export function mount(parent, payload, { state = null, mode = "full", onChange = null, onOpen = null } = {}) {
  const app = makeApp(parent, payload, { state, mode, host: { onChange, onOpen } });
  const { root } = app;
  app.views = makeViews(app);
  nestHeadings(root, app.mode);
  arrange(app);
  showPair(app);
  const watch = new ResizeObserver(oncePerFrame(() => resize(app)));
  watch.observe(root);
  const press = (event) => pressAnywhere(app, event);
  if (app.views.river) document.addEventListener("keydown", press);
  return {
    app,
    restyle: (theme) => restyle(app, theme),
    receive: (letter) => receive(app, letter),
    destroy: () => {
      watch.disconnect();
      document.removeEventListener("keydown", press);
      Object.values(app.timers).forEach(clearTimeout);
      root.remove();
    },
  };
}

function makeApp(parent, { head, blob }, { state, mode, host }) {
  const { root, panes, live } = skeleton(mode);
  parent.replaceChildren(root);
  setFont(getComputedStyle(root).fontFamily || "sans-serif");
  const app = {
    head, store: mode === "strip" ? null : openStore({ head, blob }),
    mode, root, panes, live, host, uid: `story${++mounted}`, tip: makeTooltip(root),
    state: initialState(head), hover: null, totals: null,
    letter: null, masks: new Map(), timers: {}, isWaiting: false, seen: 0,
  };
  if (state) Object.assign(app.state, fromHost(app, state));
  return addVerbs(app);
}

function makeViews(app) {
  const makers = { river, verdict, map, flow, sensitivity, features, labels, instances };
  const made = Object.entries(makers).filter(([name]) => app.panes[name]);
  const views = Object.fromEntries(made.map(([name, make]) => [name, make(app.panes[name], app)]));
  if (app.mode === "full") views.drawer = drawer(app.root, app);
  return views;
}

// ---- what views can read and do ---------------------------------------------------------------

function addVerbs(app) {
  return Object.assign(app, {
    say: (text) => { app.live.textContent = text; },
    metricName: () => metricName(app.head, app.state.scope),
    metric: (version) => accuracyOf(app, version, app.state.scope),
    facts: () => factsOf(app),
    emptyWords: () => emptyWords(app),
    open: (target) => app.host.onOpen?.(target),
    ...filterVerbs(app), ...versionVerbs(app), ...instanceVerbs(app),
  });
}

function filterVerbs(app) {
  const commit = (filters) => {
    app.state.filters = filters;
    app.hover = null;
    showFilters(app);
    tell(app);
  };
  const paint = oncePerFrame(() => {
    applyPreview(app);
    settle(app.store);
    drawViews(app, { isPassing: true });
  });
  return {
    preview: (filter) => {
      if (!filter && !app.hover) return;
      app.hover = filter;
      paint();
    },
    commit: (key, filter) => commit(withFilter(app.state.filters, key, filter)),
    remove: (filter) => commit(withFilter(app.state.filters, keyOf(filter), null)),
    clear: () => commit([]),
  };
}

function versionVerbs(app) {
  const { state } = app, before = (version) => Math.max(0, version - 1);
  const change = (changed) => {
    Object.assign(state, changed);
    showPair(app, { isPassing: true });
    tell(app, { isStep: true });
  };
  return {
    lookAt: (version) => change({ primary: version, ...(state.pinned ? {} : { secondary: before(version) }) }),
    compareWith: (version) => change({ secondary: version, pinned: version !== before(state.primary) }),
    pin: () => change(state.pinned ? { pinned: false, secondary: before(state.primary) } : { pinned: true }),
    setScope: (scope) => change({ scope }),
    setShares: (shares) => {
      state.shares = shares;
      app.views.features?.pair?.();
      app.views.features?.draw();
      tell(app);
    },
  };
}

function instanceVerbs(app) {
  return {
    openInstance: (row) => {
      app.state.open = row;
      app.tip.hide();
      app.preview(null);
      app.views.drawer?.open(row);
      tell(app);
    },
    closeInstance: () => {
      if (app.state.open === null) return;
      app.state.open = null;
      app.views.drawer?.close();
      tell(app);
    },
  };
}

// From the payload for a step, by letter for other pairs, and counted until that arrives; always counted
// where a side is restricted, for Python's facts are of whole versions.
function factsOf({ head, store, state, letter }) {
  if (store?.restriction.primary || store?.restriction.secondary) return countedFacts(store);
  const { primary, secondary, scope } = state, pair = pairByLetter({ head, state, letter });
  if (pair?.facts[scope]) return pair.facts[scope];
  if (primary - secondary === 1 && head.facts[scope]?.[primary]) return head.facts[scope][primary];
  return store ? countedFacts(store) : null;
}

// ---- drawing ----------------------------------------------------------------------------------

function showPair(app, { isPassing = false } = {}) {
  const { store, state, views, root } = app;
  if (store) {
    setPair(store, state.primary, state.secondary, state.scope);
    if (applyFilters(app)) setPair(store, state.primary, state.secondary, state.scope);
    applyPreview(app);
    settle(store);
    store.pairDrift = pairByLetter(app)?.drift ?? null;
    const all = { all: true };
    app.totals = { sensitivity: countSensitivity(store, all), labels: countLabels(store, all) };
  }
  root.classList.toggle("alone", store ? !isCompared(store) : state.primary === state.secondary);
  for (const view of Object.values(views)) view.pair?.();
  drawViews(app, { isPassing });
  if (state.open !== null && store) views.drawer?.open(state.open);
}

// What the last letter says of two versions, if they are the ones that are shown.
function pairByLetter({ head, state, letter }) {
  const pair = letter?.pair, nameOf = (version) => head.versions[version].name;
  const isShown = pair?.primary === nameOf(state.primary) && pair?.secondary === nameOf(state.secondary);
  return isShown ? pair : null;
}

function showFilters(app) {
  if (!app.store) return drawViews(app);
  if (applyFilters(app)) return showPair(app);
  applyPreview(app);
  settle(app.store);
  app.views.instances?.top();
  drawViews(app);
}

const FILTERED = ["verdict", "map", "flow", "sensitivity", "features", "labels"];

// The list of instances waits while the pointer moves or versions pass, and stays as it is while the
// pointer is over it.
function drawViews(app, { isPassing = false } = {}) {
  for (const name of FILTERED) app.views[name]?.draw();
  const list = app.views.instances;
  clearTimeout(app.timers.list);
  if (!list || app.hover?.view === "instances") return;
  if (isPassing) app.timers.list = setTimeout(() => list.draw(), LIST_DELAY);
  else list.draw();
}

function resize(app) {
  if (!arrange(app)) return;
  for (const view of Object.values(app.views)) view.resize?.();
  drawViews(app);
}

function restyle(app, theme) {
  app.root.dataset.theme = theme;
  for (const view of Object.values(app.views)) view.restyle?.();
  drawViews(app);
}

function pressAnywhere(app, event) {
  const move = { "[": -1, "]": 1 }[event.key], last = app.head.versions.length - 1;
  const [focused] = event.composedPath();  // also inside another component's shadow
  if (!move || focused.closest?.("input, textarea, select, [contenteditable=true]")) return;
  app.lookAt(Math.max(0, Math.min(last, app.state.primary + move)));
  event.preventDefault();
}

// ---- host -------------------------------------------------------------------------------------

// A choice is told at once, so that the host gets it before what the visitor clicks next, wherever that
// is. Steps may follow one another quickly: the host learns where they end.
function tell(app, { isStep = false } = {}) {
  clearTimeout(app.timers.tell);
  app.isWaiting = true;
  const send = () => {
    app.timers.tell = null;
    app.host.onChange?.({ ...toHost(app), seen: app.seen });  // the host may have changed something since
  };
  if (!isStep) return send();
  app.timers.tell = setTimeout(send, SETTLED);
}

// A letter repeats the whole state. Where Python accepted what was sent, or something newer is about to
// be sent, the own state stays.
function receive(app, letter) {
  app.letter = letter;
  if (app.store && letter.masks) receiveMasks(app, letter.masks);
  const isOwn = letter.accepted && app.isWaiting, isCurrent = !app.timers.tell;
  if (isCurrent) Object.assign(app, { isWaiting: false, seen: letter.serial });
  if (isCurrent && !isOwn) Object.assign(app.state, fromHost(app, letter.state));
  if (isCurrent && !isOwn && app.state.open === null) app.views.drawer?.close();
  if (!isOwn || letter.pair || letter.masks?.length) return showPair(app);
  app.views.verdict?.draw();
  if (app.state.open !== null) app.views.drawer?.open(app.state.open);
}

