// The present code: everything on the page shows it, and everything can change it.

const present = { code: null, pixels: null, by: "" };
const watchers = [];
const whenCodeChanges = (draw) => watchers.push(draw);

// The codes of the samples, row by row.
function encodeSamples() {
  arrays.codes = new Float32Array(about.samples * about.code);
  for (let k = 0; k < about.samples; k++) arrays.codes.set(encode(sample(k)), k * about.code);
}

// by: which part of the page has changed it.
function setCode(code, by) {
  Object.assign(present, { code: Float64Array.from(code), pixels: decode(code), by });
  for (const draw of watchers) draw();
}

// The sample whose code is nearest: argmin_k ‖h_k − h‖².
function nearestSample(code) {
  let best = 0, least = Infinity;
  for (let k = 0; k < about.samples; k++) {
    const other = row(arrays.codes, k, about.code);
    let distance = 0;
    for (let j = 0; j < about.code && distance < least; j++) distance += (other[j] - code[j]) ** 2;
    if (distance < least) [best, least] = [k, distance];
  }
  return best;
}

const letter = about.variational ? "z" : "h";
const className = (k) => (about.classes.length ? about.classes[arrays.classes[k]] : `sample ${k + 1}`);
const number = (v) => (v < 0 ? "−" : "") + Math.abs(v).toFixed(2);
const subscript = (k) => String(k).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);
