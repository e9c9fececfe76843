"""Arrays in the archive of a model file, which is not trusted.

An .npz file is a zip archive of arrays, each with a header that may declare any size. npae compresses no model file. So
the declared size must be that of the array's bytes in the archive, and at most that of the file.
"""

import zipfile

import numpy as np

from npae.backend import Array, read_array_header


class ModelFileError(ValueError):
    """The file is not a whole, readable npae model file, or not one for this model."""


def header_in(archive: zipfile.ZipFile, name: str, file_size: int) -> tuple[tuple[int, ...], np.dtype]:
    """(shape, dtype) that an array declares, after a check that its data are really in the file.

    Args:
        archive: the open file.
        name: of the array.
        file_size: of the whole file, in bytes.
    """
    if f"{name}.npy" not in archive.namelist():
        raise ModelFileError(
            f"it is not a whole npae model file, it has no array {name!r}: use a checkpoint or save the model again."
        )
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > file_size:
        raise ModelFileError(f"The array {name} is compressed or larger than its file: npae does not write such files.")
    with archive.open(info) as stream:
        shape, dtype, declared = read_array_header(stream)
    if dtype.hasobject or declared != info.file_size:
        raise ModelFileError(f"The array {name} declares {declared} bytes, the file holds {info.file_size}.")
    return shape, dtype


def array_in(archive: zipfile.ZipFile, name: str, file_size: int) -> Array:
    """An array, after the same check. Nothing is unpickled.

    Args:
        archive: the open file.
        name: of the array.
        file_size: of the whole file, in bytes.
    """
    header_in(archive, name, file_size)
    with archive.open(f"{name}.npy") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
