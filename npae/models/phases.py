"""Phases: for models that take several steps a minibatch, each with an objective and parameters of its own.

Adversaries have no common J: what one of them wants to lower, the other wants to raise. So on every minibatch x

    for each phase k, in order:         θ_k ← optimizer_k(θ_k, ∂J_k/∂θ_k)

where θ_k is a part of the one vector θ, and the rest is held fast; every optimizer has moments of its own. The parts
may overlap: the encoder of an adversarial autoencoder learns in two phases. A plain model has one phase, itself.

What is held fast may stand between J_k and θ_k, as a discriminator does when a generator learns: the derivative has to
pass through it, dx = (∂y/∂x)ᵀ dy, and leave nothing in it. That is `frozen`.
"""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

from npae.layers import Layer


@dataclass(frozen=True)
class Phase:
    """A step with a name: what training, and gradcheck.check_model, need to know of a model.

    layer: the part whose parameters learn. backpropagate(batch) -> terms: adds ∂J_k/∂θ_k to theta.grad, nothing to the
    gradient of any other part, and returns the terms of J_k by name.
    """

    name: str
    layer: Layer
    backpropagate: Callable

    @property
    def theta(self):
        """θ_k: the parameters of the layer, a part of the model's θ."""
        return self.layer.theta

    @property
    def parameter_count(self):
        """How many numbers learn in this phase."""
        return self.layer.parameter_count


@contextmanager
def frozen(layer):
    """While the block runs, backward passes through `layer` find ∂J/∂x and leave the gradients of its parameters alone.

    What would be added to them is not computed either: of the three products of a Dense layer one falls away. Forward
    passes in training leave running statistics (npae.layers.buffers) alone.
    """
    parameters = [p for p in layer.theta.parameters if p.learns]
    for p in parameters:
        p.learns = False
    try:
        yield
    finally:
        for p in parameters:
            p.learns = True
