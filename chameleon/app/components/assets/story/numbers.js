// Numbers as text, the same in every part. No DOM.
const NO_BREAK = "\u00a0";
const MINUS = "\u2212", UNDEFINED = "\u2013";

// Rounded as Python rounds: of two equally near numbers to the one with an even last digit.
export function fixed(x, digits) {
  const isTie = Math.abs((x * 2 ** (digits + 1)) % 2) === 1;
  if (!isTie) return x.toFixed(digits);
  const below = Math.floor(x * 10 ** digits);
  return ((below % 2 === 0 ? below : below + 1) / 10 ** digits).toFixed(digits);
}

const counts = new Intl.NumberFormat("en-US");  // toLocaleString makes one per call, a third of a hover

export const count = (n) => counts.format(n);

export const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;

// For axes and bars alone, where a count of six digits doesn't fit.
export function shortCount(n) {
  if (n >= 1e6) return `${+(n / 1e6).toPrecision(3)}M`;
  return n >= 1e5 ? `${Math.round(n / 1e3)}k` : count(n);
}

export const isKnown = (x) => x !== null && x !== undefined && !Number.isNaN(x);

export const percent = (share, digits = 1) => (isKnown(share) ? `${fixed(100 * share, digits)}%` : UNDEFINED);

// A change of a share in points, with its sign and without the unit.
export function signed(change, digits = 1) {
  const size = fixed(Math.abs(100 * change), digits);
  if (Number(size) === 0) return size;
  return `${change < 0 ? MINUS : "+"}${size}`;
}

export const points = (change, digits = 1) => `${signed(change, digits)}${NO_BREAK}points`;

// Two shares and their change in points, as they are printed: one decimal, or two where the printed
// shares would not subtract to the printed change, which is then their difference.
export function printedChange(before, after) {
  const printed = (share, digits) => Number(fixed(100 * share, digits));
  const change = 100 * (after - before);
  const subtracts = Math.abs(printed(after, 1) - printed(before, 1) - Number(fixed(change, 1))) < 0.05;
  if (subtracts) return { digits: 1, change: Number(fixed(change, 1)) };
  return { digits: 2, change: Number((printed(after, 2) - printed(before, 2)).toFixed(2)) };
}

// Round numbers from low to high, about as many as wanted.
export function ticks(low, high, wanted) {
  const least = (high - low) / wanted || 1, power = 10 ** Math.floor(Math.log10(least));
  const step = power * [1, 2, 5, 10].find((multiple) => multiple * power >= least * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}
