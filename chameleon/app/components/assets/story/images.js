// Pictures of image data: thumbnails, a contact sheet of what the step touched, means, and where pixels drifted.
import { rgbOf } from "./grid.js";
import { count } from "./numbers.js";
import { isBlank, meanPixels, pixelsOf, relabeledElsewhere, sampled, touchedRows } from "./pictures.js";
import { isCompared, sideNames } from "./sides.js";
import { idOf } from "./store.js";
import { element } from "./ui.js";

const MEAN = 64;              // edge of a mean image
const SHOT = 36;              // width of a picture of the contact sheet
const SHOT_GAP = 4;
const SHOT_EDGE = 30;
const LEAST_PANE = 330;       // a lower pane has no pictures
const LEAST_DRIFT = 0.02;     // less than this isn't drawn as an image
const SETTLE = 60;            // milliseconds at rest before means are counted

// ---- canvases -------------------------------------------------------------------------------

function paint([height, width], colorOf, className = "") {
  const canvas = element(`canvas${className}`, { width, height, "aria-hidden": "true" });
  const pen = canvas.getContext("2d"), image = pen.createImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set(colorOf(i), i * 4);
  pen.putImageData(image, 0, 0);
  return canvas;
}

// One row as a picture: dark ink on white; missing pixels are transparent.
export function thumbnail(store, row, edge) {
  const pixels = pixelsOf(store, row);
  const canvas = paint(store.head.image.shape, (i) => {
    const gray = 255 - Math.round((pixels[i] ?? 1) * 255);
    return [gray, gray, gray, pixels[i] === null ? 0 : 255];
  }, ".thumb");
  canvas.style.width = canvas.style.height = `${edge}px`;
  return canvas;
}

function inkOn(root) {
  const style = getComputedStyle(root), color = (name) => rgbOf(style.getPropertyValue(name).trim());
  const paper = color("--paper"), ink = color("--ink");
  return (share) => [...paper.map((value, i) => value + (ink[i] - value) * Math.min(1, share)), 255];
}

// ---- contact sheet --------------------------------------------------------------------------

const className = (store, label) => (label === store.unlabeled ? "–" : store.head.classes[label]);

function labelText(store, row, then, now) {
  const old = then >= 0 ? store.label[then] : null;
  if (old === null || now < 0 || old === store.label[now]) return className(store, store.label[row]);
  return `${className(store, old)} → ${className(store, store.label[now])}`;
}

function picture(store, row) {
  return isBlank(pixelsOf(store, row)) ? element("span.blank", {}, "blank") : thumbnail(store, row, SHOT_EDGE);
}

function shot(app, row, edited) {
  const { store } = app, one = store.instance[row], now = store.primaryRow[one], then = store.secondaryRow[one];
  const label = labelText(store, row, then, now), pictures = edited ? [then, now] : [row];
  return element("button.shot", {
    type: "button", "aria-label": `${idOf(store, row)}, label ${label}`, onclick: () => app.openInstance(row),
  }, ...pictures.map((at) => picture(store, at)), element("span.shot-label", {}, label));
}

function sheetCaption(store, word, rows, shown) {
  const { versions } = store.head, later = word === "added" ? relabeledElsewhere(store, rows) : 0;
  const how = {
    edited: `: ${versions[store.secondary].name} above ${versions[store.primary].name}, label below`,
    relabeled: ": old → new label",
  }[word] ?? ", with their labels";
  const ending = later ? `; ${count(later)} were relabeled later` : "";
  return `${count(shown)} of ${count(rows.length)} ${word}${how}${ending}`;
}

function contactSheet(app, width) {
  const { store } = app, touched = touchedRows(store);
  if (!touched || width < 2 * SHOT) return [];
  const { word, rows } = touched, columns = Math.floor((width + SHOT_GAP) / (SHOT + SHOT_GAP));
  const shown = sampled(rows, word === "edited" ? columns : columns * 2);
  const grid = element("div.sheet", { style: `grid-template-columns:repeat(${columns},${SHOT}px)` },
    ...shown.map((row) => shot(app, row, word === "edited")));
  return [element("p.sheet-caption", {}, sheetCaption(store, word, rows, shown.length)), grid];
}

// ---- means ----------------------------------------------------------------------------------

function figure(canvas, tone, caption) {
  canvas.style.width = canvas.style.height = `${MEAN}px`;
  return element("figure", {}, canvas, element(`figcaption.${tone}`, {}, caption));
}

function meanFigures(app) {
  const { store, root } = app, names = sideNames(app), [primary, secondary] = meanPixels(store), most = Math.max(1e-9, ...primary, ...secondary), ink = inkOn(root);
  const mean = (pixels, tone, name) =>
    figure(paint(store.head.image.shape, (i) => ink(pixels[i] / most)), tone, `mean ${name}`);
  return [mean(secondary, "st", names.secondary), mean(primary, "pt", names.primary)];
}

function pixelUnder(canvas, event) {
  const box = canvas.getBoundingClientRect();
  const column = Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
  return Math.floor(((event.clientY - box.top) / box.height) * canvas.height) * canvas.width + column;
}

// Where pixels drifted; a click scrolls to the pixel's row.
function driftFigure(app, show, driftAt) {
  const { store, root, tip } = app, { shape, features } = store.head.image;
  const distances = features.map((feature) => {
    const drift = driftAt(feature);
    return Math.max(drift?.train.distance ?? 0, drift?.test.distance ?? 0);
  });
  const most = Math.max(...distances);
  if (most < LEAST_DRIFT) return [];
  const ink = inkOn(root), canvas = paint(shape, (i) => ink(distances[i] / most), ".drifted");
  canvas.addEventListener("pointermove", (event) => {
    const at = pixelUnder(canvas, event), box = canvas.getBoundingClientRect();
    if (features[at] === undefined) return;
    tip.show([store.head.features[features[at]].name, `drift ${distances[at].toFixed(2)} of 1; click to see it`],
      event.clientX, box.top, "below");
  });
  canvas.addEventListener("pointerleave", () => tip.hide());
  canvas.addEventListener("click", (event) => {
    const feature = features[pixelUnder(canvas, event)];
    if (feature !== undefined) show(feature);
  });
  return [figure(canvas, "mute", "drift")];
}

// ---- view -----------------------------------------------------------------------------------

// The strip above the features; its room is there at once, its pictures follow when stepping rests.
export function imageStrip(pane, app, show, driftAt) {
  const node = element("div.images", { hidden: true });
  let waiting = 0;
  const { store } = app, isPossible = () => Boolean(store.head.image) && isCompared(store);
  const fits = () => isPossible() && pane.clientHeight >= LEAST_PANE;
  const draw = () => {
    if (node.hidden) return;
    const figures = [...meanFigures(app), ...driftFigure(app, show, driftAt)];
    const sheet = contactSheet(app, pane.clientWidth - figures.length * (MEAN + 12) - 8);
    node.replaceChildren(element("div.sheet-box", {}, ...sheet), element("div.means", {}, ...figures));
  };
  const update = () => {
    node.hidden = !fits();
    clearTimeout(waiting);
    waiting = setTimeout(draw, node.childElementCount ? SETTLE : 0);
  };
  return { node, pair: update, resize: update, restyle: draw };
}
