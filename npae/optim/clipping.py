"""Gradient clipping: a step that is too long is shortened, in its own direction.

    g ← g · min(1, c/‖g‖)           ‖g‖ = √(Σ g²) over *all* parameters of the network

Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural networks", algorithm 1.
"""

from npae.backend import array_module


def clip_by_global_norm(grad, max_norm):
    """Scale the vector `grad` in place so that ‖grad‖ ≤ max_norm. Returns the norm before, a scalar on the device.

    A norm of NaN or Inf makes the whole gradient NaN, so that it is noticed. Raises ValueError unless max_norm > 0.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_by_global_norm: expected max_norm > 0, got {max_norm}.")
    xp = array_module(grad)
    norm = xp.sqrt(xp.dot(grad, grad))
    xp.multiply(grad, max_norm / xp.maximum(norm, max_norm), out=grad)
    return norm
