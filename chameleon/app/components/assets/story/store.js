// The rows of a timeline, and counts of them. No DOM here: the same file runs in a page, a worker or node.
const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array };
export const SPLITS = ["train", "test", "validation"];
export const STILL_CORRECT = 0, REGRESSED = 1, FIXED = 2, STILL_INCORRECT = 3, ADDED = 4, REMOVED = 5, UNKNOWN = 6;

export function open({ head, blob }) {
  const at = {};
  for (const { name, dtype, shape, offset } of head.arrays) {
    const T = TYPES[dtype], length = shape.reduce((a, b) => a * b, 1), start = blob.byteOffset + offset;
    at[name] = start % T.BYTES_PER_ELEMENT ? new T(blob.slice(offset, offset + length * T.BYTES_PER_ELEMENT).buffer) : new T(blob.buffer, start, length);
  }
  const n = head.rows, V = head.versions.length, F = head.features.length;
  const s = {
    head, ...at, n, V, F, bars: Math.max(1, ...head.features.map((f) => f.bars)),
    none: at.label instanceof Uint16Array ? 65535 : 255,
    rowBytes: Math.ceil(n / 8), quadBytes: Math.ceil(n / 4),
    column: Array.from({ length: F }, (_, f) => at.codes.subarray(f * n, (f + 1) * n)),
    key: new Uint8Array(n), keyT: new Uint8Array(n), change: new Uint8Array(n), what: new Uint8Array(n), rep: new Uint8Array(n), fail: new Uint16Array(n), fails: new Uint8Array(n),
    pass: new Uint32Array(n), passT: new Uint32Array(n), dims: [], hist: new Uint32Array(256 * 16),
  };
  s.offsets = cellOffsets(s);
  s.rowsOf = rowsOfInstances(s);
  return s;
}

function cellOffsets({ cell, n, head }) {
  const count = head.grid[0] * head.grid[1] || 1, from = new Uint32Array(count + 1);
  for (let r = 0; r < n; r++) from[cell[r] + 1]++;
  for (let c = 0; c < count; c++) from[c + 1] += from[c];
  return from;
}
function rowsOfInstances({ instance, n, head }) {   // CSR: the rows of every instance
  const from = new Uint32Array(head.instances + 1), row = new Uint32Array(n);
  for (let r = 0; r < n; r++) from[instance[r] + 1]++;
  for (let i = 0; i < head.instances; i++) from[i + 1] += from[i];
  const next = from.slice();
  for (let r = 0; r < n; r++) row[next[instance[r]]++] = r;
  return { from, row };
}
export const isPresent = (s, v, r) => (s.present[v * s.rowBytes + (r >> 3)] >> (r & 7)) & 1;
export const outcomeAt = (s, v, r) => (s.outcome[v * s.quadBytes + (r >> 2)] >> ((r & 3) * 2)) & 3;

// What was predicted: the label where correct; kept in order of version and row where incorrect.
export function predictedAt(s, v, r) {
  const o = outcomeAt(s, v, r);
  if (o === 0) return s.label[r];
  if (o === 2) return s.none;
  if (!s.wrong) return s.label[r] === 0 ? 1 : 0;
  return wrongOf(s, v)[r];
}
function wrongOf(s, v) {                            // the class of every incorrect prediction of one version's model, by row
  const kept = (s.wrongKept ??= new Map());
  if (kept.has(v)) return kept.get(v);
  s.wrongFrom ??= [0];
  for (let w = s.wrongFrom.length; w <= v; w++) { let k = s.wrongFrom[w - 1]; for (let r = 0; r < s.n; r++) if (outcomeAt(s, w - 1, r) === 1) k++; s.wrongFrom[w] = k; }
  const out = new Uint16Array(s.n); let k = s.wrongFrom[v];
  for (let r = 0; r < s.n; r++) if (outcomeAt(s, v, r) === 1) out[r] = s.wrong[k++];
  if (kept.size > 5) kept.delete(kept.keys().next().value);
  kept.set(v, out);
  return out;
}

