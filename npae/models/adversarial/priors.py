"""Priors p(z): where codes that nobody encoded come from, and where an adversarial autoencoder puts those it encodes.

    GaussianPrior       z ~ N(0, σ² I)
    UniformPrior        z ~ U[−w, w]ᵈ
    RingPrior           K Gaussians on a circle of radius ρ, each longer towards the middle than across: petals
    SwissRollPrior      along a spiral, and a little beside it
    OneHotPrior         no place but a class: z = (0, …, 1, …, 0)

The last three have K parts; codes fall into any of them equally often, k = ⌊K u⌋ with u ~ U[0, 1). Where labels are
given, class k gets part k. Ring and spiral are in two dimensions, drawn in polar coordinates:

    ring        φ = 2π k/K,  (p, q) = (ρ + σ₁ ε₁, σ₂ ε₂)          z = (p cos φ − q sin φ,  p sin φ + q cos φ)
    spiral      t = (k + u)/K,  φ = 2π n √t                       z = ρ √t (cos φ, sin φ) + σ (ε₁, ε₂)

n turns reach the radius ρ, which grows as φ does. A piece of the spiral has the length √(dr² + r² dφ²) ≈ r dφ, and with
r ∝ φ this is ∝ φ dφ ∝ d(φ²): so t = (φ/2πn)² uniform means (but near the middle) uniform along the spiral, and every
class gets an equal length of it. An isotropic Gaussian has one part, and gives the same codes to all classes.

Makhzani et al. 2015, "Adversarial autoencoders", sections 2.1 and 2.3, figures 2 and 4.
"""

import math

from npae.backend import array_module, as_int, cos, elementwise, empty, sin, sqrt
from npae.layers.stochastic import Stochastic
from npae.losses.softmax_cross_entropy import one_hot


class Prior(Stochastic):
    """p(z): nothing goes in, codes come out. A new one (any sampler will do) defines codes and config.

    It is a layer without parameters, so that a model begins its stream of random numbers anew with every epoch and a
    model file keeps it. size: how many numbers a code has; modes: K, into how many parts p(z) falls.
    """

    modes = 1

    def __init__(self, size):
        super().__init__()
        self.size = as_int(size, "size", least=1)

    def codes(self, stream, like, y=None):
        """Codes z of the shape (B, size), dtype and device of `like`, from random numbers of the Stream.

        y: class numbers (B,), whose parts they are to come from.
        """
        raise NotImplementedError

    def draw(self, like, y=None):
        """The next codes of the prior's own stream, as `codes`."""
        if like.shape[1:] != (self.size,):
            raise ValueError(
                f"{self!r}: expected codes of {self.size} numbers, the encoder's have the shape {like.shape[1:]}. "
                "Give both the same size."
            )
        return self.codes(self.stream, like, y)

    def next(self, like, y=None):
        """The frozen codes if there are any, else draw(like, y)."""
        return self.draw(like, y) if self._noise is None else super().next(like)

    def out_shape(self, shape):
        return (self.size,)

    def _part(self, stream, like, y):
        """k of every code as floats, (B,): that of its class, else any."""
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
    p, q = radius + length * e1, width * e2
    return p * cos(step * k) - q * sin(step * k), p * sin(step * k) + q * cos(step * k)


class RingPrior(Prior):
    """`modes` Gaussians (K) in the plane, on a circle: ρ = radius, σ₁ = length (to the middle), σ₂ = width (across)."""

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
    """A spiral in the plane: n = turns, ρ = radius at its end, σ = width; cut into `modes` (K) parts of one length."""

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
    """z = e_k, the one-hot row of a class k: what the classes of samples look like to somebody who is sure of each.

    classes: K, the size of the code and the number of its parts, all equally frequent.
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
