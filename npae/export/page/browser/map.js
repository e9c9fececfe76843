// The map: the codes of the samples as points, and the present code as a ring that can be dragged.
//
// A code h is at p = A (h − m). A ring that is dragged from p to p′ changes h by Aᵀ (p′ − p).

const pins = { A: null, B: null };
const map = { canvas: byId("map"), low: [], high: [], behind: null };

function placeOf(code) {
  const along = (axis) => axis.reduce((p, a, j) => p + a * (code[j] - arrays.centre[j]), 0);
  return [0, 1].map((r) => along(row(arrays.axes, r, about.code)));
}

function codeAt(place) {
  const [p, q] = placeOf(present.code), dx = place[0] - p, dy = place[1] - q;
  const [a, b] = [0, 1].map((r) => row(arrays.axes, r, about.code));
  return present.code.map((h, j) => h + a[j] * dx + b[j] * dy);
}

// The places of the samples, and their range with a margin. Codes of one number are spread over the height.
function setPlaces() {
  arrays.places = Float32Array.from({ length: 2 * about.samples }, (_, i) =>
    about.code === 1 && i % 2 ? i / about.samples - 1 : placeOf(row(arrays.codes, i >> 1, about.code))[i % 2]);
  for (const r of [0, 1]) {
    const values = Array.from({ length: about.samples }, (_, k) => arrays.places[2 * k + r]);
    const low = Math.min(...values), high = Math.max(...values), margin = 0.06 * (high - low) || 1;
    [map.low[r], map.high[r]] = [low - margin, high + margin];
  }
}

const across = (r) => map.high[r] - map.low[r];
const toScreen = ([p, q], size) => [((p - map.low[0]) / across(0)) * size, ((map.high[1] - q) / across(1)) * size];
const fromScreen = (x, y, size) => [map.low[0] + (x / size) * across(0), map.high[1] - (y / size) * across(1)];

const colourOf = (k, theme) => mix(rgbOfHex(about.colours[arrays.classes[k] % about.colours.length]), theme.ink, 0.15);
const rgbOfHex = (text) => [1, 3, 5].map((k) => parseInt(text.slice(k, k + 2), 16));

function drawMap() {
  const canvas = map.canvas, theme = themeOf(canvas), size = canvas.clientWidth, scale = devicePixelRatio || 1;
  canvas.width = canvas.height = Math.round(size * scale);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  if (byId("behind").checked) drawBehind(pen, size, theme);
  for (let k = 0; k < about.samples; k++) {
    const [x, y] = toScreen(row(arrays.places, k, 2), size);
    pen.fillStyle = css(colourOf(k, theme), 0.9);
    dot(pen, x, y, size < 500 ? 2.2 : 3.2);
    pen.fill();
  }
  drawAxes(pen, size, theme);
  drawNames(pen, size, theme);
  drawPins(pen, size, theme);
  const [x, y] = toScreen(placeOf(present.code), size);
  ring(pen, x, y, 11, theme);
}

function dot(pen, x, y, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
}

function ring(pen, x, y, radius, theme) {
  dot(pen, x, y, radius);
  for (const [colour, width] of [[theme.ground, 7], [theme.ink, 3]]) {
    pen.strokeStyle = css(colour);
    pen.lineWidth = width;
    pen.stroke();
  }
}

// Text with an outline in the colour of the ground, readable on points.
function write(pen, text, x, y, theme, font, textAlign = "center") {
  Object.assign(pen, { font, textAlign, textBaseline: "middle", lineJoin: "round", lineWidth: 5 });
  pen.strokeStyle = css(theme.ground);
  pen.fillStyle = css(theme.ink);
  pen.strokeText(text, x, y);
  pen.fillText(text, x, y);
}

// What runs to the right, and what runs up.
function drawAxes(pen, size, theme) {
  const names = about.code > 2 ? ["first principal axis", "second principal axis"]
    : [1, 2].map((k) => letter + subscript(k));
  const soft = { ink: mix(theme.ground, theme.ink, 0.65), ground: theme.ground }, font = "13px system-ui, sans-serif";
  write(pen, `${names[0]} →`, size - 8, size - 13, soft, font, "right");
  if (about.code > 1) write(pen, `↑ ${names[1]}`, 8, 13, soft, font, "left");
}

// The name of each class, at the median place of its samples.
function drawNames(pen, size, theme) {
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  about.classes.forEach((name, c) => {
    const own = [...arrays.classes.keys()].filter((k) => arrays.classes[k] === c);
    const place = [0, 1].map((r) => median(own.map((k) => arrays.places[2 * k + r])));
    write(pen, name, ...toScreen(place, size), theme, "700 17px system-ui, sans-serif");
  });
}

function drawPins(pen, size, theme) {
  const [a, b] = [pins.A, pins.B].map((code) => toScreen(placeOf(code), size));
  pen.setLineDash([6, 5]);
  pen.beginPath();
  pen.moveTo(...a);
  pen.lineTo(...b);
  pen.strokeStyle = css(theme.ink, 0.8);
  pen.lineWidth = 1.8;
  pen.stroke();
  pen.setLineDash([]);
  [["A", a], ["B", b]].forEach(([name, [x, y]]) => {
    dot(pen, x, y, 10);
    pen.fillStyle = css(theme.ink);
    pen.fill();
    Object.assign(pen, { font: "700 12px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
    pen.fillStyle = css(theme.ground);
    pen.fillText(name, x, y + 0.5);
  });
}

// For codes of two numbers: small pictures of what is decoded everywhere, behind the points.
function drawBehind(pen, size, theme) {
  const n = 18, cell = size / n;
  map.behind ??= Array.from({ length: n * n }, (_, k) => decode(fromScreen(k % n + 0.5, Math.floor(k / n) + 0.5, n)));
  const one = document.createElement("canvas");
  [one.width, one.height] = [about.width, about.height];
  pen.globalAlpha = 0.35;
  map.behind.forEach((pixels, k) => {
    one.getContext("2d").putImageData(imageOf(pixels, theme), 0, 0);
    pen.drawImage(one, (k % n) * cell, Math.floor(k / n) * cell, cell, cell);
  });
  pen.globalAlpha = 1;
}

function dragTo(event) {
  const box = map.canvas.getBoundingClientRect();
  const inside = (v) => Math.min(Math.max(v, 0), box.width);
  setCode(codeAt(fromScreen(inside(event.clientX - box.left), inside(event.clientY - box.top), box.width)), "map");
}

function mapKey(event) {
  const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  const pin = { a: "A", b: "B" }[event.key.toLowerCase()];
  if (event.ctrlKey || event.metaKey || event.altKey || !(move || pin)) return;
  event.preventDefault();
  if (pin) return setPin(pin, present.code);
  const far = event.shiftKey ? 0.05 : 0.01;
  setCode(codeAt(placeOf(present.code).map((p, r) => p + move[r] * far * across(r))), "map");
}

function startMap() {
  setPlaces();
  byId("map-help").textContent = "Drag the ring. " + (about.code > 2
    ? `Points are ${about.samples} samples on the plane of the two principal axes of their codes.`
    : `Points are the codes of ${about.samples} samples.`);
  byId("behind-label").hidden = about.code !== 2;
  byId("behind").addEventListener("change", drawMap);
  map.canvas.addEventListener("pointerdown", (event) => {
    map.canvas.setPointerCapture(event.pointerId);
    dragTo(event);
  });
  map.canvas.addEventListener("pointermove", (event) => event.buttons && dragTo(event));
  map.canvas.addEventListener("keydown", mapKey);
  whenCodeChanges(drawMap);
}
