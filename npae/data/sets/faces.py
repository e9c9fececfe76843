"""Faces: the Olivetti photographs, Labeled Faces in the Wild, and the frames of Frey's face.

The photographs of one person resemble each other. A test on other photographs of the people in the training set would
therefore measure memory as well. So training and test have different *people*:

    olivetti    40 people, 10 photographs each, 64 × 64 pixels: the last five people are for testing
    lfw         5,749 people, 13,233 photographs, 64 × 64 pixels: every tenth person is for testing
    frey        one person, 1,965 frames of a video, 28 × 20 pixels: no split

Olivetti: photographs of 1992 to 1994 at AT&T Laboratories Cambridge, then Olivetti Research; Samaria & Harter 1994,
"Parameterisation of a stochastic model for human face identification". LFW: press photographs; Huang, Ramesh, Berg &
Learned-Miller 2007, "Labeled Faces in the Wild", and Huang, Mattar, Lee & Learned-Miller 2012, "Learning to align from
scratch". Frey: Brendan Frey's face; Roweis, Saul & Hinton 2001, "Global coordination of local linear models". They are
not in the package, since they may not be distributed with it.
"""

import os
from pathlib import Path

import numpy as np

from npae.backend import Array, as_path, open_untrusted
from npae.data.files.limits import TooLargeError
from npae.data.files.npz import arrays_in
from npae.data.files.picture import ImageError
from npae.data.files.places import cache_folder, data_folder
from npae.data.files.shown import reason
from npae.data.sets.mnist import Images

