"""Random numbers for a step: uniform or normal, drawn where the data is, into the arrays of the step.

`rng` is a generator of npae.backend; `like` an array whose shape, dtype and device the numbers get. Whoever draws
again and again keeps a `Stream`.

Normal numbers are made from uniform ones. A pair (z₁, z₂) of independent normal numbers has the density
e^{−(z₁² + z₂²)/2}/2π: no direction is preferred, so its angle is uniform, and its length r exceeds ρ with probability

    P(r > ρ) = ∫_ρ^∞ r e^{−r²/2} dr = e^{−ρ²/2}

So with u, v uniform in [0, 1) put e^{−r²/2} = 1 − u and the angle at 2πv:

    z₁ = r cos 2πv,   z₂ = r sin 2πv,   r = √(−2 ln(1 − u))

Box & Muller 1958, "A note on the generation of random normal deviates". NumPy's own method (the ziggurat) goes number
by number, with branches; this one sweeps over arrays, and takes less than half its time. In float32, where
1 − u ≥ 2⁻²⁴, no |z| is above 5.8.
"""

import math

import numpy as np

from npae.backend.arrays import device_of, module_for
from npae.backend.elementwise import cos, elementwise, log, sin, sqrt
from npae.backend.memory import empty, images, is_channels_last, pixels


def generator(seed, device="cpu"):
    """A random generator on `device`, with `standard_normal` and `random` (both take size, dtype, out).

    `seed` is an integer or a list of integers, such as [seed, epoch]: the same seed gives the same numbers on the same
    device. NumPy's and CuPy's numbers differ: on the CPU they come from SFC64, the fastest that NumPy has. On the GPU
    the number of Philox streams is fixed: by CuPy's default it would depend on the GPU model, and the numbers with it.
    Always give size beside out: without it CuPy's `random` draws one number and fills `out` with that.
    """
    seed = np.random.SeedSequence(seed)
    if device == "cpu":
        return np.random.Generator(np.random.SFC64(seed))
    xp = module_for(device)
    return xp.random.Generator(xp.random.Philox4x3210(seed, size=65536))


class Stream:
    """A stream of random numbers that can be begun anew, on whichever device they are needed.

    A layer with random numbers has one, and training begins it anew before every epoch (Layer.reseed), so that any
    epoch can be repeated by itself. seed: an integer or a list of integers.
    """

    def __init__(self, seed=0):
        self.reseed(seed)

    def reseed(self, seed):
        """Begin the stream `seed`."""
        self._seed, self._generator = seed, None

    def uniform(self, like):
        """The next u ~ U[0, 1), independent, of like's shape and dtype, on its device."""
        return uniform(self._on(device_of(like)), like)

    def normal(self, like):
        """The next z ~ N(0, 1), independent, of like's shape and dtype, on its device."""
        return normal(self._on(device_of(like)), like)

    def _on(self, place):
        if self._generator is None or self._generator[0] != place:
            self._generator = place, generator(self._seed, place)
        return self._generator[1]

    def __getstate__(self):  # a copy begins its stream anew: CuPy's generators cannot be copied
        return self.__dict__ | {"_generator": None}


@elementwise(out=("u", "v"))
def _box_muller(u, v):
    r, angle = sqrt(-2 * log(1 - u)), 2 * math.pi * v
    return r * cos(angle), r * sin(angle)


def uniform(rng, like):
    """Independent u ~ U[0, 1), of like's shape and, of images, in their order in memory."""
    if is_channels_last(like):
        return images(uniform(rng, pixels(like)))
    return _fill(rng.random, like.shape, like)


def normal(rng, like):
    """Independent z ~ N(0, 1), of like's shape and, of images, in their order in memory."""
    if is_channels_last(like):
        return images(normal(rng, pixels(like)))
    if device_of(like) == "gpu":  # one kernel, which does the same
        return _fill(rng.standard_normal, like.shape, like)
    pairs = _fill(rng.random, (2, (like.size + 1) // 2), like)
    u, v = pairs
    _box_muller(u, v, out=(u, v))
    return pairs.reshape(-1)[: like.size].reshape(like.shape)


def _fill(draw, shape, like):
    """Numbers in an array of the step. Without a size CuPy's random would draw one, and fill `out` with it."""
    return draw(size=shape, dtype=like.dtype, out=empty(shape, like))
