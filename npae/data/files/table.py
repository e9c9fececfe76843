"""Tables: numbers and labels from a text file, by the names of its columns.

    table = read_table("patients.csv", label="diagnosis", leave_out=["name"])
    table.x, table.y, table.names                        (n, d) float64, (n,), the d names of the columns of x

The packing, the encoding, the separator and the decimal comma are recognised. What would silently become a wrong number
is refused or asked about: row numbers without a name, text, empty cells, infinity.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from npae.backend import Array, as_path
from npae.data.files.cells import cells_below, import_pandas, labels_in, numbers_in
from npae.data.files.columns import chosen
from npae.data.files.delimited import head_of
from npae.data.files.shown import clipped, some
from npae.data.files.text import TableError, read_text


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Rows of numbers, with or without labels.

    Attributes:
        x: (n, d) float64.
        y: (n,) labels, or None. bool, True for an anomaly, in tables of anomalies; else the numbers of the label
            column, int64 if all are whole, or the numbers of the classes, int64, if that column holds text.
        name: of the table.
        path: of the file.
        names: of the columns of x; () if the file has none.
        classes: the names of the classes, if the label column holds text; else ().

    Example:
        >>> import numpy as np
        >>> from pathlib import Path
        >>> from npae.data import Table
        >>> Table(np.ones((5, 2)), np.array([0, 0, 1, 0, 0]) == 1, "pumps", Path("pumps.csv"), ("heat", "speed"))
        Table(pumps: 5 rows of 2 features, 1 anomalies)
    """

    x: Array
    y: Array | None
    name: str
    path: Path
    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        n, d = self.x.shape
        labels = ""
        if self.y is not None:
            labels = f", {self.y.sum()} anomalies" if self.y.dtype == bool else ", labels"
            labels = f", {len(self.classes)} classes" if self.classes else labels
        return f"Table({self.name}: {n} rows of {d} features{labels})"


def read_table(path: str | os.PathLike[str], label: str | None = None, *, columns: str | Sequence[str] | None = None,
               leave_out: str | Sequence[str] = (), missing: str = "refuse", separator: str | None = None,
               decimal: str | None = None, encoding: str | None = None,
               header: bool | None = None) -> Table:  # fmt: skip
    """The table in a text file, plain, gzipped or zipped: one row per line, below a line with the names of the columns.

    Args:
        path: of the file.
        label: the name of the column of labels; None: there is none.
        columns: the names of the features, in this order; None: all columns but the label and those in `leave_out`. A
            column without a name is called "".
        leave_out: names of columns that are not features.
        missing: what to do about empty cells, NA and infinity: "refuse", or "drop" their rows, with one line on stderr.
        separator: between the columns, one character; None: it is recognised.
        decimal: "." or ","; None: it is recognised.
        encoding: such as "latin-1"; None: it is recognised.
        header: False if the file has no names (the columns are then called "0", "1", …), True if its names are
            numbers; None: the first line has the names.

    A packed file may unpack to at most 100 times its size in memory, or 64 MB; a plain one never needs as much.

    Raises FileNotFoundError, IsADirectoryError; TableError, with the names that were found, if the file is not such a
    table, is no regular file, or unpacks to too much; ValueError and TypeError for impossible arguments;
    ModuleNotFoundError without pandas.

    Example:
        >>> import pathlib, tempfile
        >>> from npae.data import read_table
        >>> path = pathlib.Path(tempfile.mkdtemp(), "patients.csv")
        >>> characters = path.write_text("age,weight,diagnosis\\n61,80.5,ill\\n35,71,well\\n", encoding="utf-8")
        >>> table = read_table(path, label="diagnosis")
        >>> table.x.tolist(), table.y.tolist(), table.classes
        ([[61.0, 80.5], [35.0, 71.0]], [0, 1], ('ill', 'well'))
    """
    _check_arguments(missing, separator, decimal)
    import_pandas("read_table")
    path = as_path(path, "read_table")
    data = read_text(path, encoding)
    try:
        head = head_of(data, separator, header)
        names = head.names
        frame, comma = cells_below(data, head, decimal, names.index(label) if label in names else None)
        empty = [k for k, name in enumerate(names) if not name and frame[k].isna().all()]  # lines end in separators
        places, label_at = chosen(names, label, columns, leave_out, empty)
        if not len(frame):
            raise TableError(f"it has the columns {some(names)}, and no rows below them. Check the file.")
        x = numbers_in(frame, places, names)
        y, classes, unlabelled = (None, (), False) if label is None else labels_in(frame[label_at])
        kept = _complete(x, unlabelled, [names[k] for k in places], label, missing, path)
    except TableError as error:
        raise TableError(f"{path}: {error}") from error.__cause__
    if comma and decimal is None:
        _note(f'commas in {path.name} are read as decimal signs; decimal="," or "." settles it.')
    x, y = x[kept], None if y is None else y[kept]
    if columns is None:
        _note_numbered_rows(x, [names[k] for k in places], path)
    return Table(x, y, path.name.partition(".")[0], path, tuple(names[k] for k in places), classes)


def _check_arguments(missing, separator, decimal):
    if missing not in ("refuse", "drop"):
        raise ValueError(f'read_table: expected missing to be "refuse" or "drop", got {missing!r}.')
    if separator is not None and (not isinstance(separator, str) or len(separator) != 1):
        raise ValueError(f'read_table: expected separator to be one character, " " for spaces, got {separator!r}.')
    if decimal not in (None, ".", ","):
        raise ValueError(f'read_table: expected decimal to be "." or ",", got {decimal!r}.')


def _complete(x, unlabelled, names, label, missing, path):
    """Which rows have all their numbers. Raises TableError, with the first places, for missing="refuse"."""
    bad = ~np.isfinite(x)
    kept = ~(bad.any(axis=1) | unlabelled)
    if kept.all():
        return kept
    incomplete = f"{len(kept) - kept.sum()} of its {len(kept)} rows"
    if missing == "refuse" or not kept.any():
        places = [
            f"row {i + 1}, column {clipped(names[k])} is {'empty' if np.isnan(x[i, k]) else 'infinite'}"
            for i, k in np.argwhere(bad)[:3]
        ] or [f"row {i + 1}, column {clipped(label)} is empty" for i in np.flatnonzero(unlabelled)[:3]]
        raise TableError(
            f"{incomplete} lack a number: {'; '.join(places)}{'; …' if len(kept) - kept.sum() > len(places) else ''}. "
            'Leave such rows out, read_table(…, missing="drop"); or fill the cells (pandas: frame.fillna).'
        )
    _note(f"{incomplete} lack a number and are left out ({path.name}).")
    return kept


def _note_numbered_rows(x, names, path):
    """One line about columns of 0, 1, 2, … or 1, 2, 3, …, which may be the numbers of the rows."""
    if len(x) >= 5:
        counting = [name for k, name in enumerate(names) if x[0, k] in (0, 1) and (np.diff(x[:, k]) == 1).all()]
        if counting:
            left_out = [clipped(name) for name in counting[:5]]
            _note(f"{some(counting)} in {path.name} numbers the rows. If it is not a feature: leave_out={left_out}.")


def _note(text):
    print(f"npae: read_table: {text}", file=sys.stderr)
