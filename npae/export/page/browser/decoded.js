// What is decoded from the present code, and the nearest sample; in words for screen readers, when the code rests.

let resting;

function drawDecoded() {
  drawPictures(byId("decoded"), [present.pixels]);
  const k = nearestSample(present.code);
  drawPictures(byId("nearest"), [sample(k)]);
  byId("nearest-name").textContent = `Nearest: ${className(k)}`;
  const numbers = [...present.code].map(number);
  byId("place").textContent = about.code > 4 ? "" : `${letter} = (${numbers.join(", ")})`;
  clearTimeout(resting);
  resting = setTimeout(() => {
    const code = about.code > 4 ? "" : ` Code ${numbers.join(", ")}.`;
    byId("spoken").textContent = `Nearest sample: ${className(k)}.${code}`;
  }, 500);
}
