"""Data sources: which data are accepted, and the checks before a run.

Samples are an array x (n, …). Samples with labels are a pair (x, y), which becomes one Labelled object that can be
sliced like an array. Mistakes are reported at the start of a run and not after an hour: integers of unknown meaning,
NaN in a row, targets outside of a loss's range. Memory-mapped files, sparse matrices and data sets of HDF5 are not read
through for that; their rows are checked when they are read.
"""

import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from npae.backend import (
    Array,
    ArrayLike,
    DTypeLike,
    Labelled,
    array_module,
    as_array,
    as_lazy_source,
    check_rows,
    device_of,
    row_names,
    to_device,
)
from npae.data.shards import Shards


def as_labelled(data: Any, name: str = "data") -> Labelled:
    """A pair (x, y) as Labelled: samples x as in npae.backend.as_source, with labels y.

    Args:
        data: the pair. y: integers (n,), the number of each sample's class; or probabilities (n, classes) of bool or
            floats, such as one-hot rows.
        name: of the pair, for messages.

    Raises TypeError unless it is a pair with labels of such a dtype, ValueError for labels of another shape.
    """
    if isinstance(data, Labelled):
        return data
    if not isinstance(data, tuple) or len(data) != 2:
        got = f"a tuple of {len(data)}" if isinstance(data, tuple) else type(data).__name__
        raise TypeError(f"{name}: expected a pair (samples, labels), got {got}: write (x, y).")
    x, y = as_lazy_source(data[0], name), _without_mask(as_array(data[1]), name)
    if y.dtype.kind not in "iubf":
        raise TypeError(
            f"{name}: expected labels of integers, bool or floats, got {y.dtype}: number the classes, "
            "names, y = np.unique(y, return_inverse=True)."
        )
    check_rows(y, range(len(y)), name=f"{name}, labels")
    numbers = y.dtype.kind in "iu"
    if len(y.shape) != (1 if numbers else 2) or len(y) != len(x):
        shape = f"({len(x)},)" if numbers else f"({len(x)}, classes)"
        raise ValueError(
            f"{name}: expected labels of shape {shape} for {len(x)} samples and dtype {y.dtype}, got {y.shape}. "
            "Integers are class numbers, one per sample; bool and floats are one row of probabilities per sample."
            + _numbered(y, len(x))
        )
    return Labelled(x, to_device(y.astype(np.int64) if numbers else y, device_of(x)))


def _without_mask(y, name):
    """Labels as they are, and a masked array without its mask. Raises TypeError if a label is masked."""
    if not isinstance(y, np.ma.MaskedArray):
        return y
    masked = np.flatnonzero(np.ma.getmaskarray(y).reshape(len(y), -1).any(axis=1)) if y.ndim else []
    if len(masked):
        raise TypeError(
            f"{name}: expected no masked labels, got {len(masked)} of them, the first in row {masked[0]}: the network "
            "would learn the numbers behind the mask. Leave such rows out, or write y.filled(-1) where a model takes "
            "-1 for an unknown class."
        )
    return y.data


def _numbered(y, n):
    """How to make class numbers of labels of a wrong shape, as the end of a message; "" unless there is one for each.
    """
    if y.size != n:
        return ""
    return f" Class numbers are y{'.ravel()' * (y.ndim > 1)}{'.astype(int)' * (y.dtype.kind in 'bf')}."


def as_pairs(x: ArrayLike, target: ArrayLike, name: str = "data") -> Labelled:
    """Samples with a target for each, as Labelled: what their reconstructions are compared with.

    Args:
        x: samples, as in npae.backend.as_source.
        target: likewise.
        name: of the samples, for messages.

    Raises ValueError unless there are as many targets as samples.
    """
    samples, targets = as_lazy_source(x, name), as_lazy_source(target, "target")
    if len(samples) != len(targets):
        raise ValueError(f"target: expected one for each of the {len(samples)} samples, got {len(targets)}.")
    return Labelled(samples, to_device(targets, device_of(samples)))


def check_source(data: Any, check: Callable[[Any], None] | None = None, name: str = "data",
                 dtype: DTypeLike | None = None) -> None:  # fmt: skip
    """check_rows for all rows, a few thousand at a time.

    Args:
        data: a source, or Labelled.
        check: raises for rows that cannot be right. Of Labelled data it is given the labels.
        name: of the data, for messages.
        dtype: of the network; the values must be finite in it too. None: that of the data.
    """
    if isinstance(data, Labelled):
        check_source(data.x, None, name, dtype)
        if check is not None:
            check(data.y)
        return
    for start, rows in _blocks(data):
        check_rows(rows, row_names(data, range(start, start + len(rows))), check, name, dtype)


