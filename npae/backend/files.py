"""Files that appear whole or not at all.

Whatever npae writes is written under a temporary name and renamed, so that neither a full disk nor a killed process
leaves half a file where a reader would take it for a whole one.
"""

import os
import secrets
from contextlib import contextmanager
from pathlib import Path


def _temporary(path):
    """A name next to `path` that nobody else takes."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


@contextmanager
def atomic_write(path):
    """Yield a temporary name next to `path`; the file written there becomes `path` if the block ends well.

    Whatever else happens, an interrupt included, the temporary file goes and an older `path` stays as it was.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_place(path):
    """Make the folder of `path` if need be, and raise OSError, saying why, if no file can be written there."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        probe = _temporary(path)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(f"Cannot write {path}: {error.strerror or error}. Choose another place.") from error
