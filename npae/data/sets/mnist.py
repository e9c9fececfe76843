"""MNIST, and every data set of the same layout: images and labels as uint8 arrays.

The full set (60,000 + 10,000 digits, 11 MB) is read from a folder or downloaded once. The first 10,000 + 2,000 digits
are embedded in the package, so that demos and tests run without a network. They were made from the full set, in a
folder `full`, by

    for name, n in zip(FILES, (10_000, 10_000, 2_000, 2_000)):
        write_idx(SAMPLE / f"{name}.gz", read_idx(full / f"{name}.gz")[:n])

LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition".
"""

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from npae.backend import Array, as_path
from npae.data.files.download import download
from npae.data.files.idx import IDXError, read_idx
from npae.data.files.idx_parts import check_part, find_parts
from npae.data.files.places import cache_folder, data_folder

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
SAMPLE = Path(__file__).parent.parent / "sample"
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://raw.githubusercontent.com/fgnt/mnist/master",
)
MD5 = {
    "train-images-idx3-ubyte.gz": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte.gz": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte.gz": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte.gz": "27ae3e4e09519cfbb04c329615203637",
}


@dataclass(frozen=True, eq=False, repr=False)
class Images:
    """Grey images with labels, split into training and test.

    Attributes:
        train_images: (n, height, width) uint8; a folder of IDX files may have another dtype. For digits, 0 is paper and
            255 is full ink.
        train_labels: (n,) integers, the classes.
        test_images: (m, height, width), of the same dtype.
        test_labels: (m,) integers.
        origin: where the data come from, for logs and captions.

    Example:
        >>> import numpy as np
        >>> from npae.data import mnist
        >>> digits = mnist(which="sample")
        >>> digits
        Images(10000 training and 2000 test images of 28x28, embedded sample of MNIST)
        >>> np.bincount(digits.test_labels).tolist()
        [175, 234, 219, 207, 217, 179, 178, 205, 192, 194]
    """

    train_images: Array
    train_labels: Array
    test_images: Array
    test_labels: Array
    origin: str

    def __repr__(self) -> str:
        n, height, width = self.train_images.shape
        m = len(self.test_images)
        return f"Images({n} training and {m} test images of {height}x{width}, {self.origin})"


