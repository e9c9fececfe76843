"""Arrays out of an .npz file that nobody vouches for.

An .npz is a zip of arrays, each with a header that may promise anything. The promise is held against the size of the
array's own packed bytes before any memory is taken, and nothing is ever unpickled.
"""

import math

import numpy as np

from npae.data.files.idx import DEFLATE_RATIO


def array_in(archive, name, ndim):
    """The array `name` of an open .npz (a zipfile.ZipFile): bool, integers or floats, of `ndim` axes.

    Raises ValueError for another dtype or number of axes and for a header that promises more than there is, and what
    zipfile and NumPy raise for arbitrary bytes: whoever calls says which file it was.
    """
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
        declared = math.prod(shape) * dtype.itemsize + stream.tell()
    if dtype.kind not in "buif" or len(shape) != ndim:
        raise ValueError(f"{name} is {dtype} of shape {shape}")
    if declared != info.file_size or info.file_size > info.compress_size * DEFLATE_RATIO:
        raise ValueError(f"{name} declares {declared} bytes in {info.compress_size} packed ones")
    with archive.open(info) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
