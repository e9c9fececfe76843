"""Adam: a step for every parameter, scaled by how large and how noisy its gradient has been.

    m ← β₁ m + (1 − β₁) g           mean of the gradient, slowly forgetting
    v ← β₂ v + (1 − β₂) g²          mean of its square
    m̂ = m/(1 − β₁ᵗ),  v̂ = v/(1 − β₂ᵗ)       both start at 0 and are too small at first: E[m] = (1 − β₁ᵗ) E[g]
    θ ← θ − η m̂/(√v̂ + ε)

Kingma & Ba 2015, "Adam: a method for stochastic optimization", algorithm 1.

What is computed is the same with fewer multiplications. Keep the sums without their factors, M = m/(1 − β₁) and
V = v/(1 − β₂); then M ← β₁ M + g, V ← β₂ V + g², and with c₁ = (1 − β₁)/(1 − β₁ᵗ), c₂ = (1 − β₂)/(1 − β₂ᵗ)

    m̂/(√v̂ + ε) = c₁ M/(√c₂ √V + ε) = (c₁/√c₂) · M/(√V + ε/√c₂)

so the corrections are two numbers a step, η c₁/√c₂ and ε/√c₂, not two more sweeps over θ.
"""

import math

from npae.backend import elementwise, sqrt
from npae.optim.base import Optimizer


@elementwise(out=("theta", "M", "V"))
def _adam(theta, M, V, g, beta1, beta2, step, eps):
    M = beta1 * M + g
    V = beta2 * V + g * g
    return theta - step * M / (sqrt(V) + eps), M, V


@elementwise(out=("theta", "M", "V"))
def _adamw(theta, M, V, g, beta1, beta2, step, eps, keep):
    M = beta1 * M + g
    V = beta2 * V + g * g
    return keep * theta - step * M / (sqrt(V) + eps), M, V


class Adam(Optimizer):
    """θ ← θ − η m̂/(√v̂ + ε). State: M and V, the moments without their factors (see the head of this file).

    Raises ValueError unless 0 ≤ β₁, β₂ < 1 and ε > 0.
    """

    state_names = ("M", "V")

    def __init__(self, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(lr)
        if not (0 <= beta1 < 1 and 0 <= beta2 < 1 and eps > 0):
            raise ValueError(
                f"{type(self).__name__}: expected 0 <= beta1, beta2 < 1 and eps > 0, got {beta1}, {beta2}, {eps}."
            )
        self.beta1, self.beta2, self.eps = beta1, beta2, eps

    def numbers(self):
        """η c₁/√c₂ and ε/√c₂ at step t."""
        c1 = (1 - self.beta1) / (1 - self.beta1**self.t)
        root_c2 = math.sqrt((1 - self.beta2) / (1 - self.beta2**self.t))
        return self.lr * c1 / root_c2, self.eps / root_c2

    def update(self, value, grad, step, eps):
        """One step in place, one sweep over θ."""
        M, V = self.state["M"], self.state["V"]
        _adam(value, M, V, grad, self.beta1, self.beta2, step, eps, out=(value, M, V))

    def config(self):
        return {"lr": self.lr, "beta1": self.beta1, "beta2": self.beta2, "eps": self.eps}


class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← (1 − ηλ) θ − η m̂/(√v̂ + ε).

    Decay as a term of J would be divided by √v̂ like every gradient, and so act least where gradients are large; here
    it shrinks all parameters alike. Loshchilov & Hutter 2019, "Decoupled weight decay regularization", algorithm 2, but
    as PyTorch has it: λ is multiplied by the whole learning rate η, in the paper only by its schedule.
    """

    def __init__(self, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
        super().__init__(lr, beta1, beta2, eps)
        if weight_decay < 0:
            raise ValueError(f"AdamW: expected a weight decay of 0 or more, got {weight_decay}.")
        self.weight_decay = weight_decay

    def numbers(self):
        """Adam's two, and 1 − ηλ."""
        return *super().numbers(), 1 - self.lr * self.weight_decay

    def update(self, value, grad, step, eps, keep):
        """One step in place, one sweep over θ."""
        M, V = self.state["M"], self.state["V"]
        _adamw(value, M, V, grad, self.beta1, self.beta2, step, eps, keep, out=(value, M, V))

    def config(self):
        return super().config() | {"weight_decay": self.weight_decay}
