"""Products with a sparse matrix h, of which most numbers are 0: only the others are multiplied.

    h W                 y_i  = Σ_j h_ij W_j           over the j with h_ij ≠ 0: a few rows of W for each sample
    hᵀ x                G_j  = Σ_i h_ij x_i           over the i with h_ij ≠ 0: a few rows of x for each unit
    x Wᵀ, where h ≠ 0   p_ij = x_i · W_j              a few inner products for each sample

A code of 32 among 3,072 units needs a hundredth of the multiplications. `nonzeros` finds the places of h ≠ 0, once for
all products. It returns None where the dense products of npae.backend.products are better: on a GPU, without Numba,
for a small h, and if a row has more than an eighth of its numbers different from 0; then the functions use those.
(Measured for 1,024 samples, 384 features, 3,072 units on one core: a dense product takes 24 ms, a sparse one with 32
units 1.5 ms, with 192 units 9 ms; finding the places takes 2 ms.) Both ways add the same products in another order.
"""

from functools import cache, cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from npae.backend.formulas import elementwise
from npae.backend.formulas.on_numba import available, compiler
from npae.backend.memory import empty
from npae.backend.products import matmul, sum_rows
from npae.backend.threads import parallel_for
from npae.backend.typing import Array

LARGE = 2**18  # numbers in h from which on sparse products are tried: compiling takes seconds
SHARE = 8  # at most 1/SHARE of the numbers of a row may differ from 0
NARROW = 32  # columns of W and x below which a dense product is as fast


@elementwise
def _is_not_0(h):
    return (h > 0) + (h < 0)


class Places:
    """Where a matrix h is not 0.

    by_row: (first, last, columns): the columns in which row i is not 0 are columns[first[i] : last[i]], in order.

    Args:
        counts: how many numbers of each row are not 0, (B,).
        columns: their columns, in order, (B, most); each row's first numbers count.
        width: the number of columns of h.
    """

    def __init__(self, counts: Array, columns: Array, width: int) -> None:
        first = np.arange(len(columns)) * columns.shape[1]
        self.by_row, self._width = (first, first + counts, columns.reshape(-1)), width

    @cached_property
    def by_column(self) -> tuple[Array, Array, Array]:
        """(first, last, rows): the rows in which column j is not 0 are rows[first[j] : last[j]], in order."""
        first, last, columns = self.by_row
        starts, rows = np.zeros(self._width + 1, np.int64), np.empty(int((last - first).sum()), np.int32)
        _loops().by_column(first, last, columns, starts, rows)
        return starts[:-1], starts[1:], rows


