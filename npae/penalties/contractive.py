"""Contractive penalty: make the code insensitive to small input changes, unless reconstruction requires otherwise.

    Ω = 1/B Σ_i ‖A_i‖²_F,     A_i = ∂h_i/∂x_i, the Jacobian of the encoder, of shape (code, input)

For one dense layer, a = x W + b and h = φ(a), there is a closed form. For one sample (the index i is left out):

    A_jk  = ∂h_j/∂x_k = φ′(a_j) W_kj
    ‖A‖²  = Σ_j Σ_k φ′(a_j)² W_kj² = Σ_j φ′(a_j)² n_j          n_j = Σ_k W_kj², the squared norm of unit j's weights

so no Jacobian is ever formed. Ω depends on W directly and through a. The direct part, with a fixed, is

    ∂Ω/∂W_kj = 1/B Σ_i φ′(a_ij)² · 2 W_kj = 2 W_kj m_j         m_j = 1/B Σ_i φ′(a_ij)²

The part through a is, since the derivative of φ′² is 2 φ′φ″,

    ∂Ω/∂a_ij = 1/B · 2 φ′(a_ij) φ″(a_ij) n_j

Without it the result is not the gradient of Ω: for 200 sigmoid units on digits, the cosine between the two is about 0.7
for Glorot's initial weights, and about 0.1 for eight times these weights.

The penalty returns a gradient with respect to h. The encoder's backward pass multiplies it by φ′(a), and then computes
the gradients xᵀ ∂Ω/∂a of W and Σ_i ∂Ω/∂a_i of b. This already contributes one factor φ′, so the penalty returns

    ∂Ω/∂h_ij = 2/B φ″(a_ij) n_j

and never has to divide by φ′. The loss needs this backward pass anyway; the penalty adds sweeps over h and W, and sums.

For a linear layer, φ(a) = a, all φ′ are 1 and Ω = ‖W‖²_F: weight decay. For a ReLU, φ″ = 0 almost everywhere: a unit's
weights decay in proportion to the fraction of samples on which it is active. Ω also jumps where a unit becomes
inactive, which no gradient shows.

Rifai, Vincent, Muller, Glorot & Bengio 2011, "Contractive auto-encoders: explicit invariance during feature
extraction", ICML. Their J is a sum over the training set, ours a mean, which does not change the ratio of the terms.
With cross-entropy their λ is ours. Their squared error has no ½, so with SquaredError their λ is twice ours.
"""

from itertools import dropwhile
from typing import Any

from npae.backend import Array, Scalar, dot, elementwise, sum_rows
from npae.layers import Corruption, Dense, Flatten, Layer, Reshape, Sequential
from npae.layers.base import Cache
from npae.penalties.base import Penalty


@elementwise
def _square(W):
    return W * W


@elementwise(out=("d", "dd"))
def _square_and_gradient(d, dd, n, scale):
    return d * d, dd * n * scale


@elementwise
def _columns_times(W, m, scale):
    return W * m * scale


class Contractive(Penalty):
    """λ/B Σ_i ‖∂h_i/∂x_i‖²_F, for an encoder of one Dense layer with any activation.

    Flatten, Reshape and a Corruption may come before it; x is then the corrupted input. A deep encoder is trained layer
    by layer, as a stack of autoencoders (models.Stacked). Raises ValueError for any other encoder.

    Args:
        strength: λ.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.penalties import Contractive
        >>> model = dense_autoencoder([64, 16], code_activation="sigmoid", penalties=[Contractive(0.1)])
        >>> sorted(model.evaluate(np.zeros((100, 64), np.float32)))
        ['contraction', 'reconstruction']
    """

    term = "contraction"

    def value(self, model: Any, h: Array, cache: Cache) -> Scalar:
        """λ/B Σ_j n_j Σ_i φ′(a_ij)²."""
        return self._parts(model, h, cache)[0]

    def value_and_gradient(self, model: Any, h: Array, cache: Cache) -> tuple[Scalar, Array]:
        """(λΩ, ∂λΩ/∂h = 2λ/B φ″(a) n), adding the direct part, 2λ W m, to the gradient of W."""
        value, dh, dense, sums = self._parts(model, h, cache)
        dense.W.add(_columns_times(dense.W.value, sums, 2 * self.strength / len(h)))  # ∂λΩ/∂W += 2λ W m
        return value, dh

    def _parts(self, model: Any, h: Array, cache: Cache) -> tuple[Scalar, Array, Dense, Array]:
        """(λΩ, ∂λΩ/∂h, the Dense layer, Σ_i φ′(a_ij)²)."""
        dense, (_, kept) = self._dense_layer(model.encoder, cache)
        W, size = dense.W.value, len(h)
        n = sum_rows(_square(W))  # n_j = Σ_k W_kj²
        d, dd = dense.activation.derivatives(h, kept)  # φ′(a), φ″(a)
        squares, dh = _square_and_gradient(d, dd, n, 2 * self.strength / size, out=(d, dd))
        sums = sum_rows(squares)
        return dot(sums, n) * (self.strength / size), dh, dense, sums

    def _dense_layer(self, encoder: Layer, cache: Cache) -> tuple[Dense, Any]:
        """(the Dense layer, its cache) of an encoder that has one, and no other layer with parameters."""
        layers, caches = (list(encoder), cache) if isinstance(encoder, Sequential) else ([encoder], [cache])
        match list(dropwhile(lambda layer: isinstance(layer, (Flatten, Reshape, Corruption)), layers)):
            case [Dense() as dense]:
                return dense, caches[-1]
        raise ValueError(
            f"{self!r}: expected an encoder of one Dense layer, for which ‖∂h/∂x‖² has a closed form (Flatten, Reshape "
            f"and a Corruption may come before), got {', '.join(map(repr, layers))}. Give the activation to the layer, "
            "Dense(n, m, Sigmoid), and train a deep encoder layer by layer, as a stack of autoencoders."
        )
