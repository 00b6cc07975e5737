// Instances in sections, regressed first, with picture or unusual values, and their outcome over the versions.
import { outcomeAt, isPresent, predictedAt, idOf, barText, REGRESSED, STILL_INCORRECT, FIXED, ADDED, REMOVED, STILL_CORRECT } from "./store.js";
import { g, h, set, whole, tone, sizeOf, textWidth } from "./ui.js";
import { percent } from "./verdict.js";

const RH = 50, HEAD = 24;
const SECTIONS = ["Regressed", "New, incorrect", "Still incorrect", "Fixed", "Still correct", "New, correct", "Removed", "Unknown"], TONE = ["not", "not", "not", "okt", "okt", "okt", "mute", "mute"];

export function thumb(s, r, size, cls = "thumb") {
  const { shape: [H, W], features } = s.head.image, c = document.createElement("canvas"), x = c.getContext("2d"), d = x.createImageData(W, H);
  c.width = W; c.height = H; c.className = cls; c.style.width = c.style.height = `${size}px`; c.setAttribute("aria-hidden", "true");
  features.forEach((f, i) => { const F = s.head.features[f], k = s.column[f][r], v = F.values ? F.values[k] : k; const t = k >= F.bars - 2 ? 0 : 255 - Math.round((v / (F.values ? F.values.at(-1) : 31)) * 255); d.data.set([t, t, t, k >= F.bars - 2 ? 0 : 255], i * 4); });
  x.putImageData(d, 0, 0);
  return c;
}
export function winloss(s, r, W, H) {                // a tick up where correct, down where incorrect: not by colour alone
  const svg = g("svg.winloss", { width: W, height: H, "aria-hidden": "true" }), step = W / s.V, w = Math.max(0.8, Math.min(5, step - 1)), m = H / 2 - 2;
  const d = ["", ""]; let line = "";
  const inst = s.instance[r], { from, row } = s.rowsOf;
  for (let v = 0; v < s.V; v++) {
    let at = -1; for (let k = from[inst]; k < from[inst + 1]; k++) if (isPresent(s, v, row[k])) at = row[k];
    if (at < 0) continue;
    const o = outcomeAt(s, v, at), X = (v * step + (step - w) / 2).toFixed(1);
    line += `M${(v * step).toFixed(1)} ${m}h${step.toFixed(1)}`;
    if (o < 2) d[o] += `M${X} ${m}v${o ? m - 1 : 1 - m}h${w.toFixed(1)}V${m}z`;
  }
  g("path.base", { d: line }, svg); g("path.ok", { d: d[0] }, svg); g("path.no", { d: d[1] }, svg);
  for (const [v, cls] of [[s.q, "s"], [s.p, "p"]]) g(`circle.${cls}`, { cx: v * step + step / 2, cy: H - 2, r: 2 }, svg);
  return svg;
}
export function unusual(app, r, most) {
  const s = app.store, found = [];
  for (let f = 0; f < s.F; f++) { const q = app.rare?.[f]; if (!q) continue; const k = s.column[f][r]; if (q[k] < 0.06) found.push([q[k], f, k]); }
  return found.sort((a, b) => a[0] - b[0]).slice(0, most);
}
const odds = (x) => (x <= 0 ? "seen nowhere else" : x < 0.02 ? `1 in ${whole(Math.round(1 / x / (1 / x > 1000 ? 100 : 10)) * (1 / x > 1000 ? 100 : 10) || Math.round(1 / x))}` : percent(x, 0));
const happened = (w) => [[1, "added"], [2, "removed"], [4, "relabeled"], [8, "edited"], [16, "changed split"]].filter(([b]) => w & b).map(([, t]) => t);
const className = (s, k) => (k === s.none ? "\u2013" : s.head.classes[k]);

