"""Folders of pictures: read as one array of images of one size, with classes from the sub-folders.

    photographs = image_folder("photographs", 64)                       # (n, 1, 64, 64) uint8
    model = convolutional_autoencoder([16, 8], image_shape=photographs.images.shape[1:])
    fit(model, photographs.images, epochs=20)

Nothing is left out silently: what is passed over or skipped is in the result, and one line on stderr names it.
"""

import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npae.backend import Array, as_int, as_path, is_open
from npae.data.files.folder import files_below
from npae.data.files.picture import FORMATS, ImageError, read_picture, require_pillow
from npae.data.files.shown import clipped

SHOWN = 5  # names in a message, of any number of files


@dataclass(frozen=True, eq=False, repr=False)
class Pictures:
    """The pictures of a folder.

    Attributes:
        images: (n, 1, height, width) uint8, or (n, 3, …) in colour.
        labels: (n,) the number of each picture's class, −1 if it lies in no sub-folder.
        classes: the names of the classes, which are those of the folder's sub-folders.
        paths: the n files.
        skipped: {path: reason} of all other files and folders.

    Example:
        >>> import numpy as np
        >>> from pathlib import Path
        >>> from npae.data import Pictures
        >>> images = np.zeros((2, 1, 28, 28), np.uint8)
        >>> Pictures(images, np.array([0, 1]), ("cat", "dog"), (Path("cat/1.png"), Path("dog/1.png")), {})
        Pictures(2 images of 28x28, 2 classes)
    """

    images: Array
    labels: Array
    classes: tuple[str, ...]
    paths: tuple[Path, ...]
    skipped: dict[Path, str]

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        n, _, height, width = self.images.shape
        classes = f", {len(self.classes)} classes" if self.classes else ""
        skipped = f", {len(self.skipped)} files skipped" if self.skipped else ""
        return f"Pictures({n} images of {height}x{width}{classes}{skipped})"


def image_folder(path: str | os.PathLike[str], size: int | Sequence[int], gray: bool = True, *,
                 background: int | Sequence[int] = 255, fit: str = "crop",
                 on_error: str = "raise") -> Pictures:  # fmt: skip
    """All pictures in a folder and below it, in the order of their paths.

    Each picture is rotated as its camera recorded (EXIF). Only the first frame of an animation is read. Formats: PNG,
    JPEG, WebP, TIFF, GIF, BMP, PPM and PGM, of 8 bits per channel, at most 8192² pixels, and at most 256 MB of
    memory, or 100 bytes per byte of a larger file. Hidden files and those of operating systems (Thumbs.db,
    desktop.ini, …) are passed over.

    Args:
        path: of the folder.
        size: the height and width of the images; a pair (height, width) if they differ.
        gray: True for one channel, False for three.
        background: what transparent pixels show, and what fit="pad" adds: a grey from 0 to 255, or (red, green, blue).
        fit: "crop" cuts the largest part of the right proportions out of the middle and resizes it; a line on stderr
            reports pictures that lose more than half. "pad" keeps the whole picture and fills up with the background.
        on_error: "raise", or "skip" files that are not pictures or cannot be read.

    Raises NotADirectoryError; FileNotFoundError if there are no files; ImageError, with the names of the files, if some
    cannot be read; ValueError and TypeError for impossible arguments; ModuleNotFoundError without Pillow.

    Example:
        >>> import pathlib, tempfile
        >>> from npae.data import image_folder
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ("cat", "dog"):  # a picture of 2 x 2 grey pixels each, in the format PGM
        ...     (folder / name).mkdir()
        ...     size = (folder / name / "1.pgm").write_bytes(b"P5 2 2 255 0123")
        >>> pictures = image_folder(folder, 28)
        >>> pictures.images.shape, pictures.labels.tolist(), pictures.classes
        ((2, 1, 28, 28), [0, 1], ('cat', 'dog'))
    """
    shape, colour = _pair(size), _colour(background)
    for name, value, known in (("fit", fit, ("crop", "pad")), ("on_error", on_error, ("raise", "skip"))):
        if value not in known:
            raise ValueError(f'image_folder: expected {name} to be "{known[0]}" or "{known[1]}", got {value!r}.')
    path = as_path(path, "image_folder")
    if not path.is_dir():
        raise NotADirectoryError(f"{path}: expected a folder of pictures, found none. Check the path.")
    require_pillow("image_folder")
    files, skipped = files_below(path)
    if not files:
        raise FileNotFoundError(f"{path}: expected pictures in this folder or below it, found no file. Check the path.")
    if skipped:
        _note(f"passed over in {path}: {_some(path, skipped)}.")
    images = np.empty((len(files), 1 if gray else 3, *shape), np.uint8)
    read: list[Path] = []
    bad: dict[Path, str] = {}
    cut: list[Path] = []
    for file in files:
        try:
            images[len(read)], lost = read_picture(file, shape, gray, colour, fit)
        except ImageError as error:
            bad[file] = str(error)
            continue
        read.append(file)
        cut += [file] * (lost > 0.5)
    if bad and (on_error == "raise" or not read):
        skip = ', or leave them out by on_error="skip"' if read else ""
        raise ImageError(
            f"{path}: {len(bad)} of {len(files)} files cannot be read as pictures ({', '.join(FORMATS)}): "
            f"{_some(path, bad)}. Repair them or take them out of the folder{skip}."
        )
    if bad:
        _note(f"{len(bad)} of {len(files)} files in {path} are skipped: {_some(path, bad)}.")
    if cut:
        _note(f'more than half of the picture is cut off in {_some(path, cut)}. fit="pad" keeps all of it.')
    parts = [file.relative_to(path).parts for file in files]
    classes = tuple(sorted({p[0] for p in parts if len(p) > 1}))
    number = {name: k for k, name in enumerate(classes)}
    parts = [file.relative_to(path).parts for file in read]
    labels = np.array([number[p[0]] if len(p) > 1 else -1 for p in parts])
    return Pictures(images[: len(read)], labels, classes, tuple(read), skipped | bad)


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width) from one number or a pair."""
    pair = size if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2:
        raise TypeError(f"size of image_folder: expected one integer, or a pair (height, width), got {size}.")
    height, width = (as_int(n, "size of image_folder", least=1) for n in pair)
    return height, width


def _colour(background: int | Sequence[int]) -> tuple[int, ...]:
    """(red, green, blue) from a grey or a triple."""
    given = background if isinstance(background, (tuple, list)) else (background,) * 3
    channels = tuple(as_int(n, "background of image_folder", least=0) for n in given)
    if len(channels) != 3 or max(channels) > 255:
        raise ValueError(
            f"background of image_folder: expected a grey from 0 to 255, or (red, green, blue), got {background}."
        )
    return channels


def _some(path: Path, files: Collection[Path]) -> str:
    """The first files, relative to the folder, with their reasons if there are any, and the number of the others."""
    named = [clipped(str(file.relative_to(path))) for file in list(files)[:SHOWN]]
    if isinstance(files, dict):
        named = [f"{name} ({reason})" for name, reason in zip(named, files.values(), strict=False)]
    rest = len(files) - len(named)
    text = ", ".join(named) + (f" and {rest} more" if rest else "")
    return "".join(c if c.isprintable() else "?" for c in text)


def _note(text):
    if is_open(sys.stderr):
        print(f"npae: image_folder: {text}", file=sys.stderr)
