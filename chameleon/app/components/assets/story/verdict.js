// From counts to sentences: how far accuracy moved, whether that is more than chance, and what each model does on each group of rows.
import { SPLITS, accuracyOf, isPresent, outcomeAt } from "./store.js";

export const percent = (x, digits = 1) => (x === null || x === undefined ? "\u2013" : `${(100 * x).toFixed(digits)}%`);
export const whole = (x) => x.toLocaleString("en-US");
const many = (n, one, more = `${one}s`) => `${whole(n)} ${n === 1 ? one : more}`;
const signed = (x, d = 1) => { const t = Math.abs(100 * x).toFixed(d); return `${+t === 0 ? "\u00b1" : x < 0 ? "\u2212" : "+"}${t}`; };

// Rows of the scope in four groups (unchanged, edited or relabeled, new, removed), each judged by both models, and the 2 x 2 table.
export function groups(s) {
  const { p, q, scope, head } = s, I = head.instances, G = () => ({ n: 0, then: 0, now: 0, old: 0, fixed: 0, regressed: 0 });
  const same = G(), edited = G(), added = G(), removed = G();
  const inScope = (r) => r >= 0 && (scope < 0 || s.split[r] === scope);
  let nP = 0, nQ = 0, kP = 0, kQ = 0, up = 0, down = 0;
  const table = [[0, 0], [0, 0], [0, 0], [0, 0]];            // old model on old and new rows, new model on old and new rows: correct, known
  const add = (c, o) => { if (o < 2) { c[1]++; c[0] += o === 0; } };
  for (let i = 0; i < I; i++) {
    const a = inScope(s.rowP[i]) ? s.rowP[i] : -1, b = inScope(s.rowQ[i]) ? s.rowQ[i] : -1;
    if (a < 0 && b < 0) continue;
    const x = a >= 0 ? outcomeAt(s, p, a) : 2, y = b >= 0 ? outcomeAt(s, q, b) : 2, old = a >= 0 ? outcomeAt(s, q, a) : 2;
    if (b >= 0) { add(table[0], y); add(table[2], outcomeAt(s, p, b)); }
    if (a >= 0) { add(table[1], old); add(table[3], x); }
    if (x < 2) { nP++; kP += x === 0; }
    if (y < 2) { nQ++; kQ += y === 0; }
    if (x < 2 && old < 2 && x !== old) x === 0 ? up++ : down++;      // both models on all rows of the new test set
    const g = x < 2 && y < 2 ? (a === b || (s.label[a] === s.label[b] && s.content[a] === s.content[b]) ? same : edited) : x < 2 ? added : y < 2 ? removed : null;
    if (!g) continue;
    g.n++; g.now += x === 0; g.then += y === 0;
    if (a >= 0) { g.old += old === 0; if (x < 2 && old < 2 && x !== old) x === 0 ? g.fixed++ : g.regressed++; }
  }
  if (!nP || !nQ) return null;
  const rate = ([k, n]) => (n ? k / n : null), P = kP / nP, Q = kQ / nQ, N = table[1][1], O = rate(table[1]);
  let variance = 0, harder = 0;                              // delta method over the instances of both test sets
  for (let i = 0; i < I; i++) {
    const a = s.rowP[i], b = s.rowQ[i], A = inScope(a), B = inScope(b); if (!A && !B) continue;
    const x = A ? outcomeAt(s, p, a) : 2, y = B ? outcomeAt(s, q, b) : 2, o = A ? outcomeAt(s, q, a) : 2, then = y < 2 ? ((y === 0) - Q) / nQ : 0;
    variance += ((x < 2 ? ((x === 0) - P) / nP : 0) - then) ** 2;
    harder += ((o < 2 ? ((o === 0) - O) / N : 0) - then) ** 2;
  }
  return { same, edited, added, removed, nP, nQ, change: P - Q, error: Math.sqrt(variance), up, down,
    table: table.map((t) => ({ n: t[1], value: rate(t) })), test: O === null ? 0 : O - Q, testZ: harder && O !== null ? (O - Q) / Math.sqrt(harder) : 0 };
}

// Two models on the same n rows, `down` regressed and `up` fixed: the change with its standard error (Agresti and Min 2005, half a row
// added to each cell). The chip is read off the same interval, so that they never contradict each other.
export function paired(up, down, n) { const d = (up - down) / (n + 2), se = Math.sqrt(Math.max(0, up + down + 1 - (up - down) ** 2 / (n + 2))) / (n + 2); return { d, se, p: n ? tail(d / se) : 1 }; }
const tail = (z) => { const x = Math.abs(z) / Math.SQRT2, t = 1 / (1 + 0.3275911 * x); return t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp(-x * x); };
const grade = (p) => (p < 0.01 ? ["clear", "more than chance"] : p < 0.05 ? ["likely", "probably more than chance"] : ["chance", "consistent with chance"]);

