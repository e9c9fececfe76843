"""Activations: one smooth or kinked function φ, applied to every number by itself.

    h = φ(a)                     h_ij = φ(a_ij)
    ∂J/∂a = ∂J/∂h ⊙ φ′(a)        since h_ij depends on a_ij alone

Each class states φ (`f`) and φ′ (`slope`), the latter from a, from h, or from both, whichever is shorter; forward and
backward follow for all of them, fused into one operation each, and only what the slope reads is kept in between. Beside
them stands φ″ (`curvature`), for a penalty on φ′ (npae.penalties.contractive). The contract, and the functions that are
smooth at both ends; the relatives of the ReLU are in `rectifiers.py`.
"""

from functools import cached_property

from npae.backend import elementwise, empty_like, sigmoid, tanh
from npae.layers.base import Layer


class Activation(Layer):
    """An elementwise layer.

    A new one defines f(a) and slope(a, h), as formulas of npae.backend.elementwise, and curvature(a, h) for penalties on its
    slope.
    """

    rectifies = False  # does it cut off about half of its input (so that weights before it should be larger)?

    def f(self, a):
        """φ(a)."""
        raise NotImplementedError

    def slope(self, a, h):
        """φ′(a), where h = φ(a)."""
        raise NotImplementedError

    def curvature(self, a, h):
        """φ″(a), where h = φ(a); from a only if the slope reads a as well, since a is not kept otherwise."""
        raise NotImplementedError(f"{self!r}: expected curvature(a, h) = φ″(a) to be defined beside slope. Define it.")

    @cached_property
    def _forward(self):
        return elementwise(self.f)

    @cached_property
    def _forward_biased(self):
        def forward_biased(a, b):
            a = a + b
            return (a, self.f(a)) if "a" in self._backward.uses else self.f(a)

        return elementwise(out=("a",))(forward_biased)

    @cached_property
    def _backward(self):
        def backward(dh, a, h):
            return dh * self.slope(a, h)

        return elementwise(backward)

    @cached_property
    def _derivatives(self):
        def derivatives(a, h):
            return self.slope(a, h), self.curvature(a, h)

        return elementwise(derivatives)

    def forward(self, x, training=False):
        """h = φ(x), of the same shape. The cache is (x, h), or the one of them that the slope reads."""
        h = self._forward(x)
        return h, self._cache(x, h)

    def forward_biased(self, y, b):
        """h = φ(y + b), and the cache, in one sweep; the array y is used up: it becomes h, or a = y + b."""
        if "a" in self._backward.uses:
            a, h = self._forward_biased(y, b, out=(y, empty_like(y)))
        else:
            a, h = None, self._forward_biased(y, b, out=y)
        return h, self._cache(a, h)

    def _cache(self, a, h):
        uses = self._backward.uses
        return a if "a" in uses else None, h if "h" in uses else None

    def backward(self, dy, cache, needs_dx=True):
        """∂J/∂x = dy ⊙ φ′(x)."""
        return self._backward(dy, *cache)

    def derivatives(self, h, cache):
        """(φ′(a), φ″(a)), two new arrays of h's shape, from what forward returned."""
        return self._derivatives(cache[0], h)

    def __getstate__(self):  # compiled formulas are made again where they are needed
        compiled = ("_forward", "_forward_biased", "_backward", "_derivatives")
        return {k: v for k, v in self.__dict__.items() if k not in compiled}


class Identity(Activation):
    """φ(a) = a,  φ′(a) = 1,  φ″(a) = 0: a linear layer's honest name."""

    def f(self, a):
        return a

    def slope(self, a, h):
        return 1

    def curvature(self, a, h):
        return 0

    def forward(self, x, training=False):
        return x, (None, None)

    def backward(self, dy, cache, needs_dx=True):
        return dy


class Sigmoid(Activation):
    """φ(a) = σ(a) = 1/(1 + e⁻ᵃ) = ½ + ½ tanh(a/2),  φ′(a) = h(1 − h),  φ″(a) = h(1 − h)(1 − 2h).

    By the quotient rule, σ′ = e⁻ᵃ/(1 + e⁻ᵃ)² = σ · (1 − σ); then σ″ = (σ − σ²)′ = σ′ · (1 − 2σ).
    """

    def f(self, a):
        return sigmoid(a)

    def slope(self, a, h):
        return h * (1 - h)

    def curvature(self, a, h):
        return h * (1 - h) * (1 - 2 * h)


class Tanh(Activation):
    """φ(a) = tanh a = sinh a / cosh a,  φ′(a) = (cosh² a − sinh² a)/cosh² a = 1 − h²,  φ″(a) = −2h(1 − h²)."""

    def f(self, a):
        return tanh(a)

    def slope(self, a, h):
        return 1 - h * h

    def curvature(self, a, h):
        return -2 * h * (1 - h * h)
