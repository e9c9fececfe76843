"""Compiled loops: the maxima of windows and their derivative. window_loops.py describes both.

The inner loops go over adjacent numbers, and the compiler vectorises them. For that, [t = place] is a choice of two
constants, and bytes are compared as bytes.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from npae.backend.formulas.on_numba import compiler
from npae.backend.window_loop_parts import parts


@cache
def maxima_loops(kernel: int) -> dict[str, Callable[..., None]]:
    """The loops over the images first … last − 1, by name, for windows of this number of columns. They need Numba.

    Args:
        kernel: the number of columns.
    """
    compiled, byte = compiler(), np.uint8
    copy, add, line_of, needs_zeros, inside_of = parts()

    @compiled
    def larger(x, y):
        for i in range(y.size):
            a, b = y[i], x[i]
            y[i] = a if (a > b) | (a != a) else b

    @compiled
    def mark(x, y, t, place):
        for i in range(y.size):
            place[i] = byte(t) if x[i] >= y[i] else place[i]

    @compiled
    def take(rest, place, t, dx, adds):  # g_t = rest · [t = place], rest ← rest − g_t
        zero, one, t = rest.dtype.type(0), rest.dtype.type(1), byte(t)
        if adds:
            for i in range(dx.size):
                g = rest[i] * (one if place[i] == t else zero)
                dx[i] += g
                rest[i] -= g
        else:
            for i in range(dx.size):
                g = rest[i] * (one if place[i] == t else zero)
                dx[i] = g
                rest[i] -= g

    @compiled
    def maxima(first, last, rows, columns, x, y, row_of, column_of):
        _, taps, down, above, P = rows
        line, inside = line_of(columns, x.shape[3], -np.inf, x)
        for b in range(first, last):
            for p in range(P):
                top, (t0, t1) = down * p - above, inside_of(rows, p)
                copy(x[b, top + t0].reshape(-1), inside)
                for t in range(t0 + 1, t1):
                    larger(x[b, top + t].reshape(-1), inside)
                place = row_of[b, p].reshape(-1)
                place[:] = taps - 1  # the last tap needs no comparison
                for t in range(min(t1, taps - 1) - 1, t0 - 1, -1):
                    mark(x[b, top + t].reshape(-1), inside, t, place)
                maxima_of_line(line, columns, y[b, p], column_of[b, p])

    @compiled
    def maxima_of_line(line, columns, y, column_of):
        step = columns[2]
        for q in range(len(y)):
            window, most, place = line[q * step : q * step + kernel], y[q], column_of[q]
            start = byte(inside_of(columns, q)[0])
            for c in range(y.shape[1]):
                a = window[0, c]
                for u in range(1, kernel):
                    b = window[u, c]
                    a = a if (a > b) | (a != a) else b
                most[c] = a
                at = byte(kernel - 1)
                for u in range(kernel - 2, -1, -1):
                    at = byte(u) if window[u, c] >= a else at
                place[c] = max(at, start)  # where all numbers are −∞, as they are outside of the image

    @compiled
    def maxima_backward(first, last, rows, columns, dy, row_of, column_of, dx):
        _, taps, down, above, P = rows
        line, inside = line_of(columns, dy.shape[3], 0, dy)
        adds = down < taps
        for b in range(first, last):
            if needs_zeros(rows):
                dx[b] = 0
            for i in range(P):
                p = P - 1 - i if adds else i
                give_to_line(dy[b, p], column_of[b, p], columns, line)
                top, place, (t0, t1) = down * p - above, row_of[b, p].reshape(-1), inside_of(rows, p)
                for t in range(t0, t1):
                    row = dx[b, top + t].reshape(-1)
                    if t < taps - 1:
                        take(inside, place, t, row, adds)
                    elif adds:
                        add(inside, row)
                    else:
                        copy(inside, row)

    @compiled
    def give_to_line(dy, column_of, columns, line):
        step, zero, one = columns[2], dy.dtype.type(0), dy.dtype.type(1)
        if step < kernel:
            line[:] = 0
        for i in range(len(dy)):
            q = len(dy) - 1 - i if step < kernel else i
            window, dy_q, place = line[q * step : q * step + kernel], dy[q], column_of[q]
            start = inside_of(columns, q)[0]
            if step < kernel:
                for c in range(dy.shape[1]):
                    rest = dy_q[c]
                    for u in range(kernel - 1):
                        g = rest * (one if place[c] == byte(u) else zero) if u >= start else zero
                        window[u, c] += g
                        rest -= g
                    window[kernel - 1, c] += rest
            else:
                for c in range(dy.shape[1]):
                    rest, at = dy_q[c], place[c]
                    for u in range(kernel - 1):
                        g = rest * (one if at == byte(u) else zero) if u >= start else zero
                        window[u, c] = g
                        rest -= g
                    window[kernel - 1, c] = rest

    return {"maxima": maxima, "maxima_backward": maxima_backward}
