"""Shards: rows from many files, more than memory holds.

    shards = Shards("activations/*.safetensors")
    fit(model, shards, validation=0.05, epochs=1, callbacks=Checkpoint("run", steps=1000), resume="auto")

The files are .npy or .safetensors, of one dtype and one shape of row. They are numbered through: the rows of the first
file, then those of the second. What is read is converted batch by batch:

    float16, float32, float64, uint8, bool      as they are; Minibatches converts them
    bfloat16                                    float32, with the same upper 16 bits and 16 zeros
    int8 with a scale s                         float32, x̂_j = s_j q_j (npae.data.files.int8_scale)

Training reads them in the order of block_order.py, through a buffer of as many blocks as are mixed. So memory is that
of the buffer, whatever the size of the files, and no file is copied. Slices, which inference takes, are read directly.
"""

import copy
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from npae.backend import Array, LazyRows, as_int, as_path, empty
from npae.data.block_buffer import BlockBuffer
from npae.data.block_order import BlockOrder
from npae.data.files.array_file import ShardError
from npae.data.files.open_array import open_array

BLOCK = 1 << 18  # bytes of a block, if its rows are not given; disks read more at once hardly faster
FEWEST = 1024  # blocks of small data, likewise
OnePath: TypeAlias = str | os.PathLike[str]


