// What the Story counts for states of the host: node story_counts.mjs JOB.json, whose "blob" is a file
// of bytes beside its "head" and "cases" ({state, masks}). Prints a list of counts, one for each case.
import { readFileSync } from "node:fs";

import {
  countCells, countChangesOfOutcome, countFeature, countLabels, countSelection, countSensitivity, foldHistogram,
} from "../../chameleon/app/components/assets/story/counts.js";
import { keyOf } from "../../chameleon/app/components/assets/story/filters.js";
import { applyFilters, receiveMasks } from "../../chameleon/app/components/assets/story/linking.js";
import { fromHost } from "../../chameleon/app/components/assets/story/state.js";
import { bitsOf, idOf, openStore, setPair, settle } from "../../chameleon/app/components/assets/story/store.js";

const { head, blob, cases } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const store = openStore({ head, blob: new Uint8Array(readFileSync(blob)) });

function countsOf({ state, masks }) {
  const app = { head, store, masks: new Map(), state: fromHost({ head, store }, state) };
  receiveMasks(app, masks);
  setPair(store, app.state.primary, app.state.secondary, app.state.scope);
  if (applyFilters(app)) setPair(store, app.state.primary, app.state.secondary, app.state.scope);
  settle(store);
  const counts = {
    features: head.features.map((feature, number) => {
      const own = bitsOf(store, keyOf({ view: "feature", feature: feature.name }));
      return foldHistogram(countFeature(store, number, { own }), feature.bars).map((side) => [...side]);
    }),
    flow: [...countChangesOfOutcome(store)].slice(0, 4),
    sensitivity: [...countSensitivity(store)],
    labels: [...countLabels(store)],
    cells: [...countCells(store)],
    selection: countSelection(store),
    ids: [...store.counted.keys()].filter((row) => store.counted[row] && !store.failing[row]).map((row) => idOf(store, row)),
  };
  app.state.filters = [];
  applyFilters(app);
  store.restriction = { primary: null, secondary: null };
  return counts;
}

console.log(JSON.stringify(cases.map(countsOf)));
