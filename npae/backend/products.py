"""Matrix products: the expensive operation of a network, left to the BLAS library behind the arrays.

All matrix products of a training step go through these two functions, so one place decides how they are computed.
"""

import threading
from contextlib import contextmanager

import numpy as np

from npae.backend.arrays import array_module, tf32_is_on, use_tf32

_current = threading.local()  # .blas: what multiplies GPU arrays in this thread instead of CuPy, or None


def matmul(a, b, out=None):
    """The product a b of two matrices, or of a row vector and a matrix; written into `out` if it is given."""
    if type(a) is np.ndarray:
        return np.matmul(a, b, out=out)
    return (getattr(_current, "blas", None) or array_module(a)).matmul(a, b, out=out)


def dot(a, b):
    """Σ_i a_i b_i of two vectors, as a scalar on the device. With a vector of ones it is the fastest sum."""
    if type(a) is np.ndarray:
        return np.dot(a, b)
    return (getattr(_current, "blas", None) or array_module(a)).dot(a, b)


@contextmanager
def use_blas(blas):
    """While the block runs, products of GPU arrays in this thread are blas.matmul and blas.dot (see cublas.py)."""
    before, _current.blas = getattr(_current, "blas", None), blas
    try:
        yield
    finally:
        _current.blas = before


@contextmanager
def tf32(on=True):
    """While the block runs, float32 matrix products on the GPU round their factors to TF32 (on=False: they do not).

    TF32 keeps 10 of the 23 bits after the point, about three decimal digits, and the sum is taken in float32. GPUs
    since Ampere are several times as fast with it. It is off by default; CuPy's CUPY_TF32=1 turns it on as well. It
    holds for all threads of the process. Products in float64, and all on the CPU, are not affected.
    """
    before = tf32_is_on()
    use_tf32(on)
    try:
        yield
    finally:
        use_tf32(before)
