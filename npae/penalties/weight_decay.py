"""Weight decay (L2 regularisation): penalise large weights.

    Ω = ½ Σ_l ‖W_l‖²_F = ½ Σ_l Σ_kj (W_l)_kj²          ∂Ω/∂W_l = W_l

over the weight matrices W_l of encoder and decoder. Biases are left out: they shift a unit's input but do not make the
function steeper. Ω does not depend on the batch, so no part of its gradient goes through the codes.

With plain SGD the step −η λ W multiplies every weight by 1 − ηλ, hence the name. Adam divides the decay term by √v̂ as
well, so parameters with large gradients decay less. optim.AdamW shrinks all weights alike; it is not a term of J.

Krogh & Hertz 1991, "A simple weight decay can improve generalization", NIPS 4.
"""

from typing import Any

from npae.backend import Array, Parameter, Scalar, dot
from npae.layers.base import Cache
from npae.penalties.base import Penalty


class WeightDecay(Penalty):
    """½λ Σ_l ‖W_l‖² over every parameter of the model named W; shared ones (tied weights) count once.

    Args:
        strength: λ.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.penalties import WeightDecay
        >>> model = dense_autoencoder([784, 32], penalties=[WeightDecay(1e-4)])
        >>> sorted(model.evaluate(np.zeros((100, 784), np.float32)))
        ['reconstruction', 'weight_decay']
    """

    term = "weight_decay"

    def value(self, model: Any, h: Array, cache: Cache) -> Scalar:
        """½λ Σ_l ‖W_l‖²."""
        flat = [W.value.reshape(-1) for W in _weights(model)]
        return sum(dot(w, w) for w in flat) * (0.5 * self.strength)

    def value_and_gradient(self, model: Any, h: Array, cache: Cache) -> tuple[Scalar, Array | None]:
        """(λΩ, None), adding ∂λΩ/∂W = λW to the gradient of every weight matrix."""
        for W in _weights(model):
            W.add(W.value, self.strength)  # ∂J/∂W += λ W
        return self.value(model, h, cache), None


def _weights(model: Any) -> list[Parameter]:
    return [p for _, p in model.named_parameters() if p.name == "W"]
