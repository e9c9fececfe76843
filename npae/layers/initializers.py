"""Weight initialisation: random weights whose variance keeps activations and gradients at one scale in deep networks.

Let a = x W with n_in inputs of mean square σ² and independent weights of mean 0. Then each a_j has the variance
n_in·Var(W)·σ², so activations keep their scale from layer to layer if Var(W) = 1/n_in. In the backward pass, gradients
do if Var(W) = 1/n_out, since dx_k = Σ_j da_j W_kj has n_out terms. Glorot's rule is between, Var(W) = 2/(n_in + n_out).
A ReLU sets half of its inputs to zero, which halves the mean square; He's rule makes up for it, Var(W) = 2/n_in.

An initializer is a function (rng, shape) -> float64 array, with a NumPy Generator rng. It draws on the CPU, so that a
seed gives the same network on CPU and GPU. A weight matrix has the shape (n_in, n_out).
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from npae.backend import Array

Initializer: TypeAlias = Callable[["np.random.Generator", tuple[int, ...]], Array]
InitializerLike: TypeAlias = str | Initializer | None  # a name, a function, or None: the one that suits the activation


def zeros(rng: "np.random.Generator", shape: tuple[int, ...]) -> Array:
    """All zero: for biases. (With zero weights all units of a layer would stay equal.)"""
    return np.zeros(shape)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(n_in, n_out) of a weight matrix; of a kernel (kh, kw, c_in, c_out) they are kh·kw·c_in and kh·kw·c_out."""
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def glorot_uniform(rng: "np.random.Generator", shape: tuple[int, ...]) -> Array:
    """W ~ U(−r, r), r = √(6/(n_in + n_out)), so Var(W) = r²/3 = 2/(n_in + n_out).

    For tanh, sigmoid and linear units. Glorot & Bengio 2010, "Understanding the difficulty of training deep
    feedforward neural networks", section 4.2.1, equation 16.
    """
    r = math.sqrt(6 / sum(_fans(shape)))
    return rng.uniform(-r, r, shape)


def glorot_normal(rng: "np.random.Generator", shape: tuple[int, ...]) -> Array:
    """W ~ N(0, 2/(n_in + n_out)): as glorot_uniform, but normal."""
    return rng.normal(0, math.sqrt(2 / sum(_fans(shape))), shape)


def he_uniform(rng: "np.random.Generator", shape: tuple[int, ...]) -> Array:
    """W ~ U(−r, r), r = √(6/n_in), so Var(W) = 2/n_in.

    For ReLU and its relatives. He et al. 2015, "Delving deep into rectifiers", section 2.2, equation 10.
    """
    r = math.sqrt(6 / _fans(shape)[0])
    return rng.uniform(-r, r, shape)


def he_normal(rng: "np.random.Generator", shape: tuple[int, ...]) -> Array:
    """W ~ N(0, 2/n_in): as he_uniform, but normal."""
    return rng.normal(0, math.sqrt(2 / _fans(shape)[0]), shape)


def sparse(rng: "np.random.Generator", shape: tuple[int, ...], connections: int = 15) -> Array:
    """Each unit has `connections` non-zero weights, ~ N(0, 1), at random inputs; all others are zero.

    A unit's variance then does not depend on n_in, and units differ much from each other. It was used to train deep
    autoencoders without pretraining: Martens 2010, "Deep learning via Hessian-free optimization", section 5 ("sparse
    initialization"). Raises ValueError for any shape but that of a matrix.
    """
    if len(shape) != 2:
        raise ValueError(f"Sparse initialization is for weight matrices (n_in, n_out), got shape {tuple(shape)}.")
    n_in, n_out = shape
    W = np.zeros(shape)
    k = min(connections, n_in)
    for j in range(n_out):
        W[rng.choice(n_in, k, replace=False), j] = rng.normal(size=k)
    return W


BY_NAME = {f.__name__: f for f in (zeros, glorot_uniform, glorot_normal, he_uniform, he_normal, sparse)}


def get(initializer: str | Initializer) -> Initializer:
    """An initializer from its name (model files have it), or the function itself. ValueError for an unknown name."""
    if callable(initializer):
        return initializer
    if initializer not in BY_NAME:
        raise ValueError(f"Unknown initializer {initializer!r}: expected a function or one of {', '.join(BY_NAME)}.")
    return BY_NAME[initializer]


def name_of(initializer: Initializer) -> str | None:
    """The name under which `get` returns this function; None if it is not in BY_NAME."""
    return next((name for name, function in BY_NAME.items() if function is initializer), None)
