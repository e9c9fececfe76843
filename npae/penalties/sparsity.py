"""Sparsity penalties: the KL divergence of mean activities, and the L1 norm of the code.

**KL divergence**, for sigmoid units. A unit's activity ρ̂_j is its mean over the batch. Read it as the probability that
the unit is on. The penalty is the divergence of the Bernoulli distribution with ρ̂_j from that with a small target ρ:

    ρ̂_j = 1/B Σ_i h_ij
    Ω   = Σ_j KL(ρ ‖ ρ̂_j) = Σ_j [ ρ ln(ρ/ρ̂_j) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂_j)) ]

KL is not a distance, since it is not symmetric. In this order, the target first, it grows without bound as ρ̂_j → 0, so
units that are never active are driven back. The other order, KL(ρ̂_j ‖ ρ), is at most −ln(1 − ρ) for ρ̂_j ≤ ρ.

Ω couples the samples of a batch, unlike any loss. The chain rule goes through the mean, which brings in 1/B:

    ∂Ω/∂ρ̂_j   = −ρ/ρ̂_j + (1 − ρ)/(1 − ρ̂_j)          zero where ρ̂_j = ρ
    ∂ρ̂_j/∂h_ij = 1/B
    ∂Ω/∂h_ij  = 1/B [ −ρ/ρ̂_j + (1 − ρ)/(1 − ρ̂_j) ]   the same for every sample i

**L1 norm**, for any units: Ω = 1/B Σ_i Σ_j |h_ij|, with ∂Ω/∂h_ij = sign(h_ij)/B. For linear units or ReLU, Ω can fall
without any sparsity: halve the encoder's W and b, double the decoder's W, and x̂ stays. Weight decay prevents this.

Ng 2011, "Sparse autoencoder", CS294A lecture notes (UFLDL). Our λ is called β there; the squared error is the same.
"""

from typing import Any

from npae.backend import (
    Array,
    Config,
    Scalar,
    as_float,
    dot,
    elementwise,
    empty,
    flat,
    log,
    maximum,
    minimum,
    rows,
    sum_rows,
    total,
)
from npae.layers import Identity, Sigmoid
from npae.layers.base import Cache
from npae.layers.output import output_activation
from npae.penalties.base import Penalty

MIN_ACTIVITY = 1e-6  # ρ̂ is clipped to this distance from 0 and 1, where KL is infinite


@elementwise
def _divergence_and_derivative(total, share, rho, scale):
    q = minimum(maximum(total * share, MIN_ACTIVITY), 1 - MIN_ACTIVITY)
    divergence = rho * log(rho / q) + (1 - rho) * log((1 - rho) / (1 - q))
    return divergence, ((1 - rho) / (1 - q) - rho / q) * scale


@elementwise
def _scaled_sign(h, scale):
    return ((h > 0) * scale) - ((h < 0) * scale)


class KLSparsity(Penalty):
    """λ Σ_j KL(ρ ‖ ρ̂_j), where ρ̂_j is the mean activity of code unit j over the batch, and ρ its target.

    The encoder must end in Sigmoid, whose codes lie in (0, 1): raises ValueError otherwise. A unit that is 0 on the
    whole batch, as float32 allows, counts as one with ρ̂ = 10⁻⁶, and has a finite derivative.
    ρ̂ is estimated from one batch, so use batches of 100 rows or more. In data-parallel training each process uses the
    mean over its own rows, and `evaluate` averages Ω over its batches.

    Args:
        strength: λ (UFLDL uses 3, with squared error on small images).
        rho: ρ, above 0 and below 1.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.penalties import KLSparsity
        >>> penalties = [KLSparsity(3.0, rho=0.01)]
        >>> model = dense_autoencoder([64, 100], code_activation="sigmoid", loss="mse", penalties=penalties)
        >>> sorted(model.evaluate(np.zeros((100, 64), np.float32)))
        ['reconstruction', 'sparsity']
    """

    term = "sparsity"

    def __init__(self, strength: float, rho: float = 0.05):
        super().__init__(strength)
        self.rho = as_float(rho, "rho of KLSparsity", above=0, below=1)

    def value(self, model: Any, h: Array, cache: Cache) -> Scalar:
        """λ Σ_j KL(ρ ‖ ρ̂_j)."""
        return self._value_and_derivative(model, rows(h))[0]

    def value_and_gradient(self, model: Any, h: Array, cache: Cache) -> tuple[Scalar, Array]:
        """(λΩ, ∂λΩ/∂h), whose rows all equal λ/B ∂KL/∂ρ̂."""
        value, derivative = self._value_and_derivative(model, rows(h))
        dh = empty(h.shape, h)
        rows(dh)[...] = derivative
        return value, dh

    def _value_and_derivative(self, model: Any, h: Array) -> tuple[Scalar, Array]:
        """(λΩ, λ/B ∂KL/∂ρ̂ for each unit)."""
        last = output_activation(model.encoder)
        if not isinstance(last, Sigmoid):
            end = "a linear layer" if isinstance(last, Identity) else repr(last)
            raise ValueError(
                f"{self!r}: expected an encoder that ends in Sigmoid, since KL compares activities between 0 and 1, "
                f"got one that ends in {end}. Give its last layer a Sigmoid, or use another penalty: L1(strength)."
            )
        sums, size = sum_rows(h), len(h)
        divergence, derivative = _divergence_and_derivative(sums, 1 / size, self.rho, self.strength / size)
        return total(divergence, self.strength), derivative

    def config(self) -> Config:
        return {"strength": self.strength, "rho": self.rho}


class L1(Penalty):
    """λ/B Σ_i Σ_j |h_ij|: sum over the code units, mean over the batch. At h = 0 its derivative is taken as 0.

    Args:
        strength: λ.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.penalties import L1, WeightDecay
        >>> model = dense_autoencoder([784, 500], penalties=[L1(0.1), WeightDecay(1e-4)])
        >>> [penalty.term for penalty in model.penalties]
        ['l1', 'weight_decay']
    """

    term = "l1"

    def value(self, model: Any, h: Array, cache: Cache) -> Scalar:
        """λ/B Σ_i Σ_j |h_ij|."""
        return self.value_and_gradient(model, h, cache)[0]

    def value_and_gradient(self, model: Any, h: Array, cache: Cache) -> tuple[Scalar, Array]:
        """(λΩ, ∂λΩ/∂h), where ∂λΩ/∂h = λ/B sign(h), and λΩ = ⟨h, ∂λΩ/∂h⟩ since |h| = h sign(h)."""
        dh = _scaled_sign(h, self.strength / len(h))
        return dot(flat(h), flat(dh)), dh
