"""Batches: rows of the caller's array, in the dtype and on the device of a network.

    uint8 images, 0 … 255   ->  x/255, in [0, 1]
    bool                    ->  0 or 1
    floats                  ->  the network's dtype, unchanged in value

Only the rows of a batch are converted at a time, so the data may be a memory-mapped file larger than memory.
"""

import math

import numpy as np

from npae.backend.arrays import array_module, device_of, to_device
from npae.backend.checks import as_int, check_rows
from npae.backend.inputs import as_samples
from npae.backend.memory import empty
from npae.backend.products import dot
from npae.backend.seen import STANDARDISE


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


def as_source(data, name="data", lazy=False):
    """`data` as an array (n, …) that batches can be taken from. A list, for example, becomes a NumPy array.

    lazy: sparse matrices and data sets of HDF5 and zarr files are accepted too, as rows that are expanded or read when
    a batch takes them (LazyRows). Raises TypeError for what is not an array of uint8, bool or floats, with the way to
    convert it, and ValueError without samples or features.
    """
    if isinstance(data, (tuple, Labelled)):
        raise TypeError(
            f"{name}: expected an array (samples, features…), got a pair or tuple. "
            "Labels are for models that learn them, such as models.Classifier; here give the samples alone."
        )
    return as_samples(data, name, lazy)


def as_lazy_source(data, name="data"):
    """as_source(data, name, lazy=True)."""
    return as_source(data, name, lazy=True)


def as_array(data):
    """`data` itself if it is an array of either device, else as a NumPy array."""
    try:
        array_module(data)
    except TypeError:
        return np.asarray(data)
    return data


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


class Watch:
    """Looks at the batches of one call: refuses NaN and Inf, and warns of values far outside of the training range.

    data: the source of the batches; like: an array of their dtype and on their device; model: whose data they are, or
    None. All that it needs is Σ x² of each batch, which is not finite if a value is not. This costs one pass, which
    brings x into the cache for the first matrix product. On the GPU the sums are read after the last batch, so that the
    batches do not wait for one another.
    """

    def __init__(self, data, name, like, model=None):
        self.data, self.name, self.like, self.seen = data, name, like, None if model is None else model.seen
        asks_of_uint8 = self.seen is not None and self.seen.kind != "uint8" and data.dtype == np.uint8
        self.looks, self.squares, self._unread = data.dtype.kind == "f" or asks_of_uint8, 0.0, []

    def look(self, batch, start):
        """Look at a batch that begins at row `start`. Raises ValueError if it is on the CPU and not finite."""
        if self.looks:
            with np.errstate(over="ignore", invalid="ignore"):
                squares = _sum_of_squares(batch)
            self._unread.append((squares, start, start + len(batch)))
            if device_of(batch) == "cpu":
                self._read()

    def end(self):
        """After the last batch: raise what look would have raised, and warn of the scale."""
        self._read()
        if self.looks and self.seen is not None:
            self.seen.check_scale(self.data, math.sqrt(self.squares / self.data.size), self.name)

    def _read(self):
        for squares, start, stop in self._unread:
            squares = float(squares)
            self.squares += squares if math.isfinite(squares) else self._squares(start, stop)
        self._unread.clear()

    def _squares(self, start, stop):
        """Σ x² of rows for which it is not finite in the network's dtype. Raises ValueError if a value is not."""
        rows = self.data[start:stop]
        check_rows(rows, range(start, stop), name=self.name)
        with np.errstate(over="ignore"):
            batch, xp = as_batch(rows, self.like.dtype, device_of(rows)), array_module(rows)
            squares = float(xp.square(rows, dtype=np.float64).sum())
        if not bool(xp.isfinite(batch).all()):
            raise ValueError(
                f"{self.name}: a value in rows {start} to {stop - 1} is too large for the network's {self.like.dtype}. "
                f"Standardise each feature: {STANDARDISE}."
            )
        return squares


def _sum_of_squares(x):
    """Σ x², in one pass along the shortest step in memory."""
    if x.flags.c_contiguous:
        return dot(x.reshape(-1), x.reshape(-1))
    if device_of(x) == "gpu":
        return (x * x).sum()
    rows = x.T if abs(x.strides[0]) < abs(x.strides[-1]) else x
    return np.vecdot(rows, rows).sum()


def batches(data, batch_size, like, name="x", check=None, model=None):
    """Yield `data` (n, …) as consecutive batches of the dtype and on the device of the array `like`.

    check: a function that is called with every batch first, and raises for one that cannot be right. Of Labelled data
    (x, target) come pairs of batches, and `check` is called with the targets. model: whose data these are; their
    features and range are compared with those that it was made for and trained on (npae.backend.seen). Raises
    ValueError for a row with NaN or Inf.
    """
    if isinstance(data, Labelled):
        targets = batches(data.y, batch_size, like, "target", check)
        yield from zip(batches(data.x, batch_size, like, name, model=model), targets, strict=True)
        return
    yield from _batches_of(_as_source_of(model, data, name), batch_size, like, name, check, model)


def in_batches(function, data, batch_size, like, name="x", check=None, model=None):
    """function(batch) of all batches of `data`, concatenated to one array (n, …) on the device of `data`.

    The result is that of a single call, row by row, but memory for activations is needed for one batch only. check,
    model: as for batches.
    """
    data, start, result = _as_source_of(model, data, name), 0, None
    for batch in _batches_of(data, batch_size, like, name, check, model):
        y = to_device(function(batch), device_of(data))
        if result is None:
            result = array_module(y).empty((len(data), *y.shape[1:]), y.dtype)
        result[start : start + len(y)] = y
        start += len(y)
    return result


def _as_source_of(model, given, name):
    """`given` as a source. Raises ValueError if it has other features than the model."""
    if model is not None:
        model.check_columns(given, name)
    data = as_lazy_source(given, name)
    if model is not None:
        model.check_features(data.shape[1:], name)
    return data


def _batches_of(data, batch_size, like, name, check, model):
    watch, batch_size = Watch(data, name, like, model), as_int(batch_size, "batch_size", least=1)
    for start in range(0, len(data), batch_size):
        rows = data[start : start + batch_size]
        with np.errstate(over="ignore"):  # a float64 too large for float32 becomes Inf, which is refused
            batch = as_batch(rows, like.dtype, device_of(like))
        watch.look(batch, start)
        if check is not None:
            check(rows if rows.dtype.kind == "f" else batch)
        yield batch
    watch.end()
