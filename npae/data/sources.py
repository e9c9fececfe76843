"""The caller's data, before any batch is taken: what is accepted, what is refused, and in which words.

Samples are an array x (n, …); samples with a label each, a pair (x, y), travel as one Labelled, cut like an array.
Mistakes are told at the start of a run and not after an hour of it: integers of unknown meaning, NaN in a row, targets
out of a loss's range. A memory-mapped file is not read through for that; its rows are checked as they come.
"""

import zlib

import numpy as np

from npae.backend import array_module, device_of, to_device


def as_source(data, name="data"):
    """`data` as an array (n, …) that batches can be taken from; what is no array (a list) becomes one.

    Raises ValueError if it is empty or one-dimensional, TypeError if its dtype is not uint8, bool or floating.
    """
    if isinstance(data, (tuple, Labelled)):
        raise TypeError(
            f"{name}: expected an array (samples, features…), got a pair or tuple. "
            "Labels are for models that learn them, such as models.Classifier; here give the samples alone."
        )
    data = _as_array(data)
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


def as_labelled(data, name="data"):
    """The pair `data` = (x, y) as Labelled: samples x as in as_source, with labels y.

    y: integers (n,), the number of each sample's class; or probabilities (n, classes) of bool or floats, such as
    one-hot rows. Raises TypeError for what is no pair and for labels of another dtype, ValueError for another shape.
    """
    if isinstance(data, Labelled):
        return data
    if not isinstance(data, tuple) or len(data) != 2:
        got = f"a tuple of {len(data)}" if isinstance(data, tuple) else type(data).__name__
        raise TypeError(f"{name}: expected a pair (samples, labels), got {got}: write (x, y).")
    x, y = as_source(data[0], name), _as_array(data[1])
    if y.dtype.kind not in "iubf":
        raise TypeError(f"{name}: expected labels of integers, bool or floats, got {y.dtype}: number the classes.")
    numbers = y.dtype.kind in "iu"
    if len(y.shape) != (1 if numbers else 2) or len(y) != len(x):
        shape = f"({len(x)},)" if numbers else f"({len(x)}, classes)"
        raise ValueError(
            f"{name}: expected labels of shape {shape} for {len(x)} samples and dtype {y.dtype}, got {y.shape}. "
            "Integers are class numbers, one a sample; bool and floats are a row of probabilities each."
        )
    return Labelled(x, to_device(y.astype(np.int64) if numbers else y, device_of(x)))


class Labelled:
    """Samples `x` (n, …) with labels `y`, see as_labelled. len and slices are those of both; x, y = it takes it apart.
    """

    def __init__(self, x, y):
        self.x, self.y = x, y

    @property
    def shape(self):
        """The shape of x."""
        return self.x.shape

    def __len__(self):
        return len(self.x)

    def __getitem__(self, rows):
        return Labelled(self.x[rows], self.y[rows])

    def __iter__(self):
        return iter((self.x, self.y))


def _as_array(data):
    try:
        array_module(data)
    except TypeError:
        return np.asarray(data)
    return data


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
    """check_rows for all rows of `data`, a few thousand at a time; of Labelled data the labels are what is checked."""
    if isinstance(data, Labelled):
        check_source(data.x, None, name)
        if check is not None:
            check(data.y)
        return
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
    """[shape, dtype, checksum of a few rows spread over `data`]: is this the data that a run began with?

    Of Labelled data, a list of both parts'.
    """
    if isinstance(data, Labelled):
        return [fingerprint(part, rows) for part in data]
    some = data[:: max(1, len(data) // rows)][:rows]
    return [list(data.shape), str(data.dtype), zlib.crc32(np.ascontiguousarray(to_device(some, "cpu")).tobytes())]
