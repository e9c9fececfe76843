"""Numbers in memory that several threads read and write: the machine's atomic instructions, for compiled code.

All addresses are integers. `load`, `store` and `add` take effect in one order that all threads see alike, so a
thread that has loaded a stored number finds what was written before that `store`.
"""

import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WORD, REAL, NOTHING = ir.IntType(64), ir.DoubleType(), ir.VoidType()
PAUSES = {"x86_64": ("llvm.x86.sse2.pause", []), "AMD64": ("llvm.x86.sse2.pause", [])}  # by machine


@intrinsic
def load(context, address):
    """The integer at an address."""

    def code(context, builder, signature, values):
        return builder.load_atomic(builder.inttoptr(values[0], WORD.as_pointer()), "seq_cst", 8)

    return types.int64(types.int64), code


@intrinsic
def store(context, address, value):
    """Write an integer to an address."""

    def code(context, builder, signature, values):
        builder.store_atomic(values[1], builder.inttoptr(values[0], WORD.as_pointer()), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), code


@intrinsic
def add(context, address, value):
    """Add to the integer at an address. Returns what it was before."""

    def code(context, builder, signature, values):
        return builder.atomic_rmw("add", builder.inttoptr(values[0], WORD.as_pointer()), values[1], "seq_cst")

    return types.int64(types.int64, types.int64), code


@intrinsic
def pause(context):
    """Tell the processor that this thread waits in a loop."""

    def code(context, builder, signature, values):
        if platform.machine() in PAUSES:
            name, arguments = PAUSES[platform.machine()]
            builder.call(cgutils.get_or_insert_function(builder.module, ir.FunctionType(NOTHING, []), name), arguments)
        return context.get_dummy_value()

    return types.void(), code


@intrinsic
def call(context, function, piece, arguments):
    """Call the compiled function(piece, arguments) at an address."""

    def code(context, builder, signature, values):
        kind = ir.FunctionType(NOTHING, [WORD, WORD]).as_pointer()
        builder.call(builder.inttoptr(values[0], kind), values[1:])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), code


@intrinsic
def load_real(context, address):
    """The float64 at an address; only what the same thread wrote, or what was written before a `store`."""

    def code(context, builder, signature, values):
        return builder.load(builder.inttoptr(values[0], REAL.as_pointer()))

    return types.float64(types.int64), code


@intrinsic
def store_real(context, address, value):
    """Write a float64 to an address."""

    def code(context, builder, signature, values):
        builder.store(values[1], builder.inttoptr(values[0], REAL.as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int64, types.float64), code


@intrinsic
def pointer(context, address, like):
    """The address as a pointer to numbers of the dtype of the array `like`."""
    kind = types.CPointer(like.dtype)

    def code(context, builder, signature, values):
        return builder.inttoptr(values[0], context.get_value_type(kind))

    return kind(types.int64, like), code
