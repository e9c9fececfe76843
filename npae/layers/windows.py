"""Maxima and sums over the windows of images, one number per window and channel, and their derivatives.

    maxima:   y_p = max_t x_{sp+t−pad}          ∂J/∂x_q = Σ_p dy_p [q is the place of the maximum of window p]
    sums:     y_p = Σ_t x_{sp+t−pad}            ∂J/∂x_q = Σ_{p reads q} dy_p
    means:    y_p = 1/n_p Σ_t x_{sp+t−pad}      ∂J/∂x_q = Σ_{p reads q} dy_p / n_p

t runs over the window, s is the stride, and pad is as in npae.layers.patches. Places outside of the image have no
pixel: they are never the maximum, and n_p counts the places inside.

The maximum over a window is the maximum over its columns of the maxima within each column, and sums work likewise. So
there is one pass along the height and one along the width, with k + k taps in place of k². The derivatives take the
two passes in reverse order. `fast_windows` does both passes at once, after some work by compiled loops, with the same
bits (npae.backend.window_loops), on the GPU by one kernel, with the same ties (of numbers: NaN aside) and the same
order of summation (npae.backend.window_kernels).

**Ties.** The first maximum (in the leftmost column, then the topmost row) receives the whole gradient. In one pass,
take the taps t = 0 … k − 1 of a window in order, starting with rest = dy:

    g_t = rest · [x_t ≥ y],     rest ← rest − g_t

Before the first maximum the bracket is 0, so g_t = 0 and rest stays dy. At the first maximum x_t = y, so g_t = dy and
rest becomes 0. After it rest is 0, so g_t = 0. The last tap needs no comparison: it takes the rest.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from npae.backend import Array, elementwise, empty, fast_windows
from npae.layers.patches import Axis

Index: TypeAlias = tuple[slice, ...]


def maxima(x: Array, rows: Axis, columns: Axis) -> tuple[Array, Any]:
    """(y, cache): the maximum of every window of x, a new array, and what maxima_backward needs.

    Args:
        x: images (B, H, W, C).
        rows, columns: the Axis of the height and of the width.
    """
    if fast := fast_windows(x, rows, columns):
        return fast.window_maxima(x, rows, columns)
    of_columns = _max(x, 1, rows)
    y = _max(of_columns, 2, columns)
    return y, (None, x, of_columns, y, rows, columns)


def maxima_backward(dy: Array, cache: Any) -> Array:
    """∂J/∂x from ∂J/∂y, where (y, cache) = maxima(x)."""
    fast, *saved = cache
    if fast:
        return fast.window_maxima_backward(dy, *saved)
    x, of_columns, y, rows, columns = saved
    return _max_backward(_max_backward(dy, of_columns, y, 2, columns), x, of_columns, 1, rows)


def sums(x: Array, rows: Axis, columns: Axis, mean: bool = False) -> Array:
    """The sum of every window of x, or its mean: a new array.

    Args:
        x: images (B, H, W, C).
        rows, columns: the Axis of the height and of the width.
        mean: divide by the number of pixels in the window.
    """
    if fast := fast_windows(x, rows, columns):
        return fast.window_sums(x, rows, columns, mean)
    for along, axis in ((1, rows), (2, columns)):
        x = _sum(x, along, axis)
        if mean:
            _divide_by_counts(x, along, axis)
    return x


def sums_adjoint(y: Array, rows: Axis, columns: Axis, mean: bool = False) -> Array:
    """The adjoint of `sums`: every number of y is added to all pixels of its window. A new array.

    Args:
        y: (B, …, …, C), one number per window and channel.
        rows, columns: the Axis of the height and of the width.
        mean: divide by the number of pixels in the window.
    """
    if fast := fast_windows(y, rows, columns):
        return fast.window_sums_adjoint(y, rows, columns, mean)
    for along, axis in ((2, columns), (1, rows)):
        if mean:
            share = empty(y.shape, y)
            share[...] = y
            y = _divide_by_counts(share, along, axis)
        y = _sum_adjoint(y, along, axis)
    return y


# One pass along an axis of (B, H, W, C), 1 or 2.


@elementwise(out=("rest",))
def _pass_to_maximum(rest, x, y):
    g = rest * (x >= y)
    return rest - g, g


def _max(x: Array, along: int, axis: Axis) -> Array:
    y = empty(_shape(x, along, axis.out_size), x)
    y.fill(-float("inf"))
    for inputs, outputs in _taps(along, axis):
        part = y[outputs]
        np.maximum(part, x[inputs], out=part)
    return y


def _max_backward(dy: Array, x: Array, y: Array, along: int, axis: Axis) -> Array:
    dx, rest = _for_inputs(dy, along, axis), empty(dy.shape, dy)
    rest[...] = dy
    *taps, (inputs, outputs) = _taps(along, axis)
    for i, o in taps:
        if axis.overlaps:
            dx[i] += _pass_to_maximum(rest[o], x[i], y[o], out=(rest[o], empty(y[o].shape, y)))[1]
        else:
            _pass_to_maximum(rest[o], x[i], y[o], out=(rest[o], dx[i]))
    _add(dx, inputs, rest[outputs], axis)  # the last tap takes the rest
    return dx


def _sum(x: Array, along: int, axis: Axis) -> Array:
    y = empty(_shape(x, along, axis.out_size), x)
    y.fill(0)
    for inputs, outputs in _taps(along, axis):
        y[outputs] += x[inputs]
    return y


def _sum_adjoint(y: Array, along: int, axis: Axis) -> Array:
    x = _for_inputs(y, along, axis)
    for inputs, outputs in _taps(along, axis):
        _add(x, inputs, y[outputs], axis)
    return x


def _divide_by_counts(y: Array, along: int, axis: Axis) -> Array:
    """y, divided in place by the number of places that each window has inside the image along this axis."""
    y *= 1 / axis.kernel
    for p in range(axis.out_size):
        first = p * axis.stride - axis.pad
        inside = min(first + axis.kernel, axis.size) - max(first, 0)
        if inside < axis.kernel:
            y[(slice(None),) * along + (p,)] *= axis.kernel / inside
    return y


def _shape(x: Array, along: int, size: int) -> tuple[int, ...]:
    return (*x.shape[:along], size, *x.shape[along + 1 :])


def _add(x: Array, place: Index, values: Array, axis: Axis) -> None:
    """x[place] += values; without overlaps each place is met once, so that writing is enough."""
    if axis.overlaps:
        x[place] += values
    else:
        x[place] = values


def _for_inputs(y: Array, along: int, axis: Axis) -> Array:
    """An array for the inputs of y's windows: zeros, or uninitialised if each input lies in exactly one window."""
    x = empty(_shape(y, along, axis.size), y)
    if axis.overlaps or axis.stride > axis.kernel or axis.span - axis.pad < axis.size:
        x.fill(0)
    return x


def _taps(along: int, axis: Axis) -> Iterator[tuple[Index, Index]]:
    """Yield (inputs, outputs) for each tap of the windows: the indices into x and y where it lies inside the image."""
    for inputs, outputs in axis.taps():
        yield (slice(None),) * along + (inputs,), (slice(None),) * along + (outputs,)