def mnist(folder: str | os.PathLike[str] | None = None, *, which: str = "auto") -> Images:
    """The MNIST digits.

    Args:
        folder: with the four files, see idx_folder. None: the full set is looked for in $NPAE_DATA/mnist, then in the
            cache ($NPAE_CACHE/mnist, or in the system's cache), and then downloaded into the cache, 11 MB.
        which: "auto": the full set, or, if it cannot be had, the embedded sample, with one line on stderr;
            "full": the full set, or an error with the way to get it;
            "sample": always the embedded sample, 10,000 training and 2,000 test digits, without network and message.

    Raises FileNotFoundError (the full set is not found, or files are missing in the folder), NotADirectoryError
    (NPAE_DATA is not a folder), IDXError (a file is damaged), ValueError (an unknown `which`, or a folder with
    "sample").

    Example:
        >>> from npae.data import mnist
        >>> digits = mnist(which="sample")
        >>> digits.train_images.shape, str(digits.train_images.dtype)
        ((10000, 28, 28), 'uint8')
        >>> digits.train_labels[:5].tolist()
        [5, 0, 4, 1, 9]
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
        folder = fetch_mnist()
        return _read([folder / name for name in MD5], folder)  # the files whose checksums were compared, and no others
    except OSError as error:
        reason = " ".join(str(error).split())
    if which == "full":
        raise FileNotFoundError(
            f"mnist: expected the full set, found none and could not download it ({reason}). "
            "Try again with a network, or set NPAE_DATA to a folder whose subfolder mnist/ holds "
            f"{', '.join(FILES)} (plain or with .gz)."
        )
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):  # a terminal that is gone
            print(f"npae: no full MNIST ({reason}); using the embedded 10,000 + 2,000 digits.", file=sys.stderr)
    return _sample()


def fetch_mnist(folder: str | os.PathLike[str] | None = None, *, mirrors: Sequence[str] = MIRRORS,
                checksums: Mapping[str, str] = MD5) -> Path:  # fmt: skip
    """Download the four MNIST files (11 MB) into a folder, and return it.

    Files that exist and are correct are not fetched again; incorrect ones are replaced. A terminal shows the progress
    if tqdm is installed. Mirrors are not trusted: one that sends nothing for ten seconds, less than 1000 bytes per
    second, more than 64 MB, or for more than ten minutes, is given up, as after any error, and the next one is asked.

    Args:
        folder: where the files are to be; None: the cache. It is made if it is missing.
        mirrors: addresses of folders, tried in order.
        checksums: {file name: md5 of its decompressed bytes, hexadecimal}.

    Raises DownloadError if a file cannot be had or written, after four seconds if there is no network; and
    NotADirectoryError as cache_folder does.

    Example:
        >>> import hashlib, pathlib, tempfile
        >>> from npae.data import fetch_mnist
        >>> mirror = pathlib.Path(tempfile.mkdtemp())  # a folder may take the place of a server
        >>> size = (mirror / "labels").write_bytes(b"some labels")
        >>> checksums = {"labels": hashlib.md5(b"some labels").hexdigest()}
        >>> folder = fetch_mnist(tempfile.mkdtemp(), mirrors=[mirror.as_uri()], checksums=checksums)
        >>> (folder / "labels").read_bytes()
        b'some labels'
    """
    folder = cache_folder("mnist") if folder is None else as_path(folder, "fetch_mnist")
    download(folder, mirrors, checksums)
    return folder


def idx_folder(path: str | os.PathLike[str]) -> Images:
    """The images in a folder of the same layout as MNIST: Fashion-MNIST, KMNIST, or your own.

    Images are (count, height, width), of one size and dtype in training and test: uint8, or another type of the format,
    such as float32, which is not changed. Labels are integers (count,).

    Args:
        path: of the folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
            t10k-labels-idx1-ubyte, each plain or with .gz; if both exist, the plain one is read. Dots and underscores
            may stand for the hyphens, as in train-images.idx3-ubyte.

    Raises FileNotFoundError, with the names of missing files and of those that are there; IDXError if a file is damaged
    or two do not match.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from npae.data import idx_folder, write_idx
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for part, n in (("train", 50), ("t10k", 10)):
        ...     write_idx(folder / f"{part}-images-idx3-ubyte", np.zeros((n, 8, 8), np.uint8))
        ...     write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(n, dtype=np.uint8))
        >>> idx_folder(folder).train_images.shape
        (50, 8, 8)
    """
    path = as_path(path, "idx_folder")
    if not path.is_dir():
        raise FileNotFoundError(f"{path}: expected a folder with {', '.join(FILES)}, found none. Check it.")
    return _read(find_parts(path, FILES), path)


def _read(paths: Sequence[Path], folder: Path) -> Images:
    """The four files of a folder, in the order of FILES, checked against each other."""
    arrays = [read_idx(p) for p in paths]
    for p, array, what in zip(paths, arrays, ("images", "labels") * 2, strict=True):
        check_part(p, array, what)
    train_images, train_labels, test_images, test_labels = arrays
    for part, images, labels in (("train", train_images, train_labels), ("t10k", test_images, test_labels)):
        if len(images) != len(labels):
            raise IDXError(
                f"{folder}: expected one label for each image, got {len(images)} {part}-images and "
                f"{len(labels)} {part}-labels. Take both files from the same dataset."
            )
    for what, a, b in (("size", train_images.shape[1:], test_images.shape[1:]),
                       ("dtype", train_images.dtype, test_images.dtype)):  # fmt: skip
        if a != b:
            raise IDXError(
                f"{folder}: expected training and test images of one {what}, got {a} and {b}. "
                "Take all four files from the same dataset."
            )
    return Images(*arrays, origin=str(folder))


def _sample() -> Images:
    return replace(idx_folder(SAMPLE), origin="embedded sample of MNIST")
