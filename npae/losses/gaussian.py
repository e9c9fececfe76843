"""Gaussian negative log-likelihood: −ln p(x | z) for data that are real numbers, in nats.

The decoder returns the mean of x, x̂, and every feature j has a standard deviation s_j:

    p(x | z) = Π_j N(x_j; x̂_j, s_j²)
    ℓ = −ln p(x | z) = ½ Σ_j [ (x_j − x̂_j)²/s_j² + ln 2πs_j² ]

The first term is squared error in units of s². The second keeps the density's integral at 1: it makes ℓ a number of
nats that can be compared between models and added to a divergence. A density may exceed 1, so ℓ may be negative.

**One s for all features** (GaussianNLL), a constant: ½/s² is the weight of squared error against the divergence.

    ∂ℓ/∂x̂_j = (x̂_j − x_j)/s²

**An s for every feature** (HeteroscedasticGaussianNLL), an output of the decoder, which returns [x̂ | a] with twice the
features, along axis 1 (channels, for images): s² = m² + eᵃ, with a smallest standard deviation m. Without m, s → 0 at
a feature that never varies (the black margin of digits), and the density is unbounded. With r = (x − x̂)²,

    ℓ = ½ Σ_j [ r/s² + ln 2πs² ]          ∂ℓ/∂(s²) = ½ (1/s² − r/s⁴),   ∂(s²)/∂a = eᵃ
    ∂ℓ/∂x̂ = (x̂ − x)/s²                    ∂ℓ/∂a = ½ eᵃ/s² · (1 − r/s²)

The last is 0 where s² equals the squared error r. a is the logarithm of the variance above m².

**Range.** In float32 eᵃ is infinite from a = 88.8 on, and 2πs² from a = 86.9. So with b = min(a, 80) the code computes

    s² = m² + eᵇ          ℓ = ½ Σ_j [ r/s² + ln 2πs² + (a − b) ]

For a ≤ 80 this is the formula above to the bit, since a − b is exactly 0. For a > 80 and m ≤ 10⁹, m² is less than one
rounding error of eᵇ = 5.5·10³⁴, so that ln(m² + eᵇ) + (a − b) = b + (a − b) = a; and with errors below 10⁹, r/s² is
less than 2·10⁻¹⁷ with either s. ∂ℓ/∂a = ½ eᵇ/s² (1 − r/s²) is ½, as the formula above has it. The limits of s and m
make their squares, and 1/s², numbers of float32.

Bishop 2006, "Pattern Recognition and Machine Learning", equations 1.46 and 1.62.
"""

import math

from npae.backend import (
    Array,
    Config,
    Scalar,
    array_module,
    as_float,
    check_pair,
    elementwise,
    empty,
    exp,
    log,
    minimum,
    total,
)
from npae.losses.base import Loss

LARGEST = 80.0  # a up to here is taken as it is


@elementwise
def _terms_and_gradient(x_hat, x, precision, constant, scale):
    error = x_hat - x
    weighted = precision * error
    return 0.5 * (weighted * error) + constant, weighted * scale


@elementwise
def _terms_and_both_gradients(x_hat, a, x, min_variance, scale):
    b = minimum(a, LARGEST)
    own = exp(b)
    variance = own + min_variance
    error = x_hat - x
    weighted = error / variance
    share = weighted * error
    terms = 0.5 * (share + log((2 * math.pi) * variance) + (a - b))
    return terms, weighted * scale, 0.5 * scale * (own / variance) * (1 - share)


