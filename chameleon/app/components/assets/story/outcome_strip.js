// The outcomes of one instance over all versions: up correct, down incorrect, a gap where it is absent.
import { cutMiddle } from "./bar_text.js";
import { editedVersions, historyOf, namedPlaces } from "./history.js";
import { CORRECT, INCORRECT, UNKNOWN_OUTCOME } from "./store.js";
import { setAttributes, shape, textWidth } from "./ui.js";

const NAME = 34;             // room for the name of a version
const LONGEST = 90;          // a longer name is cut
const BAR = 18;              // height of a bar of the large strip
const MIDDLE = 26;
const TONES = ["ok", "no", "unknown"];

// Ticks, for a row of the list.
export function smallStrip(store, row, width, height) {
  const svg = shape("svg.outcomes", { width, height, "aria-hidden": "true" });
  const step = width / store.versionCount, tick = Math.max(0.8, Math.min(5, step - 1)), middle = height / 2 - 2;
  const paths = ["", "", ""];
  let base = "";
  historyOf(store, row).forEach((one, version) => {
    if (!one) return;
    const x = (version * step + (step - tick) / 2).toFixed(1);
    base += `M${(version * step).toFixed(1)} ${middle}h${step.toFixed(1)}`;
    if (one.outcome === UNKNOWN_OUTCOME) return;
    const height = one.outcome === CORRECT ? 1 - middle : middle - 1;
    paths[one.outcome] += `M${x} ${middle}v${height}h${tick.toFixed(1)}V${middle}z`;
  });
  shape("path.base", { d: base }, svg);
  for (const outcome of [CORRECT, INCORRECT]) shape(`path.${TONES[outcome]}`, { d: paths[outcome] }, svg);
  const compared = store.primary !== store.secondary ? [[store.secondary, "s"]] : [];
  for (const [version, side] of [...compared, [store.primary, "p"]]) {
    shape(`circle.${side}`, { cx: version * step + step / 2, cy: height - 2, r: 2 }, svg);
  }
  return svg;
}

function drawVersion(svg, one, x, step, text) {
  if (!one) return shape("path.absent", { d: `M${x + 1} ${MIDDLE}h${Math.max(1, step - 2)}` }, svg);
  const down = one.outcome === INCORRECT;
  shape(`rect.${TONES[one.outcome]}`, {
    x: x + 1, y: down ? MIDDLE : MIDDLE - BAR, width: Math.max(1, step - 2), height: BAR, rx: 1.5,
  }, svg);
  if (!text) return undefined;
  const y = down ? MIDDLE + 13 : MIDDLE - 5;
  shape(`text.inside${down ? ".dark" : ""}`, { x: x + step / 2, y, "text-anchor": "middle" }, svg).textContent = text;
  return undefined;
}

// Names of neighbors lean away from each other: -1 to the left, 1 to the right.
function leaning(kept, version, step) {
  const other = kept.find((one) => one !== version);
  if (!kept.includes(version) || other === undefined || Math.abs(other - version) * step >= NAME) return 0;
  return version < other ? -1 : 1;
}

function drawName(svg, width, name, side, x, lean) {
  const text = cutMiddle(name, LONGEST, (one) => textWidth(one, 12, 700)), wide = textWidth(text, 12, side ? 700 : 400);
  const left = x - wide * [1, 0.5, 0][lean + 1] - 3 * lean;
  shape(`text.name${side}`, { x: Math.max(0, Math.min(width - wide, left)), y: 60 }, svg).textContent = text;
}

// Bars with predictions and names, for the drawer.
export function largeStrip(store, row, width) {
  const svg = shape("svg.history", { width, height: 62, role: "img" }), step = width / store.versionCount;
  const history = historyOf(store, row), { versions, classes } = store.head, letters = Math.floor(step / 7) - 1;
  history.forEach((one, version) => {
    const named = one && one.outcome !== UNKNOWN_OUTCOME && letters > 0;
    drawVersion(svg, one, version * step, step, named ? String(classes[one.predicted]).slice(0, letters) : "");
  });
  for (const version of editedVersions(history)) shape("path.edited", { d: `M${version * step} 4V48` }, svg);
  const kept = [...new Set([store.secondary, store.primary])];
  const room = Math.max(NAME, ...versions.map(({ name }) => Math.min(LONGEST, textWidth(name, 12, 700)) + 8));
  for (const version of namedPlaces(versions.length, step, kept, room)) {
    const side = version === store.primary ? ".p" : version === store.secondary ? ".s" : "";
    drawName(svg, width, versions[version].name, side, (version + 0.5) * step, leaning(kept, version, step));
  }
  const known = history.filter((one) => one && one.outcome !== UNKNOWN_OUTCOME);
  const correct = known.filter((one) => one.outcome === CORRECT);
  setAttributes(svg, { "aria-label": `Correct in ${correct.length} of ${known.length} versions with a known outcome` });
  return svg;
}
