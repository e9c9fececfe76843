"""Batches: rows of the caller's array, in the dtype and on the device of a network.

    uint8 images, 0 … 255   ->  x/255, in [0, 1]
    bool                    ->  0 or 1
    floats                  ->  the network's dtype, unchanged in value

Only the rows of a batch are converted at a time, so the data may be a memory-mapped file larger than memory.
"""

import numpy as np

from npae.backend.arrays import array_module, device_of, to_device
from npae.backend.checks import as_int
from npae.backend.memory import empty


class Labelled:
    """Samples `x` (n, …) with labels `y`, see npae.data.sources.as_labelled. Slices contain both; unpack as x, y = ….
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


def as_source(data, name="data"):
    """`data` as an array (n, …) that batches can be taken from. A list, for example, becomes a NumPy array.

    Raises ValueError if it is empty or one-dimensional, TypeError if its dtype is not uint8, bool or floating.
    """
    if isinstance(data, (tuple, Labelled)):
        raise TypeError(
            f"{name}: expected an array (samples, features…), got a pair or tuple. "
            "Labels are for models that learn them, such as models.Classifier; here give the samples alone."
        )
    data = as_array(data)
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


def as_array(data):
    """`data` itself if it is an array of either device, else as a NumPy array."""
    try:
        array_module(data)
    except TypeError:
        return np.asarray(data)
    return data


def check_rows(x, numbers, check=None, name="data"):
    """Raise ValueError if a row of x contains NaN or Inf, or if check(x), a loss's check_targets, raises.

    numbers: the row numbers within the whole data, for the message. Only floats are checked.
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


def as_batch(rows, dtype, device="cpu"):
    """Rows of a source as a batch of the network's dtype, on its device: a new array, if anything has to change."""
    rows = to_device(rows, device)
    if rows.dtype == dtype:
        return rows
    x = empty(rows.shape, rows, dtype)
    x[...] = rows
    if rows.dtype == np.uint8:
        x *= 1 / 255
    return x


def batches(data, batch_size, like, name="x", check=None):
    """Yield `data` (n, …) as consecutive batches of the dtype and on the device of the array `like`.

    check: a function that is called with every batch first, and raises for one that cannot be right.
    """
    data, batch_size = as_source(data, name), as_int(batch_size, "batch_size", least=1)
    for start in range(0, len(data), batch_size):
        batch = as_batch(data[start : start + batch_size], like.dtype, device_of(like))
        if check is not None:
            check(batch)
        yield batch


def in_batches(function, data, batch_size, like, name="x", check=None):
    """function(batch) of all batches of `data`, concatenated to one array (n, …) on the device of `data`.

    The result is that of a single call, row by row, but memory for activations is needed for one batch only.
    """
    data, start, result = as_source(data, name), 0, None
    for batch in batches(data, batch_size, like, name, check):
        y = to_device(function(batch), device_of(data))
        if result is None:
            result = array_module(y).empty((len(data), *y.shape[1:]), y.dtype)
        result[start : start + len(y)] = y
        start += len(y)
    return result
