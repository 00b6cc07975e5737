// Accuracy by label: its scale, its layout, and which labels have room. No DOM.

export const FEW = 4;  // up to so many labels print their accuracies

// Per label: accuracy in both versions (null without rows), incorrect ones, and rows of the primary.
export function labelRates(numbers) {
  const rate = (correct, incorrect) => (correct + incorrect ? correct / (correct + incorrect) : null);
  const rates = [];
  for (let at = 0; at < numbers.length; at += 4) {
    const [correct, incorrect, correctBefore, incorrectBefore] = numbers.subarray(at, at + 4);
    rates.push({
      label: at / 4,
      primary: rate(correct, incorrect),
      secondary: rate(correctBefore, incorrectBefore),
      incorrect,
      total: correct + incorrect,
    });
  }
  return rates;
}

// Where the scale starts: a tenth below the lowest value, so that nothing is ever clamped.
export function lowEnd(...rateLists) {
  let low = 0.9;
  for (const { primary, secondary } of rateLists.flat()) low = Math.min(low, primary ?? 1, secondary ?? 1);
  return Math.max(0, Math.floor(low * 10 - 1e-9) / 10);
}

// "columns" where every name fits below its column, else "few" or "worst" lines.
export function layoutOf(count, longestName, width) {
  if (count <= FEW) return "few";
  const room = width / count;
  return room >= 21 && longestName <= room ? "columns" : "worst";
}

// The labels with the most errors first, as many as fit.
export function worst(rates, most) {
  return [...rates].sort((a, b) => b.incorrect - a.incorrect || a.label - b.label).slice(0, most);
}
