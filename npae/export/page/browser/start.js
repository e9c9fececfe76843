// Start: read the arrays, then let each part of the page begin.

async function start() {
  byId("summary").textContent = `${about.width} × ${about.height} pixels to a code of ${about.code} `
    + `${about.code > 1 ? "numbers" : "number"} and back, by ${about.weights.toLocaleString("en")} weights of 8 bits.`;
  await loadArrays();
  encodeSamples();
  whenCodeChanges(drawDecoded);
  for (const begin of [startWalk, startMap, startSliders, startDrawing]) begin();
  takeSample(0);
  if (about.noise) noiseEverywhere();
  drawWalk();
  startTheme();
  drawAll();
  document.documentElement.dataset.ready = "true";
}

start().catch((error) => {
  byId("problem").hidden = false;
  byId("problem").textContent = `This page cannot start (${error.message}). It needs a browser of 2024 or later.`;
});
