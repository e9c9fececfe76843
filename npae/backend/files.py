"""Files: paths, atomic writes, and the headers of array files.

Every path that a caller gives goes through `as_path`, so that "~" means the same everywhere.

Everything that npae writes is written under a temporary name first, flushed to the disk, and then renamed. So neither a
full disk nor a killed process leaves half a file that could be mistaken for a whole one.

A file that is read is not trusted. Its path may lead to a pipe or a device, which could be waited for without end; so
only regular files are opened, by `open_untrusted`. The header of an array may declare any size; so the header is read
by itself, and the declared size is compared with the size of the file before any memory is allocated.
"""

import errno
import io
import math
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

LONGEST_HEADER = 10_000  # bytes of the header of an array, as many as NumPy accepts
ABANDONED = 86400  # seconds after its last write, a temporary file is left over; a clock may be wrong by hours
NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG)
KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


class NotAFileError(OSError):
    """The path leads to a pipe, a socket or a device, where a regular file is expected."""


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


def sweep(written: Path, path: Path) -> None:
    """Delete the temporary files of processes that were killed while they wrote `path`.

    Only names that `atomic_write` gives are looked at, and of these only files that were last written ABANDONED seconds
    before `written`. Both times are of one file system, so that a wrong clock of this machine does no harm.

    Args:
        written: a file beside `path` that has just been written.
        path: of the file that they were to become.
    """
    own, now = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.part"), written.stat().st_mtime
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if own.fullmatch(entry.name) and now - entry.stat(follow_symlinks=False).st_mtime > ABANDONED:
                os.unlink(entry.path)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary name next to `path`. When the block ends without an error, that file is renamed to `path`.

    Before that, its bytes are on the disk. Missing folders are made. After an error, an interrupt included, the
    temporary file is deleted, and an older file `path` is as it was. Close the file within the block: Windows renames
    no open file. Temporary files that killed processes left a day ago or earlier are deleted.

    A link stays a link, and the file that it leads to is written. The permissions of an older file are kept.

    Args:
        path: where the file is to be.

    Raises IsADirectoryError for a folder, NotAFileError for a pipe, a socket or a device.

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
    path = Path(os.path.realpath(as_path(path)))
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = _mode_of(path)
    temporary = _temporary(path)
    try:
        if mode is not None:  # from the first byte on, the new file is as private as the older one
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode | stat.S_IWUSR))
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        sweep(temporary, path)
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _mode_of(path: Path) -> int | None:
    """The permissions of a file that may be replaced; None if there is none yet."""
    if not path.exists():
        return None
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"Cannot write {path}: it is a folder. Name a file in it.")
    if not stat.S_ISREG(mode):
        raise NotAFileError(f"Cannot write {path}: it is {KINDS.get(stat.S_IFMT(mode), 'no file')}. Name a file.")
    return stat.S_IMODE(mode)


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
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        _mode_of(target)
        probe = _temporary(target)
        probe.touch()
        probe.unlink()
    except (NotAFileError, IsADirectoryError):  # with the name and the cure
        raise
    except OSError as error:
        raise OSError(f"Cannot write {path}: {error.strerror or error}. Choose another place.") from error


def open_untrusted(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file, to read its bytes. Links are followed. The call never waits.

    All readers of npae open their files here. What is checked is the open file, which cannot be exchanged afterwards.

    Args:
        path: of the file.

    Raises FileNotFoundError if nothing is there; IsADirectoryError for a folder; NotAFileError for a pipe, a socket or
    a device; PermissionError and other kinds of OSError as the system raises them.

    Example:
        >>> import os
        >>> from npae.backend import open_untrusted
        >>> open_untrusted(os.devnull)
        Traceback (most recent call last):
        npae.backend.files.NotAFileError: /dev/null: expected a regular file, got a device. Copy its content to a file.
    """
    path = as_path(path)
    try:
        _check_regular(path, os.stat(path))  # before it is opened, since opening moves some devices
        flags = (getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NONBLOCK"))
        file = open(os.open(path, os.O_RDONLY | sum(flags)), "rb")
    except (OSError, ValueError) as error:  # ValueError for a character that no name can have
        if isinstance(error, OSError) and error.errno not in NOTHING_THERE:
            raise
        raise FileNotFoundError(f"{path}: expected a file, found nothing there. Check the path.") from error
    try:
        _check_regular(path, os.fstat(file.fileno()))
    except OSError:
        file.close()
        raise
    return file


def _check_regular(path: Path, status: os.stat_result) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(f"{path}: expected a file, got a folder. Name a file in it.")
    if kind != stat.S_IFREG:
        got = KINDS.get(kind, "something else")
        raise NotAFileError(f"{path}: expected a regular file, got {got}. Copy its content to a file.")


def read_array_header(stream: Any) -> tuple[tuple[int, ...], np.dtype, int, bool]:
    """(shape, dtype, size, by_columns) of the array in an open .npy file, from its header alone.

    size: the number of bytes, header and data, that the header declares. Compare it with the size of the file.
    by_columns: are its numbers stored column by column (Fortran order)?

    The length of the header is stated in the file too, up to 4 GB. No more than LONGEST_HEADER bytes are read.

    Args:
        stream: a file, open for reading bytes.

    Example:
        >>> import io
        >>> import numpy as np
        >>> from npae.backend import read_array_header
        >>> file = io.BytesIO()
        >>> np.save(file, np.ones((5, 3)))
        >>> start = file.seek(0)
        >>> shape, dtype, size, by_columns = read_array_header(file)
        >>> shape, size == len(file.getvalue()), by_columns
        ((5, 3), True, False)
    """
    version = np.lib.format.read_magic(stream)
    length = stream.read(2 if version == (1, 0) else 4)
    stated = int.from_bytes(length, "little")
    if stated > LONGEST_HEADER:
        raise ValueError(f"its header declares {stated} bytes, expected at most {LONGEST_HEADER}")
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = reader(io.BytesIO(length + stream.read(stated)))
    return shape, dtype, stream.tell() + math.prod(shape) * dtype.itemsize, by_columns
