"""Dense layer with rows of unit norm: the dictionary of a sparse autoencoder.

A sparse code h says how much of each direction a sample has, and the decoder adds the directions up. If their lengths
were free, a penalty on the size of h would only make h smaller and W larger. So they have length 1. With a row W_j
(n_out,) for each of the n_in units, a bias row c (n_out,) and r_j = 1/‖W_j‖:

    Ŵ_j = r_j W_j                y = h Ŵ + c                y_ik = Σ_j h_ij Ŵ_jk + c_k

The layer is linear in Ŵ, so with G = ∂J/∂Ŵ (see dense.py):

    G = hᵀ dy                    G_jk = Σ_i h_ij dy_ik
    ∂J/∂c = Σ_i dy_i
    ∂J/∂h = dy Ŵᵀ                ∂J/∂h_ij = dy_i · Ŵ_j

From Ŵ_j to W_j, with ∂r_j/∂W_jl = −½ ‖W_j‖⁻³ · 2 W_jl = −r_j² Ŵ_jl:

    ∂Ŵ_jk/∂W_jl = r_j [k = l] + W_jk ∂r_j/∂W_jl = r_j ([k = l] − Ŵ_jk Ŵ_jl)
    ∂J/∂W_jl = Σ_k G_jk ∂Ŵ_jk/∂W_jl = r_j (G_jl − (G_j · Ŵ_j) Ŵ_jl)

This is G_j without its component along Ŵ_j, which could only change the length of W_j. Implementations that store Ŵ
itself remove this component from the gradient by hand, and divide each row by its norm after every step (Bricken et al.
2023, "Towards monosemanticity: decomposing language models with dictionary learning"; Gao et al. 2024, "Scaling and
evaluating sparse autoencoders", arXiv 2406.04093, appendix A). Here the chain rule removes it. Salimans & Kingma 2016,
"Weight normalization", equation 3, is the same derivative.

If most of h is 0, only the rows of W that belong to the other numbers are read (npae.backend.nonzeros).
"""

from typing import Any

import numpy as np

from npae.backend import (
    Array,
    Config,
    Parameter,
    array_module,
    as_int,
    check_input,
    check_shape,
    elementwise,
    empty,
    matmul,
    matmul_at,
    maximum,
    nonzeros,
    sparse_matmul,
    sparse_matmul_transposed,
    sqrt,
    sum_rows,
)
from npae.layers import initializers
from npae.layers.base import Cache, Gradient, Layer

SMALL = 1e-30  # a row of zeros has no direction: its Ŵ is 0


@elementwise(out=("y",))
def _plus(y, c):
    return y + c


@elementwise
def _product(a, b):
    return a * b


@elementwise
def _inverse_norm(square):
    return 1 / sqrt(maximum(square, SMALL))


def random_directions(rng: Any, shape: tuple[int, ...]) -> Array:
    """An initializer: rows of length 1, uniformly distributed over all directions.

    Normal numbers have no direction that they prefer; each row is divided by its norm.
    """
    W = rng.standard_normal(shape)
    return W / np.sqrt((W * W).sum(axis=1, keepdims=True))


