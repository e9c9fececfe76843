// The walk: codes on the straight line (1 − t) A + t B between two pinned codes.

const between = (t) => pins.A.map((a, j) => (1 - t) * a + t * pins.B[j]);
const STOPS = 7;
let frame = 0;

function setPin(name, code) {
  stop();
  pins[name] = Float64Array.from(code);
  drawWalk();
  drawMap();
}

function drawWalk() {
  drawPictures(byId("steps"), Array.from({ length: STOPS }, (_, k) => decode(between(k / (STOPS - 1)))));
}

function walkTo(t) {
  byId("way").value = 100 * t;
  setCode(between(t), "walk");
}

// There and back, three seconds each way, until the button is pressed again or something else changes the code.
function play() {
  if (frame) return stop();
  const start = performance.now() - 3000 * (byId("way").value / 100);
  byId("play").setAttribute("aria-pressed", "true");
  const step = (now) => {
    const turns = Math.max(now - start, 0) / 3000;
    frame = requestAnimationFrame(step);
    walkTo(turns % 2 < 1 ? turns % 1 : 1 - (turns % 1));
  };
  frame = requestAnimationFrame(step);
}

function stop() {
  cancelAnimationFrame(frame);
  frame = 0;
  byId("play").setAttribute("aria-pressed", "false");
}

function startWalk() {
  const firsts = about.classes.map((_, c) => arrays.classes.indexOf(c)).sort((a, b) => a - b);  // a sample per class
  const [a, b] = [firsts[1] ?? 0, firsts[3] ?? about.samples - 1];
  [["A", a], ["B", b]].forEach(([name, k]) => (pins[name] = Float64Array.from(row(arrays.codes, k, about.code))));
  byId("way").addEventListener("input", () => {
    stop();
    walkTo(byId("way").value / 100);
  });
  byId("play").addEventListener("click", play);
  byId("pin-a").addEventListener("click", () => setPin("A", present.code));
  byId("pin-b").addEventListener("click", () => setPin("B", present.code));
  whenCodeChanges(() => { if (frame && present.by !== "walk") stop(); });
}
