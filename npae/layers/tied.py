"""Tied weights: a decoder layer that uses the encoder's matrix, transposed.

With the weights W (n_in, n_out) of a dense layer, codes h of shape (B, n_out) and a bias row b (n_in,) of its own:

    y = h Wᵀ + b                 y_ik = Σ_j h_ij W_kj + b_k

    ∂J/∂W_kj += Σ_i dy_ik h_ij                       ∂J/∂W += dyᵀ h
    ∂J/∂h_ij  = Σ_k dy_ik W_kj                       ∂J/∂h  = dy W
    ∂J/∂b_k   = Σ_i dy_ik                            ∂J/∂b  = Σ_i dy_i

W acts twice, so that ∂J/∂W is the sum of what comes through both: here dyᵀ h, and xᵀ da from the encoder. Gradients are
added to, whoever comes first, and the one W lies once in θ.

Vincent, Larochelle, Lajoie, Bengio & Manzagol 2010, "Stacked denoising autoencoders", JMLR 11, section 3.1.
"""

from npae.backend import empty, matmul
from npae.layers import initializers
from npae.layers.base import check_input, check_shape
from npae.layers.dense import Affine, Dense
from npae.layers.parameters import Parameter


class TiedDense(Affine):
    """y = h Wᵀ + b, from (batch, n_out) to (batch, n_in) of the Dense layer `dense`, whose W it shares.

    Raises TypeError for any other layer.
    """

    def __init__(self, dense):
        if not isinstance(dense, Dense):
            raise TypeError(f"TiedDense: expected the Dense layer whose weights it shares, got {dense!r}.")
        self.dense = dense
        self.W, self.b = dense.W, Parameter("b", (dense.n_in,), initializers.zeros)
        self.parameters = (self.W, self.b)

    def product(self, h):
        W = self.W.value
        check_input(self, h, (self.dense.n_out,), W)
        return matmul(h, W.T, out=empty((len(h), self.dense.n_in), h))

    def backward(self, dy, h, needs_dx=True):
        """∂J/∂W += dyᵀ h,  ∂J/∂b += Σ_i dy_i;  returns ∂J/∂h = dy W."""
        self.W.add_grad(matmul, dy.T, h)
        self.add_bias_gradient(dy)
        if needs_dx:
            return matmul(dy, self.W.value, out=empty(h.shape, h))

    def config(self):
        return {"dense": self.dense}

    def out_shape(self, shape):
        check_shape(self, shape, (self.dense.n_out,))
        return (self.dense.n_in,)

    def __repr__(self):
        return f"TiedDense({self.dense.n_out} -> {self.dense.n_in})"
