"""Opening an array file that is not trusted: .npy or .safetensors.

Only the header is read, of bounded length, and nothing is ever unpickled. The declared sizes are compared with the size
of the file before any memory is allocated.
"""

import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from npae.backend import open_untrusted, read_array_header
from npae.data.files.array_file import ArrayFile, ShardError, checked, stamp_of
from npae.data.files.int8_scale import scale_of
from npae.data.files.safetensors_header import tensor_file, tensors_of
from npae.data.files.shown import reason


def open_array(path: Path, tensor: str | None = None, scale: Any = None) -> ArrayFile:
    """The ArrayFile of a .npy or .safetensors file; its header is read, and the scale.

    Args:
        path: of the file.
        tensor: its name in a safetensors file; None: the only one of two or more axes.
        scale: of int8: a number, an array of the shape of a row, or the name of a tensor in each safetensors file.

    Raises ShardError, with the name of the file, if its header or the scale cannot be right; and as open_untrusted.
    """
    with open_untrusted(path) as file:
        try:
            if file.read(6) == np.lib.format.MAGIC_PREFIX:
                found, tensors = _npy(path, file), {}
            elif path.suffix.lower() == ".safetensors":
                tensors = tensors_of(file)
                found = tensor_file(path, file, tensors, tensor)
            else:
                raise ShardError("expected a .npy or .safetensors file. Write one: numpy.save(path, x)")
            found.scale = scale_of(found, file, tensors, scale)
        except ShardError as error:
            raise ShardError(f"{path}: {error}.") from error.__cause__
        except (OSError, MemoryError, Warning):
            raise
        except Exception as error:  # NumPy and JSON raise many kinds for arbitrary bytes
            cause = f"its header is damaged ({reason(error)})"
            raise ShardError(f"{path}: {cause}. Copy or write the file again.") from error
    return found


def _npy(path: Path, file: BinaryIO) -> ArrayFile:
    file.seek(0)
    shape, dtype, declared, by_columns = read_array_header(file)
    if dtype.hasobject:
        raise ShardError("it holds pickled Python objects, which are never loaded. Save numbers: numpy.save(path, x)")
    if by_columns and len(shape) > 1:
        raise ShardError(
            "its numbers are stored column by column, so that no row can be read by itself. Write it again: "
            "numpy.save(path, numpy.ascontiguousarray(x))"
        )
    offset = declared - math.prod(shape) * dtype.itemsize
    return checked(ArrayFile(path, shape, dtype.str, offset, stamp_of(file)), declared)
