"""Models that act as one of their parts: a classifier as its network, a GAN as its generator."""

from npae.backend import Array
from npae.layers.base import Cache, Gradient, Layer
from npae.models.base import Model


class Wrapper(Model):
    """A Model whose forward and backward are those of `inner`, which subclasses set in __init__."""

    inner: Layer

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """(y, cache) of `inner`."""
        return self.inner.forward(x, training)

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂x from ∂J/∂y, adding to the gradients of `inner`."""
        return self.inner.backward(dy, cache, needs_dx)

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.inner.out_shape(shape)
