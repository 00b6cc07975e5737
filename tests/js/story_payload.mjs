// A small timeline for the Story's tests: 8 instances, 3 versions, 2 features, 3 classes.

const ARRAYS = { codes: Uint8Array, instance: Uint32Array, cell: Uint16Array, label: Uint8Array, split: Uint8Array,
  content: Uint8Array, changes: Uint8Array, present: Uint8Array, outcome: Uint8Array, wrong: Uint8Array, ids: Uint32Array };
const TYPES = { Uint8Array: "u1", Uint16Array: "u2", Uint32Array: "u4", Float32Array: "f4" };

// Rows 8 and 9 are later rows of the instances 6 (edited) and 7 (relabeled).
const INSTANCE = [0, 1, 2, 3, 4, 5, 6, 7, 6, 7];
const PRESENT = [
  [1, 1, 1, 1, 0, 0, 1, 1, 0, 0],
  [1, 1, 1, 0, 1, 1, 0, 0, 1, 1],
  [1, 1, 1, 0, 1, 1, 0, 0, 1, 1],
];
const OUTCOME = [
  [0, 0, 1, 1, 0, 1, 0, 0, 1, 1],
  [0, 1, 0, 0, 0, 1, 0, 1, 1, 0],
  [0, 1, 0, 0, 2, 0, 0, 0, 0, 0],
];
const LABEL = [0, 1, 2, 0, 1, 2, 0, 1, 0, 2];

const packed = (bits, size) => bits.flatMap((row) => {
  const perByte = 8 / size, bytes = new Array(Math.ceil(row.length / perByte)).fill(0);
  row.forEach((value, i) => { bytes[Math.floor(i / perByte)] |= value << ((i % perByte) * size); });
  return bytes;
});

// A wrong prediction is the class after the label.
const wrong = OUTCOME.flatMap((row) => row.flatMap((outcome, i) => (outcome === 1 ? [(LABEL[i] + 1) % 3] : [])));

const VALUES = {
  codes: [0, 0, 1, 1, 2, 2, 0, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 0], instance: INSTANCE,
  cell: [0, 0, 0, 1, 1, 1, 3, 3, 3, 3], label: LABEL, split: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
  content: [0, 0, 0, 0, 0, 0, 0, 0, 1, 0], changes: [0, 1, 1, 255, 0, 1, 2, 1, 2, 1],
  present: packed(PRESENT, 1), outcome: packed(OUTCOME, 2), wrong, ids: [0, 1, 2, 3, 4, 5, 6, 7],
};

const NO_STEP = { added: 0, removed: 0, relabeled: 0, edited: 0, moved: 0, model: false };
const METRICS = [[6, 4 / 6, 0.3, 0.9], [7, 4 / 7, 0.2, 0.85], [6, 5 / 6, 0.4, 0.99]];

// `start` is where the bytes begin in their buffer: Arrow hands out views at any offset.
export function smallPayload({ start = 0, drift = null, ...changes } = {}) {
  const values = drift ? { ...VALUES, drift } : VALUES, types = { ...ARRAYS, drift: Float32Array };
  const arrays = [], bytes = [];
  for (const [name, list] of Object.entries(values)) {
    while (bytes.length % 4) bytes.push(0);
    const array = types[name].from(list);
    arrays.push({ name, dtype: TYPES[types[name].name], shape: [list.length], offset: bytes.length });
    bytes.push(...new Uint8Array(array.buffer));
  }
  const buffer = new Uint8Array(start + bytes.length);
  buffer.set(bytes, start);
  const head = {
    rows: 10, instances: 8, versions: ["1.0", "1.1", "1.2"].map((name) => ({ name, date: null, note: null })),
    steps: [null, { ...NO_STEP, added: 2, removed: 1, edited: 1, relabeled: 1 }, NO_STEP],
    metrics: { test: METRICS, train: METRICS.map(() => [0, null, null, null]), all: METRICS },
    scopes: ["test", "all"], facts: { test: [null, null, null], all: [null, null, null] },
    classes: ["a", "b", "c"], grid: [2, 2], contents: [[0], [0], [0]],
    features: [{ name: "x", kind: "category", bins: "categories", categories: ["p", "q", "r"], bars: 5 },
      { name: "y", kind: "number", bins: "ranges", edges: [0, 1, 2], bars: 6 }],
    ids: { prefix: "i-", width: 2 }, arrays, ...changes,
  };
  return { head, blob: buffer.subarray(start) };
}
