"""Models that act as one of their parts: a classifier as its network, a GAN as its generator."""

from npae.models.base import Model


class Wrapper(Model):
    """A Model whose forward and backward are those of `inner`, which subclasses set in __init__."""

    inner = None

    def forward(self, x, training=False):
        """(y, cache) of `inner`."""
        return self.inner.forward(x, training)

    def backward(self, dy, cache, needs_dx=True):
        """∂J/∂x from ∂J/∂y, adding to the gradients of `inner`."""
        return self.inner.backward(dy, cache, needs_dx)

    def out_shape(self, shape):
        return self.inner.out_shape(shape)
