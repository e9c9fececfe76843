"""The contract of a layer: forward computes y = f(x; θ), backward multiplies by its derivatives.

    forward(x, training=False) -> (y, cache)        y = f(x; θ)
    backward(dy, cache)        -> dx                dx = (∂y/∂x)ᵀ dy,   and   ∂J/∂θ += (∂y/∂θ)ᵀ dy

J is the objective, a number that depends on x and θ only through y. By the chain rule, number by number,

    ∂J/∂x_k = Σ_j ∂J/∂y_j · ∂y_j/∂x_k               ∂J/∂θ_k = Σ_j ∂J/∂y_j · ∂y_j/∂θ_k

which is the product above, with dy for ∂J/∂y and dx for ∂J/∂x as columns. No layer builds the matrix ∂y/∂x: each
computes its product with dy. In npae a sample is a *row* of the batch (axis 0 is the batch). For a linear layer, the
columns y = Wᵀ x and dx = W dy become the rows y = x W and dx = dy Wᵀ; see `dense.py`.

The cache holds all that backward needs to know about a call of forward. The layer itself stores nothing about calls. So
it may be called several times in a step (the discriminator of a GAN: twice), and the gradients of all calls add up.
"""

from typing import Any, TypeAlias

from npae.backend import Array, Parameterized

Cache: TypeAlias = Any  # what backward needs to know about a call of forward; each layer has its own kind
Gradient: TypeAlias = Array | Any  # ∂J/∂x, or None if it was not needed


class Layer(Parameterized):
    """A differentiable function with parameters. Composites (Sequential, a whole autoencoder) are layers too.

    Subclasses set `parameters` (their own), `buffers` (running statistics) or `children` ((name, Layer) pairs) in
    __init__, and implement forward, backward, config and, unless shapes pass through unchanged, out_shape.
    `initialize(seed)` gives the parameters their first values, and `theta` is all of them as one vector.

    Example:
        >>> import numpy as np
        >>> from npae.gradcheck import check_layer
        >>> from npae.layers import Layer
        >>> class Square(Layer):
        ...     def forward(self, x, training=False):
        ...         return x * x, x
        ...     def backward(self, dy, cache, needs_dx=True):
        ...         return 2 * cache * dy
        >>> check_layer(Square(), np.array([[1.0, -2.0]])) < 1e-6
        True
    """

    registry = {}
    sparse_gradient = False  # is ∂J/∂x 0 wherever y is 0?

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """(y, cache) for a batch x.

        Args:
            x: the batch, of shape (batch, …).
            training: switch on what only training does (noise, dropout)?
        """
        raise NotImplementedError

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂x from ∂J/∂y, adding to the parameters' gradients.

        Args:
            dy: ∂J/∂y, of y's shape.
            cache: what forward returned beside y.
            needs_dx: False: the result is not needed, and may be None.
        """
        raise NotImplementedError

    def __call__(self, x: Array) -> Array:
        """y = f(x), as at inference."""
        return self.forward(x)[0]

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of one output, without the batch axis, for one input of `shape`."""
        return shape
