// The parts on the screen, and how they give way as the component's own size shrinks: an open sidebar
// takes its room without changing the window.
import { heightClass, widthClass } from "./layout_classes.js";
import { extraHeight } from "./river_layout.js";
import { element, forgetSizes } from "./ui.js";

const RIVER_HEIGHT = { tall: 172, mid: 140, low: 120, phone: 112 };
const BELOW_MAP = { tall: [210, 130], mid: [158, 92], low: [132, 78] };  // flow and sensitivity
const MAP_EXTRA = 44;                                         // heading and key
const LEAST_MAP = 120, PANE_GAP = { tall: 10, mid: 10, low: 7 };
const FEW_LABELS = 4, LABEL_ROW = 28, LABELS_EXTRA = 44;
const LARGE = { map: "Map", flow: "Before and after", sensitivity: "Changes of outcome" };

export function skeleton(mode) {
  const pane = (name, title) => element(`section.pane.pane-${name}`, { "aria-label": title });
  const panes = mode in LARGE ? {} : { river: element("div.riverbox"), verdict: element("div.verdict") };
  const live = element("div.live", { role: "status", "aria-live": "polite" });
  const root = element("div.story", { "data-mode": mode });
  if (mode in LARGE) panes[mode] = pane(mode, LARGE[mode]);
  if (mode === "full") {
    Object.assign(panes, {
      map: pane("map", "Map"), flow: pane("flow", "Before and after"),
      sensitivity: pane("sensitivity", "Changes of outcome"), features: pane("features", "Features"),
      labels: pane("labels", "Accuracy by label"), instances: pane("instances", "Instances"),
    });
  }
  root.append(...(mode in LARGE ? [panes[mode]] : [panes.river, panes.verdict]));
  if (mode === "full") {
    root.append(element("div.body", {},
      element("div.col.left", {}, panes.map, panes.flow, panes.sensitivity),
      element("div.col.center", {}, panes.features),
      element("div.col.right", {}, panes.labels, panes.instances)));
  }
  root.append(live);
  return { root, panes, live };
}

// A page has a title of level 4 above a large part, but none above the whole Story.
export function nestHeadings(root, mode) {
  if (!(mode in LARGE)) return;
  for (const heading of root.querySelectorAll("h2")) heading.replaceWith(element("h5", {}, ...heading.childNodes));
}

// Sets the classes and the heights that depend on the data; returns false while there is no size.
export function arrange({ root, panes, head, mode, views }) {
  forgetSizes();
  const width = root.clientWidth, height = root.clientHeight;
  if (!width || !height) return false;
  root.dataset.w = widthClass(width);
  root.dataset.h = heightClass(height);
  if (mode === "full") {
    const river = RIVER_HEIGHT[root.dataset.w === "phone" ? "phone" : root.dataset.h];
    panes.river.style.height = `${river + extraHeight(head, width)}px`;
    arrangeMap({ root, panes, views });
    const labels = head.classes.length;
    panes.labels.style.flex = labels <= FEW_LABELS ? `0 0 ${LABELS_EXTRA + labels * LABEL_ROW}px` : "";
  }
  forgetSizes();
  return true;
}

// The map takes the data's aspect, and leaves the rest of its column to what follows.
function arrangeMap({ root, panes, views }) {
  const column = panes.map.parentElement, width = column.clientWidth, size = root.dataset.h;
  panes.map.style.flex = "";
  if (!width || root.dataset.w === "phone" || !views.map) return;
  const least = BELOW_MAP[size].reduce((sum, part) => sum + part) + 2 * PANE_GAP[size];
  const most = Math.max(LEAST_MAP, column.clientHeight - least);
  const want = views.map.want(width, most - MAP_EXTRA) + MAP_EXTRA;
  panes.map.style.flex = `0 0 ${Math.max(LEAST_MAP, Math.min(most, want))}px`;
}
