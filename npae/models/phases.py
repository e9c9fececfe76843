"""Training phases: models with several objectives, and one step per objective on every minibatch.

Two adversaries have no common J: what lowers the objective of one raises that of the other. So on every minibatch x

    for each phase k, in order:         θ_k ← optimizer_k(θ_k, ∂J_k/∂θ_k)

θ_k is a part of the vector θ; the rest of θ is fixed in phase k. Each optimizer has its own moments. The parts may
overlap: the encoder of an adversarial autoencoder is trained in two phases. A plain model has one phase, itself.

A fixed network may stand between J_k and θ_k, as the discriminator does when the generator is trained. The derivative
passes through it, dx = (∂y/∂x)ᵀ dy, without any gradient for its own parameters. `frozen` does this.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from npae.backend import FlatParameters
from npae.layers import Layer
from npae.models.base import Terms


@dataclass(frozen=True)
class Phase:
    """One step of a model. Training and gradcheck.check_model use phases in place of models.

    Attributes:
        name: of the step; optimizers are given by it.
        layer: the part whose parameters are trained.
        backpropagate: a function of a batch that adds ∂J_k/∂θ_k to theta.grad and nothing to the gradients of other
            parts, and returns the terms of J_k by name.
    """

    name: str
    layer: Layer
    backpropagate: Callable[[Any], Terms]

    @property
    def theta(self) -> FlatParameters:
        """θ_k: the parameters of the layer, a part of the model's θ."""
        return self.layer.theta

    @property
    def parameter_count(self) -> int:
        """The number of parameters that are trained in this phase."""
        return self.layer.parameter_count


@contextmanager
def frozen(layer: Layer) -> Iterator[None]:
    """Within the block, `layer` does not learn: its parameters stay as they are, under every optimizer.

    Backward through the layer computes ∂J/∂x and leaves the gradients of its parameters unchanged. These are not
    computed at all: a Dense layer needs one matrix product less. Forward passes in training do not update running
    statistics. (What a whole step with momentum or weight decay would change, Optimizer.step puts back.)

    Args:
        layer: a part of a network, such as the encoder of a model.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.models import frozen
        >>> x = np.random.default_rng(0).random((50, 8))
        >>> model = dense_autoencoder([8, 2])
        >>> before = model.encode(x)
        >>> with frozen(model.encoder):  # trains the decoder alone
        ...     history = fit(model, x, epochs=1, progress="none")
        >>> np.array_equal(model.encode(x), before)
        True
    """
    parameters = [p for _, p in (*layer.named_parameters(), *layer.named_buffers()) if p.trainable]
    for p in parameters:
        p.trainable = False
    try:
        yield
    finally:
        for p in parameters:
            p.trainable = True
