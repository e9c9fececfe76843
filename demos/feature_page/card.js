// Cards: a feature with its frequency, a histogram of its activations, and contexts.

const SVG = "http://www.w3.org/2000/svg", BINS = 20, AROUND = 10, CONTEXTS = 6;

function element(tag, properties = {}, ...children) {
  const one = Object.assign(document.createElement(tag), properties);
  one.append(...children);
  return one;
}

// The background of a token grows with the strength, from 0 to 1.
function shade(node, strength) {
  if (strength) node.style.background = `color-mix(in srgb, var(--mark) ${Math.round(12 + 73 * strength)}%, transparent)`;
}

// Append a token to a text: the space before it, then a node with its letters.
function addToken(text, j, node) {
  node.textContent = word(j).trimStart();
  if (text.hasChildNodes() && word(j).startsWith(" ")) text.append(" ");
  text.append(node);
}

function histogram(one) {
  const counts = new Array(BINS).fill(0);
  for (const s of one.strength) counts[Math.min(BINS - 1, Math.floor((s / 256) * BINS))]++;
  const most = Math.max(...counts), picture = document.createElementNS(SVG, "svg"), largest = arrays.largest[one.number];
  picture.setAttribute("viewBox", `0 0 ${6 * BINS} 46`);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `Histogram of ${one.at.length} activations from 0 to ${largest.toFixed(2)}`);
  counts.forEach((count, k) => {
    const bar = document.createElementNS(SVG, "rect"), height = (44 * count) / most;
    for (const [name, value] of Object.entries({ x: 6 * k, y: 45 - height, width: 5, height })) bar.setAttribute(name, value);
    picture.append(bar);
  });
  const line = document.createElementNS(SVG, "line");
  for (const [name, value] of Object.entries({ x1: 0, y1: 45.5, x2: 6 * BINS, y2: 45.5 })) line.setAttribute(name, value);
  picture.append(line);
  return picture;
}

function context(one, i) {
  const [begin, end] = index.passage.get(arrays.passage[i]);
  const text = element("span");
  for (let j = Math.max(begin, i - AROUND); j < Math.min(end, i + AROUND + 1); j++) {
    const piece = element("mark"), strength = strengthAt(one.number, j);
    if (strength) piece.title = (strength * arrays.largest[one.number]).toFixed(2);
    if (j === i) piece.style.fontWeight = 600;
    shade(piece, strength);
    addToken(text, j, piece);
  }
  const origin = isHeld(i) ? [element("span", { className: "origin", textContent: "held-out" })] : [];
  const node = element("button", { type: "button", className: "context" }, ...origin, text);
  node.addEventListener("click", () => openPassage(i, one.number));
  return node;
}

function places(one) {
  const shown = one.at.filter(isShown), most = Math.min(CONTEXTS, shown.length);
  if (byId("contexts").value === "strongest") return shown.slice(0, most);
  return Array.from({ length: most }, (_, k) => shown[Math.floor((k * (shown.length - 1)) / Math.max(1, most - 1))]);
}

function card(one) {
  const share = (100 * one.at.length) / index.tokens;
  const match = one.match === undefined ? "" : `, match ${one.match.toFixed(2)}`;
  const text = element("div", {},
    element("h2", { textContent: `Feature ${one.number}` }),
    element("p", { className: "numbers",
      textContent: `${share.toPrecision(2)} % of tokens, up to ${arrays.largest[one.number].toFixed(2)}${match}` }));
  return element("article", {},
    element("div", { className: "top" }, text, histogram(one)),
    element("p", { className: "pieces", textContent: quoted(one, 4) }),
    ...places(one).map((i) => context(one, i)));
}
