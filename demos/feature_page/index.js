// The index: for each feature its tokens, strongest first, from the features of each token.

const byId = (id) => document.getElementById(id);
const index = { features: [], words: about.words, first: null, of: null, passage: null, tokens: 0 };

// Features of token i are the entries first[i] … first[i + 1] of arrays.feature and arrays.strength.
function buildIndex() {
  const { count, feature, strength, token, passage } = arrays;
  index.tokens = token.length;
  index.first = new Uint32Array(token.length + 1);
  for (let i = 0; i < token.length; i++) index.first[i + 1] = index.first[i] + count[i];
  index.features = Array.from({ length: about.features }, (_, number) => ({ number, at: [], strength: [] }));
  for (let i = 0; i < token.length; i++) {
    for (let e = index.first[i]; e < index.first[i + 1]; e++) {
      index.features[feature[e]].at.push(i);
      index.features[feature[e]].strength.push(strength[e]);
    }
  }
  index.features.forEach(describe);
  index.passage = new Map();
  passage.forEach((p, i) => index.passage.set(p, [index.passage.get(p)?.[0] ?? i, i + 1]));
}

// Order the tokens of a feature, and sum its activation for each word piece: [[token number, share], …].
function describe(one) {
  const order = one.at.map((_, k) => k).sort((a, b) => one.strength[b] - one.strength[a]);
  one.at = order.map((k) => one.at[k]);
  one.strength = order.map((k) => one.strength[k]);
  const sums = new Map();
  one.at.forEach((i, k) => sums.set(arrays.token[i], (sums.get(arrays.token[i]) ?? 0) + one.strength[k]));
  one.total = one.strength.reduce((sum, s) => sum + s, 0);
  one.pieces = [...sums].map(([t, s]) => [t, s / one.total]).sort((a, b) => b[1] - a[1]);
}

// The strength of a feature at token i, from 0 to 1.
function strengthAt(number, i) {
  for (let e = index.first[i]; e < index.first[i + 1]; e++) {
    if (arrays.feature[e] === number) return arrays.strength[e] / 255;
  }
  return 0;
}

const isHeld = (i) => arrays.held[i] === 1;
const isShown = (i) => byId("passages").value === "all" || isHeld(i);
const word = (i) => index.words[arrays.token[i]];
const quoted = (one, most) => one.pieces.slice(0, most)
  .map(([t, share]) => `${index.words[t].trim()} ${Math.round(100 * share)} %`).join(", ");
