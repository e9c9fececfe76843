"""The files in a folder and below it: which are to be read, and which are passed over, with the reason."""

import os
from operator import attrgetter
from pathlib import Path

SYSTEM = {  # written by Windows, macOS and network drives; lower case
    "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx", "@eadir",
}  # fmt: skip


def files_below(folder: Path) -> tuple[list[Path], dict[Path, str]]:
    """(files to read, {path: reason} of what is passed over), both in the order of their paths.

    Hidden files and folders, whose names begin with a dot, and those of operating systems are passed over. Links to
    folders are followed, each folder once. A folder that cannot be opened and whatever is neither a file nor a folder
    are among the files to read, so that reading them is an error.
    """
    files: list[Path] = []
    passed_over: dict[Path, str] = {}
    seen: set[str] = set()

    def unreadable(error):
        files.append(Path(error.filename))

    for root, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        place = Path(root)
        real = os.path.realpath(place)
        if real in seen:  # a link back
            passed_over[place] = "a link to a folder that is read already"
            folders.clear()
            continue
        seen.add(real)
        passed_over |= {place / name: reason for name in (*folders, *names) if (reason := _reason(name))}
        files += [place / name for name in names if not _reason(name)]
        folders[:] = [name for name in folders if not _reason(name)]
    in_order = attrgetter("parts")  # Path itself compares without case on Windows
    return sorted(files, key=in_order), {path: passed_over[path] for path in sorted(passed_over, key=in_order)}


def _reason(name):
    """Why a file or folder of this name is passed over, or None."""
    return "hidden" if name.startswith(".") else "of the system" if name.lower() in SYSTEM else None
