"""Data sources: which data are accepted, and the checks before a run.

Samples are an array x (n, …). Samples with labels are a pair (x, y), which becomes one Labelled object that can be
sliced like an array. Mistakes are reported at the start of a run and not after an hour: integers of unknown meaning,
NaN in a row, targets outside of a loss's range. A memory-mapped file is not read through for that; its rows are checked
when they are read.
"""

import zlib

import numpy as np

from npae.backend import Labelled, as_array, as_source, check_rows, device_of, to_device


def as_labelled(data, name="data"):
    """The pair `data` = (x, y) as Labelled: samples x as in as_source, with labels y.

    y: integers (n,), the number of each sample's class; or probabilities (n, classes) of bool or floats, such as
    one-hot rows. Raises TypeError unless it is a pair with labels of such a dtype, ValueError for labels of another
    shape.
    """
    if isinstance(data, Labelled):
        return data
    if not isinstance(data, tuple) or len(data) != 2:
        got = f"a tuple of {len(data)}" if isinstance(data, tuple) else type(data).__name__
        raise TypeError(f"{name}: expected a pair (samples, labels), got {got}: write (x, y).")
    x, y = as_source(data[0], name), as_array(data[1])
    if y.dtype.kind not in "iubf":
        raise TypeError(f"{name}: expected labels of integers, bool or floats, got {y.dtype}: number the classes.")
    numbers = y.dtype.kind in "iu"
    if len(y.shape) != (1 if numbers else 2) or len(y) != len(x):
        shape = f"({len(x)},)" if numbers else f"({len(x)}, classes)"
        raise ValueError(
            f"{name}: expected labels of shape {shape} for {len(x)} samples and dtype {y.dtype}, got {y.shape}. "
            "Integers are class numbers, one per sample; bool and floats are one row of probabilities per sample."
        )
    return Labelled(x, to_device(y.astype(np.int64) if numbers else y, device_of(x)))


def check_source(data, check=None, name="data"):
    """check_rows for all rows of `data`, a few thousand at a time; of Labelled data `check` is given the labels."""
    if isinstance(data, Labelled):
        check_source(data.x, None, name)
        if check is not None:
            check(data.y)
        return
    for start in range(0, len(data), 4096):
        rows = data[start : start + 4096]
        check_rows(rows, range(start, start + len(rows)), check, name)


def split(data, fraction):
    """(rows for training, rows for validation): the last `fraction` of the rows is for validation.

    Raises ValueError if either part would be empty.
    """
    kept = len(data) - round(len(data) * fraction) if 0 < fraction < 1 else 0
    if not 0 < kept < len(data):
        raise ValueError(f"fit: a fraction {fraction} of {len(data)} rows leaves nothing to train or to validate on.")
    return data[:kept], data[kept:]


def fingerprint(data, rows=16):
    """[shape, dtype, checksum of a few rows spread over `data`], to recognise the data that a run began with.

    For Labelled data, the fingerprints of x and y.
    """
    if isinstance(data, Labelled):
        return [fingerprint(part, rows) for part in data]
    some = data[:: max(1, len(data) // rows)][:rows]
    return [list(data.shape), str(data.dtype), zlib.crc32(np.ascontiguousarray(to_device(some, "cpu")).tobytes())]
