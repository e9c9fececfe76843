"""The names of model files: `save("own", …)` writes own.npz, and `load("own")` reads it. Exported files likewise."""

import os
from pathlib import Path

from npae.backend import as_path


def named(path: str | os.PathLike[str], owner: str, suffix: str = ".npz") -> Path:
    """`path` as a Path: "~" is the home folder, and the suffix is added to a name without one.

    A suffix begins with a letter: "rate0.1" has none, and becomes rate0.1.npz.

    Args:
        path: what the caller gave.
        owner: the function that it was given to, for the errors.
        suffix: of the format.
    """
    path = as_path(path, owner)
    return path if not path.name or path.suffix[1:2].isalpha() else path.with_name(f"{path.name}{suffix}")


def place_to_write(path: str | os.PathLike[str], owner: str = "save") -> Path:
    """The Path of the model file to write.

    Args:
        path: what the caller gave.
        owner: the function that it was given to, for the errors.

    Raises IsADirectoryError if `path` is a folder.
    """
    folder = as_path(path, owner)
    if folder.is_dir():
        raise IsADirectoryError(
            f"Cannot write the model file {folder}: it is a folder. Choose another place, such as "
            f"{folder / 'model.npz'}."
        )
    return named(path, owner)


def place_to_read(path: str | os.PathLike[str]) -> Path:
    """The Path of the model file `path`: the name that place_to_write makes of it, or the name as it is.

    Raises FileNotFoundError if there is neither, IsADirectoryError for a folder.
    """
    expected = named(path, "load")
    found = next((place for place in (expected, as_path(path)) if place.exists()), None)
    if found is None:
        raise FileNotFoundError(f"There is no model file {expected}. Check the path.")
    if found.is_dir():
        raise IsADirectoryError(f"{found} is a folder, not a model file. Name the .npz file in it.")
    return found
