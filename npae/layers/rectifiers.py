"""Rectifiers: ReLU, leaky ReLU, ELU, SiLU and softplus. They suppress negative inputs, and (nearly) return large ones.

SiLU and softplus are smooth. The others are twice differentiable except at the kink a = 0, a set of measure zero; there
the formulas return the derivatives from the left. The weights of a layer with a rectifier start larger, by He's rule
(npae.layers.initializers), since about half of its outputs are zero.
"""

from npae.backend import Array, Config, as_float, expm1, maximum, minimum, sigmoid, softplus
from npae.layers.activations import Activation


class ReLU(Activation):
    """φ(a) = max(a, 0),  φ′(a) = 1 for a > 0, else 0 (at the kink, the derivative from the left),  φ″(a) = 0.

    A unit whose a is negative on every input gets no gradient: it is dead. Nair & Hinton 2010, ICML.

    Example:
        >>> import numpy as np
        >>> from npae.layers import ReLU
        >>> ReLU()(np.array([-1.0, 0.0, 3.0]))
        array([0., 0., 3.])
    """

    initializer, sparse_gradient = "he_uniform", True

    def f(self, a: Array) -> Array:
        return maximum(a, 0)

    def derivative(self, a: Array, h: Array) -> Array:
        return h > 0

    def second_derivative(self, a: Array, h: Array) -> float:
        return 0


class LeakyReLU(Activation):
    """φ(a) = a for a > 0, αa below, with 0 ≤ α < 1, so φ(a) = max(a, αa);  φ′(a) = 1 or α,  φ″(a) = 0.

    Maas et al. 2013. Raises ValueError for another α.

    Args:
        alpha: α, the derivative for a < 0.

    Example:
        >>> from npae.layers import Dense, LeakyReLU
        >>> Dense(64, 1, LeakyReLU(0.2))
        Dense(64 -> 1, LeakyReLU(alpha=0.2))
    """

    initializer = "he_uniform"

    def __init__(self, alpha: float = 0.01):
        self.alpha = as_float(alpha, "alpha of LeakyReLU", least=0, below=1)

    def f(self, a: Array) -> Array:
        return maximum(a, self.alpha * a)

    def derivative(self, a: Array, h: Array) -> Array:
        return self.alpha + (1 - self.alpha) * (h > 0)  # h has the sign of a

    def second_derivative(self, a: Array, h: Array) -> float:
        return 0

    def config(self) -> Config:
        return {"alpha": self.alpha}


class ELU(Activation):
    """φ(a) = a for a > 0, α(eᵃ − 1) below;  φ′(a) = 1 for a > 0, αeᵃ = h + α below.  Clevert et al. 2016, eq. 15.

    Both branches in one line: φ = max(a, 0) + α expm1(min(a, 0)), and φ′ = (1 − α)[a > 0] + α + min(h, 0). The right
    branch has a constant derivative, and eᵃ is its own derivative: φ″(a) = 0 for a > 0, αeᵃ = h + α below.

    Args:
        alpha: α, ValueError unless 0 < α < ∞; φ(a) tends to −α as a → −∞.

    Example:
        >>> import numpy as np
        >>> from npae.layers import ELU
        >>> ELU()(np.array([-1.0, 0.0, 3.0])).round(3)
        array([-0.632,  0.   ,  3.   ])
    """

    initializer = "he_uniform"

    def __init__(self, alpha: float = 1.0):
        self.alpha = as_float(alpha, "alpha of ELU", above=0)

    def f(self, a: Array) -> Array:
        return maximum(a, 0) + self.alpha * expm1(minimum(a, 0))

    def derivative(self, a: Array, h: Array) -> Array:
        if self.alpha == 1:
            return 1 + minimum(h, 0)
        return (1 - self.alpha) * (h > 0) + self.alpha + minimum(h, 0)

    def second_derivative(self, a: Array, h: Array) -> Array:
        return (h + self.alpha) * (h <= 0)

    def config(self) -> Config:
        return {"alpha": self.alpha}


class SiLU(Activation):
    """φ(a) = a σ(a),  φ′(a) = σ + a σ(1 − σ) = σ + h(1 − σ).  Elfwing et al. 2018; also known as swish.

    φ″(a) = 2σ′ + a σ″ = σ(1 − σ)(2 + a(1 − 2σ)).

    Example:
        >>> import numpy as np
        >>> from npae.layers import SiLU
        >>> SiLU()(np.array([-1.0, 0.0, 3.0])).round(3)
        array([-0.269,  0.   ,  2.858])
    """

    initializer = "he_uniform"

    def f(self, a: Array) -> Array:
        return a * sigmoid(a)

    def derivative(self, a: Array, h: Array) -> Array:
        s = sigmoid(a)
        return s + h * (1 - s)

    def second_derivative(self, a: Array, h: Array) -> Array:
        s = sigmoid(a)
        return s * (1 - s) * (2 + a * (1 - 2 * s))


class Softplus(Activation):
    """φ(a) = ln(1 + eᵃ) = max(a, 0) + ln(1 + e⁻|ᵃ|),  φ′(a) = eᵃ/(1 + eᵃ) = σ(a),  φ″(a) = σ(1 − σ).

    A smooth ReLU. Dugas et al. 2001.

    Example:
        >>> import numpy as np
        >>> from npae.layers import Softplus
        >>> Softplus()(np.array([-1.0, 0.0, 3.0])).round(3)
        array([0.313, 0.693, 3.049])
    """

    initializer = "he_uniform"

    def f(self, a: Array) -> Array:
        return softplus(a)

    def derivative(self, a: Array, h: Array) -> Array:
        return sigmoid(a)

    def second_derivative(self, a: Array, h: Array) -> Array:
        s = sigmoid(a)
        return s * (1 - s)
