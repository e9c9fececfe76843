"""Which pieces a product of matrices has, and a product by NumPy, piece after piece.

    C = A B,  (m, n) = (m, k)(k, n)        a piece has some rows of A and C, or some columns of B and C

The functions of integers are plain Python, which NumPy's way calls as they are and the compiled way compiles
(product.py). So both have the same pieces: the same calls of OpenBLAS with one thread, hence the same bits.

Rows of C lie behind each other, so threads that write different rows do not write to the same lines of the cache: a
product of (256, 32) and (32, 784) takes a third of the time that its columns take. Columns are better if there are few
rows, or if B is transposed and large: OpenBLAS first copies B into another order, which every piece of rows repeats.

OpenBLAS chooses its kernels by the size of a product, and the kernels of some processors round differently. So, as with
OpenBLAS's own threads, another number of threads may change last bits. Both are sums of the same k terms in two
orders, so |Δc_ij| ≤ 2 k ε Σ_l |a_il b_lj|, with the machine epsilon ε.
"""

import numpy as np

from npae.backend.threads import parallel_for
from npae.backend.typing import Array

LEAST = 2**17  # multiplications of a piece that is worth handing out: some 4 µs of one thread
LARGE = 2**23  # multiplications of a product that is worth handing to Python's threads: some 200 µs of one thread
FEW, MANY = 64, 128  # rows: below FEW, and with a transposed b up to MANY, pieces are columns
TILES = {4: 16, 8: 24}  # bytes of a number -> rows or columns that OpenBLAS computes at once; a rest is slower
AS_IS, TRANSPOSED = 111, 112  # how cblas.h calls a matrix whose rows, or columns, lie behind each other


def layout(rows: int, columns: int, down: int, right: int, size: int) -> tuple[int, int]:
    """How BLAS reads a matrix where it lies, as NumPy decides it: (order, ld), or (0, 0) if it cannot.

    ld is the number of elements from one row to the next, or, of a TRANSPOSED matrix, from one column to the next.

    Args:
        rows, columns: the shape.
        down, right: the strides in bytes.
        size: bytes of a number.
    """
    if right == size and down % size == 0 and down >= columns * size:
        return AS_IS, down // size
    if down == size and right % size == 0 and right >= rows * size:
        return TRANSPOSED, right // size
    return 0, 0


def split(m: int, k: int, n: int, b_order: int, threads: int, tile: int) -> tuple[bool, int]:
    """(are the pieces rows, how many).

    Args:
        m, k, n: the sizes of the product.
        b_order: of b.
        threads: at most so many pieces.
        tile: of TILES.
    """
    by_rows = m >= FEW and not (b_order == TRANSPOSED and m <= MANY <= k)
    return by_rows, max(1, min(threads, m * k * n // LEAST, (m if by_rows else n) // tile))


def bounds(i: int, pieces: int, end: int, tile: int) -> tuple[int, int]:
    """(first, last + 1) of the rows or columns of piece i: a multiple of the tile, but for the last piece.

    Args:
        i: from 0 to pieces − 1.
        pieces: how many.
        end: the number of rows or columns.
        tile: of TILES.
    """
    tiles = end // tile
    start, stop = tiles * i // pieces * tile, tiles * (i + 1) // pieces * tile
    return start, end if i == pieces - 1 else stop


def multiply_in_pieces(a: Array, b: Array, out: Array | None, threads: int) -> Array:
    """a b by NumPy, in the pieces for this number of threads; large ones by as many Python threads. Returns out.

    Args:
        a, b, out: as for npae.backend.matmul, NumPy arrays.
        threads: of the step.
    """
    by_rows, pieces = _split(a, b, out, threads)
    if pieces == 1:
        return np.matmul(a, b, out=out)
    assert out is not None  # else there is one piece
    end, tile = len(a) if by_rows else b.shape[1], TILES[a.itemsize]

    def some(first: int, last: int) -> None:
        for i in range(first, last):
            piece = slice(*bounds(i, pieces, end, tile))
            if by_rows:
                np.matmul(a[piece], b, out=out[piece])
            else:
                np.matmul(a, b[:, piece], out=out[:, piece])

    if a.size * b.shape[1] >= LARGE:
        parallel_for(some, pieces)
    else:
        some(0, pieces)
    return out


def _split(a: Array, b: Array, out: Array | None, threads: int) -> tuple[bool, int]:
    """As `split`; one piece where NumPy raises an error, copies a matrix first, or has another function of BLAS."""
    one = True, 1
    if out is None or a.size * b.shape[-1] < 2 * LEAST:
        return one
    if not (type(b) is type(out) is np.ndarray and a.ndim == b.ndim == out.ndim == 2):
        return one
    (m, k), n, size = a.shape, b.shape[1], a.itemsize
    if a.dtype.char not in "fd" or not a.dtype == b.dtype == out.dtype:
        return one
    if b.shape[0] != k or out.shape != (m, n) or min(m, k, n) < 2:
        return one
    (a_order, _), (b_order, _), (order, _) = (layout(*x.shape, *x.strides, size) for x in (a, b, out))  # pyright: ignore[reportCallIssue]
    if not (a_order and b_order and order == AS_IS and a.dtype.isnative and out.flags.writeable):
        return one
    if not (a.flags.aligned and b.flags.aligned and out.flags.aligned):
        return one
    if np.may_share_memory(a, out) or np.may_share_memory(b, out) or np.may_share_memory(a, b):
        return one
    return split(m, k, n, b_order, threads, TILES[size])
