// Drawing: an input for the network. A drawing of the reader's is moved so that its centre of mass is in the middle,
// as the digits of MNIST are; a sample is taken as it is.

const drawing = {
  canvas: byId("drawing"), pixels: null, own: false, sample: 0, touched: null, last: null, cursor: null,
};

// The drawing as the network gets it.
function input() {
  const { pixels, own } = drawing, { width, height } = about;
  let mass = 0, x = 0, y = 0;
  pixels.forEach((v, k) => { mass += v; x += v * (k % width); y += v * Math.floor(k / width); });
  if (!own || mass <= 0) return pixels;
  const dx = Math.round((width - 1) / 2 - x / mass), dy = Math.round((height - 1) / 2 - y / mass);
  return pixels.map((_, k) => {
    const i = Math.floor(k / width) - dy, j = (k % width) - dx;
    return i >= 0 && i < height && j >= 0 && j < width ? pixels[i * width + j] : 0;
  });
}

// The tool at a point, in pixels: the pen adds ink with soft edges, the eraser removes it, noise is once per stroke.
function useTool(x, y) {
  const tool = document.querySelector("[name=tool]:checked").value, { pixels, touched } = drawing;
  const radius = { pen: 0.055, eraser: 0.09, noise: 0.13 }[tool] * about.width + 0.2;
  pixels.forEach((v, k) => {
    const distance = Math.hypot((k % about.width) + 0.5 - x, Math.floor(k / about.width) + 0.5 - y);
    const cover = Math.min(Math.max(radius + 0.5 - distance, 0), 1);
    if (tool === "pen") pixels[k] = Math.max(v, cover);
    else if (tool === "eraser") pixels[k] = Math.min(v, 1 - cover);
    else if (cover > 0.5 && !touched.has(k)) { pixels[k] = noisy(v); touched.add(k); }
  });
}

function encodeDrawing() {
  const x = input();
  setCode(encode(x), "drawing");
  drawPictures(drawing.canvas, [drawing.pixels]);
  if (drawing.cursor && document.activeElement === drawing.canvas) drawCursor();
  drawPictures(byId("reconstruction"), [present.pixels]);
}

function drawCursor() {
  const pen = drawing.canvas.getContext("2d");
  pen.strokeStyle = "#e76300";
  pen.strokeRect(drawing.cursor[0] - 0.5, drawing.cursor[1] - 0.5, 2, 2);
}

function takeSample(k) {
  Object.assign(drawing, { pixels: sample(k), own: false, sample: k });
  encodeDrawing();
}

function clearDrawing() {
  Object.assign(drawing, { pixels: new Float64Array(about.pixels), own: true });
  encodeDrawing();
}

function noiseEverywhere() {
  drawing.pixels = drawing.pixels.map(noisy);
  drawing.own = false;
  encodeDrawing();
}

// A stroke, by steps of half a pixel from the last point to this one.
function stroke(event) {
  const box = drawing.canvas.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * about.width;
  const y = ((event.clientY - box.top) / box.height) * about.height;
  const [u, v] = drawing.last ?? [x, y], steps = Math.max(1, Math.ceil(2 * Math.hypot(x - u, y - v)));
  for (let k = 1; k <= steps; k++) useTool(u + ((x - u) * k) / steps, v + ((y - v) * k) / steps);
  drawing.last = [x, y];
  encodeDrawing();
}

function drawingKey(event) {
  const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0] }[event.key];
  if (!move) return;
  event.preventDefault();
  const [x, y] = drawing.cursor ?? [about.width / 2, about.height / 2];
  const inside = (v, size) => Math.min(Math.max(Math.floor(v), 0), size - 1);
  drawing.cursor = [inside(x + move[0], about.width), inside(y + move[1], about.height)];
  if (event.key === " ") {
    drawing.touched = new Set();
    useTool(drawing.cursor[0] + 0.5, drawing.cursor[1] + 0.5);
  }
  encodeDrawing();
}

function startDrawing() {
  const canvas = drawing.canvas, denoiser = about.noise !== null;
  byId("drawing-help").textContent = denoiser
    ? "Add noise to the input, or draw your own: the network removes the noise."
    : "Clear the input and draw your own: see its place on the map, and its reconstruction.";
  byId("noise-tool").hidden = byId("everywhere").hidden = !denoiser;
  if (denoiser) document.querySelector("[value=noise]").checked = true;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    Object.assign(drawing, { touched: new Set(), last: null, cursor: null });
    stroke(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && stroke(event));
  canvas.addEventListener("keydown", drawingKey);
  canvas.addEventListener("blur", () => drawPictures(canvas, [drawing.pixels]));
  byId("clear").addEventListener("click", () => {
    document.querySelector("[value=pen]").checked = true;
    clearDrawing();
  });
  byId("sample").addEventListener("click", () => takeSample((drawing.sample + 1) % about.samples));
  byId("everywhere").addEventListener("click", noiseEverywhere);
}
