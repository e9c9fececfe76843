"""Threads: elementwise operations on long arrays use all cores.

NumPy's matrix products use every core by themselves, its elementwise functions use one. While it computes, NumPy
releases Python's global interpreter lock, so ordinary Python threads can each compute a part of an array.
"""

import os
from collections.abc import Callable
from contextvars import copy_context
from functools import cache
from itertools import pairwise
from typing import Any


@cache
def thread_count() -> int:
    """How many threads an operation may use: OMP_NUM_THREADS if it is set, else the cores open to this process.

    At most four per core of the machine: more only wait for each other, and a system starts only some ten thousand.

    Example:
        >>> from npae.backend import thread_count
        >>> thread_count() >= 1
        True
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and float(asked) >= 1:
        return int(min(float(asked), 4 * (os.cpu_count() or 1)))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> Any:
    from concurrent.futures import ThreadPoolExecutor  # slow to import

    return ThreadPoolExecutor(thread_count() - 1, thread_name_prefix="npae")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has the pool but not its threads


def parallel_for(work: Callable[[int, int], Any], n: int) -> None:
    """Call work(start, stop) for consecutive pieces of range(n), one piece per thread; return when all are done.

    Args:
        work: a function of two integers.
        n: the length of the range.

    Example:
        >>> import numpy as np
        >>> from npae.backend import parallel_for
        >>> x = np.arange(8.0)
        >>> def square(start, stop):
        ...     x[start:stop] *= x[start:stop]
        >>> parallel_for(square, len(x))
        >>> x.tolist()
        [0.0, 1.0, 4.0, 9.0, 16.0, 25.0, 36.0, 49.0]
    """
    pieces = min(thread_count(), n)
    edges = [n * k // pieces for k in range(pieces + 1)]
    # Each worker runs in a copy of the caller's context, where NumPy keeps its error settings.
    others = [_pool().submit(copy_context().run, work, a, b) for a, b in pairwise(edges[1:])]
    try:
        work(edges[0], edges[1])
    finally:
        for other in others:
            other.exception()  # waits, after an error too, so that no thread writes into the caller's arrays any more
    for other in others:
        other.result()
