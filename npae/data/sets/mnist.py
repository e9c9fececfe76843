"""MNIST, and every data set of the same layout: images and labels as uint8 arrays.

The full set (60,000 + 10,000 digits) is read from a folder or downloaded once. The first 10,000 + 2,000 digits are
embedded in the package, so that demos and tests run without a network. They were made from the full set, in a folder
`full`, by

    for name, n in zip(FILES, (10_000, 10_000, 2_000, 2_000)):
        write_idx(SAMPLE / f"{name}.gz", read_idx(full / f"{name}.gz")[:n])

LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition".
"""

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from npae.backend import as_path
from npae.data.files.download import data_folder, fetch_mnist
from npae.data.files.idx import IDXError, read_idx
from npae.data.files.idx_parts import check_part, find_parts

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
SAMPLE = Path(__file__).parent.parent / "sample"


@dataclass(frozen=True, eq=False, repr=False)
class Images:
    """Grey images with labels, split into training and test.

    train_images (n, height, width), test_images (m, height, width): uint8 (a folder of IDX files may have another
    dtype); for digits, 0 is paper and 255 is full ink. train_labels (n,), test_labels (m,): integers, the classes.
    origin: where the data come from, for logs and captions.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    origin: str

    def __repr__(self):
        n, height, width = self.train_images.shape
        m = len(self.test_images)
        return f"Images({n} training and {m} test images of {height}x{width}, {self.origin})"


def mnist(folder=None, *, which="auto"):
    """The MNIST digits, as Images.

    folder: a folder with the four files, see idx_folder. Without it, the full set is looked for in $NPAE_DATA/mnist,
        then in the cache ($NPAE_CACHE/mnist, or in the system's cache), and then downloaded into the cache:
        11 MB, with the packages of the extra "demos".
    which: "auto": the full set, or, if it is not found, the embedded sample, with one line on stderr;
        "full": the full set, or an error with the way to get it;
        "sample": always the embedded sample, 10,000 training and 2,000 test digits, without network and message.

    Raises FileNotFoundError (the full set is not found, or files are missing in the folder), NotADirectoryError
    (NPAE_DATA is not a folder), IDXError (a file is damaged), ValueError (an unknown `which`, or a folder with
    "sample").
    """
    if which not in ("auto", "full", "sample"):
        raise ValueError(f'mnist: expected which to be "auto", "full" or "sample", got {which!r}.')
    if which == "sample":
        if folder is not None:
            raise ValueError(f'mnist: expected no folder with which="sample", got {folder}. Leave one out.')
        return _sample()
    if folder is None:
        folder = data_folder("mnist")
    if folder is not None:
        return idx_folder(folder)
    try:
        return idx_folder(fetch_mnist())
    except (OSError, ImportError) as error:
        reason = " ".join(str(error).split())
    if which == "full":
        raise FileNotFoundError(
            f"mnist: expected the full set, found none and could not download it ({reason}). "
            f"Set NPAE_DATA to a folder whose subfolder mnist/ holds {', '.join(FILES)} (plain or with .gz), "
            'or pip install "npae[demos]" and try again with a network.'
        )
    print(f"npae: no full MNIST ({reason}); using the embedded 10,000 + 2,000 digits.", file=sys.stderr)
    return _sample()


def idx_folder(path):
    """The Images in a folder of the same layout as MNIST: Fashion-MNIST, KMNIST, or your own.

    path: a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
        t10k-labels-idx1-ubyte, each plain or with .gz; if both exist, the plain one is read. Dots and underscores may
        stand for the hyphens, as in train-images.idx3-ubyte.
    Images are (count, height, width), of one size and dtype in training and test: uint8, or another type of the format,
    such as float32, which is not changed. Labels are integers (count,).

    Raises FileNotFoundError, with the names of missing files and of those that are there; IDXError if a file is damaged
    or two do not match.
    """
    path = as_path(path, "idx_folder")
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: expected a folder with {', '.join(FILES)}, found none. Check it.")
    paths = find_parts(path, FILES)
    arrays = [read_idx(p) for p in paths]
    for p, array, what in zip(paths, arrays, ("images", "labels") * 2, strict=True):
        check_part(p, array, what)
    train_images, train_labels, test_images, test_labels = arrays
    for part, images, labels in (("train", train_images, train_labels), ("t10k", test_images, test_labels)):
        if len(images) != len(labels):
            raise IDXError(
                f"{path}: expected one label for each image, got {len(images)} {part}-images and "
                f"{len(labels)} {part}-labels. Take both files from the same dataset."
            )
    for what, a, b in (("size", train_images.shape[1:], test_images.shape[1:]),
                       ("dtype", train_images.dtype, test_images.dtype)):  # fmt: skip
        if a != b:
            raise IDXError(
                f"{path}: expected training and test images of one {what}, got {a} and {b}. "
                "Take all four files from the same dataset."
            )
    return Images(*arrays, origin=str(path))


def _sample():
    return replace(idx_folder(SAMPLE), origin="embedded sample of MNIST")
