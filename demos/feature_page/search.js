// The search: features in an order, and how well each matches the tokens that contain the text.
//
//   precision   the share of the feature's activation that falls on these tokens
//   recall      the share of these tokens on which the feature is active
//   match       2 · precision · recall / (precision + recall), their harmonic mean

const ORDERS = {
  number: (a, b) => a.number - b.number,
  frequent: (a, b) => b.at.length - a.at.length || a.number - b.number,
  rare: (a, b) => a.at.length - b.at.length || a.number - b.number,
  narrow: (a, b) => b.pieces[0][1] - a.pieces[0][1] || b.at.length - a.at.length,
  match: (a, b) => b.match - a.match || a.number - b.number,
};

// Whole words first: " cat" is found by "cat" before " catalogue" is.
function tokensOf(text) {
  const words = index.words.map((w) => w.trim().toLowerCase());
  const exact = words.flatMap((w, t) => (w === text ? [t] : []));
  return new Set(exact.length ? exact : words.flatMap((w, t) => (w.includes(text) ? [t] : [])));
}

function found() {
  const text = byId("query").value.trim().toLowerCase(), number = text.match(/^#(\d+)$/);
  const alive = index.features.filter((one) => one.at.some(isShown));
  for (const one of alive) one.match = undefined;
  if (!text) return alive;
  if (number) return alive.filter((one) => one.number === +number[1]);
  const kinds = tokensOf(text);
  let places = 0;
  for (const t of arrays.token) places += kinds.has(t);
  return alive.filter((one) => {
    const hits = one.at.filter((i) => kinds.has(arrays.token[i])).length;
    const precision = one.pieces.reduce((sum, [t, share]) => sum + (kinds.has(t) ? share : 0), 0);
    one.match = hits ? (2 * precision * hits / places) / (precision + hits / places) : 0;
    return hits > 0;
  });
}
