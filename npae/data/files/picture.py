"""One picture: decoded, composited on a background, cut or padded to a size.

    transparency    c = α · colour + (1 − α) · background, of every pixel
    crop            w × h  →  the largest part in the middle with the proportions of the size  →  the size
    pad             w × h  →  the largest size with the picture's proportions, in the middle of the background

Both keep proportions: a face is not stretched. Resizing averages over all pixels that become one. The files are not
trusted. Only common formats are decoded. The number of pixels that a file declares is checked first, since a few
kilobytes of PNG can declare gigabytes. So is the number of passes of a progressive JPEG, each of which takes as long as
a whole picture.

Decoding needs Pillow: the extra `images` (matplotlib installs it too).
"""

import io
import os
import warnings

import numpy as np

from npae.backend import Array, NotAFileError, missing, open_untrusted
from npae.data.files.limits import LEAST_PICTURE, TooLargeError, check_memory
from npae.data.files.shown import reason

FORMATS = ("PNG", "JPEG", "PPM", "BMP", "GIF", "TIFF", "WEBP")  # PPM includes PGM, which is grey
LARGEST = 8192 * 8192  # pixels of a picture
DECODER = {"JPEG": 6, "TIFF": 4, "WEBP": 12}  # bytes per pixel that decoders need besides the picture, measured
PASS = b"\xff\xda"  # the marker before each pass of a JPEG; it is not among compressed bytes
LEAST_WORK, WORK_PER_BYTE = 10**9, 1000  # pixels times passes, 2 ns each: of any JPEG, and of a larger one per byte
ORIENTATION = 0x0112  # the tag of EXIF
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")  # 8 bits per channel, or 1


class ImageError(ValueError):
    """The file exists but is not a picture, or not the pictures that it should contain."""


def require_pillow(owner: str) -> None:
    """Raise ModuleNotFoundError, in the name of `owner`, if Pillow is not installed."""
    try:
        import PIL  # noqa: F401 (only to see whether it is installed)
    except ImportError:
        raise ModuleNotFoundError(f"{owner}: {missing('Pillow', 'images')}") from None


def read_picture(file: str | os.PathLike[str], size: tuple[int, int], gray: bool, background: tuple[int, ...],
                 fit: str) -> tuple[Array, float]:  # fmt: skip
    """(the picture in a file as uint8 (channels, height, width), the share of it that was cut off).

    Args:
        file: the path.
        size: (height, width).
        gray: one channel instead of three?
        background: (red, green, blue) of transparent pixels and of padding.
        fit: "crop" or "pad".

    Raises ImageError, whose message is a reason without the name of the file.
    """
    from PIL import Image, ImageOps

    height, width = size
    try:
        with open_untrusted(file) as opened:
            data = opened.read()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata, palettes, and sizes that are refused below
            with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
                _check(picture, data)
                picture.load()
                upright = ImageOps.exif_transpose(picture) if ORIENTATION in picture.getexif() else picture
                transparent = upright.has_transparency_data
                mode = "RGBA" if transparent else "L" if gray else "RGB"
                whole = upright if upright.mode == mode else upright.convert(mode)
    except (ImageError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise ImageError("nothing there: a link leads nowhere") from error
    except NotAFileError as error:
        raise ImageError("not a file") from error
    except Image.DecompressionBombError as error:
        raise ImageError(_too_large("many more")) from error
    except Image.UnidentifiedImageError as error:
        raise ImageError("another kind of file") from error
    except Exception as error:  # decoders raise many kinds for arbitrary bytes
        raise ImageError(f"broken ({reason(error)})") from error
    lost = 0.0
    if fit == "pad":
        small = _padded(whole, width, height, background)
    else:
        small, proportion = ImageOps.fit(whole, (width, height)), whole.width * height / (whole.height * width)
        lost = 1 - min(proportion, 1 / proportion)
    if transparent:
        small = _composited(small, background).convert("L" if gray else "RGB")
    return np.asarray(small).reshape(height, width, -1).transpose(2, 0, 1), lost


def _padded(picture, width, height, background):
    """The picture as large as fits into the size, in the middle of the background."""
    from PIL import Image

    scale = min(width / picture.width, height / picture.height)
    inner = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    canvas = Image.new("RGB", (width, height), background).convert(picture.mode)
    canvas.paste(picture.resize(inner), ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return canvas


def _composited(picture, background):
    """An RGBA picture on the background. Raises ImageError if its ink has the colour of the background."""
    from PIL import Image

    canvas = Image.new("RGBA", picture.size, (*background, 255))
    canvas.alpha_composite(picture)
    alpha = np.asarray(picture)[..., 3]
    if alpha.min() < alpha.max() and (np.asarray(canvas) == np.asarray(canvas)[:1, :1]).all():
        raise ImageError(f"of one colour on the background {background}: choose another background")
    return canvas


def _check(picture, data):
    """Raise ImageError if the header declares too much, before a pixel is decoded."""
    if picture.width * picture.height > LARGEST:
        raise ImageError(_too_large(f"{picture.width} x {picture.height}"))
    if picture.mode not in MODES:
        raise ImageError(f"expected grey or colours of 8 bits per channel, got mode {picture.mode!r}: convert it")
    progressive = picture.format != "JPEG" or "progressive" in picture.info
    cost = 8 if len(picture.getbands()) > 1 or picture.mode.startswith("P") else 2  # bytes: decoded, and converted
    cost += DECODER.get(picture.format, 0) * progressive
    try:
        check_memory(picture.width * picture.height * cost, len(data), "Make it smaller.", LEAST_PICTURE)
    except TooLargeError as error:
        raise ImageError(str(error)) from None
    passes = data.count(PASS) if picture.format == "JPEG" else 1
    if passes * picture.width * picture.height > max(LEAST_WORK, WORK_PER_BYTE * len(data)):
        raise ImageError(f"expected a JPEG of a few passes, got {passes} of {picture.width} x {picture.height} pixels")


def _too_large(got):
    return f"expected a picture of at most {LARGEST:,} pixels, its header declares {got}: make it smaller"
