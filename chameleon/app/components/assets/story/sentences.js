// The facts of two versions in sentences. Python computes the facts; nothing is computed here but
// shares and differences of what is printed. No DOM.
import { count, isKnown, many, percent, points, printedChange, signed } from "./numbers.js";

const FEW_FLIPS = 20;      // below, changed outcomes are given as counts, else as points
const FEW_SHARED = 0.2;    // of the primary's rows
const BEYOND_CHANCE = 0.05;
const MOST_ERROR_LABELS = 2;

export const rowsOf = (scope) => (scope === "all" ? "rows" : `${scope} rows`);

// ---- steps ------------------------------------------------------------------------------------

const STEP_WORDS = [
  ["added", "added"], ["removed", "removed"], ["relabeled", "relabeled"], ["edited", "edited"],
  ["moved", "changed split"],
];

export function stepWords(step) {
  const parts = STEP_WORDS.filter(([key]) => step[key]).map(([key, word]) => `${count(step[key])} ${word}`);
  if (step.model) parts.push("other model code");
  return parts.join(", ") || "unchanged";
}

function totalStep({ train, test, validation }) {
  return Object.fromEntries(STEP_WORDS.map(([key]) => [key, train[key] + test[key] + validation[key]]));
}

// ---- headline ---------------------------------------------------------------------------------

// {text, aside, values}: "Test accuracy fell 7.77 points", "(95% CI …)", ": 96.44% → 88.67%".
export function headline(facts, { primary, secondary, isForward, metricName }) {
  const { metric } = facts;
  if (!metric) return { text: `No ${lowered(metricName)} to compare`, aside: "", values: "" };
  const { digits, change } = printedChange(metric.before, metric.after);
  const size = `${Math.abs(change).toFixed(digits)} points`;
  const [before, after] = [percent(metric.before, digits), percent(metric.after, digits)];
  const aside = headlineAside(facts, digits);
  if (change === 0) return { text: `${metric.name} stayed at ${after}`, aside, values: "" };
  if (isForward) {
    const text = `${metric.name} ${change < 0 ? "fell" : "rose"} ${size}`;
    return { text, aside, values: `: ${before} → ${after}` };
  }
  const text = `${metric.name} of ${primary} is ${size} ${change < 0 ? "below" : "above"} ${secondary}`;
  return { text, aside, values: `: ${after}, ${before}` };
}

// Where all letters but the first are small, a name can stand within a sentence.
const lowered = (name) => (/^.[a-z ]*$/.test(name) ? name.toLowerCase() : name);

function headlineAside({ status, metric, unchanged, edited, added, removed }, digits) {
  if (status === "seen") return "(seen in training)";
  if (status === "not_comparable") return "(not comparable)";
  const flips = unchanged.fixed + unchanged.regressed;
  if (metric.change === 0 && !flips && !edited.n && !added.n && !removed.n) return "(no change)";
  if (!isKnown(metric.low)) return "";
  const interval = `95% CI ${signed(metric.low, digits)} to ${signed(metric.high, digits)}`;
  return metric.chance ? `(${interval}, consistent with chance)` : `(${interval})`;
}

export function oneVersionHeadline({ metricName, primary, value }) {
  return { text: `${metricName} of ${primary}: ${percent(value)}`, aside: "", values: "" };
}

// ---- chips ------------------------------------------------------------------------------------

export function chipText({ about, direction, points: change, level }) {
  if (direction) return `${about}: ${direction}`;
  const text = `${about}: ${signed(change / 100)} points`;
  return level === "chance" ? `${text}, consistent with chance` : text;
}

// ---- cause ------------------------------------------------------------------------------------

export function causeWords(facts, context) {
  if (!facts.metric) return missingWords(facts, context);
  if (context.isOneVersion) return partsWords(facts, context);
  const parts = [];
  if (facts.status !== "ok" && facts.reason) parts.push(facts.reason);
  if (facts.status !== "seen") parts.push(groupWords(facts, context));
  parts.push(`Train data: ${stepWords(facts.step.train)}.`);
  if (context.isModelChange) parts.push("The model code changed.");
  if (facts.guarded) parts.push(guardedWords(facts));
  return parts.join(" ");
}

