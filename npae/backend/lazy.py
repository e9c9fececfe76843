"""Lazy rows: data whose rows are read or expanded only when a batch takes them, so that they may exceed memory.

    np.memmap                       a file of raw numbers; it is an array already
    LazyRows(sparse matrix)         rows of zeros and a few numbers, expanded
    LazyRows(HDF5 or zarr set)      rows read from the file; likewise anything with shape, dtype and x[rows]

Such data are not read through before training. Their rows are checked when they are read.
"""

from typing import Any

import numpy as np

from npae.backend.typing import Array


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
        self.shape, self.dtype = tuple(rows.shape), np.dtype(rows.dtype)
        self.ndim, self.size = len(self.shape), int(np.prod(self.shape))
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