class Shards(LazyRows):
    """The rows of many files, as one source (n, …) for fit, encode, evaluate and other functions of arrays.

    shards[5], shards[10:20] and shards[row numbers] are read when they are taken, and returned as NumPy arrays.

    Args:
        paths: of the files, in their order: a list; or one path or pattern, such as "activations/*.npy", whose files
            are taken in the order of their names.
        tensor: its name in each safetensors file; None: the only one of two or more axes.
        scale: of int8: a number, an array of the shape of a row, or the name of a tensor in each safetensors file, so
            that each file has a scale of its own.
        block_rows: how many consecutive rows are read at a time; None: 256 KB, of data below 256 MB
            less, so that there are 1024 blocks.
        mixed_blocks: how many blocks are in memory and mixed. Rows of one block are alike, so take at least the batch
            size (npae.data.block_order).

    Raises FileNotFoundError without a file, ShardError for a file that is damaged, cut short, or does not fit to the
    others, and for a scale that is missing or not finite. Values are checked when they are read: NaN raises ValueError,
    which names the file and the row.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from npae import dense_autoencoder, fit
        >>> from npae.data import Shards
        >>> x = np.random.default_rng(0).random((600, 8)).astype("float16")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(folder + "/0.npy", x[:400])
        ...     np.save(folder + "/1.npy", x[400:])
        ...     shards, model = Shards(folder + "/*.npy", block_rows=10), dense_autoencoder([8, 3])
        ...     history = fit(model, shards, validation=0.1, epochs=2, progress="none")
        ...     codes = model.encode(shards)
        >>> shards, codes.shape, history["epoch"]
        (Shards(2 files, 600 rows of (8,), float16), (600, 3), [1, 2])
    """

    _blocks: Array | None  # the blocks of all files whose rows these are; None: all

    def __init__(self, paths: OnePath | Sequence[OnePath], *, tensor: str | None = None, scale: Any = None,
                 block_rows: int | None = None, mixed_blocks: int = 1024) -> None:  # fmt: skip
        self._files = [open_array(path, tensor, scale) for path in _paths(paths)]
        first = self._files[0]
        for file in self._files:
            for what, there, here in (("dtype", first.dtype, file.dtype), ("row", first.shape[1:], file.shape[1:])):
                if here != there:
                    raise ShardError(
                        f"{file.path}: expected the {what} {there} of {first.path}, got {here}. Give files of one "
                        "kind, or convert this one."
                    )
        self._starts = np.cumsum([0, *(file.shape[0] for file in self._files)])
        n, self._blocks = int(self._starts[-1]), None
        if not n:
            raise ShardError(f"{first.path}: expected rows, got files without any.")
        self._scales = None if first.scale is None else _stacked([file.scale for file in self._files])
        width = first.stored.itemsize * int(np.prod(first.shape[1:]))
        default = max(1, min(BLOCK // width, n // FEWEST))
        block_rows = default if block_rows is None else as_int(block_rows, "block_rows", least=1)
        self._begin(BlockOrder(n, min(block_rows, n), as_int(mixed_blocks, "mixed_blocks", least=1)))

    def _begin(self, order: BlockOrder) -> None:
        first = self._files[0]
        decoded = self._scales is not None or first.dtype == "bfloat16"
        self._describe((order.n, *first.shape[1:]), np.float32 if decoded else first.stored)
        self.order = order
        self._buffer = BlockBuffer(order.n, first.shape[1:], first.stored)

    def __repr__(self) -> str:
        files = f"{len(self._files)} file{'s' * (len(self._files) > 1)}"
        return f"Shards({files}, {len(self)} rows of {self.shape[1:]}, {self._files[0].dtype})"

    def __getitem__(self, rows: Any) -> Array:
        if isinstance(rows, slice):
            return self._ordered(np.arange(*rows.indices(len(self))))
        numbers = np.asarray(rows)
        if numbers.dtype.kind not in "iu":
            raise TypeError(f"Shards: expected a row number, a slice or an array of row numbers, got {rows!r}.")
        numbers = np.where(numbers < 0, numbers + len(self), numbers).astype(np.int64)
        if numbers.size and not (0 <= numbers.min() and numbers.max() < len(self)):
            raise IndexError(f"Shards: expected row numbers from 0 to {len(self) - 1}, got {rows!r}.")
        return self._ordered(numbers) if numbers.ndim else self._ordered(numbers[None])[0]

    def _ordered(self, rows: Array) -> Array:
        """The rows of these numbers, which are read in increasing order."""
        if len(rows) < 2 or (np.diff(rows) >= 0).all():
            return self._decoded(self._buffer.take(rows, self._read), rows)
        order = np.argsort(rows, kind="stable")
        x = self._ordered(rows[order])
        back = np.empty_like(x)
        back[order] = x
        return back

    def expect(self, blocks: Array, block_rows: int) -> None:
        """Announce the blocks that the next batches take rows of: these are read whole, and kept.

        Args:
            blocks: their numbers, increasing.
            block_rows: rows per block.
        """
        self._buffer.expect(blocks, block_rows)

    def of_blocks(self, blocks: Array, block_rows: int) -> "Shards":
        """The Shards of some blocks of these, numbered through anew.

        Args:
            blocks: their numbers, increasing.
            block_rows: rows per block.
        """
        part = copy.copy(self)
        rows = range(int(blocks[-1]) * block_rows, len(self))[:block_rows]  # of the last block, which may be shorter
        if self._blocks is not None:
            blocks = self._blocks[blocks]
        part._blocks = blocks
        part._begin(BlockOrder((len(blocks) - 1) * block_rows + len(rows), block_rows, self.order.mixed_blocks))
        return part

    def row_names(self, rows: Any) -> Any:
        return _RowNames(self, rows)

    def name_of(self, row: int) -> str:
        """A row for messages: its number in its file, and the file."""
        (stored,), (file,) = self._stored(np.array([row]))
        return f"{stored - self._starts[file]} of {self._files[file].path}"

    def _stored(self, rows: Array) -> tuple[Array, Array]:
        """(numbers within all files, the files) of rows."""
        if self._blocks is not None:
            rows = self._blocks[rows // self.order.block_rows] * self.order.block_rows + rows % self.order.block_rows
        return rows, np.searchsorted(self._starts, rows, "right") - 1

    def _read(self, rows: Array) -> Array:
        """Rows as they are stored. Their numbers increase, and runs of consecutive ones are read as a whole."""
        stored, files = self._stored(rows)
        x = np.empty((len(rows), *self.shape[1:]), self._files[0].stored)
        cuts = np.flatnonzero((np.diff(stored) != 1) | (np.diff(files) != 0)) + 1
        runs = zip([0, *cuts.tolist()], [*cuts.tolist(), len(rows)], strict=True) if len(rows) else ()
        for k, of_file in groupby(runs, key=lambda run: files[run[0]]):
            self._files[k].read(self._parts(x, stored - self._starts[k], of_file))
        return x

    @staticmethod
    def _parts(x: Array, rows: Array, runs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Array]]:
        return ((int(rows[start]), x[start:stop]) for start, stop in runs)

    def _decoded(self, x: Array, rows: Array) -> Array:
        if self._scales is not None:
            scale = self._scales if len(self._scales) == 1 else self._scales[self._stored(rows)[1]]
            scale = scale.reshape(len(scale), *(scale.shape[1:] or (1,) * (x.ndim - 1)))
            return np.multiply(x, scale, out=empty(x.shape, x, np.float32))
        if self._files[0].dtype == "bfloat16":
            bits = empty(x.shape, x, np.dtype("<u4"))
            return np.left_shift(x, 16, out=bits, dtype=bits.dtype).view("<f4")
        return x


class _RowNames:
    """A sequence of names of rows, each made when it is asked for."""

    def __init__(self, shards: Shards, rows: Any) -> None:
        self._shards, self._rows = shards, rows

    def __getitem__(self, k: int) -> str:
        return self._shards.name_of(int(self._rows[k]))

    def __len__(self) -> int:
        return len(self._rows)


def _stacked(scales: list[Any]) -> Array:
    """Scales of files as one array, with one row if they are equal, else (files, …)."""
    shape = max((scale.shape for scale in scales), key=len)
    stacked = np.stack([np.broadcast_to(scale, shape) for scale in scales])
    return stacked[:1] if (stacked == stacked[0]).all() else stacked


def _paths(paths: Any) -> list[Path]:
    """The paths of the files, with patterns replaced by the files that fit them."""
    several = isinstance(paths, Iterable) and not isinstance(paths, (str, os.PathLike))
    given = list(paths) if several else [paths]
    found: list[Path] = []
    for path in given:
        path = as_path(path, "Shards")
        if glob.has_magic(str(path)) and not path.exists():
            found += sorted(map(Path, glob.glob(str(path))))
        elif path.is_dir():
            raise IsADirectoryError(f"{path}: expected files, got a folder. Write {path / '*.npy'}.")
        else:
            found.append(path)
    if not found:
        raise FileNotFoundError(f"Shards: expected files, found none for {paths!r}. Check the path or the pattern.")
    return found
