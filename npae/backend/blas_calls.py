"""Calls of OpenBLAS from compiled code: the pieces of a product, by the threads of Numba.

cblas_sgemm takes a matrix as an address, the number of elements from one row to the next (`ld`), and whether its rows
are stored as columns. So a transposed array, such as xᵀ, is read where it lies.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

ROW_MAJOR, AS_IS, TRANSPOSED = 101, 111, 112  # of cblas.h


@cache
def compiled_product(dtype: np.dtype) -> Callable[..., None]:
    """The compiled function that computes the pieces of shared_product.py. Compiling takes a second.

    Its arguments: the address of gemm; a, its order and ld; b, its order and ld; out and its ld; by_rows; pieces; tile.
    It checks none of them.

    Args:
        dtype: float32 or float64.
    """
    import numba
    from numba import prange, types

    gemm, size = _gemm(), dtype.itemsize
    number, integer = numba.from_dtype(dtype), types.intp
    given, filled = types.Array(number, 2, "A", readonly=True), types.Array(number, 2, "A")
    arguments = [integer, given, integer, integer, given, integer, integer, filled, integer, types.boolean,
                 integer, integer]  # fmt: skip
    one, zero = dtype.type(1), dtype.type(0)

    @numba.njit(types.void(*arguments), nogil=True, parallel=True)
    def product(address, a, a_order, a_ld, b, b_order, b_ld, out, ld, by_rows, pieces, tile):
        (m, k), n = a.shape, b.shape[1]
        a_row = (a_ld if a_order == AS_IS else 1) * size
        b_column = (1 if b_order == AS_IS else b_ld) * size
        a_at, b_at, out_at = a.ctypes.data, b.ctypes.data, out.ctypes.data
        end = m if by_rows else n
        tiles = end // tile
        for i in prange(pieces):
            start = tiles * i // pieces * tile
            stop = end if i == pieces - 1 else tiles * (i + 1) // pieces * tile
            row, last_row = (start, stop) if by_rows else (0, m)
            column, last_column = (0, n) if by_rows else (start, stop)
            gemm(
                address, a_order, b_order, last_row - row, last_column - column, k,
                one, a_at + row * a_row, a_ld, b_at + column * b_column, b_ld,
                zero, out_at + row * ld * size + column * size, ld,
            )  # fmt: skip

    return product


def _gemm() -> Any:
    """cblas_sgemm or cblas_dgemm at a given address, as Numba's compiled code calls it."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    integer, long, pointer = ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()

    @intrinsic
    def gemm(context, address, a_order, b_order, m, n, k, alpha, a, a_ld, b, b_ld, beta, c, c_ld):
        given = (address, a_order, b_order, m, n, k, alpha, a, a_ld, b, b_ld, beta, c, c_ld)

        def code(context, builder, signature, values):
            number = context.get_value_type(alpha)
            wanted = [integer] * 3 + [long] * 3 + [number, pointer, long, pointer, long, number, pointer, long]
            passed = [ir.Constant(long, ROW_MAJOR), *values[1:]]
            arguments = [_converted(builder, v, t) for v, t in zip(passed, wanted, strict=True)]
            function = builder.inttoptr(values[0], ir.FunctionType(ir.VoidType(), wanted).as_pointer())
            builder.call(function, arguments)
            return context.get_dummy_value()

        return types.void(*given), code

    return gemm


def _converted(builder, value, wanted):
    """An integer of 64 bits as an address or as an integer of 32 bits; everything else as it is."""
    from llvmlite import ir

    if isinstance(wanted, ir.PointerType):
        return builder.inttoptr(value, wanted)
    return builder.trunc(value, wanted) if wanted == ir.IntType(32) else value
