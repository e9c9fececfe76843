// Pictures: pixels in [0, 1] on a canvas, 0 in the colour of the ground and 1 in that of the ink.

const byId = (id) => document.getElementById(id);
const rgb = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
const mix = (a, b, t) => a.map((v, k) => v + t * (b[k] - v));
const css = (colour, alpha = 1) => `rgb(${colour.map(Math.round).join(" ")} / ${alpha})`;

// The colours of the theme, as the style gives them to a canvas.
function themeOf(canvas) {
  const style = getComputedStyle(canvas);
  return { ink: rgb(style.color), ground: rgb(style.backgroundColor) };
}

// ImageData of one picture.
function imageOf(pixels, { ink, ground }) {
  const image = new ImageData(about.width, about.height);
  for (let k = 0; k < about.pixels; k++) {
    const t = Math.min(Math.max(pixels[k], 0), 1);
    for (let c = 0; c < 3; c++) image.data[4 * k + c] = ground[c] + t * (ink[c] - ground[c]);
    image.data[4 * k + 3] = 255;
  }
  return image;
}

// Pictures side by side, one pixel of the canvas per pixel; the style enlarges it.
function drawPictures(canvas, pictures) {
  const gap = 2, step = about.width + gap, theme = themeOf(canvas);
  canvas.width = pictures.length * step - gap;  // this clears it
  canvas.height = about.height;
  pictures.forEach((pixels, k) => canvas.getContext("2d").putImageData(imageOf(pixels, theme), k * step, 0));
}

// Sample k, as pixels in [0, 1].
const sample = (k) => Float64Array.from(row(arrays.images, k, about.pixels), (v) => v / 255);
