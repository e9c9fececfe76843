"""Standardised rows: each feature in units of its standard deviation, computed when a batch takes the rows.

    x ← (x − mean)/deviation            mean and deviation of each feature: npae.data.sources.spread

Neither the data nor a selection of their rows is ever copied as a whole. So a table may be a memory-mapped file larger
than memory, and a detector can be fitted on most of its rows and tested on the others.
"""

import mmap

import numpy as np

from npae.backend import LazyRows, to_device

BLOCK = 1 << 20  # numbers per block: 8 MB of float64
PIECE = 64  # scattered rows of a memory-mapped file that are read at a time; each may bring a megabyte of neighbours


class Scale:
    """The standardisation of rows: `mean` and `deviation` of each feature, or None to leave the rows as they are."""

    def __init__(self, mean=None, deviation=None):
        self.mean, self.deviation = mean, deviation

    def __call__(self, rows):
        """(x − mean)/deviation of rows, in float64; ±Inf if that is too large. Rows as they are without a mean."""
        rows = to_device(rows, "cpu")
        if self.mean is None:
            return rows
        with np.errstate(over="ignore"):
            return (rows - self.mean) / self.deviation


class Rows(LazyRows):
    """The rows `numbers` of the source x, or all of them, scaled: rows[slice] and rows[numbers] are NumPy arrays."""

    def __init__(self, x, numbers=None, scale=None):
        self._x, self.numbers, self.scale = x, numbers, scale or Scale()
        self.shape = (len(x) if numbers is None else len(numbers), *x.shape[1:])
        self.dtype = np.dtype(x.dtype if self.scale.mean is None else np.float64)
        self.ndim, self.size = len(self.shape), int(np.prod(self.shape))
        self.nbytes = self.size * self.dtype.itemsize

    def __getitem__(self, rows):
        rows = rows if self.numbers is None else self.numbers[rows]
        return self.scale(_read(self._x, rows) if isinstance(self._x, np.memmap) else self._x[rows])


def blocks(source):
    """Yield (slice, its rows) for all rows of a source, a few MB at a time."""
    step = max(1, BLOCK // int(np.prod(source.shape[1:])))
    for start in range(0, len(source), step):
        part = slice(start, min(start + step, len(source)))
        yield part, source[part]


def _read(x, rows):
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


def _give_back(x):
    """Unmap the pages of a file that were read. They stay in the system's cache while it has room for them."""
    file = getattr(x, "_mmap", None)
    if x.mode != "c" and hasattr(file, "madvise"):  # changes to a private copy ("c") exist only in its pages
        file.madvise(mmap.MADV_DONTNEED)
