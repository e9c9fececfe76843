"""Layers with random numbers: y = f(x; u), with u from a stream of the layer's own.

Training begins the stream anew before every epoch (Layer.reseed), so that any epoch can be repeated by itself. A
derivative by x is taken with u held fast; `freeze` holds it fast for finite differences, which evaluate f many times.
"""

from npae.backend import Stream, device_of, to_device
from npae.layers.base import Layer


class Stochastic(Layer):
    """A Layer with a stream. A new one defines draw, noise_shape unless numbers have x's shape, and calls next(x)."""

    def __init__(self):
        self.stream, self._noise = Stream(), None

    def draw(self, x):
        """The next random numbers of the stream for the input x, of its dtype and on its device."""
        raise NotImplementedError

    def noise_shape(self, x):
        """The shape of the numbers that the input x needs."""
        return x.shape

    def next(self, x):
        """The frozen numbers if there are any, else the next of the stream."""
        if self._noise is None:
            return self.draw(x)
        if self._noise.shape != self.noise_shape(x):
            raise ValueError(
                f"{self!r}: expected an input for the frozen noise's shape {self._noise.shape}, "
                f"got {self.noise_shape(x)}. Freeze other noise, or freeze(None) to draw again."
            )
        self._noise = to_device(self._noise, device_of(x)).astype(x.dtype, copy=False)
        return self._noise

    def reseed(self, seed):
        self.stream.reseed(seed)

    def freeze(self, noise):
        """Take these numbers (see draw) from now on, and draw none; None: draw again. Returns self.

        So finite differences see one function: layer.freeze(layer.draw(x)).
        """
        self._noise = noise
        return self
