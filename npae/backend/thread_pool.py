"""One pool of threads for a training step: Numba's, which call OpenBLAS piece by piece.

OpenBLAS shares a product among threads of its own. They spin for milliseconds after it, so what follows the product (an
activation, Adam) finds no free core and is left to one thread. While a step runs, OpenBLAS's threads are therefore
switched off, and the threads of Numba compute everything that is large enough:

    a b                      one piece of the rows of a, or of the columns of b, for each thread (shared_product.py)
    elementwise formulas     one piece of the arrays for each thread (formulas/on_numba.py)

OpenBLAS's number of threads is one for the whole process, so it is 1 from the first step that begins to the last one
that ends, if several Python threads train. Then it is what it was before. Beside other programs one thread can be
faster than several: each step is taken by what was faster lately (pace.py), with the same pieces, hence the same bits.

Without Numba, with a pool of Numba's that only one caller may use, and in a forked process whose parent has started
such a pool (GNU OpenMP ends a process that uses it after a fork), OpenBLAS goes on with its own threads.
"""

import os
import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from typing import Any

import numpy as np

from npae.backend.openblas import OpenBLAS, openblas
from npae.backend.pace import Pace
from npae.backend.shared_product import SharedProducts
from npae.backend.threads import thread_count
from npae.backend.typing import Array

LAYERS = ("omp", "tbb")  # pools of Numba's that several callers may use at a time; "workqueue" ends the process

_off = nullcontext()


class Current(threading.local):
    """What is on in this thread: the Turn, or None."""

    turn: "Turn | None" = None


current = Current()


class Pool:
    """Numba's threads, and the products that they share. One object for the process.

    Args:
        blas: NumPy's OpenBLAS.

    Raises ValueError, as Numba does, if Numba has no pool for several callers.
    """

    def __init__(self, blas: OpenBLAS) -> None:
        import numba
        from numba.np.ufunc.parallel import threading_layer

        self.numba, self.blas, self.products = numba, blas, SharedProducts(blas)
        numba.get_num_threads()  # starts them
        if threading_layer() not in LAYERS:
            raise ValueError(f"Numba's threading layer {threading_layer()} serves one caller only.")
        self._lock, self._steps, self._blas_threads = threading.Lock(), 0, 1

    def begin_step(self) -> int:
        """Switch OpenBLAS's threads off, if there are several. Returns how many threads the step has."""
        with self._lock:
            if self._steps == 0:
                self._blas_threads = self.blas.get_threads()
            threads = min(thread_count(), self._blas_threads, self.numba.config.NUMBA_NUM_THREADS)
            if threads > 1:
                self._steps += 1
                self.blas.set_threads(1)
        return threads

    def end_step(self) -> None:
        """Switch OpenBLAS's threads on again at the end of the last step, unless their number was set meanwhile."""
        with self._lock:
            self._steps -= 1
            if self._steps == 0 and self.blas.get_threads() == 1:
                self.blas.set_threads(self._blas_threads)

    def forget_steps(self) -> None:
        """In a forked process: the steps of other threads do not go on here."""
        self._lock = threading.Lock()
        if self._steps:
            self._steps = 0
            self.blas.set_threads(self._blas_threads)


class Turn:
    """A block of code of one Python thread that the pool works for. It may be entered again after its end.

    Numba keeps a number of threads for each Python thread; the caller's own is restored after the block.

    Attributes:
        pool: the Pool, if it is on.
        threads: how many pieces a product has.
        at_work: how many threads compute them.
    """

    pool: Pool
    threads = at_work = 1

    def __init__(self) -> None:
        self._pace = Pace()

    def __enter__(self) -> None:
        self._before, self._process, pool = current.turn, os.getpid(), _pool()
        self.threads = 1 if pool is None else pool.begin_step()
        if pool is not None and self.threads > 1:
            self._masked = pool.numba.get_num_threads()
            self.at_work = self.threads if self._pace.shared else 1
            pool.numba.set_num_threads(self.at_work)
            self.pool, current.turn, self._began = pool, self, perf_counter()

    def __exit__(self, *error: object) -> None:
        if self.threads > 1 and os.getpid() == self._process:  # a forked process has forgotten its turns
            self._pace.add(perf_counter() - self._began)
            current.turn = self._before
            self.pool.numba.set_num_threads(self._masked)
            self.pool.end_step()


class Once:
    """The Pool of the process, made when it is first asked for; None where there can be none."""

    def __init__(self) -> None:
        self._lock, self._made, self._pool = threading.Lock(), False, None

    def __call__(self) -> Pool | None:
        """The Pool, or None."""
        if not self._made:
            with self._lock:
                if not self._made:
                    self._pool, self._made = self._make(), True
        return self._pool

    def _make(self) -> Pool | None:
        from npae.backend.formulas.on_numba import available, compiler  # which asks this file whether a pool is on

        blas = openblas()
        if blas is None or not available() or compiler() is None:
            return None
        try:
            return Pool(blas)
        except ValueError:
            return None

    def after_fork(self) -> None:
        """In a forked process: do without a pool if the parent has started threads of Numba's."""
        self._lock, current.turn = threading.Lock(), None
        if self._pool is not None:
            self._pool.forget_steps()
        numba_threads = sys.modules.get("numba.np.ufunc.parallel")
        if numba_threads is not None and getattr(numba_threads, "_is_initialized", True):
            self._made, self._pool = True, None


_pool = Once()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.after_fork)


def has_pool() -> bool:
    """Do products and formulas of a training step share one pool of threads?"""
    return thread_count() > 1 and _pool() is not None


def one_pool(like: Array) -> AbstractContextManager[Any]:
    """While the block runs, one pool of threads computes products and formulas of this thread, if there can be one.

    Args:
        like: an array of the network.

    Example:
        >>> import numpy as np
        >>> from npae.backend import matmul, one_pool
        >>> x, W, out = np.ones((512, 784)), np.ones((784, 64)), np.empty((512, 64))
        >>> with one_pool(W):
        ...     float(matmul(x, W, out=out)[0, 0])
        784.0
    """
    return Turn() if type(like) is np.ndarray and thread_count() > 1 else _off


def multiply(a: Array, b: Array, out: Array | None) -> Array:
    """a b of NumPy arrays by the pool that is on, or by NumPy if sharing the product would take longer.

    Args:
        a, b, out: as for npae.backend.matmul.
    """
    turn = current.turn
    if turn is None or out is None or not turn.pool.products.share(a, b, out, turn.threads):
        return np.matmul(a, b, out=out)
    return out
