"""L0 penalty: the number of active units, for codes with learned thresholds.

    Ω = 1/B Σ_i ‖h_i‖₀ = 1/B Σ_i Σ_j H(a_ij − θ_j)           h_ij = a_ij H(a_ij − θ_j),  H(u) = [u > 0]

It counts, where L1 also shrinks what it counts. Ω is piecewise constant: its derivatives are 0 almost everywhere. With
respect to a they are left at 0. With respect to θ the pseudo-derivative of layers.JumpReLU is used (defined, not
measured; K is the kernel of width ε):

    ð/ðθ_j H(a_ij − θ_j) := −1/ε K((a_ij − θ_j)/ε)
    ∂Ω/∂(log θ_j) := −θ_j/B Σ_i 1/ε K((a_ij − θ_j)/ε)

1/B Σ_i 1/ε K is a kernel estimate of the density p_j(θ_j) of a_j at its threshold, and indeed the mean of Ω over the
data, Σ_j P(a_j > θ_j), has the derivative −p_j(θ_j).

Rajamanoharan et al. 2024, "Jumping ahead: improving reconstruction fidelity with JumpReLU sparse autoencoders", arXiv
2407.14435, equations 9 and 12.
"""

from typing import Any

from npae.backend import Array, Scalar, elementwise, empty, total
from npae.layers import JumpReLU, Sequential
from npae.layers.base import Cache
from npae.penalties.base import Penalty


@elementwise
def _is_active(h):
    return (h > 0) + (h < 0)


@elementwise
def _product(a, b):
    return a * b


class L0(Penalty):
    """λ/B Σ_i ‖h_i‖₀: the mean number of units that are not 0.

    The encoder must end in JumpReLU, whose thresholds it moves: raises ValueError otherwise.

    Args:
        strength: λ.

    Example:
        >>> import numpy as np
        >>> from npae import SparseAutoencoder
        >>> from npae.layers import JumpReLU
        >>> from npae.penalties import L0
        >>> model = SparseAutoencoder(8, 20, JumpReLU(20), penalties=[L0(0.01)], aux_k=0)
        >>> sorted(model.evaluate(np.ones((100, 8), np.float32)))
        ['l0', 'reconstruction']
    """

    term = "l0"

    def value(self, model: Any, h: Array, cache: Cache) -> Scalar:
        """λ/B Σ_i ‖h_i‖₀."""
        return total(_is_active(h), self.strength / len(h))

    def value_and_gradient(self, model: Any, h: Array, cache: Cache) -> tuple[Scalar, None]:
        """(λΩ, None), adding the pseudo-derivative to the gradient of log θ."""
        encoder = model.encoder
        layer, kept = (encoder[-1], cache[-1]) if isinstance(encoder, Sequential) else (encoder, cache)
        if not isinstance(layer, JumpReLU):
            raise ValueError(
                f"{self!r}: expected an encoder that ends in JumpReLU, since a count has a gradient only with respect "
                f"to thresholds, got one that ends in {layer!r}. Take layers.JumpReLU(n), or the penalty L1(strength)."
            )
        slope = _product(layer.near_threshold(kept), kept[1], out=empty((layer.n,), h))  # θ_j Σ_i 1/ε K
        layer.log_theta.add(slope, -self.strength / len(h))
        return self.value(model, h, cache), None
