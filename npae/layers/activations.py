"""Activations: one smooth or kinked function φ, applied to every number by itself.

    h = φ(a)                     h_ij = φ(a_ij)
    ∂J/∂a = ∂J/∂h ⊙ φ′(a)        since h_ij depends on a_ij alone

Each class states φ (`f`) and φ′ (`slope`), the latter from a, from h, or from both, whichever is shorter; forward and
backward follow for all of them, fused into one operation each, and only what the slope reads is kept in between.
"""

from functools import cached_property

from npae.elementwise import elementwise, expm1, maximum, minimum, sigmoid, softplus, tanh
from npae.layers.base import Layer
from npae.memory import empty


class Activation(Layer):
    """An elementwise layer. A new one defines f(a) and slope(a, h), as formulas of npae.elementwise."""

    rectifies = False  # does it cut off about half of its input (so that weights before it should be larger)?

    def f(self, a):
        """φ(a)."""
        raise NotImplementedError

    def slope(self, a, h):
        """φ′(a), where h = φ(a)."""
        raise NotImplementedError

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

    def forward(self, x, training=False):
        """h = φ(x), of the same shape. The cache is (x, h), or the one of them that the slope reads."""
        h = self._forward(x)
        return h, self._cache(x, h)

    def forward_biased(self, y, b):
        """h = φ(y + b), and the cache, in one sweep; the array y is used up: it becomes h, or a = y + b."""
        if "a" in self._backward.uses:
            a, h = self._forward_biased(y, b, out=(y, empty(y.shape, y)))
        else:
            a, h = None, self._forward_biased(y, b, out=y)
        return h, self._cache(a, h)

    def _cache(self, a, h):
        uses = self._backward.uses
        return a if "a" in uses else None, h if "h" in uses else None

    def backward(self, dy, cache, needs_dx=True):
        """∂J/∂x = dy ⊙ φ′(x)."""
        return self._backward(dy, *cache)

    def __getstate__(self):  # compiled formulas are made again where they are needed
        return {k: v for k, v in self.__dict__.items() if k not in ("_forward", "_forward_biased", "_backward")}


class Identity(Activation):
    """φ(a) = a,  φ′(a) = 1: a linear layer's honest name."""

    def f(self, a):
        return a

    def slope(self, a, h):
        return 1

    def forward(self, x, training=False):
        return x, None

    def backward(self, dy, cache, needs_dx=True):
        return dy


class Sigmoid(Activation):
    """φ(a) = σ(a) = 1/(1 + e⁻ᵃ) = ½ + ½ tanh(a/2),  φ′(a) = h(1 − h).

    By the quotient rule, σ′ = e⁻ᵃ/(1 + e⁻ᵃ)² = σ · (1 − σ).
    """

    def f(self, a):
        return sigmoid(a)

    def slope(self, a, h):
        return h * (1 - h)


class Tanh(Activation):
    """φ(a) = tanh a = sinh a / cosh a,  φ′(a) = (cosh² a − sinh² a)/cosh² a = 1 − h²."""

    def f(self, a):
        return tanh(a)

    def slope(self, a, h):
        return 1 - h * h


class ReLU(Activation):
    """φ(a) = max(a, 0),  φ′(a) = 1 for a > 0, else 0 (at the kink, the derivative from the left).

    A unit whose a is negative on every input gets no gradient: it is dead. Nair & Hinton 2010, ICML.
    """

    rectifies = True

    def f(self, a):
        return maximum(a, 0)

    def slope(self, a, h):
        return h > 0


class LeakyReLU(Activation):
    """φ(a) = a for a > 0, αa below, with 0 ≤ α < 1, so φ(a) = max(a, αa);  φ′(a) = 1 or α.  Maas et al. 2013."""

    rectifies = True

    def __init__(self, alpha=0.01):
        if not 0 <= alpha < 1:
            raise ValueError(f"LeakyReLU: expected 0 <= alpha < 1, got {alpha}.")
        self.alpha = alpha

    def f(self, a):
        return maximum(a, self.alpha * a)

    def slope(self, a, h):
        return self.alpha + (1 - self.alpha) * (h > 0)  # h has the sign of a

    def config(self):
        return {"alpha": self.alpha}


class ELU(Activation):
    """φ(a) = a for a > 0, α(eᵃ − 1) below;  φ′(a) = 1 for a > 0, αeᵃ = h + α below.  Clevert et al. 2016, eq. 15.

    Both branches in one line: φ = max(a, 0) + α expm1(min(a, 0)), and φ′ = (1 − α)[a > 0] + α + min(h, 0).
    """

    rectifies = True

    def __init__(self, alpha=1.0):
        if alpha <= 0:
            raise ValueError(f"ELU: expected alpha > 0, got {alpha}.")
        self.alpha = alpha

    def f(self, a):
        return maximum(a, 0) + self.alpha * expm1(minimum(a, 0))

    def slope(self, a, h):
        if self.alpha == 1:
            return 1 + minimum(h, 0)
        return (1 - self.alpha) * (h > 0) + self.alpha + minimum(h, 0)

    def config(self):
        return {"alpha": self.alpha}


class SiLU(Activation):
    """φ(a) = a σ(a),  φ′(a) = σ + a σ(1 − σ) = σ + h(1 − σ).  Elfwing et al. 2018; also known as swish."""

    rectifies = True

    def f(self, a):
        return a * sigmoid(a)

    def slope(self, a, h):
        s = sigmoid(a)
        return s + h * (1 - s)


class Softplus(Activation):
    """φ(a) = ln(1 + eᵃ) = max(a, 0) + ln(1 + e⁻|ᵃ|),  φ′(a) = eᵃ/(1 + eᵃ) = σ(a).

    A smooth ReLU. Dugas et al. 2001.
    """

    rectifies = True

    def f(self, a):
        return softplus(a)

    def slope(self, a, h):
        return sigmoid(a)
