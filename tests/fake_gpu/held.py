"""Memory that a graph uses and does not hold: an address on a GPU, a weak reference here.

A graph contains addresses. It keeps alive only what its own pool has given to the capture. If another array is freed,
its memory goes to whoever asks next, and the graph reads and overwrites what is there. Here the launch raises instead.
"""

import ctypes
import weakref

import numpy as np

FREED = (
    "a graph uses memory that has been freed since its capture: {} Keep the object alive as long as the graph. "
    "(A real GPU would read and overwrite whatever is there by now.)"
)


def _root(array):
    """The array that owns the memory. Between it and a view there may be an object of as_strided, which has a base."""
    base = array
    while base is not None:
        array = base if isinstance(base, np.ndarray) else array
        base = getattr(base, "base", None)
    return array


class Address:
    """The place of an array, without holding it. A call returns it, or raises RuntimeError if it is freed."""

    def __init__(self, array):
        self._root = weakref.ref(_root(array))
        self._what = f"an array of shape {array.shape} and dtype {array.dtype}."
        steps = [(n - 1) * step for n, step in zip(array.shape, array.strides, strict=True)] if array.size else []
        before, after = -sum(s for s in steps if s < 0), sum(s for s in steps if s > 0)
        memory = (ctypes.c_char * (before + after + array.itemsize)).from_address(array.ctypes.data - before)
        self._array = np.ndarray(array.shape, array.dtype, memory, before, array.strides)

    def __call__(self):
        if self._root() is None:
            raise RuntimeError(FREED.format(self._what))
        return self._array


def addresses(x):
    """x with an Address for every NumPy array in it."""
    if isinstance(x, np.ndarray):
        return Address(x)
    if isinstance(x, (list, tuple)):
        return type(x)(addresses(v) for v in x)
    return {k: addresses(v) for k, v in x.items()} if isinstance(x, dict) else x


def arrays(x):
    """x with the array of every Address in it."""
    if isinstance(x, Address):
        return x()
    if isinstance(x, (list, tuple)):
        return type(x)(arrays(v) for v in x)
    return {k: arrays(v) for k, v in x.items()} if isinstance(x, dict) else x