// Everything that depends on the two versions and the scope (-1: all splits).
export function setPair(s, p, q, scope) {
  const { n, key, keyT, change, what, rep, split, instance, label, content } = s, I = s.head.instances;
  s.p = p; s.q = q; s.scope = scope;
  const rowP = (s.rowP ??= new Int32Array(I)).fill(-1), rowQ = (s.rowQ ??= new Int32Array(I)).fill(-1);
  key.fill(0); keyT.fill(0); rep.fill(0); s.alike = s.alikeT = true;
  for (let r = 0; r < n; r++) {
    const a = isPresent(s, p, r), b = isPresent(s, q, r);
    if (a) rowP[instance[r]] = r;
    if (b) rowQ[instance[r]] = r;
    if (!a && !b) continue;
    const k = (a ? outcomeAt(s, p, r) + 1 : 0) | (b ? (outcomeAt(s, q, r) + 1) << 2 : 0);
    if (scope < 0 || split[r] === scope) { key[r] = k; if (a !== b) s.alike = false; }
    if (split[r] === 0) { keyT[r] = k; if (a !== b) s.alikeT = false; }
  }
  const step = s.step = { added: 0, removed: 0, relabeled: 0, edited: 0, moved: 0, kept: 0, split: SPLITS.map(() => ({ added: 0, removed: 0, relabeled: 0, edited: 0, kept: 0 })) };
  const pairedRows = s.pairedRows = [];
  for (let i = 0; i < I; i++) {
    const a = rowP[i], b = rowQ[i], r = a >= 0 ? a : b;
    if (r < 0) continue;
    const part = step.split[split[r]];
    rep[r] = scope < 0 || split[r] === scope ? 1 : 0;
    what[r] = 0;
    if (b < 0) { change[r] = ADDED; step.added++; part.added++; what[r] = 1; continue; }
    if (a < 0) { change[r] = REMOVED; step.removed++; part.removed++; what[r] = 2; continue; }
    step.kept++; part.kept++;
    const now = outcomeAt(s, p, a), then = outcomeAt(s, q, b);
    change[r] = now > 1 || then > 1 ? UNKNOWN : then === 0 ? (now === 0 ? STILL_CORRECT : REGRESSED) : now === 0 ? FIXED : STILL_INCORRECT;
    if (a === b) continue;
    pairedRows.push(a, b);
    if (label[a] !== label[b]) { what[r] |= 4; step.relabeled++; part.relabeled++; }
    if (content[a] !== content[b]) { what[r] |= 8; step.edited++; part.edited++; }
    if (split[a] !== split[b]) { what[r] |= 16; step.moved++; }
  }
  s.dims.forEach((dim) => dim && markDim(s, dim));
  settle(s);
}

// A dimension is one view's choice: test(r) over the representing row of each instance. bit 0 is the hover.
export function setDim(s, bit, test, view, rows) {
  const old = s.dims[bit];
  if (old) { const m = ~(1 << bit); for (let r = 0; r < s.n; r++) s.fail[r] &= m; }
  s.dims[bit] = test ? { bit, test, view, rows } : null;
  if (test) markDim(s, s.dims[bit]);
}
function markDim(s, { bit, test, rows }) {
  const { fail, n, pairedRows } = s, m = 1 << bit;
  if (rows) {                                     // a few ranges of rows pass, everything else fails
    for (let r = 0; r < n; r++) fail[r] |= m;
    for (const [a, b] of rows) for (let r = a; r < b; r++) fail[r] &= ~m;
  } else for (let r = 0; r < n; r++) fail[r] = test(r) ? fail[r] & ~m : fail[r] | m;
  for (let t = 0; t < pairedRows.length; t += 2) fail[pairedRows[t + 1]] = (fail[pairedRows[t + 1]] & ~m) | (fail[pairedRows[t]] & m);
}
export function settle(s) {                        // the rows that pass everything
  const { n, key, keyT, fail, pass, passT } = s;
  let k = 0, t = 0;
  for (let r = 0; r < n; r++) if (!fail[r]) { if (key[r]) pass[k++] = r; if (keyT[r]) passT[t++] = r; }
  s.passing = k; s.passingT = t;
  s.filtered = s.dims.some(Boolean);
}
export const bitsOf = (s, view) => s.dims.reduce((m, d) => (d && d.view === view ? m | (1 << d.bit) : m), 0);

