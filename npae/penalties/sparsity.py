"""Sparsity: of many code units, few shall be active at a time. Two ways to ask for it.

**KL divergence**, for logistic units. A unit's activity over the batch is its mean, as if it were the probability of
a coin; the penalty is its distance from a coin that lands on 1 with the small probability ρ:

    ρ̂_j = 1/B Σ_i h_ij
    Ω   = Σ_j KL(ρ ‖ ρ̂_j) = Σ_j  ρ ln(ρ/ρ̂_j) + (1 − ρ) ln((1 − ρ)/(1 − ρ̂_j))

Ω couples the samples of a batch, unlike any loss. The chain rule goes through the mean, and there the 1/B comes from:

    ∂Ω/∂ρ̂_j   = −ρ/ρ̂_j + (1 − ρ)/(1 − ρ̂_j)          zero where ρ̂_j = ρ
    ∂ρ̂_j/∂h_ij = 1/B
    ∂Ω/∂h_ij  = 1/B [ −ρ/ρ̂_j + (1 − ρ)/(1 − ρ̂_j) ]   the same for every sample i

**L1**, for any units: Ω = 1/B Σ_i Σ_j |h_ij|, with ∂Ω/∂h_ij = sign(h_ij)/B. It can be dodged: halve the encoder's
weights and double the decoder's, and Ω is half of what it was, with nothing sparser. Weight decay stops that.

Ng 2011, "Sparse autoencoder", CS294A lecture notes (UFLDL): λ is its β, ρ its ρ, and its squared error is ours.
"""

from npae.backend import dot, elementwise, empty, flat, log, matmul, maximum, minimum, ones, rows
from npae.layers import Sigmoid
from npae.penalties.base import Penalty

LEAST = 1e-6  # ρ̂ is kept this far from 0 and 1, where KL is infinite: float32 has silent units, with ρ̂ = 0


@elementwise
def _divergence_and_slope(total, share, rho, scale):
    q = minimum(maximum(total * share, LEAST), 1 - LEAST)
    divergence = rho * log(rho / q) + (1 - rho) * log((1 - rho) / (1 - q))
    return divergence, ((1 - rho) / (1 - q) - rho / q) * scale


@elementwise
def _scaled_sign(h, scale):
    return ((h > 0) * scale) - ((h < 0) * scale)


class KLSparsity(Penalty):
    """λ Σ_j KL(ρ ‖ ρ̂_j): the mean activity ρ̂_j of every code unit over the batch shall be ρ.

    weight: λ (UFLDL's β: 3, beside a squared error on small images). rho: ρ, above 0 and below 1.
    The encoder must end in Sigmoid, whose codes lie in (0, 1): raises ValueError otherwise. A unit that is silent on
    the whole batch, ρ̂ = 0 in float32, counts as one of ρ̂ = 10⁻⁶, with that one's finite slope.
    ρ̂ is of the batch at hand, so take batches in which a unit of activity ρ shows: some 100 rows or more. Several
    workers take each the mean of its own rows, and `evaluate` averages over its batches.
    """

    term = "sparsity"

    def __init__(self, weight, rho=0.05):
        super().__init__(weight)
        if not 0 < rho < 1:
            raise ValueError(f"KLSparsity: expected a target activity rho between 0 and 1, got {rho}.")
        self.rho = float(rho)

    def value(self, model, h, cache):
        """λ Σ_j KL(ρ ‖ ρ̂_j)."""
        return self._value_and_slope(model, rows(h))[0]

    def value_and_gradient(self, model, h, cache):
        """The value, and ∂λΩ/∂h: one row, λ/B ∂KL/∂ρ̂, for all samples."""
        value, slope = self._value_and_slope(model, rows(h))
        dh = empty(h.shape, h)
        rows(dh)[...] = slope
        return value, dh

    def _value_and_slope(self, model, h):
        last = [layer for _, layer in model.encoder.leaves()][-1]
        if not isinstance(last, Sigmoid):
            raise ValueError(
                f"{self!r}: expected an encoder that ends in Sigmoid, since KL compares activities between 0 and 1, "
                f"got one that ends in {last!r}. Take Sigmoid codes, or another penalty: L1(weight)."
            )
        size, n = h.shape
        total = matmul(ones(size, h), h, out=empty((n,), h))
        divergence, slope = _divergence_and_slope(total, 1 / size, self.rho, self.weight / size)
        return dot(divergence, ones(n, h)) * self.weight, slope

    def config(self):
        return {"weight": self.weight, "rho": self.rho}


class L1(Penalty):
    """λ/B Σ_i Σ_j |h_ij|: sum over the code units, mean over the batch. Its slope at h = 0 is taken to be 0."""

    term = "l1"

    def value(self, model, h, cache):
        """λ/B Σ_i Σ_j |h_ij|."""
        return self.value_and_gradient(model, h, cache)[0]

    def value_and_gradient(self, model, h, cache):
        """∂λΩ/∂h = λ/B sign(h); and the value, ⟨h, ∂λΩ/∂h⟩, since |h| = h sign(h)."""
        dh = _scaled_sign(h, self.weight / len(h))
        return dot(flat(h), flat(dh)), dh
