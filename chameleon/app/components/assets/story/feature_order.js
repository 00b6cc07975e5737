// Which features come first, which rows they draw, and the words of the heading. No DOM.

const LEAST_DRIFT = 0.0005;  // less than this is printed as 0.00
const TRAIN_RATIO = 2;       // train rows are drawn where they drifted more than this many times as far

const known = (value) => (Number.isFinite(value) ? value : null);

// The drift of a step in one feature: distances and chance levels by split, null where unknown.
export function namedDrift(drift) {
  if (!drift) return null;
  const [train, test, trainChance, testChance] = Array.from(drift, known);
  return { train: { distance: train, chance: trainChance }, test: { distance: test, chance: testChance } };
}

// False where the chance level isn't known yet.
export const isAboveChance = ({ distance, chance }) => distance !== null && chance !== null && distance > chance;
const mayDrift = (one) => isAboveChance(one) || (one.chance === null && one.distance >= LEAST_DRIFT);
const distanceOf = (drift) => Math.max(drift?.train.distance ?? 0, drift?.test.distance ?? 0);
export const hasDrifted = (drifts) => drifts.some((drift) => distanceOf(drift) >= LEAST_DRIFT);

// Features by their larger distance; where nothing drifted, by `errorShifts`, if given.
export function orderOf(drifts, errorShifts) {
  const score = hasDrifted(drifts) ? drifts.map(distanceOf) : errorShifts ?? drifts.map(() => 0);
  return drifts.map((_, feature) => feature).sort((a, b) => score[b] - score[a] || a - b);
}

// Test rows give way to train rows where these drifted much farther, and beyond chance.
export function drawsTrain(drift, scope) {
  if (scope === "train") return true;
  if (scope !== "test" || !drift || !mayDrift(drift.train)) return false;
  return drift.train.distance > TRAIN_RATIO * (drift.test.distance ?? 0);
}

// The split whose distance a row shows: that of the rows it draws, else the one that drifted farther.
export function shownSplit(drift, scope) {
  if (scope === "test") return drawsTrain(drift, scope) ? "train" : "test";
  if (scope === "train") return "train";
  return (drift.train.distance ?? 0) >= (drift.test.distance ?? 0) ? "train" : "test";
}

const splitCount = (drifts, split) => {
  const compared = drifts.filter((drift) => drift && drift[split].distance !== null && drift[split].chance !== null);
  return compared.length ? compared.filter((drift) => isAboveChance(drift[split])).length : null;
};

// Headings from the longest to the shortest; the first that fits is used.
export function headings(drifts) {
  const test = splitCount(drifts, "test"), train = splitCount(drifts, "train"), all = drifts.length;
  const amount = (n) => (n === 0 ? "none" : String(n));
  if (test === null && train === null) return [hasDrifted(drifts) ? "Features, the largest drift first" : "Features"];
  if (test === null || train === null) {
    const [name, n] = test === null ? ["Train", train] : ["Test", test];
    return [
      `${name} rows: ${amount(n)} of ${all} features drifted beyond chance`,
      `${name}: ${amount(n)} of ${all} drifted`,
    ];
  }
  return [
    `Test rows: ${amount(test)} of ${all} features drifted beyond chance. Train rows: ${amount(train)}.`,
    `Test rows: ${amount(test)} of ${all} features drifted. Train rows: ${amount(train)}.`,
    `Drifted: ${amount(test)} of ${all} in test, ${amount(train)} in train`,
    `Drifted: test ${test}, train ${train} of ${all}`,
  ];
}

// The distance and its chance level, with a third decimal where two don't tell them apart.
export function driftWords({ distance, chance }) {
  if (distance === null) return null;
  if (distance < LEAST_DRIFT) return { drift: "no drift", chance: "" };
  const digits = chance !== null && distance.toFixed(2) === chance.toFixed(2) ? 3 : 2;
  return {
    drift: `drift ${distance.toFixed(digits)} of 1`,
    chance: chance === null ? "" : `chance up to ${chance.toFixed(digits)}`,
  };
}
