"""Gradient clipping: shorten a gradient that is longer than a given norm c, and keep its direction.

    g ← g · min(1, c/‖g‖)           ‖g‖ = √(Σ g²) over *all* parameters of the network

Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks", algorithm 1.
"""

import numpy as np

from npae.backend import Array, Scalar, array_module, as_float, dot


def clip_by_global_norm(grad: Array, max_norm: float) -> Scalar:
    """Scale the vector `grad` in place so that ‖grad‖ ≤ max_norm. Returns the norm before, a scalar on the device.

    A norm of NaN or infinity (in float32 squares overflow from about 10¹⁹ on) makes the whole gradient NaN, so that
    training stops with an error. Raises ValueError unless 0 < max_norm < ∞.

    Args:
        grad: g = ∂J/∂θ, all of it.
        max_norm: c.

    Example:
        >>> import numpy as np
        >>> from npae.optim import clip_by_global_norm
        >>> grad = np.array([3.0, 4.0])
        >>> float(clip_by_global_norm(grad, 1.0))
        5.0
        >>> grad.round(3).tolist()
        [0.6, 0.8]
    """
    max_norm = as_float(max_norm, "max_norm of clip_by_global_norm", above=0)
    xp = array_module(grad)
    with np.errstate(over="ignore", invalid="ignore"):
        norm = xp.sqrt(dot(grad, grad))
        scale = max_norm / xp.maximum(norm, max_norm) + (norm - norm)  # ∞ − ∞ is NaN; for finite norms this adds 0
        xp.multiply(grad, scale, out=grad)
    return norm
