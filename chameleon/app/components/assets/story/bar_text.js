// Texts of a feature's bars: ranges, values, categories, and missing values. No DOM.
import { digitsOf, moment, number } from "../feature_view/scales.js";

// The last two codes are missing and non-finite values.
export const missingCode = (feature) => feature.bars - 2;
export const isApart = (feature, code) => code >= missingCode(feature);

export function valueText(feature, value) {
  if (value === null) return "–";
  if (feature.kind === "date") return moment(value);
  const digits = feature.edges ? Math.max(4, digitsOf(feature)) : 6;
  return number(value, digits).replace("-", "−");
}

function rangeOf(feature, code) {
  const { edges } = feature, last = edges.length - 1;
  if (code === 0) return `below ${valueText(feature, edges[0])}`;
  if (code > last) return `above ${valueText(feature, edges[last])}`;
  return between(feature, edges[code - 1], edges[code]);
}

function between(feature, low, high) {
  const texts = [valueText(feature, low), valueText(feature, high)];
  return texts.join(feature.kind === "date" || low < 0 ? " to " : "–");
}

export function barText(feature, code) {
  if (code === missingCode(feature)) return "missing";
  if (code > missingCode(feature)) return "not finite";
  if (feature.bins === "ranges") return rangeOf(feature, code);
  if (feature.bins === "categories") return feature.categories[code] ?? "other";
  if (feature.bins === "text") return "text";
  if (feature.kind === "boolean") return ["false", "true"][feature.values[code]];
  return valueText(feature, feature.values[code]);
}

// A name cut in its middle, because names often differ only at their end; `widthOf` measures a text.
export function cutMiddle(name, room, widthOf) {
  if (widthOf(name) <= room) return name;
  for (let kept = name.length - 1; kept > 1; kept--) {
    const text = `${name.slice(0, Math.ceil(kept / 2))}…${name.slice(name.length - Math.floor(kept / 2))}`;
    if (widthOf(text) <= room) return text;
  }
  return "…";
}

// Bars in a row, as one text: "240–300", "a to c".
export function barsText(feature, codes) {
  const first = codes[0], last = codes.at(-1);
  if (first === last) return barText(feature, first);
  const { edges } = feature, inner = feature.bins === "ranges" && first > 0 && last < edges.length;
  if (inner) return between(feature, edges[first - 1], edges[last]);
  return `${barText(feature, first)} to ${barText(feature, last)}`;
}
