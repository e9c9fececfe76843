"""The dense (fully connected) layer: an affine map and an activation.

With a batch x of shape (B, n_in), weights W (n_in, n_out), a bias row b (n_out,) and an activation φ:

    a = x W + b                  a_ij = Σ_k x_ik W_kj + b_j
    h = φ(a)                     h_ij = φ(a_ij)

The chain rule, number by number, with dh for ∂J/∂h and da for ∂J/∂a:

    ∂J/∂a_ij = ∂J/∂h_ij · φ′(a_ij)                                  da = dh ⊙ φ′(a)
    ∂J/∂W_kj = Σ_i ∂J/∂a_ij · ∂a_ij/∂W_kj = Σ_i da_ij x_ik          ∂J/∂W = xᵀ da
    ∂J/∂b_j  = Σ_i da_ij                                            ∂J/∂b = Σ_i da_i
    ∂J/∂x_ik = Σ_j da_ij W_kj                                       ∂J/∂x = da Wᵀ

For one sample as a column, a = Wᵀ x + b has ∂a/∂x = Wᵀ, so ∂J/∂x = (∂a/∂x)ᵀ da = W da; as a row, this is da Wᵀ.

Goodfellow, Bengio & Courville 2016, "Deep Learning", section 6.5.4, algorithm 6.4.
"""

from npae.backend import Array, Config, Parameter, as_int, check_input, check_shape, empty, matmul
from npae.layers import initializers
from npae.layers.activations import ActivationLike, as_activation, suffix
from npae.layers.base import Cache, Gradient, Layer
from npae.layers.initializers import InitializerLike

FLATTEN = "Flatten images first: dense_autoencoder(sizes, image_shape=(28, 28)), say, or layers.Flatten()."


class Dense(Layer):
    """h = φ(x W + b), from (batch, n_in) to (batch, n_out). b starts at zero.

    A model file contains the weights, and the initializer's name if it has one. Raises ValueError for sizes below 1.

    Args:
        n_in: the number of features of x.
        n_out: the number of units.
        activation: φ, as a name ("relu"), a class or an instance; None: φ(a) = a, a linear layer.
        initializer: of W, by name or as a function (rng, shape), see npae.layers.initializers; None: he_uniform for
            rectifiers and glorot_uniform otherwise.

    Example:
        >>> import numpy as np
        >>> from npae.layers import Dense
        >>> layer = Dense(784, 32, "relu").initialize(seed=0)
        >>> x = np.ones((5, 784), np.float32)
        >>> h, cache = layer.forward(x, training=True)
        >>> dx = layer.backward(np.ones_like(h), cache)
        >>> h.shape, dx.shape, layer.W.grad.shape
        ((5, 32), (5, 784), (784, 32))
    """

    def __init__(self, n_in: int, n_out: int, activation: ActivationLike = None, initializer: InitializerLike = None):
        self.n_in, self.n_out = as_int(n_in, "n_in of Dense", least=1), as_int(n_out, "n_out of Dense", least=1)
        self.activation = as_activation(activation, "Dense")
        self.W = Parameter("W", (self.n_in, self.n_out), initializers.get(initializer or self.activation.initializer))
        self.b = Parameter("b", (self.n_out,), initializers.zeros)
        self.parameters, self.in_shape = (self.W, self.b), (self.n_in,)

    def forward(self, x: Array, training: bool = False) -> tuple[Array, Cache]:
        """h = φ(x W + b). The cache is x, and what φ′ is computed from."""
        W, b = self.W.value, self.b.value
        check_input(self, x, (self.n_in,), W, FLATTEN)
        h, kept = self.activation.forward_affine(x, W, b)  # h = φ(x W + b)
        return h, (x, kept)

    def backward(self, dy: Array, cache: Cache, needs_dx: bool = True) -> Gradient:
        """∂J/∂W += xᵀ da,  ∂J/∂b += Σ_i da_i;  returns ∂J/∂x = da Wᵀ. dy is dh: the layer's output y is h."""
        x, kept = cache
        da = self.activation.backward(dy, kept)  # da = dh ⊙ φ′(a)
        self.W.add_product(x.T, da, right_sum=self.b)  # ∂J/∂W += xᵀ da,  ∂J/∂b += Σ_i da_i
        if needs_dx:
            return matmul(da, self.W.value.T, out=empty(x.shape, x))  # ∂J/∂x = da Wᵀ

    def config(self) -> Config:
        return {"n_in": self.n_in, "n_out": self.n_out, "activation": self.activation,
                "initializer": initializers.name_of(self.W.initializer)}  # fmt: skip

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        check_shape(self, shape, (self.n_in,), FLATTEN)
        return (self.n_out,)

    def __repr__(self):
        return f"Dense({self.n_in} -> {self.n_out}{suffix(self.activation)})"