def nonzeros(h: Array, features: int) -> Places | None:
    """Where h is not 0; None: dense products are better.

    Args:
        h: (B, n).
        features: the number of columns of what it is multiplied with.

    Example:
        >>> import numpy as np
        >>> from npae.backend import nonzeros
        >>> h = np.zeros((1024, 1024), np.float32)
        >>> h[:, 5] = 1
        >>> places = nonzeros(h, 384)  # without Numba, None
        >>> places is None or (places.by_row[1] - places.by_row[0])[:2].tolist()  # one number in each row
        [1, 1]
    """
    worth = type(h) is np.ndarray and h.size >= LARGE and features >= NARROW and h.flags.c_contiguous
    if not worth or not available() or compiler() is None:
        return None
    counts = np.empty(len(h), np.int64)
    columns = empty((len(h), h.shape[1] // SHARE), h, np.int32)
    parallel_for(lambda start, stop: _loops().find(h, counts, columns, start, stop), len(h))
    return None if (counts < 0).any() else Places(counts, columns, h.shape[1])


def sparse_matmul(h: Array, places: Places | None, W: Array, out: Array) -> Array:
    """out ← h W. Returns out.

    Args:
        h: (B, n).
        places: nonzeros(h).
        W: (n, features).
        out: (B, features).

    Example:
        >>> import numpy as np
        >>> from npae.backend import nonzeros, sparse_matmul
        >>> h, W = np.array([[0.0, 2.0]]), np.array([[1.0, 1.0], [3.0, 4.0]])
        >>> sparse_matmul(h, nonzeros(h, 2), W, np.empty((1, 2))).tolist()
        [[6.0, 8.0]]
    """
    if places is None:
        return matmul(h, W, out=out)
    return _combine(h, *places.by_row, W, out)


def sparse_matmul_transposed(h: Array, places: Places | None, x: Array, out: Array) -> Array:
    """out ← hᵀ x. Returns out.

    Args:
        h: (B, n).
        places: nonzeros(h).
        x: (B, features).
        out: (n, features).

    Example:
        >>> import numpy as np
        >>> from npae.backend import nonzeros, sparse_matmul_transposed
        >>> h, x = np.array([[0.0, 2.0]]), np.array([[3.0, 4.0]])
        >>> sparse_matmul_transposed(h, nonzeros(h, 2), x, np.empty((2, 2))).tolist()
        [[0.0, 0.0], [6.0, 8.0]]
    """
    if places is None:
        return matmul(h.T, x, out=out)
    return _combine(h.T, *places.by_column, x, out)


def _combine(h: Array, first: Array, last: Array, index: Array, W: Array, out: Array) -> Array:
    parallel_for(lambda start, stop: _loops().combine(h, first, last, index, W, out, start, stop), len(out))
    return out


def matmul_at(x: Array, W: Array, places: Places | None, out: Array) -> Array:
    """out ← x Wᵀ at the places, 0 elsewhere; without places, x Wᵀ everywhere. Returns out.

    Args:
        x: (B, features).
        W: (n, features).
        places: nonzeros of some (B, n).
        out: (B, n).

    Example:
        >>> import numpy as np
        >>> from npae.backend import matmul_at
        >>> matmul_at(np.array([[3.0, 4.0]]), np.array([[1.0, 1.0], [0.0, 2.0]]), None, np.empty((1, 2))).tolist()
        [[7.0, 8.0]]
    """
    if places is None:
        return matmul(x, W.T, out=out)
    first, last, columns = places.by_row
    parallel_for(lambda start, stop: _loops().product_at(x, W, first, last, columns, out, start, stop), len(x))
    return out


def column_counts(h: Array, places: Places | None) -> Array:
    """How many numbers of each column of h are not 0: (n,), in h's dtype.

    Args:
        h: (B, n).
        places: nonzeros(h).

    Example:
        >>> import numpy as np
        >>> from npae.backend import column_counts
        >>> column_counts(np.array([[0.0, 2.0], [0.0, -1.0]]), None).tolist()
        [0.0, 2.0]
    """
    if places is None:
        return sum_rows(_is_not_0(h))
    first, last, _ = places.by_column
    return (last - first).astype(h.dtype)


@cache
def _loops() -> Any:
    """The compiled loops."""
    jit, sums = compiler(), compiler(reorders_sums=True)

    @jit
    def find(h, counts, columns, start, stop):
        n, most = h.shape[1], columns.shape[1]
        found = np.empty(n, np.int32)
        for i in range(start, stop):
            row, count = h[i], 0
            for j in range(n):
                found[count] = j
                count += row[j] != 0
            counts[i] = count if count <= most else -1
            if count <= most:
                columns[i, :count] = found[:count]

    @jit
    def by_column(first, last, columns, starts, rows):
        for i in range(len(first)):
            for p in range(first[i], last[i]):
                starts[columns[p] + 1] += 1
        for j in range(1, len(starts)):
            starts[j] += starts[j - 1]
        ends = starts[:-1].copy()
        for i in range(len(first)):
            for p in range(first[i], last[i]):
                j = columns[p]
                rows[ends[j]] = i
                ends[j] += 1

    @jit
    def combine(h, first, last, index, W, out, start, stop):
        for i in range(start, stop):
            y = out[i]
            y[:] = 0
            for p in range(first[i], last[i]):
                j = index[p]
                value, row = h[i, j], W[j]
                for q in range(len(y)):
                    y[q] += value * row[q]

    @sums
    def product_at(x, W, first, last, columns, out, start, stop):
        for i in range(start, stop):
            out[i, :] = 0
            left = x[i]
            for p in range(first[i], last[i]):
                j = columns[p]
                right, total = W[j], left[0] * 0
                for q in range(len(left)):
                    total += left[q] * right[q]
                out[i, j] = total

    return SimpleNamespace(find=find, by_column=by_column, combine=combine, product_at=product_at)