TRAINING_PEOPLE, PEOPLE = 35, 40  # Olivetti
TENTH = 10  # LFW: every tenth person is for testing
SIZE, FRAME = (64, 64), (28, 20)
SAVE = "numpy.savez_compressed('{}', images=(255 * f.images).round().astype('uint8'), person=f.target)"
SKLEARN = 'Where scikit-learn is installed and there is a network, make it in that folder by: python -c "{}"'
OLIVETTI_CURE = SKLEARN.format(  # scikit-learn downloads 4 MB and checks their SHA-256
    "import numpy, sklearn.datasets; f = sklearn.datasets.fetch_olivetti_faces(); " + SAVE.format("olivetti.npz")
)
LFW_CURE = SKLEARN.format(  # 200 MB; the middle of each photograph
    "import numpy, sklearn.datasets; f = sklearn.datasets.fetch_lfw_people(slice_=(slice(62, 188), slice(62, 188)), "
    "resize=64 / 126); " + SAVE.format("lfw_64.npz")
)
FREY_CURE = (
    "Where there are SciPy and frey_rawface.mat, from the page of Sam Roweis (New York University), make it in that "
    "folder by: python -c \"import numpy, scipy.io; f = scipy.io.loadmat('frey_rawface.mat')['ff']; "
    "numpy.savez_compressed('frey.npz', images=f.T.reshape(-1, 28, 20))\""
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
    file, images, person = _photographs("olivetti", "olivetti.npz", path, OLIVETTI_CURE)
    if not np.array_equal(np.unique(person), np.arange(PEOPLE)):
        raise ImageError(f"{file}: expected faces of the people 0 to {PEOPLE - 1}, each at least once. Check the file.")
    return _split(images, person.astype(np.uint8), person >= TRAINING_PEOPLE, file)


def lfw(path: str | os.PathLike[str] | None = None) -> Images:
    """Labeled Faces in the Wild: (12164, 64, 64) for training, (1069, 64, 64) for test, uint8; labels number people.

    The test photographs are those of every tenth person: of the people with the numbers 9, 19, 29, …

    Args:
        path: an .npz file with `images` (n, 64, 64) uint8 and `person` (n,), integers from 0 on. None: lfw_64.npz in
            $NPAE_DATA/lfw, then in the cache ($NPAE_CACHE/lfw, or in the system's cache).

    Raises FileNotFoundError, with the way to get the file; NotADirectoryError if NPAE_DATA or NPAE_CACHE is wrong;
    ImageError if the file has another content.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from npae.data import lfw
        >>> path = pathlib.Path(tempfile.mkdtemp(), "lfw_64.npz")  # grey squares in the place of the photographs
        >>> np.savez(path, images=np.full((60, 64, 64), 128, np.uint8), person=np.arange(60) // 2)
        >>> faces = lfw(path)
        >>> faces.train_images.shape, np.unique(faces.test_labels)
        ((54, 64, 64), array([ 9, 19, 29]))
    """
    file, images, person = _photographs("lfw", "lfw_64.npz", path, LFW_CURE)
    test = person % TENTH == TENTH - 1
    if not len(person) or person.min() < 0 or test.all() or not test.any():
        raise ImageError(
            f"{file}: expected faces of people with numbers from 0 to at least {TENTH - 1}. Make it again."
        )
    return _split(images, person, test, file)


def frey(path: str | os.PathLike[str] | None = None) -> Array:
    """Frey's face, the frames of a video in their order: (1965, 28, 20) uint8.

    Args:
        path: an .npz file with `images` (n, 28, 20) uint8. None: frey.npz in $NPAE_DATA/frey, then in the cache
            ($NPAE_CACHE/frey, or in the system's cache).

    Raises FileNotFoundError, with the way to get the file; NotADirectoryError if NPAE_DATA or NPAE_CACHE is wrong;
    ImageError if the file has another content.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from npae.data import frey
        >>> path = pathlib.Path(tempfile.mkdtemp(), "frey.npz")  # grey squares in the place of the frames
        >>> np.savez(path, images=np.full((1965, 28, 20), 128, np.uint8))
        >>> frey(path).shape
        (1965, 28, 20)
    """
    file, (images,) = _arrays("frey", "frey.npz", path, {"images": 3}, FREY_CURE)
    if images.shape[1:] != FRAME or images.dtype != np.uint8 or not len(images):
        raise ImageError(
            f"{file}: expected images (n, {FRAME[0]}, {FRAME[1]}) of uint8, got {images.dtype} {images.shape}. "
            "Delete it: then frey() prints how to make it."
        )
    return images


def _photographs(name: str, filename: str, path, cure: str) -> tuple[Path, Array, Array]:
    """(file, images, person) of a set of photographs, checked."""
    file, (images, person) = _arrays(name, filename, path, {"images": 3, "person": 1}, cure)
    if images.shape != (len(person), *SIZE) or images.dtype != np.uint8 or person.dtype.kind not in "iu":
        raise ImageError(
            f"{file}: expected images (n, {SIZE[0]}, {SIZE[1]}) of uint8 and person (n,) of integers, got "
            f"{images.dtype} {images.shape} and {person.dtype} {person.shape}. Delete it: then {name}() prints how to "
            "make it."
        )
    return file, images, person


def _arrays(name: str, filename: str, path, axes: dict[str, int], cure: str) -> tuple[Path, list[Array]]:
    """(file, its arrays): from `path`, else from $NPAE_DATA/name, else from the cache."""
    file = as_path(path, name) if path is not None else _place(name, filename)
    if file is None or not file.exists():
        raise FileNotFoundError(
            f"{name}: expected the file {file or f'$NPAE_DATA/{name}/{filename}'}, found none. {cure}"
        )
    try:
        with open_untrusted(file) as opened:
            return file, arrays_in(opened, axes)
    except (PermissionError, MemoryError):
        raise
    except TooLargeError as error:
        raise ImageError(f"{file}: {error}") from None
    except Exception as error:  # zip and NumPy raise many kinds for arbitrary bytes
        raise ImageError(
            f"{file}: expected an .npz file with the faces of {name}(), but {reason(error)}. Make or copy it again."
        ) from error


def _place(name: str, filename: str) -> Path | None:
    """The path of the file; None if it is not found."""
    paths = [folder / filename for folder in (data_folder(name), cache_folder(name)) if folder is not None]
    return next((path for path in paths if path.is_file()), None)


def _split(images: Array, person: Array, test: Array, file: Path) -> Images:
    return Images(images[~test], person[~test], images[test], person[test], origin=str(file))
