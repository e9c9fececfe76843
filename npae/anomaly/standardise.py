"""Standardised rows: each feature in units of its standard deviation, computed when a batch takes the rows.

    x ← (x − mean)/deviation            mean and deviation of each feature: npae.data.sources.spread

Neither the data nor a selection of their rows is ever copied as a whole. So a table may be a memory-mapped file larger
than memory, and a detector can be fitted on most of its rows and tested on the others.
"""

import mmap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from npae.backend import Array, LazyRows, to_device, warn
from npae.data.sources import spread

BLOCK = 1 << 20  # numbers per block: 8 MB of float64
SHARE = 0.999  # of the variance of a feature, which no single row should have
SMALL = 1 << 26  # bytes of standardised rows that are computed once and kept: 64 MB
PIECE = 64  # scattered rows of a memory-mapped file that are read at a time; each may bring a megabyte of neighbours


class Scale:
    """The standardisation of rows: `mean` and `deviation` of each feature, or None to leave the rows as they are."""

    def __init__(self, mean: Array | None = None, deviation: Array | None = None) -> None:
        self.mean, self.deviation = mean, deviation

    def __call__(self, rows: Array) -> Array:
        """(x − mean)/deviation of rows, in float64; ±Inf if that is too large. Rows as they are without a mean."""
        rows = to_device(rows, "cpu")
        if self.mean is None or self.deviation is None:
            return rows
        with np.errstate(over="ignore"):
            return (rows - self.mean) / self.deviation

    def undo(self, rows: Array) -> Array:
        """The x of standardised rows, x·deviation + mean, in their dtype."""
        if self.mean is None or self.deviation is None:
            return rows
        return (rows * self.deviation + self.mean).astype(rows.dtype, copy=False)


class Rows(LazyRows):
    """The rows `numbers` of the source x, or all of them, scaled: rows[slice] and rows[numbers] are NumPy arrays."""

    def __init__(self, x: Array | LazyRows, numbers: Array | None = None, scale: Scale | None = None) -> None:
        self._x, self.numbers, self.scale = x, numbers, scale or Scale()
        self.shape = (len(x) if numbers is None else len(numbers), *x.shape[1:])
        self.dtype = np.dtype(x.dtype if self.scale.mean is None else np.float64)
        self.ndim, self.size = len(self.shape), int(np.prod(self.shape))
        self.nbytes = self.size * self.dtype.itemsize

    def __getitem__(self, rows: Any) -> Array:
        rows = rows if self.numbers is None else self.numbers[rows]
        return self.scale(_read(self._x, rows) if isinstance(self._x, np.memmap) else self._x[rows])


def standardised(x: Array | LazyRows, numbers: Array | None, standardize: bool) -> tuple[Scale, Array | LazyRows]:
    """(scale, scaled rows) of the rows `numbers` of a source (None: all). Up to 64 MB of them are in memory."""
    scale = Scale(*spread(Rows(x, numbers))) if standardize else Scale()
    rows = Rows(x, numbers, scale)
    return scale, rows[:] if rows.nbytes <= SMALL else rows


def blocks(source: Array | LazyRows) -> Iterator[tuple[slice, Array]]:
    """Yield (slice, its rows) for all rows of a source, a few MB at a time."""
    step = max(1, BLOCK // int(np.prod(source.shape[1:])))
    for start in range(0, len(source), step):
        part = slice(start, min(start + step, len(source)))
        yield part, source[part]


def check_spread(data: Array | LazyRows, scale: Scale, names: Sequence[str | int] | None = None) -> None:
    """Warn if one row has nearly all of the variance of a feature, so that all other rows look alike in it."""
    if scale.deviation is None:
        return
    rows, n = Rows(data, None, scale), len(data)
    largest, where = np.zeros(rows.size // n), np.zeros(rows.size // n, int)
    for part, x in blocks(rows):
        x = np.abs(x.reshape(len(x), -1))
        row = x.argmax(axis=0)
        value = x[row, np.arange(x.shape[1])]
        where = np.where(value > largest, part.start + row, where)
        largest = np.maximum(value, largest)
    suspects = np.flatnonzero(largest**2 > SHARE * (n - 1))[:16]  # Σ x² = n, of which one row has n − 1 at most
    columns = [block.reshape(len(block), -1)[:, suspects] for _, block in blocks(Rows(data))] if len(suspects) else []
    for k, j in enumerate(suspects):
        column, deviation = np.concatenate([c[:, k] for c in columns]), scale.deviation.reshape(-1)[j]
        others = np.delete(column, where[j])
        if 0 < others.max() - others.min() < deviation / 10:
            warn(
                f"x: feature {names[j] if names else j} is {column[where[j]]:g} in row {where[j]}, and from "
                f"{others.min():g} to {others.max():g} in all others. In units of its standard deviation, "
                f"{deviation:g}, these are alike, and anomalies among them cannot be seen. Repair the value or leave "
                "the row out; if it is right, take logarithms of the feature."
            )
            return


def _read(x: np.memmap, rows: Any) -> Array:
    """x[rows] of a memory-mapped file, as an array in memory."""
    if isinstance(rows, slice) and rows.step in (None, 1):
        taken = np.array(x[rows])
        _give_back(x)
        return taken
    numbers = np.arange(*rows.indices(len(x))) if isinstance(rows, slice) else rows
    taken = np.empty((len(numbers), *x.shape[1:]), x.dtype)
    for start in range(0, len(numbers), PIECE):
        taken[start : start + PIECE] = x[numbers[start : start + PIECE]]
        _give_back(x)
    return taken


def _give_back(x: np.memmap) -> None:
    """Unmap the pages of a file that were read. They stay in the system's cache while it has room for them."""
    file = getattr(x, "_mmap", None)
    private = x.mode == "c"  # its changes exist only in its pages
    if file is not None and not private and hasattr(file, "madvise"):
        file.madvise(mmap.MADV_DONTNEED)
