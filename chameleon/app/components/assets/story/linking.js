// Links the views: what one previews or commits, all others count. Bit 0 of the store is the preview,
// the others are committed filters.
import { countWithout } from "./counts.js";
import { keyOf, matcher } from "./filters.js";
import { decodedMask, restrictionOf } from "./masks.js";
import { noneWords } from "./sentences.js";
import { setFilter } from "./store.js";

const PREVIEW_BIT = 0, MOST_FILTERS = 31;

export function applyPreview({ store, hover }) {
  setFilter(store, PREVIEW_BIT, hover && keyOf(hover), hover && matcher(store, hover));
}

// Sets the filters that changed; returns true if a side is restricted to other rows than before.
export function applyFilters(app) {
  const { store, state } = app, applied = (app.applied ??= []);
  for (let i = 0; i < Math.max(applied.length, state.filters.length); i++) {
    const filter = state.filters[i] ?? null, found = filter && matcherOf(app, filter);
    if (applied[i] === filter && filter?.view !== "other") continue;
    setFilter(store, i + 1, filter && keyOf(filter), found);
  }
  app.applied = state.filters.slice();
  return applyRestrictions(app);
}

function matcherOf({ store, masks }, filter) {
  if (filter.view !== "other") return matcher(store, filter);
  const mask = masks.get(filter.mask);
  return mask?.side === "both" ? { test: (row) => mask.rows[row] === 1 } : null;
}

function applyRestrictions({ store, state, masks }) {
  const others = state.filters.filter(({ view }) => view === "other");
  const chosen = others.map(({ mask }) => masks.get(mask)).filter(Boolean);
  const isRestricted = (side) => store.restriction[side] || chosen.some((mask) => mask.side === side);
  const sides = ["primary", "secondary"].filter(isRestricted);
  for (const side of sides) store.restriction[side] = restrictionOf(chosen, side);
  return sides.length > 0;
}

export function receiveMasks(app, masks) {
  app.masks = new Map(masks.map((mask) => [mask.mask, decodedMask(mask, app.store.rowCount)]));
}

// The committed filters with one view's replaced, or removed if `filter` is null.
export function withFilter(filters, key, filter) {
  return filters.filter((one) => keyOf(one) !== key).concat(filter ? [filter] : []).slice(-MOST_FILTERS);
}

// What to say if nothing matches: the filter that costs most; null if something does.
export function emptyWords({ store, state }) {
  if (!state.filters.length || store.counted.some((counted, row) => counted && !store.failing[row])) return null;
  const gains = state.filters.map((filter) => ({ filter, n: countWithout(store, keyOf(filter)) }));
  const { filter, n } = gains.reduce((most, one) => (one.n > most.n ? one : most));
  return noneWords(filter.label, n);
}
