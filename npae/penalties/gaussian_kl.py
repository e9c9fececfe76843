"""The Kullback-Leibler divergence of a Gaussian code from the standard normal one: what a variational code costs.

The encoder gives [μ | log σ²] for every sample; the code is z ~ q = N(μ, σ²), number by number, and p = N(0, 1) is
where codes are drawn from later. For one number, with z = μ + σ ε:

    ln q(z) = −½ ln 2π − ½ log σ² − ½ ε²                ln p(z) = −½ ln 2π − ½ z²

    KL(q ‖ p) = E[ln q(z) − ln p(z)] = ½ E[z²] − ½ E[ε²] − ½ log σ²
              = ½ (μ² + σ² − 1 − log σ²)                since E[z²] = μ² + σ², E[ε²] = 1

summed over the d numbers of a code, and averaged over the batch:

    Ω = 1/B Σ_i ½ Σ_j (μ² + e^{log σ²} − 1 − log σ²)_ij
    ∂Ω/∂μ = μ/B                                         codes are drawn to the middle,
    ∂Ω/∂(log σ²) = ½ (σ² − 1)/B                         and made neither sharper nor wider than 1

Every addend is ≥ 0, and 0 only at μ = 0, σ = 1, where the code says nothing about the input. σ² − 1 is computed as
expm1(log σ²), which is exact for small log σ².

Kingma & Welling 2014, "Auto-encoding variational Bayes", appendix B. With λ = β ≠ 1, the β-VAE of Higgins et al. 2017.
"""

from npae.backend import dot, elementwise, empty, expm1, ones
from npae.penalties.base import Penalty


@elementwise
def _divergence(mean, log_var):
    return 0.5 * (mean * mean + expm1(log_var) - log_var)


@elementwise
def _divergence_and_slopes(mean, log_var, scale):
    excess = expm1(log_var)
    return 0.5 * (mean * mean + excess - log_var), mean * scale, 0.5 * scale * excess


class GaussianKL(Penalty):
    """λ/B Σ_i KL(N(μ_i, σ_i²) ‖ N(0, 1)), in nats, of codes h = [μ | log σ²] (B, 2d). weight: λ, the β of a β-VAE."""

    term = "kl"

    def __init__(self, weight=1.0):
        super().__init__(weight)

    def value(self, model, h, cache):
        """λ/B Σ_i KL_i."""
        divergence = _divergence(*_halves(h))
        return dot(divergence.reshape(-1), ones(divergence.size, h)) * (self.weight / len(h))

    def value_and_gradient(self, model, h, cache):
        """The value, and ∂λΩ/∂h = λ/B [μ | ½ (σ² − 1)]."""
        mean, log_var = _halves(h)
        dh, d = empty(h.shape, h), mean.shape[1]
        divergence = empty(mean.shape, h)
        _divergence_and_slopes(mean, log_var, self.weight / len(h), out=(divergence, dh[:, :d], dh[:, d:]))
        return dot(divergence.reshape(-1), ones(divergence.size, h)) * (self.weight / len(h)), dh

    def per_sample(self, h):
        """KL_i, unweighted, of every sample, (B,)."""
        return _divergence(*_halves(h)).sum(axis=1)


def _halves(h):
    d = h.shape[1] // 2
    return h[:, :d], h[:, d:]
