"""Slice: a range of columns, for a network that reads one part of a code.

    y = x[:, start : stop]                  ∂J/∂x = dy in these columns, 0 in the others

y does not depend on the other columns, so their gradient is 0.
"""

from npae.backend import Array, Config, as_int, contiguous, empty
from npae.layers.base import Gradient, Layer


class Slice(Layer):
    """y = x[:, start : stop], from (batch, n) to (batch, stop − start).

    Raises ValueError unless 0 <= start < stop <= n, TypeError unless start and stop are integers.

    Args:
        start: the first column.
        stop: the column after the last one.

    Example:
        >>> import numpy as np
        >>> from npae.layers import Slice
        >>> Slice(1, 3)(np.array([[1.0, 2.0, 3.0, 4.0]]))
        array([[2., 3.]])
    """

    def __init__(self, start: int, stop: int):
        self.start, self.stop = as_int(start, "start of Slice"), as_int(stop, "stop of Slice")
        if not 0 <= self.start < self.stop:
            raise ValueError(f"Slice: expected 0 <= start < stop, got {start} and {stop}.")

    def forward(self, x: Array, training: bool = False) -> tuple[Array, int]:
        """The cache is n."""
        self._check(x.shape[1:])
        return contiguous(x[:, self.start : self.stop]), x.shape[1]

    def backward(self, dy: Array, n: int, needs_dx: bool = True) -> Gradient:
        """∂J/∂x: [0 | dy | 0]."""
        if not needs_dx:
            return None
        dx = empty((len(dy), n), dy)
        dx[:, : self.start] = 0
        dx[:, self.start : self.stop] = dy
        dx[:, self.stop :] = 0
        return dx

    def config(self) -> Config:
        return {"start": self.start, "stop": self.stop}

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        self._check(shape)
        return (self.stop - self.start,)

    def _check(self, shape: tuple[int, ...]) -> None:
        if len(shape) != 1 or shape[0] < self.stop:
            raise ValueError(
                f"{self!r}: expected rows of {self.stop} numbers or more, got inputs of shape {tuple(shape)}. "
                "Check the size of the layer before."
            )
