// Two small charts: how often outcomes changed over all versions, and accuracy by label in both versions.
import { countSensitivity, countLabels, predictedAt } from "./store.js";
import { g, h, set, short, whole, row, tone, sizeOf, textWidth } from "./ui.js";
import { percent } from "./verdict.js";

export function sensitivity(mount, app) {
  const list = h("div.sens", { role: "group", "aria-label": "How often the outcome changed over all versions" });
  mount.append(list);
  list.addEventListener("keydown", (ev) => { const d = { ArrowLeft: -1, ArrowRight: 1 }[ev.key]; if (!d) return; const b = [...list.children], i = Math.max(0, Math.min(b.length - 1, b.indexOf(ev.target) + d)); b.forEach((x, k) => { x.tabIndex = k === i ? 0 : -1; }); b[i].focus(); ev.preventDefault(); });
  let wide = 1;                                     // changes a bar; more than one where there are too many for the pane
  const words = (k) => { const a = (k - 1) * wide + 1, z = k * wide; return k === 0 ? "never changed" : wide === 1 ? `changed ${k} ${k === 1 ? "time" : "times"}` : `changed ${a} to ${z} times`; };
  const choice = (k) => { const c = app.store.changes, a = k === 0 ? 0 : (k - 1) * wide + 1, z = k === 0 ? 0 : k * wide; return { view: "sensitivity", changes: k, label: `outcome ${words(k)}`, test: (r) => c[r] >= a && c[r] <= z }; };
  function draw() {
    if (sizeOf(mount).w < 100 || sizeOf(mount).h < 40) return;
    const raw = countSensitivity(app.store), base = app.totals?.changes ?? raw; let most_ = 1;
    for (let k = 1; k < 255; k++) if (base[k]) most_ = k;
    let peak = 1; for (let k = 1; k <= most_; k++) peak = Math.max(peak, base[k]);
    const fit = Math.max(3, Math.floor((sizeOf(mount).w - 60) / Math.max(21, most_ > 12 ? textWidth(short(peak), 12) + 7 : 21))); wide = Math.ceil(most_ / fit);
    const last = Math.ceil(most_ / wide), n = new Uint32Array(last + 1); n[0] = raw[0];
    for (let k = 1; k <= most_; k++) n[Math.ceil(k / wide)] += raw[k];
    const H = sizeOf(mount).h - 34, most = Math.max(1, ...n.slice(1)), on = app.state.filters.find((f) => f.view === "sensitivity")?.changes;
    while (list.children.length > last + 1) list.lastChild.remove();
    for (let k = 0; k <= last; k++) {
      let b = list.children[k];
      if (!b) {
        b = h("button.sbar", { type: "button", tabindex: k ? -1 : 0 }, h("span.num"), h("i"), h("span.x"));
        b.addEventListener("pointerenter", () => app.preview(choice(k))); b.addEventListener("pointerleave", () => app.preview(null));
        b.addEventListener("focus", () => b.matches(":focus-visible") && app.preview(choice(k))); b.addEventListener("blur", () => app.preview(null));
        b.addEventListener("click", () => app.commit("sensitivity", app.state.filters.find((f) => f.view === "sensitivity")?.changes === k ? null : choice(k)));
        list.append(b);
      }
      b.classList.toggle("never", k === 0);
      b.children[0].textContent = n[k] ? short(n[k]) : ""; b.children[2].textContent = k === 0 ? "never" : wide === 1 || k % 2 ? (k - 1) * wide + 1 : "";
      b.children[1].style.height = k === 0 ? "0" : `${Math.max(n[k] ? 1.5 : 0, (n[k] / most) * H)}px`;
      set(b, { "aria-label": `${whole(n[k])}: outcome ${words(k)}`, "aria-pressed": String(on === k) });
    }
  }
  return { draw };
}

