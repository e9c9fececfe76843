"""A loop of loop_text.py, compiled for one thread, and for the pool of a training step."""

from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any

import numpy as np

from npae.backend.pool import current
from npae.backend.typing import Array

SHARED = 2**14  # numbers that one thread processes in the time that sharing them takes, some 3 µs


def fold(lanes: Array, sums: Array) -> None:
    """Add up the lanes of a block: sums.size of them are left (sums.py).

    Args:
        lanes: their sums.
        sums: the array to fill.
    """
    half = lanes.size
    while half > sums.size:
        half //= 2
        for i in range(half):
            lanes[i] += lanes[half + i]
    for i in range(sums.size):
        sums[i] = lanes[i]


def repeated(row: Array, size: int) -> Array:
    """The row again and again, `size` numbers in all.

    Args:
        row: a vector.
        size: a multiple of its size.
    """
    if size == row.size:
        return row
    rows = np.empty(size, row.dtype)
    for start in range(0, size, row.size):
        for i in range(row.size):
            rows[start + i] = row[i]
    return rows


@cache
def _helpers(compiler: Callable[..., Any]) -> dict[str, Any]:
    return {"fold": compiler(fold), "repeated": compiler(repeated)}


class Loop:
    """A loop, compiled at its first use, and at its first use by several threads for these.

    Args:
        text: from loop_text.
        kinds: {name: kind} of its arguments.
        dtype: of the arrays.
        compiler: from on_numba.
        functions: that the loop calls, compiled, by name.
    """

    def __init__(self, text: str, kinds: Mapping[str, str], dtype: np.dtype, compiler: Callable[..., Any],
                 functions: Mapping[str, Any]) -> None:  # fmt: skip
        scope: dict[str, Any] = {"T": dtype.type, "sqrt": np.sqrt, "inf": np.inf, "nan": np.nan, "empty": np.empty}
        scope |= {**_helpers(compiler), **functions}
        exec(text, scope)  # safe: loop_text makes it of a formula's operations and numbers alone
        self.alone = compiler(scope["loop"])
        self._arguments = kinds, dtype

    @cached_property
    def _shared(self) -> Callable[..., None] | None:
        from npae.backend.pool.loops import compiled_run

        return compiled_run(self.alone, *self._arguments)

    def __call__(self, size: int, *arguments: Any) -> None:
        """Run the loop, by the pool if this thread has one and there is enough to do.

        Args:
            size: of the arrays.
            *arguments: of the loop.
        """
        turn = current.turn
        if turn is not None and turn.pool is not None and size >= SHARED and self._shared is not None:
            self._shared(turn.pool.task, turn.threads, *arguments)
        else:
            self.alone(*arguments)
