"""The names of model files: `save("own", …)` writes own.npz, and `load("own")` reads it."""

from npae.backend import as_path


def named(path, owner):
    """`path` as a Path: "~" is the home folder, and ".npz" is added to a name without a suffix.

    A suffix begins with a letter: "rate0.1" has none, and becomes rate0.1.npz.
    """
    path = as_path(path, owner)
    return path if not path.name or path.suffix[1:2].isalpha() else path.with_name(f"{path.name}.npz")


def place_to_write(path, owner="save"):
    """The Path of the model file that `owner` writes to `path`. Raises IsADirectoryError if `path` is a folder."""
    folder = as_path(path, owner)
    if folder.is_dir():
        raise IsADirectoryError(
            f"Cannot write the model file {folder}: it is a folder. Choose another place, such as "
            f"{folder / 'model.npz'}."
        )
    return named(path, owner)


def place_to_read(path):
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
