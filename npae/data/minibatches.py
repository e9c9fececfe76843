"""Minibatches: the caller's data in batches of random order, converted batch by batch, never as a whole.

    uint8 images, 0 … 255   ->  x/255, in [0, 1]
    bool                    ->  0 or 1
    floats                  ->  the network's dtype, unchanged in value

The data may be a memory-mapped file larger than memory: only the rows of a batch are read. The order of an epoch is
drawn on the CPU from [seed, epoch], so any epoch can be repeated by itself, from any of its batches on. That is how an
interrupted run resumes exactly. Shards are read in blocks, in an order of their own (block_order.py).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from npae.backend import (
    Array,
    ArrayLike,
    DTypeLike,
    Labelled,
    array_module,
    as_batch,
    as_int,
    as_lazy_source,
    check_rows,
    device_of,
    empty,
    gather_bytes,
    is_lazy,
    module_for,
    row_names,
    to_device,
)
from npae.data.augment import Augmentation
from npae.data.shards import Shards
from npae.data.sources import as_labelled, check_source


class Minibatches:
    """Batches of rows, for a network. The last batch of an epoch may be shorter.

    Args:
        data: an array (n, …), see npae.backend.as_source.
        batch_size: rows per batch; above n, it is n.
        dtype: of the network.
        device: of the network.
        seed: each epoch has a new random order, from [seed, epoch]; None: the order of the data.
        check: a function that raises for rows that the loss cannot take (a loss's check_targets); only floats are
            checked. Rows in memory are checked now, rows of a memory-mapped file when they are read.
        name: of the data, for messages.
        augment: is applied to every batch; None: nothing is.
        only: the numbers of the rows to use; None: all of them.

    Raises ValueError if batch_size is below 1, or if a row contains NaN or Inf; TypeError if batch_size is not an
    integer.

    Example:
        >>> import numpy as np
        >>> from npae.data import Minibatches
        >>> batches = Minibatches(np.arange(10, dtype="float32")[:, None], batch_size=4, seed=0)
        >>> [batches.take(rows).shape for rows in batches.rows(epoch=0)]
        [(4, 1), (4, 1), (2, 1)]
    """

    def __init__(self, data: ArrayLike, batch_size: int, dtype: DTypeLike = np.float32, device: str = "cpu",
                 seed: int | None = None, check: Callable[[Any], None] | None = None, name: str = "data",
                 augment: Augmentation | None = None, only: Array | None = None) -> None:  # fmt: skip
        self.source, self.augment, self.only = as_lazy_source(data, name), augment, only
        self.n = len(self.source if only is None else only)
        self.batch_size = min(as_int(batch_size, "batch_size", least=1), self.n)
        self.dtype, self.device, self.seed, self.name, self._check = dtype, device, seed, name, check
        if not is_lazy(self.source):
            check_source(self.source, check, name, dtype)
        if device == "gpu" and self._fits_on_gpu():
            self.source = to_device(self.source, device)
        # NumPy's take copies a source that is strided or unaligned, whole, before it takes a row.
        flags = getattr(self.source, "flags", None)
        self._takes_rows = bool(flags) and flags.c_contiguous and getattr(flags, "aligned", True)
        self._gathers_bytes = (
            self._takes_rows and self.source.dtype == np.uint8 and device_of(self.source) == device == "gpu"
        )

    def _fits_on_gpu(self):
        cupy: Any = module_for("gpu")
        free, _ = cupy.cuda.runtime.memGetInfo()
        return not is_lazy(self.source) and self.source.nbytes < free // 2

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def rows(self, epoch: int = 0, first: int = 0) -> Iterator[Any]:
        """Yield the row numbers of each batch of an epoch: arrays, or slices if the order is that of the data.

        Args:
            epoch: its number.
            first: the number of the first batch; those before it are left out.
        """
        if self.seed is None and self.only is None:
            for start in range(first * self.batch_size, self.n, self.batch_size):
                yield slice(start, min(start + self.batch_size, self.n))
            return
        if isinstance(self.source, Shards) and self.only is None and self.seed is not None:
            for rows, blocks in self.source.order.batches(self.batch_size, self.seed, epoch, first):
                self._expect(blocks, self.source.order.block_rows)
                yield rows
            return
        order = np.arange(self.n)
        if self.seed is not None:
            order = np.random.default_rng([self.seed, epoch]).permutation(self.n)
        order = order if self.only is None else self.only[order]
        if device_of(self.source) == "gpu":
            order = to_device(order, "gpu")  # one upload per epoch
        for start in range(first * self.batch_size, self.n, self.batch_size):
            yield order[start : start + self.batch_size]

    def order_settings(self) -> dict[str, int] | None:
        """The settings of the order of Shards, on which training depends; None for other data."""
        if not isinstance(self.source, Shards):
            return None
        return {name: getattr(self.source.order, name) for name in ("block_rows", "mixed_blocks")}

    def _expect(self, blocks, block_rows):
        """Announce the blocks that the next rows are of."""
        if isinstance(self.source, Shards):
            self.source.expect(blocks, block_rows)

    def take(self, rows: Any) -> Any:
        """The batch of these rows: (len(rows), …), converted, on the device, and augmented."""
        x = self._take(rows)
        return x if self.augment is None else self.augment(x)

    def reseed(self, seed: int | Sequence[int]) -> None:
        """Start the random numbers of the augmentation again from `seed`."""
        if self.augment is not None:
            self.augment.reseed(seed)

    def _take(self, rows):
        if self._gathers_bytes and not isinstance(rows, slice):
            return gather_bytes(self.source, rows, self.dtype)
        taken = _rows_of(self.source, rows) if self._takes_rows else self.source[rows]
        if is_lazy(self.source):
            numbers = range(len(self.source))[rows] if isinstance(rows, slice) else rows
            check_rows(np.asarray(taken), row_names(self.source, numbers), self._check, self.name, self.dtype)
        return as_batch(taken, self.dtype, self.device)


class LabelledMinibatches(Minibatches):
    """Minibatches of labelled data: pairs (x, y) of the same rows. Labels that are class numbers are not converted.

    Arguments as for Minibatches, but data is a pair or Labelled, and `check` is called with all labels, now.
    """

    def __init__(self, data: Any, batch_size: int, dtype: DTypeLike = np.float32, device: str = "cpu",
                 seed: int | None = None, check: Callable[[Any], None] | None = None, name: str = "data",
                 augment: Augmentation | None = None, only: Array | None = None) -> None:  # fmt: skip
        x, y = as_labelled(data, name)
        super().__init__(x, batch_size, dtype, device, seed, None, name, augment, only)
        if check is not None:
            check(y)
        self.labels = to_device(array_module(y).ascontiguousarray(y), device_of(self.source))

    def take(self, rows: Any) -> tuple[Array, Array]:
        """(x, y) of these rows, on the device."""
        y = _rows_of(self.labels, rows)
        y = to_device(y, self.device) if y.ndim == 1 else as_batch(y, self.dtype, self.device)
        return super().take(rows), y


class PairedMinibatches(Minibatches):
    """Minibatches of pairs (x, target) of the same rows: samples, and what reconstructions are compared with.

    Arguments as for Minibatches; `data` from as_pairs, and `check` is applied to the targets. Only x is augmented by
    noise of the model's own, so augment must be None: an augmented x would no longer belong to its target.
    """

    def __init__(self, data: Labelled, batch_size: int, dtype: DTypeLike = np.float32, device: str = "cpu",
                 seed: int | None = None, check: Callable[[Any], None] | None = None, name: str = "data",
                 augment: Augmentation | None = None, only: Array | None = None) -> None:  # fmt: skip
        if augment is not None:
            raise ValueError("augment: expected none beside target=, since a changed sample no longer has that target.")
        super().__init__(data.x, batch_size, dtype, device, seed, None, name, None, only)
        self.targets = Minibatches(data.y, batch_size, dtype, device_of(self.source), None, check, "target", None, only)
        self.targets.device = device

    def _expect(self, blocks, block_rows):
        super()._expect(blocks, block_rows)
        self.targets._expect(blocks, block_rows)

    def take(self, rows: Any) -> tuple[Array, Array]:
        """(x, target) of these rows, converted, on the device."""
        return super().take(rows), self.targets.take(rows)


class Sample:
    """Some rows x of Minibatches, drawn by their seed. Every loop over it has the same.

    An iterable of batches of a few MB or less, converted and on the device, but not augmented.

    Args:
        batches: the Minibatches.
        count: how many rows; all if there are fewer.
    """

    def __init__(self, batches: Minibatches, count: int) -> None:
        rng = np.random.default_rng([batches.seed or 0, batches.n])
        rows = np.sort(rng.choice(batches.n, min(count, batches.n), replace=False, shuffle=False))
        self.batches, self.rows = batches, rows if batches.only is None else batches.only[rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Array]:
        source = self.batches.source
        size = max(self.batches.batch_size, 2**18 * len(source) // source.size)
        for start in range(0, len(self.rows), size):
            yield self.batches._take(to_device(self.rows[start : start + size], device_of(source)))


def _rows_of(source, rows):
    """source[rows] of a C-contiguous source, in an array of the step."""
    if isinstance(rows, slice):
        return source[rows]
    taken = empty((len(rows), *source.shape[1:]), source)
    if array_module(taken) is np:
        return np.take(source, rows, axis=0, out=taken, mode="clip")  # any other mode copies once more
    return array_module(taken).take(source, rows, axis=0, out=taken)
