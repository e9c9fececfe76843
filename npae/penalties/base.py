"""The contract of a penalty: a term λΩ of J beside the loss, that asks for something else than a good reconstruction.

    J(θ) = 1/B Σ_i ℓ(x̂_i, x_i) + Σ_k λ_k Ω_k

Ω may depend on the codes h = f(x) of the batch (sparsity), on parameters (weight decay), or on both (the contraction
of an encoder). A penalty returns the part of its gradient that goes through the codes, ∂λΩ/∂h, which the encoder
carries on to its parameters together with the loss's; the part that acts on parameters directly it adds to theirs.
"""

from npae.backend import Serializable


class Penalty(Serializable):
    """λΩ. A new one sets `term`, its name in the history, and defines value and value_and_gradient.

    weight: λ. Raises ValueError unless it is above 0.
    """

    registry = {}
    term = "penalty"

    def __init__(self, weight):
        if not weight > 0:
            raise ValueError(f"{type(self).__name__}: expected a weight λ above 0, got {weight}.")
        self.weight = float(weight)

    def value(self, model, h, cache):
        """λΩ, a scalar on the device. h, cache: what model.encoder.forward(x) returned for the batch."""
        raise NotImplementedError

    def value_and_gradient(self, model, h, cache):
        """(λΩ, ∂λΩ/∂h or None), adding ∂λΩ/∂θ to the gradients of the parameters on which Ω depends directly."""
        raise NotImplementedError

    def config(self):
        return {"weight": self.weight}
