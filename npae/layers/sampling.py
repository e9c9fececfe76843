"""Sampling a Gaussian code: the reparameterisation trick.

A variational encoder outputs, for every sample, a Gaussian distribution of codes with independent components. Its
output is a row [μ | log σ²] of 2d numbers. The layer samples a code of d numbers from this distribution:

    z = μ + σ ε,      ε ~ N(0, 1),  σ = e^{½ log σ²}

The noise ε does not depend on the network's parameters. For given ε, z is a smooth function of μ and log σ², with

    ∂z/∂μ = 1                                         ∂J/∂μ       = ∂J/∂z
    ∂z/∂(log σ²) = ½ e^{½ log σ²} ε = ½ σ ε           ∂J/∂(log σ²) = ∂J/∂z ⊙ ½ σ ε

The expectation of these gradients over ε is the gradient of E[J]. This is the *reparameterisation trick* of Kingma &
Welling 2014, "Auto-encoding variational Bayes", section 2.4.

`log_var` is the logarithm of the *variance*, here and everywhere in npae, so σ is the exponential of its half. With
σ = e^{log_var} instead, a mistake that published libraries contain, the derivative would still agree with finite
differences, but the samples would have the wrong variance. A test measures it.
"""

from npae.backend import Array, elementwise, empty, exp, matmul, ones
from npae.layers.base import Cache, Gradient
from npae.layers.stochastic import Stochastic


@elementwise
def _sample(mean, log_var, noise):
    deviation = exp(0.5 * log_var) * noise
    return mean + deviation, 0.5 * deviation


@elementwise
def _times(dz, derivative):
    return dz * derivative


class GaussianSample(Stochastic):
    """z = μ + σ ε in training, z = μ in inference: from statistics [μ | log σ²] (batch, 2d) to codes (batch, d).

    ε comes from the layer's random stream, which training reseeds before every epoch, or is given (`at`, `freeze`).
    Raises ValueError for statistics that are not a matrix with an even number of columns.

    Example:
        >>> import numpy as np
        >>> from npae.layers import GaussianSample
        >>> stats = np.array([[1.0, -1.0, 0.0, 0.0]])
        >>> sample = GaussianSample()
        >>> sample(stats)
        array([[ 1., -1.]])
        >>> sample.at(stats, noise=np.array([[0.5, 2.0]]))[0]
        array([[1.5, 1. ]])
    """

    def split(self, stats: Array) -> tuple[Array, Array]:
        """(μ, log σ²), views of shape (batch, d)."""
        if stats.ndim != 2 or stats.shape[1] % 2 or not stats.size:
            raise ValueError(
                f"{self!r}: expected rows [mean | log_var] of shape (batch, 2d), got {stats.shape}. "
                "For a code of d numbers let the encoder end in a linear layer with 2d outputs."
            )
        d = stats.shape[1] // 2
        return stats[:, :d], stats[:, d:]

    def draw(self, stats: Array) -> Array:
        """The next ε of the layer's stream for these statistics: (batch, d)."""
        return self.stream.normal(self.split(stats)[0])

    def noise_shape(self, x: Array) -> tuple[int, ...]:
        """The shape of ε, (batch, d)."""
        return self.split(x)[0].shape

    def at(self, stats: Array, noise: Array) -> tuple[Array, Cache]:
        """z for given ε, and the cache (ε, ½ σ ε).

        Args:
            stats: [μ | log σ²], (batch, 2d).
            noise: ε, (batch, d).
        """
        mean, log_var = self.split(stats)
        z, derivative = _sample(mean, log_var, noise)
        return z, (noise, derivative)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """z = μ + σ ε in training, with the cache (ε, ½ σ ε); z = μ in inference, with the cache None."""
        mean, _ = self.split(x)
        if training:
            return self.at(x, self.next(x))
        z = empty(mean.shape, mean)
        z[...] = mean
        return z, None

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """[∂J/∂μ | ∂J/∂(log σ²)] = [dz | dz ⊙ ½ σ ε] in training, [dz | 0] in inference."""
        if not needs_dx:
            return None
        d = dy.shape[1]
        dx = empty((len(dy), 2 * d), dy)
        dx[:, :d] = dy
        if cache is None:
            dx[:, d:] = 0
        else:
            _times(dy, cache[1], out=dx[:, d:])
        return dx

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0] // 2,)


def tile(x: Array, k: int) -> Array:
    """The batch x (B, …) k times, one copy after the other: (k B, …). x itself if k = 1."""
    if k == 1:
        return x
    y = empty((k * len(x), *x.shape[1:]), x)
    y.reshape(k, *x.shape)[...] = x
    return y


def tile_adjoint(dy: Array, k: int) -> Array:
    """The backward pass of `tile`: ∂J/∂x (B, …) is the sum of ∂J/∂y (k B, …) over the k copies. dy itself if k = 1."""
    if k == 1:
        return dy
    dx = empty((len(dy) // k, *dy.shape[1:]), dy)
    matmul(ones(k, dy), dy.reshape(k, -1), out=dx.reshape(-1))
    return dx
