"""From the caller's data to a network's batches: converted as they are taken, never the whole at once.

    uint8 images, 0 … 255   ->  x/255, in [0, 1]
    bool                    ->  0 or 1
    floats                  ->  the network's dtype, unchanged in value

Data may be a memory-mapped file larger than memory: only the rows of a batch are read. Order is drawn on the host,
from [seed, epoch], so that any epoch can be repeated by itself: what lets an interrupted run resume exactly.
"""

import numpy as np

from npae.backend import array_module, as_int, device_of, empty, module_for, to_device
from npae.data.gather import gather_bytes
from npae.data.sources import as_labelled, as_source, check_rows, check_source


def as_batch(rows, dtype, device="cpu"):
    """Rows of a source as a batch of the network's dtype, on its device (a new array unless nothing is to be done)."""
    rows = to_device(rows, device)
    if rows.dtype == dtype:
        return rows
    x = empty(rows.shape, rows, dtype)
    x[...] = rows
    if rows.dtype == np.uint8:
        x *= 1 / 255
    return x


class Minibatches:
    """Batches of `batch_size` rows of `data` (the last, shorter one is kept), for a network of `dtype` on `device`.

    data: array (n, …), see as_source. seed: order is a fresh permutation every epoch; None: order as it is.
    check: called with batches of floats before their first use, to raise if they cannot be right (a loss's
    check_targets). Rows in memory are checked here and now; rows of a memory-mapped file as they are taken.
    augment: an Augmentation of every batch (npae.data.augment).
    Raises ValueError if batch_size is below 1 or above n, or a row contains NaN or Inf, TypeError if batch_size is not
    an integer.
    """

    def __init__(self, data, batch_size, dtype=np.float32, device="cpu", seed=None, check=None, name="data",
                 augment=None):  # fmt: skip
        self.source, self.augment = as_source(data, name), augment
        self.n = len(self.source)
        self.batch_size = as_int(batch_size, "batch_size", least=1)
        self.dtype, self.device, self.seed, self.name, self._check = dtype, device, seed, name, check
        if self.batch_size > self.n:
            raise ValueError(f"{name}: expected a batch size from 1 to its {self.n} rows, got {batch_size}.")
        if not isinstance(self.source, np.memmap):
            check_source(self.source, check, name)
        if device == "gpu" and self._fits_on_gpu():
            self.source = to_device(self.source, device)
        # NumPy's take copies a source that is strided or unaligned, whole, before it takes a row.
        self._takes_rows = self.source.flags.c_contiguous and getattr(self.source.flags, "aligned", True)
        self._gathers_bytes = (
            self._takes_rows and self.source.dtype == np.uint8 and device_of(self.source) == device == "gpu"
        )

    def _fits_on_gpu(self):
        free, _ = module_for("gpu").cuda.runtime.memGetInfo()
        return not isinstance(self.source, np.memmap) and self.source.nbytes < free // 2

    def __len__(self):
        return -(-self.n // self.batch_size)

    def rows(self, epoch=0):
        """Yield the row numbers of each batch of an epoch: arrays, or slices where the order is as it is."""
        if self.seed is None:
            for start in range(0, self.n, self.batch_size):
                yield slice(start, min(start + self.batch_size, self.n))
            return
        order = np.random.default_rng([self.seed, epoch]).permutation(self.n)
        if device_of(self.source) == "gpu":
            order = to_device(order, "gpu")  # one upload an epoch
        for start in range(0, self.n, self.batch_size):
            yield order[start : start + self.batch_size]

    def take(self, rows):
        """The batch of these rows: (len(rows), …), converted, on the device, and varied by `augment`."""
        x = self._take(rows)
        return x if self.augment is None else self.augment(x)

    def reseed(self, seed):
        """Let the augmentation draw from the stream `seed` from now on."""
        if self.augment is not None:
            self.augment.reseed(seed)

    def _take(self, rows):
        if self._gathers_bytes and not isinstance(rows, slice):
            return gather_bytes(self.source, rows, self.dtype)
        taken = _rows_of(self.source, rows) if self._takes_rows else self.source[rows]
        if isinstance(self.source, np.memmap):
            numbers = range(self.n)[rows] if isinstance(rows, slice) else rows
            check_rows(np.asarray(taken), numbers, self._check, self.name)
        return as_batch(taken, self.dtype, self.device)


class LabelledMinibatches(Minibatches):
    """Minibatches of Labelled data: pairs (x, y) of the same rows, labels that are class numbers as they are.

    Arguments as for Minibatches; check is called with the labels, here and now.
    """

    def __init__(self, data, batch_size, dtype=np.float32, device="cpu", seed=None, check=None, name="data",
                 augment=None):  # fmt: skip
        data = as_labelled(data, name)
        super().__init__(data.x, batch_size, dtype, device, seed, None, name, augment)
        if check is not None:
            check(data.y)
        self.labels = to_device(array_module(data.y).ascontiguousarray(data.y), device_of(self.source))

    def take(self, rows):
        """(x, y) of these rows, on the device."""
        y = _rows_of(self.labels, rows)
        y = to_device(y, self.device) if y.ndim == 1 else as_batch(y, self.dtype, self.device)
        return super().take(rows), y


def _rows_of(source, rows):
    """source[rows] of a C-contiguous source, in a buffer of the step."""
    if isinstance(rows, slice):
        return source[rows]
    taken = empty((len(rows), *source.shape[1:]), source)
    if array_module(taken) is np:
        return np.take(source, rows, axis=0, out=taken, mode="clip")  # any other mode copies once more
    return array_module(taken).take(source, rows, axis=0, out=taken)


def in_batches(function, data, batch_size, dtype, device, name="x"):
    """function(batch) for consecutive batches of `data`, put together into one array (n, …) on the data's device.

    So 60,000 images never need one giant activation. Results are as a single call would give, row by row.
    """
    data, batch_size = as_source(data, name), as_int(batch_size, "batch_size", least=1)
    result = None
    for start in range(0, len(data), batch_size):
        rows = data[start : start + batch_size]
        y = to_device(function(as_batch(rows, dtype, device)), device_of(data))
        if result is None:
            result = array_module(y).empty((len(data), *y.shape[1:]), y.dtype)
        result[start : start + len(rows)] = y
    return result
