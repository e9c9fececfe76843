"""The .npz format: reading arrays from files that are not trusted.

An .npz file is a zip archive of arrays, each with a header that may declare any size, as may the archive. The declared
sizes must agree, and the memory for all arrays together must be in proportion to the size of the file (limits.py),
before any is allocated. Nothing is ever unpickled.
"""

import zipfile
from collections import Counter
from collections.abc import Mapping
from typing import IO, BinaryIO

import numpy as np

from npae.backend import Array, read_array_header
from npae.data.files.idx import DEFLATE_RATIO
from npae.data.files.limits import check_memory, size_of
from npae.data.files.shown import some

PACKED = {  # the most unpacked bytes per packed byte; bzip2 is missing, as a few bytes of it may unpack to 900,000
    zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: DEFLATE_RATIO, zipfile.ZIP_LZMA: 1 << 13,
}  # fmt: skip
PIECE = 1 << 12  # packed bytes of LZMA at a time, which zipfile unpacks in one go: to 32 MB at most
AS_FLOAT64 = 8  # bytes for each number, of the float64 that a caller makes of it
CURE = "Write it by numpy.savez, without compression."


def arrays_in(file: BinaryIO, axes: Mapping[str, int]) -> list[Array]:
    """Arrays of bool, integers or floats from an .npz file.

    Args:
        file: open, for reading bytes.
        axes: {name: how many axes it must have}.

    Raises ValueError for a missing array, for another dtype or number of axes, and for sizes that contradict each other
    or are too large for the file; and what zipfile and NumPy raise for arbitrary bytes. The caller adds the name of the
    file.
    """
    size = size_of(file)
    with zipfile.ZipFile(file) as archive:
        found = Counter(name.removesuffix(".npy") for name in archive.namelist())
        infos = [_checked(archive, name, ndim, found) for name, ndim in axes.items()]
        if sum(info.compress_size for info, _ in infos) > size:
            raise ValueError(f"its arrays declare more bytes than the file has, {size}")
        check_memory(sum(info.file_size + AS_FLOAT64 * count for info, count in infos), size, CURE)
        return [_array(archive, info) for info, _ in infos]


def _checked(archive: zipfile.ZipFile, name: str, ndim: int, found: Counter[str]) -> tuple[zipfile.ZipInfo, int]:
    """(the entry of an array, how many numbers it has), after the checks that need its header alone."""
    if found[name] != 1:
        shown = some(found, 8) or "none"
        raise ValueError(f"it has {found[name]} arrays {name}" if name in found else f"it has the arrays {shown}")
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in PACKED:
        raise ValueError(f"{name} is packed by method {info.compress_type} of zip, which is not read. {CURE}")
    with archive.open(info) as stream:
        shape, dtype, declared, _ = read_array_header(_Pieces(stream))
    if dtype.kind not in "buif" or len(shape) != ndim:
        raise ValueError(f"{name} is {dtype} of shape {shape}")
    if declared != info.file_size or info.file_size > info.compress_size * PACKED[info.compress_type]:
        raise ValueError(f"{name} declares {declared} bytes in {info.compress_size} bytes of the file")
    return info, declared // dtype.itemsize


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    with archive.open(info) as stream:
        return np.lib.format.read_array(_Pieces(stream), allow_pickle=False)


class _Pieces:
    """A stream that is read in pieces. A caller that wants more asks again, as for any stream."""

    def __init__(self, stream: IO[bytes]):
        self.stream = stream

    def read(self, size: int = PIECE) -> bytes:
        """The next bytes, at most `size` and at most PIECE of them."""
        return self.stream.read(min(size, PIECE))

    def tell(self) -> int:
        """How many bytes were read."""
        return self.stream.tell()