export function instances(mount, app) {
  const scroll = h("div.instances-rows", { role: "listbox", "aria-label": "Instances, regressed first", tabindex: 0 }), note = h("p.empty", { hidden: true });
  const blocks = SECTIONS.map((name, i) => { const head = h("div.whead", {}, tone(TONE[i], name), h("span.num")), body = h("div.wbody"); return { name, el: h("section.wsec", { role: "group", "aria-label": name }, head, body), head, body, rows: [], from: 0, top: 0, pool: new Map() }; });
  scroll.append(...blocks.map((b) => b.el)); mount.append(scroll, note);
  let list = [], active = 0;
  function gather() {
    const s = app.store, { rep, fail, change, what, changes, n } = s;
    for (const b of blocks) b.rows = [];
    for (let r = 0; r < n; r++) if (rep[r] && !fail[r]) {
      const q = change[r]; let k;
      if (q === REGRESSED) k = 0; else if (q === STILL_INCORRECT) k = 2; else if (q === FIXED) k = 3; else if (q === STILL_CORRECT) k = 4; else if (q === REMOVED) k = 6;
      else if (q === ADDED) { const o = outcomeAt(s, s.p, r); k = o === 1 ? 1 : o === 0 ? 5 : 7; } else k = 7;
      blocks[k].rows.push(r);
    }
    // edited or relabeled first, then those whose outcome otherwise never changed
    for (const b of blocks.slice(0, 4)) b.rows.sort((a, c) => (what[c] & 12 ? 1 : 0) - (what[a] & 12 ? 1 : 0) || changes[a] - changes[c] || a - c);
    for (const b of blocks.slice(4)) if (b.rows.some((r) => what[r] & 12)) b.rows = b.rows.filter((r) => what[r] & 12).concat(b.rows.filter((r) => !(what[r] & 12)));
    let top = 0, from = 0; list = [];
    for (const b of blocks) { b.top = top; b.from = from; top += b.rows.length ? HEAD + b.rows.length * RH : 0; from += b.rows.length; list.push(b.rows); }
    list = list.flat();
  }
  function row(r, i) {
    const s = app.store, image = s.head.image, q = s.change[r], now = s.rowP[s.instance[r]], then = s.rowQ[s.instance[r]], el = h("div.wrow", { role: "option", id: `${app.uid}-w${i}`, "aria-selected": String(i === active) });
    const pn = now >= 0 ? predictedAt(s, s.p, now) : null, pt = then >= 0 ? predictedAt(s, s.q, then) : null, id = idOf(s, r), act = happened(s.what[r]).filter((t) => t !== "added" && t !== "removed");
    const W = sizeOf(mount).w - 6 - (image ? 49 : 0), moved = pt !== null && pn !== null && pt !== pn, L = className(s, s.label[r]), strip = Math.min(image ? 92 : 84, Math.max(40, s.V * 4));
    // what was predicted is never cut: the label goes where a prediction or the section says it already
    const tail = moved ? `predicted ${className(s, pt)} \u2192 ${className(s, pn)}` : `predicted ${className(s, pn ?? pt)}`, full = textWidth(`label ${L}, ${tail}`, 13, 600) <= W - strip - 10, bare = !full && textWidth(tail, 13, 600) > W - strip - 10;
    const line1 = h("p.wsaid", {}, ...(full ? [h("span.mute", {}, "label "), h("span.true", {}, L), h("span.mute", {}, ", ")] : []), ...(bare ? [] : [h("span.mute", {}, full ? "predicted " : "predicted ")]), ...(moved ? [h("span.st", {}, className(s, pt)), " \u2192 ", h("b.pt", {}, className(s, pn))] : [h("b", {}, className(s, pn ?? pt))]));
    const odd = image ? [] : unusual(app, r, 1), tags = act.map((t) => tone("did", t)), odds_ = odd.map(([x, f, k]) => [s.head.features[f].name, barText(s.head.features[f], k), odds(x)]);
    const used = odd.length ? textWidth(`${odds_[0].join(" ")}  `, 12) : textWidth("nothing unusual", 12), room = W - used - tags.length * 62 > textWidth(id, 12) + 8;
    const line2 = h("p.wmeta", {}, ...tags, ...(image ? [h("span.wid", {}, id)] : odd.length ? odds_.flatMap(([n, v, o]) => [h("span.wname", { title: n }, n), h("span.wval", {}, v), h("span.wodds", {}, o)]) : [h("span.wodds", {}, "nothing unusual")]), ...(!image && room ? [h("span.wid.right", {}, id)] : []));
    el.append(...(image ? [thumb(s, r, 40)] : []), h("div.wtext", {}, h("div.wtop", {}, line1, winloss(s, r, strip, 22)), line2));
    el.addEventListener("pointerenter", () => app.preview({ view: "instances", label: id, cells: new Set([s.cell[r]]), only: r, test: (x) => x === r }));
    el.addEventListener("pointerleave", () => app.preview(null));
    el.addEventListener("click", () => { active = i; app.openInstance(r); });
    el.setAttribute("aria-label", `${id}, label ${L}, ${tail}${act.length ? `, ${act.join(", ")}` : ""}`);
    return el;
  }
  function window_(all) {
    const a = scroll.scrollTop, z = a + sizeOf(mount).h;
    for (const b of blocks) {
      if (all) { b.pool.forEach((e) => e.remove()); b.pool.clear(); }
      const from = Math.max(0, Math.floor((a - b.top - HEAD) / RH) - 1), to = Math.min(b.rows.length, Math.ceil((z - b.top - HEAD) / RH) + 1);
      for (const [i, e] of b.pool) if (i < from || i >= to) { e.remove(); b.pool.delete(i); }
      for (let i = from; i < to; i++) if (!b.pool.has(i)) { const e = row(b.rows[i], b.from + i); e.style.transform = `translateY(${i * RH}px)`; b.pool.set(i, e); b.body.append(e); }
    }
  }
  function draw() {
    gather();
    for (const b of blocks) { b.el.hidden = !b.rows.length; b.head.firstChild.textContent = app.store.p === app.store.q ? b.name.replace("Still i", "I").replace("Still c", "C") : b.name; b.body.style.height = `${b.rows.length * RH}px`; b.head.lastChild.textContent = whole(b.rows.length); }
    note.hidden = list.length > 0;
    if (!list.length) { const { filters } = app.state; note.textContent = filters.length ? `No instances match these filters. Removing \u201c${filters.at(-1).label}\u201d shows ${whole(app.without?.(filters.at(-1)) ?? 0)}.` : "No instances match."; }
    window_(true);
    return list.length;
  }
  const place = (i) => { const b = blocks.find((x) => i >= x.from && i < x.from + x.rows.length); return b ? b.top + HEAD + (i - b.from) * RH : 0; };
  scroll.addEventListener("scroll", () => window_(false), { passive: true });
  scroll.addEventListener("keydown", (ev) => {
    const d = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[ev.key];
    if (d) { active = Math.max(0, Math.min(list.length - 1, active + d)); const y = place(active), H = sizeOf(mount).h; if (y - HEAD < scroll.scrollTop) scroll.scrollTop = y - HEAD; else if (y + RH > scroll.scrollTop + H) scroll.scrollTop = y + RH - H; window_(true); scroll.setAttribute("aria-activedescendant", `${app.uid}-w${active}`); }
    else if (ev.key === "Enter" && list.length) app.openInstance(list[active]); else return;
    ev.preventDefault();
  });
  return { draw, top: () => { scroll.scrollTop = 0; active = 0; }, next: (d) => { active = Math.max(0, Math.min(list.length - 1, active + d)); return list[active]; }, get count() { return list.length; }, get active() { return active; } };
}

