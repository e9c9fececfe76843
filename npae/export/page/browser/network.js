// The network: encoder and decoder, step by step. Sums are in float64.
//
//   dense    h = φ(a),   a_j = s Σ_i x_i Q_ij + b_j      Q: int8, row by row; s: the scale of the matrix
//            tied        a_j = s Σ_i x_i Q_ji + b_j
//   affine   y_j = scale_j x_j + shift_j                 batch normalization, as at inference

// x Q for Q of x.length rows. Inputs that are 0 (black pixels, inactive units) are left out.
function timesMatrix(x, Q, n) {
  const y = new Float64Array(n);
  for (let i = 0; i < x.length; i++) {
    const v = x[i];
    if (v === 0) continue;
    for (let j = 0, k = i * n; j < n; j++, k++) y[j] += v * Q[k];
  }
  return y;
}

// x Qᵀ for Q of n rows.
function timesTransposed(x, Q, n) {
  const y = new Float64Array(n);
  for (let j = 0, k = 0; j < n; j++) {
    let sum = 0;
    for (let i = 0; i < x.length; i++, k++) sum += x[i] * Q[k];
    y[j] = sum;
  }
  return y;
}

const COMPUTE = {
  dense(x, step) {
    const b = arrays[step.b], phi = ACTIVATIONS[step.activation];
    const y = (step.transposed ? timesTransposed : timesMatrix)(x, arrays[step.W], b.length);
    for (let j = 0; j < y.length; j++) y[j] = phi(step.scale * y[j] + b[j]);
    return y;
  },
  affine(x, step) {
    const scale = arrays[step.scale], shift = arrays[step.shift];
    return x.map((v, j) => scale[j] * v + shift[j]);
  },
  activation: (x, step) => x.map((v) => ACTIVATIONS[step.activation](v)),
  slice: (x, step) => x.slice(step.start, step.stop),
  half: (x) => x.slice(0, x.length / 2),
};

const run = (steps, x) => steps.reduce((value, step) => COMPUTE[step.do](value, step), Float64Array.from(x));
const encode = (x) => run(about.encoder, x);
const decode = (code) => run(about.decoder, code);
