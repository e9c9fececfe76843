"""Tables for anomaly detection: numbers with a label per row, from ADBench's .npz files or the credit-card CSV.

The files are not trusted. npae.data.files.npz reads the arrays of an .npz file.

Han, Hu, Huang, Jiang & Zhao 2022, "ADBench: anomaly detection benchmark"; Dal Pozzolo, Caelen, Johnson & Bontempi 2015,
"Calibrating probability with undersampling for unbalanced classification" (the credit-card transactions).
"""

import importlib.util
import io
import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from npae.backend import NotAFileError, as_path, missing, open_untrusted
from npae.data.files.columns import chosen
from npae.data.files.delimited import head_of
from npae.data.files.limits import TooLargeError
from npae.data.files.npz import arrays_in
from npae.data.files.places import data_folder
from npae.data.files.shown import reason, some
from npae.data.files.table import Table, read_table
from npae.data.files.text import TableError, read_text

CREDIT_CARD_FILES = ("creditcard.csv", "creditcard.csv.gz", "creditcard_sample.csv.gz")
CREDIT_CARD = (*(f"V{k}" for k in range(1, 29)), "Amount")


def adbench(folder: str | os.PathLike[str] | None = None) -> list[Table]:
    """The ADBench tables in a folder, in the order of their names.

    Args:
        folder: with their .npz files; None: $NPAE_DATA/adbench.

    Raises FileNotFoundError if there are none, and TableError if a file is damaged.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from npae.data import adbench
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ("2_cover", "1_cardio"):
        ...     np.savez(folder / name, X=np.ones((50, 3)), y=np.arange(50) < 4)
        >>> adbench(folder)
        [Table(cardio: 50 rows of 3 features, 4 anomalies), Table(cover: 50 rows of 3 features, 4 anomalies)]
    """
    place = data_folder("adbench") if folder is None else as_path(folder, "adbench")
    paths = sorted(place.glob("*.npz"), key=lambda p: p.stem.partition("_")[2] or p.stem) if place else []
    if not paths:
        raise FileNotFoundError(
            f"adbench: expected .npz files in {place or '$NPAE_DATA/adbench'}, found none. Take them from the folder "
            "adbench/datasets/Classical of github.com/Minqi824/ADBench and set NPAE_DATA."
        )
    return [read_npz(path) for path in paths]


def read_npz(path: str | os.PathLike[str]) -> Table:
    """The table in one .npz file with numbers X (n, d) and labels y (n,), 1 for an anomaly and 0 otherwise.

    Args:
        path: of the file.

    Raises FileNotFoundError, IsADirectoryError; TableError if the file has another content, with the place of a number
    that is NaN or infinite.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from npae.data import read_npz
        >>> path = pathlib.Path(tempfile.mkdtemp(), "pumps.npz")
        >>> np.savez(path, X=np.ones((50, 3)), y=np.arange(50) < 4)
        >>> read_npz(path)
        Table(pumps: 50 rows of 3 features, 4 anomalies)
    """
    path = as_path(path, "read_npz")
    try:
        file = open_untrusted(path)
    except NotAFileError as error:
        raise TableError(str(error)) from None
    try:
        with file:
            x, y = arrays_in(file, {"X": 2, "y": 1})
    except MemoryError:
        raise
    except TooLargeError as error:
        raise TableError(f"{path}: {error}") from None
    except Exception as error:  # zip and NumPy raise many kinds for arbitrary bytes
        raise TableError(
            f"{path}: expected an .npz file with numbers X (n, d) and y (n,), but {reason(error)}. Write it by "
            "numpy.savez(path, X=x, y=y); if it was whole once, copy it again."
        ) from error
    return _anomalies(Table(x.astype(np.float64), y, path.stem.partition("_")[2] or path.stem, path))


def credit_card(path: str | os.PathLike[str] | None = None) -> Table:
    """The credit-card transactions: 29 features, V1 to V28 and Amount; frauds are the anomalies.

    The features are taken by name; other columns, such as Time, which counts the seconds since the recording began, are
    left out. pandas reads the file; without it, NumPy does, which takes numbers alone.

    Args:
        path: the CSV file, plain or packed. None: the first of creditcard.csv, creditcard.csv.gz (284,807 rows) and
            creditcard_sample.csv.gz (a part) in $NPAE_DATA/creditcard.

    Raises FileNotFoundError, with the place to get the file; IsADirectoryError; TableError if the file has another
    content.

    Example:
        >>> import pathlib, tempfile
        >>> from npae.data import credit_card
        >>> path = pathlib.Path(tempfile.mkdtemp(), "creditcard.csv")
        >>> names = ["Time", *(f"V{k}" for k in range(1, 29)), "Amount", "Class"]
        >>> rows = [[60, *[0.5] * 28, 9.99, 0], [75, *[1.5] * 28, 500, 1]]
        >>> size = path.write_text("\\n".join(",".join(map(str, row)) for row in [names, *rows]), encoding="utf-8")
        >>> credit_card(path)
        Table(creditcard: 2 rows of 29 features, 1 anomalies)
    """
    if path is None:
        folder = data_folder("creditcard")
        path = next((folder / f for f in CREDIT_CARD_FILES if (folder / f).is_file()), None) if folder else None
    if path is None or not as_path(path, "credit_card").exists():
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
        hint = f"Other forms are read with pandas, but {missing('pandas', 'tables')}"
        raise TableError(f"{path}: {reason(error)}. {hint}") from error
    return _anomalies(table)


def _read_with_numpy(path: Path, data: bytes) -> Table:
    """The Table of credit_card from UTF-8 bytes in which every cell is a number with a decimal point."""
    head = head_of(data)
    places, label = chosen(head.names, "Class", CREDIT_CARD)
    stream = io.BytesIO(data)
    stream.seek(head.start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a file without rows
        numbers = np.loadtxt(stream, delimiter=head.separator, quotechar='"', comments=None, ndmin=2)
    if numbers.shape[1] != len(head.names) or not len(numbers):
        raise TableError(f"its {len(numbers)} rows have {numbers.shape[1]} cells, its first line {len(head.names)}")
    return Table(numbers[:, places], numbers[:, label], path.name.partition(".")[0], path, CREDIT_CARD)


def _anomalies(table: Table) -> Table:
    """The Table with labels of bool instead of 0 and 1."""
    y: Any = table.y  # all these tables have labels
    if len(table.x) != len(y) or table.classes or not np.isin(y, (0, 1)).all():
        got = f"{len(y)} labels: {some(table.classes or [f'{v:g}' for v in np.unique(y)], 5)}"
        raise TableError(f"{table.path}: expected a label of 0 or 1 for each of {len(table.x)} rows, got {got}.")
    bad = ~np.isfinite(table.x)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        name = table.names[column] if table.names else str(column)
        raise TableError(
            f"{table.path}: expected finite numbers, got {table.x[row, column]} in row {row}, column {name}, the first "
            f"of {bad.sum()}. Leave such rows out, or fill the gaps."
        )
    return replace(table, y=y == 1)
