"""The .npz format: reading arrays from files that are not trusted.

An .npz file is a zip archive of arrays, each with a header that may declare any size. The declared size is compared
with the array's compressed bytes before any memory is allocated. Nothing is ever unpickled.
"""

import zipfile

import numpy as np

from npae.backend import Array, read_array_header
from npae.data.files.idx import DEFLATE_RATIO


def array_in(archive: zipfile.ZipFile, name: str, ndim: int) -> Array:
    """An array of bool, integers or floats from an open .npz file.

    Args:
        archive: the file.
        name: of the array.
        ndim: how many axes it must have.

    Raises ValueError for another dtype or number of axes and for a header that declares more than the file can hold,
    and what zipfile and NumPy raise for arbitrary bytes. The caller adds the name of the file.
    """
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as stream:
        shape, dtype, declared = read_array_header(stream)
    if dtype.kind not in "buif" or len(shape) != ndim:
        raise ValueError(f"{name} is {dtype} of shape {shape}")
    if declared != info.file_size or info.file_size > info.compress_size * DEFLATE_RATIO:
        raise ValueError(f"{name} declares {declared} bytes in {info.compress_size} compressed ones")
    with archive.open(info) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