class UnitDense(Layer):
    """y = h Ŵ + c, from (batch, n_in) to (batch, n_out), where the rows of Ŵ are those of W, divided by their norms.

    c starts at 0. Raises ValueError for sizes below 1, and for h of another shape.

    Args:
        n_in: the number of units, of which each has a direction.
        n_out: the number of features.

    Example:
        >>> import numpy as np
        >>> from npae.layers import UnitDense
        >>> layer = UnitDense(2, 3).initialize(seed=0, dtype="float64")
        >>> layer.W.value[...] = [[3, 0, 4], [0, 2, 0]]
        >>> layer(np.array([[10.0, 1.0]])).round(3)
        array([[6., 1., 8.]])
    """

    def __init__(self, n_in: int, n_out: int):
        self.n_in, self.n_out = as_int(n_in, "n_in of UnitDense", least=1), as_int(n_out, "n_out of UnitDense", least=1)
        self.W = Parameter("W", (self.n_in, self.n_out), random_directions)
        self.c = Parameter("c", (self.n_out,), initializers.zeros)
        self.parameters, self.in_shape = (self.W, self.c), (self.n_in,)

    @property
    def directions(self) -> Array:
        """Ŵ, a row of length 1 for each unit: (n_in, n_out)."""
        return self._directions()[0]

    def _directions(self) -> tuple[Array, Array]:
        """(Ŵ, r)."""
        W = self.W.value
        r = _inverse_norm(sum_rows(_product(W, W).T))
        return array_module(W).multiply(W, r[:, None], out=empty(W.shape, W)), r  # Ŵ_j = r_j W_j

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """y = h Ŵ + c, h being x. The cache is (h, where h is not 0, Ŵ, r, all rows)."""
        check_input(self, x, (self.n_in,), self.W.value)
        y, cache = self.combine(x)
        return _plus(y, self.c.value, out=y), cache  # y = h Ŵ + c

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂W_j += r_j (G_j − (G_j · Ŵ_j) Ŵ_j),  ∂J/∂c += Σ_i dy_i;  returns ∂J/∂h = dy Ŵᵀ."""
        self.c.add_sum(dy)  # ∂J/∂c += Σ_i dy_i
        self._add_weight_gradient(dy, cache)
        if needs_dx:
            return matmul(dy, cache[2].T, out=empty((len(dy), self.n_in), dy))  # ∂J/∂h = dy Ŵᵀ

    def backward_where_active(self, dy: Array, cache: Cache) -> Array:
        """As backward, for an h made by a layer with sparse_gradient: ∂J/∂h is needed only where h is not 0.

        Args:
            dy: ∂J/∂y.
            cache: what forward returned beside y.
        """
        self.c.add_sum(dy)
        return self.combine_backward(dy, cache)

    def combine(self, h: Array, unit: tuple[Array, Array] | None = None,
                rows: Array | slice = slice(None)) -> tuple[Array, Cache]:  # fmt: skip
        """(h Ŵ, cache): the layer without c.

        Args:
            h: (batch, n_in), or its columns of these units alone.
            unit: (Ŵ, r) if they are known, part of another cache.
            rows: the units, as an index of Ŵ's rows; by default all.
        """
        directions, r = unit or self._directions()
        places, used = nonzeros(h, self.n_out), directions[rows]
        y = sparse_matmul(h, places, used, out=empty((len(h), self.n_out), h))
        return y, (h, places, used, r[rows], rows)

    def combine_backward(self, dy: Array, cache: Cache) -> Array:
        """∂J/∂h where h is not 0, adding to the gradient of W.

        Args:
            dy: ∂J/∂(h Ŵ).
            cache: what combine returned.
        """
        self._add_weight_gradient(dy, cache)
        h, places, directions, *_ = cache
        return matmul_at(dy, directions, places, out=empty(h.shape, dy))

    def _add_weight_gradient(self, dy: Array, cache: Cache) -> None:
        """∂J/∂W_j += r_j (G_j − (G_j · Ŵ_j) Ŵ_j)."""
        h, places, directions, r, rows = cache

        def write(out: Array) -> None:
            G = sparse_matmul_transposed(h, places, dy, out=out)  # G = hᵀ dy
            along = sum_rows(_product(G, directions).T)  # G_j · Ŵ_j
            G -= array_module(G).multiply(directions, along[:, None], out=empty(G.shape, G))
            G *= r[:, None]

        if isinstance(rows, slice):
            self.W.accumulate(write)
        else:
            write(part := empty(directions.shape, directions))
            self.W.add_to_rows(rows, part)

    def config(self) -> Config:
        return {"n_in": self.n_in, "n_out": self.n_out}

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, (self.n_in,))
        return (self.n_out,)

    def __repr__(self):
        return f"UnitDense({self.n_in} -> {self.n_out})"
