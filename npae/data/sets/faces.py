"""The Olivetti faces: ten photographs each of forty people, 64 by 64 grey pixels.

The photographs of one person are almost copies of each other. A test on other photographs of the people in the training
set would therefore measure memory. So training and test have different *people*: the first 35 (350 faces), and the last
five (50 faces).

The photographs were taken between 1992 and 1994 at AT&T Laboratories Cambridge, then Olivetti Research: Samaria &
Harter 1994, "Parameterisation of a stochastic model for human face identification". They are not in the package, since
they may not be distributed with it.
"""

import os
from pathlib import Path

import numpy as np

from npae.backend import as_path, open_untrusted
from npae.data.files.limits import TooLargeError
from npae.data.files.npz import arrays_in
from npae.data.files.picture import ImageError
from npae.data.files.places import cache_folder, data_folder
from npae.data.files.shown import reason
from npae.data.sets.mnist import Images

TRAINING_PEOPLE, PEOPLE, SIZE = 35, 40, 64
MAKE_FILE = (  # scikit-learn downloads 4 MB and checks their SHA-256
    "import numpy, sklearn.datasets; f = sklearn.datasets.fetch_olivetti_faces(); "
    "numpy.savez_compressed('olivetti.npz', images=(255 * f.images).round().astype('uint8'), person=f.target)"
)


def olivetti(path: str | os.PathLike[str] | None = None) -> Images:
    """The Olivetti faces: (350, 64, 64) for training, (50, 64, 64) for test, uint8; labels number the people.

    Args:
        path: an .npz file with `images` (n, 64, 64) uint8 and `person` (n,), integers from 0 to 39. None: olivetti.npz
            in $NPAE_DATA/olivetti, then in the cache ($NPAE_CACHE/olivetti, or in the system's cache).

    Raises FileNotFoundError, with the way to get the file; NotADirectoryError if NPAE_DATA or NPAE_CACHE is wrong;
    ImageError if the file has another content.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from npae.data import olivetti
        >>> path = pathlib.Path(tempfile.mkdtemp(), "olivetti.npz")  # grey squares in the place of the photographs
        >>> np.savez(path, images=np.full((400, 64, 64), 128, np.uint8), person=np.arange(400) // 10)
        >>> faces = olivetti(path)
        >>> faces.train_images.shape, faces.test_images.shape
        ((350, 64, 64), (50, 64, 64))
    """
    file = as_path(path, "olivetti") if path is not None else _place()
    if file is None or not file.exists():
        raise FileNotFoundError(
            f"olivetti: expected the file {file or '$NPAE_DATA/olivetti/olivetti.npz'}, found none. Where scikit-learn "
            f'is installed and there is a network, make it in that folder by: python -c "{MAKE_FILE}"'
        )
    try:
        with open_untrusted(file) as opened:
            images, person = arrays_in(opened, {"images": 3, "person": 1})
    except (PermissionError, MemoryError):
        raise
    except TooLargeError as error:
        raise ImageError(f"{file}: {error}") from None
    except Exception as error:  # zip and NumPy raise many kinds for arbitrary bytes
        raise ImageError(
            f"{file}: expected an .npz file with the Olivetti faces, but {reason(error)}. Make or copy it again."
        ) from error
    if images.shape != (len(person), SIZE, SIZE) or images.dtype != np.uint8 or person.dtype.kind not in "iu":
        raise ImageError(
            f"{file}: expected images (n, {SIZE}, {SIZE}) of uint8 and person (n,) of integers, got {images.dtype} "
            f"{images.shape} and {person.dtype} {person.shape}. Delete it: then olivetti() prints how to make it."
        )
    if not np.array_equal(np.unique(person), np.arange(PEOPLE)):
        raise ImageError(f"{file}: expected faces of the people 0 to {PEOPLE - 1}, each at least once. Check the file.")
    train, person = person < TRAINING_PEOPLE, person.astype(np.uint8)
    return Images(images[train], person[train], images[~train], person[~train], origin=str(file))


def _place() -> Path | None:
    """The path of olivetti.npz; None if it is not found."""
    folders = data_folder("olivetti"), cache_folder("olivetti")
    paths = [folder / "olivetti.npz" for folder in folders if folder is not None]
    return next((path for path in paths if path.is_file()), None)
