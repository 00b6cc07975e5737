// Counts of a feature: heights and outlines of its bars, and their texts. Nothing here touches the page.
import { count, describe, sum } from "./scales.js";

export const OUTCOMES = ["correct", "incorrect", "unknown"];

// ---- drawing --------------------------------------------------------------------------------

// Per bar: [primary up, secondary up, primary down, secondary down], as counts or shares.
export function heights(data, counts) {
  const [pc, pi, pu, sc, si, su] = counts;
  const part = (arrays) => (data.mode === "shares" ? 1 / Math.max(1, sum(arrays.map(sum))) : 1);
  const p = part([pc, pi, pu]), s = part([sc, si, su]);
  if (!data.outcomes) return pu.map((n, i) => [n * p, su[i] * s, 0, 0]);
  return pc.map((n, i) => [n * p, sc[i] * s, pi[i] * p, si[i] * s]);
}

// Position of the axis, and pixels per instance: at least a fifth of the room for either half.
export function scaleOf(tall, outcomes, room, top) {
  const most = (k) => Math.max(0, ...tall.map((t) => Math.max(t[k], t[k + 1])));
  const [up, down] = [most(0), most(2)];
  const share = !outcomes ? 1 : up + down === 0 ? 0.5 : Math.max(0.2, Math.min(0.8, up / (up + down)));
  const scale = { zero: top + share * room, up: share * room, down: (1 - share) * room };
  scale.unit = Math.min(up ? scale.up / up : Infinity, down ? scale.down / down : Infinity);
  scale.empty = up + down === 0;
  return scale;
}

// The outline of the unfiltered primary, on a separate scale: its shape, not its size.
export function ghostPath(bars, ghost, scale, outcomes) {
  const [c, i, u] = ghost;
  const up = outcomes ? c : u, down = outcomes ? i : u.map(() => 0);
  const unit = Math.min(scale.up / Math.max(...up, 1e-9), scale.down / Math.max(...down, 1e-9));
  if (!Number.isFinite(unit)) return "";
  const edge = (array, sign) => bars.map((bar, k) => {
    const y = (scale.zero - sign * array[k] * unit).toFixed(1);
    const [l, r] = bar.apart ? [bar.left - 1, bar.left + bar.ink + 1] : [bar.x, bar.x + bar.width];
    const joined = k > 0 && !bar.apart && Math.abs(bars[k - 1].x + bars[k - 1].width - bar.x) < 0.01;
    return `${joined ? "L" : `M${l} ${scale.zero}L`}${l} ${y}H${r}${k === bars.length - 1 || bars[k + 1].apart || bars[k + 1].x - r > 0.01 ? `V${scale.zero}` : ""}`;
  }).join("");
  return edge(up, 1) + (outcomes ? edge(down, -1) : "");
}

export const column = (bars, from, to) => ({ x: bars[from].x.toFixed(1), width: (bars[to].x + bars[to].width - bars[from].x).toFixed(1) });

export function runs(indices) {
  const found = [];
  for (const i of [...indices].sort((a, b) => a - b)) {
    if (found.length && found.at(-1)[1] === i - 1) found.at(-1)[1] = i;
    else found.push([i, i]);
  }
  return found;
}

// ---- words ----------------------------------------------------------------------------------

const counted = (numbers, data) => OUTCOMES.map((word, i) => [word, numbers[i]])
  .filter(([word, n]) => (word === "unknown" ? n > 0 || !data.outcomes : data.outcomes))
  .map(([word, n]) => `${count(n)} ${word}`).join(", ");

export function totals(feature, split, data, bars) {
  const counts = feature.counts[split];
  const part = (array) => (bars ? sum(bars.map((i) => array[i])) : sum(array));
  return `primary ${data.primary} ${counted(counts.slice(0, 3).map(part), data)}; ` +
    `secondary ${data.secondary} ${counted(counts.slice(3).map(part), data)}`;
}

export function nameOf(feature, split, data) {
  const chosen = feature.selected.length ? `; ${feature.selected.length} bars chosen as a filter` : "";
  return `${feature.name}, ${data.splits[split]}: ${totals(feature, split, data)}${chosen}`;
}

export function wordsOf(feature, split, data, bars, from, to) {
  const named = from === to ? describe(feature, bars[from])
    : `${describe(feature, bars[from])} to ${describe(feature, bars[to])}`;
  const all = Array.from({ length: to - from + 1 }, (_, k) => from + k);
  return `${named}: ${totals(feature, split, data, all)}`;
}

// A feature's own filter does not narrow its row, so the narrowest row gives the instances shown.
export function instances(data, split, side) {
  if (data.totals) return data.totals[split][side / 3];
  const all = data.features.filter((f) => !f.note).map((f) => sum(f.counts[split].slice(side, side + 3).map(sum)));
  return all.length ? Math.min(...all) : null;
}
