"""Sharing a loop among threads: consecutive parts of it, whose matrix products take one thread each.

A loop that builds a matrix block by block and multiplies each block, as a convolution does, leaves one thread alone to
build it, if only the products are shared: the others wait. They would then read a block from the cache of the thread
that has built it, which takes longer than to multiply it. So whole blocks are handed out: each thread builds its own
and multiplies them. How many shares there are depends on the number of threads alone.

This needs a BLAS whose number of threads can be set, which is OpenBLAS. With another one there is one share.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import pairwise
from typing import Any, TypeVar

from npae.backend.openblas import openblas
from npae.backend.pool import current
from npae.backend.threads import parallel_for, thread_count

T = TypeVar("T")


def share_count() -> int:
    """How many shares a loop has at most.

    Example:
        >>> from npae.backend import share_count
        >>> share_count() >= 1
        True
    """
    return thread_count() if thread_count() > 1 and openblas() is not None else 1


def shares(items: Sequence[T]) -> list[Sequence[T]]:
    """Consecutive parts of the items, of nearly the same length: at most `share_count()`, none empty.

    Args:
        items: at least one.

    Example:
        >>> from npae.backend import shares
        >>> shares([3])
        [[3]]
    """
    n = min(len(items), share_count())
    return [items[a:b] for a, b in pairwise(len(items) * k // n for k in range(n + 1))]


def run_shares(work: Callable[[int, T], Any], parts: Sequence[T]) -> None:
    """Call work(k, part) for every part k, each by a thread of its own if there are several.

    Args:
        work: what is done with a part. Different parts must not write to the same arrays. Arrays that it needs are made
            before: `empty` knows the frame of the caller's thread only.
        parts: one for each share.

    Example:
        >>> from npae.backend import run_shares
        >>> run_shares(print, ["all of it"])
        0 all of it
    """
    if len(parts) == 1:
        work(0, parts[0])
        return

    def some(first: int, last: int) -> None:
        turn, current.turn = current.turn, None  # this thread's products are its own, even if its step has a pool
        try:
            for k in range(first, last):
                work(k, parts[k])
        finally:
            current.turn = turn

    blas = openblas()
    with nullcontext() if blas is None else blas.one_thread():
        parallel_for(some, len(parts))
