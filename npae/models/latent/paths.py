"""Ways through code space: what to decode to see what a model has learnt, for any model with `decode`.

    model.decode(latent.lerp(a, b))            from the code a to the code b, straight
    model.decode(latent.slerp(a, b))             the same, along a great circle
    model.decode(latent.traversal(code, 3))    one number of a code from low to high, the others held
    model.decode(latent.grid(15))              the whole space of two numbers

A straight line between two codes passes nearer to the origin than either, where in many dimensions no code lies: for
z ~ N(0, 1) in d dimensions ‖z‖² has mean d and standard deviation √2d, so that codes lie in a thin shell. An arc stays
in it (Shoemake 1985, "Animating rotation with quaternion curves"; White 2016, "Sampling generative networks"): with the
angle ω between a and b,

    z(t) = [sin((1 − t) ω) a + sin(t ω) b] / sin ω,      0 ≤ t ≤ 1

which for ω → 0 is the line. The grid has as many codes of N(0, 1) between any two neighbours: its coordinates are
Φ⁻¹(k/(n + 1)), k = 1 … n, Φ⁻¹ the inverse of the normal distribution function (Kingma & Welling 2014, appendix A).

Codes are NumPy arrays here, float32.
"""

from statistics import NormalDist

import numpy as np

from npae.backend import as_int


def lerp(a, b, steps=10):
    """Codes (1 − t) a + t b from a (d,) to b (d,), both included: (steps, d)."""
    a, b, t = _ends(a, b, steps)
    return ((1 - t) * a + t * b).astype(np.float32)


def slerp(a, b, steps=10):
    """Codes from a (d,) to b (d,) along the great circle, lengths changing evenly: (steps, d).

    A line for codes that point the same way, or are zero. Raises ValueError for opposite ones: all circles join them.
    """
    a, b, t = _ends(a, b, steps)
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if min(lengths) == 0:
        return lerp(a, b, steps)
    u, v = a / lengths[0], b / lengths[1]
    omega = np.arctan2(np.linalg.norm(u - v), np.linalg.norm(u + v)) * 2  # exact for small angles, unlike arccos u·v
    if np.pi - omega < 1e-6:
        raise ValueError("slerp: expected codes that are not opposite: all great circles join those. Take lerp(a, b).")
    if omega < 1e-6:
        return lerp(a, b, steps)
    direction = (np.sin((1 - t) * omega) * u + np.sin(t * omega) * v) / np.sin(omega)
    return (((1 - t) * lengths[0] + t * lengths[1]) * direction).astype(np.float32)


def traversal(code, unit, low=-3.0, high=3.0, steps=10):
    """The code (d,) with its number `unit` going from `low` to `high`: (steps, d)."""
    code = np.asarray(code, np.float32)
    if code.ndim != 1:
        raise ValueError(f"traversal: expected a code of the shape (d,), got {code.shape}: take a single row.")
    codes = np.repeat(code[None], as_int(steps, "steps", least=2), axis=0)
    codes[:, unit] = np.linspace(low, high, steps)
    return codes


def grid(n):
    """n × n codes of two numbers over N(0, 1), row by row from the top left: (n², 2).

    The first number grows to the right, the second to the top.
    """
    inverse = NormalDist().inv_cdf
    at = np.array([inverse(k / (n + 1)) for k in range(1, as_int(n, "n", least=1) + 1)])
    right, up = np.meshgrid(at, at[::-1])
    return np.stack([right.ravel(), up.ravel()], axis=1).astype(np.float32)


def _ends(a, b, steps):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"Expected two codes of one shape (d,), got {a.shape} and {b.shape}: take single rows.")
    return a, b, np.linspace(0, 1, as_int(steps, "steps", least=2))[:, None]
