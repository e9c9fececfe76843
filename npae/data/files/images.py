"""Folders of pictures: read as one array of square images of one size, uint8.

    w × h  →  the largest square in the middle, min(w, h) wide  →  size × size

Cropping keeps proportions: a face is not stretched. Resizing averages over all pixels that become one. The files are
not trusted. Only common formats are decoded. The number of pixels that a file declares is checked first, since a few
kilobytes of PNG can declare gigabytes. A file that cannot be read is an error that names the file; it is never left out
silently.

Decoding needs Pillow: the extra `images` (matplotlib installs it too).
"""

import warnings
from pathlib import Path

import numpy as np

from npae.backend import as_int

FORMATS = ("PNG", "JPEG", "PPM", "BMP", "GIF", "TIFF", "WEBP")  # PPM includes PGM, which is grey
LARGEST = 8192 * 8192  # pixels of a picture: 200 MB decoded
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")  # 8 bits per channel, or 1


class ImageError(ValueError):
    """The file exists but is not a picture, or not the pictures that it should contain."""


def image_folder(path, size, gray=True):
    """All pictures in the folder `path` and its subfolders: (n, 1, size, size) uint8, or (n, 3, …) with gray=False.

    Each picture is rotated as its camera recorded (EXIF), cut to the largest square in its middle and resized. Only
    the first frame of an animation is read, and transparency is ignored. The order is that of the paths. Files and
    folders whose names begin with a dot are skipped; every other file must be a picture: PNG, JPEG, WebP, TIFF, GIF,
    BMP, PPM or PGM.
    Raises NotADirectoryError; FileNotFoundError if there are no files; ImageError, with the file's name, for a file
    that is not a picture, is broken, has more than 8 bits per channel or more than 8192² pixels; ValueError and
    TypeError for an impossible size; ModuleNotFoundError without Pillow.
    """
    size, path = as_int(size, "size of image_folder", least=1), Path(path).expanduser()
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
            warnings.simplefilter("ignore")  # about odd metadata, palettes, and sizes that are refused below
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
            f"{file}: expected a picture ({', '.join(FORMATS)}), got another file. Move it out of the folder."
        ) from error
    except Exception as error:  # decoders raise many kinds for arbitrary bytes
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise ImageError(
            f"{file}: the picture is broken ({reason}). Replace it or take it out of the folder."
        ) from error


def _check(file, picture):
    """Raise ImageError if the header declares too much, before a pixel is decoded."""
    if picture.width * picture.height > LARGEST:
        raise ImageError(f"{file}: {_too_large(f'{picture.width} x {picture.height}')}")
    if picture.mode not in MODES:
        raise ImageError(
            f"{file}: expected grey or colours of 8 bits per channel, got mode {picture.mode!r}. Convert it first."
        )


def _too_large(got):
    return f"expected a picture of at most {LARGEST:,} pixels, its header declares {got}. Make it smaller."


def _require_pillow():
    try:
        import PIL  # noqa: F401 (only to see whether it is installed)
    except ImportError:
        raise ModuleNotFoundError('image_folder: needs the package Pillow: pip install "npae[images]".') from None
