"""Prior distributions p(z) of codes.

    GaussianPrior       z ~ N(0, σ² I)
    UniformPrior        z ~ U[−w, w]ᵈ
    RingPrior           K Gaussians on a circle of radius R, with standard deviation σ₁ along the radius, σ₂ across it
    SwissRollPrior      a spiral with Gaussian noise σ around it
    OneHotPrior         z = e_k, the one-hot vector of a class k

The last three are mixtures of K parts. Without labels, every code comes from a random part k = ⌊K u⌋, u ~ U[0, 1), so
that all parts are equally likely. With labels, a code of class k comes from part k. Gaussian and uniform prior have
one part and ignore labels.

Ring and spiral are two-dimensional. With an angle α and noise ε ~ N(0, 1),

    ring        α = 2π k/K                              z = (R + σ₁ ε₁) (cos α, sin α) + σ₂ ε₂ (−sin α, cos α)
    spiral      t = (k + u)/K,  α = 2π n √t             z = R √t (cos α, sin α) + σ (ε₁, ε₂)

The spiral has n turns. Its radius r = R √t is proportional to α, so a short piece has length √(dr² + r² dα²) ≈ r dα,
except near the centre. r dα is proportional to α dα, hence to d(α²), hence to dt. So a uniform t gives codes that are
uniform along the spiral, and every class gets a piece of the same length.

Makhzani et al. 2015, "Adversarial autoencoders", sections 2.1 and 2.3, figures 2 and 4.
"""

import math

from npae.backend import (
    Array,
    Config,
    Serializable,
    Stream,
    array_module,
    as_float,
    as_int,
    cos,
    elementwise,
    empty,
    sin,
    sqrt,
)
from npae.losses.softmax_cross_entropy import one_hot


class Prior(Serializable):
    """p(z), a distribution of codes. Subclasses implement codes and config.

    Args:
        size: d, the numbers per code.

    Attributes:
        modes: K, the number of parts that p(z) consists of.

    Raises ValueError for a size below 1, TypeError if it is not an integer.

    Example:
        >>> import numpy as np
        >>> from npae.backend import Stream
        >>> from npae.models.adversarial import Prior
        >>> class Exponential(Prior):
        ...     def codes(self, stream, like, y=None):
        ...         return -np.log(1 - stream.uniform(like))
        ...     def config(self):
        ...         return {"size": self.size}
        >>> z = Exponential(2).codes(Stream([0]), np.empty((5, 2), np.float32))
        >>> z.shape, bool((z >= 0).all())
        ((5, 2), True)
    """

    registry = {}
    modes = 1

    def __init__(self, size: int):
        self.size = as_int(size, "size", least=1)

    def codes(self, stream: Stream, like: Array, y: Array | None = None) -> Array:
        """Independent samples z of p(z): (B, size).

        Args:
            stream: of the random numbers.
            like: an array of the shape of the codes, of their dtype and on their device.
            y: class numbers (B,), to sample from p(z | y): each code from the part of its class.
        """
        raise NotImplementedError

    def _part(self, stream: Stream, like: Array, y: Array | None) -> Array:
        """The part k of every code, (B,), as floats: its class, or a random one."""
        k = empty((len(like),), like)
        if y is not None:
            k[...] = y
            return k
        xp = array_module(like)
        return xp.floor(xp.multiply(stream.uniform(k), self.modes, out=k), out=k)


@elementwise(out=("x",))
def _scale(x, scale, shift):
    return x * scale + shift


class GaussianPrior(Prior):
    """z ~ N(0, σ² I).

    Args:
        size: d, the numbers per code.
        std: σ.

    Example:
        >>> import numpy as np
        >>> from npae.backend import Stream
        >>> from npae.models import GaussianPrior
        >>> z = GaussianPrior(2, std=5.0).codes(Stream([0]), np.empty((10000, 2), np.float32))
        >>> z.shape, bool(abs(z.std() - 5) < 0.1)
        ((10000, 2), True)
    """

    def __init__(self, size: int, std: float = 1.0):
        super().__init__(size)
        self.std = _positive(self, "std", std)

    def codes(self, stream: Stream, like: Array, y: Array | None = None) -> Array:
        z = stream.normal(like)
        return _scale(z, self.std, 0.0, out=z)

    def config(self) -> Config:
        return {"size": self.size, "std": self.std}


class UniformPrior(Prior):
    """z ~ U[−w, w] in each dimension.

    Args:
        size: d, the numbers per code.
        half_width: w.

    Example:
        >>> import numpy as np
        >>> from npae.backend import Stream
        >>> from npae.models import UniformPrior
        >>> z = UniformPrior(3).codes(Stream([0]), np.empty((5, 3), np.float32))
        >>> z.shape, bool((abs(z) <= 1).all())
        ((5, 3), True)
    """

    def __init__(self, size: int, half_width: float = 1.0):
        super().__init__(size)
        self.half_width = _positive(self, "half_width", half_width)

    def codes(self, stream: Stream, like: Array, y: Array | None = None) -> Array:
        u = stream.uniform(like)
        return _scale(u, 2 * self.half_width, -self.half_width, out=u)

    def config(self) -> Config:
        return {"size": self.size, "half_width": self.half_width}


