"""Parts of the compiled loops over windows: what maxima and sums share (window_loops.py). They need Numba."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from npae.backend.formulas.on_numba import compiler


class Parts(NamedTuple):
    """Compiled functions. An axis is as Windows in window_kernels.py: (size, kernel, stride, pad, out_size)."""

    copy: Callable[..., None]
    add: Callable[..., None]
    line_of: Callable[..., tuple]
    needs_zeros: Callable[..., bool]
    inside_of: Callable[..., tuple[int, int]]


@cache
def parts() -> Parts:
    """The functions; each is compiled where it is first used."""
    compiled = compiler()

    @compiled
    def copy(x, y):
        for i in range(y.size):
            y[i] = x[i]

    @compiled
    def add(x, y):
        for i in range(y.size):
            y[i] += x[i]

    @compiled
    def line_of(columns, C, value, like):
        """(all, inside): a row of pixels as long as its windows reach, and its part inside of the image, flat."""
        W, kernel, stride, left, Q = columns
        line = np.full((left + max(W, (Q - 1) * stride + kernel - left), C), value, like.dtype)
        return line, line[left : left + W].reshape(-1)

    @compiled
    def needs_zeros(axis):
        """Do windows overlap, or leave out pixels of the image?"""
        size, taps, stride, pad, count = axis
        return stride != taps or (count - 1) * stride + taps - pad < size

    @compiled
    def inside_of(axis, p):
        """(first, last): the taps of window p that lie inside of the image, last excluded."""
        size, taps, stride, pad, _ = axis
        return max(pad - stride * p, 0), min(taps, size + pad - stride * p)

    return Parts(copy, add, line_of, needs_zeros, inside_of)
