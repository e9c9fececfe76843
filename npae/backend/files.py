"""Files: paths, atomic writes, and the headers of array files.

Every path that a caller gives goes through `as_path`, so that "~" means the same everywhere.

Everything that npae writes is written under a temporary name first and then renamed. So neither a full disk nor a
killed process leaves half a file that could be mistaken for a whole one.

A file that is read is not trusted: the header of an array may declare any size. So the header is read by itself, and
the declared size is compared with the size of the file before any memory is allocated.
"""

import math
import os
import secrets
from contextlib import contextmanager
from pathlib import Path

import numpy as np


def as_path(path, owner="path"):
    """`path` (text or a pathlib.Path) as a Path, with a leading "~" replaced by the home folder.

    Raises TypeError, in the name of `owner`, for anything else.
    """
    try:
        return Path(os.path.expanduser(os.fsdecode(path)))
    except TypeError:
        raise TypeError(f"{owner}: expected a path, text or a pathlib.Path, got {type(path).__name__}.") from None


def _temporary(path):
    """An unused name next to `path`."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


@contextmanager
def atomic_write(path):
    """Yield a temporary name next to `path`. When the block ends without an error, that file is renamed to `path`.

    Missing folders are made. After an error, an interrupt included, the temporary file is deleted, and an older file
    `path` is as it was. Raises IsADirectoryError for a folder.
    """
    path = as_path(path)
    if path.is_dir():
        raise IsADirectoryError(f"Cannot write {path}: it is a folder. Name a file in it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_place(path):
    """Make the folder of `path` if it is missing. Raises OSError, with the reason, if no file can be written there."""
    path = as_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        probe = _temporary(path)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(f"Cannot write {path}: {error.strerror or error}. Choose another place.") from error


def read_array_header(stream):
    """(shape, dtype, size) of the array in an open .npy file, from its header alone; nothing is allocated.

    size: the number of bytes, header and data, that the header declares. Compare it with the size of the file.
    """
    version = np.lib.format.read_magic(stream)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = reader(stream)
    return shape, dtype, stream.tell() + math.prod(shape) * dtype.itemsize
