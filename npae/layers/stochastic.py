"""Stochastic layers: y = f(x; u), with random numbers u from the layer's own stream.

Training reseeds the stream before every epoch (reseed), so that each epoch can be repeated by itself. The derivative by
x is taken with u fixed. Finite differences evaluate f many times and need the same u each time: `freeze` fixes it.
"""

from collections.abc import Sequence
from typing import TypeVar

from npae.backend import Array, Stream, device_of, to_device
from npae.layers.base import Layer

Self = TypeVar("Self", bound="Stochastic")


class Stochastic(Layer):
    """A Layer with a stream of random numbers, of which forward takes next(x).

    Subclasses implement draw, and noise_shape if the numbers do not have x's shape.
    """

    def __init__(self):
        self.stream = Stream()
        self._noise: Array | None = None  # frozen

    def draw(self, x: Array) -> Array:
        """The next random numbers of the stream for the input x, of its dtype and on its device."""
        raise NotImplementedError

    def noise_shape(self, x: Array) -> tuple[int, ...]:
        """The shape of the random numbers for the input x."""
        return x.shape

    def next(self, x: Array) -> Array:
        """The frozen numbers, or else the next ones of the stream."""
        if self._noise is None:
            return self.draw(x)
        if self._noise.shape != self.noise_shape(x):
            raise ValueError(
                f"{self!r}: expected an input for the frozen noise's shape {self._noise.shape}, "
                f"got {self.noise_shape(x)}. Freeze other noise, or freeze(None) to draw again."
            )
        self._noise = to_device(self._noise, device_of(x)).astype(x.dtype, copy=False)
        return self._noise

    def reseed(self, seed: int | Sequence[int]) -> None:
        """Start the stream again from `seed`, an integer or a list of integers: training does so before every epoch."""
        self.stream.reseed(seed)

    def freeze(self: Self, noise: Array | None) -> Self:
        """Use these numbers from now on and draw none; None: draw again. Returns self.

        layer.freeze(layer.draw(x)) makes the layer a fixed function of x, as finite differences need it.
        """
        self._noise = noise
        return self
