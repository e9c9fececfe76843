"""Files: paths, atomic writes, and the headers of array files.

Every path that a caller gives goes through `as_path`, so that "~" means the same everywhere.

Everything that npae writes is written under a temporary name first, flushed to the disk, and then renamed. So neither a
full disk nor a killed process leaves half a file that could be mistaken for a whole one.

A file that is read is not trusted: the header of an array may declare any size. So the header is read by itself, and
the declared size is compared with the size of the file before any memory is allocated.
"""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


def as_path(path: Any, owner: str = "path") -> Path:
    """A path as a pathlib.Path, with a leading "~" replaced by the home folder.

    Args:
        path: text or a pathlib.Path.
        owner: the subject of an error message.

    Raises TypeError for anything else.

    Example:
        >>> from pathlib import Path
        >>> from npae.backend import as_path
        >>> as_path("~/model.npz") == Path.home() / "model.npz"
        True
    """
    try:
        text = os.fsdecode(path)
    except TypeError:
        raise TypeError(f"{owner}: expected a path, text or a pathlib.Path, got {type(path).__name__}.") from None
    if os.name == "nt" and text[1:2] not in ("", "/", "\\"):
        return Path(text)  # for "~name", Windows would name the folder of a user who may not exist
    return Path(os.path.expanduser(text))


def _temporary(path: Path) -> Path:
    """An unused name next to `path`."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name next to `path`. When the block ends without an error, that file is renamed to `path`.

    Before that, its bytes are on the disk. Missing folders are made. After an error, an interrupt included, the
    temporary file is deleted, and an older file `path` is as it was. Close the file within the block: Windows renames
    no open file.

    Args:
        path: where the file is to be.

    Raises IsADirectoryError for a folder.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from npae.backend import atomic_write
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_write(Path(folder, "results.txt")) as temporary:
        ...         size = temporary.write_text("0.5", encoding="utf-8")
        ...     Path(folder, "results.txt").read_text(encoding="utf-8")
        '0.5'
    """
    path = as_path(path)
    if path.is_dir():
        raise IsADirectoryError(f"Cannot write {path}: it is a folder. Name a file in it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_place(path: str | os.PathLike[str]) -> None:
    """Make the folder of `path` if it is missing. Raises OSError, with the reason, if no file can be written there.

    Args:
        path: of a file that will be written later.

    Example:
        >>> import tempfile
        >>> from npae.backend import check_place
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     check_place(f"{folder}/runs/model.npz")
    """
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


def read_array_header(stream: Any) -> tuple[tuple[int, ...], np.dtype, int]:
    """(shape, dtype, size) of the array in an open .npy file, from its header alone; nothing is allocated.

    size: the number of bytes, header and data, that the header declares. Compare it with the size of the file.

    Args:
        stream: a file, open for reading bytes.

    Example:
        >>> import io
        >>> import numpy as np
        >>> from npae.backend import read_array_header
        >>> file = io.BytesIO()
        >>> np.save(file, np.ones((5, 3)))
        >>> start = file.seek(0)
        >>> shape, dtype, size = read_array_header(file)
        >>> shape, size == len(file.getvalue())
        ((5, 3), True)
    """
    version = np.lib.format.read_magic(stream)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = reader(stream)
    return shape, dtype, stream.tell() + math.prod(shape) * dtype.itemsize
