"""Batches: rows of the caller's array, in the dtype and on the device of a network.

    uint8 images, 0 … 255   ->  x/255, in [0, 1]
    bool                    ->  0 or 1
    floats                  ->  the network's dtype, unchanged in value

Only the rows of a batch are converted at a time, so the data may be a memory-mapped file larger than memory.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from npae.backend.arrays import array_module, device_of, to_device
from npae.backend.batch_size import BatchSize, rows_of
from npae.backend.checks import Check
from npae.backend.inputs import as_samples
from npae.backend.lazy import lazy_part
from npae.backend.memory import empty
from npae.backend.pool import one_pool
from npae.backend.remembers import Remembers
from npae.backend.typing import Array, ArrayLike, DTypeLike
from npae.backend.watch import Watch


class Labelled:
    """Samples with labels, see npae.data.sources.as_labelled. Slices contain both.

    Args:
        x: samples, a source (n, …).
        y: labels, an array (n, …).

    Example:
        >>> import numpy as np
        >>> from npae.backend import Labelled
        >>> data = Labelled(np.ones((5, 3)), np.array([0, 1, 1, 0, 2]))
        >>> x, y = data[1:3]
        >>> x.shape, y.tolist()
        ((2, 3), [1, 1])
    """

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of x."""
        return self.x.shape

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: Any) -> "Labelled":
        return Labelled(self.x[rows], self.y[rows])

    def part(self, rows: slice) -> "Labelled":
        """The same for consecutive rows, but rows that are read when they are needed are not read yet."""
        return Labelled(lazy_part(self.x, rows), lazy_part(self.y, rows))

    def __iter__(self) -> Iterator[Any]:
        return iter((self.x, self.y))


def as_source(data: ArrayLike, name: str = "data", lazy: bool = False) -> Any:
    """Data as an array (n, …) that batches can be taken from. A list, for example, becomes a NumPy array.

    Args:
        data: an array, a list, a DataFrame, a memory-mapped file.
        name: of the argument, for the message.
        lazy: accept sparse matrices and data sets of HDF5 and zarr files too, as rows that are expanded or read when a
            batch takes them (LazyRows).

    Raises TypeError for what is not an array of uint8, bool or floats, with the way to convert it, and ValueError
    without samples or features.

    Example:
        >>> from npae.backend import as_source
        >>> as_source([[0.0, 1.0], [2.0, 3.0]]).shape
        (2, 2)
    """
    if isinstance(data, (tuple, Labelled)):
        raise TypeError(
            f"{name}: expected an array (samples, features…), got a pair or tuple. "
            "Labels are for models that learn them, such as models.Classifier; here give the samples alone."
        )
    return as_samples(data, name, lazy)


def as_lazy_source(data: ArrayLike, name: str = "data") -> Any:
    """as_source(data, name, lazy=True).

    Args:
        data: what as_source accepts, or rows that are read when they are needed.
        name: of the argument, for the message.

    Example:
        >>> import numpy as np
        >>> from npae.backend import as_lazy_source
        >>> x = np.ones((5, 3))
        >>> as_lazy_source(x) is x
        True
    """
    return as_source(data, name, lazy=True)


def as_array(data: Any) -> Array:
    """`data` itself if it is an array of either device, else as a NumPy array.

    Args:
        data: an array, or what numpy.asarray makes an array of.

    Example:
        >>> from npae.backend import as_array
        >>> as_array([0, 1, 1]).shape
        (3,)
    """
    try:
        array_module(data)
    except TypeError:
        return np.asarray(data)
    return data


