"""Compiled loops: the sums and means of windows and their adjoint. window_loops.py describes both.

The inner loops go over adjacent numbers, and the compiler vectorises them.
"""

from collections.abc import Callable
from functools import cache

from npae.backend.formulas.on_numba import compiler
from npae.backend.window_loop_parts import parts


@cache
def sums_loops(kernel: int) -> dict[str, Callable[..., None]]:
    """The loops over the images first … last − 1, by name, for windows of this number of columns. They need Numba.

    Args:
        kernel: the number of columns.
    """
    compiled = compiler()
    copy, add, line_of, needs_zeros, inside_of = parts()

    @compiled
    def scale(y, taps, inside):  # in the order of _divide_by_counts in npae.layers.windows
        T = y.dtype.type
        for i in range(y.size):
            y[i] *= T(1 / taps)
        if inside < taps:
            for i in range(y.size):
                y[i] *= T(taps / inside)

    @compiled
    def sums(first, last, rows, columns, mean, x, y):
        _, taps, down, above, P = rows
        step, T = columns[2], x.dtype.type
        line, inside = line_of(columns, x.shape[3], 0, x)
        for b in range(first, last):
            for p in range(P):
                top, (t0, t1) = down * p - above, inside_of(rows, p)
                inside[:] = 0
                for t in range(t0, t1):
                    add(x[b, top + t].reshape(-1), inside)
                if mean:
                    scale(inside, taps, t1 - t0)
                for q in range(y.shape[2]):
                    window, out, (u0, u1) = line[q * step : q * step + kernel], y[b, p, q], inside_of(columns, q)
                    part, more = (T(1 / kernel), T(kernel / (u1 - u0))) if mean else (T(1), T(1))
                    for c in range(y.shape[3]):
                        total = T(0)
                        for u in range(kernel):
                            total += window[u, c]
                        out[c] = total * part * more

    @compiled
    def sums_adjoint(first, last, rows, columns, mean, y, x):
        _, taps, down, above, P = rows
        step, T = columns[2], x.dtype.type
        line, inside = line_of(columns, x.shape[3], 0, x)
        for b in range(first, last):
            if needs_zeros(rows):
                x[b] = 0
            for i in range(P):
                p = P - 1 - i if down < taps else i
                if step < kernel:
                    line[:] = 0
                for j in range(y.shape[2]):
                    q = y.shape[2] - 1 - j if step < kernel else j
                    window, given, (u0, u1) = line[q * step : q * step + kernel], y[b, p, q], inside_of(columns, q)
                    part, more = (T(1 / kernel), T(kernel / (u1 - u0))) if mean else (T(1), T(1))
                    if step < kernel:
                        for c in range(y.shape[3]):
                            share = given[c] * part * more
                            for u in range(kernel):
                                window[u, c] += share
                    else:
                        for c in range(y.shape[3]):
                            share = given[c] * part * more
                            for u in range(kernel):
                                window[u, c] = share
                top, (t0, t1) = down * p - above, inside_of(rows, p)
                if mean:
                    scale(inside, taps, t1 - t0)
                for t in range(t0, t1):
                    if down < taps:
                        add(inside, x[b, top + t].reshape(-1))
                    else:
                        copy(inside, x[b, top + t].reshape(-1))

    return {"sums": sums, "sums_adjoint": sums_adjoint}
