"""Folders of pictures: read as one array of images of one size, with classes from the sub-folders.

    photographs = image_folder("photographs", 64)                       # (n, 1, 64, 64) uint8
    model = convolutional_autoencoder([16, 8], image_shape=photographs.images.shape[1:])
    fit(model, photographs.images, epochs=20)

Nothing is left out silently: what is passed over or skipped is in the result, and one line on stderr names it.
"""

import sys
from dataclasses import dataclass

import numpy as np

from npae.backend import as_int, as_path
from npae.data.files.folder import files_below
from npae.data.files.picture import FORMATS, ImageError, read_picture, require_pillow

SHOWN = 5  # names in a message, of any number of files


@dataclass(frozen=True, eq=False, repr=False)
class Pictures:
    """The pictures of a folder.

    images: (n, 1, height, width) uint8, or (n, 3, …) in colour. labels: (n,) the number of each picture's class, −1 if
    it lies in no sub-folder. classes: the names of the classes, which are those of the folder's sub-folders. paths: the
    n files. skipped: {path: reason} of all other files and folders.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple
    paths: tuple
    skipped: dict

    def __len__(self):
        return len(self.paths)

    def __repr__(self):
        n, _, height, width = self.images.shape
        classes = f", {len(self.classes)} classes" if self.classes else ""
        skipped = f", {len(self.skipped)} files skipped" if self.skipped else ""
        return f"Pictures({n} images of {height}x{width}{classes}{skipped})"


def image_folder(path, size, gray=True, *, background=255, fit="crop", on_error="raise"):
    """All pictures in the folder `path` and below it, as Pictures, in the order of their paths.

    size: the height and width of the images; a pair (height, width) if they differ.
    gray: True for one channel, False for three.
    background: what transparent pixels show, and what fit="pad" adds: a grey from 0 to 255, or (red, green, blue).
    fit: "crop" cuts the largest part of the right proportions out of the middle and resizes it; a line on stderr
        reports pictures that lose more than half. "pad" keeps the whole picture and fills up with the background.
    on_error: "raise", or "skip" files that are not pictures or cannot be read.
    Each picture is rotated as its camera recorded (EXIF). Only the first frame of an animation is read. Formats: PNG,
    JPEG, WebP, TIFF, GIF, BMP, PPM and PGM, of 8 bits per channel and at most 8192² pixels. Hidden files and those of
    operating systems (Thumbs.db, desktop.ini, …) are passed over.
    Raises NotADirectoryError; FileNotFoundError if there are no files; ImageError, with the names of the files, if some
    cannot be read; ValueError and TypeError for impossible arguments; ModuleNotFoundError without Pillow.
    """
    size, background = _pair(size), _colour(background)
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
        _note(f"hidden and system files are passed over in {path}: {_some(path, list(skipped))}.")
    images = np.empty((len(files), 1 if gray else 3, *size), np.uint8)
    read, bad, cut = [], {}, []
    for file in files:
        try:
            images[len(read)], lost = read_picture(file, size, gray, background, fit)
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


def _pair(size):
    """(height, width) from one number or a pair."""
    pair = size if isinstance(size, (tuple, list)) else (size, size)
    if len(pair) != 2:
        raise TypeError(f"size of image_folder: expected one integer, or a pair (height, width), got {size}.")
    return tuple(as_int(n, "size of image_folder", least=1) for n in pair)


def _colour(background):
    """(red, green, blue) from a grey or a triple."""
    channels = background if isinstance(background, (tuple, list)) else (background,) * 3
    channels = tuple(as_int(n, "background of image_folder", least=0) for n in channels)
    if len(channels) != 3 or max(channels) > 255:
        raise ValueError(
            f"background of image_folder: expected a grey from 0 to 255, or (red, green, blue), got {background}."
        )
    return channels


def _some(path, files):
    """The first files, relative to the folder, with their reasons if there are any, and the number of the others."""
    named = [str(file.relative_to(path)) for file in list(files)[:SHOWN]]
    if isinstance(files, dict):
        named = [f"{name} ({reason})" for name, reason in zip(named, files.values(), strict=False)]
    rest = len(files) - len(named)
    text = ", ".join(named) + (f" and {rest} more" if rest else "")
    return "".join(c if c.isprintable() else "?" for c in text)


def _note(text):
    print(f"npae: image_folder: {text}", file=sys.stderr)