// Two parts of one version.
function partsWords({ table: [[[, then], [, now]]] }, { primary, secondary, scope }) {
  const rows = `${count(now)} ${rowsOf(scope)} of ${primary}`;
  return `${rows} are compared with ${count(then)} of ${secondary}. The same model predicts both.`;
}

function missingWords({ reason, step }, { primary, scope }) {
  const what = reason || `${primary} has no ${rowsOf(scope)} with a label and a prediction.`;
  return `${what} Changes: ${stepWords(totalStep(step))}.`;
}

function guardedWords({ guarded, excluded }) {
  const { digits } = printedChange(guarded.before, guarded.after);
  const values = `${percent(guarded.before, digits)} → ${percent(guarded.after, digits)}`;
  const rows = many(excluded.leaked, "test row that is also a train row", "test rows that are also train rows");
  return `Without ${rows}: ${values}.`;
}

// Rows are unchanged, edited or relabeled, new, or removed; each group is judged by both models. What
// moved comes first; small steps start with the unchanged rows.
function groupWords(facts, context) {
  const { edited, added, removed } = facts;
  if (!edited.n && !added.n && !removed.n) return sameRowsWords(facts.unchanged, context.scope);
  const few = isFewShared(facts) ? [`Few ${rowsOf(context.scope)} are in both versions.`] : [];
  const claim = testSetClaim(facts), areTogether = areNewAndRemovedTogether(facts);
  const moved = [
    ...(edited.n ? [editedWords(edited, context)] : []),
    ...(areTogether ? [newAndRemovedWords(facts, claim)] : separateWords(facts, context)),
  ];
  const still = facts.unchanged.n ? [unchangedWords(facts.unchanged)] : [];
  const lead = claim && added.n && !areTogether ? leadWords(facts, claim) : "";
  if (edited.n || lead) return [...few, lead + moved.join(" "), ...still].join(" ");
  return [...few, ...still, ...moved].join(" ");
}

const isFewShared = ({ unchanged, edited, added }) => unchanged.n < FEW_SHARED * (unchanged.n + edited.n + added.n);

function sameRowsWords({ n, fixed: better, regressed }, scope) {
  const same = `On the same ${n === 1 ? rowsOf(scope).replace(/s$/, "") : `${count(n)} ${rowsOf(scope)}`}`;
  if (!better && !regressed) return `${same}, no outcome changed.`;
  const wereFixed = `${count(better)} ${better === 1 ? "was" : "were"} fixed`;
  return `${same}, ${many(regressed, "prediction")} regressed and ${wereFixed}.`;
}

function unchangedWords({ n, before, after, fixed: better, regressed }) {
  const rows = many(n, "unchanged row"), flips = better + regressed;
  if (!flips) return `${rows}: no outcome changed.`;
  if (flips < FEW_FLIPS) return `${rows}: ${count(regressed)} regressed, ${count(better)} fixed.`;
  return `${rows}: ${points((after - before) / n)}.`;
}

function editedWords({ n, before, old, new: now }, { primary, secondary }) {
  const share = (correct) => percent(correct / n), models = [];
  if (isKnown(old)) models.push(`${share(old)} with ${secondary}'s model`);
  if (isKnown(now)) models.push(`${share(now)} with ${primary}'s${isKnown(old) ? "" : " model"}`);
  const parts = [isKnown(before) ? `${share(before)} before` : "", models.join(", ")].filter(Boolean);
  return `${many(n, "edited row")}: ${parts.join("; ")}.`;
}

// Where both models do equally well on the new rows, one share says it for both.
function areNewAndRemovedTogether({ added, removed }) {
  const modelsAgree = !isKnown(added.p) || added.p >= BEYOND_CHANCE;
  return Boolean(added.n && removed.n && modelsAgree && isKnown(added.new) && isKnown(removed.old));
}

function newAndRemovedWords({ added, removed }, claim) {
  const now = `${many(added.n, "new row")} ${added.n === 1 ? "is" : "are"} ${percent(added.new / added.n)} correct`;
  const gone = `the ${count(removed.n)} removed ${removed.n === 1 ? "one was" : "ones were"}`;
  const then = `${gone} ${percent(removed.old / removed.n)}`;
  return `${now}, ${then}${claim ? `: the test set got ${claim}` : ""}.`;
}

