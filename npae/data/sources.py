"""The caller's data, before any batch is taken: what is accepted, what is refused, and in which words.

Mistakes are told at the start of a run and not after an hour of it: integers of unknown meaning, NaN in a row, targets
out of a loss's range. A memory-mapped file is not read through for that; its rows are checked as they come.
"""

import operator
import zlib

import numpy as np

from npae.backend import array_module, to_device


def as_source(data, name="data"):
    """`data` as an array (n, …) that batches can be taken from; what is no array (a list) becomes one.

    Raises ValueError if it is empty or one-dimensional, TypeError if its dtype is not uint8, bool or floating.
    """
    try:
        array_module(data)
    except TypeError:
        data = np.asarray(data)
    if data.ndim < 2 or data.size == 0:
        raise ValueError(
            f"{name}: expected an array (samples, features…) with at least one of each, got shape {data.shape}. "
            "One sample alone is data[None]."
        )
    if not (data.dtype == np.uint8 or data.dtype.kind in "bf"):
        raise TypeError(
            f"{name}: expected uint8 (0 to 255, scaled to [0, 1] here), bool or a floating dtype, got {data.dtype}. "
            "Say what the integers mean: data.astype('uint8') for pixels, data.astype('float32') for numbers."
        )
    return data


def as_count(value, name, least=1):
    """`value` as an int. Raises TypeError if it is not an integer, ValueError if it is below `least`."""
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {value!r}.") from None
    if count < least:
        raise ValueError(f"{name}: expected {least} or more, got {count}.")
    return count


def check_rows(x, numbers, check=None, name="data"):
    """Raise ValueError if a row of x holds a NaN or Inf, or if check(x), a loss's check_targets, raises.

    numbers: of the rows, in the data that they come from. Only floats can be wrong.
    """
    if x.dtype.kind != "f":
        return
    xp = array_module(x)
    good = xp.isfinite(x.reshape(len(x), -1)).all(axis=1)
    if not bool(good.all()):
        row = int(numbers[int(xp.argmin(good))])
        raise ValueError(f"{name}: row {row} contains NaN or Inf. Remove or repair such rows first.")
    if check is not None:
        check(x)


def check_source(data, check=None, name="data"):
    """check_rows for all rows of `data`, a few thousand at a time."""
    for start in range(0, len(data), 4096):
        rows = data[start : start + 4096]
        check_rows(rows, range(start, start + len(rows)), check, name)


def split(data, fraction):
    """(rows to train on, the last `fraction` of the rows to validate on). Raises ValueError if either would be empty.
    """
    kept = len(data) - round(len(data) * fraction) if 0 < fraction < 1 else 0
    if not 0 < kept < len(data):
        raise ValueError(f"fit: a fraction {fraction} of {len(data)} rows leaves nothing to train or to validate on.")
    return data[:kept], data[kept:]


def fingerprint(data, rows=16):
    """[shape, dtype, checksum of a few rows spread over `data`]: is this the data that a run began with?"""
    some = data[:: max(1, len(data) // rows)][:rows]
    return [list(data.shape), str(data.dtype), zlib.crc32(np.ascontiguousarray(to_device(some, "cpu")).tobytes())]
