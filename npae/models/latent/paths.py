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

from npae.backend import Array, ArrayLike, as_float, as_int


def lerp(a: ArrayLike, b: ArrayLike, steps: int = 10) -> Array:
    """Linear interpolation (1 − t) a + t b: (steps, d).

    Args:
        a: the first code, (d,).
        b: the last code, (d,).
        steps: the number of codes, with both ends.

    Example:
        >>> from npae.models import latent
        >>> latent.lerp([0.0, 2.0], [1.0, 0.0], steps=3).tolist()
        [[0.0, 2.0], [0.5, 1.0], [1.0, 0.0]]
    """
    a, b, t = _ends(a, b, steps)
    return ((1 - t) * a + t * b).astype(np.float32)


def slerp(a: ArrayLike, b: ArrayLike, steps: int = 10) -> Array:
    """Spherical interpolation with linearly interpolated lengths: (steps, d).

    Equal to lerp if a and b have the same direction or one of them is 0.

    Args:
        a: the first code, (d,).
        b: the last code, (d,).
        steps: the number of codes, with both ends.

    Raises ValueError if the codes have opposite directions, where the arc is not unique.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder
        >>> from npae.models import latent
        >>> model = dense_autoencoder([16, 8])  # and train it
        >>> a, b = model.encode(np.random.default_rng(0).random((2, 16)))
        >>> model.decode(latent.slerp(a, b, steps=7)).shape
        (7, 16)
        >>> [round(float(h), 3) for h in latent.slerp([1.0, 0.0], [0.0, 1.0], steps=3)[1]]
        [0.707, 0.707]
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


def traversal(code: ArrayLike, unit: int, low: float = -3.0, high: float = 3.0, steps: int = 10) -> Array:
    """The code with one of its numbers varied: (steps, d).

    Args:
        code: (d,).
        unit: which of its numbers, from 0.
        low: its first value.
        high: its last value.
        steps: the number of codes.

    Example:
        >>> from npae.models import latent
        >>> latent.traversal([0.5, 0.0], unit=1, steps=3).tolist()
        [[0.5, -3.0], [0.5, 0.0], [0.5, 3.0]]
    """
    code = np.asarray(code, np.float32)
    if code.ndim != 1:
        raise ValueError(f"traversal: expected a code of the shape (d,), got {code.shape}: use a single row.")
    if not np.isfinite(code).all():
        raise ValueError("traversal: expected a code of finite numbers, got NaN or Inf. Check its data.")
    codes = np.repeat(code[None], as_int(steps, "steps", least=2), axis=0)
    unit = as_int(unit, "unit of traversal", least=0, most=len(code) - 1)
    codes[:, unit] = np.linspace(as_float(low, "low of traversal"), as_float(high, "high of traversal"), steps)
    return codes


def grid(n: int) -> Array:
    """n × n codes of two numbers at equal quantiles of N(0, 1), row by row from the top left: (n², 2).

    The first number increases to the right, the second to the top.

    Args:
        n: the number of rows, and of columns.

    Example:
        >>> from npae import variational_autoencoder
        >>> from npae.models import latent
        >>> model = variational_autoencoder([16, 8, 2])  # and train it
        >>> model.decode(latent.grid(15)).reshape(15, 15, 16).shape  # a picture of the code space
        (15, 15, 16)
        >>> [round(float(z), 3) for z in latent.grid(3)[0]]  # at the quantiles 1/4 and 3/4
        [-0.674, 0.674]
    """
    inverse = NormalDist().inv_cdf
    at = np.array([inverse(k / (n + 1)) for k in range(1, as_int(n, "n", least=1) + 1)])
    right, up = np.meshgrid(at, at[::-1])
    return np.stack([right.ravel(), up.ravel()], axis=1).astype(np.float32)


def _ends(a: ArrayLike, b: ArrayLike, steps: int) -> tuple[Array, Array, Array]:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"Expected two codes of one shape (d,), got {a.shape} and {b.shape}: use single rows.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("Expected codes of finite numbers, got NaN or Inf. Check their data.")
    return a, b, np.linspace(0, 1, as_int(steps, "steps", least=2))[:, None]
