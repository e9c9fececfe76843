"""Minibatches: the caller's data in batches of random order, converted batch by batch, never as a whole.

    uint8 images, 0 … 255   ->  x/255, in [0, 1]
    bool                    ->  0 or 1
    floats                  ->  the network's dtype, unchanged in value

The data may be a memory-mapped file larger than memory: only the rows of a batch are read. The order of an epoch is
drawn on the CPU from [seed, epoch], so any epoch can be repeated by itself. That is how an interrupted run resumes
exactly.
"""

import numpy as np

from npae.backend import (
    array_module,
    as_batch,
    as_int,
    as_source,
    check_rows,
    device_of,
    empty,
    gather_bytes,
    module_for,
    to_device,
)
from npae.data.sources import as_labelled, check_source


class Minibatches:
    """Batches of `batch_size` rows of `data`, for a network of `dtype` on `device`. The last batch may be shorter.

    data: an array (n, …), see as_source. seed: each epoch has a new random order, from [seed, epoch]; None: the order
    of the data. check: a function that raises for rows that the loss cannot take (a loss's check_targets); only floats
    are checked. Rows in memory are checked now, rows of a memory-mapped file when they are read.
    augment: an Augmentation (npae.data.augment) that is applied to every batch.
    Raises ValueError if batch_size is below 1 or above n, or if a row contains NaN or Inf; TypeError if batch_size is
    not an integer.
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
        """Yield the row numbers of each batch of an epoch: arrays, or slices if the order is that of the data."""
        if self.seed is None:
            for start in range(0, self.n, self.batch_size):
                yield slice(start, min(start + self.batch_size, self.n))
            return
        order = np.random.default_rng([self.seed, epoch]).permutation(self.n)
        if device_of(self.source) == "gpu":
            order = to_device(order, "gpu")  # one upload per epoch
        for start in range(0, self.n, self.batch_size):
            yield order[start : start + self.batch_size]

    def take(self, rows):
        """The batch of these rows: (len(rows), …), converted, on the device, and augmented."""
        x = self._take(rows)
        return x if self.augment is None else self.augment(x)

    def reseed(self, seed):
        """Start the random numbers of the augmentation again from `seed`."""
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
    """Minibatches of labelled data: pairs (x, y) of the same rows. Labels that are class numbers are not converted.

    Arguments as for Minibatches, but `check` is called with all labels, now.
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
    """source[rows] of a C-contiguous source, in an array of the step."""
    if isinstance(rows, slice):
        return source[rows]
    taken = empty((len(rows), *source.shape[1:]), source)
    if array_module(taken) is np:
        return np.take(source, rows, axis=0, out=taken, mode="clip")  # any other mode copies once more
    return array_module(taken).take(source, rows, axis=0, out=taken)
