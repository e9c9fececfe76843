"""Squared distances between all rows of x and all rows of y, by one matrix product a block.

    ‖x_i − y_j‖² = ‖x_i‖² − 2 ⟨x_i, y_j⟩ + ‖y_j‖²

10,000 × 10,000 of them are 400 MB as float32; a block of 512 rows of x is 20 MB, and its array is used again for the
next. A distance near 0 is the difference of large numbers: the mean of y is taken from both before, which changes no
distance and makes the numbers small, and what rounding leaves below 0 is 0.
"""

import numpy as np

from npae.backend import array_module, matmul
from npae.data.sources import as_source, check_rows


def as_rows(data, name):
    """`data` (n, …) as rows (n, d) of float32 or float64: uint8 images in [0, 1], bool as 0 and 1.

    Raises ValueError for a NaN or Inf: comparisons with it are false, so that a test would answer nevertheless.
    """
    data = as_source(data, name)
    check_rows(data, range(len(data)), name=name)
    dtype = data.dtype if data.dtype in (np.float32, np.float64) else np.float32
    rows = data.reshape(len(data), -1).astype(dtype, copy=False)
    return rows * dtype(1 / 255) if data.dtype == np.uint8 else rows


def check_alike(x, y, names):
    """Raise ValueError unless the rows of x and of y have one length, TypeError unless they are on one device."""
    if array_module(x) is not array_module(y):
        raise TypeError(f"Expected {names[0]} and {names[1]} on one device: move one of them with to_device.")
    if x.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"Expected {names[0]} and {names[1]} of as many numbers a row, got {x.shape[1]} and {y.shape[1]}."
        )


def squared_distances(x, y, block=512):
    """Yield (rows, ‖x_i − y_j‖² for i in the slice `rows` and all j): an array that the next block overwrites."""
    xp, dtype = array_module(x), np.result_type(x.dtype, y.dtype)
    mean = y.mean(axis=0)
    x, y = (x - mean).astype(dtype, copy=False), (y - mean).astype(dtype, copy=False)
    x_norms, y_norms = ((v * v).sum(axis=1) for v in (x, y))
    buffer = xp.empty((min(block, len(x)), len(y)), dtype)
    for start in range(0, len(x), block):
        rows = slice(start, min(start + block, len(x)))
        d = matmul(x[rows], y.T, out=buffer[: rows.stop - start])
        d *= -2
        d += x_norms[rows, None]
        d += y_norms
        yield rows, xp.maximum(d, 0, out=d)
