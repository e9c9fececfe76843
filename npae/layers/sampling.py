"""Sampling a code: a random layer that gradients pass through.

A variational encoder does not give a code but a distribution of codes, a Gaussian for each of d numbers. The encoder's
output is a row [μ | log σ²] of 2d numbers, and the code is drawn:

    z = μ + σ ε,      ε ~ N(0, 1),  σ = e^{½ log σ²}

Drawn like that, the randomness stands beside the network and not in it: for given ε, z is a smooth function of μ and
log σ², with

    ∂z/∂μ = 1                                         ∂J/∂μ       = ∂J/∂z
    ∂z/∂(log σ²) = ½ e^{½ log σ²} ε = ½ σ ε           ∂J/∂(log σ²) = ∂J/∂z ⊙ ½ σ ε

and the mean of these over ε is the derivative of the mean of J: the *reparameterisation trick* of Kingma & Welling
2014, "Auto-encoding variational Bayes", section 2.4.

`log_var` is the logarithm of the variance, here and everywhere in npae: σ is the exponential of its half. With
σ = e^{log_var}, a mistake that libraries have been shipped with, the layer would still have a derivative that agrees
with finite differences; the variance of its samples tells, and a test measures it.
"""

from npae.backend import elementwise, empty, exp, matmul, ones
from npae.layers.stochastic import Stochastic


@elementwise
def _draw(mean, log_var, noise):
    spread = exp(0.5 * log_var) * noise
    return mean + spread, 0.5 * spread


@elementwise
def _times(dz, slope):
    return dz * slope


class GaussianSample(Stochastic):
    """z = μ + σ ε in training, z = μ in inference: from statistics [μ | log σ²] (batch, 2d) to codes (batch, d).

    ε comes from one stream for each layer and epoch (Layer.reseed), or is an argument (`at`, `freeze`).
    Raises ValueError for statistics that are no matrix of an even number of columns.
    """

    def split(self, stats):
        """(μ, log σ²), views of shape (batch, d)."""
        if stats.ndim != 2 or stats.shape[1] % 2 or not stats.size:
            raise ValueError(
                f"{self!r}: expected rows [mean | log_var] of shape (batch, 2d), got {stats.shape}. "
                "For a code of d numbers let the encoder end in a linear layer with 2d outputs."
            )
        d = stats.shape[1] // 2
        return stats[:, :d], stats[:, d:]

    def draw(self, stats):
        """The next ε of the layer's stream for these statistics: (batch, d)."""
        return self.stream.normal(self.split(stats)[0])

    def noise_shape(self, x):
        return self.split(x)[0].shape

    def at(self, stats, noise):
        """z for given ε, and the cache (ε, ½ σ ε)."""
        mean, log_var = self.split(stats)
        z, slope = _draw(mean, log_var, noise)
        return z, (noise, slope)

    def forward(self, x, training=False):
        """z = μ + σ ε in training, with the cache (ε, ½ σ ε); z = μ in inference, without."""
        mean, _ = self.split(x)
        if training:
            return self.at(x, self.next(x))
        z = empty(mean.shape, mean)
        z[...] = mean
        return z, None

    def backward(self, dy, cache, needs_dx=True):
        """[∂J/∂μ | ∂J/∂(log σ²)] = [dz | dz ⊙ ½ σ ε], the latter zero in inference."""
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

    def out_shape(self, shape):
        return (shape[0] // 2,)


def copies(x, k):
    """k copies of a batch x (B, …), one after the other: (k B, …). x itself for k = 1."""
    if k == 1:
        return x
    y = empty((k * len(x), *x.shape[1:]), x)
    y.reshape(k, *x.shape)[...] = x
    return y


def tile_adjoint(dy, k):
    """The backward of `copies`: ∂J/∂x (B, …) from ∂J/∂y (k B, …), since x acts through every copy. dy for k = 1."""
    if k == 1:
        return dy
    dx = empty((len(dy) // k, *dy.shape[1:]), dy)
    matmul(ones(k, dy), dy.reshape(k, -1), out=dx.reshape(-1))
    return dx