@elementwise(out=("e1", "e2"))
def _ring(e1, e2, k, step, radius, length, width):
    along, across = radius + length * e1, width * e2
    return along * cos(step * k) - across * sin(step * k), along * sin(step * k) + across * cos(step * k)


class RingPrior(Prior):
    """Gaussians on a circle in the plane.

    Args:
        modes: K, how many.
        radius: R.
        length: σ₁, their standard deviation along the radius.
        width: σ₂, that across it.

    Example:
        >>> import numpy as np
        >>> from npae.backend import Stream
        >>> from npae.models import RingPrior
        >>> like, y = np.empty((4, 2), np.float32), np.zeros(4)  # all of class 0, at the angle 0
        >>> z = RingPrior(10).codes(Stream([0]), like, y)
        >>> z.shape, bool((z[:, 0] > abs(z[:, 1])).all())
        ((4, 2), True)
    """

    def __init__(self, modes: int = 10, radius: float = 4.0, length: float = 0.8, width: float = 0.25):
        super().__init__(2)
        self.modes, self.radius = as_int(modes, "modes", least=1), _positive(self, "radius", radius)
        self.length, self.width = _positive(self, "length", length), _positive(self, "width", width)

    def codes(self, stream: Stream, like: Array, y: Array | None = None) -> Array:
        k, noise = self._part(stream, like, y), stream.normal(like).reshape(2, -1)
        e1, e2 = noise
        _ring(e1, e2, k, 2 * math.pi / self.modes, self.radius, self.length, self.width, out=(e1, e2))
        return _columns(noise, like)

    def config(self) -> Config:
        return {"modes": self.modes, "radius": self.radius, "length": self.length, "width": self.width}


@elementwise(out=("e1", "e2"))
def _spiral(e1, e2, k, u, modes, angle, radius, width):
    root = sqrt((k + u) / modes)
    return radius * root * cos(angle * root) + width * e1, radius * root * sin(angle * root) + width * e2


class SwissRollPrior(Prior):
    """A spiral in the plane, cut into pieces of the same length.

    Args:
        modes: K, the number of pieces.
        turns: n.
        radius: R, at the outer end.
        width: σ, the standard deviation of the noise.

    Example:
        >>> import numpy as np
        >>> from npae.backend import Stream
        >>> from npae.models import SwissRollPrior
        >>> z = SwissRollPrior(radius=5.0).codes(Stream([0]), np.empty((100, 2), np.float32))
        >>> z.shape, bool((np.linalg.norm(z, axis=1) < 6).all())
        ((100, 2), True)
    """

    def __init__(self, modes: int = 10, turns: float = 2.0, radius: float = 5.0, width: float = 0.15):
        super().__init__(2)
        self.modes, self.turns = as_int(modes, "modes", least=1), _positive(self, "turns", turns)
        self.radius, self.width = _positive(self, "radius", radius), _positive(self, "width", width)

    def codes(self, stream: Stream, like: Array, y: Array | None = None) -> Array:
        k, noise = self._part(stream, like, y), stream.normal(like).reshape(2, -1)
        u, (e1, e2) = stream.uniform(k), noise
        _spiral(e1, e2, k, u, self.modes, 2 * math.pi * self.turns, self.radius, self.width, out=(e1, e2))
        return _columns(noise, like)

    def config(self) -> Config:
        return {"modes": self.modes, "turns": self.turns, "radius": self.radius, "width": self.width}


class OneHotPrior(Prior):
    """z = e_k, the one-hot vector of a class k: the categorical distribution with equally likely classes.

    Args:
        classes: K, both the size of a code and the number of parts.

    Example:
        >>> import numpy as np
        >>> from npae.backend import Stream
        >>> from npae.models import OneHotPrior
        >>> OneHotPrior(3).codes(Stream([0]), np.empty((2, 3), np.float32), y=np.array([2, 0])).tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    def __init__(self, classes: int):
        super().__init__(classes)
        self.modes = self.size

    def codes(self, stream: Stream, like: Array, y: Array | None = None) -> Array:
        return one_hot(self._part(stream, like, y), self.modes, like)

    def config(self) -> Config:
        return {"classes": self.modes}


def _columns(rows: Array, like: Array) -> Array:
    """Two rows (B,) of coordinates as codes (B, 2)."""
    z = empty(like.shape, like)
    z[...] = rows.T
    return z


def _positive(prior: Prior, name: str, value: float) -> float:
    return as_float(value, f"{name} of {type(prior).__name__}", above=0)
