"""Weight decay: large weights cost, so that they are there only where they pay.

    Ω = ½ Σ_W ‖W‖²_F = ½ Σ_W Σ_kj W_kj²          ∂Ω/∂W = W

over the weight matrices of encoder and decoder. Biases are left out: they say where a unit switches, and a large one
makes nothing steep. Ω does not depend on the batch, and so nothing of its gradient goes through the codes.

Under plain SGD the step −η λ W shrinks every weight by the factor 1 − ηλ, hence the name. Under Adam the gradient is
divided by its own size first, and frequent weights decay less; optim.AdamW shrinks all alike, and is no part of J.

Krogh & Hertz 1991, "A simple weight decay can improve generalization", NIPS 4.
"""

from npae.backend import dot, elementwise
from npae.penalties.base import Penalty


@elementwise
def _scaled(W, scale):
    return W * scale


class WeightDecay(Penalty):
    """½λ Σ ‖W‖² over every parameter of the model that is called W; a shared one (tied weights) counts once."""

    term = "weight_decay"

    def value(self, model, h, cache):
        """½λ Σ ‖W‖²."""
        flat = [W.value.reshape(-1) for W in _weights(model)]
        return sum(dot(w, w) for w in flat) * (0.5 * self.weight)

    def value_and_gradient(self, model, h, cache):
        """∂λΩ/∂W = λW is added to every weight matrix; the codes have no part in it."""
        for W in _weights(model):
            W.add_grad(_scaled, W.value, self.weight)
        return self.value(model, h, cache), None


def _weights(model):
    return [p for _, p in model.named_parameters() if p.name == "W"]