// One feature: hist[code * 16 + key]. `own` = bits of its own filter, which do not narrow it; all = no filter at all.
export function countFeature(s, f, own = 0, all = false, train = false, out = s.hist) {
  const c = s.column[f], { fail, n } = s, key = train ? s.keyT : s.key, pass = train ? s.passT : s.pass, passing = train ? s.passingT : s.passing, end = s.head.features[f].bars * 16;
  out.fill(0, 0, end);
  if (all) for (let r = 0; r < n; r++) out[c[r] * 16 + key[r]]++;
  else if (!own) for (let k = 0; k < passing; k++) { const r = pass[k]; out[c[r] * 16 + key[r]]++; }
  else { const m = ~own; for (let r = 0; r < n; r++) if (!(fail[r] & m)) out[c[r] * 16 + key[r]]++; }
  return out;
}
export function fold(hist, bars) {                 // [primary correct, incorrect, unknown, secondary ...] by bar
  const o = Array.from({ length: 6 }, () => new Uint32Array(bars));
  for (let b = 0; b < bars; b++) for (let k = 1; k < 16; k++) {
    const c = hist[b * 16 + k];
    if (!c) continue;
    if (k & 3) o[(k & 3) - 1][b] += c;
    if (k >> 2) o[(k >> 2) + 2][b] += c;
  }
  return o;
}
export const CELL = 6;                              // per cell: primary correct, incorrect, unknown, new rows; secondary rows, rows gone
export function countCells(s) {
  const count = s.offsets.length - 1, out = (s.cellCounts ??= new Uint32Array(count * CELL)), all = ~bitsOf(s, "map");
  out.fill(0);
  const { key, fail, cell, n } = s;
  for (let r = 0; r < n; r++) {
    const k = key[r]; if (!k || fail[r] & all) continue;
    const o = k & 3, at = cell[r] * CELL;
    if (o) out[at + o - 1]++;
    if (k < 4) out[at + 3]++; else { out[at + 4]++; if (!o) out[at + 5]++; }
  }
  return out;
}
export function countChangesOfOutcome(s) {
  const out = new Uint32Array(7), m = ~bitsOf(s, "flow"), { rep, fail, change, n } = s;
  for (let r = 0; r < n; r++) if (rep[r] && !(fail[r] & m)) out[change[r]]++;
  return out;
}
export function countSensitivity(s) {
  const out = new Uint32Array(256), m = ~bitsOf(s, "sensitivity"), { rep, fail, changes, n } = s;
  for (let r = 0; r < n; r++) if (rep[r] && !(fail[r] & m)) out[changes[r]]++;
  return out;
}
export function countLabels(s) {                   // per label: primary right, wrong, secondary right, wrong
  const K = s.head.classes.length, out = new Uint32Array(K * 4), m = ~bitsOf(s, "labels"), { key, fail, label, n } = s;
  for (let r = 0; r < n; r++) {
    const k = key[r];
    if (!k || label[r] === s.none || fail[r] & m) continue;
    if ((k & 3) === 1) out[label[r] * 4]++; else if ((k & 3) === 2) out[label[r] * 4 + 1]++;
    if (k >> 2 === 1) out[label[r] * 4 + 2]++; else if (k >> 2 === 2) out[label[r] * 4 + 3]++;
  }
  return out;
}
// Accuracy of both versions on the rows that pass, and what became of them.
export function countSelection(s) {
  const { key, pass, passing, rep, fail, change, n } = s, o = { n: 0, right: 0, known: 0, right0: 0, known0: 0, regressed: 0, fixed: 0 };
  for (let i = 0; i < passing; i++) { const k = key[pass[i]], a = k & 3, b = k >> 2; if (a) o.n++; if (a === 1) o.right++; if (a === 1 || a === 2) o.known++; if (b === 1) o.right0++; if (b === 1 || b === 2) o.known0++; }
  for (let r = 0; r < n; r++) if (rep[r] && !fail[r]) { if (change[r] === REGRESSED) o.regressed++; else if (change[r] === FIXED) o.fixed++; }
  return o;
}
// Which rows of the two versions' train and test sets are shared, for the chance level of a distance.
export function sizesOf(s) {
  const z = s.sizes = [0, 0, 0, 0, 0, 0];          // train: secondary's, primary's, in both; test the same
  for (let r = 0; r < s.n; r++) { const w = s.both[r]; if (!w) continue; const g = s.split[r] === 0 ? 0 : 3; if (w & 2) z[g]++; if (w & 1) z[g + 1]++; if (w === 3) z[g + 2]++; }
}
// How far a feature moved on train and on test: Jensen-Shannon distance (base 2, 0 to 1) and the 95% of it that chance gives:
// JSD is about scale / 8 ln 2 times chi-square of bins - 1, where scale = 1/n + 1/m - 2 shared / nm.
export function distances(s, f) {
  const c = s.column[f], { n, split } = s;
  const own = s.head.features[f].bars, acc = new Float64Array(own * 4);
  for (let r = 0; r < n; r++) { const w = s.both[r]; if (w) { const g = split[r] === 0 ? 0 : 2; if (w & 1) acc[c[r] * 4 + g]++; if (w & 2) acc[c[r] * 4 + g + 1]++; } }
  return [jsd(acc, 0, own), jsd(acc, 2, own), chance(s.sizes, 0, acc, own), chance(s.sizes, 3, acc, own)];
}
function chance(z, g, acc, bars) {
  const a = z[g], b = z[g + 1]; if (!a || !b) return 0;
  let k = -1; const o = g ? 2 : 0; for (let i = 0; i < bars; i++) if (acc[i * 4 + o] || acc[i * 4 + o + 1]) k++;
  if (k < 1) return 0;
  const scale = Math.max(0, 1 / a + 1 / b - (2 * z[g + 2]) / (a * b)), t = 2 / (9 * k), chi = k * (1 - t + 1.645 * Math.sqrt(t)) ** 3;
  return Math.sqrt((scale * chi) / (8 * Math.LN2));
}
export function markBoth(s) { s.both ??= new Uint8Array(s.n); for (let r = 0; r < s.n; r++) s.both[r] = s.split[r] === 2 ? 0 : isPresent(s, s.p, r) | (isPresent(s, s.q, r) << 1); }
// How much the share of incorrect rows changed from bar to bar, weighted by the primary's rows.
export function errorShift(s, f) {
  const n = fold(countFeature(s, f, 0, true), s.head.features[f].bars); let sum = 0, all = 0;
  for (let b = 0; b < n[0].length; b++) { const p = n[0][b] + n[1][b], q = n[3][b] + n[4][b]; all += p; if (p && q) sum += p * Math.abs(n[1][b] / p - n[4][b] / q); }
  return all ? sum / all : 0;
}
function jsd(a, o, bars) {
  let x = 0, y = 0, d = 0;
  for (let b = 0; b < bars; b++) { x += a[b * 4 + o]; y += a[b * 4 + o + 1]; }
  if (!x || !y) return null;
  for (let b = 0; b < bars; b++) {
    const u = a[b * 4 + o] / x, v = a[b * 4 + o + 1] / y, m = (u + v) / 2;
    if (u) d += (u * Math.log2(u / m)) / 2;
    if (v) d += (v * Math.log2(v / m)) / 2;
  }
  return Math.sqrt(Math.max(0, d));
}
export function accuracyOf(s, v, scope) {           // from the head; "all" is counted
  if (scope >= 0) { const m = s.head.metrics[SPLITS[scope]][v]; return { n: m[0], value: m[1], low: m[2], high: m[3] }; }
  let n = 0, right = 0;
  for (const name of SPLITS) { const m = s.head.metrics[name][v]; if (m[1] !== null) { n += m[0]; right += m[0] * m[1]; } }
  return { n, value: n ? right / n : null, low: null, high: null };
}
let idList = null, idStore = null;
export function idOf(s, r) {
  const how = s.head.ids, i = s.instance[r];
  if (!how.text) return how.prefix + String(s.ids[i]).padStart(how.width, "0");
  if (idStore !== s) { idList = new TextDecoder().decode(s.ids).split("\n"); idStore = s; }
  return idList[i];
}
export function barText(f, code) {
  const t = (x) => (x === null ? "?" : Math.abs(x) >= 1e4 ? Math.round(x).toLocaleString("en-US") : String(+x.toPrecision(4)).replace("-", "\u2212"));
  if (code === f.bars - 2) return "missing";
  if (code === f.bars - 1) return "not finite";
  if (f.bins === "ranges") { const e = f.edges; return code === 0 ? `below ${t(e[0])}` : code > 30 ? `above ${t(e[30])}` : `${t(e[code - 1])}\u2013${t(e[code])}`; }
  if (f.bins === "values") return t(f.values[code]);
  if (f.bins === "categories") return f.categories[code] ?? "other";
  return "text";
}
