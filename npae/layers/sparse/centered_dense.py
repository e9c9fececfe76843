"""Dense layer of inputs from which the decoder's bias is subtracted: the encoder of a sparse autoencoder.

The decoder returns x̂ = h Ŵ + c. If no unit is active, x̂ = c, so c is the centre from which the units describe x. The
encoder takes the difference from this centre, with the same c (the pre-bias). With a row W_j (n_in,) for each unit:

    a = (x − c) Wᵀ + b           a_ij = (x_i − c) · W_j + b_j

    ∂J/∂W_jk = Σ_i da_ij (x_ik − c_k)                    ∂J/∂W = daᵀ (x − c)
    ∂J/∂b_j  = Σ_i da_ij                                 ∂J/∂b = Σ_i da_i =: s
    ∂J/∂c_k  = Σ_i Σ_j da_ij · (−W_jk) = −Σ_j s_j W_jk   ∂J/∂c = −s W
    ∂J/∂x_ik = Σ_j da_ij W_jk                            ∂J/∂x = da W

c acts on all samples alike, so ∂J/∂c needs the product of W with one row, not with one row per sample. The decoder adds
its own part of ∂J/∂c.

Bricken et al. 2023, "Towards monosemanticity: decomposing language models with dictionary learning"; Gao et al. 2024,
"Scaling and evaluating sparse autoencoders", arXiv 2406.04093, equation 1.
"""

from npae.backend import (
    Array,
    Config,
    Parameter,
    check_input,
    check_shape,
    elementwise,
    empty,
    matmul,
    nonzeros,
    sparse_matmul_transposed,
    sum_rows,
)
from npae.layers import initializers
from npae.layers.activations import Identity
from npae.layers.base import Cache, Gradient, Layer
from npae.layers.sparse.unit_dense import UnitDense, random_directions


@elementwise
def minus(x, c):
    """x − c, of arrays of one shape or of rows and one row."""
    return x - c


class CenteredDense(Layer):
    """a = (x − c) Wᵀ + b, from (batch, decoder.n_out) to (batch, decoder.n_in), where c is the decoder's bias.

    b starts at 0. Raises TypeError unless `decoder` is UnitDense, ValueError for x of another shape.

    Args:
        decoder: the layer that maps the units back, and has c.

    Example:
        >>> from npae.layers import CenteredDense, Sequential, TopK, UnitDense
        >>> decoder = UnitDense(3072, 384)
        >>> encoder = Sequential(CenteredDense(decoder), TopK(32))
        >>> encoder[0], encoder[0].c is decoder.c
        (CenteredDense(384 -> 3072), True)
    """

    def __init__(self, decoder: UnitDense):
        if not isinstance(decoder, UnitDense):
            name = type(self).__name__
            raise TypeError(f"{name}: expected the UnitDense layer whose c it subtracts, got {decoder!r}.")
        self.decoder, self.n_in, self.n_out = decoder, decoder.n_out, decoder.n_in
        self.W = Parameter("W", (self.n_out, self.n_in), random_directions)
        self.b, self.c = Parameter("b", (self.n_out,), initializers.zeros), decoder.c
        self.parameters, self.in_shape = (self.W, self.b, self.c), (self.n_in,)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """a = (x − c) Wᵀ + b. The cache is x − c."""
        check_input(self, x, (self.n_in,), self.W.value)
        x = minus(x, self.c.value)
        return Identity().forward_affine(x, self.W.value.T, self.b.value)[0], x

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂W += daᵀ (x − c),  ∂J/∂b += s,  ∂J/∂c −= s W;  returns ∂J/∂x = da W. dy is da."""
        s, dx = self.backward_of_product(dy, cache, needs_dx)  # dy is da
        self.b.add(s)  # ∂J/∂b += s
        return dx

    def backward_of_product(self, da: Array, x: Array, needs_dx: bool) -> tuple[Array, Gradient]:
        """(s, ∂J/∂x) of (x − c) Wᵀ, adding to the gradients of W and c.

        Args:
            da: ∂J/∂((x − c) Wᵀ).
            x: x − c.
            needs_dx: False: ∂J/∂x is not needed.
        """
        W, places = self.W.value, nonzeros(da, self.n_in)
        self.W.accumulate(lambda out: sparse_matmul_transposed(da, places, x, out=out))  # ∂J/∂W += daᵀ (x − c)
        s = sum_rows(da)  # s = Σ_i da_i
        self.c.add(matmul(s, W, out=empty((self.n_in,), da)), -1.0)  # ∂J/∂c −= s W
        return s, matmul(da, W, out=empty(x.shape, x)) if needs_dx else None  # ∂J/∂x = da W

    def config(self) -> Config:
        return {"decoder": self.decoder}

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, (self.n_in,))
        return (self.n_out,)

    def __repr__(self):
        return f"{type(self).__name__}({self.n_in} -> {self.n_out})"
