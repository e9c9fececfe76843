"""Softmax, and a layer that applies it to the first K columns of a code.

    [a | h]  ->  [p | h],        p_j = e^{a_j} / Σ_k e^{a_k}              a: logits of K classes, h: the other columns

All p_j have the same denominator, so each of them depends on all logits. By the quotient rule the Jacobian is

    ∂p_j/∂a_k = p_j [j = k] − p_j p_k                                    (K × K, symmetric)

and with dp for ∂J/∂p

    ∂J/∂a_k = Σ_j dp_j ∂p_j/∂a_k = p_k dp_k − p_k Σ_j dp_j p_j           ∂J/∂a = p ⊙ (dp − ⟨dp, p⟩)

The code computes this product without forming the Jacobian. Adding a constant to all dp_j changes nothing, because
Σ_j p_j = 1 for all logits; for dp = 1 the gradient is 0. (For a loss −ln p_y the gradient is p − t, with t the one-hot
vector of y: see npae.losses.softmax_cross_entropy.)

Goodfellow, Bengio & Courville 2016, section 6.2.2.3.
"""

from npae.backend import Array, Config, array_module, as_int, contiguous, empty
from npae.layers.base import Gradient, Layer


def softmax(a: Array) -> tuple[Array, Array, Array]:
    """(u, p, s) of logits a (B, K): u = a − max_k a_k, s = Σ_k e^{u_k} of shape (B,), p = e^u / s.

    Subtracting the maximum changes no p, and then no e^u overflows. Nothing waits for the device.
    """
    xp = array_module(a)
    m, s, u, p = empty((len(a),), a), empty((len(a),), a), empty(a.shape, a), empty(a.shape, a)
    xp.max(a, axis=1, out=m)
    xp.subtract(a, m[:, None], out=u)
    xp.exp(u, out=p)
    xp.sum(p, axis=1, out=s)
    xp.divide(p, s[:, None], out=p)
    return u, p, s


class SoftmaxHead(Layer):
    """[softmax(a) | h] of rows [a | h] (batch, n), where a are the first `classes` columns; ∂J/∂a = p ⊙ (dp − ⟨dp, p⟩).

    Raises ValueError for fewer than 2 classes and for rows of fewer than K columns, TypeError if K is not an integer.

    Args:
        classes: K, at least 2.

    Example:
        >>> import numpy as np
        >>> from npae.layers import SoftmaxHead
        >>> SoftmaxHead(2)(np.array([[0.0, 0.0, 7.0]]))
        array([[0.5, 0.5, 7. ]])
    """

    def __init__(self, classes: int):
        self.classes = as_int(classes, "classes of SoftmaxHead", least=2)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Array]:
        """([p | h], the cache p (batch, classes))."""
        self._check(x.shape[1:])
        K, y = self.classes, empty(x.shape, x)
        _, p, _ = softmax(contiguous(x[:, :K]))
        y[:, :K], y[:, K:] = p, x[:, K:]
        return y, p

    def backward(self, dy: Array, p: Array, needs_dx: bool = True) -> Gradient:
        """∂J/∂[a | h] = [p ⊙ (dp − ⟨dp, p⟩) | dh]."""
        if not needs_dx:
            return None
        K, xp, dx = self.classes, array_module(dy), empty(dy.shape, dy)
        da, mean = empty(p.shape, p), empty((len(p),), p)
        xp.multiply(dy[:, :K], p, out=da)
        xp.sum(da, axis=1, out=mean)  # ⟨dp, p⟩, the mean of dp under p
        xp.subtract(dy[:, :K], mean[:, None], out=da)
        xp.multiply(da, p, out=da)
        dx[:, :K], dx[:, K:] = da, dy[:, K:]
        return dx

    def config(self) -> Config:
        return {"classes": self.classes}

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        self._check(shape)
        return shape

    def _check(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 1 or shape[0] < self.classes:
            raise ValueError(
                f"{self!r}: expected rows of {self.classes} logits or more, got inputs of shape {tuple(shape)}. "
                f"Let the layer before it be linear, with {self.classes} outputs and those of the rest of the code."
            )
