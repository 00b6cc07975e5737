// Filters that only Python can evaluate arrive as the rows that match, a bit each. No DOM.

// {side: "both" | "primary" | "secondary", rows: 1 per row that matches}.
export function decodedMask({ side, rows }, rowCount) {
  const bytes = Uint8Array.from(atob(rows), (letter) => letter.charCodeAt(0)), matching = new Uint8Array(rowCount);
  for (let row = 0; row < rowCount; row++) matching[row] = (bytes[row >> 3] >> (row & 7)) & 1;
  return { side, rows: matching };
}

// The rows that all masks of a side leave to it; null if none restricts it.
export function restrictionOf(masks, side) {
  const own = masks.filter((mask) => mask.side === side);
  if (!own.length) return null;
  return own[0].rows.map((_, row) => (own.every((mask) => mask.rows[row]) ? 1 : 0));
}
