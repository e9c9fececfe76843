"""Matrix products, the one expensive operation of a network: by the BLAS of the array's own library.

Everything that multiplies matrices in a training step comes through here, so that there is one place to say how.
"""

import threading
from contextlib import contextmanager

from npae.backend.arrays import array_module, tf32_is_on, use_tf32

_current = threading.local()  # .blas: what multiplies in this thread in place of the array's library, if anything


def matmul(a, b, out=None):
    """a b for matrices (or one row vector a), written to `out` if it is given."""
    return (getattr(_current, "blas", None) or array_module(a)).matmul(a, b, out=out)


def dot(a, b):
    """Σ_i a_i b_i of two vectors: a scalar on the device. The fastest sum there is."""
    return (getattr(_current, "blas", None) or array_module(a)).dot(a, b)


@contextmanager
def use_blas(blas):
    """While the block runs, products in this thread are blas.matmul and blas.dot: see npae.backend.cublas.Cublas."""
    before, _current.blas = getattr(_current, "blas", None), blas
    try:
        yield
    finally:
        _current.blas = before


@contextmanager
def tf32(on=True):
    """While the block runs, float32 matrix products on the GPU round their factors to TF32 (on=False: they do not).

    TF32 keeps 10 bits of the 23 after the point, about three decimal digits, and adds up in float32: several times
    as fast on GPUs since Ampere. Off unless asked for, here or by CuPy's CUPY_TF32=1. It holds for the whole process,
    all threads; float64 and everything on the CPU stay as they are.
    """
    before = tf32_is_on()
    use_tf32(on)
    try:
        yield
    finally:
        use_tf32(before)
