"""NumPy's functions exp, log, tanh, …, called by compiled loops.

A ufunc of NumPy, such as np.tanh, is a table of compiled loops over the elements, one per dtype. NumPy's C interface
publishes where they lie (PyUFuncObject in ufuncobject.h) and how they are called:

    loop(addresses of the arrays, number of elements, bytes from one element to the next in each array, data)

So compiled code can call the loop that np.tanh itself would call: the results are the same to the bit, without Python
between them, and in a thread of its own.
"""

# Numba's decorators change the arguments of a function, which a type checker cannot follow.
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORD = ir.IntType(64)


class Table(ctypes.Structure):
    """The fields of PyUFuncObject after the head of a Python object, up to those that are needed."""

    _fields_ = (
        ("nin", ctypes.c_int), ("nout", ctypes.c_int), ("nargs", ctypes.c_int), ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)), ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int), ("reserved1", ctypes.c_int),
    )  # fmt: skip


def address(ufunc: np.ufunc, dtype: np.dtype) -> tuple[int, int] | None:
    """(address of the loop, its data) of a function of one array; None if it is not where NumPy's documentation says.

    Args:
        ufunc: such as np.tanh.
        dtype: of the array and of the result.
    """
    pair = f"{dtype.char}->{dtype.char}"
    if sys.implementation.name != "cpython" or pair not in ufunc.types:
        return None
    table = Table.from_address(id(ufunc) + object.__basicsize__)
    if (table.nin, table.nout, table.nargs, table.ntypes) != (1, 1, 2, ufunc.ntypes):
        return None
    k = ufunc.types.index(pair)
    return table.functions[k] or 0, table.data[k] or 0


@cache
def in_place(name: str, dtype: np.dtype) -> Callable[..., Any] | None:
    """The compiled function f(x): x ← np.name(x), for a vector x without gaps; None if it cannot be called so.

    Args:
        name: of a ufunc.
        dtype: of x.
    """
    found, size = address(getattr(np, name), dtype), dtype.itemsize
    if found is None:
        return None
    function, data = found

    @numba.njit
    def apply(x):
        call(function, data, x.ctypes.data, x.size, size)

    return apply


@intrinsic
def call(context, function, data, place, count, size):
    """Call a loop for one array, whose elements the results replace."""

    def code(context, builder, signature, values):
        function, data, place, count, size = values
        places, counts, steps = (cgutils.alloca_once(builder, WORD, n) for n in (2, 1, 2))
        for array, k, value in ((places, 0, place), (places, 1, place), (counts, 0, count), (steps, 0, size),
                                (steps, 1, size)):  # fmt: skip
            builder.store(value, builder.gep(array, [ir.Constant(WORD, k)]))
        kind = ir.FunctionType(ir.VoidType(), [places.type, counts.type, steps.type, WORD]).as_pointer()
        builder.call(builder.inttoptr(function, kind), [places, counts, steps, data])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), code
