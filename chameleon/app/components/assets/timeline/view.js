// The version timeline: two radio groups over and under a line of boxes.
import { component, element, hideTooltip, makeTooltip, moveTooltip, openTooltip } from "../parts.js";
import { SIDES, TITLES, facts, nameOf, spoken } from "./facts.js";

const KEY_REST = 150;      // ms: an arrow key held down sends one choice, when it rests
const NARROWEST = 46, WIDEST = 124;   // px a position
const ECHO_WAIT = 2000;    // ms: until then a choice holds although older answers still arrive

// ---- skeleton -------------------------------------------------------------------------------

function make(root) {
  const view = { root, own: {}, radios: {}, boxes: [], timers: {} };
  const sides = root.appendChild(element("div", "sides"));
  sides.setAttribute("aria-hidden", "true");
  sides.append(element("span", "primary", "Primary"), element("span", "", ""), element("span", "secondary", "Secondary"));
  view.scroll = root.appendChild(element("div", "scroll"));
  view.grid = view.scroll.appendChild(element("div", "grid"));
  for (const line of ["primary", "strip", "secondary"]) {
    view[line] = view.grid.appendChild(element("div", `line ${line}`));
    if (line === "strip") view.strip.setAttribute("aria-hidden", "true");
    else {
      view[line].setAttribute("role", "radiogroup");
      view[line].setAttribute("aria-label", `${TITLES[line]} version`);
    }
  }
  view.tip = makeTooltip(root);
  // Also when a hidden tab is opened or the window is made narrower.
  view.resizer = new ResizeObserver(() => { if (view.boxes.length) reveal(view); });
  view.resizer.observe(view.scroll);
  listen(view);
  return view;
}

function makePositions(view) {
  const { versions } = view.data;
  for (const side of SIDES) {
    view.radios[side] = versions.map((_, i) => {
      const node = element("div", "spot");
      node.setAttribute("role", "radio");
      node.dataset.index = i;
      node.dataset.side = side;
      node.append(element("i"));
      return node;
    });
    view[side].replaceChildren(...view.radios[side]);
  }
  view.boxes = versions.map((version, i) => {
    const node = element("div", "spot");
    node.dataset.index = i;
    node.append(element("span", "box", nameOf(version)));
    return node;
  });
  view.strip.replaceChildren(...view.boxes);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = "600 14px sans-serif";
  const widest = Math.max(0, ...versions.map((version) => pen.measureText(nameOf(version).slice(0, 40)).width));
  view.root.style.setProperty("--spot", `${Math.round(Math.max(NARROWEST, Math.min(WIDEST, widest + 20)))}px`);
}

// ---- drawing --------------------------------------------------------------------------------

const chosen = (view, side) => view.own[side] ?? view.data[side];

function draw(view) {
  const { versions, pending } = view.data;
  for (const side of SIDES) {
    view.radios[side].forEach((node, i) => {
      const on = i === chosen(view, side);
      node.setAttribute("aria-checked", on);
      node.setAttribute("aria-label", spoken(side, versions[i], pending));
      node.tabIndex = on ? 0 : -1;
    });
  }
  view.boxes.forEach((node, i) => {
    for (const side of SIDES) node.classList.toggle(side, i === chosen(view, side));
  });
}

// Scrolls the strip only, never the page. The primary is last, so that it wins.
function reveal(view) {
  const { scroll } = view;
  for (const side of ["secondary", "primary"]) {
    const node = view.boxes[chosen(view, side)];
    if (!node) continue;
    const [left, right] = [node.offsetLeft - 12, node.offsetLeft + node.offsetWidth + 12];
    if (left < scroll.scrollLeft) scroll.scrollLeft = left;
    else if (right > scroll.scrollLeft + scroll.clientWidth) scroll.scrollLeft = right - scroll.clientWidth;
  }
}

function showTooltip(view, index) {
  const { tip } = view, version = view.data.versions[index];
  const list = element("dl");
  for (const [term, text] of facts(version, view.data.pending)) list.append(element("dt", "", term), element("dd", "", text));
  const roles = SIDES.filter((side) => chosen(view, side) === index).join(" and ");
  const size = openTooltip(tip, element("b", "", nameOf(version)), ...(roles ? [element("span", "roles", ` ${roles}`)] : []), list);
  const box = view.boxes[index].getBoundingClientRect();
  const x = Math.max(4, Math.min(innerWidth - size.width - 4, box.left + box.width / 2 - size.width / 2));
  const under = view.root.getBoundingClientRect().bottom + 4;
  const y = under + size.height < innerHeight ? under : Math.max(4, view.root.getBoundingClientRect().top - size.height - 4);
  moveTooltip(tip, x, y);
}

// ---- input ----------------------------------------------------------------------------------

function pick(view, side, index, rest = 0) {
  view.own[side] = index;
  draw(view);
  reveal(view);
  clearTimeout(view.timers[side]);
  clearTimeout(view.timers[`${side} echo`]);
  view.timers[side] = setTimeout(() => view.send({ side, index }), rest);
  view.timers[`${side} echo`] = setTimeout(() => { delete view.own[side]; draw(view); }, ECHO_WAIT);
}

function listen(view) {
  const { root, scroll } = view;
  const spot = (event) => event.target.closest?.(".spot");
  root.addEventListener("click", (event) => {
    const node = spot(event);
    if (!node) return;
    pick(view, node.dataset.side ?? (event.shiftKey ? "secondary" : "primary"), Number(node.dataset.index));
  });
  root.addEventListener("keydown", (event) => {
    const { side, index } = spot(event)?.dataset ?? {};
    if (event.key === "Escape") hideTooltip(view);
    if (!side || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = view.data.versions.length - 1, at = Number(index);
    const to = { ArrowLeft: at - 1, ArrowUp: at - 1, ArrowRight: at + 1, ArrowDown: at + 1, Home: 0, End: last, " ": at, Enter: at }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0 || to > last) return;
    pick(view, side, to, KEY_REST);
    view.radios[side][to].focus({ preventScroll: true });
  });
  root.addEventListener("focusin", (event) => {
    const node = spot(event);
    view.hovering = false;
    if (node?.matches(":focus-visible")) showTooltip(view, Number(node.dataset.index));
  });
  root.addEventListener("focusout", () => hideTooltip(view));
  root.addEventListener("pointerover", (event) => {
    const node = spot(event);
    view.hovering = Boolean(node);
    if (node) showTooltip(view, Number(node.dataset.index));
    else hideTooltip(view);
  });
  root.addEventListener("pointerleave", () => hideTooltip(view));
  // A key also scrolls, but its tooltip is placed after that.
  scroll.addEventListener("scroll", () => { if (view.hovering) hideTooltip(view); }, { passive: true });
}

// ---- life -----------------------------------------------------------------------------------

function update(view) {
  const { data } = view;
  const names = JSON.stringify(data.versions.map((version) => version.name));
  if (names !== view.names) {
    view.names = names;
    view.own = {};
    makePositions(view);
  }
  for (const side of SIDES) if (view.own[side] === data[side]) delete view.own[side];
  draw(view);
  const shown = `${names} ${data.primary} ${data.secondary}`;
  if (shown !== view.shown) reveal(view);
  view.shown = shown;
}

const end = (view) => Object.values(view.timers).forEach(clearTimeout);

export default component("timeline", "pick", { make, update, end });
