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

from npae.backend import Serializable, array_module, as_int, cos, elementwise, empty, sin, sqrt
from npae.losses.softmax_cross_entropy import one_hot


class Prior(Serializable):
    """p(z), a distribution of codes. Subclasses implement codes and config.

    size: the numbers per code, d. modes: K, the parts that p(z) consists of. Raises ValueError for a size below 1,
    TypeError if it is not an integer.
    """

    registry = {}
    modes = 1

    def __init__(self, size):
        self.size = as_int(size, "size", least=1)

    def codes(self, stream, like, y=None):
        """Independent samples z of p(z), drawn from the Stream: (B, size), of the dtype and on the device of `like`.

        y: class numbers (B,), to sample from p(z | y): each code from the part of its class.
        """
        raise NotImplementedError

    def _part(self, stream, like, y):
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
    """z ~ N(0, σ² I) in `size` dimensions, σ = std."""

    def __init__(self, size, std=1.0):
        super().__init__(size)
        self.std = _positive(self, "std", std)

    def codes(self, stream, like, y=None):
        z = stream.normal(like)
        return _scale(z, self.std, 0.0, out=z)

    def config(self):
        return {"size": self.size, "std": self.std}


class UniformPrior(Prior):
    """z ~ U[−w, w] in each of `size` dimensions, w = half_width."""

    def __init__(self, size, half_width=1.0):
        super().__init__(size)
        self.half_width = _positive(self, "half_width", half_width)

    def codes(self, stream, like, y=None):
        u = stream.uniform(like)
        return _scale(u, 2 * self.half_width, -self.half_width, out=u)

    def config(self):
        return {"size": self.size, "half_width": self.half_width}


@elementwise(out=("e1", "e2"))
def _ring(e1, e2, k, step, radius, length, width):
    along, across = radius + length * e1, width * e2
    return along * cos(step * k) - across * sin(step * k), along * sin(step * k) + across * cos(step * k)


class RingPrior(Prior):
    """K = `modes` Gaussians on a circle in the plane.

    radius: R. length: σ₁, their standard deviation along the radius. width: σ₂, that across it.
    """

    def __init__(self, modes=10, radius=4.0, length=0.8, width=0.25):
        super().__init__(2)
        self.modes, self.radius = as_int(modes, "modes", least=1), _positive(self, "radius", radius)
        self.length, self.width = _positive(self, "length", length), _positive(self, "width", width)

    def codes(self, stream, like, y=None):
        k, noise = self._part(stream, like, y), stream.normal(like).reshape(2, -1)
        e1, e2 = noise
        _ring(e1, e2, k, 2 * math.pi / self.modes, self.radius, self.length, self.width, out=(e1, e2))
        return _columns(noise, like)

    def config(self):
        return {"modes": self.modes, "radius": self.radius, "length": self.length, "width": self.width}


@elementwise(out=("e1", "e2"))
def _spiral(e1, e2, k, u, modes, angle, radius, width):
    root = sqrt((k + u) / modes)
    return radius * root * cos(angle * root) + width * e1, radius * root * sin(angle * root) + width * e2


class SwissRollPrior(Prior):
    """A spiral in the plane, cut into K = `modes` pieces of the same length.

    turns: n. radius: R, at the outer end. width: σ, the standard deviation of the noise.
    """

    def __init__(self, modes=10, turns=2.0, radius=5.0, width=0.15):
        super().__init__(2)
        self.modes, self.turns = as_int(modes, "modes", least=1), _positive(self, "turns", turns)
        self.radius, self.width = _positive(self, "radius", radius), _positive(self, "width", width)

    def codes(self, stream, like, y=None):
        k, noise = self._part(stream, like, y), stream.normal(like).reshape(2, -1)
        u, (e1, e2) = stream.uniform(k), noise
        _spiral(e1, e2, k, u, self.modes, 2 * math.pi * self.turns, self.radius, self.width, out=(e1, e2))
        return _columns(noise, like)

    def config(self):
        return {"modes": self.modes, "turns": self.turns, "radius": self.radius, "width": self.width}


class OneHotPrior(Prior):
    """z = e_k, the one-hot vector of a class k: the categorical distribution with equally likely classes.

    classes: K, both the size of a code and the number of parts.
    """

    def __init__(self, classes):
        super().__init__(classes)
        self.modes = self.size

    def codes(self, stream, like, y=None):
        return one_hot(self._part(stream, like, y), self.modes, like)

    def config(self):
        return {"classes": self.modes}


def _columns(rows, like):
    """Two rows (B,) of coordinates as codes (B, 2)."""
    z = empty(like.shape, like)
    z[...] = rows.T
    return z


def _positive(prior, name, value):
    if not 0 < value < math.inf:
        raise ValueError(f"{type(prior).__name__}: expected {name} above 0, got {value}.")
    return float(value)
