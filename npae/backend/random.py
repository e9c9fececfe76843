"""Random numbers: uniform and normal, drawn on the device of the data, into the arrays of the training step.

A layer that needs random numbers has a `Stream`, which is reproducible from its seed. `uniform(rng, like)` and
`normal(rng, like)` draw from a generator `rng`; the numbers get the shape, dtype and device of the array `like`.

Normal numbers are computed from uniform ones (Box & Muller 1958, "A note on the generation of random normal deviates").
A pair (ε₁, ε₂) of independent standard normal numbers has the density e^{−(ε₁² + ε₂²)/2}/2π. It depends on the length
r = √(ε₁² + ε₂²) alone, so the angle is uniform. A ring of radius r and width dr has the area 2πr dr, so

    P(r > ρ) = ∫_ρ^∞ r e^{−r²/2} dr = e^{−ρ²/2}

Hence e^{−r²/2} is below t with probability t: it is uniform in (0, 1]. With u and v uniform in [0, 1), set e^{−r²/2} to
1 − u and the angle to 2πv:

    ε₁ = r cos 2πv,   ε₂ = r sin 2πv,   r = √(−2 ln(1 − u))

NumPy's own method, the ziggurat, computes number by number, with branches. This one is made of operations on whole
arrays and takes less than half the time. In float32, where 1 − u ≥ 2⁻²⁴, no |ε| is above 5.8.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from npae.backend.arrays import device_of, module_for
from npae.backend.formulas import cos, elementwise, log, sin, sqrt
from npae.backend.memory import empty, images, is_channels_last, pixels
from npae.backend.typing import Array


def generator(seed: int | Sequence[int], device: str = "cpu") -> Any:
    """A random generator on a device, with `standard_normal` and `random` (both take size, dtype, out).

    The same seed gives the same numbers on the same device; the two devices give different ones. On the CPU they come
    from SFC64, NumPy's fastest generator, on the GPU from Philox. The number of Philox streams is fixed here, since
    CuPy's default, and with it the numbers, depends on the model of the GPU.
    Always give `size` together with `out`: without it CuPy's `random` draws one number and fills `out` with it.

    Args:
        seed: an integer or a list of integers, such as [seed, epoch].
        device: "cpu", "gpu" or "auto".

    Example:
        >>> from npae.backend import generator
        >>> a, b = generator([0, 1]), generator([0, 1])
        >>> bool((a.random(size=3) == b.random(size=3)).all())
        True
    """
    sequence = np.random.SeedSequence(seed)
    if device == "cpu":
        return np.random.Generator(np.random.SFC64(sequence))
    xp = module_for(device)
    return xp.random.Generator(xp.random.Philox4x3210(sequence, size=65536))


class Stream:
    """A sequence of random numbers that its seed determines, on the device where they are needed.

    A layer with random numbers has one. Training reseeds it before every epoch (Layer.reseed), so any epoch can be
    repeated by itself.

    Args:
        seed: an integer or a list of integers.

    Example:
        >>> import numpy as np
        >>> from npae.backend import Stream
        >>> x = np.zeros((5, 3), np.float32)
        >>> stream = Stream(seed=0)
        >>> eps = stream.normal(x)
        >>> stream.reseed(0)
        >>> eps.shape, bool((stream.normal(x) == eps).all())
        ((5, 3), True)
    """

    _generator: tuple[str, Any] | None

    def __init__(self, seed: int | Sequence[int] = 0) -> None:
        self.reseed(seed)

    def reseed(self, seed: int | Sequence[int]) -> None:
        """Start again from `seed`."""
        self._seed, self._generator = seed, None

    def uniform(self, like: Array) -> Array:
        """The next independent u ~ U[0, 1), of the shape and dtype of `like`, on its device."""
        return uniform(self._on(device_of(like)), like)

    def normal(self, like: Array) -> Array:
        """The next independent ε ~ N(0, 1), of the shape and dtype of `like`, on its device."""
        return normal(self._on(device_of(like)), like)

    def _on(self, device: str) -> Any:
        if self._generator is None or self._generator[0] != device:
            self._generator = device, generator(self._seed, device)
        return self._generator[1]

    def __getstate__(self) -> dict[str, Any]:  # a copy starts again from the seed: CuPy's generators cannot be copied
        return self.__dict__ | {"_generator": None}


@elementwise(out=("u", "v"))
def _box_muller(u, v):
    r, angle = sqrt(-2 * log(1 - u)), 2 * math.pi * v
    return r * cos(angle), r * sin(angle)


def uniform(rng: Any, like: Array) -> Array:
    """Independent u ~ U[0, 1).

    Args:
        rng: as `generator` returns it.
        like: the numbers have the shape, dtype and device of this array; for images also their order in memory.
    """
    if is_channels_last(like):
        return images(uniform(rng, pixels(like)))
    return _fill(rng.random, like.shape, like)


def normal(rng: Any, like: Array) -> Array:
    """Independent ε ~ N(0, 1).

    Args:
        rng: as `generator` returns it.
        like: the numbers have the shape, dtype and device of this array; for images also their order in memory.
    """
    if is_channels_last(like):
        return images(normal(rng, pixels(like)))
    if device_of(like) == "gpu":  # CuPy's generator does the same in one kernel
        return _fill(rng.standard_normal, like.shape, like)
    pairs = _fill(rng.random, (2, (like.size + 1) // 2), like)
    u, v = pairs
    _box_muller(u, v, out=(u, v))
    return pairs.reshape(-1)[: like.size].reshape(like.shape)


def _fill(draw: Callable[..., Array], shape: tuple[int, ...], like: Array) -> Array:
    """Random numbers in an array of the step. `size` is needed as well as `out`, see generator."""
    return draw(size=shape, dtype=like.dtype, out=empty(shape, like))
