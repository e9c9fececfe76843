"""The files of a folder in the IDX format: found by their names, and checked to be images or labels."""

import re
from collections.abc import Sequence
from pathlib import Path

from npae.backend import Array
from npae.data.files.idx import IDXError
from npae.data.files.shown import some


def find_parts(folder: Path, names: Sequence[str]) -> list[Path]:
    """The paths of files in a folder, each plain or with .gz, with "." and "_" for "-" as well.

    Args:
        folder: where the files are.
        names: of the files.

    Raises FileNotFoundError with the missing names, and what lies there instead.
    """
    there = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    files = [p for p in there if p.is_file()]
    by_name = {name: _find(files, name) for name in names}
    found = [path for path in by_name.values() if path]
    missing = [name for name, path in by_name.items() if path is None]
    if missing:
        listed = [p.name + "/" * p.is_dir() for p in there]
        near = [f"{p.name} to {name}{'.gz' * (p.suffix == '.gz')}" for name in missing
                if (p := _similar(files, name)) and p not in found]  # fmt: skip
        cure = f"Rename {', '.join(near)}." if near else "Put them there (plain or with .gz), or check the path."
        raise FileNotFoundError(
            f"{folder}: expected the four files of an MNIST-like folder, missing: {', '.join(missing)}. "
            f"It holds {some(listed, 8) or 'nothing'}. {cure}"
        )
    return found


def _find(files, name):
    """The file of this name; if there is none, with .gz; if there is neither, the only one of nearly this name."""
    exact = {p.name: p for p in files}
    nearly = [p for p in files if re.sub(r"[._]", "-", p.name.lower()).removesuffix("-gz") == name]
    return exact.get(name) or exact.get(f"{name}.gz") or (nearly[0] if len(nearly) == 1 else None)


def _similar(files, name):
    """The only file whose name has the words of `name`, train or test and images or labels; None if there is none."""
    part, what = name.split("-")[:2]
    part = "train" if part == "train" else "t10k|test"
    found = [p for p in files if re.search(part, p.name.lower()) and what in p.name.lower()]
    return found[0] if len(found) == 1 else None


def check_part(path: Path, array: Array, what: str) -> None:
    """Raise IDXError unless the array of a file is what its name promises.

    Args:
        path: of the file.
        array: in it.
        what: "images" or "labels".
    """
    got = f"got {array.dtype} of shape {array.shape}"
    if what == "images" and array.ndim != 3:
        cure = {
            1: "These look like labels: have the files of images and labels been exchanged?",
            2: "Reshape the rows to images with numpy, and write them with data.write_idx.",
            4: "Read colour images with data.read_idx, and give fit (count, channels, height, width).",
        }.get(array.ndim, "Check that each file has the right name.")
        raise IDXError(f"{path}: expected images of shape (count, height, width), {got}. {cure}")
    if what == "labels" and (array.ndim != 1 or array.dtype.kind not in "iu"):
        cure = {
            1: "Number the classes, labels.astype('uint8'), and write them with data.write_idx.",
            2: "Make numbers of one-hot rows, labels.argmax(axis=1), and write them with data.write_idx.",
            3: "These look like images: have the files of images and labels been exchanged?",
        }.get(array.ndim, "Check that each file has the right name.")
        raise IDXError(f"{path}: expected labels of shape (count,), integers, {got}. {cure}")
