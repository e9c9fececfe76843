"""Tied weights: a decoder layer that uses the encoder's matrix, transposed.

With the weights W (n_in, n_out) of a dense layer, codes h of shape (B, n_out), a bias row b (n_in,) of its own and an
activation φ:

    a = h Wᵀ + b                 a_ik = Σ_j h_ij W_kj + b_k
    y = φ(a)                     y_ik = φ(a_ik)

    ∂J/∂a_ik  = ∂J/∂y_ik · φ′(a_ik)                  da = dy ⊙ φ′(a)
    ∂J/∂W_kj += Σ_i da_ik h_ij                       ∂J/∂W += daᵀ h
    ∂J/∂b_k   = Σ_i da_ik                            ∂J/∂b  = Σ_i da_i
    ∂J/∂h_ij  = Σ_k da_ik W_kj                       ∂J/∂h  = da W

W is used twice, so ∂J/∂W is the sum of two terms: daᵀ h from this layer and xᵀ da from the encoder's. Each layer adds
its term. θ contains W once.

Vincent, Larochelle, Lajoie, Bengio & Manzagol 2010, "Stacked denoising autoencoders", JMLR 11, section 3.1.
"""

from npae.backend import Array, Config, Parameter, check_input, check_shape, device_of, empty, matmul
from npae.layers import initializers
from npae.layers.activations import ActivationLike, as_activation, suffix
from npae.layers.base import Cache, Gradient, Layer
from npae.layers.dense import Dense


class TiedDense(Layer):
    """y = φ(h Wᵀ + b), from (batch, n_out) to (batch, n_in) of the Dense layer `dense`, whose W it shares.

    b starts at zero. Raises TypeError unless `dense` is Dense.

    Args:
        dense: the layer of the encoder.
        activation: φ, as for Dense; None: a linear layer.

    Example:
        >>> from npae.layers import Dense, Sequential, TiedDense
        >>> encoder = Dense(784, 32, "sigmoid")
        >>> decoder = TiedDense(encoder)
        >>> decoder, decoder.W is encoder.W
        (TiedDense(32 -> 784), True)
    """

    def __init__(self, dense: Dense, activation: ActivationLike = None):
        if not isinstance(dense, Dense):
            raise TypeError(f"TiedDense: expected the Dense layer whose weights it shares, got {dense!r}.")
        self.dense, self.activation = dense, as_activation(activation, "TiedDense")
        self.W, self.b = dense.W, Parameter("b", (dense.n_in,), initializers.zeros)
        self.parameters = (self.W, self.b)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """y = φ(h Wᵀ + b), h being x. The cache is h, and what φ′ is computed from."""
        W, b = self.W.value, self.b.value
        check_input(self, x, (self.dense.n_out,), W)
        y, kept = self.activation.forward_affine(x, W.T, b)  # y = φ(h Wᵀ + b)
        return y, (x, kept)

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂W += daᵀ h,  ∂J/∂b += Σ_i da_i;  returns ∂J/∂h = da W."""
        h, kept = cache
        da = self.activation.backward(dy, kept)  # da = dy ⊙ φ′(a)
        self.W.add_product(da.T, h, left_sum=self.b)  # ∂J/∂W += daᵀ h,  ∂J/∂b += Σ_i da_i
        if needs_dx:
            return matmul(da, self.W.value, out=empty(h.shape, h))  # ∂J/∂h = da W

    def untied(self) -> Dense:
        """A Dense layer that computes the same, with weights of its own: a copy of Wᵀ, and of b."""
        layer = Dense(self.dense.n_out, self.dense.n_in, self.activation)
        layer.initialize(dtype=self.b.value.dtype, device=device_of(self.b.value))
        layer.W.value[...], layer.b.value[...] = self.W.value.T, self.b.value
        return layer

    def config(self) -> Config:
        return {"dense": self.dense, "activation": self.activation}

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, (self.dense.n_out,))
        return (self.dense.n_in,)

    def __repr__(self):
        return f"TiedDense({self.dense.n_out} -> {self.dense.n_in}{suffix(self.activation)})"
