"""Matrix products: the expensive operation of a network, left to the BLAS library behind the arrays.

All matrix products of a training step go through these two functions, so one place decides how they are computed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from npae.backend.arrays import array_module, tf32_is_on, use_tf32
from npae.backend.typing import Array

_current = threading.local()  # .blas: what multiplies GPU arrays in this thread instead of CuPy, or None


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """The product a b of two matrices, or of a row vector and a matrix.

    Args:
        a: (m, k), or a row vector (k,).
        b: (k, n).
        out: the array that the product is written into; None: a new one.

    Example:
        >>> import numpy as np
        >>> from npae.backend import matmul
        >>> x, W = np.ones((5, 784), np.float32), np.ones((784, 32), np.float32)
        >>> matmul(x, W).shape
        (5, 32)
    """
    if type(a) is np.ndarray:
        return np.matmul(a, b, out=out)
    return (getattr(_current, "blas", None) or array_module(a)).matmul(a, b, out=out)


def dot(a: Array, b: Array) -> Any:
    """Σ_i a_i b_i of two vectors, as a scalar on the device. With a vector of ones it is the fastest sum.

    Args:
        a: a vector.
        b: a vector of the same length.

    Example:
        >>> import numpy as np
        >>> from npae.backend import dot
        >>> float(dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])))
        11.0
    """
    if type(a) is np.ndarray:
        return np.dot(a, b)
    return (getattr(_current, "blas", None) or array_module(a)).dot(a, b)


@contextmanager
def use_blas(blas: Any) -> Iterator[None]:
    """While the block runs, products of GPU arrays in this thread are blas.matmul and blas.dot (see cublas.py).

    Args:
        blas: an object with matmul and dot; None: CuPy's.
    """
    before, _current.blas = getattr(_current, "blas", None), blas
    try:
        yield
    finally:
        _current.blas = before


@contextmanager
def tf32(on: bool = True) -> Iterator[None]:
    """While the block runs, float32 matrix products on the GPU round their factors to TF32.

    TF32 keeps 10 of the 23 bits after the point, about three decimal digits, and the sum is taken in float32. GPUs
    since Ampere are several times as fast with it. It is off by default; CuPy's CUPY_TF32=1 turns it on as well. It
    holds for all threads of the process. Products in float64, and all on the CPU, are not affected.

    Args:
        on: False: they do not round them.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit, tf32
        >>> model, x = dense_autoencoder([8, 2]), np.ones((64, 8), np.float32)
        >>> with tf32():
        ...     history = fit(model, x, epochs=1, progress="none")
        >>> len(history)
        1
    """
    before = tf32_is_on()
    use_tf32(on)
    try:
        yield
    finally:
        use_tf32(before)
