"""Gated encoder: one linear map decides which units are active, a scaled copy of it how active they are.

A penalty on the size of the activations also lowers those that are wanted (shrinkage). So two questions are separated.
With a row W_j (n_in,) for each unit, c the decoder's bias, and g, m the pre-activations of gate and magnitude:

    π = (x − c) Wᵀ               g_ij = π_ij + b_j            m_ij = e^(ρ_j) π_ij + d_j
    h_ij = H(g_ij) max(m_ij, 0)                               H(u) = [u > 0]

The matrix of the magnitudes is that of the gates, with each unit's row scaled by e^(ρ_j). For given gates,

    dm_ij = ∂J/∂h_ij H(g_ij) H(m_ij)                          ∂J/∂d_j = Σ_i dm_ij
    ∂J/∂ρ_j = Σ_i dm_ij e^(ρ_j) π_ij                          dπ_ij  = e^(ρ_j) dm_ij + dg_ij

H is constant almost everywhere, so h alone gives the gates no gradient, and ∂J/∂g = dg comes from terms of J that use g
itself (models.GatedSparseAutoencoder). The rest as in centered_dense.py, with s = Σ_i dπ_i:

    ∂J/∂b_j = Σ_i dg_ij          ∂J/∂W = dπᵀ (x − c)          ∂J/∂c = −s W          ∂J/∂x = dπ W

Rajamanoharan et al. 2024, "Improving dictionary learning with gated sparse autoencoders", arXiv 2404.16014, equations
6 and 7. Their r_mag is ρ, their b_gate is b, their b_mag is d.
"""

from npae.backend import (
    Array,
    Parameter,
    check_input,
    elementwise,
    empty,
    exp,
    matmul,
    maximum,
)
from npae.layers import initializers
from npae.layers.base import Cache, Gradient
from npae.layers.sparse.centered_dense import CenteredDense, minus
from npae.layers.sparse.unit_dense import UnitDense


@elementwise
def _exp(rho):
    return exp(rho)


@elementwise
def _gated(pi, b, scale, d):
    m = scale * pi + d
    gate = pi + b
    return maximum(m, 0) * (gate > 0), gate


@elementwise
def _backward(dh, h, pi, scale):
    dm = dh * (h > 0)
    return dm, dm * scale, dm * scale * pi


class GatedDense(CenteredDense):
    """h = H(π + b) max(e^ρ π + d, 0) with π = (x − c) Wᵀ, from (batch, decoder.n_out) to (batch, decoder.n_in).

    b, d and ρ start at 0: gate and magnitude agree. Raises TypeError unless `decoder` is UnitDense, ValueError for x of
    another shape.

    Args:
        decoder: the layer that maps the units back, and has c.

    Example:
        >>> import numpy as np
        >>> from npae.layers import GatedDense, UnitDense
        >>> layer = GatedDense(UnitDense(2, 3)).initialize(dtype="float64")
        >>> layer.W.value[...] = [[1, 0, 0], [0, 1, 0]]
        >>> layer.b.value[...] = [-1, 0]
        >>> layer(np.array([[0.9, 2.0, 0.0], [1.5, -1.0, 0.0]]))
        array([[0. , 2. ],
               [1.5, 0. ]])
    """

    def __init__(self, decoder: UnitDense):
        super().__init__(decoder)
        n = (self.n_out,)
        self.rho, self.d = Parameter("rho", n, initializers.zeros), Parameter("d", n, initializers.zeros)
        self.parameters = (self.W, self.b, self.rho, self.d, self.c)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """h = H(g) max(m, 0). The cache is (x − c, π, e^ρ, h, g)."""
        check_input(self, x, (self.n_in,), self.W.value)
        x = minus(x, self.c.value)
        pi, scale = matmul(x, self.W.value.T, out=empty((len(x), self.n_out), x)), _exp(self.rho.value)
        h, gate = _gated(pi, self.b.value, scale, self.d.value)
        return h, (x, pi, scale, h, gate)

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True, dgate: Array | None = None) -> Gradient:
        """∂J/∂x from ∂J/∂h, adding to the gradients of W, b, ρ, d and c.

        Args:
            dy: ∂J/∂h.
            cache: what forward returned beside h.
            needs_dx: False: ∂J/∂x is not needed.
            dgate: dg = ∂J/∂g of the terms that use the gates' pre-activations; None: 0.
        """
        x, pi, scale, h, _ = cache
        dm, dpi, drho = _backward(dy, h, pi, scale)
        self.rho.add_sum(drho)  # ∂J/∂ρ += Σ_i dm e^ρ π
        self.d.add_sum(dm)  # ∂J/∂d += Σ_i dm
        if dgate is not None:
            self.b.add_sum(dgate)  # ∂J/∂b += Σ_i dg
            dpi += dgate
        return self.backward_of_product(dpi, x, needs_dx)[1]  # ∂J/∂W += dπᵀ (x − c),  ∂J/∂c −= s W
