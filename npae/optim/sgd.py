"""Stochastic gradient descent, with momentum μ and Nesterov's correction.

    plain        θ ← θ − η g                                     g = ∂J/∂θ on this minibatch, η the learning rate
    momentum     u ← μ u + g;     θ ← θ − η u                     for a constant g, u approaches g/(1 − μ)
    Nesterov     u ← μ u + g;     θ ← θ − η (g + μ u)             looks ahead by one step of the momentum

Polyak 1964; Sutskever, Martens, Dahl & Hinton 2013, "On the importance of initialization and momentum in deep
learning", section 2, in the form that takes the gradient at the stored θ (Bengio, Boulanger-Lewandowski & Pascanu 2013,
section 3.5).
"""

from npae.backend import elementwise
from npae.optim.base import Optimizer


@elementwise(out=("theta",))
def _plain(theta, g, lr):
    return theta - lr * g


@elementwise(out=("theta", "u"))
def _momentum(theta, u, g, lr, mu):
    u = mu * u + g
    return theta - lr * u, u


@elementwise(out=("theta", "u"))
def _nesterov(theta, u, g, lr, mu):
    u = mu * u + g
    return theta - lr * (g + mu * u), u


class SGD(Optimizer):
    """θ ← θ − η g, with momentum μ (0: none) and optionally Nesterov's form.

    Raises ValueError unless 0 ≤ μ < 1, and for Nesterov's form without momentum.
    """

    def __init__(self, lr=0.01, momentum=0.0, nesterov=False):
        super().__init__(lr)
        if not 0 <= momentum < 1:
            raise ValueError(f"SGD: expected 0 <= momentum < 1, got {momentum}.")
        if nesterov and not momentum:
            raise ValueError("SGD: Nesterov's form needs a momentum above 0, such as momentum=0.9.")
        self.momentum, self.nesterov = momentum, nesterov
        self.state_names = ("u",) if momentum else ()

    def update(self, value, grad, lr):
        """The update at the top of this file, in place."""
        if not self.momentum:
            _plain(value, grad, lr, out=value)
            return
        u, rule = self.state["u"], _nesterov if self.nesterov else _momentum
        rule(value, u, grad, lr, self.momentum, out=(value, u))

    def config(self):
        return {"lr": self.lr, "momentum": self.momentum, "nesterov": self.nesterov}
