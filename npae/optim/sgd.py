"""Stochastic gradient descent, with momentum μ and Nesterov's correction.

    plain        θ ← θ − η g                                     g = ∂J/∂θ on this minibatch, η the learning rate
    momentum     u ← μ u + g;     θ ← θ − η u                     for a constant g, u approaches g/(1 − μ)
    Nesterov     u ← μ u + g;     θ ← θ − η (g + μ u)             looks ahead by one step of the momentum

Polyak 1964; Sutskever, Martens, Dahl & Hinton 2013, "On the importance of initialization and momentum in deep
learning", section 2, in the form that takes the gradient at the stored θ (Bengio, Boulanger-Lewandowski & Pascanu 2013,
section 3.5).
"""

from npae.backend import Array, Config, as_float, elementwise, flushed, smallest_normal
from npae.optim.base import Optimizer


@elementwise(out=("theta",))
def _plain(theta, g, lr):
    return theta - lr * g


@elementwise(out=("theta", "u"))
def _momentum(theta, u, g, lr, mu, least):
    u = flushed(mu * u + g, least)
    return theta - lr * u, u


@elementwise(out=("theta", "u"))
def _nesterov(theta, u, g, lr, mu, least):
    u = flushed(mu * u + g, least)
    return theta - lr * (g + mu * u), u


class SGD(Optimizer):
    """θ ← θ − η g, with momentum μ and optionally Nesterov's form.

    Args:
        lr: the learning rate η.
        momentum: μ; 0: none.
        nesterov: use Nesterov's form?

    Raises ValueError unless 0 ≤ μ < 1, and for Nesterov's form without momentum.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.optim import SGD
        >>> x = np.random.default_rng(0).random((64, 5))
        >>> history = fit(dense_autoencoder([5, 2]), x, epochs=9, optimizer=SGD(0.1, momentum=0.9), progress="none")
        >>> history["loss"][-1] < history["loss"][0]
        True
    """

    def __init__(self, lr: float = 0.01, momentum: float = 0.0, nesterov: bool = False) -> None:
        super().__init__(lr)
        momentum = as_float(momentum, "momentum of SGD", least=0, below=1)
        if nesterov and not momentum:
            raise ValueError("SGD: Nesterov's form needs a momentum above 0, such as momentum=0.9.")
        self.momentum, self.nesterov = momentum, nesterov
        self.state_names = ("u",) if momentum else ()

    def update(self, value: Array, grad: Array, lr: float) -> None:
        """The update at the top of this file, in place."""
        if not self.momentum:
            _plain(value, grad, lr, out=value)
            return
        u, rule = self.state["u"], _nesterov if self.nesterov else _momentum
        rule(value, u, grad, lr, self.momentum, smallest_normal(value.dtype), out=(value, u))

    def config(self) -> Config:
        return {"lr": self.lr, "momentum": self.momentum, "nesterov": self.nesterov}
