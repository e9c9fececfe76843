"""Array files: the place of an array (n, …) in a file, so that a few of its rows can be read.

The file is opened for each reading and closed after it. So any number of files can be in use, and one that was cut
short or replaced meanwhile raises an error, where a memory-mapped file would end the process.
"""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from npae.backend import Array, open_untrusted

STORED = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "bfloat16", "I8": "|i1", "U8": "|u1", "BOOL": "|b1"}
EXPECTED = "expected numbers of float16, float32, float64, bfloat16, int8 with a scale, uint8 or bool"


class ShardError(ValueError):
    """A file of rows is damaged, cut short, of another format, or does not fit to the others."""


@dataclass
class ArrayFile:
    """An array (n, …) in a file.

    Attributes:
        path: of the file.
        shape: of the array.
        dtype: of its numbers: a name of NumPy, or "bfloat16".
        offset: where they begin, in bytes.
        stamp: size of the file and time of its last change.
        scale: of int8, an array () or of the shape of a row; else None.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: str
    offset: int
    stamp: tuple[int, int]
    scale: Array | None = None

    @property
    def stored(self) -> np.dtype:
        """The NumPy dtype in which rows are read: uint16 for bfloat16."""
        return np.dtype("<u2" if self.dtype == "bfloat16" else self.dtype)

    def read(self, parts: Iterable[tuple[int, Array]]) -> None:
        """Fill arrays with consecutive rows. Raises ShardError if the file has changed since it was opened first.

        Args:
            parts: pairs of the number of the first row, and a C-contiguous array of the dtype `stored` to fill.
        """
        row = math.prod(self.shape[1:]) * self.stored.itemsize
        with open_untrusted(self.path) as file:
            whole = stamp_of(file) == self.stamp
            for start, rows in parts:
                file.seek(self.offset + start * row)
                whole = whole and _fill(file, rows) == rows.nbytes
        if not whole:
            raise ShardError(f"{self.path}: the file was changed while it was in use. Begin a new run with it.")


def _fill(file: Any, rows: Any) -> int:
    """Read the bytes of an array from an open file. Returns how many there were."""
    return file.readinto(memoryview(rows).cast("B")) if rows.nbytes else 0


def stamp_of(file: BinaryIO) -> tuple[int, int]:
    """(size, time of the last change) of an open file."""
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


def checked(found: ArrayFile, declared: int) -> ArrayFile:
    """`found`, if the file has the declared size and rows of a dtype that networks can read. Else raise ShardError.

    Args:
        found: whose `dtype` is that of the header.
        declared: the size of the file in bytes, by its header.
    """
    if found.dtype != "bfloat16":
        dtype = np.dtype(found.dtype)
        if dtype.kind not in "fb" and dtype not in (np.int8, np.uint8):
            raise ShardError(f"{EXPECTED}, got {dtype}. Convert it: x.astype('float32')")
        found.dtype = str(dtype)
    if declared != found.stamp[0]:
        what = "the file was cut short" if declared > found.stamp[0] else "something was appended to it"
        raise ShardError(
            f"its header declares {declared} bytes, the file has {found.stamp[0]}: {what}. Copy or write it again"
        )
    if len(found.shape) < 2 or 0 in found.shape[1:]:
        raise ShardError(f"expected rows (n, features…), got the shape {found.shape}. One feature is x[:, None]")
    return found
