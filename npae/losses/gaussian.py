"""Gaussian likelihoods: −ln p(x | z) for data that are real numbers, in nats.

The decoder says which x to expect, x̂, and how far off it may be, the standard deviation s of every feature:

    p(x | z) = Π_j N(x_j; x̂_j, s_j²)
    ℓ = −ln p(x | z) = ½ Σ_j [ (x_j − x̂_j)²/s_j² + ln 2π s_j² ]

The first term is squared error in units of s². The second keeps the density's integral at 1: it makes ℓ a number of
nats that can be compared between models and added to a divergence. Since a density may exceed 1, ℓ may be negative.

**One s for all features**, a constant. ½/s² is then the price of squared error against that of the code:

    ∂ℓ/∂x̂_j = (x̂_j − x_j)/s²

**An s of its own for every feature**, said by the decoder, whose output is [x̂ | a] with twice the features, along axis
1 (channels, for images): s² = m² + eᵃ, with a least deviation m. Without m, a feature that never varies (the black
margin of digits) would let s go to 0 and the density to infinity. With r = (x − x̂)²,

    ℓ = ½ Σ_j [ r/s² + ln 2π s² ]          ∂ℓ/∂(s²) = ½ (1/s² − r/s⁴),   ∂(s²)/∂a = eᵃ
    ∂ℓ/∂x̂ = (x̂ − x)/s²                    ∂ℓ/∂a = ½ eᵃ/s² · (1 − r/s²)

which is 0 where s² is the squared error to be expected. a is the logarithm of the variance above m².

Bishop 2006, "Pattern Recognition and Machine Learning", equations 1.46 and 1.62.
"""

import math

from npae.backend import array_module, dot, elementwise, empty, exp, log, ones, rows
from npae.losses.base import Loss, check_pair


@elementwise
def _terms_and_gradient(x_hat, x, precision, constant, scale):
    error = x_hat - x
    weighed = precision * error
    return 0.5 * (weighed * error) + constant, weighed * scale


class Gaussian(Loss):
    """ℓ = ½ Σ (x̂ − x)²/s² + ½ n ln 2πs² a sample of n features, s = `std`; gradient (x̂ − x)/(s² B).

    The network's output is the reconstruction itself. With std = 1 it is SquaredError plus a constant.
    """

    def __init__(self, std=1.0):
        if not 0 < std < math.inf:
            raise ValueError(f"Gaussian: expected a standard deviation above 0, got {std}.")
        self.std = float(std)

    def _terms(self, z, x, scale):
        check_pair(self, z, x)
        constant = 0.5 * math.log(2 * math.pi * self.std**2)
        return _terms_and_gradient(z, x, self.std**-2, constant, scale)

    def value_and_gradient(self, z, x):
        """J and ∂J/∂x̂ = (x̂ − x)/(s² B), in one pass."""
        terms, dz = self._terms(z, x, 1 / len(z))
        return dot(terms.reshape(-1), ones(z.size, z)) * (1 / len(z)), dz

    def per_sample(self, z, x):
        """ℓ_i of every sample, shape (B,)."""
        return rows(self._terms(z, x, 1.0)[0]).sum(axis=1)

    def config(self):
        return {"std": self.std}


@elementwise
def _terms_and_both_gradients(x_hat, a, x, least, scale):
    own = exp(a)
    variance = own + least
    error = x_hat - x
    weighed = error / variance
    share = weighed * error
    terms = 0.5 * (share + log((2 * math.pi) * variance))
    return terms, weighed * scale, 0.5 * scale * (own / variance) * (1 - share)


class HeteroscedasticGaussianNLL(Loss):
    """ℓ = ½ Σ (x̂ − x)²/s² + ln 2πs² a sample, from outputs [x̂ | a] along axis 1, with s² = m² + eᵃ.

    least: m, the smallest standard deviation that can be learnt; by default half a step of 8-bit pixels in [0, 1].
    The output is x̂. Raises ValueError unless the outputs have the targets' shape, with axis 1 twice as long.
    """

    def __init__(self, least=0.5 / 255):
        if not 0 < least < math.inf:
            raise ValueError(f"HeteroscedasticGaussianNLL: expected a least standard deviation above 0, got {least}.")
        self.least = float(least)

    def _terms(self, z, x, scale):
        n = x.shape[1] if x.ndim > 1 else 0
        if z.shape != (len(x), 2 * n, *x.shape[2:]):
            raise ValueError(
                f"{self!r}: expected outputs [x̂ | log s²] of twice the targets' shape {x.shape} along axis 1, "
                f"got {z.shape}. Let the decoder end in a linear layer with twice as many outputs."
            )
        x_hat, a = z[:, :n], z[:, n:]
        check_pair(self, x_hat, x)
        terms, dz = empty(x.shape, x), empty(z.shape, z)
        _terms_and_both_gradients(x_hat, a, x, self.least**2, scale, out=(terms, dz[:, :n], dz[:, n:]))
        return terms, dz

    def value_and_gradient(self, z, x):
        """J and ∂J/∂[x̂ | a], in one pass."""
        terms, dz = self._terms(z, x, 1 / len(x))
        return dot(terms.reshape(-1), ones(x.size, x)) * (1 / len(x)), dz

    def per_sample(self, z, x):
        """ℓ_i of every sample, shape (B,)."""
        return rows(self._terms(z, x, 1.0)[0]).sum(axis=1)

    def output(self, z):
        """x̂."""
        x_hat = z[:, : z.shape[1] // 2]
        return array_module(x_hat).ascontiguousarray(x_hat)

    def config(self):
        return {"least": self.least}
