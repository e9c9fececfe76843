// Sliders: one for each number of the code; of a code of more than 64, for the 64 that vary most among the samples.

const MOST_SLIDERS = 64;
const sliders = [];

// [least, largest, variance] of number j of the samples' codes.
function spread(j) {
  let low = Infinity, high = -Infinity, sum = 0, squares = 0;
  for (let k = 0; k < about.samples; k++) {
    const v = arrays.codes[k * about.code + j];
    [low, high, sum, squares] = [Math.min(low, v), Math.max(high, v), sum + v, squares + v * v];
  }
  return [low, high, squares / about.samples - (sum / about.samples) ** 2];
}

function addSlider(j, low, high) {
  const margin = 0.1 * (high - low) || 1, label = document.createElement("label");
  label.className = "range";
  label.innerHTML = `<i>${letter}${subscript(j + 1)}</i><input type="range" step="any"><output></output>`;
  const [, input, output] = label.children;
  [input.min, input.max] = [low - margin, high + margin];
  const changed = () => present.code.map((v, i) => (i === j ? Number(input.value) : v));
  input.addEventListener("input", () => setCode(changed(), input));
  byId("sliders").append(label);
  sliders.push({ j, input, output });
}

function drawSliders() {
  for (const { j, input, output } of sliders) {
    if (present.by !== input) input.value = present.code[j];  // the one in use stays where the reader has it
    output.textContent = number(present.code[j]);
  }
}

function startSliders() {
  const spreads = Array.from({ length: about.code }, (_, j) => [j, ...spread(j)]);
  const shown = spreads.toSorted((a, b) => b[3] - a[3]).slice(0, MOST_SLIDERS).sort((a, b) => a[0] - b[0]);
  shown.forEach(([j, low, high]) => addSlider(j, low, high));
  document.querySelector(".code").classList.toggle("few", about.code <= 8);
  byId("code-help").textContent = about.code > MOST_SLIDERS
    ? `${MOST_SLIDERS} of its ${about.code} numbers: those that vary most among the samples.`
    : "Change one number, and the others stay.";
  whenCodeChanges(drawSliders);
}
