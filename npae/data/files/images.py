"""Any folder of pictures as one array that a network can take: every picture square, of one size, uint8.

    w × h  →  the largest square in the middle, min(w, h) wide  →  size × size

The crop keeps proportions (a face stays a face), the resizing averages over what becomes one pixel. Pictures come from
anywhere: only common formats are decoded, and how many pixels a file declares is looked at before any is (a few
kilobytes of PNG can declare gigabytes). One bad file is an error that names it: a picture left out in silence is a
mistake that nobody finds.

Pillow decodes them: the extra `images` (it comes with matplotlib too).
"""

import warnings
from pathlib import Path

import numpy as np

from npae.backend import as_int

FORMATS = ("PNG", "JPEG", "PPM", "BMP", "GIF", "TIFF", "WEBP")  # PPM: and its grey kin, PGM
LARGEST = 8192 * 8192  # pixels of a picture, 200 MB when they are decoded
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")  # 8 bits a channel, or 1


class ImageError(ValueError):
    """The file is there but not the picture, or pictures, that it should be."""


def image_folder(path, size, gray=True):
    """All pictures in the folder `path` and the folders in it: (n, 1, size, size) uint8; (n, 3, …) if not gray.

    Each is turned as its camera says, cut to the largest square in its middle and resized; of an animation the first
    frame is taken, transparency is left out. Order is that of the paths. Files and folders whose names begin with a
    dot are passed over; every other file must be a picture: PNG, JPEG, WebP, TIFF, GIF, BMP, PPM or PGM.
    Raises NotADirectoryError; FileNotFoundError if the folder holds none; ImageError, naming the file, for one that is
    no picture, is broken, has more than 8 bits a channel or more pixels than 8192²; ValueError and TypeError for a size
    that is none; ModuleNotFoundError without Pillow.
    """
    size, path = as_int(size, "size", least=1), Path(path).expanduser()
    if not path.is_dir():
        raise NotADirectoryError(f"{path}: expected a folder of pictures, found none. Check the path.")
    _require_pillow()
    files = _files(path)
    if not files:
        raise FileNotFoundError(f"{path}: expected pictures in this folder or below it, found no file. Check the path.")
    images = np.empty((len(files), 1 if gray else 3, size, size), np.uint8)
    for k, file in enumerate(files):
        images[k] = _read(file, size, "L" if gray else "RGB")
    return images


def _files(path):
    """The files in and below a folder, in the order of their paths, without hidden ones."""
    found = {file.relative_to(path): file for file in path.rglob("*") if file.is_file()}
    return [found[name] for name in sorted(found) if not any(part.startswith(".") for part in name.parts)]


def _read(file, size, mode):
    """The picture in `file` as (channels, size, size)."""
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, of palettes, and of sizes that are refused below
            with Image.open(file, formats=FORMATS) as picture:
                _check(file, picture)
                square = ImageOps.fit(ImageOps.exif_transpose(picture).convert(mode), (size, size))
        return np.asarray(square).reshape(size, size, -1).transpose(2, 0, 1)
    except (ImageError, PermissionError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"{file}: {_too_large('many more')}") from error
    except Image.UnidentifiedImageError as error:
        raise ImageError(
            f"{file}: expected a picture ({', '.join(FORMATS)}), but it is none. Move it out of the folder."
        ) from error
    except Exception as error:  # whatever decoders make of arbitrary bytes
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ImageError(
            f"{file}: the picture is broken ({reason}). Replace it or take it out of the folder."
        ) from error


def _check(file, picture):
    """Raise ImageError for what the header says, before a pixel is decoded."""
    if picture.width * picture.height > LARGEST:
        raise ImageError(f"{file}: {_too_large(f'{picture.width} x {picture.height}')}")
    if picture.mode not in MODES:
        raise ImageError(
            f"{file}: expected grey or colours of 8 bits a channel, got mode {picture.mode!r}. Convert it first."
        )


def _too_large(got):
    return f"expected a picture of at most {LARGEST:,} pixels, its header declares {got}. Make it smaller."


def _require_pillow():
    try:
        import PIL  # noqa: F401 (asked for, not used)
    except ImportError:
        raise ModuleNotFoundError('image_folder: needs the package Pillow: pip install "npae[images]".') from None
