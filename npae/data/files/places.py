"""Where data files are looked for: a folder of the user's, and the cache.

Environment: NPAE_DATA names a folder with one subfolder per data set; NPAE_CACHE replaces the system's cache.
"""

import os
import sys
from pathlib import Path

from npae.backend import as_path


def data_folder(name: str) -> Path | None:
    """The folder $NPAE_DATA/name; None if NPAE_DATA is unset or empty, or has no such subfolder.

    Args:
        name: of the data set, such as "mnist".

    Raises NotADirectoryError if NPAE_DATA itself does not name a folder.

    Example:
        >>> import os, tempfile
        >>> from npae.data import data_folder
        >>> os.environ["NPAE_DATA"] = tempfile.mkdtemp()
        >>> os.mkdir(os.path.join(os.environ["NPAE_DATA"], "adbench"))
        >>> data_folder("adbench").name
        'adbench'
        >>> data_folder("mnist") is None
        True
        >>> del os.environ["NPAE_DATA"]
    """
    given = os.environ.get("NPAE_DATA")
    if not given:
        return None
    root = as_path(given)
    if not root.is_dir():
        raise NotADirectoryError(
            f"NPAE_DATA: expected a folder with one subfolder per data set, got {root}, which is not a folder. "
            "Correct the variable or unset it."
        )
    return root / name if (root / name).is_dir() else None


def cache_folder(name: str) -> Path:
    """The folder of a downloaded data set, in $NPAE_CACHE or the system's cache. It may not exist yet.

    The system's cache is %LOCALAPPDATA% on Windows, ~/Library/Caches on macOS, and $XDG_CACHE_HOME or ~/.cache
    elsewhere.

    Args:
        name: of the data set, such as "mnist".

    Raises NotADirectoryError if NPAE_CACHE names the home folder of a user who does not exist, or if it is unset and
    this user has no home folder.

    Example:
        >>> from npae.data import cache_folder
        >>> cache_folder("mnist").name
        'mnist'
    """
    given = os.environ.get("NPAE_CACHE")
    root = as_path(given) if given else _system_cache() / "npae"
    if root.parts[:1] and root.parts[0].startswith("~"):  # a folder of this name would be made where the program runs
        raise NotADirectoryError(
            f"NPAE_CACHE: expected a folder for downloaded files, got {root}, and there is no home folder of that "
            "name. Set the variable to a folder."
        )
    return root / name


def _system_cache() -> Path:
    if sys.platform == "win32":
        return as_path(os.environ.get("LOCALAPPDATA") or "~/AppData/Local")
    if sys.platform == "darwin":
        return as_path("~/Library/Caches")
    return as_path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