function separateWords({ added, removed }, context) {
  const parts = [];
  if (added.n) parts.push(newWords(added, context));
  if (removed.n && isKnown(removed.old)) {
    const rows = `${many(removed.n, "removed row")} ${removed.n === 1 ? "was" : "were"}`;
    parts.push(`${rows} ${percent(removed.old / removed.n)} correct.`);
  }
  return parts;
}

function newWords({ n, old, new: now }, { primary, secondary }) {
  const rows = `${many(n, "new row")} ${n === 1 ? "is" : "are"}`;
  const of = (correct, model) => `${percent(correct / n)} correct with ${model}'s model`;
  if (!isKnown(old)) return `${rows} ${of(now, primary)}.`;
  return `${rows} ${of(old, secondary)}${isKnown(now) ? `, ${percent(now / n)} with ${primary}'s` : ""}.`;
}

// "harder" or "easier", where the secondary's model shows it beyond chance; else null.
function testSetClaim({ chips }) {
  const chip = chips.find(({ direction }) => direction === "harder" || direction === "easier");
  return chip && chip.level !== "chance" ? chip.direction : null;
}

function leadWords({ added }, claim) {
  const differ = isKnown(added.p) && added.p < BEYOND_CHANCE;
  const recovers = claim === "harder" && differ && added.new > added.old;
  return `The test set got ${claim}${recovers ? "; the new model recovers part of it" : ""}: `;
}

// ---- errors -----------------------------------------------------------------------------------

export function errorWords({ errors }, { secondary, classCount, isPair }) {
  if (!errors) return "";
  const before = isPair && isKnown(errors.before) ? ` (${count(errors.before)} in ${secondary})` : "";
  if (!errors.n) return `No errors${before}.`;
  const most = classCount > 2 ? MOST_ERROR_LABELS : 1;
  const labels = errors.labels.filter(([, wrong]) => wrong).slice(0, most)
    .map(([name, wrong, n]) => `${name} (${count(wrong)} of ${count(n)})`);
  const where = labels.length ? `, most often for label ${labels.join(" and ")}` : "";
  return `${many(errors.n, "error")}${before}${where}.`;
}

// ---- selection --------------------------------------------------------------------------------

// What the filters, or the pointer, select: of both versions together, then what only one has.
export function selectionWords({ primary, secondary, fixed: better, regressed, changes }, names) {
  const accuracy = ({ correct, known }) => percent(known ? correct / known : null);
  if (!names.isPair) return `accuracy ${accuracy(primary)}`;
  const only = [[changes[4], names.primary], [changes[5], names.secondary]]
    .filter(([n]) => n).map(([n, name]) => `${count(n)} only in ${name}`);
  return [
    `accuracy ${accuracy(secondary)} → ${accuracy(primary)}`,
    `${count(regressed)} regressed, ${count(better)} fixed`,
    ...(only.length ? [only.join(", ")] : []),
  ].join("; ");
}

export const noneWords = (filter, shows) =>
  `No instances match these filters. Removing "${filter}" shows ${count(shows)}.`;

// ---- largest changes --------------------------------------------------------------------------

const MOST_METRIC_STEPS = 2, MOST_DATA_STEPS = 1;

// The steps that changed the metric most beyond chance, then those that changed most existing rows.
export function largestChanges(head, scope) {
  const steps = head.facts[scope] ?? [];
  const ofMetric = steps.map((facts, version) => ({ facts, version }))
    .filter(({ facts }) => facts?.status === "ok" && isKnown(facts.metric.low) && !facts.metric.chance)
    .sort((a, b) => Math.abs(b.facts.metric.change) - Math.abs(a.facts.metric.change))
    .slice(0, MOST_METRIC_STEPS)
    .map(({ facts, version }) => ({ version, text: points(facts.metric.change) }));
  const ofData = head.steps.map((step, version) => ({ version, ...largestEdit(step) }))
    .filter(({ version, n }) => n && !ofMetric.some((one) => one.version === version))
    .sort((a, b) => b.n - a.n)
    .slice(0, MOST_DATA_STEPS)
    .map(({ version, n, word }) => ({ version, text: `${count(n)} ${word}` }));
  return [...ofMetric, ...ofData];
}

function largestEdit(step) {
  const kinds = ["relabeled", "edited", "removed"].map((word) => ({ word, n: step?.[word] ?? 0 }));
  return kinds.reduce((most, kind) => (kind.n > most.n ? kind : most));
}

