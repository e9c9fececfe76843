"""Exported files: their names, and how they are written."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from npae.backend import NotAFileError, as_path, atomic_write
from npae.layers import Layer
from npae.serialization.places import named


def place(path: str | PathLike[str], suffix: str, owner: str) -> Path:
    """The Path of the file to write or read, with the suffix if the name has none, as npae.save does.

    Args:
        path: text or a Path.
        suffix: of the format, such as ".onnx".
        owner: the function in whose name errors are raised.

    Raises TypeError for what is not a path; if it is a layer, with the right order of the arguments. Raises
    IsADirectoryError for a folder.
    """
    if isinstance(path, Layer):
        raise TypeError(f"{owner}: expected a path, got a {type(path).__name__}. The path comes first: "
                        f"{owner}(path, model).")  # fmt: skip
    path = as_path(path, owner)
    if path.is_dir():
        raise IsADirectoryError(f"{owner}: {path} is a folder. Name a file in it, such as {path / f'model{suffix}'}.")
    return named(path, owner, suffix)


def write(path: Path, content: bytes, check: Callable[[Path], Any] | None = None) -> Path:
    """Write a file under a temporary name, then rename it, so that no reader sees half of it. Returns its Path.

    Args:
        path: of the file; missing folders are made.
        content: of the file.
        check: reads the written file before it is renamed, and raises an error if it cannot; None: it is not read.

    Raises OSError, with the reason, if it cannot be written, and what `check` raises. Then an older file is as it was.
    """
    try:
        with atomic_write(path) as temporary:
            temporary.write_bytes(content)
            if check is not None:
                check(temporary)
    except (NotAFileError, IsADirectoryError):  # with the name and the cure
        raise
    except OSError as error:
        raise OSError(f"Cannot write {path}: {error.strerror or error}. Choose another place.") from error
    return path
