// Unusual values of one instance: how rare the bars of its values are in the primary. No DOM.
import { count } from "./numbers.js";

const MOST_VALUES = 2e7;      // rarity is counted for at most so many values: they take about 50 ms
const UNUSUAL = 0.06;         // a value is unusual if at most this share of rows is as rare
const PRIMARY = 1;

// Share of the primary's rows by code, and per code the share of rows in bars at most as frequent.
export function rarityOf({ head, columns, sides, rowCount }, feature) {
  const { bars } = head.features[feature], codes = columns[feature], shares = new Float64Array(bars);
  let total = 0;
  for (let row = 0; row < rowCount; row++) {
    if (!(sides[row] & PRIMARY)) continue;
    shares[codes[row]]++;
    total++;
  }
  for (let code = 0; code < bars; code++) shares[code] /= total || 1;
  const rarity = shares.map((share) => shares.reduce((sum, other) => (other <= share ? sum + other : sum), 0));
  return { shares, rarity };
}

// Rarities of all features in the store's primary, counted when first asked for; null if that takes too long.
export function rarities(store) {
  if (store.featureCount * store.rowCount > MOST_VALUES) return null;
  store.rarities ??= Array.from({ length: store.featureCount }, (_, feature) => rarityOf(store, feature));
  return store.rarities;
}

// For another pair of versions, or other rows of it, they are counted anew.
export function forgetRarities(store) {
  store.rarities = null;
}

// The rarest values of a row, rarest first: [{feature, code, share}, ...].
export function unusualValues(store, row, most) {
  const found = [];
  (rarities(store) ?? []).forEach(({ rarity }, feature) => {
    const code = store.columns[feature][row], share = rarity[code];
    if (share < UNUSUAL && store.head.features[feature].bins !== "text") found.push({ feature, code, share });
  });
  return found.sort((a, b) => a.share - b.share || a.feature - b.feature).slice(0, most);
}

// "1 in 210 rows is as unusual", in two parts: the odds, and the rest of the sentence.
export function oddsWords(share) {
  if (share <= 0) return ["seen in no row", "of the version"];
  if (share >= 0.02) return [`${Math.round(share * 100)}%`, "of rows are as unusual"];
  const odds = 1 / share, unit = odds >= 1000 ? 100 : odds >= 100 ? 10 : 1;
  return [`1 in ${count(Math.round(odds / unit) * unit)}`, "rows is as unusual"];
}
