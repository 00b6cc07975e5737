// The state that visitor and host share: names and ids outside, version numbers and rows inside. No DOM.
import { idOf } from "./store.js";

export function initialState(head) {
  const last = head.versions.length - 1;
  return {
    primary: last, secondary: Math.max(0, last - 1), pinned: false, scope: head.scopes[0] ?? "all",
    shares: null, filters: [], open: null,
  };
}

// What the host's state says of this payload; a version or scope that it lacks is left out.
export function fromHost({ head, store }, { primary, secondary, pinned, scope, shares, filters, open }) {
  const state = { pinned: Boolean(pinned), shares: shares ?? null, filters: filters ?? [], open: null };
  const numberOf = (name) => head.versions.findIndex((version) => version.name === name);
  if (numberOf(primary) >= 0) state.primary = numberOf(primary);
  if (numberOf(secondary) >= 0) state.secondary = numberOf(secondary);
  if (head.scopes.includes(scope)) state.scope = scope;
  if (open !== null && open !== undefined) state.open = store ? rowOfId(store, open) : open;
  return state;
}

function rowOfId(store, id) {
  for (let row = 0; row < store.rowCount; row++) if (idOf(store, row) === id) return row;
  return null;
}

export function toHost({ head, store, state }) {
  const { primary, secondary, pinned, scope, shares, filters, open } = state;
  return {
    primary: head.versions[primary].name, secondary: head.versions[secondary].name, pinned, scope, shares, filters,
    open: store && open !== null ? idOf(store, open) : open,
  };
}
