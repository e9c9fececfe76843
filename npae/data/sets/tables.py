"""Tables for anomaly detection: numbers with a label per row, from ADBench's .npz files or the credit-card CSV.

The files are not trusted. npae.data.files.npz reads the arrays of an .npz file. A CSV file declares no sizes; its table
takes as much memory as it has numbers.

Han, Hu, Huang, Jiang & Zhao 2022, "ADBench: anomaly detection benchmark"; Dal Pozzolo, Caelen, Johnson & Bontempi 2015,
"Calibrating probability with undersampling for unbalanced classification" (the credit-card transactions).
"""

import gzip
import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npae.data.files.download import data_folder
from npae.data.files.idx import GZIP_MAGIC
from npae.data.files.npz import array_in

CREDIT_CARD_FILES = ("creditcard.csv", "creditcard.csv.gz", "creditcard_sample.csv.gz")
LONGEST_LINE = 1 << 16


class TableError(ValueError):
    """The file exists but is not the table that it should be."""


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """x (n, d) float64; y (n,) bool, True for an anomaly; name; path, the file that it was read from."""

    x: np.ndarray
    y: np.ndarray
    name: str
    path: Path

    def __repr__(self):
        return f"Table({self.name}: {len(self.x)} rows of {self.x.shape[1]} features, {self.y.sum()} anomalies)"


def adbench(folder=None):
    """The ADBench tables in `folder`, by default in $NPAE_DATA/adbench: a list, in the order of their names.

    Raises FileNotFoundError if there are none, and TableError if a file is damaged.
    """
    folder = data_folder("adbench") if folder is None else Path(folder)
    paths = sorted(folder.glob("*.npz"), key=lambda p: p.stem.partition("_")[2] or p.stem) if folder else []
    if not paths:
        raise FileNotFoundError(
            f"adbench: expected .npz files in {folder or '$NPAE_DATA/adbench'}, found none. Take them from the folder "
            "adbench/datasets/Classical of github.com/Minqi824/ADBench and set NPAE_DATA."
        )
    return [read_npz(path) for path in paths]


def read_npz(path):
    """The Table in one .npz file with numbers X (n, d) and labels y (n,), 1 for an anomaly and 0 otherwise.

    Raises FileNotFoundError, and TableError if the file has another content.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected an .npz file, found none. Check the path.")
    try:
        with zipfile.ZipFile(path) as archive:
            x, y = (array_in(archive, name, ndim) for name, ndim in (("X", 2), ("y", 1)))
    except (PermissionError, MemoryError):
        raise
    except Exception as error:  # zip and NumPy raise many kinds for arbitrary bytes
        raise TableError(
            f"{path}: expected an .npz file with numbers X (n, d) and y (n,), but {_reason(error)}. "
            "Download or copy it again."
        ) from error
    return _table(x, y, path.stem.partition("_")[2] or path.stem, path)


def credit_card(path=None):
    """The credit-card transactions as a Table of 29 features, V1 to V28 and Amount; frauds are the anomalies.

    path: the CSV file, plain or gzipped. By default the first of creditcard.csv, creditcard.csv.gz (284,807 rows) and
    creditcard_sample.csv.gz (a part) in $NPAE_DATA/creditcard. The column Time is left out: it counts the seconds since
    the recording began and describes no property of a transaction.
    Raises FileNotFoundError, with the place to get the file, and TableError if the file has another content.
    """
    if path is None:
        folder = data_folder("creditcard")
        path = next((folder / f for f in CREDIT_CARD_FILES if (folder / f).is_file()), None) if folder else None
    if path is None or not Path(path).is_file():
        raise FileNotFoundError(
            f"credit_card: expected the file {path or '$NPAE_DATA/creditcard/creditcard.csv'}, found none. "
            'Download it from kaggle.com ("Credit Card Fraud Detection", mlg-ulb/creditcardfraud) and name its path.'
        )
    return read_csv(path, label="Class", leave_out=("Time",))


def read_csv(path, label, leave_out=()):
    """The Table in a CSV file, plain or gzipped: a line with the names of the columns, then lines of numbers.

    label: the name of the column of labels, 1 for an anomaly and 0 otherwise. leave_out: columns that are not features.
    Raises FileNotFoundError, and TableError if a column is missing or if a row has not as many numbers as there are
    names.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a CSV file, found none. Check the path.")
    with open(path, "rb") as file:
        opened = gzip.open if file.read(2) == GZIP_MAGIC else open
    try:
        with opened(path, "rt", encoding="utf-8") as stream:
            names = [name.strip().strip('"') for name in stream.readline(LONGEST_LINE).split(",")]
            missing = [name for name in (label, *leave_out) if name not in names]
            if missing:
                raise TableError(f"it has no column {', '.join(missing)}")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about a file without rows
                numbers = np.loadtxt(stream, delimiter=",", quotechar='"', ndmin=2)
            if numbers.shape[1] != len(names) or not len(numbers):
                raise TableError(f"its {len(numbers)} rows have {numbers.shape[1]}, its first line {len(names)}")
    except (EOFError, OSError, zlib.error, ValueError) as error:
        raise TableError(
            f"{path}: expected a CSV file with a line of names and as many numbers in every row, but {_reason(error)}. "
            "Download or copy it again."
        ) from error
    features = [k for k, name in enumerate(names) if name != label and name not in leave_out]
    return _table(numbers[:, features], numbers[:, names.index(label)], path.name.partition(".")[0], path)


def _reason(error):
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _table(x, y, name, path):
    if len(x) != len(y) or not np.isin(y, (0, 1)).all():
        raise TableError(f"{path}: expected a label of 0 or 1 for each of {len(x)} rows. Check the file.")
    return Table(x.astype(np.float64), y == 1, name, path)
