"""First values for weights: random, but of a size that keeps signals alive through many layers.

Take a = x W with independent weights of mean 0 and n_in inputs of mean square σ²: each aⱼ has variance n_in·Var(W)·σ².
The signal neither grows nor fades on its way forward if Var(W) = 1/n_in, nor does the gradient on its way back if
Var(W) = 1/n_out. Glorot takes 2/(n_in + n_out), between the two. A ReLU sets half of its inputs to zero and so halves
the mean square; He makes up for it with Var(W) = 2/n_in.

An initializer is a function (rng, shape) -> float64 array; rng is a numpy Generator. Values are drawn on the host, so
that a seed means the same network on either device. A weight matrix has shape (n_in, n_out).
"""

import math

import numpy as np


def zeros(rng, shape):
    """All zero: for biases. (As weights, zeros would make all units of a layer equal for ever.)"""
    return np.zeros(shape)


def _fans(shape):
    """n_in, n_out of weights: a matrix (n_in, n_out), or one for each place of a kernel, (kh, kw, n_in, n_out)."""
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def ones(rng, shape):
    """Everything starts at one: for gains."""
    return np.ones(shape)


def glorot_uniform(rng, shape):
    """W ~ U(−r, r), r = √(6/(n_in + n_out)), so Var(W) = r²/3 = 2/(n_in + n_out).

    For tanh, sigmoid and linear units. Glorot & Bengio 2010, "Understanding the difficulty of training deep
    feedforward neural networks", section 4.2.1, equation 16.
    """
    r = math.sqrt(6 / sum(_fans(shape)))
    return rng.uniform(-r, r, shape)


def glorot_normal(rng, shape):
    """W ~ N(0, 2/(n_in + n_out)): as glorot_uniform, of normal shape."""
    return rng.normal(0, math.sqrt(2 / sum(_fans(shape))), shape)


def he_uniform(rng, shape):
    """W ~ U(−r, r), r = √(6/n_in), so Var(W) = 2/n_in.

    For ReLU and its kin. He et al. 2015, "Delving deep into rectifiers", section 2.2, equation 10.
    """
    r = math.sqrt(6 / _fans(shape)[0])
    return rng.uniform(-r, r, shape)


def he_normal(rng, shape):
    """W ~ N(0, 2/n_in): as he_uniform, of normal shape."""
    return rng.normal(0, math.sqrt(2 / _fans(shape)[0]), shape)


def sparse(rng, shape, connections=15):
    """Each unit listens to `connections` inputs only, with weights ~ N(0, 1); the rest is zero.

    However wide the layer, a unit's input has the same variance, and units differ much from each other: what first
    trained deep autoencoders without pretraining. Martens 2010, "Deep learning via Hessian-free optimization",
    section 5 ("sparse initialization"). Raises ValueError for anything but a matrix.
    """
    if len(shape) != 2:
        raise ValueError(f"Sparse initialization is for weight matrices (n_in, n_out), got shape {tuple(shape)}.")
    n_in, n_out = shape
    W = np.zeros(shape)
    k = min(connections, n_in)
    for j in range(n_out):
        W[rng.choice(n_in, k, replace=False), j] = rng.normal(size=k)
    return W


BY_NAME = {
    f.__name__: f for f in (zeros, glorot_uniform, glorot_normal, he_uniform, he_normal, sparse)
}  # the names under which a model file knows them


def get(initializer):
    """An initializer from its name, or the function itself. Raises ValueError for an unknown name."""
    if callable(initializer):
        return initializer
    if initializer not in BY_NAME:
        raise ValueError(f"Unknown initializer {initializer!r}: expected a function or one of {', '.join(BY_NAME)}.")
    return BY_NAME[initializer]
