// Names and facts of a version. Nothing here touches the page.
export const SIDES = ["primary", "secondary"];
export const TITLES = { primary: "Primary", secondary: "Secondary" };

const whole = new Intl.NumberFormat("en-US");
export const nameOf = (version) => version.name || "(no name)";
const day = (iso) => (iso ? iso.slice(0, 16).replace("T", " ").replace(/ 00:00$/, "") : "-");
const figure = new Intl.NumberFormat("en-US", { minimumFractionDigits: 3, maximumFractionDigits: 3, roundingMode: "halfEven" });  // ties as in Python
const accuracy = (value, pending) => (value !== null && value !== undefined ? figure.format(value) : pending ? "being computed" : "-");

export function facts(version, pending) {
  return [
    ["Date", day(version.date)],
    ["Instances", whole.format(version.instances)],
    ["Train accuracy", accuracy(version.train_accuracy, pending)],
    ["Test accuracy", accuracy(version.test_accuracy, pending)],
    ["Note", version.note || "-"],
  ];
}

export function spoken(side, version, pending) {
  const [date, instances, train, test, note] = facts(version, pending).map(([, text]) => text);
  return `${TITLES[side]} version ${nameOf(version)}, ${date === "-" ? "no date" : date}, ${instances} instances, ` +
    `train accuracy ${train}, test accuracy ${test}${note === "-" ? "" : `, ${note}`}`;
}
