"""Slice: a range of columns, for a network that reads one part of a code.

    y = x[:, start : stop]                  ∂J/∂x = dy in these columns, 0 in the others

y does not depend on the other columns, so their gradient is 0.
"""

from npae.backend import as_int, contiguous, empty
from npae.layers.base import Layer


class Slice(Layer):
    """y = x[:, start : stop], from (batch, n) to (batch, stop − start).

    Raises ValueError unless 0 <= start < stop <= n, TypeError unless start and stop are integers.
    """

    def __init__(self, start, stop):
        self.start, self.stop = as_int(start, "start of Slice"), as_int(stop, "stop of Slice")
        if not 0 <= self.start < self.stop:
            raise ValueError(f"Slice: expected 0 <= start < stop, got {start} and {stop}.")

    def forward(self, x, training=False):
        """The cache is n."""
        self._check(x.shape[1:])
        return contiguous(x[:, self.start : self.stop]), x.shape[1]

    def backward(self, dy, n, needs_dx=True):
        """∂J/∂x: [0 | dy | 0]."""
        if not needs_dx:
            return None
        dx = empty((len(dy), n), dy)
        dx[:, : self.start] = 0
        dx[:, self.start : self.stop] = dy
        dx[:, self.stop :] = 0
        return dx

    def config(self):
        return {"start": self.start, "stop": self.stop}

    def out_shape(self, shape):
        self._check(shape)
        return (self.stop - self.start,)

    def _check(self, shape):
        if len(shape) != 1 or shape[0] < self.stop:
            raise ValueError(
                f"{self!r}: expected rows of {self.stop} numbers or more, got inputs of shape {tuple(shape)}. "
                "Check the size of the layer before."
            )