export function labels(mount, app) {
  const svg = g("svg", { "aria-hidden": "true" }), list = h("div.labels-hit", { role: "group", "aria-label": "Accuracy by label" });
  mount.append(svg, list);
  list.addEventListener("keydown", (ev) => { const d = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[ev.key]; if (!d) return; const b = [...list.children], i = Math.max(0, Math.min(b.length - 1, b.indexOf(ev.target) + d)); b.forEach((x, k) => { x.tabIndex = k === i ? 0 : -1; }); b[i].focus(); ev.preventDefault(); });
  const choice = (k) => { const l = app.store.label; return { view: "labels", label: `label ${app.store.head.classes[k]}`, klass: k, test: (r) => l[r] === k }; };
  const cut = (name, room) => { if (textWidth(name, 12) <= room) return name; let k = name.length; while (k > 1 && textWidth(`${name.slice(0, k)}\u2026`, 12) > room) k--; return `${name.slice(0, k)}\u2026`; };
  function draw() {
    if (sizeOf(mount).w < 100 || sizeOf(mount).h < 40) return;
    const s = app.store, K = s.head.classes.length, n = countLabels(s), W = sizeOf(mount).w, H = sizeOf(mount).h;
    set(svg, { width: W, height: H }); svg.replaceChildren();
    const rate = (a, b) => (a + b ? a / (a + b) : null), all = [], tot = app.totals?.labels ?? n;
    for (let k = 0; k < K; k++) { const p = rate(n[k * 4], n[k * 4 + 1]), q = rate(n[k * 4 + 2], n[k * 4 + 3]); if (tot[k * 4] + tot[k * 4 + 1] + tot[k * 4 + 2] + tot[k * 4 + 3]) all.push({ k, p, q, n: n[k * 4] + n[k * 4 + 1], wrong: n[k * 4 + 1] }); }
    // the scale starts below the lowest value: nothing is ever clamped
    const floor = (m, get) => { let low = 0.9; for (let k = 0; k < K; k++) for (const o of [0, 2]) { const v = rate(m[k * 4 + o], m[k * 4 + o + 1]); if (v !== null && v < low) low = v; } return low; };
    const lo = Math.max(0, Math.floor(Math.min(floor(tot), floor(n)) * 10 - 1e-9) / 10), tab = (i) => (i ? -1 : 0);
    const longest = Math.max(0, ...all.map((c) => textWidth(s.head.classes[c.k], 12))), fit = Math.max(2, Math.floor((W - 36) / 21)), on = app.state.filters.find((f) => f.view === "labels")?.klass;
    if (K <= 4 || all.length > fit || longest > (W - 36) / Math.max(1, all.length)) return lines(all, lo, W, H, K <= 4, on);
    const top = 7, bottom = H - 18, y = (a) => bottom - ((a - lo) / (1 - lo)) * (bottom - top), x = (i) => 38 + ((i + 0.5) / all.length) * (W - 38);
    for (const t of [1, lo]) { g("path.rule", { d: `M38 ${y(t)}H${W}` }, svg); g("text.tick", { x: 33, y: y(t) + 4, "text-anchor": "end" }, svg).textContent = `${Math.round(t * 100)}%`; }
    const wide = (W - 38) / all.length;
    while (list.children.length > all.length) list.lastChild.remove();
    all.forEach((c, i) => {
      const cx = x(i), fade = on !== undefined && on !== c.k ? 0.3 : 1;
      if (c.p !== null && c.q !== null) g("path.bell", { d: `M${cx} ${y(c.p)}V${y(c.q)}`, opacity: fade }, svg);
      if (c.q !== null) g("circle.pt.s", { cx, cy: y(c.q), r: 4, opacity: fade }, svg);
      if (c.p !== null) g("circle.pt.p", { cx, cy: y(c.p), r: 4, opacity: fade }, svg);
      g("text.tick.strong", { x: cx, y: H - 3, "text-anchor": "middle" }, svg).textContent = cut(s.head.classes[c.k], wide - 2);
      hit(i, c, `left:${cx - wide / 2}px;width:${wide}px`, on);
    });
  }
  function lines(all, lo, W, H, few, on) {           // up to four labels print their values; many labels or long names: the worst as lines
    const s = app.store, rowH = few ? Math.min(30, (H - 18) / Math.max(1, all.length)) : 19, most = few ? all.length : Math.max(1, Math.floor((H - 16) / rowH));
    const rows = few ? all : [...all].sort((a, b) => b.wrong - a.wrong).slice(0, most), longest = Math.max(...rows.map((c) => textWidth(s.head.classes[c.k], 13, 600))), x0 = few ? Math.min(longest + 12, W * 0.32) : 104, x1 = W - (few ? 112 : 44), x = (a) => x0 + 5 + ((a - lo) / (1 - lo)) * (x1 - x0 - 10), topY = few ? 4 : 14;
    const base = few ? topY + all.length * rowH + 11 : 11;
    for (const t of [lo, 1]) { g("text.tick", { x: x(t), y: base, "text-anchor": t === 1 ? "end" : "start" }, svg).textContent = `${Math.round(t * 100)}%`; }
    if (!few) { g("text.tick", { x: W - 2, y: 11, "text-anchor": "end" }, svg).textContent = "errors"; if (all.length > rows.length) g("text.tick", { x: 0, y: 11 }, svg).textContent = `worst ${rows.length} of ${all.length}`; }
    while (list.children.length > rows.length) list.lastChild.remove();
    rows.forEach((c, i) => {
      const y = topY + (i + 0.5) * rowH, fade = on !== undefined && on !== c.k ? 0.3 : 1;
      g("path.rule", { d: `M${x0} ${y}H${x1}` }, svg);
      if (c.p !== null && c.q !== null) g("path.bell", { d: `M${x(c.p)} ${y}H${x(c.q)}`, opacity: fade }, svg);
      if (c.q !== null) g("circle.pt.s", { cx: x(c.q), cy: y, r: 4, opacity: fade }, svg);
      if (c.p !== null) g("circle.pt.p", { cx: x(c.p), cy: y, r: 4, opacity: fade }, svg);
      g("text.tick.strong", { x: 0, y: y + 4, class: few ? "lname" : "tick strong" }, svg).textContent = cut(s.head.classes[c.k], x0 - 8);
      if (few) { const v = g("text.lval", { x: W - 2, y: y + 4, "text-anchor": "end" }, svg); if (c.q !== null && app.store.p !== app.store.q) { g("tspan", { class: "s" }, v).textContent = percent(c.q); g("tspan", {}, v).textContent = " \u2192 "; } g("tspan", { class: "p" }, v).textContent = percent(c.p); }
      else g("text.tick", { x: W - 2, y: y + 4, "text-anchor": "end" }, svg).textContent = whole(c.wrong);
      hit(i, c, `left:0;width:${W}px;top:${y - rowH / 2}px;bottom:auto;height:${rowH}px`, on);
    });
  }
  function hit(i, c, style, on) {
    const name = app.store.head.classes[c.k], b = list.children[i] ?? list.appendChild(button(i));
    b.c = c; b.style.cssText = style;
    set(b, { "aria-pressed": String(on === c.k), "aria-label": `label ${name}: accuracy ${percent(c.p)}, before ${percent(c.q)}, ${c.wrong} incorrect of ${c.n}` });
  }
  function instead(k) {                              // what was predicted instead of a label
    const s = app.store, n = new Map(); if (s.head.classes.length < 3) return null;
    for (let i = 0; i < s.passing; i++) { const r = s.pass[i]; if (s.label[r] === k && (s.key[r] & 3) === 2) { const c = predictedAt(s, s.p, r); n.set(c, (n.get(c) ?? 0) + 1); } }
    const top = [...n].sort((a, b) => b[1] - a[1]).slice(0, 3);
    return top.length ? `predicted ${top.map(([c, m]) => `${s.head.classes[c]} (${whole(m)})`).join(", ")}${n.size > 3 ? ", \u2026" : ""}` : null;
  }
  function button(i) {
    const b = h("button", { type: "button", tabindex: i ? -1 : 0 });
    b.addEventListener("pointerenter", () => { app.preview(choice(b.c.k)); requestAnimationFrame(() => {       // after the counts of this preview
      const s = app.store, c = b.c, r = b.getBoundingClientRect(), w = instead(c.k); if (app.hover?.klass !== c.k) return;
      app.tip.show([`label ${s.head.classes[c.k]}`, ...(s.p === s.q ? [] : [row(tone("st", s.head.versions[s.q].name), tone("num", percent(c.q)))]), row(tone("pt", s.head.versions[s.p].name), tone("num", percent(c.p)), `${whole(c.wrong)} incorrect of ${whole(c.n)}`), ...(w ? [h("p", {}, w)] : [])], r.left + r.width / 2, r.bottom - 10, "below"); }); });
    b.addEventListener("pointerleave", () => { app.preview(null); app.tip.hide(); });
    b.addEventListener("click", () => { const k = b.c.k; app.commit("labels", app.state.filters.find((f) => f.view === "labels")?.klass === k ? null : choice(k)); });
    return b;
  }
  return { draw };
}
