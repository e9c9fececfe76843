"""Tables for anomaly detection: numbers with a label per row, from ADBench's .npz files or the credit-card CSV.

The files are not trusted. npae.data.files.npz reads the arrays of an .npz file.

Han, Hu, Huang, Jiang & Zhao 2022, "ADBench: anomaly detection benchmark"; Dal Pozzolo, Caelen, Johnson & Bontempi 2015,
"Calibrating probability with undersampling for unbalanced classification" (the credit-card transactions).
"""

import importlib.util
import io
import warnings
import zipfile
from dataclasses import replace

import numpy as np

from npae.backend import as_path
from npae.data.files.columns import chosen
from npae.data.files.delimited import head_of
from npae.data.files.download import data_folder
from npae.data.files.npz import array_in
from npae.data.files.table import Table, read_table
from npae.data.files.text import TableError, read_text

CREDIT_CARD_FILES = ("creditcard.csv", "creditcard.csv.gz", "creditcard_sample.csv.gz")
CREDIT_CARD = (*(f"V{k}" for k in range(1, 29)), "Amount")


def adbench(folder=None):
    """The ADBench tables in `folder`, by default in $NPAE_DATA/adbench: a list, in the order of their names.

    Raises FileNotFoundError if there are none, and TableError if a file is damaged.
    """
    folder = data_folder("adbench") if folder is None else as_path(folder, "adbench")
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
    path = as_path(path, "read_npz")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected an .npz file, found none. Check the path.")
    try:
        with zipfile.ZipFile(path) as archive:
            found = [name.removesuffix(".npy") for name in archive.namelist()]
            if not {"X", "y"} <= set(found):
                raise TableError(f"it has the arrays {', '.join(found) or 'none'}")
            x, y = (array_in(archive, name, ndim) for name, ndim in (("X", 2), ("y", 1)))
    except (PermissionError, MemoryError):
        raise
    except Exception as error:  # zip and NumPy raise many kinds for arbitrary bytes
        raise TableError(
            f"{path}: expected an .npz file with numbers X (n, d) and y (n,), but {_reason(error)}. Write it by "
            "numpy.savez(path, X=x, y=y); if it was whole once, copy it again."
        ) from error
    return _anomalies(Table(x.astype(np.float64), y, path.stem.partition("_")[2] or path.stem, path))


def credit_card(path=None):
    """The credit-card transactions as a Table of 29 features, V1 to V28 and Amount; frauds are the anomalies.

    path: the CSV file, plain or packed. By default the first of creditcard.csv, creditcard.csv.gz (284,807 rows) and
    creditcard_sample.csv.gz (a part) in $NPAE_DATA/creditcard. The features are taken by name; other columns, such as
    Time, which counts the seconds since the recording began, are left out. pandas reads the file; without it, NumPy
    does, which takes numbers alone.
    Raises FileNotFoundError, with the place to get the file, and TableError if the file has another content.
    """
    if path is None:
        folder = data_folder("creditcard")
        path = next((folder / f for f in CREDIT_CARD_FILES if (folder / f).is_file()), None) if folder else None
    if path is None or not as_path(path, "credit_card").is_file():
        raise FileNotFoundError(
            f"credit_card: expected the file {path or '$NPAE_DATA/creditcard/creditcard.csv'}, found none. "
            'Download it from kaggle.com ("Credit Card Fraud Detection", mlg-ulb/creditcardfraud) and name its path.'
        )
    path = as_path(path)
    if importlib.util.find_spec("pandas"):
        return _anomalies(read_table(path, "Class", columns=CREDIT_CARD))
    data = read_text(path)
    try:
        table = _read_with_numpy(path, data)
    except ValueError as error:
        hint = 'Other forms of tables are read with pandas: pip install "npae[tables]".'
        raise TableError(f"{path}: {_reason(error)}. {hint}") from error
    return _anomalies(table)


def _read_with_numpy(path, data):
    """The Table of credit_card from UTF-8 bytes in which every cell is a number with a decimal point."""
    head = head_of(data)
    places, label = chosen(head.names, "Class", CREDIT_CARD)
    stream = io.BytesIO(data)
    stream.seek(head.start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a file without rows
        numbers = np.loadtxt(stream, delimiter=head.separator, quotechar='"', ndmin=2)
    if numbers.shape[1] != len(head.names) or not len(numbers):
        raise TableError(f"its {len(numbers)} rows have {numbers.shape[1]} cells, its first line {len(head.names)}")
    return Table(numbers[:, places], numbers[:, label], path.name.partition(".")[0], path, CREDIT_CARD)


def _reason(error):
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _anomalies(table):
    """The Table with labels of bool instead of 0 and 1."""
    if len(table.x) != len(table.y) or table.classes or not np.isin(table.y, (0, 1)).all():
        got = f"{len(table.y)} labels: {', '.join(table.classes or (f'{v:g}' for v in np.unique(table.y)[:5]))}"
        raise TableError(f"{table.path}: expected a label of 0 or 1 for each of {len(table.x)} rows, got {got}.")
    return replace(table, y=table.y == 1)
