"""The contract of a penalty: a term λΩ of the objective J beside the reconstruction loss.

    J(θ) = 1/B Σ_i ℓ(x̂_i, x_i)  +  Σ_k λ_k Ω_k

Ω may depend on the codes h = f(x) of the batch (sparsity), on parameters (weight decay), or on both (the contractive
penalty). A penalty returns the part of its gradient that goes through the codes, ∂λΩ/∂h. The model adds it to the
gradient of the loss, and the encoder's backward pass computes the parameters' gradients from the sum. The penalty
itself adds the direct part, ∂λΩ/∂θ with the codes fixed, to the parameters' gradients.
"""

from typing import Any

from npae.backend import Array, Config, Scalar, Serializable, as_float
from npae.layers.base import Cache


class Penalty(Serializable):
    """λΩ. Subclasses set `term`, its name in the history, and implement value and value_and_gradient.

    Args:
        strength: λ, ValueError unless 0 < λ < ∞.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.gradcheck import check_model
        >>> from npae.penalties import Penalty
        >>> class CodeNorm(Penalty):  # ½ 1/B Σ_i ‖h_i‖²
        ...     term = "code_norm"
        ...     def value(self, model, h, cache):
        ...         return self.value_and_gradient(model, h, cache)[0]
        ...     def value_and_gradient(self, model, h, cache):
        ...         dh = self.strength / len(h) * h
        ...         return 0.5 * (h * dh).sum(), dh
        >>> model = dense_autoencoder([5, 2], dtype="float64", penalties=[CodeNorm(0.1)])
        >>> check_model(model, np.random.default_rng(0).random((4, 5))) < 1e-6
        True
    """

    registry = {}
    term = "penalty"

    def __init__(self, strength: float):
        self.strength = as_float(strength, f"strength λ of {type(self).__name__}", above=0)

    def value(self, model: Any, h: Array, cache: Cache) -> Scalar:
        """λΩ, a scalar on the device.

        Args:
            model: the autoencoder; it has an encoder, and named_parameters().
            h: the codes of the batch, as model.encoder.forward(x) returned them.
            cache: what it returned beside h.
        """
        raise NotImplementedError

    def value_and_gradient(self, model: Any, h: Array, cache: Cache) -> tuple[Scalar, Array | None]:
        """(λΩ, ∂λΩ/∂h or None), adding ∂λΩ/∂θ to the gradients of the parameters on which Ω depends directly.

        Args:
            model, h, cache: as for value.
        """
        raise NotImplementedError

    def config(self) -> Config:
        return {"strength": self.strength}
