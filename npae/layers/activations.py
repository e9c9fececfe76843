"""Activation functions: a function φ, applied to each number.

    h = φ(a)                     h_ij = φ(a_ij)
    ∂J/∂a = ∂J/∂h ⊙ φ′(a)        since h_ij depends on a_ij alone

a is the pre-activation, a = x W + b. Dense and Conv2D contain an activation; after BatchNorm or pooling it is a layer
by itself. Each class states φ (`f`), φ′ (`derivative`), computed from a, from h or from both, whichever is shorter, and
φ″ (`second_derivative`), which a penalty on φ′ needs (npae.penalties.contractive). Forward and backward follow from
them: `_forward`, `_backward` and their like are made by ActivationFormulas (first page of npae.backend).

This file has the contract and the smooth functions; ReLU and its relatives are in `rectifiers.py`.
"""

from collections.abc import Callable
from typing import TypeAlias

from npae.backend import ActivationFormulas, Array, as_member, empty, empty_like, matmul_affine, sigmoid, tanh
from npae.layers.base import Cache, Layer


class Activation(ActivationFormulas, Layer):
    """An elementwise layer h = φ(a). Subclasses implement f, derivative and second_derivative, as elementwise formulas.

    Attributes:
        initializer: of weights in front of φ, by name (npae.layers.initializers).

    Example:
        >>> from npae.backend import cos, sin
        >>> from npae.layers import Activation, Dense
        >>> class Sine(Activation):
        ...     def f(self, a):
        ...         return sin(a)
        ...     def derivative(self, a, h):
        ...         return cos(a)
        >>> Dense(784, 32, "sine")
        Dense(784 -> 32, Sine())
    """

    initializer = "glorot_uniform"
    example = 'an activation such as layers.ReLU or "relu"'

    def f(self, a: Array) -> Array:
        """φ(a)."""
        raise NotImplementedError

    def derivative(self, a: Array, h: Array) -> Array | float:
        """φ′(a).

        Args:
            a, h: the pre-activation, and h = φ(a).
        """
        raise NotImplementedError

    def second_derivative(self, a: Array, h: Array) -> Array | float:
        """φ″(a). It may use a only if `derivative` does, since a is not kept otherwise.

        Args:
            a, h: the pre-activation, and h = φ(a).
        """
        raise NotImplementedError(f"{self!r}: expected second_derivative(a, h) beside derivative. Define it.")

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """h = φ(x). The cache is (x, h), with None for the one that φ′ is not computed from."""
        h, uses = self._forward(x), self._backward.uses  # h = f(x); uses: what φ′ is computed from, of a and h
        return h, (x if "a" in uses else None, h if "h" in uses else None)

    def forward_sum(self, y: Array, b: Array) -> tuple[Array, Cache]:
        """h = φ(a) with a = y + b, and the cache (a, h), as in forward.

        Args:
            y: x W; it is overwritten.
            b: the bias.
        """
        uses = self._backward.uses
        if "a" in uses:
            a, h = self._forward_sum(y, b, out=(y, empty_like(y)))  # a = y + b, h = f(a)
        else:
            a, h = None, self._forward_sum(y, b, out=y)
        return h, (a, h if "h" in uses else None)

    def forward_affine(self, x: Array, W: Array, b: Array) -> tuple[Array, Cache]:
        """h = φ(a) with a = x W + b, and the cache (a, h), as in forward.

        Args:
            x: (batch, n_in).
            W: (n_in, n_out).
            b: the bias, (n_out,).
        """
        y = empty((len(x), W.shape[1]), x)
        if matmul_affine(x, W, b, self._epilogue, out=y):
            return y, (None, y if "h" in self._backward.uses else None)  # y = h
        return self.forward_sum(y, b)  # y = x W

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Array:
        """∂J/∂a = ∂J/∂h ⊙ φ′(a)."""
        return self._backward(dy, *cache)  # dy * derivative(a, h)

    def derivatives(self, h: Array, cache: Cache) -> tuple[Array, Array]:
        """(φ′(a), φ″(a)), two new arrays of h's shape.

        Args:
            h: φ(a), as forward returned it.
            cache: what forward returned beside h.
        """
        return self._derivatives(cache[0], h)


class Identity(Activation):
    """φ(a) = a,  φ′(a) = 1,  φ″(a) = 0: the activation of a linear layer.

    Example:
        >>> from npae.layers import Dense
        >>> Dense(784, 32).activation
        Identity()
    """

    def f(self, a: Array) -> Array:
        return a

    def derivative(self, a: Array, h: Array) -> float:
        return 1

    def second_derivative(self, a: Array, h: Array) -> float:
        return 0

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        return x, (None, None)

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Array:
        return dy


Activation.aliases = {"linear": Identity}


class Sigmoid(Activation):
    """φ(a) = σ(a) = 1/(1 + e⁻ᵃ) = ½ + ½ tanh(a/2),  φ′(a) = h(1 − h),  φ″(a) = h(1 − h)(1 − 2h).

    By the quotient rule, σ′ = e⁻ᵃ/(1 + e⁻ᵃ)² = σ · (1 − σ); then σ″ = (σ − σ²)′ = σ′ · (1 − 2σ).

    Example:
        >>> import numpy as np
        >>> from npae.layers import Sigmoid
        >>> Sigmoid()(np.array([-2.0, 0.0, 2.0])).round(3)
        array([0.119, 0.5  , 0.881])
    """

    def f(self, a: Array) -> Array:
        return sigmoid(a)

    def derivative(self, a: Array, h: Array) -> Array:
        return h * (1 - h)

    def second_derivative(self, a: Array, h: Array) -> Array:
        return h * (1 - h) * (1 - 2 * h)


class Tanh(Activation):
    """φ(a) = tanh a = sinh a / cosh a,  φ′(a) = (cosh² a − sinh² a)/cosh² a = 1 − h²,  φ″(a) = −2h(1 − h²).

    Example:
        >>> import numpy as np
        >>> from npae.layers import Tanh
        >>> Tanh()(np.array([-1.0, 0.0, 1.0])).round(3)
        array([-0.762,  0.   ,  0.762])
    """

    def f(self, a: Array) -> Array:
        return tanh(a)

    def derivative(self, a: Array, h: Array) -> Array:
        return 1 - h * h

    def second_derivative(self, a: Array, h: Array) -> Array:
        return -2 * h * (1 - h * h)


ActivationLike: TypeAlias = str | Activation | Callable[[], Activation] | None  # what as_activation takes


def as_activation(activation: ActivationLike, owner: str) -> Activation:
    """An Activation from a name ("tanh"), a class, an instance or a function that returns one; None is Identity().

    Raises TypeError or ValueError for anything else; the message begins with `owner`.
    """
    return Identity() if activation is None else as_member(activation, Activation, owner)


def suffix(activation: Activation) -> str:
    """How a layer's repr shows its activation: ", ReLU()", or nothing for a linear layer."""
    return "" if isinstance(activation, Identity) else f", {activation!r}"
