// What became of predictions: correct and incorrect before, correct and incorrect after, and the four flows between.
import { countChangesOfOutcome, STILL_CORRECT, REGRESSED, FIXED, STILL_INCORRECT, ADDED, REMOVED, UNKNOWN } from "./store.js";
import { g, h, set, whole, sizeOf } from "./ui.js";

const ORDER = [STILL_CORRECT, FIXED, REGRESSED, STILL_INCORRECT];
export const QUADS = { [STILL_CORRECT]: "still correct", [FIXED]: "fixed", [REGRESSED]: "regressed", [STILL_INCORRECT]: "still incorrect", [ADDED]: "only in", [REMOVED]: "only in", [UNKNOWN]: "unknown" };
const GAP = 5, BAR = 7;

export function flow(mount, app) {
  const svg = g("svg", { "aria-hidden": "true" }), list = h("div.flow-list", { role: "group", "aria-label": "Outcomes before and after" }), beside = h("p.beside");
  mount.append(svg, list, beside);
  const defs = g("defs", {}, svg);
  for (const [id, a, b] of [["worse", "--ok", "--no"], ["better", "--no", "--ok"]]) { const grad = g("linearGradient", { id: `${app.uid}-${id}` }, defs); g("stop", { offset: "0", style: `stop-color:var(${a})` }, grad); g("stop", { offset: "1", style: `stop-color:var(${b})` }, grad); }
  const ribbons = g("g", {}, svg), bars = g("g", {}, svg), heads = g("g", {}, svg);
  const path = ORDER.map((k) => g(`path.ribbon.q${k}`, { "data-k": k, fill: k === REGRESSED ? `url(#${app.uid}-worse)` : k === FIXED ? `url(#${app.uid}-better)` : k === STILL_CORRECT ? "var(--ok)" : "var(--no)" }, ribbons));
  const leads = ORDER.map(() => g("path.lead", {}, ribbons));
  const seg = [0, 1, 2, 3].map((i) => g("rect", { class: i % 2 ? "no" : "ok", width: BAR, rx: 1.5 }, bars));
  const th = g("text.colhead.s", { y: 10 }, heads), ph = g("text.colhead.p", { y: 10, "text-anchor": "end" }, heads);
  const buttons = ORDER.map((k) => {
    const b = h(`button.flow-item.q${k}`, { type: "button", "data-k": k, "aria-pressed": "false" }, h("span.num"), h("span.word", {}, QUADS[k]));
    b.addEventListener("pointerenter", () => app.preview(choice(k))); b.addEventListener("pointerleave", () => app.preview(null));
    b.addEventListener("focus", () => b.matches(":focus-visible") && app.preview(choice(k))); b.addEventListener("blur", () => app.preview(null));
    b.addEventListener("click", (ev) => pick(k, ev.shiftKey));
    list.append(b); return b;
  });
  path.forEach((p, i) => { p.addEventListener("pointerenter", () => app.preview(choice(ORDER[i]))); p.addEventListener("pointerleave", () => app.preview(null)); p.addEventListener("click", (ev) => pick(ORDER[i], ev.shiftKey)); });
  function choice(...ks) { const on = new Set(ks), q = app.store.change; return { view: "flow", outcomes: on, label: ks.map((k) => QUADS[k]).join(" or "), test: (r) => on.has(q[r]) }; }
  function pick(k, extend) {
    const old = app.state.filters.find((f) => f.view === "flow"), on = new Set(extend && old ? old.outcomes : []);
    if (old?.outcomes.has(k) && (extend || old.outcomes.size === 1)) on.delete(k), !extend && on.clear(); else on.add(k);
    app.commit("flow", on.size ? choice(...on) : null);
  }
  function draw() {
    if (sizeOf(mount).w < 60 || sizeOf(mount).h < 30) return;
    const s = app.store, n = countChangesOfOutcome(s), W = Math.max(90, sizeOf(mount).w - 136), H = sizeOf(mount).h - 20, top = 17, total = ORDER.reduce((a, k) => a + n[k], 0);
    set(svg, { width: sizeOf(mount).w, height: H });
    const P = s.head.versions[s.p].name, S = s.head.versions[s.q].name;
    th.textContent = S; set(th, { x: 0 }); ph.textContent = P; set(ph, { x: W });
    const room = H - top - GAP - 2, least = 2.5, raw = ORDER.map((k) => n[k] / (total || 1)), px = raw.map((x, i) => (n[ORDER[i]] ? Math.max(least, x * room) : 0)), over = px.reduce((a, b) => a + b, 0);
    const size = px.map((x) => (over > room ? (x <= least ? x : x * (room / over)) : x));
    const [sr, fx, rg, sw] = size;
    const L = { sr: top, rg: top + sr, fx: top + sr + rg + GAP, sw: top + sr + rg + GAP + fx }, R = { sr: top, fx: top + sr, rg: top + sr + fx + GAP, sw: top + sr + fx + GAP + rg };
    const band = (a, b, t) => { if (!t) return ""; const x0 = BAR, x1 = W - BAR, m = (x0 + x1) / 2; return `M${x0} ${a}C${m} ${a} ${m} ${b} ${x1} ${b}V${b + t}C${m} ${b + t} ${m} ${a + t} ${x0} ${a + t}z`; };
    path.forEach((p, i) => { const key = ["sr", "fx", "rg", "sw"][i]; set(p, { d: band(L[key], R[key], size[i]) }); });
    set(seg[0], { x: 0, y: top, height: Math.max(0, sr + rg) }); set(seg[1], { x: 0, y: top + sr + rg + GAP, height: Math.max(0, fx + sw) });
    set(seg[2], { x: W - BAR, y: top, height: Math.max(0, sr + fx) }); set(seg[3], { x: W - BAR, y: top + sr + fx + GAP, height: Math.max(0, rg + sw) });
    const want = [R.sr + sr / 2, R.fx + fx / 2, R.rg + rg / 2, R.sw + sw / 2], lh = Math.min(22, (H - 10) / 4), ys = want.slice();
    for (let i = 3; i >= 0; i--) ys[i] = Math.min(ys[i], H - lh / 2 - (3 - i) * lh); for (let i = 0; i < 4; i++) ys[i] = Math.max(ys[i], top + lh / 2 - 6 + i * lh, i ? ys[i - 1] + lh : 0);
    const on = app.state.filters.find((f) => f.view === "flow")?.outcomes;
    buttons.forEach((b, i) => {
      b.style.transform = `translateY(${(ys[i] - lh / 2).toFixed(1)}px)`; b.style.height = `${lh}px`;
      b.children[0].textContent = whole(n[ORDER[i]]); b.setAttribute("aria-label", `${whole(n[ORDER[i]])} ${QUADS[ORDER[i]]}`); b.setAttribute("aria-pressed", String(Boolean(on?.has(ORDER[i]))));
      set(leads[i], { d: n[ORDER[i]] ? `M${W + 2} ${want[i]}L${W + 14} ${ys[i]}` : "" });
      path[i].classList.toggle("dim", Boolean(on && !on.has(ORDER[i])));
    });
    const extra = []; if (n[ADDED]) extra.push([`Only in ${P}: ${whole(n[ADDED])}`, "pt"]); if (n[REMOVED]) extra.push([`Only in ${S}: ${whole(n[REMOVED])}`, "st"]); if (n[UNKNOWN]) extra.push([`Unknown: ${whole(n[UNKNOWN])}`, "mute"]);
    beside.replaceChildren(...(extra.length ? extra.map(([w]) => h("span", {}, w)) : [h("span", {}, total ? `${whole(total)} in both versions` : "No instances match")]));
  }
  return { draw };
}
