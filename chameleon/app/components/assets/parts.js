// Shared by both components: making elements, the theme, the tooltip, and the life of a view.

export function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

// ---- tooltip --------------------------------------------------------------------------------

export function makeTooltip(root) {
  const tip = root.appendChild(element("div", "tip"));
  tip.setAttribute("role", "tooltip");
  tip.setAttribute("popover", "manual");
  tip.hidden = true;
  return tip;
}

// In the top layer: no container of the page can clip it.
export function openTooltip(tip, ...content) {
  tip.replaceChildren(...content);
  tip.hidden = false;
  if (tip.showPopover && !tip.matches(":popover-open")) tip.showPopover();
  return tip.getBoundingClientRect();
}

export function moveTooltip(tip, x, y) {
  tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
}

export function hideTooltip({ tip }) {
  if (tip.hidden) return;
  if (tip.hidePopover && tip.matches(":popover-open")) tip.hidePopover();
  tip.hidden = true;
}

// ---- life -----------------------------------------------------------------------------------

// Streamlit gives colors, not a name: the theme is recognized by its background.
function isDark(root) {
  const probe = root.appendChild(element("i"));
  probe.style.color = "var(--st-background-color, #fff)";
  const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
  probe.remove();
  return 0.299 * r + 0.587 * g + 0.114 * b < 128;
}

// Widths are only right once the stylesheet is there.
function styled(parent) {
  const link = parent.querySelector("link[rel=stylesheet]");
  if (!link || link.sheet) return null;
  return new Promise((done) => ["load", "error"].forEach((event) => link.addEventListener(event, done, { once: true })));
}

// The function that Streamlit calls at every change of data or theme. `make` gets a new root and
// returns a view with it; `update` draws `view.data`; `end` undoes what outlives the root.
export function component(className, event, { make, update, end }) {
  const views = new WeakMap();
  return async function ({ parentElement, data, setTriggerValue }) {
    const waiting = styled(parentElement);
    if (waiting) await waiting;
    let view = views.get(parentElement);
    // A development server may have put a newer copy of this module in our place, and taken it back.
    if (view?.root.parentNode !== parentElement) {
      parentElement.querySelector(`.${className}`)?.remove();
      const root = parentElement.appendChild(element("div", className));
      views.set(parentElement, view = make(root));
    }
    view.data = data;
    view.send = (choice) => setTriggerValue(event, choice);
    view.root.dataset.theme = isDark(view.root) ? "dark" : "light";
    update(view);
    return () => {
      end(view);
      view.resizer.disconnect();
      view.root.remove();
      views.delete(parentElement);
    };
  };
}
