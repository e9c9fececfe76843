"""A product of matrices as a task: each piece is one call of OpenBLAS, with one thread.

cblas_sgemm takes a matrix as an address, the number of elements from one row to the next (`ld`), and whether its rows
are stored as columns. So a transposed array, such as xᵀ, is read where it lies.
"""

# Numba's decorators change the arguments of a function, which a type checker cannot follow.
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

from collections.abc import Callable
from functools import cache

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from npae.backend.pool import pieces
from npae.backend.pool.atomics import call, load, store
from npae.backend.pool.pieces import AS_IS
from npae.backend.pool.task import ARGUMENTS, FUNCTION, run_task

ROW_MAJOR = 101  # of cblas.h
layout, split, bounds = (numba.njit(f) for f in (pieces.layout, pieces.split, pieces.bounds))


@cache
def compiled_product(dtype: np.dtype, address: int) -> Callable[..., bool]:
    """The compiled function product(task, a, b, out, threads): out ← a b. Compiling takes half a second.

    It returns False, with `out` as it was, where NumPy raises an error, copies a matrix first, or has another function
    of BLAS.

    Args:
        dtype: float32 or float64.
        address: of OpenBLAS's gemm for this dtype.
    """
    number, size, tile = numba.from_dtype(dtype), dtype.itemsize, pieces.TILES[dtype.itemsize]
    piece = _piece(number, size, tile)
    function = piece.address  # type: ignore[attr-defined]
    given, filled = types.Array(number, 2, "A", readonly=True), types.Array(number, 2, "A")

    @numba.njit
    def apart(a, b):
        """Do two arrays lie in different parts of memory?"""
        a_end = a.ctypes.data + (a.shape[0] - 1) * a.strides[0] + (a.shape[1] - 1) * a.strides[1] + size
        b_end = b.ctypes.data + (b.shape[0] - 1) * b.strides[0] + (b.shape[1] - 1) * b.strides[1] + size
        return a_end <= b.ctypes.data or b_end <= a.ctypes.data

    @numba.njit([types.boolean(types.int64, given, given, filled, types.int64)], nogil=True)
    def product(task, a, b, out, threads):
        (m, k), n = a.shape, b.shape[1]
        if b.shape[0] != k or out.shape[0] != m or out.shape[1] != n or min(m, k, n) < 2:
            return False
        a_order, a_ld = layout(m, k, a.strides[0], a.strides[1], size)
        b_order, b_ld = layout(k, n, b.strides[0], b.strides[1], size)
        order, ld = layout(m, n, out.strides[0], out.strides[1], size)
        if a_order == 0 or b_order == 0 or order != AS_IS:
            return False
        if not (apart(a, out) and apart(b, out) and apart(a, b)):
            return False
        by_rows, count = split(m, k, n, b_order, threads, tile)
        store(task + FUNCTION, function)
        at = task + ARGUMENTS
        store(at, address)
        store(at + 8, a_order)
        store(at + 16, b_order)
        store(at + 24, m)
        store(at + 32, n)
        store(at + 40, k)
        store(at + 48, a.ctypes.data)
        store(at + 56, a_ld)
        store(at + 64, b.ctypes.data)
        store(at + 72, b_ld)
        store(at + 80, out.ctypes.data)
        store(at + 88, ld)
        store(at + 96, by_rows)
        store(at + 104, count)
        if count == 1:
            call(function, 0, at)
        else:
            run_task(task, count)
        return True

    product.piece = piece  # compiled code lives as long as its object
    return product


def _piece(number, size, tile):
    """Piece i of the product with the arguments at an address."""
    gemm = _gemm(number)

    @numba.cfunc(types.void(types.int64, types.int64))
    def piece(i, at):
        address, a_order, b_order, m = load(at), load(at + 8), load(at + 16), load(at + 24)
        n, k, a, a_ld, b, b_ld = (
            load(at + 32), load(at + 40), load(at + 48), load(at + 56), load(at + 64), load(at + 72))  # fmt: skip
        out, ld, by_rows, count = load(at + 80), load(at + 88), load(at + 96), load(at + 104)
        start, stop = bounds(i, count, m if by_rows else n, tile)
        if by_rows:
            m, a, out = stop - start, a + start * (a_ld if a_order == AS_IS else 1) * size, out + start * ld * size
        else:
            n, b, out = stop - start, b + start * (1 if b_order == AS_IS else b_ld) * size, out + start * size
        gemm(address, a_order, b_order, m, n, k, a, a_ld, b, b_ld, out, ld)

    return piece


def _gemm(number):
    """cblas_sgemm or cblas_dgemm at a given address with α = 1 and β = 0, as compiled code calls it."""
    integer, long, place = ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()

    @intrinsic
    def gemm(context, address, a_order, b_order, m, n, k, a, a_ld, b, b_ld, c, c_ld):
        def code(context, builder, signature, values):
            real = context.get_value_type(number)
            wanted = [integer] * 3 + [long] * 3 + [real, place, long, place, long, real, place, long]
            function = builder.inttoptr(values[0], ir.FunctionType(ir.VoidType(), wanted).as_pointer())
            a_order, b_order = (builder.trunc(v, integer) for v in values[1:3])
            a, b, c = (builder.inttoptr(values[k], place) for k in (6, 8, 10))
            builder.call(function, [
                ir.Constant(integer, ROW_MAJOR), a_order, b_order, *values[3:6], ir.Constant(real, 1.0),
                a, values[7], b, values[9], ir.Constant(real, 0.0), c, values[11],
            ])  # fmt: skip
            return context.get_dummy_value()

        return types.void(*[types.int64] * 12), code

    return gemm
