// Classes of size, by which the stylesheet lays the parts out. No DOM.
const WIDE = 1500, MIDDLE = 1180, SLIM = 880, NARROW = 620;  // px of width, each the least of its class
const TALL = 940, MEDIUM = 740;                               // px of height

export function widthClass(width) {
  if (width >= WIDE) return "wide";
  if (width >= MIDDLE) return "mid";
  if (width >= SLIM) return "slim";
  return width >= NARROW ? "narrow" : "phone";
}

export function heightClass(height) {
  if (height >= TALL) return "tall";
  return height >= MEDIUM ? "mid" : "low";
}