def _blocks(data: Any) -> Iterator[tuple[int, Array]]:
    """Yield (number of the first row, rows) of consecutive rows of `data`, a few thousand or 64 MB at a time."""
    step = max(1, min(4096, 64_000_000 * len(data) // data.nbytes))
    for start in range(0, len(data), step):
        yield start, data[start : start + step]


def spread(x: Any) -> tuple[Array, Array]:
    """(mean, deviation): mean and standard deviation of each feature of a source x (n, …), two arrays of float64.

    The deviation of a constant feature is 1, so that (x − mean)/deviation is 0 there. Constant is a feature whose
    deviation is not above what rounding makes of equal numbers, as in scikit-learn's StandardScaler: n ε |mean| in
    float64, and 4 ulps of the data's own dtype. Squares are taken of (x − mean)/max|x − mean|, so that none overflows.
    Raises ValueError for values whose sum is not finite.
    """
    xp, n = array_module(x), len(x)
    low, high = math.inf, -math.inf
    total: Any = 0.0
    for _, rows in _blocks(x):
        with np.errstate(over="ignore"):
            total = total + rows.sum(axis=0, dtype=np.float64)
        low, high = xp.minimum(low, rows.min(axis=0)), xp.maximum(high, rows.max(axis=0))
    mean = total / n
    if not bool(xp.isfinite(mean).all()):
        raise ValueError(f"Expected finite values, got up to {float(xp.abs(high).max()):g}: their sum is too large.")
    width = xp.maximum(high - mean, mean - low)
    width[width == 0] = 1
    squares = sum(xp.square((rows - mean) / width).sum(axis=0) for _, rows in _blocks(x))
    deviation = width * xp.sqrt(squares / n)
    own = float(np.finfo(x.dtype).eps) if x.dtype.kind == "f" else 0.0
    deviation[deviation <= max(n * np.finfo(np.float64).eps, 4 * own) * abs(mean)] = 1
    return mean, deviation


def split(data: Any, fraction: float, seed: int) -> tuple[Any, Array | None, Any]:
    """(the data to train on, which of their rows, or None for all; the other rows, to validate on).

    Of Shards whole blocks are held out: the neighbours of a row, which are like it, are on its side.

    Args:
        data: a source, or Labelled.
        fraction: of the rows to validate on.
        seed: which rows these are.

    Raises ValueError if either part would be empty.
    """
    shards = getattr(data, "x", data)
    by_block = isinstance(shards, Shards)
    n, unit = (shards.order.blocks, "blocks of rows") if by_block else (len(data), "rows")
    held_out = round(n * fraction) if 0 < fraction < 1 else 0
    if not 0 < held_out < n:
        cure = " Give smaller blocks: Shards(paths, block_rows=...)." if by_block and 0 < fraction < 1 else ""
        raise ValueError(f"fit: a fraction {fraction} of {n} {unit} leaves nothing to train or to validate on.{cure}")
    order = np.random.default_rng([seed, n]).permutation(n)
    train, held = np.sort(order[held_out:]), np.sort(order[:held_out])
    if by_block:
        size = shards.order.block_rows
        return _of_blocks(data, train, size), None, _of_blocks(data, held, size)
    return data, train, data[held]


def _of_blocks(data: Any, blocks: Array, size: int) -> Any:
    """The rows of some blocks of `size` rows."""
    if isinstance(data, Labelled):
        return Labelled(_of_blocks(data.x, blocks, size), _of_blocks(data.y, blocks, size))
    if isinstance(data, Shards):
        return data.of_blocks(blocks, size)
    rows = (blocks[:, None] * size + np.arange(size)).reshape(-1)
    return data[rows[rows < len(data)]]


def fingerprint(data: Any, rows: int = 16) -> list[Any]:
    """[shape, dtype, checksum of a few rows], to recognise the data that a run began with.

    Args:
        data: a source; or Labelled, which has the fingerprints of x and y.
        rows: about how many, spread over the data.
    """
    if isinstance(data, Labelled):
        return [fingerprint(part, rows) for part in data]
    some = data[:: max(1, len(data) // rows)][:rows]
    return [list(data.shape), str(data.dtype), zlib.crc32(np.ascontiguousarray(to_device(some, "cpu")).tobytes())]