def as_batch(rows: Array, dtype: DTypeLike, device: str = "cpu") -> Array:
    """Rows of a source as a batch for a network: a new array, if anything has to change.

    Args:
        rows: uint8 pixels, bool or floats.
        dtype: of the network.
        device: of the network.

    Example:
        >>> import numpy as np
        >>> from npae.backend import as_batch
        >>> as_batch(np.array([[0, 255]], np.uint8), np.float32).tolist()
        [[0.0, 1.0]]
    """
    rows = to_device(rows, device)
    if rows.dtype == dtype:
        return rows
    x = empty(rows.shape, rows, dtype)
    x[...] = rows
    if rows.dtype == np.uint8:
        x *= 1 / 255
    return x


def batches(
    data: Any,
    batch_size: BatchSize,
    like: Array,
    name: str = "x",
    check: Check | None = None,
    model: Remembers | None = None,
) -> Iterator[Any]:
    """Yield data (n, …) as consecutive batches; of Labelled data (x, target) as pairs of batches.

    Args:
        data: what as_source accepts, rows that are read when they are needed, or Labelled.
        batch_size: rows per batch, a number or what as_batch_size returns; the last batch may be smaller.
        like: an array of the batches' dtype and on their device.
        name: of the data, for the message.
        check: a function that is called with every batch first, of Labelled data with the targets, and raises for one
            that cannot be right.
        model: whose data these are; their features and range are compared with those that it was made for and trained
            on (npae.backend.seen).

    Raises ValueError for a row with NaN or Inf.

    Example:
        >>> import numpy as np
        >>> from npae.backend import batches
        >>> x = np.ones((5, 3), np.float32)
        >>> [len(batch) for batch in batches(x, 2, like=x)]
        [2, 2, 1]
    """
    if isinstance(data, Labelled):
        size = rows_of(batch_size, data.shape, like)  # of x, for both
        targets = batches(data.y, size, like, "target", check)
        yield from zip(batches(data.x, size, like, name, model=model), targets, strict=True)
        return
    yield from _batches_of(_as_source_of(model, data, name), batch_size, like, name, check, model)


def in_batches(
    function: Callable[[Array], Array],
    data: Any,
    batch_size: BatchSize,
    like: Array,
    name: str = "x",
    check: Check | None = None,
    model: Remembers | None = None,
) -> Array:
    """A function of all batches of the data, concatenated to one array (n, …) on their device.

    The result is that of a single call, row by row, but memory for activations is needed for one batch only.

    Args:
        function: of a batch; returns an array with as many rows.
        data, batch_size, like, name, check, model: as for batches.

    Example:
        >>> import numpy as np
        >>> from npae.backend import in_batches
        >>> x = np.ones((5, 3), np.float32)
        >>> in_batches(lambda batch: batch.sum(axis=1), x, 2, like=x).tolist()
        [3.0, 3.0, 3.0, 3.0, 3.0]
    """
    data, start = _as_source_of(model, data, name), 0
    result: Any = None
    pool = one_pool(like)
    for batch in _batches_of(data, batch_size, like, name, check, model):
        with pool:
            y = to_device(function(batch), device_of(data))
        if result is None:
            result = array_module(y).empty((len(data), *y.shape[1:]), y.dtype)
        result[start : start + len(y)] = y
        start += len(y)
    return result


def _as_source_of(model: Remembers | None, given: Any, name: str) -> Any:
    """`given` as a source. Raises ValueError if it has other features than the model."""
    if model is not None:
        model.check_columns(given, name)
    data = as_lazy_source(given, name)
    if model is not None:
        model.check_features(data.shape[1:], name)
    return data


def _batches_of(
    data: Any, batch_size: BatchSize, like: Array, name: str, check: Check | None, model: Remembers | None
) -> Iterator[Array]:
    watch, size = Watch(data, name, like, model), rows_of(batch_size, data.shape, like)
    for start in range(0, len(data), size):
        rows = data[start : start + size]
        with np.errstate(over="ignore"):  # a float64 too large for float32 becomes Inf, which is refused
            batch = as_batch(rows, like.dtype, device_of(like))
        watch.look(batch, start)
        if check is not None:
            check(rows if rows.dtype.kind == "f" else batch)
        yield batch
    watch.end()
