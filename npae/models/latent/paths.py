"""Paths through code space: interpolation, traversal and grids, for any model with `decode`.

    model.decode(latent.lerp(a, b))            from the code a to the code b along a straight line
    model.decode(latent.slerp(a, b))           from a to b along an arc
    model.decode(latent.traversal(code, 3))    one number of a code from low to high, the others fixed
    model.decode(latent.grid(15))              a grid of two-dimensional codes

**Interpolation.** For z ~ N(0, 1) in d dimensions, ‖z‖² has mean d and standard deviation √(2d). In many dimensions
nearly all codes therefore lie in a thin shell. A straight line between two of them leaves this shell: its middle is
closer to the origin. An arc stays within. With the directions u = a/‖a‖, v = b/‖b‖ and the angle ω between them,

    z(t) = [(1 − t) ‖a‖ + t ‖b‖] · [sin((1 − t) ω) u + sin(t ω) v] / sin ω,      0 ≤ t ≤ 1

The second factor turns from u to v at constant speed and has length 1: spherical linear interpolation (slerp). The
first changes the length linearly. For ω → 0 the path becomes the straight line.

Shoemake 1985, "Animating rotation with quaternion curves"; White 2016, "Sampling generative networks".

**Grid.** The coordinates are Φ⁻¹(k/(n + 1)), k = 1 … n, where Φ⁻¹ is the inverse of the normal distribution function.
So N(0, 1) has the same probability between any two neighbours (Kingma & Welling 2014, appendix A).

All functions return NumPy arrays of float32.
"""

from statistics import NormalDist

import numpy as np

from npae.backend import as_int


def lerp(a, b, steps=10):
    """Linear interpolation (1 − t) a + t b from a (d,) to b (d,), both included: (steps, d)."""
    a, b, t = _ends(a, b, steps)
    return ((1 - t) * a + t * b).astype(np.float32)


def slerp(a, b, steps=10):
    """Spherical interpolation from a (d,) to b (d,), both included, with linearly interpolated lengths: (steps, d).

    Equal to lerp if a and b have the same direction or one of them is 0. Raises ValueError if they have opposite
    directions, where the arc is not unique.
    """
    a, b, t = _ends(a, b, steps)
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if min(lengths) == 0:
        return lerp(a, b, steps)
    u, v = a / lengths[0], b / lengths[1]
    omega = np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v)) * 2  # exact for small angles, unlike arccos u·v
    if np.pi - omega < 1e-6:
        raise ValueError("slerp: expected codes that are not opposite: these have no unique arc. Use lerp(a, b).")
    if omega < 1e-6:
        return lerp(a, b, steps)
    direction = (np.sin((1 - t) * omega) * u + np.sin(t * omega) * v) / np.sin(omega)
    return (((1 - t) * lengths[0] + t * lengths[1]) * direction).astype(np.float32)


def traversal(code, unit, low=-3.0, high=3.0, steps=10):
    """The code (d,) with its number `unit` varied from `low` to `high`: (steps, d)."""
    code = np.asarray(code, np.float32)
    if code.ndim != 1:
        raise ValueError(f"traversal: expected a code of the shape (d,), got {code.shape}: use a single row.")
    if not np.isfinite(code).all():
        raise ValueError("traversal: expected a code of finite numbers, got NaN or Inf. Check its data.")
    codes = np.repeat(code[None], as_int(steps, "steps", least=2), axis=0)
    codes[:, unit] = np.linspace(low, high, steps)
    return codes


def grid(n):
    """n × n codes of two numbers at equal quantiles of N(0, 1), row by row from the top left: (n², 2).

    The first number increases to the right, the second to the top.
    """
    inverse = NormalDist().inv_cdf
    at = np.array([inverse(k / (n + 1)) for k in range(1, as_int(n, "n", least=1) + 1)])
    right, up = np.meshgrid(at, at[::-1])
    return np.stack([right.ravel(), up.ravel()], axis=1).astype(np.float32)


def _ends(a, b, steps):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"Expected two codes of one shape (d,), got {a.shape} and {b.shape}: use single rows.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("Expected codes of finite numbers, got NaN or Inf. Check their data.")
    return a, b, np.linspace(0, 1, as_int(steps, "steps", least=2))[:, None]
