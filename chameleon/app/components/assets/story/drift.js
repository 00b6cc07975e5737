// How far each feature drifted between the two versions, on train and on test rows.
// From Python where it sent them: neighboring versions with the payload, others by letter.

const NUMBERS = 4;  // of a feature: distances of train and test, and their chance levels

// [train distance, test distance, train chance level, test chance level]; null where undefined.
export function driftOf(store, feature) {
  if (store.pairDrift) return store.pairDrift[feature].map(orNull);
  if (store.drift && areNeighbors(store)) {
    const version = Math.max(store.primary, store.secondary);
    const at = (version * store.featureCount + feature) * NUMBERS;
    return Array.from(store.drift.subarray(at, at + NUMBERS), orNull);
  }
  store.countedDrift ??= new Map();
  if (!store.countedDrift.has(feature)) store.countedDrift.set(feature, countedDrift(store, feature));
  return store.countedDrift.get(feature);
}

const orNull = (x) => (Number.isNaN(x) ? null : x);

const areNeighbors = ({ primary, secondary, restriction }) =>
  Math.abs(primary - secondary) === 1 && !restriction.primary && !restriction.secondary;

function countedDrift(store, feature) {
  const codes = store.columns[feature], bars = store.head.features[feature].bars;
  const histograms = [0, 1].map(() => [new Float64Array(bars), new Float64Array(bars)]);
  for (let row = 0; row < store.rowCount; row++) {
    const histogram = histograms[store.split[row]];
    if (!histogram) continue;
    if (store.sides[row] & 1) histogram[0][codes[row]]++;
    if (store.sides[row] & 2) histogram[1][codes[row]]++;
  }
  const chance = histograms.map(([now, then], split) => chanceLevel(sideSizes(store, split), now, then));
  return [...histograms.map(([now, then]) => jensenShannon(now, then)), ...chance];
}

// Rows of a split in the secondary, in the primary, and in both.
function sideSizes(store, split) {
  return store.sideSizes.slice(3 * split, 3 * split + 3);
}

// The Jensen-Shannon distance, base 2: 0 identical, 1 disjoint; null if a histogram is empty.
export function jensenShannon(now, then) {
  const sum = (histogram) => histogram.reduce((total, n) => total + n, 0);
  const nowTotal = sum(now), thenTotal = sum(then);
  if (!nowTotal || !thenTotal) return null;
  let divergence = 0;
  for (let bar = 0; bar < now.length; bar++) {
    const a = now[bar] / nowTotal, b = then[bar] / thenTotal, middle = (a + b) / 2;
    if (a) divergence += (a * Math.log2(a / middle)) / 2;
    if (b) divergence += (b * Math.log2(b / middle)) / 2;
  }
  return Math.sqrt(Math.max(0, divergence));
}

const NORMAL_95 = 1.645;  // one-sided

// About the distance that 95% of chance stays below, until Python's permutations arrive: the divergence
// is about scale / (8 ln 2) times a chi-square of bars - 1 (Wilson and Hilferty 1931), where rows in
// both versions don't add to the scale.
function chanceLevel([thenSize, nowSize, sharedSize], now, then) {
  if (!thenSize || !nowSize) return null;
  const freedom = now.reduce((used, _, bar) => used + (now[bar] || then[bar] ? 1 : 0), 0) - 1;
  if (freedom < 1) return 0;
  const scale = Math.max(0, 1 / thenSize + 1 / nowSize - (2 * sharedSize) / (thenSize * nowSize));
  const third = 2 / (9 * freedom), chiSquare = freedom * (1 - third + NORMAL_95 * Math.sqrt(third)) ** 3;
  return Math.sqrt((scale * chiSquare) / (8 * Math.LN2));
}

