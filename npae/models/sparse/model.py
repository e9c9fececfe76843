"""The sparse autoencoder: one linear map, a sparse activation, and a dictionary of directions of unit norm.

    a = (x − c) Wᵀ + b          pre-activations, one for each direction                      layers.CenteredDense
    h = φ(a)                    most of them become 0: TopK, BatchTopK, JumpReLU or ReLU
    x̂ = h Ŵ_d + c               a sum of few directions, from the centre c                   layers.UnitDense
    J = 1/B Σ_i ½ ‖x̂_i − x_i‖² + J_aux + Σ_k λ_k Ω_k

    TopK(k)                     each sample has k units                     Makhzani & Frey 2013; Gao et al. 2024
    BatchTopK(k)                each batch of B samples has B k units       Bussmann et al. 2024
    JumpReLU(n) and L0(λ)       each unit has a threshold                   Rajamanoharan et al. 2024
    "relu" and L1(λ)            shrinks what it keeps                       Bricken et al. 2023

J_aux keeps units alive (auxiliary.py). W begins as the directions of the decoder, so that a unit is active where its
direction occurs. The derivative is that of an autoencoder (models/autoencoder.py); da also has the part from J_aux:

    dx̂ = (x̂ − x)/B              dh = dx̂ Ŵ_dᵀ              da = φ′(a) ⊙ dh + ∂J_aux/∂a

Only the first product, (x − c) Wᵀ, needs all units. Where h is 0, TopK and its like make da zero too, so the other four
use only the rows of active units (npae.backend.nonzeros).

`strength` of a penalty depends on the scale of x: divide x by its root mean square norm to use published values.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from npae.backend import Array, Config, DTypeLike, as_float, as_int, as_member
from npae.layers import Activation, BatchTopK, CenteredDense, JumpReLU, Layer, Sequential, TopK, UnitDense
from npae.models.base import Terms
from npae.models.sparse.auxiliary import auxiliary_loss
from npae.models.sparse.dictionary import Dictionary

if TYPE_CHECKING:
    from npae.penalties import Penalty


class SparseAutoencoder(Dictionary):
    """An Autoencoder with few active units per sample, under squared error.

    Train it with npae.fit, which centres c before the first step and records the health of the code (train/sparse.py).

    Args:
        n_in: the number of features.
        n_units: the number of units, usually several times n_in.
        activation: a layer such as TopK(32), BatchTopK(32) or JumpReLU(n_units), or an activation ("relu").
        penalties: the terms λΩ of J, such as L0(λ) for JumpReLU.
        aux_k: k_aux, how many dead units may reconstruct the residual of a sample; 0: no auxiliary loss. None: n_in
            // 2 (at most n_units), but 0 for an activation such as "relu", whose dead units have no positive a.
        aux_strength: α, its strength.
        dead_after: a unit is dead that was 0 on so many samples in a row.
        seed: draws the first values of the parameters; None leaves them without (to load a file).
        dtype: of the parameters, float32 or float64.

    Raises ValueError for sizes below 1, for k or aux_k above n_units and a JumpReLU of another size; TypeError for
    layers that are not activations.

    Example:
        >>> import numpy as np
        >>> from npae import SparseAutoencoder, fit
        >>> from npae.layers import BatchTopK
        >>> x = np.random.default_rng(0).normal(size=(500, 8))
        >>> model = SparseAutoencoder(8, 32, BatchTopK(3), dead_after=1000)
        >>> history = fit(model, x, epochs=3, progress="none")
        >>> history["loss"][-1] < history["loss"][0], history["fvu"][-1] < history["fvu"][0]
        (True, True)
        >>> model.encode(x).shape, model.decoder.directions.shape, model.dead.shape
        ((500, 32), (32, 8), (32,))
    """

    def __init__(self, n_in: int, n_units: int, activation: "Layer | type[Activation] | str",
                 penalties: "Sequence[Penalty]" = (), aux_k: int | None = None, aux_strength: float = 1 / 32,
                 dead_after: int = 10_000, seed: int | None = 0, dtype: DTypeLike = np.float32):  # fmt: skip
        n_in = as_int(n_in, "n_in of SparseAutoencoder", least=1)
        n_units = as_int(n_units, "n_units of SparseAutoencoder", least=1)
        self.activation = _activation(activation, n_units)
        if aux_k is None:
            aux_k = 0 if isinstance(self.activation, Activation) else min(n_in // 2, n_units)
        self.aux_k = as_int(aux_k, "aux_k of SparseAutoencoder", least=0, most=n_units)
        self.aux_strength = as_float(aux_strength, "aux_strength of SparseAutoencoder", above=0)
        first = CenteredDense(UnitDense(n_units, n_in))
        super().__init__(first, Sequential(first, self.activation), dead_after, penalties, seed, dtype)

    def backpropagate(self, batch: Array | tuple[Array, Array]) -> Terms:
        """Add ∂J/∂θ on the batch, x or (x, target), to theta.grad. Returns the terms of J by name, on the device."""
        x, target = batch if isinstance(batch, tuple) else (batch, batch)
        a, first_cache = self.first.forward(x, training=True)
        h, kept = self.activation.forward(a, training=True)
        x_hat, decoder_cache = self.decoder.forward(h, training=True)
        terms = {}
        terms["reconstruction"], dx_hat = self.loss.value_and_gradient(x_hat, target)
        where_active = self.activation.sparse_gradient
        backward = self.decoder.backward_where_active if where_active else self.decoder.backward
        dh = backward(dx_hat, decoder_cache)
        for penalty in self.penalties:
            terms[penalty.term], through_h = penalty.value_and_gradient(self, h, [first_cache, kept])
            if through_h is not None:
                dh += through_h
        da = self.activation.backward(dh, kept)
        if self.aux_k:
            terms["aux"] = auxiliary_loss(
                self.decoder, decoder_cache, a, da, self.since_active.value, target, x_hat,
                k=self.aux_k, strength=self.aux_strength, dead_after=self.dead_after,
            )  # fmt: skip
        self.first.backward(da, first_cache, needs_dx=False)
        self.count(decoder_cache)
        return terms

    def config(self) -> Config:
        return {"n_in": self.n_in, "n_units": self.n_units, "activation": self.activation,
                "penalties": list(self.penalties), "aux_k": self.aux_k, "aux_strength": self.aux_strength,
                "dead_after": self.dead_after}  # fmt: skip

    def __repr__(self) -> str:
        return f"SparseAutoencoder({self.n_in} -> {self.n_units}, {self.activation!r})"


def _activation(activation, n_units: int) -> Layer:
    """The layer behind the first one, whose size is checked here, not in the first step."""
    name = "SparseAutoencoder"
    if isinstance(activation, (TopK, BatchTopK)):
        as_int(activation.k, f"k of {activation!r} in {name}", most=n_units)
    elif isinstance(activation, JumpReLU):
        if activation.n != n_units:
            raise ValueError(f"{name}: expected JumpReLU({n_units}), a threshold for each unit, got {activation!r}.")
    else:
        return as_member(activation, Activation, name)
    return activation
