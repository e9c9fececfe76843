"""A buffer of blocks of rows: each is read when one of its rows is taken first, and kept while it is expected."""

from collections.abc import Callable

import numpy as np

from npae.backend import Array, DTypeLike, empty


class BlockBuffer:
    """Rows by number, from memory if their block is expected, else from the file.

    Args:
        n: how many rows there are.
        row_shape: the shape of a row.
        dtype: of the rows.
    """

    def __init__(self, n: int, row_shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self._n = n
        self._rows = np.empty((0, *row_shape), dtype)  # slot after slot, a block in each
        self._expected = np.empty(0, np.int64)
        self._forget(1)

    def _forget(self, size: int) -> None:
        self._size = size
        self._loaded = np.empty(0, np.int64)  # the blocks in memory, increasing,
        self._slots = np.empty(0, np.int64)  # and the slot of each

    def expect(self, blocks: Array, size: int) -> None:
        """From now on keep these blocks and no others. Memory is allocated for them, and nothing is read yet.

        Args:
            blocks: their numbers, increasing.
            size: rows per block.
        """
        if size != self._size or len(blocks) * size > len(self._rows):
            self._rows = self._rows[:0]  # frees the memory first
            self._rows = np.empty((len(blocks) * size, *self._rows.shape[1:]), self._rows.dtype)
            self._forget(size)
        self._expected = blocks

    def take(self, rows: Array, read: Callable[[Array], Array]) -> Array:
        """The rows of these numbers, in an array of the step (npae.backend.empty).

        Args:
            rows: numbers that increase.
            read: a function of increasing row numbers that returns these rows of the file.
        """
        if not len(self._expected):
            return read(rows)
        blocks = rows // self._size
        out = empty((len(rows), *self._rows.shape[1:]), self._rows)
        places, here = self._places(rows, blocks)
        if here.all():
            return np.take(self._rows, places, axis=0, out=out, mode="clip")  # any other mode copies once more
        out[here] = self._rows[places[here]]
        wanted = np.unique(blocks[~here])
        self._load(wanted[np.isin(wanted, self._expected)], read)
        rest = np.flatnonzero(~here)
        places, here = self._places(rows[rest], blocks[rest])
        out[rest[here]] = self._rows[places[here]]
        rest = rest[~here]
        if len(rest):
            out[rest] = read(rows[rest])
        return out

    def _places(self, rows: Array, blocks: Array) -> tuple[Array, Array]:
        """(where the rows are in the buffer, for which of them this is true)."""
        if not len(self._loaded):
            return rows, np.zeros(len(rows), bool)
        at = np.minimum(np.searchsorted(self._loaded, blocks), len(self._loaded) - 1)
        return self._slots[at] * self._size + rows % self._size, self._loaded[at] == blocks

    def _load(self, wanted: Array, read: Callable[[Array], Array]) -> None:
        """Read blocks into slots that are free, or whose blocks are no longer expected."""
        if not len(wanted):
            return
        kept = np.isin(self._loaded, self._expected)
        loaded, slots = self._loaded[kept], self._slots[kept]
        free = np.setdiff1d(np.arange(len(self._rows) // self._size), slots)[: len(wanted)]
        for block, slot in zip(wanted, free, strict=True):
            rows = read(np.arange(block * self._size, min((block + 1) * self._size, self._n)))
            self._rows[slot * self._size : slot * self._size + len(rows)] = rows
        order = np.argsort(loaded := np.concatenate([loaded, wanted]))
        self._loaded, self._slots = loaded[order], np.concatenate([slots, free])[order]