export function drawer(mount, app) {
  const node = h("section.drawer", { role: "dialog", "aria-label": "One instance", hidden: true, tabindex: -1 });
  mount.append(node);
  let back = null;
  function open(r) {
    const s = app.store, inst = s.instance[r], now = s.rowP[inst], then = s.rowQ[inst], { from, row } = s.rowsOf, id = idOf(s, r), P = s.head.versions[s.p].name, S = s.head.versions[s.q].name;
    const say = (v, x) => (x < 0 ? h("span.mute", {}, "not in this version") : h("span", {}, h("b", {}, className(s, predictedAt(s, v, x))), " ", tone(["okt", "not", "mute"][outcomeAt(s, v, x)] , ["correct", "incorrect", "unknown"][outcomeAt(s, v, x)])));
    const rowsHeld = []; for (let k = from[inst]; k < from[inst + 1]; k++) rowsHeld.push(row[k]);
    const table = h("div.odd", {}), odd = s.head.image ? [] : unusual(app, r, 7);
    odd.forEach(([x, f, k]) => {
      const F = s.head.features[f], svg = g("svg", { width: 84, height: 26, "aria-hidden": "true" }), q = app.freq[f], top = Math.max(...q); let d = "", w = 84 / F.bars;
      q.forEach((v, j) => { if (v) d += `M${(j * w).toFixed(1)} 25v${(-Math.max(0.7, (v / top) * 22)).toFixed(1)}h${Math.max(0.8, w - 0.6).toFixed(1)}V25z`; });
      g("path.all", { d }, svg); g("path.here", { d: `M${(k * w + w / 2).toFixed(1)} 2V26` }, svg); g("circle.here", { cx: k * w + w / 2, cy: 4, r: 3 }, svg);
      table.append(h("p.oddname", {}, F.name), svg, h("p.oddval", {}, h("b", {}, barText(F, k)), h("span.mute", {}, odds(x))));
    });
    const W = Math.max(200, node.clientWidth || 360) - 36, strip = h("div.bigstrip"), sv = g("svg", { width: W, height: 62, role: "img", "aria-label": "Outcome in every version" }); strip.append(sv);
    const step = W / s.V; let prev = null;
    for (let v = 0; v < s.V; v++) {
      const at = rowsHeld.find((x) => isPresent(s, v, x)), X = v * step;
      if (at === undefined) { g("path.absent", { d: `M${X + 1} 26h${Math.max(1, step - 2)}` }, sv); }
      else { const o = outcomeAt(s, v, at); g(`rect.${["ok", "no", "un"][o]}`, { x: X + 1, y: o === 1 ? 26 : 8, width: Math.max(1, step - 2), height: 18, rx: 1.5 }, sv); if (step > 24 && o < 2) g("text.inbar", { x: X + step / 2, y: o === 1 ? 39 : 21, "text-anchor": "middle" }, sv).textContent = className(s, predictedAt(s, v, at)).slice(0, Math.max(1, Math.floor(step / 7) - 1));
        if (prev !== null && prev !== at) g("path.edit", { d: `M${X} 4V48` }, sv); prev = at; }
      if (step > 22 || v === s.p || v === s.q || v % Math.ceil(34 / step) === 0) { if ((v === s.p || v === s.q) || Math.min(Math.abs(v - s.p), Math.abs(v - s.q)) * step > 30 || step > 25) g(`text.name${v === s.p ? ".p" : v === s.q ? ".s" : ""}`, { x: X + step / 2, y: 60, "text-anchor": "middle" }, sv).textContent = s.head.versions[v].name; }
    }
    const story = []; if (s.what[r] & 4) story.push(`Label changed from ${className(s, s.label[then])} to ${className(s, s.label[now])} in this step.`); if (s.what[r] & 8) story.push(s.head.image ? "Its pixels were edited in this step." : "Its values were edited in this step."); if (s.what[r] & 1) story.push(`Added: it isn\u2019t in ${S}.`); if (s.what[r] & 2) story.push(`Removed: it isn\u2019t in ${P}.`);
    const big = (node.clientWidth || 360) < 420 ? 88 : 120, pics = s.head.image ? h("div.pics", {}, ...(then >= 0 && then !== now ? [h("figure", {}, thumb(s, then, big, "thumb big"), h("figcaption.st", {}, S))] : []), h("figure", {}, thumb(s, now >= 0 ? now : then, big, "thumb big"), h("figcaption", { class: now >= 0 ? "pt" : "st" }, then >= 0 && now >= 0 && then === now ? `${S} and ${P}: same pixels` : now >= 0 ? P : S))) : null;
    node.replaceChildren(
      h("header", {}, h("div", {}, h("h3", {}, id), h("p.mute", {}, `${["train", "test", "validation"][s.split[r]]} \u00b7 label ${className(s, s.label[r])}`)), h("div.dnav", {}, h("button", { type: "button", "aria-label": "Previous instance", onclick: () => open(app.views.instances.next(-1)) }, "\u2191"), h("button", { type: "button", "aria-label": "Next instance", onclick: () => open(app.views.instances.next(1)) }, "\u2193"), h("button.close", { type: "button", "aria-label": "Close", onclick: close }, "\u2715"))),
      h("div.top", {}, ...(pics ? [pics] : []), h("div", {}, h("dl.says", {}, h("dt.st", {}, S), h("dd", {}, say(s.q, then)), h("dt.pt", {}, P), h("dd", {}, say(s.p, now))), ...story.map((t) => h("p.did-line", {}, t)))),
      h("h4", {}, "Prediction in every version", h("span.mute", {}, "  up: correct, down: incorrect")), strip,
      ...(s.head.image ? near(r) : []),
      ...(s.head.image ? [] : [h("h4", {}, odd.length ? "Its most unusual values" : "No unusual values", h("span.mute", {}, odd.length ? `  among all rows of ${P}` : "")), table]),
      h("footer", {}, h("button.plain", { type: "button", onclick: () => { app.commit("map", { view: "map", cells: new Set([s.cell[r]]), label: "1 cell of the map", rows: [[s.offsets[s.cell[r]], s.offsets[s.cell[r] + 1]]] }); close(); } }, "Show its neighbors"), h("button.plain", { type: "button", onclick: () => app.host.onOpen?.(id) }, "Open in Instances")),
    );
    node.style.top = `${app.root.querySelector(".body").offsetTop}px`;
    if (node.hidden) { back = mount.getRootNode().activeElement; node.hidden = false; node.focus({ preventScroll: true }); open(r); }
  }
  function near(r) {
    const s = app.store, c = s.cell[r], rows = []; for (let k = s.offsets[c]; k < s.offsets[c + 1]; k++) if (s.rowP[s.instance[k]] === k && k !== r) rows.push(k);
    if (!rows.length) return [];
    const grid = h("div.near"); rows.slice(0, 16).forEach((k) => grid.append(h("button", { type: "button", class: ["ok", "no", "un"][outcomeAt(s, s.p, k)], "aria-label": `${idOf(s, k)}, label ${className(s, s.label[k])}`, onclick: () => open(k) }, thumb(s, k, 40), h("span", {}, className(s, s.label[k])))));
    return [h("h4", {}, "Its neighbors", h("span.mute", {}, `  ${Math.min(16, rows.length)} of ${whole(rows.length)} in its cell, with labels`)), grid];
  }
  function close() { node.hidden = true; app.state.open = null; back?.focus?.({ preventScroll: true }); }
  node.addEventListener("keydown", (ev) => { if (ev.key === "Escape") close(); else if (ev.key === "ArrowDown") open(app.views.instances.next(1)); else if (ev.key === "ArrowUp") open(app.views.instances.next(-1)); else return; ev.preventDefault(); ev.stopPropagation(); });
  return { open, close, get shown() { return !node.hidden; } };
}