// Steps whose change of the scope's accuracy is more than chance, a few versions at a time.
export function stepTests(s, scope) {
  const { n, head, V } = s, acc = new Float64Array(head.instances), out = new Uint8Array(V);
  let v = 1;
  return { out, run(ms) {
    const t0 = performance.now();
    for (; v < V && performance.now() - t0 < ms; v++) {
      let nP = 0, nQ = 0, kP = 0, kQ = 0, up = 0, down = 0, one = true; acc.fill(0);
      for (let r = 0; r < n; r++) { if (scope >= 0 && s.split[r] !== scope) continue; const a = isPresent(s, v, r), b = isPresent(s, v - 1, r); if (!a && !b) continue; if (a !== b) one = false; const x = a ? outcomeAt(s, v, r) : 2, y = b ? outcomeAt(s, v - 1, r) : 2; if (x < 2) { nP++; kP += x === 0; } if (y < 2) { nQ++; kQ += y === 0; } if (x < 2 && y < 2 && x !== y) x === 0 ? up++ : down++; }
      if (!nP || !nQ) continue;
      if (one) { out[v] = paired(up, down, nP).p < 0.01 ? 1 : 0; continue; }
      const P = kP / nP, Q = kQ / nQ;
      for (let r = 0; r < n; r++) { if (scope >= 0 && s.split[r] !== scope) continue; if (isPresent(s, v, r)) { const x = outcomeAt(s, v, r); if (x < 2) acc[s.instance[r]] += ((x === 0) - P) / nP; } if (isPresent(s, v - 1, r)) { const y = outcomeAt(s, v - 1, r); if (y < 2) acc[s.instance[r]] -= ((y === 0) - Q) / nQ; } }
      let q = 0; for (const a of acc) q += a * a;
      out[v] = q && tail((P - Q) / Math.sqrt(q)) < 0.01 ? 1 : 0;
    }
    return v >= V;
  } };
}

// What a step did, in one clause.
export function stepWords(step) {
  const parts = [];
  if (step.added) parts.push(`${whole(step.added)} added`);
  if (step.removed) parts.push(`${whole(step.removed)} removed`);
  if (step.relabeled) parts.push(`${whole(step.relabeled)} relabeled`);
  if (step.edited) parts.push(`${whole(step.edited)} edited`);
  if (step.moved) parts.push(`${whole(step.moved)} changed split`);
  return parts.length ? parts.join(", ") : "unchanged";
}
export const metricName = (scope) => (scope < 0 ? "Accuracy" : `${SPLITS[scope][0].toUpperCase()}${SPLITS[scope].slice(1)} accuracy`);

export function verdict(s, labels) {
  const { head, p, q, scope } = s, P = head.versions[p].name, S = head.versions[q].name, name = metricName(scope);
  const now = accuracyOf(s, p, scope), then = accuracyOf(s, q, scope), none = { chips: [], interval: "" };
  if (p === q) return { ...none, lead: [`${name} of ${P}: ${percent(now.value)}`], cause: "Shift-click another version to compare.", errors: errorWords(s, labels) };
  if (now.value === null || then.value === null) {
    const lacks = now.value === null ? P : S, where = scope < 0 ? "rows" : `${SPLITS[scope]} rows`;
    return { ...none, lead: [`No ${name[0].toLowerCase()}${name.slice(1)} to compare`], cause: `${lacks} has no ${where} with a label and a prediction. Changes: ${stepWords(s.step)}.`, errors: "", chips: [["none", "not comparable"]] };
  }
  const d = groups(s), change = now.value - then.value, one = s.alike;
  const own = one ? paired(d.up, d.down, d.nP) : { d: change, se: d.error, p: d.error ? tail(change / d.error) : 1 }, total = scope === 0 ? null : own.p;
  // two decimals where the rounded values would not subtract to the change; the change is then the difference of what is printed
  const at = (x, k) => +(100 * x).toFixed(k), k = Math.abs(at(now.value, 1) - at(then.value, 1) - at(change, 1)) < 0.05 ? 1 : 2;
  const size = Math.abs(k === 1 ? 100 * change : at(now.value, 2) - at(then.value, 2)).toFixed(k), small = +size === 0, pts = `${size} points`;
  const span = own.se ? ` (95% CI ${signed(own.d - 1.96 * own.se, k)} to ${signed(own.d + 1.96 * own.se, k)})` : "";
  const lead = p < q ? [`${name} of ${P} is ${small ? "the same as" : `${pts} ${change < 0 ? "below" : "above"}`} ${S}`, span, `: ${percent(now.value, k)}, ${percent(then.value, k)}`]
    : small ? [`${name} stayed at ${percent(now.value, k)}`, span, ""] : [`${name} ${change < 0 ? "fell" : "rose"} ${pts}`, span, `: ${percent(then.value, k)} \u2192 ${percent(now.value, k)}`];
  const chips = [];
  let cause;
  const trained = `Train data: ${stepWords({ ...s.step.split[0], moved: 0 })}.`;
  if (scope === 0) { chips.push(["none", "seen in training"]); cause = `The models were trained on these rows. ${trained}`; }
  else {
    const [tone, words] = grade(total); chips.push([tone, `total: ${words}`]);
    // the model: on the shared unchanged rows, and on all rows of the new test set; where these disagree the attribution is ambiguous
    const a = paired(d.same.fixed, d.same.regressed, d.same.n).p, b = paired(d.up, d.down, d.table[3].n).p, A = a < 0.01 ? Math.sign(d.same.fixed - d.same.regressed) : 0, B = b < 0.01 ? Math.sign(d.up - d.down) : 0;
    if (d.same.n || d.up + d.down) { const [t, w] = A === B ? grade(Math.max(a, b)) : ["likely", "depends on the test rows"]; chips.push([t, `model: ${w}`]); }
    cause = `${causeWords(s, d, P, S)} ${trained}`;
  }
  return { lead, cause, errors: errorWords(s, labels, S), chips, d, change, digits: k, table: d?.table };
}

