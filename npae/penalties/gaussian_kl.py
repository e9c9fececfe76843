"""The Kullback-Leibler divergence of a Gaussian code from the standard normal distribution.

The encoder outputs [μ | log σ²] for every sample. Each number of its code has the distribution q = N(μ, σ²); the prior
is p = N(0, 1). For one number z = μ + σ ε with ε ~ N(0, 1),

    ln q(z) = −½ ln 2π − ½ log σ² − ½ ε²                ln p(z) = −½ ln 2π − ½ z²

    KL(q ‖ p) = E_q[ln q(z) − ln p(z)] = ½ E[z²] − ½ E[ε²] − ½ log σ²
              = ½ (μ² + σ² − 1 − log σ²)                since E[z²] = μ² + σ² and E[ε²] = 1

The numbers of a code are independent, so their divergences add. With the mean over the batch,

    Ω = 1/B Σ_i Σ_j ½ [ μ_ij² + σ_ij² − 1 − log σ_ij² ],        σ² = e^{log σ²}
    ∂Ω/∂μ_ij = μ_ij/B                                           pulls the mean to 0
    ∂Ω/∂(log σ_ij²) = ½ (σ_ij² − 1)/B                           pulls the standard deviation to 1

Every term is ≥ 0, and 0 only for μ = 0, σ = 1: then the code does not depend on the input. σ² − 1 is computed as
expm1(log σ²), which is accurate for small log σ².

Kingma & Welling 2014, "Auto-encoding variational Bayes", appendix B. With λ = β ≠ 1: β-VAE, Higgins et al. 2017.
"""

from typing import Any

from npae.backend import Array, Scalar, elementwise, empty, expm1, total
from npae.layers.base import Cache
from npae.penalties.base import Penalty


@elementwise
def _divergence(mean, log_var):
    return 0.5 * (mean * mean + expm1(log_var) - log_var)


@elementwise
def _divergence_and_gradient(mean, log_var, scale):
    excess = expm1(log_var)
    return 0.5 * (mean * mean + excess - log_var), mean * scale, 0.5 * scale * excess


class GaussianKL(Penalty):
    """λ/B Σ_i KL(N(μ_i, σ_i²) ‖ N(0, 1)), in nats, of codes h = [μ | log σ²] (B, 2d).

    Args:
        strength: λ, the β of a β-VAE.

    Example:
        >>> import numpy as np
        >>> from npae.penalties import GaussianKL
        >>> GaussianKL().per_sample(np.array([[0.0, 0.0], [1.0, 0.0]]))
        array([0. , 0.5])
    """

    term = "kl"

    def __init__(self, strength: float = 1.0):
        super().__init__(strength)

    def value(self, model: Any, h: Array, cache: Cache) -> Scalar:
        """λ/B Σ_i KL_i."""
        divergence = _divergence(*_halves(h))
        return total(divergence, self.strength / len(h))

    def value_and_gradient(self, model: Any, h: Array, cache: Cache) -> tuple[Scalar, Array]:
        """The value, and ∂λΩ/∂h = λ/B [μ | ½ (σ² − 1)]."""
        mean, log_var = _halves(h)
        dh, d = empty(h.shape, h), mean.shape[1]
        divergence = empty(mean.shape, h)
        _divergence_and_gradient(mean, log_var, self.strength / len(h), out=(divergence, dh[:, :d], dh[:, d:]))
        return total(divergence, self.strength / len(h)), dh

    def per_sample(self, h: Array) -> Array:
        """KL_i of every sample, without λ: (B,)."""
        return _divergence(*_halves(h)).sum(axis=1)


def _halves(h: Array) -> tuple[Array, Array]:
    d = h.shape[1] // 2
    return h[:, :d], h[:, d:]
