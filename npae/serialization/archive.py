"""Arrays in the archive of a model file, which is not trusted.

An .npz file is a zip archive of arrays, each with a header that may declare any size. npae compresses no model file. So
an array has the size in the archive that its header declares, no two arrays share bytes, and all of them together are
at most as large as the file. Memory and time are therefore bounded by the size of the file.
"""

import os
import struct
import zipfile
from typing import Any, BinaryIO

import numpy as np

from npae.backend import Array, read_array_header

CHUNK = 1 << 20


class ModelFileError(ValueError):
    """The file is not a whole, readable npae model file, or not one for this model."""


def reason(error: Exception) -> str:
    """What is wrong with a file, in at most 300 characters: the message of an error, and its kind if it is foreign."""
    text = str(error) if isinstance(error, ModelFileError) else f"{type(error).__name__}: {error}".removesuffix(": ")
    return text if len(text) <= 300 else f"{text[:200]} … {text[-97:]}"


class Archive:
    """The arrays of an open model file, by name.

    Args:
        file: open for reading bytes; the caller closes it.

    Attributes:
        members: {name of an array: its entry in the archive}.

    Raises ModelFileError for entries that npae does not write; zipfile.BadZipFile and others of the module zipfile's
    errors for arbitrary bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.zip = file, zipfile.ZipFile(file)
        self._headers: dict[str, tuple[tuple[int, ...], np.dtype]] = {}
        self.size, infos = os.fstat(file.fileno()).st_size, self.zip.infolist()
        self.members = {info.filename.removesuffix(".npy"): info for info in infos}
        if len(self.members) < len(infos):
            raise ModelFileError("it holds several arrays of one name, which npae does not write. The file is damaged.")
        end, total = 0, 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ModelFileError(f"The array {_short(info)} is compressed: npae does not write such files.")
            total += info.file_size
            if info.header_offset < end or total > self.size:
                raise ModelFileError(
                    f"The array {_short(info)} shares bytes with another one, or is larger than its file: npae does "
                    "not write such files."
                )
            end = self._end(info)

    def _end(self, info: zipfile.ZipInfo) -> int:
        """Where the data of an entry end: behind its own header, which states the lengths of two parts of it."""
        self.file.seek(info.header_offset)
        header = self.file.read(30)
        if len(header) < 30:
            raise ModelFileError("it is cut off: use a checkpoint or save the model again.")
        return info.header_offset + 30 + sum(struct.unpack("<26x2H", header)) + info.compress_size

    def header(self, name: str) -> tuple[tuple[int, ...], np.dtype]:
        """(shape, dtype) that an array declares, after a check that its data are really in the file."""
        if name in self._headers:
            return self._headers[name]
        if name not in self.members:
            raise ModelFileError(
                f"it is not a whole npae model file, it has no array {name!r}: "
                "use a checkpoint or save the model again."
            )
        info = self.members[name]
        with self.zip.open(info) as stream:
            shape, dtype, declared, _ = read_array_header(stream)
        if dtype.hasobject or declared != info.file_size:
            raise ModelFileError(
                f"The array {_short(info)} declares {declared} bytes, the file holds {info.file_size}."
            )
        self._headers[name] = shape, dtype
        return shape, dtype

    def array(self, name: str) -> Array:
        """An array, after the same check. Its checksum is compared. Nothing is unpickled."""
        self.header(name)
        with self.zip.open(self.members[name]) as stream:
            array = np.lib.format.read_array(stream, allow_pickle=False)
            stream.read(1)  # asking for more makes zipfile compare the checksum of an empty array too
        return array

    def check_sums(self) -> None:
        """Read all arrays, a piece at a time, and compare their headers and checksums. Raises as `array` does."""
        for name, info in self.members.items():
            self.header(name)
            with self.zip.open(info) as stream:
                while stream.read(CHUNK):
                    pass


def _short(info: Any) -> str:
    name = info.filename.removesuffix(".npy")
    return name if len(name) <= 60 else name[:57] + "…"
