"""Squared Euclidean distances between all rows of x and all rows of y, by one matrix product per block of rows.

    ‖x_i − y_j‖² = ‖x_i‖² − 2 ⟨x_i, y_j⟩ + ‖y_j‖²

10,000 × 10,000 distances take 400 MB in float32. So they are computed for 512 rows of x at a time, 20 MB, in one array
that every block uses again.

A distance near 0 is the difference of large numbers, and rounding makes it inexact. To make the numbers small, the mean
of y is first subtracted from both x and y, which changes no distance. A result that rounding left below 0 becomes 0.
"""

from collections.abc import Iterator

import numpy as np

from npae.backend import Array, ArrayLike, array_module, as_source, check_rows, matmul


def as_rows(data: ArrayLike, name: str) -> Array:
    """Data (n, …) as rows (n, d) of float32 or float64: uint8 is scaled to [0, 1], bool becomes 0 and 1.

    Args:
        data: images or rows.
        name: of the argument, for the message.

    Raises ValueError for NaN or Inf. All comparisons with NaN are false, so a metric would return a number even so.
    """
    x = as_source(data, name)
    check_rows(x, range(len(x)), name=name)
    dtype = x.dtype if x.dtype in (np.float32, np.float64) else np.float32
    rows = x.reshape(len(x), -1).astype(dtype, copy=False)
    return rows * np.float32(1 / 255) if x.dtype == np.uint8 else rows


def check_alike(x: Array, y: Array, names: tuple[str, str]) -> None:
    """Raise ValueError unless the rows of x and y have the same length, TypeError unless they are on one device.

    Args:
        x: rows (n, d).
        y: rows (m, d).
        names: of both arguments, for the message.
    """
    if array_module(x) is not array_module(y):
        raise TypeError(f"Expected {names[0]} and {names[1]} on one device: move one of them with to_device.")
    if x.shape[1:] != y.shape[1:]:
        raise ValueError(
            f"Expected {names[0]} and {names[1]} with as many numbers per row, got {x.shape[1]} and {y.shape[1]}."
        )


def squared_distances(x: Array, y: Array, block: int = 512) -> Iterator[tuple[slice, Array]]:
    """Yield (rows, ‖x_i − y_j‖² for i in the slice `rows` and all j), block by block, in an array that is used again.

    Args:
        x: rows (n, d).
        y: rows (m, d).
        block: rows of x at a time.
    """
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