class GaussianNLL(Loss):
    """ℓ = ½ Σ_j [ (x̂_j − x_j)²/s² + ln 2πs² ] per sample; its gradient (x̂ − x)/(s² B).

    The prediction is the reconstruction x̂ itself. With s = 1 it is SquaredError plus a constant. Raises ValueError
    unless 10⁻¹⁸ ≤ s ≤ 10¹⁸.

    Args:
        std: s, the standard deviation of every feature, in its unit.

    Example:
        >>> import numpy as np
        >>> from npae.losses import GaussianNLL
        >>> GaussianNLL(std=0.5).per_sample(np.array([[0.0]]), np.array([[1.0]])).round(3)
        array([2.226])
    """

    def __init__(self, std: float = 1.0):
        self.std = as_float(std, "std of GaussianNLL", least=1e-18, most=1e18, cure="Scale the data.")

    def _terms(self, x_hat: Array, x: Array, scale: float) -> tuple[Array, Array]:
        """(ℓ_ij, scale · ∂ℓ/∂x̂)."""
        check_pair(self, x_hat, x)
        constant = 0.5 * math.log(2 * math.pi * self.std**2)
        return _terms_and_gradient(x_hat, x, self.std**-2, constant, scale)

    def value_and_gradient(self, prediction: Array, target: Array) -> tuple[Scalar, Array]:
        """J and ∂J/∂x̂ = (x̂ − x)/(s² B), in one pass."""
        B = len(target)
        terms, dx_hat = self._terms(prediction, target, 1 / B)
        return total(terms, 1 / B), dx_hat

    def per_feature(self, prediction: Array, target: Array) -> Array:
        """ℓ_ij, of the shape of x."""
        return self._terms(prediction, target, 1.0)[0]

    def config(self) -> Config:
        return {"std": self.std}


class HeteroscedasticGaussianNLL(Loss):
    """ℓ = ½ Σ_j [ (x̂_j − x_j)²/s_j² + ln 2πs_j² ] per sample, from predictions [x̂ | a] along axis 1, s² = m² + eᵃ.

    The output is x̂. Raises ValueError unless 10⁻¹⁸ ≤ m ≤ 10⁹, and unless the predictions have the targets' shape, with
    axis 1 twice as long.

    Args:
        min_std: m, the smallest standard deviation that can be learnt; by default half a step of 8-bit pixels in
            [0, 1].

    Example:
        >>> import numpy as np
        >>> from npae.losses import HeteroscedasticGaussianNLL
        >>> loss, x = HeteroscedasticGaussianNLL(), np.array([[0.3]])
        >>> certain, uncertain = np.array([[0.3, -4.0]]), np.array([[0.3, 0.0]])  # [x̂ | a]
        >>> loss.per_sample(certain, x).round(2), loss.per_sample(uncertain, x).round(2)
        (array([-1.08]), array([0.92]))
    """

    def __init__(self, min_std: float = 0.5 / 255):
        name = "min_std of HeteroscedasticGaussianNLL"
        self.min_std = as_float(min_std, name, least=1e-18, most=1e9, cure="Scale the data.")

    def _terms(self, prediction: Array, x: Array, scale: float) -> tuple[Array, Array]:
        """(ℓ_ij, scale · ∂ℓ/∂[x̂ | a])."""
        n = x.shape[1] if x.ndim > 1 else 0
        if prediction.shape != (len(x), 2 * n, *x.shape[2:]):
            raise ValueError(
                f"{self!r}: expected outputs [x̂ | log s²] of twice the targets' shape {x.shape} along axis 1, "
                f"got {prediction.shape}. Let the decoder end in a linear layer with twice as many outputs."
            )
        x_hat, a = prediction[:, :n], prediction[:, n:]
        check_pair(self, x_hat, x)
        terms, d = empty(x.shape, x), empty(prediction.shape, x)
        _terms_and_both_gradients(x_hat, a, x, self.min_std**2, scale, out=(terms, d[:, :n], d[:, n:]))
        return terms, d

    def value_and_gradient(self, prediction: Array, target: Array) -> tuple[Scalar, Array]:
        """J and ∂J/∂[x̂ | a], in one pass."""
        B = len(target)
        terms, d = self._terms(prediction, target, 1 / B)
        return total(terms, 1 / B), d

    def per_feature(self, prediction: Array, target: Array) -> Array:
        """ℓ_ij, of the shape of x."""
        return self._terms(prediction, target, 1.0)[0]

    def output(self, prediction: Array) -> Array:
        """x̂."""
        x_hat = prediction[:, : prediction.shape[1] // 2]
        return array_module(x_hat).ascontiguousarray(x_hat)

    def output_backward(self, dx_hat: Array, prediction: Array) -> Array:
        """[dx̂ | 0]: x̂ does not depend on a."""
        return array_module(dx_hat).concatenate([dx_hat, 0 * dx_hat], axis=1)

    def config(self) -> Config:
        return {"min_std": self.min_std}
