"""The IDX format: reading and writing arrays of numbers, plain or gzipped. Files are not trusted.

MNIST and similar data sets are published in this format. A file is a header and a payload, with all numbers big-endian:

    byte 0-1   zero
    byte 2     type code:  0x08 uint8   0x09 int8   0x0B int16   0x0C int32   0x0D float32   0x0E float64
    byte 3     d, the number of dimensions
    4 d bytes  the d sizes, uint32 each
    payload    ∏ sizes numbers, the last index running fastest

A header may declare any size. So before memory is allocated, the declared size is compared with the size of the file.
For a plain file the two must agree exactly. A gzipped file may be smaller by the largest factor that deflate reaches,
as far as its memory is in proportion (limits.py); then at most one byte more than declared is decompressed.
"""

import contextlib
import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from npae.backend import Array, NotAFileError, as_path, atomic_write, open_untrusted
from npae.data.files.limits import TooLargeError, check_memory, size_of

TYPES = {0x08: "|u1", 0x09: "|i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP_MAGIC = b"\x1f\x8b"
DEFLATE_RATIO = 1032  # the most decompressed bytes per compressed byte, reached on constant data (zlib's documentation)
MOST_DIMENSIONS = 32  # the limit of older versions of NumPy; the format itself allows 255
CHUNK = 1 << 20
AGAIN = "download or copy the file again."


class IDXError(ValueError):
    """The file exists but is not a correct IDX file: it is damaged, truncated, too long, or of another format."""


def read_idx(path: str | os.PathLike[str]) -> Array:
    """The array in an IDX file, plain or gzipped (recognised by the first bytes, not by the name).

    Returns a new, writable, C-contiguous array in native byte order, of the declared shape and type.

    Args:
        path: of the file.

    Raises FileNotFoundError, IsADirectoryError, or IDXError unless the file is one whole and correct IDX file.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from npae.data import read_idx, write_idx
        >>> path = pathlib.Path(tempfile.mkdtemp(), "labels-idx1-ubyte.gz")
        >>> write_idx(path, np.array([5, 0, 4], np.uint8))
        >>> read_idx(path).tolist()
        [5, 0, 4]
    """
    with opened(path) as (stream, file_size):
        shape, dtype = _read_header(stream, path)
        packed = isinstance(stream, gzip.GzipFile)
        most = file_size * DEFLATE_RATIO if packed else file_size
        size = 4 + 4 * len(shape) + math.prod(shape) * dtype.itemsize
        declared = f"{path}: expected {size} bytes for the declared shape {shape} of {dtype.name}, got"
        if size > most:
            raise IDXError(f"{declared} at most {most}. The payload is truncated: {AGAIN}")
        try:
            check_memory(size if packed else 0, file_size, "Unpack it by gunzip.")
        except TooLargeError as error:
            raise IDXError(f"{path}: {error}") from None
        array = np.empty(shape, dtype)
        payload = array.reshape(-1).view(np.uint8)
        got = 0
        while got < len(payload) and (n := stream.readinto(payload[got : got + CHUNK].data)):
            got += n
        if got < len(payload):
            raise IDXError(f"{declared} {size - len(payload) + got}. The payload is truncated: {AGAIN}")
        if stream.read(1):  # asking for more also makes gzip compare its checksum
            raise IDXError(f"{declared} more. Something follows the payload: {AGAIN}")
    if not dtype.isnative:
        array.byteswap(inplace=True)
    return array.view(dtype.newbyteorder("="))


def write_idx(path: str | os.PathLike[str], array: Any) -> None:
    """Write an array as an IDX file.

    The write is atomic. The gzip header contains no time and no name, so equal arrays give equal bytes.

    Args:
        path: of the file. It is gzipped at level 9 if its name ends in .gz.
        array: anything that np.asarray takes, of uint8, int8, int16, int32, float32 or float64, at most 32 dimensions.

    Raises IDXError if the format cannot hold the array, and OSError if the file cannot be written.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from npae.data import write_idx
        >>> path = pathlib.Path(tempfile.mkdtemp(), "images-idx3-ubyte")
        >>> write_idx(path, np.zeros((10, 28, 28), np.uint8))
        >>> path.stat().st_size  # a header of 16 bytes, and the pixels
        7856
    """
    path, array = as_path(path, "write_idx"), np.asarray(array)
    codes = {name: code for code, name in TYPES.items()}
    big_endian = array.dtype.newbyteorder(">")
    if big_endian.str not in codes:
        names = ", ".join(np.dtype(name).name for name in codes)
        raise IDXError(f"{path}: expected an array of {names}, got {array.dtype}. Use array.astype().")
    if array.ndim > MOST_DIMENSIONS or max(array.shape, default=0) >= 2**32:
        raise IDXError(
            f"{path}: expected at most {MOST_DIMENSIONS} dimensions, each below 2³², got {array.shape}. "
            "Reshape the array."
        )
    header = struct.pack(f">HBB{array.ndim}I", 0, codes[big_endian.str], array.ndim, *array.shape)
    payload = np.asarray(array, dtype=big_endian, order="C").reshape(-1).view(np.uint8)
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        zipped = gzip.GzipFile("", "wb", 9, file, mtime=0) if path.suffix == ".gz" else None
        with zipped or contextlib.nullcontext(file) as stream:
            stream.write(header)
            stream.write(payload.data)


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[tuple[Any, int]]:
    """Open `path` as (stream, size): a stream of its decompressed bytes, a GzipFile if it is packed, and its own size.

    Errors of gzip while the stream is read are raised as IDXError.
    """
    path = as_path(path, "read_idx")
    try:
        opened_file = open_untrusted(path)
    except IsADirectoryError:
        raise IsADirectoryError(f"{path}: expected an IDX file, got a folder. Use idx_folder() for folders.") from None
    except NotAFileError as error:
        raise IDXError(str(error)) from None
    with opened_file as file:
        size = size_of(file)
        gzipped = file.read(2) == GZIP_MAGIC
        file.seek(0)
        if not gzipped:
            yield file, size
            return
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                yield stream, size
        except EOFError:
            raise IDXError(f"{path}: expected a whole gzip file, got a truncated one: {AGAIN}") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            problem = f"expected a sound gzip file, got a corrupt one ({error})"
            raise IDXError(f"{path}: {problem}: {AGAIN}") from None


def _read_header(stream: Any, path: str | os.PathLike[str]) -> tuple[tuple[int, ...], np.dtype]:
    """(shape, dtype) that the first bytes of the stream declare; the dtype is big-endian."""
    start = stream.read(4)
    if start[:2] != b"\0\0"[: len(start)]:
        raise IDXError(
            f"{path}: expected an IDX file, which starts with two zero bytes, got {start!r}. "
            "Check the path; a failed download is often a web page."
        )
    if len(start) < 4:
        raise IDXError(f"{path}: expected a header of 4 bytes, got {len(start)}. It is truncated: {AGAIN}")
    code, ndim = start[2:]
    if code not in TYPES:
        known = ", ".join(f"0x{code:02X} ({np.dtype(name).name})" for code, name in TYPES.items())
        raise IDXError(f"{path}: expected a type code of {known}, got 0x{code:02X}: {AGAIN}")
    if ndim > MOST_DIMENSIONS:
        raise IDXError(f"{path}: expected at most {MOST_DIMENSIONS} dimensions, got {ndim}: {AGAIN}")
    sizes = stream.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise IDXError(
            f"{path}: expected a header of {4 + 4 * ndim} bytes for {ndim} dimensions, got {4 + len(sizes)}. "
            f"It is truncated: {AGAIN}"
        )
    shape, dtype = struct.unpack(f">{ndim}I", sizes), np.dtype(TYPES[code])
    # NumPy refuses a shape such as (0, huge, huge) as well, so zeros are left out of the product.
    if math.prod(n for n in shape if n) * dtype.itemsize > np.iinfo(np.intp).max:
        raise IDXError(f"{path}: expected a shape that fits into memory, got {shape}: {AGAIN}")
    return shape, dtype
