"""Matrix products: the expensive operation of a network, left to the BLAS library behind the arrays.

All matrix products of a training step go through this file, so one place decides how they are computed.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from npae.backend.arrays import array_module, tf32_is_on, use_tf32
from npae.backend.cublaslt import CublasLt
from npae.backend.memory import empty, ones
from npae.backend.pool import current
from npae.backend.typing import Array

# .blas: what multiplies GPU arrays in this thread instead of CuPy, or None; .fork: the Fork of a capture, or None
_current = threading.local()


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
        return np.matmul(a, b, out=out) if current.turn is None else current.turn.multiply(a, b, out)
    return (getattr(_current, "blas", None) or array_module(a)).matmul(a, b, out=out)


def sum_rows(rows: Array) -> Array:
    """Σ_i rows_i, the sum over the first axis: as a product, 1ᵀ rows, it is fastest.

    Args:
        rows: (n, m).

    Example:
        >>> import numpy as np
        >>> from npae.backend import sum_rows
        >>> sum_rows(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
        [4.0, 6.0]
    """
    return matmul(ones(len(rows), rows), rows, out=empty(rows.shape[1:], rows))


def matmul_affine(x: Array, W: Array, b: Array, epilogue: str | None, out: Array) -> bool:
    """out ← f(x W + b) by one kernel, if an epilogue for f is on and granted (cublaslt.py); otherwise out ← x W.

    Args:
        x: (batch, n_in).
        W: (n_in, n_out).
        b: the bias, (n_out,).
        epilogue: how cuBLASLt names f, or None.
        out: (batch, n_out).

    Returns whether out is f(x W + b).

    Example:
        >>> import numpy as np
        >>> from npae.backend import matmul_affine
        >>> out = np.empty((1, 1))
        >>> matmul_affine(np.ones((1, 3)), np.ones((3, 1)), np.ones(1), "RELU_BIAS", out), float(out[0, 0])
        (False, 3.0)
    """
    if type(x) is np.ndarray:
        _ = np.matmul(x, W, out=out) if current.turn is None else current.turn.multiply(x, W, out)
        return False
    blas = epilogues(x)
    if blas is not None and blas.affine(x, W, b, epilogue, out=out):
        return True
    matmul(x, W, out=out)
    return False


def matmul_aside(a: Array, b: Array, out: Array) -> Array:
    """matmul(a, b, out), which may run beside all that follows, up to `join`: see fork.py. Returns out.

    Args:
        a, b: as for matmul.
        out: what nothing reads or writes before `join`.

    Example:
        >>> import numpy as np
        >>> from npae.backend import matmul_aside
        >>> matmul_aside(np.ones((2, 3)), np.ones((3, 1)), np.empty((2, 1))).tolist()
        [[3.0], [3.0]]
    """
    if type(a) is np.ndarray:
        return np.matmul(a, b, out=out) if current.turn is None else current.turn.multiply(a, b, out)
    return run_aside(matmul, a, b, out)


def run_aside(function: Callable[..., Any], *args: Any) -> Any:
    """function(*args), which may run beside all that follows, up to `join`.

    Args:
        function: an operation on GPU arrays.
        *args: its arguments.
    """
    fork = getattr(_current, "fork", None)
    return function(*args) if fork is None else fork.run(function, *args)


def join() -> None:
    """Wait, on the device, for what runs aside."""
    fork = getattr(_current, "fork", None)
    if fork is not None:
        fork.join()


@contextmanager
def use_fork(fork: Any) -> Iterator[None]:
    """While the block runs, `matmul_aside` and `run_aside` of this thread go through a Fork; None: they are ordinary.

    Args:
        fork: a Fork (fork.py), joined at the end of the block.
    """
    before, _current.fork = getattr(_current, "fork", None), fork
    try:
        yield
        join()
    finally:
        _current.fork = before


def epilogues(x: Array) -> CublasLt | None:
    """What computes a product together with a bias or its gradient: None on the CPU, and unless NPAE_EPILOGUES=1.

    Args:
        x: a factor of the product.
    """
    if type(x) is np.ndarray:
        return None
    blas = getattr(_current, "blas", None)
    return blas if isinstance(blas, CublasLt) else None


@contextmanager
def use_blas(blas: Any) -> Iterator[None]:
    """While the block runs, products of GPU arrays in this thread are blas.matmul (see cublas.py).

    Args:
        blas: an object with matmul; None: CuPy's.
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
