"""Contraction: the code shall not answer to small changes of the input, but where the data need it.

    Ω = 1/B Σ_i ‖J_i‖²_F,     J_i = ∂h_i/∂x_i,  of shape (code, input)

For one dense layer and an activation, a = x W + b, h = φ(a), there is a closed form. Sample by sample (i left out):

    J_jk  = ∂h_j/∂x_k = φ′(a_j) W_kj
    ‖J‖²  = Σ_j Σ_k φ′(a_j)² W_kj² = Σ_j φ′(a_j)² n_j          n_j = Σ_k W_kj², the length² of unit j's weights

so that no Jacobian is ever formed. W acts on it in two ways. Directly, with a held fast:

    ∂Ω/∂W_kj = 1/B Σ_i φ′(a_ij)² · 2 W_kj = 2 W_kj m_j         m_j = 1/B Σ_i φ′(a_ij)²

and through a, on which φ′ depends (here φ″ comes in, and without it the penalty pulls the wrong way):

    ∂Ω/∂a_ij = 1/B · 2 φ′(a_ij) φ″(a_ij) n_j

What the encoder's backward pass makes of a gradient on its codes is ∂Ω/∂a = ∂Ω/∂h ⊙ φ′(a), and then xᵀ ∂Ω/∂a for W and
Σ_i ∂Ω/∂a_i for b. One φ′ is already there: give it

    ∂Ω/∂h_ij = 2/B φ″(a_ij) n_j

and it does the rest, in the product that the loss needs anyway. The penalty itself costs two sweeps and two sums.

With φ(a) = a all φ′ are 1, and Ω is ‖W‖²: weight decay. With a ReLU, φ″ = 0 almost everywhere: W decays by the share of
samples on which its unit is active; that a unit could also switch off is a jump of Ω, of which no gradient tells.

Rifai, Vincent, Muller, Glorot & Bengio 2011, "Contractive auto-encoders: explicit invariance during feature
extraction", ICML. (Their J is a sum over the training set, ours a mean: λ is the same.)
"""

from itertools import dropwhile

from npae.backend import dot, elementwise, empty, matmul, ones
from npae.layers import Activation, Corruption, Dense, Flatten, Identity, Reshape, Sequential
from npae.penalties.base import Penalty

_LINEAR = Identity()


@elementwise
def _square(W):
    return W * W


@elementwise(out=("slope", "curvature"))
def _squared_slope_and_gradient(slope, curvature, n, scale):
    return slope * slope, curvature * n * scale


@elementwise
def _weighted_columns(W, m, scale):
    return W * m * scale


class Contractive(Penalty):
    """λ/B Σ_i ‖∂h_i/∂x_i‖²_F, of an encoder that is one Dense layer, with or without an activation behind it.

    Before the Dense layer there may be Flatten, Reshape, and a Corruption; with that one, x is the corrupted input. A
    deep encoder is contracted one layer at a time, as a stack. Raises ValueError for any other encoder.
    """

    term = "contraction"

    def value(self, model, h, cache):
        """λ/B Σ_j n_j Σ_i φ′(a_ij)²."""
        return self._parts(model, h, cache)[0]

    def value_and_gradient(self, model, h, cache):
        """∂λΩ/∂h = 2λ/B φ″(a) n; the direct part, 2λ W m, is added to the gradient of W."""
        value, dh, dense, sums = self._parts(model, h, cache)
        dense.W.add_grad(_weighted_columns, dense.W.value, sums, 2 * self.weight / len(h))
        return value, dh

    def _parts(self, model, h, cache):
        """(λΩ, ∂λΩ/∂h, the Dense layer, Σ_i φ′(a_ij)²)."""
        dense, activation, cache = self._closed_form(model.encoder, cache)
        W, (size, units) = dense.W.value, h.shape
        n = matmul(ones(dense.n_in, W), _square(W), out=empty((units,), W))
        slope, curvature = activation.derivatives(h, cache)
        squares, dh = _squared_slope_and_gradient(slope, curvature, n, 2 * self.weight / size, out=(slope, curvature))
        sums = matmul(ones(size, h), squares, out=empty((units,), h))
        return dot(sums, n) * (self.weight / size), dh, dense, sums

    def _closed_form(self, encoder, cache):
        """(the Dense layer, its activation, the activation's cache) of an encoder that has these and no more."""
        layers, caches = (list(encoder), cache) if isinstance(encoder, Sequential) else ([encoder], [cache])
        match list(dropwhile(lambda layer: isinstance(layer, (Flatten, Reshape, Corruption)), layers)):
            case [Dense() as dense]:
                return dense, _LINEAR, (None, None)
            case [Dense() as dense, Activation() as activation]:
                return dense, activation, caches[-1]
        raise ValueError(
            f"{self!r}: expected an encoder of one Dense layer and an activation, for which ‖∂h/∂x‖² has a closed form "
            f"(Flatten, Reshape and a Corruption may come before), got {', '.join(map(repr, layers))}. "
            "Train a deep encoder layer by layer, as a stack of autoencoders."
        )
