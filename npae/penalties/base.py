"""The contract of a penalty: a term λΩ of the objective J beside the reconstruction loss.

    J(θ) = 1/B Σ_i ℓ(x̂_i, x_i)  +  Σ_k λ_k Ω_k

Ω may depend on the codes h = f(x) of the batch (sparsity), on parameters (weight decay), or on both (the contractive
penalty). A penalty returns the part of its gradient that goes through the codes, ∂λΩ/∂h. The model adds it to the
gradient of the loss, and the encoder's backward pass computes the parameters' gradients from the sum. The penalty
itself adds the direct part, ∂λΩ/∂θ with the codes fixed, to the parameters' gradients.
"""

from npae.backend import Serializable


class Penalty(Serializable):
    """λΩ. Subclasses set `term`, its name in the history, and implement value and value_and_gradient.

    strength: λ. Raises ValueError unless it is above 0.
    """

    registry = {}
    term = "penalty"

    def __init__(self, strength):
        if not strength > 0:
            raise ValueError(f"{type(self).__name__}: expected a strength λ above 0, got {strength}.")
        self.strength = float(strength)

    def value(self, model, h, cache):
        """λΩ, a scalar on the device. h, cache: what model.encoder.forward(x) returned for the batch."""
        raise NotImplementedError

    def value_and_gradient(self, model, h, cache):
        """(λΩ, ∂λΩ/∂h or None), adding ∂λΩ/∂θ to the gradients of the parameters on which Ω depends directly."""
        raise NotImplementedError

    def config(self):
        return {"strength": self.strength}
