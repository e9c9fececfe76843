"""A loop over the elements of arrays as a task: each piece is the loop over a part of them.

The loop, of npae.backend.formulas.loop_text, is a function of arrays, rows (the same for all rows of the arrays) and
numbers. Around it two functions are compiled, from text, since their arguments differ from formula to formula:

    run(task, threads, in0, in1, out0)      writes the addresses of arrays and the numbers, and runs the task
    piece(i, at)                            reads them, and calls the loop with the part i of all arrays
"""

# Numba's decorators change the arguments of a function, which a type checker cannot follow.
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false, reportPrivateImportUsage=false

from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from numba import types

from npae.backend.pool.atomics import load, load_real, pointer, store, store_real
from npae.backend.pool.product import bounds
from npae.backend.pool.task import ARGUMENTS, FUNCTION, MOST, run_task

FIRST = 3  # arguments that every task has: units (rows, or elements), elements of a unit, pieces
TILE = 64  # parts of arrays without rows are multiples of so many elements, whole lines of the cache


def compiled_run(
    loop: Callable[..., None], names: Sequence[str], kinds: Sequence[str], dtype: np.dtype
) -> Callable[..., None] | None:
    """The compiled function run(task, threads, *arguments of the loop); None if there are too many.

    Args:
        loop: compiled by Numba.
        names: of its arguments.
        kinds: of each: "array", "row" or "number".
        dtype: of the arrays.
    """
    if FIRST + len(names) > MOST:
        return None
    scope: dict[str, Any] = {
        "loop": loop, "like": np.empty(1, dtype), "load": load, "load_real": load_real, "pointer": pointer,
        "store": store, "store_real": store_real, "carray": numba.carray, "bounds": bounds,
        "run_task": run_task, "ARGUMENTS": ARGUMENTS, "FUNCTION": FUNCTION, "TILE": TILE,
    }  # fmt: skip
    exec(_piece_text(names, kinds, dtype.itemsize), scope)  # safe: made of names and kinds alone
    piece = numba.cfunc(types.void(types.int64, types.int64), error_model="numpy")(scope["piece"])
    scope["function"] = piece.address
    exec(_run_text(names, kinds), scope)
    run = numba.njit(nogil=True)(scope["run"])
    run.piece = piece  # compiled code lives as long as its object
    return run


def _piece_text(names: Sequence[str], kinds: Sequence[str], size: int) -> str:
    lines = [
        "units, length, pieces = load(at), load(at + 8), load(at + 16)",
        "start, stop = bounds(i, pieces, units, TILE if length == 1 else 1)",
        f"offset, count = start * length * {size}, (stop - start) * length",
    ]
    for k, (name, kind) in enumerate(zip(names, kinds, strict=True), FIRST):
        place = f"at + {8 * k}"
        if kind == "number":
            lines.append(f"{name} = load_real({place})")
        else:
            start, count = ("load({}) + offset", "count") if kind == "array" else ("load({})", "length")
            lines.append(f"{name} = carray(pointer({start.format(place)}, like), ({count},))")
    return "\n    ".join(["def piece(i, at):", *lines, f"loop({', '.join(names)})"])


def _run_text(names: Sequence[str], kinds: Sequence[str]) -> str:
    rows, arrays = ([name for name, kind in zip(names, kinds, strict=True) if kind == k] for k in ("row", "array"))
    lines = [
        f"length = {f'{rows[0]}.size' if rows else 1}",
        f"units = {arrays[0]}.size // length",
        "pieces = max(1, min(threads, units // (TILE if length == 1 else 1)))",
        "at = task + ARGUMENTS",
        "store(task + FUNCTION, function)",
        "store(at, units)",
        "store(at + 8, length)",
        "store(at + 16, pieces)",
    ]
    for k, (name, kind) in enumerate(zip(names, kinds, strict=True), FIRST):
        value = f"float({name})" if kind == "number" else f"{name}.ctypes.data"
        lines.append(f"{'store_real' if kind == 'number' else 'store'}(at + {8 * k}, {value})")
    return "\n    ".join([f"def run(task, threads, {', '.join(names)}):", *lines, "run_task(task, pieces)"])
