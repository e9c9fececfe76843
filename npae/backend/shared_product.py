"""A product of matrices in pieces, one for each thread, every piece one call of OpenBLAS with one thread.

    C = A B,  (m, n) = (m, k)(k, n)        piece i has some rows of A and C, or, if C has few, columns of B and C

Rows of C lie behind each other, so threads that write different rows do not write to the same lines of the cache: a
product of (256, 32) and (32, 784) takes a third of the time that its columns take.

Compiled code calls OpenBLAS (blas_calls.py). Compiling takes a second, so first NumPy computes the same pieces: the
same calls of OpenBLAS, hence the same bits. The pieces depend on the shape, the dtype and the number of threads alone.

OpenBLAS chooses its kernels by the size of a product, and the kernels of some processors round differently. So, as with
OpenBLAS's own threads, another number of threads may change last bits. Measured on a processor with AVX-512, against
one thread: float32 differs where a piece has less than some 2²⁰ multiplications (in 15 of 100 such products); float64
there too, and in products of less than 64 rows (25 of 100). Both are sums of the same k terms in two orders, so
|Δc_ij| ≤ 2 k ε Σ_l |a_il b_lj|, with the machine epsilon ε.
"""

import math

import numpy as np

from npae.backend.blas_calls import AS_IS, TRANSPOSED, compiled_product
from npae.backend.openblas import OpenBLAS
from npae.backend.threads import parallel_for
from npae.backend.typing import Array

LEAST = 2**17  # multiplications of a piece that is worth handing out: some 4 µs of one thread
LARGE = 2**23  # multiplications of a product that is worth handing to Python's threads: some 200 µs of one thread
PATIENCE = 2**34  # multiplications by Python's threads before a product is compiled: half a second of one thread
FEW = 64  # rows
TILES = {4: 16, 8: 24}  # bytes of a number -> rows or columns that OpenBLAS computes at once; a rest is slower


class SharedProducts:
    """Products of float32 and of float64.

    Args:
        blas: NumPy's OpenBLAS, switched to one thread while products are shared.
    """

    def __init__(self, blas: OpenBLAS) -> None:
        self._of = {np.dtype(t): SharedProduct(np.dtype(t), blas) for t in (np.float32, np.float64)}

    def share(self, a: Array, b: Array, out: Array, threads: int) -> bool:
        """out ← a b, if the threads gain by sharing it and OpenBLAS can read the arrays. Returns whether it was shared.

        Where this returns False, `out` is as it was, and np.matmul computes the product or raises its error.

        Args:
            a: a NumPy array.
            b: (k, n).
            out: (m, n).
            threads: at most so many pieces.
        """
        if not (type(b) is type(out) is np.ndarray and a.ndim == b.ndim == 2):
            return False
        (m, k), n = a.shape, b.shape[1]
        pieces = min(threads, m * k * n // LEAST)
        if pieces < 2 or b.shape[0] != k or out.shape != (m, n) or min(m, k, n) < 2:  # NumPy has others for vectors
            return False
        product, by_rows = self._of.get(out.dtype), m >= FEW
        if product is None or a.dtype != out.dtype or b.dtype != out.dtype:
            return False
        pieces = min(pieces, (m if by_rows else n) // product.tile)
        of_a, of_b, of_out = layout(a), layout(b), layout(out)
        if pieces < 2 or not (of_a and of_b and of_out and of_out[0] == AS_IS and out.flags.writeable):
            return False
        if np.may_share_memory(a, out) or np.may_share_memory(b, out) or np.may_share_memory(a, b):
            return False  # NumPy copies, or computes a aᵀ by another function of BLAS
        product(a, b, out, (of_a, of_b, of_out), by_rows, pieces)
        return True


def layout(a: Array) -> tuple[int, int] | None:
    """How BLAS reads a matrix where it lies, as NumPy decides it: (order, ld); None if it cannot.

    ld is the number of elements from one row to the next, or, of a TRANSPOSED matrix, from one column to the next.

    Args:
        a: a matrix.
    """
    (rows, columns), (down, right), size = a.shape, a.strides, a.itemsize
    if not a.flags.aligned:
        return None
    if right == size and down % size == 0 and down >= columns * size:
        return AS_IS, down // size
    if down == size and right % size == 0 and right >= rows * size:
        return TRANSPOSED, right // size
    return None


class SharedProduct:
    """Products of one dtype. swept: how many multiplications NumPy has done.

    Args:
        dtype: float32 or float64.
        blas: NumPy's OpenBLAS.
    """

    def __init__(self, dtype: np.dtype, blas: OpenBLAS) -> None:
        self.dtype, self.tile, self.swept, self._gemm = dtype, TILES[dtype.itemsize], 0.0, blas.gemm(dtype)

    def __call__(
        self, a: Array, b: Array, out: Array, layouts: tuple[tuple[int, int], ...], by_rows: bool, pieces: int
    ) -> None:
        """out ← a b.

        Args:
            a, b, out: as for share().
            layouts: of a, b and out.
            by_rows: are the pieces rows, or columns?
            pieces: how many.
        """
        if self.swept < PATIENCE:
            self.swept += a.size * b.shape[1]
            in_pieces(a, b, out, by_rows, pieces, self.tile)
            return
        self.swept = math.inf  # from now on
        (a_order, a_ld), (b_order, b_ld), (_, ld) = layouts
        compiled = compiled_product(self.dtype)
        compiled(self._gemm, a, a_order, a_ld, b, b_order, b_ld, out, ld, by_rows, pieces, self.tile)


def in_pieces(a: Array, b: Array, out: Array, by_rows: bool, pieces: int, tile: int) -> None:
    """out ← a b by NumPy: by several Python threads if the product is large, else piece after piece.

    Args:
        a, b, out: as for share().
        by_rows: are the pieces rows, or columns?
        pieces: how many.
        tile: all but the last have a multiple of so many rows or columns.
    """
    size = len(a) if by_rows else b.shape[1]
    tiles = size // tile

    def some(first: int, last: int) -> None:
        for i in range(first, last):
            piece = slice(tiles * i // pieces * tile, size if i == pieces - 1 else tiles * (i + 1) // pieces * tile)
            if by_rows:
                np.matmul(a[piece], b, out=out[piece])
            else:
                np.matmul(a, b[:, piece], out=out[:, piece])

    if a.size * b.shape[1] >= LARGE:
        parallel_for(some, pieces)
    else:
        some(0, pieces)
