"""Lazy rows: data whose rows are read or expanded only when a batch takes them, so that they may exceed memory.

    np.memmap                       a file of raw numbers; it is an array already
    LazyRows(sparse matrix)         rows of zeros and a few numbers, expanded
    LazyRows(HDF5 or zarr set)      rows read from the file; likewise anything with shape, dtype and x[rows]

Such data are not read through before training. Their rows are checked when they are read.
"""

import math
from typing import Any

import numpy as np

from npae.backend.typing import Array, DTypeLike


class LazyRows:
    """Rows (n, …) that are read when they are taken: x[slice] and x[array of row numbers] return NumPy arrays.

    Args:
        rows: a scipy.sparse matrix; or an object with `shape`, a NumPy `dtype`, and rows[slice] and rows[increasing
            row numbers], such as a data set of h5py or zarr.
    """

    array_module = np  # rows come to the CPU

    def __init__(self, rows: Any) -> None:
        self._sparse = hasattr(rows, "tocsr")
        self._rows = rows.tocsr() if self._sparse else rows
        self._describe(tuple(rows.shape), rows.dtype)

    def _describe(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        """Set what an array has beside its numbers."""
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.ndim, self.size = len(shape), math.prod(shape)
        self.nbytes = self.size * self.dtype.itemsize

    @staticmethod
    def fits(data: Any) -> bool:
        """Has `data` shape, NumPy dtype and rows, without being an array in memory of some library?"""
        in_memory = any(hasattr(data, attribute) for attribute in ("__dlpack__", "__array_interface__", "to_numpy"))
        has_rows = hasattr(data, "shape") and hasattr(data, "__getitem__")
        return has_rows and isinstance(getattr(data, "dtype", None), np.dtype) and not in_memory

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        if self._sparse:
            return self._rows[rows].toarray()
        if isinstance(rows, slice):
            return np.asarray(self._rows[rows])
        wanted, back = np.unique(rows, return_inverse=True)  # h5py reads increasing row numbers only
        return np.asarray(self._rows[wanted])[back]

    def part(self, rows: slice) -> "LazyRows":
        """These rows, consecutive ones, not read yet."""
        return LazyPart(self, rows)

    def row_names(self, rows: Any) -> Any:
        """What these rows are called in messages, a sequence: their numbers.

        Args:
            rows: their numbers, a sequence.
        """
        return rows


class LazyPart(LazyRows):
    """Some consecutive rows of LazyRows, not read yet.

    Args:
        whole: the LazyRows.
        rows: a slice without a step.
    """

    def __init__(self, whole: LazyRows, rows: slice) -> None:
        self._whole, self._range = whole, range(len(whole))[rows]
        self._describe((len(self._range), *whole.shape[1:]), whole.dtype)

    def __getitem__(self, rows: Any) -> Array:
        if isinstance(rows, slice):
            part = self._range[rows]
            return self._whole[slice(part.start, part.stop, part.step) if len(part) else slice(0)]
        return self._whole[np.asarray(rows) + self._range.start]

    def row_names(self, rows: Any) -> Any:
        return self._whole.row_names(np.asarray(rows) + self._range.start)


def is_lazy(data: Any) -> bool:
    """Are the rows of `data` read when they are taken, and not in memory as they are?

    Args:
        data: a source of batches, as npae.backend.as_source returns it.

    Example:
        >>> import numpy as np
        >>> from npae.backend import is_lazy
        >>> is_lazy(np.ones((5, 3)))  # a np.memmap would be
        False
    """
    return isinstance(data, (np.memmap, LazyRows))


def row_names(data: Any, rows: Any) -> Any:
    """What rows of a source are called in messages, a sequence: their numbers, or "5 of a.npy".

    Args:
        data: a source of batches, as npae.backend.as_source returns it.
        rows: the numbers, a sequence.

    Example:
        >>> import numpy as np
        >>> from npae.backend import row_names
        >>> row_names(np.ones((5, 3)), range(2, 4))[0]
        2
    """
    return data.row_names(rows) if isinstance(data, LazyRows) else rows


def lazy_part(data: Any, rows: slice) -> Any:
    """data[rows], which are not read yet if `data` are lazy.

    Args:
        data: a source of batches, or Labelled.
        rows: consecutive ones.

    Example:
        >>> import numpy as np
        >>> from npae.backend import lazy_part
        >>> lazy_part(np.ones((5, 3)), slice(1, 3)).shape
        (2, 3)
    """
    return data.part(rows) if hasattr(data, "part") else data[rows]


def sample(data: Any, rows: int = 1024, size: int = 16_000_000) -> Array:
    """Rows spread over the data; all of them if there are no more than these.

    Args:
        data: a source of batches, as npae.backend.as_source returns it.
        rows: about how many.
        size: bytes; fewer rows if they exceed it.

    Example:
        >>> import numpy as np
        >>> from npae.backend import sample
        >>> sample(np.arange(6.0)[:, None], rows=3).tolist()
        [[0.0], [2.0], [4.0]]
    """
    rows = max(1, min(rows, size // max(1, data.nbytes // len(data))))
    return data[:: -(-len(data) // rows)]
