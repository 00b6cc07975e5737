// The Story: mounts all views on one store and links them. Knows no host: payload in, callbacks out.
import * as store from "./store.js";
import { verdict, percent, whole } from "./verdict.js";
import { h, g, frame, tooltip, forgetSizes, sizeOf, textWidth, setFont } from "./ui.js";
import { river } from "./river.js";
import { map } from "./map.js";
import { flow } from "./flow.js";
import { sensitivity, labels } from "./bars.js";
import { features } from "./features.js";
import { instances, drawer, thumb } from "./instances.js";

const SCOPES = [[1, "test"], [0, "train"], [2, "validation"], [-1, "all"]];
let serial = 0;

export function mount(parent, payload, host = {}) {
  const s = store.open(payload), last = s.V - 1;
  const app = { store: s, host, uid: `st${++serial}`, hover: null, views: {}, totals: null, moved: null, log: [],
    state: { p: last, q: Math.max(0, last - 1), scope: 1, pinned: false, shares: null, filters: [], open: null, ...(host.state ?? {}) } };
  const slot = {}, el = (name, ...kids) => (slot[name] = h(`div.${name}`, {}, ...kids));
  const pane = (name, title, ...extra) => h(`section.pane.pane-${name}`, { "aria-label": title }, h("header.ph", {}, h("h2", {}, title), ...extra), el(name));
  const legend = h("p.legend", {}), axisnote = h("span.axisnote"), drifted = h("h2");
  const shareKeys = [["counts", false], ["shares", true]].map(([word, on]) => h("button", { type: "button", role: "radio", onclick: () => { app.state.shares = on; app.views.features.setTaller(); drawShares(); app.views.features.draw(); } }, word[0].toUpperCase() + word.slice(1)));
  const shares = h("div.seg", { role: "radiogroup", "aria-label": "Counts or shares of each version's rows" }, ...shareKeys);
  const sortnote = h("span.hint");
  const lead = h("span.lead"), allrows = h("span.allrows", { hidden: true }), chips2 = h("span.verdictchips"), cause = h("span.cause"), why = h("p.why"), where = h("p.where"), table = h("button.grid2", { type: "button", title: "Open Attribution", onclick: () => host.onOpen?.("attribution") }), scopes = h("div.seg.scopes", { role: "radiogroup", "aria-label": "Evaluate on" }), count = h("p.tally"), chips = h("div.chips", { "aria-live": "polite" });
  const live = h("div.live", { role: "status", "aria-live": "polite" });
  const moreLabels = h("span.hint"), sensHint = h("span.hint", {}, `times, ${s.head.versions[0].name}\u2013${s.head.versions[last].name}`), strip = h("div.images", { hidden: true });
  const leadline = h("p.leadline", {}, lead, allrows);
  const root = h("div.story", { "data-mode": host.mode ?? "full" },
    el("riverbox"),
    h("div.verdict", {}, h("div.statement", { role: "status", "aria-live": "polite" }, leadline, why, where), table, h("div.controls", {}, scopes, count, chips)),
    h("div.body", {},
      h("div.col.left", {}, pane("map", "Map: similar instances are close"), pane("flow", "Before and after"), pane("sensitivity", "Changes of outcome", sensHint)),
      h("div.col.center", {}, h("section.pane.pane-features", { "aria-label": "Features" }, h("header.ph", {}, drifted, sortnote, shares), strip, h("div.key", {}, legend, axisnote), el("features"))),
      h("div.col.right", {}, pane("labels", "Accuracy by label", moreLabels), pane("instances", "Instances"))),
    live);
  parent.replaceChildren(root);
  setFont(getComputedStyle(root).fontFamily || "sans-serif");
  app.root = root; app.tip = tooltip(root); app.say = (t) => { live.textContent = t; };
  app.shares = () => app.state.shares ?? app.autoShares ?? false;
  app.taller = (k) => { axisnote.replaceChildren(h("span", {}, "\u2191 correct"), h("span", {}, `\u2193 incorrect${k > 1 ? `, drawn ${k}\u00d7 taller` : ""}`)); };
  app.without = (f) => { const bit = 1 << (app.state.filters.indexOf(f) + 1); let n = 0; for (let r = 0; r < s.n; r++) if (s.rep[r] && !(s.fail[r] & ~bit)) n++; return n; };
  app.scopeName = () => ({ "1": "test", "0": "train", "2": "validation", "-1": "overall" })[app.state.scope];

  Object.assign(app.views, { river: river(slot.riverbox, app), map: map(slot.map, app), flow: flow(slot.flow, app), sensitivity: sensitivity(slot.sensitivity, app), labels: labels(slot.labels, app), features: features(slot.features, app), instances: instances(slot.instances, app), drawer: drawer(root, app) });

  // ---- linking: bit 0 is the hover, bits 1 to 15 are kept filters ---------------------------
  function applyHover() { const x = app.hover; store.setDim(s, 0, x ? x.test ?? (() => true) : null, x?.view, x?.rows); }
  function applyFilters() { for (let b = 1; b < 16; b++) { const f = app.state.filters[b - 1]; if (f || s.dims[b]) store.setDim(s, b, f ? f.test ?? (() => true) : null, f?.view, f?.rows); } }
  const paint = frame(() => {
    const t0 = performance.now();
    applyHover(); store.settle(s);
    const t1 = performance.now();
    drawViews();
    app.log.push([t1 - t0, performance.now() - t1]);
  });
  let listing = 0;
  const drawInstances = () => app.views.instances.draw();
  function drawViews(now = false) {
    app.views.map.draw(); app.views.flow.draw(); app.views.sensitivity.draw(); app.views.features.draw();
    app.views.labels.draw();
    if (app.hover?.view !== "instances") { clearTimeout(listing); if (now) drawInstances(); else listing = setTimeout(drawInstances, 80); }   // a list is read standing still
    select();
  }
  app.preview = (choice) => { if (!choice && !app.hover) return; app.hover = choice; paint(); };
  app.commit = (view, choice) => {
    app.state.filters = app.state.filters.filter((f) => f.view !== view).concat(choice ? [choice] : []).slice(-15);
    app.hover = null; applyFilters(); applyHover(); store.settle(s); app.views.instances.top(); drawViews(true); drawChips(); tell();
  };
  // The third line: errors of the scope, or accuracy of what is selected or under the pointer.
  let errors = "";
  function select() {
    const on = s.filtered; allrows.hidden = !app.state.filters.length;
    if (!on) { where.textContent = errors; where.classList.remove("sel"); return; }
    const c = store.countSelection(s), r = (a, b) => (b ? percent(a / b) : "\u2013");
    where.classList.add("sel");
    where.replaceChildren(h("b", {}, `${app.hover ? "Under the pointer" : "Selected"} ${whole(c.n)}:`), s.p === s.q ? ` accuracy ${r(c.right, c.known)}` : ` accuracy ${r(c.right0, c.known0)} \u2192 ${r(c.right, c.known)}; ${whole(c.regressed)} regressed, ${whole(c.fixed)} fixed`);
  }
  function drawCount() {
    const { p, q, scope } = app.state, n = [0, 0]; for (let r = 0; r < s.n; r++) if (scope < 0 || s.split[r] === scope) { if (store.isPresent(s, p, r)) n[0]++; if (store.isPresent(s, q, r)) n[1]++; }
    const P = s.head.versions[p].name, S = s.head.versions[q].name;
    count.textContent = `${whole(n[0])} ${scope >= 0 ? `${store.SPLITS[scope]} ` : ""}instances in ${P}${p === q ? "" : n[0] === n[1] ? ` and ${S}` : ` (${whole(n[1])} in ${S})`}`;
  }
  // Shares where the drawn rows' sizes differ by more than a tenth.
  function chooseShares() { const z = s.sizes, far = (a, b) => Math.abs(a - b) > 0.1 * Math.max(a, b, 1); let n = 0, all = 0; for (const f of app.views.features.order.slice(0, 8)) { const t = app.views.features.trained(f) || s.scope === 0; all++; if (t ? far(z[0], z[1]) : s.scope === 1 ? far(z[3], z[4]) : far(z[0] + z[3], z[1] + z[4])) n++; } app.autoShares = s.p !== s.q && n * 2 > all; drawShares(); }
  function drawShares() { shareKeys.forEach((b, i) => { const on = app.shares() === Boolean(i); b.setAttribute("aria-checked", String(on)); b.tabIndex = on ? 0 : -1; }); }
  function drawChips() {
    chips.replaceChildren(...app.state.filters.map((f) => h("button.fchip", { type: "button", "aria-label": `Remove filter ${f.label}`, onclick: () => app.commit(f.view, null) }, h("span", {}, f.label), h("i", {}, "\u00d7"))), ...(app.state.filters.length > 1 ? [h("button.plain", { type: "button", onclick: clearAll }, "Remove all")] : []));
  }
  function clearAll() { app.state.filters = []; applyFilters(); app.hover = null; applyHover(); store.settle(s); drawViews(); drawChips(); tell(); }

  // ---- versions ------------------------------------------------------------------------------
  let told = 0;
  function tell() { clearTimeout(told); told = setTimeout(() => host.onChange?.({ primary: s.head.versions[app.state.p].name, secondary: s.head.versions[app.state.q].name, scope: app.state.scope < 0 ? "all" : store.SPLITS[app.state.scope], filters: app.state.filters.map((f) => f.label) }), 200); }
  app.lookAt = (v) => { const old = app.state.p; app.state.p = v; if (!app.state.pinned) app.state.q = Math.max(0, v - 1); if (v !== old || !app.state.pinned) pair(); };
  app.compareWith = (v) => { app.state.q = v; app.state.pinned = v !== app.state.p - 1; pair(); };
  app.pin = () => { app.state.pinned = !app.state.pinned; if (!app.state.pinned) app.state.q = Math.max(0, app.state.p - 1); pair(); };
  app.openInstance = (r) => { app.state.open = r; app.tip.hide(); app.hover = null; applyHover(); store.settle(s); drawViews(); app.views.drawer.open(r); };
  app.setScope = (x) => { app.state.scope = x; pair(); app.views.river.draw(); };

  let late = 0, pictured = 0;
  function pair(first) {
    const t0 = performance.now(), { p, q, scope } = app.state;
    store.setPair(s, p, q, scope); applyFilters(); store.settle(s); store.markBoth(s); store.sizesOf(s);
    const t1 = performance.now();
    const keep = s.dims.slice(); app.totals = {}; s.totals = app.totals;
    if (!keep.some(Boolean)) { app.totals.changes = store.countSensitivity(s); app.totals.labels = store.countLabels(s); } else { const f = s.fail.slice(); s.fail.fill(0); app.totals.changes = store.countSensitivity(s); app.totals.labels = store.countLabels(s); s.fail.set(f); }
    const v = verdict(s, app.totals.labels);
    const P = s.head.versions[p].name, S = s.head.versions[q].name;
    lead.replaceChildren(v.lead[0], ...(v.lead[1] ? [h("span.ci", {}, v.lead[1])] : []), v.lead[2] ?? ""); allrows.textContent = scope < 0 ? "all rows" : `all ${store.SPLITS[scope]} rows`;
    chips2.replaceChildren(...v.chips.map(([tone, words]) => h(`span.chip.${tone}`, {}, words)));
    cause.textContent = v.cause; errors = v.errors; app.leadText = v.lead.join("");
    why.replaceChildren(cause); placeChips();
    table.hidden = !v.table; if (v.table) drawTable(v.table, P, S);
    root.classList.toggle("alone", p === q);
    drawCount();
    moreLabels.replaceChildren(h("i.ring.s"), h("span.st", {}, S), h("i.ring.p"), h("span.pt", {}, P));
    app.moved = app.moved ?? null;
    const t2 = performance.now();
    if (s.F * s.n < 4e6) rank(true); else if (first) { app.moved = null; app.freq = null; app.views.features.setOrder([...Array(s.F).keys()], true); }
    drawScopes(); app.views.river[first ? "draw" : "marks"](); drawShares(); drawViews(first); drawChips(); if (first) images(); else { clearTimeout(pictured); pictured = setTimeout(images, 60); }
    if (s.F * s.n >= 4e6) { clearTimeout(late); late = setTimeout(() => rankLater(0, []), 30); }
    if (app.views.drawer.shown && app.state.open !== null) app.views.drawer.open(app.state.open);
    app.pairLog = [t1 - t0, t2 - t1, performance.now() - t2];
    if (!first) tell();
  }
  // The chips stand after the headline where it leaves room, else before the cause.
  function placeChips() {
    const W = root.clientWidth, low = root.dataset.h === "low", head = low ? 18 : 20, room = W - 36 - (W >= 1180 && !table.hidden ? 236 : 0) - 260, wide = [...chips2.children].reduce((a, c) => a + textWidth(c.textContent, 12, 600) + 28, 0);
    const fits = textWidth(app.leadText ?? "", head, 600) + wide < room;
    if (fits) leadline.append(chips2); else why.prepend(chips2);
  }
  function drawTable(t, P, S) {                     // both models on both test sets: is it the model or the test set?
    const cell = (c, cls = "") => h(`span.v${cls}`, {}, c.value === null ? "\u2013" : percent(c.value)), what = app.state.scope < 0 ? "rows" : `${store.SPLITS[app.state.scope]} rows`;
    table.replaceChildren(h("span"), h("span.hd.st", {}, `${S}\u2019s ${what}`), h("span.hd.pt", {}, `${P}\u2019s ${what}`),
      h("span.rd.st", {}, `${S}\u2019s model`), cell(t[0], ".own"), cell(t[1]), h("span.rd.pt", {}, `${P}\u2019s model`), cell(t[2]), cell(t[3], ".own"));
    table.setAttribute("aria-label", `${S}'s model: ${percent(t[0].value)} on ${S}'s ${what}, ${percent(t[1].value)} on ${P}'s. ${P}'s model: ${percent(t[2].value)}, ${percent(t[3].value)}. Open Attribution.`);
  }
  function drawLegend() {
    const P = s.head.versions[s.p].name, S = s.head.versions[s.q].name, item = (cls, words, tone = "") => [h(`i.sw.${cls}`), h("span", { class: tone }, words)];
    const top = app.views.features.order.slice(0, 8).map(app.views.features.trained);
    const moved = top.some((t) => (t ? !s.alikeT : !s.alike)), still = top.some((t) => (t ? s.alikeT : s.alike));
    legend.replaceChildren(...(moved ? [...item("s", `more in ${S}`, "st"), ...item("b", "same"), ...item("p", `more in ${P}`, "pt")] : []), ...(still ? [...item("plain", moved ? "same values" : "unchanged"), ...item("ok", "fixed", "okt"), ...item("no", "regressed", "not")] : []));
  }
  function one(f) { const d = store.distances(s, f); return d; }
  function rank(all) {
    app.moved = Array.from({ length: s.F }, (_, f) => one(f)); common();
    sortBy();
  }
  function rankLater(from, made) {                  // many features: in slices between frames
    const t = performance.now(); let f = from;
    while (f < s.F && performance.now() - t < 10) made.push(one(f++));
    if (f < s.F) { late = setTimeout(() => rankLater(f, made), 0); return; }
    app.moved = made; app.rankedAt = performance.now(); common(); sortBy(); app.views.features.draw();
  }
  const score = (d) => (d ? Math.max(d[0] ?? 0, d[1] ?? 0) : 0);
  function sortBy() {                               // largest drift first; where nothing moved, where errors changed most
    const o = [...Array(s.F).keys()], moved = app.moved?.some((d) => score(d) >= 0.0005), by = !app.moved ? null : moved ? o.map((f) => score(app.moved[f])) : s.p === s.q || s.F > 200 ? null : o.map((f) => store.errorShift(s, f));
    if (by) o.sort((a, b) => by[b] - by[a] || a - b);
    const n = app.moved ? app.moved.filter((d) => { const t = (d[0] ?? 0) >= (d[1] ?? 0) ? 0 : 1; return (d[t] ?? 0) > d[t + 2]; }).length : 0;
    drifted.textContent = s.p === s.q || !app.moved ? "Features" : n ? `${n} of ${s.F} features drifted` : "No feature drifted";
    drifted.title = "Jensen\u2013Shannon distance of train or test beyond its chance level";
    sortnote.textContent = s.p === s.q ? "" : moved ? (n ? "" : "largest distance first") : by ? "by change of errors" : "in the order of the data";
    app.views.features.setOrder(o, true); chooseShares(); app.views.features.setTaller(); drawLegend();
  }
  function common() {                               // how rare a bin is: the share of rows in bins at most as frequent
    if (s.head.image || s.F > 200) { app.rare = null; app.freq = null; return; }
    app.freq = []; app.rare = [];
    for (let f = 0; f < s.F; f++) { const B = s.head.features[f].bars, q = new Float64Array(B), c = s.column[f]; let n = 0; for (let r = 0; r < s.n; r++) if (s.both[r] & 1) { q[c[r]]++; n++; } for (let b = 0; b < B; b++) q[b] /= n || 1; app.freq[f] = q; app.rare[f] = q.map((x) => q.reduce((a, y) => (y <= x ? a + y : a), 0)); }
  }
  function drawScopes() {
    const has = (x) => x < 0 || s.head.metrics[store.SPLITS[x]].some((m) => m[0]);
    scopes.replaceChildren(...SCOPES.filter(([x]) => has(x)).map(([x, word]) => h("button", { type: "button", role: "radio", "aria-checked": String(x === app.state.scope), tabindex: x === app.state.scope ? 0 : -1, onclick: () => { app.setScope(x); scopes.querySelector("[aria-checked=true]")?.focus({ preventScroll: true }); } }, word)));
  }
  scopes.addEventListener("keydown", (ev) => { const d = { ArrowRight: 1, ArrowLeft: -1 }[ev.key]; if (!d) return; const b = [...scopes.children], i = b.findIndex((x) => x.getAttribute("aria-checked") === "true"); b[(i + d + b.length) % b.length].click(); ev.preventDefault(); });

  function images() {                               // image data: the mean image before and after, and where it moved
    const im = s.head.image; strip.hidden = !im || s.p === s.q || slot.features.parentElement.clientHeight < 330; if (strip.hidden) return;
    const [H, W] = im.shape, size = 64, mean = [new Float64Array(W * H), new Float64Array(W * H)], count = [0, 0];
    for (let r = 0; r < s.n; r++) { const k = s.both[r]; if (k) { if (k & 1) count[0]++; if (k & 2) count[1]++; } }
    im.features.forEach((f, i) => { const F = s.head.features[f], c = s.column[f]; for (let r = 0; r < s.n; r++) { const k = s.both[r]; if (!k || c[r] >= F.bars - 2) continue; const v = F.values ? F.values[c[r]] : c[r]; if (k & 1) mean[0][i] += v; if (k & 2) mean[1][i] += v; } });
    mean.forEach((m, j) => m.forEach((_, i) => { m[i] /= count[j] || 1; }));
    const top = Math.max(...mean[0], ...mean[1], 1e-9), ink = getComputedStyle(root).getPropertyValue("--ink").trim(), paper = getComputedStyle(root).getPropertyValue("--paper").trim(), rgb = (t) => [1, 3, 5].map((i) => parseInt(t.slice(i, i + 2), 16)), A = rgb(paper), B = rgb(ink);
    const pic = (value, title, cls, fit) => { const c = h("canvas", { width: W, height: H, role: "img", "aria-label": title }), x = c.getContext("2d"), d = x.createImageData(W, H); for (let i = 0; i < W * H; i++) { const t = Math.min(1, value(i)); d.data.set([...A.map((a, k) => a + (B[k] - a) * t), 255], i * 4); } x.putImageData(d, 0, 0); c.style.width = c.style.height = `${size}px`; if (fit) { c.addEventListener("pointermove", (ev) => { const b = c.getBoundingClientRect(), i = Math.floor(((ev.clientY - b.top) / b.height) * H) * W + Math.floor(((ev.clientX - b.left) / b.width) * W), d2 = app.moved?.[im.features[i]]; app.tip.show([s.head.features[im.features[i]]?.name ?? "", `drift ${(score(d2) || 0).toFixed(2)}; click to see it`], ev.clientX, b.top, "below"); }); c.addEventListener("pointerleave", () => app.tip.hide()); c.addEventListener("click", (ev) => { const b = c.getBoundingClientRect(), i = Math.floor(((ev.clientY - b.top) / b.height) * H) * W + Math.floor(((ev.clientX - b.left) / b.width) * W); app.views.features.show(im.features[i]); }); } return h("figure", {}, c, h(`figcaption.${cls}`, {}, title)); };
    const most = Math.max(0, ...(app.moved ?? []).map(score)), P = s.head.versions[s.p].name, S = s.head.versions[s.q].name, moved = most >= 0.02;
    const figs = [pic((i) => mean[1][i] / top, `mean ${S}`, "st"), pic((i) => mean[0][i] / top, `mean ${P}`, "pt"), ...(moved ? [pic((i) => score(app.moved?.[im.features[i]]) / most, "drift", "mute", true)] : [])];
    const [caption, sheet] = differing(figs.length); strip.replaceChildren(...(caption ? [caption] : []), h("div.imrow", {}, sheet, h("div.means", {}, ...figs)));
  }
  // The images that this step touched, each with its label.
  function differing(beside) {
    const box = h("div.sheet"), room = sizeOf(slot.features).w - beside * 76 - 8; let words = "", rows = [];
    for (const [want, name] of [[8, "edited"], [4, "relabeled"], [1, "added"], [2, "removed"]]) { rows = []; for (let r = 0; r < s.n; r++) if (s.what[r] & want && inStep(r)) rows.push(r); if (rows.length) { words = name; break; } }
    if (!rows.length || room < 80) return [null, box];
    const pairs = words === "edited", cellW = 36, columns = Math.floor((room + 4) / (cellW + 4)), fits = pairs ? columns : columns * 2, step = Math.max(1, rows.length / fits), name = (k) => (k === s.none ? "\u2013" : s.head.classes[k]);
    const blank = (r) => im0().every((f) => { const F = s.head.features[f], c = s.column[f][r]; return (F.values ? F.values[c] : c) === 0; }), grid = h("div.sheetgrid"); let later = 0;
    grid.style.gridTemplateColumns = `repeat(${columns}, ${cellW}px)`;
    for (const r of words === "added" ? rows : []) { const { from, row } = s.rowsOf, i = s.instance[r]; for (let k = from[i]; k < from[i + 1]; k++) if (s.label[row[k]] !== s.label[r]) { later++; break; } }
    for (let i = 0; i < Math.min(fits, rows.length); i++) {
      const r = rows[Math.floor(i * step)], now = s.rowP[s.instance[r]], then = s.rowQ[s.instance[r]], old = then >= 0 ? s.label[then] : null, label = words === "relabeled" || (old !== null && now >= 0 && old !== s.label[now]) ? `${name(old)} \u2192 ${name(s.label[now])}` : name(s.label[r]);
      const t = h("button.shot", { type: "button", "aria-label": `${store.idOf(s, r)}, label ${label}`, onclick: () => app.openInstance(r) }, ...(pairs ? [thumb(s, then, 32), blank(now) ? h("span.blank", {}, "blank") : thumb(s, now, 32)] : [blank(r) ? h("span.blank", {}, "blank") : thumb(s, r, 30)]), h("span.lab", {}, label));
      grid.append(t);
    }
    const shown = Math.min(fits, rows.length);
    box.append(grid);
    return [h("p.sheetcap", {}, `${whole(shown)} of ${whole(rows.length)} ${words}`, pairs ? `: ${s.head.versions[s.q].name} above ${s.head.versions[s.p].name}, label below` : words === "relabeled" ? ": old \u2192 new label" : ", with their labels", later ? `; ${whole(later)} were relabeled later` : ""), box];
  }
  const im0 = () => s.head.image.features;
  const inStep = (r) => s.rowP[s.instance[r]] === r || s.rowQ[s.instance[r]] === r;

  // ---- size and theme ------------------------------------------------------------------------
  function size() {
    forgetSizes();
    const W = root.clientWidth, H = root.clientHeight;
    if (!W || !H) return;
    root.dataset.h = H > 960 ? "tall" : H > 760 ? "mid" : "low";
    root.dataset.w = W > 1500 ? "wide" : W >= 1180 ? "mid" : W > 880 ? "slim" : W > 620 ? "narrow" : "phone";
    // where changes stand in rows, a third and fourth kind make the river taller
    if (host.mode !== "strip" && root.dataset.w !== "phone") { const kinds = ["added", "removed", "relabeled", "edited"].filter((k) => s.head.steps.some((x) => x?.[k])).length, gap = (W - 36 - 120) / Math.max(1, s.V - 1); slot.riverbox.style.height = `${{ tall: 172, mid: 140, low: 120 }[root.dataset.h] + (gap >= 84 ? 0 : Math.max(0, kinds - 2) * 13)}px`; }
    // the map takes the data's aspect; what it leaves goes to the panes below it
    const pm = slot.map.parentElement, col = pm.parentElement, w = col.clientWidth, least = root.dataset.h === "tall" ? 340 + 20 : root.dataset.h === "low" ? 210 + 14 : 250 + 20;
    if (w && root.dataset.w !== "phone") pm.style.flex = `0 0 ${Math.max(120, Math.min(col.clientHeight - least, app.views.map.want(w, Math.max(60, col.clientHeight - least - 44)) + 44))}px`; else pm.style.flex = "";
    const K = s.head.classes.length; slot.labels.parentElement.style.flex = K <= 4 ? `0 0 ${24 + K * 28 + 20}px` : "";
    forgetSizes();
    placeChips();
  }
  size();
  const resized = frame(() => { size(); app.views.map.resize(); app.views.river.draw(); app.views.features.resize(); app.views.map.draw(); app.views.flow.draw(); app.views.sensitivity.draw(); app.views.labels.draw(); app.views.instances.draw(); images(); });
  const watch = new ResizeObserver(resized); watch.observe(root);
  root.addEventListener("keydown", (ev) => { if (ev.target.closest("input,textarea")) return; if (ev.key === "[" || ev.key === "]") { app.lookAt(Math.max(0, Math.min(last, app.state.p + (ev.key === "]" ? 1 : -1)))); ev.preventDefault(); } });
  pair(true);
  return { app, restyle: (theme) => { root.dataset.theme = theme; app.views.map.restyle(); app.views.map.draw(); images(); }, destroy: () => { watch.disconnect(); root.remove(); } };
}