function causeWords(s, d, P, S) {
  const rows = s.scope < 0 ? "rows" : `${SPLITS[s.scope]} rows`, { same, edited, added, removed } = d, sure = Math.abs(d.testZ) > 2.576;
  if (!edited.n && !added.n && !removed.n) {
    const f = same.fixed, r = same.regressed;
    return f + r ? `On the same ${many(same.n, rows.replace(/s$/, ""))}, ${many(r, "prediction")} regressed and ${whole(f)} ${f === 1 ? "was" : "were"} fixed.` : `On the same ${whole(same.n)} ${rows}, no outcome changed.`;
  }
  const flips = same.fixed + same.regressed;
  const still = !same.n ? "" : `${many(same.n, "unchanged row")}: ${!flips ? "no outcome changed" : flips < 20 ? `${whole(same.regressed)} regressed, ${whole(same.fixed)} fixed` : `${signed((same.now - same.then) / same.n)}\u00a0points`}.`;
  const fresh = [], agree = added.n && paired(added.fixed, added.regressed, added.n).p >= 0.05;
  if (edited.n) fresh.push(`${many(edited.n, "edited row")}: ${percent(edited.then / edited.n)} before; ${percent(edited.old / edited.n)} with ${S}\u2019s model, ${percent(edited.now / edited.n)} with ${P}\u2019s.`);
  const word = d.test < 0 ? "harder" : "easier", is = (g) => (g.n === 1 ? "is" : "are"), were = (g) => (g.n === 1 ? "was" : "were");
  if (added.n && removed.n && agree) fresh.push(`${many(added.n, "new row")} ${is(added)} ${percent(added.now / added.n)} correct, the ${whole(removed.n)} removed ${removed.n === 1 ? "one was" : "ones were"} ${percent(removed.then / removed.n)}${sure ? `: the test set got ${word}` : ""}.`);
  else {
    if (added.n) fresh.push(`${many(added.n, "new row")} ${is(added)} ${percent(added.old / added.n)} correct with ${S}\u2019s model, ${percent(added.now / added.n)} with ${P}\u2019s.`);
    if (removed.n) fresh.push(`${many(removed.n, "removed row")} ${were(removed)} ${percent(removed.then / removed.n)} correct.`);
  }
  const few = same.n < 0.2 * d.nP ? `Few ${rows} are in both versions. ` : "";
  const lead = sure && added.n && !(removed.n && agree) ? `The test set got ${word}${d.test < 0 && !agree && added.now > added.old ? "; the new model recovers part of it" : ""}: ` : "";
  const moved = edited.n || lead;                             // what moved comes first; small steps start with the unchanged rows
  return few + (moved ? `${lead}${fresh.join(" ")} ${still}` : `${still} ${fresh.join(" ")}`).trim();
}

function errorWords(s, L, S) {
  const K = s.head.classes.length; let wrong = 0, before = 0; const best = [];
  for (let k = 0; k < K; k++) { wrong += L[k * 4 + 1]; before += L[k * 4 + 3]; const n = L[k * 4] + L[k * 4 + 1]; if (n >= 10) best.push([k, L[k * 4 + 1] / n, L[k * 4 + 1], n]); }
  const was = S ? ` (${whole(before)} in ${S})` : "";
  if (!wrong) return `No errors${was}.`;
  best.sort((a, b) => b[1] - a[1]);
  const top = best.slice(0, K > 2 ? 2 : 1).filter((b) => b[2]).map(([k, , w, n]) => `${s.head.classes[k]} (${whole(w)} of ${whole(n)})`);
  return `${many(wrong, "error")}${was}${top.length ? `, most often for label ${top.join(" and ")}` : ""}.`;
}
