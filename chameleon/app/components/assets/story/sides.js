// The two sides of a comparison: versions, or parts of them. No DOM.

// One version may be compared with itself, if a side is restricted to some of its rows.
export const isCompared = ({ primary, secondary, restriction }) =>
  primary !== secondary || restriction.primary !== null || restriction.secondary !== null;

// The name of a side: its version, and what it is restricted to.
function nameOf({ head, state, masks }, side) {
  const restricting = state.filters.find(({ view, mask }) => view === "other" && masks.get(mask)?.side === side);
  return restricting ? restricting.label : head.versions[state[side]].name;
}

export const sideNames = (app) => ({ primary: nameOf(app, "primary"), secondary: nameOf(app, "secondary") });
