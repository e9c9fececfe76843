"""A loop over the elements of arrays as a task: each piece is the loop over a part of them.

The loop, of npae.backend.formulas.loop_text, is a function of arrays, rows (the same for all rows of the arrays),
numbers, and perhaps sums (`width` numbers for each block of `step` elements). Around it two functions are compiled,
from text, since their arguments differ from formula to formula:

    run(task, threads, in0, in1, out0)      writes the addresses of arrays and the numbers, and runs the task
    piece(i, at)                            reads them, and calls the loop with the part i of all arrays
"""

# Numba's decorators change the arguments of a function, which a type checker cannot follow.
# pyright: reportCallIssue=false, reportAttributeAccessIssue=false, reportArgumentType=false, reportPrivateImportUsage=false

from collections.abc import Callable, Mapping
from typing import Any

import numba
import numpy as np
from numba import types

from npae.backend.pool.atomics import load, load_real, pointer, store, store_real
from npae.backend.pool.product import bounds
from npae.backend.pool.task import ARGUMENTS, FUNCTION, MOST, run_task

FIRST = 5  # arguments that every task has: units (blocks, rows, or elements), elements of a unit, pieces, size, width
TILE = 64  # parts of arrays without rows are multiples of so many elements, whole lines of the cache


def compiled_run(loop: Callable[..., None], kinds: Mapping[str, str], dtype: np.dtype) -> Callable[..., None] | None:
    """The compiled function run(task, threads, *arguments of the loop); None if there are too many.

    Args:
        loop: compiled by Numba.
        kinds: of its arguments, by name: "array", "row", "sum", "number" or "count".
        dtype: of the arrays.
    """
    if FIRST + len(kinds) > MOST:
        return None
    scope: dict[str, Any] = {
        "loop": loop, "like": np.empty(1, dtype), "load": load, "load_real": load_real, "pointer": pointer,
        "store": store, "store_real": store_real, "carray": numba.carray, "bounds": bounds,
        "run_task": run_task, "ARGUMENTS": ARGUMENTS, "FUNCTION": FUNCTION, "TILE": TILE,
    }  # fmt: skip
    exec(_piece_text(kinds, dtype.itemsize), scope)  # safe: made of names and kinds alone
    piece = numba.cfunc(types.void(types.int64, types.int64), error_model="numpy")(scope["piece"])
    scope["function"] = piece.address
    exec(_run_text(kinds), scope)
    run = numba.njit(nogil=True)(scope["run"])
    run.piece = piece  # compiled code lives as long as its object
    return run


def _piece_text(kinds: Mapping[str, str], size: int) -> str:
    lines = [
        "units, length, pieces, end, width = load(at), load(at + 8), load(at + 16), load(at + 24), load(at + 32)",
        "start, stop = bounds(i, pieces, units, TILE if length == 1 else 1)",
        "first, count = start * length, min(stop * length, end) - start * length",
    ]
    parts = {"array": ("first", "count"), "row": ("0", "width"), "sum": ("start * width", "(stop - start) * width")}
    for k, (name, kind) in enumerate(kinds.items(), FIRST):
        place = f"at + {8 * k}"
        if kind in parts:
            first, count = parts[kind]
            lines.append(f"{name} = carray(pointer(load({place}) + {size} * ({first}), like), ({count},))")
        else:
            lines.append(f"{name} = {'load_real' if kind == 'number' else 'load'}({place})")
    return "\n    ".join(["def piece(i, at):", *lines, f"loop({', '.join(kinds)})"])


def _run_text(kinds: Mapping[str, str]) -> str:
    rows, arrays, sums = ([name for name, kind in kinds.items() if kind == k] for k in ("row", "array", "sum"))
    width = f"{rows[0]}.size" if rows else "width" if sums else "1"
    lines = [
        f"end, wide = {arrays[0]}.size, {width}",
        f"length = {'step' if sums else 'wide'}",
        f"units = {'end // length + 1' if sums else 'end // length'}",
        "pieces = max(1, min(threads, units // (TILE if length == 1 else 1)))",
        "at = task + ARGUMENTS",
        "store(task + FUNCTION, function)",
        "store(at, units)",
        "store(at + 8, length)",
        "store(at + 16, pieces)",
        "store(at + 24, end)",
        "store(at + 32, wide)",
    ]
    for k, (name, kind) in enumerate(kinds.items(), FIRST):
        value = {"number": f"float({name})", "count": name}.get(kind, f"{name}.ctypes.data")
        lines.append(f"{'store_real' if kind == 'number' else 'store'}(at + {8 * k}, {value})")
    return "\n    ".join([f"def run(task, threads, {', '.join(kinds)}):", *lines, "run_task(task, pieces)"])
