// The headline of every step of a payload's head, by scope: node story_headlines.mjs HEAD.json.
import { readFileSync } from "node:fs";

import { metricName } from "../../chameleon/app/components/assets/story/facts.js";
import { headline } from "../../chameleon/app/components/assets/story/sentences.js";

const head = JSON.parse(readFileSync(process.argv[2], "utf8"));
const printed = head.scopes.flatMap((scope) => head.facts[scope].flatMap((facts, version) => {
  if (!facts) return [];
  const names = { primary: head.versions[version].name, secondary: head.versions[version - 1].name };
  return [{ scope, ...names, ...headline(facts, { ...names, isForward: true, metricName: metricName(head, scope) }) }];
}));
console.log(JSON.stringify(printed));
