"""Selection: the k-th largest number of each row, and of a whole matrix, without sorting.

NumPy partitions a copy. With Numba, a large float32 matrix is searched in place: a bound from below discards nearly all
numbers, and Hoare's quickselect ("Algorithm 65: Find", 1961) finds the k-th largest of those that remain.

    a row           cut it into pieces and take the elementwise maximum of the pieces: of these maxima, the k-th largest
                    is a bound, since k numbers of the row are at least as large
    a matrix        count the positive numbers by their exponents and first bits, which as integers have the order of
                    the numbers; the k-th largest lies in the bin in which the counts from above reach k

Both ways return a number of the matrix, the same one: no bit depends on the way.
"""

from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from npae.backend.arrays import array_module
from npae.backend.formulas.on_numba import available, compiler
from npae.backend.memory import empty
from npae.backend.threads import parallel_for
from npae.backend.typing import Array

LARGE = 2**20  # numbers from which on compiled loops are used: compiling takes seconds
BIN = 19  # bits that a bin leaves out: 12 are left, the sign, the exponent and 3 of the fraction


def kth_largest(x: Array, k: int) -> Array:
    """The k-th largest number of each row of x: (B, 1). With NaN in a row, it is as if NaN were the smallest number.

    Args:
        x: (B, n).
        k: from 1 to n.

    Example:
        >>> import numpy as np
        >>> from npae.backend import kth_largest
        >>> kth_largest(np.array([[3.0, 1.0, 5.0, 4.0]]), 2).tolist()
        [[4.0]]
    """
    t = empty((len(x), 1), x)
    if k < x.shape[1] and _compiled(x):
        parallel_for(lambda start, stop: _loops().rows(x, k, t, start, stop), len(x))
        return t
    xp, rest = array_module(x), empty(x.shape, x)
    xp.negative(x, out=rest)
    rest.partition(k - 1, axis=1)  # of −x, since CuPy's selection is quick near the lower end only
    return xp.negative(rest[:, k - 1 : k], out=t)


def kth_largest_of_all(x: Array, k: int) -> Array:
    """The k-th largest number of a whole matrix: a vector of one number; 0 if fewer than k numbers are positive.

    Args:
        x: (B, n).
        k: from 1 to B n.

    Example:
        >>> import numpy as np
        >>> from npae.backend import kth_largest_of_all
        >>> kth_largest_of_all(np.array([[3.0, 1.0], [-1.0, 4.0]]), 2).tolist()
        [3.0]
    """
    t = empty((1,), x)
    if x.dtype == np.float32 and _compiled(x):
        t[0] = _of_all(x, k)
        return t
    xp, rest = array_module(x), empty((x.size,), x)
    xp.negative(x.reshape(-1), out=rest)
    rest.partition(k - 1)
    xp.negative(rest[k - 1 : k], out=t)
    return xp.maximum(t, 0, out=t)


def _compiled(x: Array) -> bool:
    return type(x) is np.ndarray and x.size >= LARGE and x.flags.c_contiguous and available() and compiler() is not None


def _of_all(x: Array, k: int) -> float:
    bits, found = x.reshape(-1).view(np.int32), []
    parallel_for(lambda start, stop: found.append(_loops().histogram(bits, start, stop)), bits.size)
    from_above = np.cumsum(np.sum(found, axis=0)[:0:-1])  # of bins …, 2, 1; bin 0 has what is not positive, or tiny
    if k > from_above[-1]:
        return max(0.0, float(-np.partition(-x.reshape(-1), k - 1)[k - 1]))
    place = int(np.searchsorted(from_above, k))
    inside = np.empty(int(from_above[place] - (from_above[place - 1] if place else 0)), np.int32)
    _loops().collect(bits, len(from_above) - place, inside)
    place = len(inside) - (k - (int(from_above[place - 1]) if place else 0))
    return float(np.partition(inside, place)[[place]].view(np.float32)[0])


@cache
def _loops() -> Any:
    """The compiled loops."""
    jit = compiler()

    @jit
    def select(v, n, k):
        """The k-th largest of v[:n], whose order changes."""
        low, high, want = 0, n - 1, k - 1
        while low < high:
            pivot, i, j = v[(low + high) // 2], low, high
            while i <= j:
                while v[i] > pivot:
                    i += 1
                while v[j] < pivot:
                    j -= 1
                if i <= j:
                    v[i], v[j] = v[j], v[i]
                    i, j = i + 1, j - 1
            if want <= j:
                high = j
            elif want >= i:
                low = i
            else:
                break
        return v[want]

    @jit
    def rows(x, k, t, start, stop):
        n = x.shape[1]
        piece = n
        while piece % 2 == 0 and piece >= 4 * k:
            piece //= 2
        bounds, found = np.empty(piece, x.dtype), np.empty(n, x.dtype)
        for i in range(start, stop):
            row = x[i]
            for q in range(piece):
                bounds[q] = row[q] if row[q] == row[q] else -np.inf  # not NaN
            for s in range(piece, n, piece):
                part = row[s : s + piece]
                for q in range(piece):
                    bounds[q] = part[q] if part[q] > bounds[q] else bounds[q]
            least, count = select(bounds, piece, k), 0
            for q in range(n):
                found[count] = row[q]
                count += row[q] >= least
            t[i, 0] = select(found, count, k) if count >= k else least

    @jit
    def histogram(bits, start, stop):
        counts = np.zeros(1 << (31 - BIN), np.int64)
        for q in range(start, stop):
            counts[max(bits[q], 0) >> BIN] += 1
        return counts

    @jit
    def collect(bits, place, inside):
        count, most = 0, len(inside)
        for q in range(len(bits)):
            if bits[q] >> BIN == place and count < most:
                inside[count] = bits[q]
                count += 1

    return SimpleNamespace(rows=rows, histogram=histogram, collect=collect)
