"""Threads: elementwise operations on long arrays use all cores.

NumPy's matrix products use every core by themselves, its elementwise functions use one. While it computes, NumPy
releases Python's global interpreter lock, so ordinary Python threads can each compute a part of an array.
"""

import os
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import cache
from itertools import pairwise


@cache
def thread_count():
    """How many threads an operation may use: OMP_NUM_THREADS if it is set, else the cores open to this process."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool():
    return ThreadPoolExecutor(thread_count() - 1, thread_name_prefix="npae")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has the pool but not its threads


def parallel_for(work, n):
    """Call work(start, stop) for consecutive pieces of range(n), one piece per thread; return when all are done."""
    pieces = min(thread_count(), n)
    edges = [n * k // pieces for k in range(pieces + 1)]
    # Each worker runs in a copy of the caller's context, where NumPy keeps its error settings.
    others = [_pool().submit(copy_context().run, work, a, b) for a, b in pairwise(edges[1:])]
    try:
        work(edges[0], edges[1])
    finally:
        wait(others)  # even after an error, so that no thread writes into the caller's arrays any more
    for other in others:
        other.result()
