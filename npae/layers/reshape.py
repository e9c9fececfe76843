"""Reshaping: the same numbers in another shape; backward restores the shape."""

import math

from npae.backend import Array, Config, as_int, contiguous
from npae.layers.base import Layer


class Reshape(Layer):
    """y = x with each sample in `shape`: (batch, …) -> (batch, *shape).  ∂J/∂x = dy in x's shape.

    Raises ValueError if a sample has another number of elements, TypeError for a shape that is not a tuple of integers.

    Args:
        shape: of one sample of y.

    Example:
        >>> import numpy as np
        >>> from npae.layers import Reshape
        >>> Reshape((1, 28, 28))(np.zeros((5, 784))).shape
        (5, 1, 28, 28)
    """

    def __init__(self, shape: tuple[int, ...]):
        if not isinstance(shape, (tuple, list)):
            raise TypeError(f"Reshape: expected the shape of a sample as a tuple, such as (1, 28, 28), got {shape!r}.")
        self.shape = tuple(as_int(n, "size of Reshape", least=1) for n in shape)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, tuple[int, ...]]:
        """The cache is x's shape."""
        if math.prod(x.shape[1:]) != math.prod(self.shape):
            raise ValueError(
                f"{self!r}: expected samples of {math.prod(self.shape)} numbers, got x of shape {x.shape} "
                f"({math.prod(x.shape[1:])} per sample). Check the sizes of the layers before."
            )
        return contiguous(x).reshape(len(x), *self.shape), x.shape

    def backward(self, dy: Array, x_shape: tuple[int, ...], needs_dx: bool = True) -> Array:
        """∂J/∂x: dy in x's shape."""
        return contiguous(dy).reshape(x_shape)

    def config(self) -> Config:
        return {"shape": list(self.shape)}

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.shape

    def __repr__(self):
        return f"Reshape{self.shape}"


class Flatten(Layer):
    """y = x with each sample as one row: (batch, …) -> (batch, n).  ∂J/∂x = dy in x's shape.

    Example:
        >>> import numpy as np
        >>> from npae.layers import Flatten
        >>> Flatten()(np.zeros((5, 1, 28, 28))).shape
        (5, 784)
    """

    def forward(self, x: Array, training: bool = False) -> tuple[Array, tuple[int, ...]]:
        """The cache is x's shape."""
        return contiguous(x).reshape(len(x), math.prod(x.shape[1:])), x.shape

    def backward(self, dy: Array, x_shape: tuple[int, ...], needs_dx: bool = True) -> Array:
        """∂J/∂x: dy in x's shape."""
        return contiguous(dy).reshape(x_shape)

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (math.prod(shape),)

    def __repr__(self):
        return "Flatten()"
