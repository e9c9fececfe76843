"""Reshaping: the same numbers in another shape; backward restores the shape."""

import math

from npae.backend import as_int, contiguous
from npae.layers.base import Layer


class Reshape(Layer):
    """y = x with each sample in `shape`: (batch, …) -> (batch, *shape).  ∂J/∂x = dy in x's shape.

    Raises ValueError if a sample has another number of elements, TypeError for a shape that is not a tuple of integers.
    """

    def __init__(self, shape):
        if not isinstance(shape, (tuple, list)):
            raise TypeError(f"Reshape: expected the shape of a sample as a tuple, such as (1, 28, 28), got {shape!r}.")
        self.shape = tuple(as_int(n, "size of Reshape") for n in shape)

    def forward(self, x, training=False):
        """The cache is x's shape."""
        if math.prod(x.shape[1:]) != math.prod(self.shape):
            raise ValueError(
                f"{self!r}: expected samples of {math.prod(self.shape)} numbers, got x of shape {x.shape} "
                f"({math.prod(x.shape[1:])} per sample). Check the sizes of the layers before."
            )
        return contiguous(x).reshape(len(x), *self.shape), x.shape

    def backward(self, dy, x_shape, needs_dx=True):
        """∂J/∂x: dy in x's shape."""
        return contiguous(dy).reshape(x_shape)

    def config(self):
        return {"shape": list(self.shape)}

    def out_shape(self, shape):
        return self.shape

    def __repr__(self):
        return f"Reshape{self.shape}"


class Flatten(Layer):
    """y = x with each sample as one row: (batch, …) -> (batch, n).  ∂J/∂x = dy in x's shape."""

    def forward(self, x, training=False):
        """The cache is x's shape."""
        return contiguous(x).reshape(len(x), math.prod(x.shape[1:])), x.shape

    def backward(self, dy, x_shape, needs_dx=True):
        """∂J/∂x: dy in x's shape."""
        return contiguous(dy).reshape(x_shape)

    def out_shape(self, shape):
        return (math.prod(shape),)

    def __repr__(self):
        return "Flatten()"
