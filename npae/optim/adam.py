"""Adam: adaptive moment estimation, a step size for each parameter from the moments of its gradient.

    m ← β₁ m + (1 − β₁) g           first moment: moving average of the gradient g = ∂J/∂θ
    v ← β₂ v + (1 − β₂) g²          second moment: moving average of its square
    m̂ = m/(1 − β₁ᵗ),  v̂ = v/(1 − β₂ᵗ)
    θ ← θ − η m̂/(√v̂ + ε)

Why the corrections: m starts at 0, so that after t steps m_t = (1 − β₁) Σ_s β₁^{t−s} g_s, and the weights of the
gradients g_1 … g_t add up to 1 − β₁ᵗ, not to 1. If the mean of g does not drift, E[m_t] = (1 − β₁ᵗ) E[g], so that
E[m̂] = E[g] from the first step on. The same holds for v.

The two corrections are the same for all parameters, so they are folded into two numbers per step:

    m̂/(√v̂ + ε) = (m/c₁)/(√v/√c₂ + ε) = (√c₂/c₁) · m/(√v + ε √c₂)         c₁ = 1 − β₁ᵗ,  c₂ = 1 − β₂ᵗ

A gradient of about 10²¹ makes (1 − β₂) g² larger than float32 can hold. Then v is infinite, and stays so: the parameter
would never move again. Training raises Diverged at the end of such an epoch. With g = 0, m and v end at 0 (`flushed`).

Kingma & Ba 2015, "Adam: a method for stochastic optimization", algorithm 1, and the end of section 2.
"""

import math

from npae.backend import Array, Config, as_float, elementwise, flushed, smallest_normal, sqrt
from npae.optim.base import Optimizer


@elementwise(out=("theta", "m", "v"))
def _adam(theta, m, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, least, rate, eps):
    m = flushed(beta1 * m + one_minus_beta1 * g, least)
    v = flushed(beta2 * v + one_minus_beta2 * g * g, least)
    return theta - rate * m / (sqrt(v) + eps), m, v


@elementwise(out=("theta", "m", "v"))
def _adamw(theta, m, v, g, beta1, one_minus_beta1, beta2, one_minus_beta2, least, rate, eps, shrink):
    m = flushed(beta1 * m + one_minus_beta1 * g, least)
    v = flushed(beta2 * v + one_minus_beta2 * g * g, least)
    return shrink * theta - rate * m / (sqrt(v) + eps), m, v


class Adam(Optimizer):
    """θ ← θ − η m̂/(√v̂ + ε), with the state m and v. Raises ValueError unless 0 ≤ β₁, β₂ < 1 and ε > 0.

    Args:
        lr: the learning rate η.
        beta1: β₁, of the first moment.
        beta2: β₂, of the second moment.
        eps: ε.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.optim import Adam
        >>> x = np.random.default_rng(0).random((64, 5))
        >>> history = fit(dense_autoencoder([5, 2]), x, epochs=9, optimizer=Adam(lr=0.01), progress="none")
        >>> history["loss"][-1] < history["loss"][0]
        True
    """

    state_names, squares = ("m", "v"), ("v",)
    _update = _adam

    def __init__(self, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> None:
        super().__init__(lr)
        name = type(self).__name__
        self.beta1 = as_float(beta1, f"beta1 of {name}", least=0, below=1)
        self.beta2 = as_float(beta2, f"beta2 of {name}", least=0, below=1)
        self.eps = as_float(eps, f"eps of {name}", above=0)

    def coefficients(self) -> tuple[float, ...]:
        """η √c₂/c₁ and ε √c₂ at step t."""
        c1, root_c2 = 1 - self.beta1**self.t, math.sqrt(1 - self.beta2**self.t)
        return self.lr * root_c2 / c1, self.eps * root_c2

    def update(self, value: Array, grad: Array, *coefficients: float) -> None:
        """The update of m, v and θ at the top of this file, in place, in one sweep."""
        m, v, beta1, beta2 = self.state["m"], self.state["v"], self.beta1, self.beta2
        rule, least = type(self)._update, smallest_normal(value.dtype)
        rule(value, m, v, grad, beta1, 1 - beta1, beta2, 1 - beta2, least, *coefficients, out=(value, m, v))

    def config(self) -> Config:
        return {"lr": self.lr, "beta1": self.beta1, "beta2": self.beta2, "eps": self.eps}


class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← (1 − ηλ) θ − η m̂/(√v̂ + ε).

    If weight decay is a term of J, Adam divides it by √v̂ as well, so that parameters with large gradients decay less;
    here all parameters shrink by the same factor. Loshchilov & Hutter 2019, "Decoupled weight decay regularization",
    algorithm 2, but as in PyTorch: λ is multiplied by the whole learning rate η, in the paper only by its schedule.

    Args:
        lr: the learning rate η.
        beta1: β₁, of the first moment.
        beta2: β₂, of the second moment.
        eps: ε.
        weight_decay: λ.

    Raises ValueError for the same as Adam, and for a negative λ.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.optim import AdamW
        >>> x = np.random.default_rng(0).random((64, 5))
        >>> model = dense_autoencoder([5, 2])
        >>> history = fit(model, x, epochs=9, optimizer=AdamW(0.01, weight_decay=0.1), progress="none")
        >>> history["loss"][-1] < history["loss"][0]
        True
    """

    _update = _adamw

    def __init__(self, lr: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8,
                 weight_decay: float = 0.01) -> None:  # fmt: skip
        super().__init__(lr, beta1, beta2, eps)
        self.weight_decay = as_float(weight_decay, "weight_decay of AdamW", least=0)

    def coefficients(self) -> tuple[float, ...]:
        """Adam's two, and 1 − ηλ."""
        return *super().coefficients(), 1 - self.lr * self.weight_decay

    def config(self) -> Config:
        return super().config() | {"weight_decay": self.weight_decay}
