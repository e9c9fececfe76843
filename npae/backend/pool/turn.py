"""The pool of the process, and who may use it.

A training step is a Turn: within it products and formulas go to the pool, and OpenBLAS uses one thread. The pool has
one task at a time. If several Python threads train, the first one has the workers, and the others compute the same
pieces by themselves. A forked process has none of its parent's workers, so it makes a pool of its own.
"""

import atexit
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from npae.backend.memory import aligned
from npae.backend.openblas import OpenBLAS, openblas
from npae.backend.pool.pieces import multiply_in_pieces
from npae.backend.threads import thread_count
from npae.backend.typing import Array

PATIENCE = 2**34  # multiplications by NumPy before a product is compiled: half a second of one thread
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


class Current(threading.local):
    """.turn: the Turn that this thread takes, or None."""

    turn: "Turn | None" = None


current = Current()


class Pool:
    """The words of a task and the threads that work on it. Making it compiles what they do, which takes a second.

    Args:
        workers: how many threads, beside the caller's.
        blas: NumPy's OpenBLAS.
    """

    def __init__(self, workers: int, blas: OpenBLAS) -> None:
        from npae.backend.pool import task

        self._code, self._blas = task, blas
        self._words = aligned((task.BYTES // 8,), np.int64, 0)
        self.task = self._words.ctypes.data
        for place in (task.WORK, task.DONE):
            task.sem_init(self.task + place, 0, 0)
        self.free = threading.Lock()  # held by the Turn that runs tasks
        self.products: dict[np.dtype, Callable[..., bool]] = {}
        self._workers = [
            threading.Thread(target=task.work, args=(self.task,), daemon=True, name="npae-pool") for _ in range(workers)
        ]
        for worker in self._workers:
            worker.start()
        atexit.register(self.stop)

    def product(self, dtype: np.dtype) -> Callable[..., bool]:
        """The compiled product of this dtype, float32 or float64."""
        from npae.backend.pool.product import compiled_product

        self.products[dtype] = compiled_product(dtype, self._blas.gemm(dtype))
        return self.products[dtype]

    def stop(self) -> None:
        """End the workers."""
        self._words[self._code.STOP // 8] = 1
        for _ in self._workers:
            self._code.sem_post(self.task + self._code.WORK)
        for worker in self._workers:
            worker.join()


class OfProcess:
    """The Pool of this process. It is made when a Turn first asks for it after so many multiplications.

    Attributes:
        swept: multiplications that NumPy has done in pieces.
    """

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self.swept, self._lock = 0.0, threading.Lock()

    def __call__(self, threads: int, blas: OpenBLAS) -> Pool | None:
        """The Pool; None if it is too early, or if there can be none."""
        if self.pool is None and self.swept >= PATIENCE and can_compile():
            with self._lock:
                if self.pool is None:
                    self.pool = Pool(threads - 1, blas)
        return self.pool

    def after_fork(self) -> None:
        """In a forked process: the workers are not here."""
        self._lock = threading.Lock()
        if self.pool is not None:
            atexit.unregister(self.pool.stop)
            self.pool = None
        current.turn = None


_of_process = OfProcess()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_of_process.after_fork)


def can_compile() -> bool:
    """Can there be workers: is Numba here, and a system with POSIX's semaphores?"""
    from npae.backend.formulas.on_numba import available, compiler

    return os.name == "posix" and available() and compiler() is not None


def has_pool() -> bool:
    """Do the threads of a training step share one pool, once it has been compiled?

    Example:
        >>> from npae.backend.pool import has_pool
        >>> has_pool() in (True, False)
        True
    """
    return thread_count() > 1 and openblas() is not None and can_compile()


class Turn:
    """A block of code of one Python thread, a training step, whose products go to the pool. It can be entered again.

    Attributes:
        pool: the Pool, if its workers are this thread's.
        threads: how many pieces a product has at most.
    """

    def __init__(self, blas: OpenBLAS) -> None:
        self._blas, self.pool, self.threads = blas, None, 1

    def __enter__(self) -> None:
        self._process, self._before = os.getpid(), current.turn
        self.threads = min(thread_count(), self._blas.threads)
        pool = _of_process(self.threads, self._blas) if self.threads > 1 else None
        self._block = self._blas.one_thread()
        self._block.__enter__()
        self.pool: Pool | None = pool if pool is not None and pool.free.acquire(blocking=False) else None
        if self.threads > 1:
            current.turn = self

    def __exit__(self, *error: Any) -> None:
        if os.getpid() != self._process:
            return  # after_fork has left it
        current.turn = self._before
        if self.pool is not None:
            self.pool.free.release()
            self.pool = None
        self._block.__exit__(None, None, None)

    def multiply(self, a: Array, b: Array, out: Array | None) -> Array:
        """a b, in pieces. Returns out.

        Args:
            a, b, out: as for npae.backend.matmul, NumPy arrays.
        """
        pool = self.pool
        if pool is None:
            if _of_process.swept < PATIENCE:
                _of_process.swept += a.size * (b.shape[-1] if b.ndim > 1 else 1)
            return multiply_in_pieces(a, b, out, self.threads)
        if out is not None and type(b) is type(out) is np.ndarray and a.ndim == 2 and a.dtype in DTYPES:
            product = pool.products.get(a.dtype) or pool.product(a.dtype)
            try:
                if product(pool.task, a, b, out, self.threads):
                    return out
            except TypeError:  # of other dtypes, not writeable, not aligned
                pass
        return np.matmul(a, b, out=out)


def one_pool(like: Array) -> AbstractContextManager[Any]:
    """While the block runs, this thread's products are computed in pieces, by a pool of threads if there can be one.

    It can be entered again after its end.

    Args:
        like: an array of the network. On a GPU the block changes nothing.

    Example:
        >>> import numpy as np
        >>> from npae.backend import matmul, one_pool
        >>> x, W, out = np.ones((512, 784)), np.ones((784, 64)), np.empty((512, 64))
        >>> with one_pool(W):
        ...     float(matmul(x, W, out=out)[0, 0])
        784.0
    """
    blas = openblas()
    return nullcontext() if type(like) is not np.ndarray or thread_count() == 1 or blas is None else Turn(blas)
