// Noise of the kind that the network was trained to remove.
//
//   gaussian           x + σ ε, ε standard normal, kept in [low, high] if the network's noise is
//   masking            0 with probability p, else x
//   salt and pepper    0 or 1 with probability p, else x

// A standard normal number from two uniform ones (Box & Muller).
const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

const NOISE = {
  gaussian(x, { std, clip }) {
    const y = x + std * normal();
    return clip ? Math.min(Math.max(y, clip[0]), clip[1]) : y;
  },
  masking: (x, { fraction }) => (Math.random() < fraction ? 0 : x),
  "salt and pepper": (x, { fraction }) => (Math.random() < fraction ? Math.round(Math.random()) : x),
};

const noisy = (x) => NOISE[about.noise.kind](x, about.noise);
