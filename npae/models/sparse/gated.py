"""The gated sparse autoencoder: gates are penalised, magnitudes are not, so that activations do not shrink.

    h = H(g) max(m, 0)           gates g and magnitudes m of the encoder                 layers.GatedDense
    x̂ = h Ŵ + c                  the decoder                                             layers.UnitDense
    g⁺ = max(g, 0),  x̃ = g⁺ Ŵ′ + c′                   Ŵ′ and c′ are Ŵ and c, as constants (no gradient)
    J = 1/B Σ_i [ ½ ‖x̂_i − x_i‖²  +  λ Σ_j g⁺_ij  +  ½ ‖x̃_i − x_i‖² ]

The step H(g) passes no gradient to the gates. They learn from the second term to be closed, and from the third to be
open where x needs the unit. Their gradient is that of a sparse autoencoder with codes g⁺ under L1, whose decoder is
fixed:

    dx̃_i = (x̃_i − x_i)/B         dg_ij = [g_ij > 0] (dx̃_i · Ŵ_j + λ/B)

x̂ is computed from the magnitudes alone once the gates are fixed: dh = dx̂ Ŵᵀ as in models/autoencoder.py. So ∂J/∂θ is
the derivative of J with Ŵ′, c′ fixed. With respect to Ŵ and c in the third term, J has another derivative, which is
left out by definition: they shall be chosen for x̂ alone.

The paper's squared errors have no ½, so its λ is twice ours.

Rajamanoharan et al. 2024, "Improving dictionary learning with gated sparse autoencoders", arXiv 2404.16014, equations
6 to 8.
"""

import numpy as np

from npae.backend import Array, Config, DTypeLike, as_float, as_int, elementwise, maximum, total
from npae.layers import GatedDense, UnitDense
from npae.models.base import Terms
from npae.models.phases import frozen
from npae.models.sparse.dictionary import Dictionary


@elementwise
def _positive(gate):
    return maximum(gate, 0)


@elementwise(out=("d",))
def _gate_gradient(d, gate, share):
    return (d + share) * (gate > 0)


class GatedSparseAutoencoder(Dictionary):
    """An Autoencoder with gates that choose the active units, under squared error.

    Args:
        n_in: the number of features.
        n_units: the number of units, usually several times n_in.
        strength: λ, the strength of the L1 norm of the gates. A larger λ leaves fewer units active.
        dead_after: a unit is dead that was 0 on so many samples in a row.
        seed: draws the first values of the parameters; None leaves them without (to load a file).
        dtype: of the parameters, float32 or float64.

    Raises ValueError for sizes below 1 and for a strength that is not positive. Dead units begin anew by
    train.Resample.

    Example:
        >>> import numpy as np
        >>> from npae import GatedSparseAutoencoder, fit
        >>> x = np.random.default_rng(0).normal(size=(500, 8))
        >>> model = GatedSparseAutoencoder(8, 32, strength=0.3)
        >>> history = fit(model, x, epochs=3, progress="none")
        >>> [name for name in history.columns if name in history.terms]
        ['reconstruction', 'gate_l1', 'gate_reconstruction']
        >>> history["loss"][-1] < history["loss"][0]
        True
    """

    def __init__(self, n_in: int, n_units: int, strength: float, dead_after: int = 10_000, seed: int | None = 0,
                 dtype: DTypeLike = np.float32):  # fmt: skip
        name = type(self).__name__
        self.strength = as_float(strength, f"strength λ of {name}", above=0)
        n_in, n_units = as_int(n_in, f"n_in of {name}", least=1), as_int(n_units, f"n_units of {name}", least=1)
        first = GatedDense(UnitDense(n_units, n_in))
        super().__init__(first, first, dead_after, (), seed, dtype)

    def backpropagate(self, batch: Array | tuple[Array, Array]) -> Terms:
        """Add ∂J/∂θ on the batch, x or (x, target), to theta.grad. Returns the terms of J by name, on the device."""
        x, target = batch if isinstance(batch, tuple) else (batch, batch)
        h, cache = self.first.forward(x, training=True)
        x_hat, decoder_cache = self.decoder.forward(h, training=True)
        terms = {}
        terms["reconstruction"], dx_hat = self.loss.value_and_gradient(x_hat, target)
        dh = self.decoder.backward_where_active(dx_hat, decoder_cache)
        gate, share = cache[-1], self.strength / len(x)
        positive = _positive(gate)  # g⁺
        terms["gate_l1"] = total(positive, share)
        with frozen(self.decoder):  # Ŵ′ and c′
            x_tilde, gate_cache = self.decoder.forward(positive, training=True)
            terms["gate_reconstruction"], dx_tilde = self.loss.value_and_gradient(x_tilde, target)
            d = self.decoder.backward_where_active(dx_tilde, gate_cache)
        self.first.backward(dh, cache, needs_dx=False, dgate=_gate_gradient(d, gate, share, out=d))
        self.count(decoder_cache)
        return terms

    def evaluate_batch(self, batch: Array | tuple[Array, Array]) -> Terms:
        """The terms of J on the batch, x or (x, target), as at inference, by name."""
        x, target = batch if isinstance(batch, tuple) else (batch, batch)
        h, cache = self.first.forward(x)
        positive = _positive(cache[-1])
        mean = lambda codes: self.loss.per_sample(self.decoder(codes), target).mean(dtype=np.float64)  # noqa: E731
        return {
            "reconstruction": mean(h),
            "gate_l1": total(positive, self.strength / len(x)),
            "gate_reconstruction": mean(positive),
        }

    def config(self) -> Config:
        return {"n_in": self.n_in, "n_units": self.n_units, "strength": self.strength, "dead_after": self.dead_after}

    def __repr__(self) -> str:
        return f"GatedSparseAutoencoder({self.n_in} -> {self.n_units}, strength={self.strength:g})"
