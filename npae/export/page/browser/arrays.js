// Arrays: the numbers of the file, from base64 and zlib to typed arrays by name.

const about = JSON.parse(document.getElementById("about").textContent);
const arrays = {};

async function loadArrays() {
  const packed = Uint8Array.from(atob(document.getElementById("data").textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(stream).arrayBuffer();
  for (const [name, { type, start, length }] of Object.entries(about.arrays)) {
    const Type = globalThis[type];
    arrays[name] = new Type(bytes.slice(start, start + length * Type.BYTES_PER_ELEMENT));
  }
}

// Row k of a matrix of d columns.
const row = (matrix, k, d) => matrix.subarray(k * d, (k + 1) * d);
