"""The values of batches: NaN, Inf and values of another scale than those of training are noticed on the way."""

import math
from typing import Any

import numpy as np

from npae.backend.arrays import array_module, device_of
from npae.backend.checks import check_rows
from npae.backend.formulas import dot
from npae.backend.lazy import row_names
from npae.backend.remembers import Remembers
from npae.backend.typing import Array


class Watch:
    """Looks at the batches of one call: refuses NaN and Inf, and warns of values far outside of the training range.

    All that it needs is Σ x² of each batch, which is not finite if a value is not. This costs one pass, which brings x
    into the cache for the first matrix product. On the GPU the sums are read after the last batch, so that the batches
    do not wait for one another.

    Args:
        data: the source of the batches.
        name: of the data, for the message.
        like: an array of the batches' dtype and on their device.
        model: whose data they are, or None.
    """

    def __init__(self, data: Any, name: str, like: Array, model: Remembers | None = None) -> None:
        self.data, self.name, self.like, self.seen = data, name, like, None if model is None else model.seen
        asks_of_uint8 = self.seen is not None and self.seen.kind != "uint8" and data.dtype == np.uint8
        self.looks, self.squares = data.dtype.kind == "f" or asks_of_uint8, 0.0
        self._unread: list[tuple[Any, int, int]] = []  # Σ x² of a batch, its first row, and the row after its last

    def look(self, batch: Array, start: int) -> None:
        """Look at a batch. Raises ValueError if it is on the CPU and not finite.

        Args:
            batch: the next one.
            start: its first row.
        """
        if self.looks:
            with np.errstate(over="ignore", invalid="ignore"):
                squares = _sum_of_squares(batch)
            self._unread.append((squares, start, start + len(batch)))
            if device_of(batch) == "cpu":
                self._read()

    def end(self) -> None:
        """After the last batch: raise what look would have raised, and warn of the scale."""
        self._read()
        if self.looks and self.seen is not None:
            self.seen.check_scale(self.data, math.sqrt(self.squares / self.data.size), self.name)

    def _read(self) -> None:
        for squares, start, stop in self._unread:
            squares = float(squares)
            self.squares += squares if math.isfinite(squares) else self._squares(start, stop)
        self._unread.clear()

    def _squares(self, start: int, stop: int) -> float:
        """Σ x² of rows for which it is not finite in the network's dtype. Raises ValueError if a value is not."""
        rows = self.data[start:stop]
        check_rows(rows, row_names(self.data, range(start, stop)), name=self.name, dtype=self.like.dtype)
        with np.errstate(over="ignore"):
            return float(array_module(rows).square(rows, dtype=np.float64).sum())


def _sum_of_squares(x: Array) -> Any:
    """Σ x², in one pass along the shortest step in memory."""
    if x.flags.c_contiguous:
        return dot(x.reshape(-1), x.reshape(-1))
    if device_of(x) == "gpu":
        return (x * x).sum()
    rows = x.T if abs(x.strides[0]) < abs(x.strides[-1]) else x
    return np.vecdot(rows, rows).sum()
