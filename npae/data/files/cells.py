"""The cells of a delimited text as numbers and labels, read by pandas (the extra `tables`).

Text where a number should be is refused with its place. A comma is taken for a decimal sign if that makes numbers of
text, but not if it could as well separate thousands.
"""

import io
import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from npae.backend import Array, missing
from npae.data.files.delimited import Head
from npae.data.files.shown import clipped, reason, some
from npae.data.files.text import TableError

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "NULL", "null", "<NA>", "#N/A", "?")
MOST_WHOLE = 2**53  # float64 has every whole number below it
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


def import_pandas(owner: str) -> Any:
    """The module pandas. Raises ModuleNotFoundError, in the name of `owner`, if it is not installed."""
    try:
        import pandas
    except ImportError:
        raise ModuleNotFoundError(f"{owner}: {missing('pandas', 'tables')}") from None
    return pandas


def cells_below(data: bytes, head: Head, decimal: str | None = None, label: int | None = None) -> tuple[Any, bool]:
    """(the cells below the head as a DataFrame with numbered columns, is the decimal sign a comma?).

    Args:
        data: the table as UTF-8 bytes.
        head: its beginning.
        decimal: "." or ","; None: the one that makes more numbers of the cells.
        label: the number of the column of labels, which is read as text; None: there is none.

    Raises TableError for lines of other lengths.
    """
    frame = _frame(data, head, decimal or ".", label)
    texts = _texts(frame, label)
    if decimal is not None or not texts or head.separator == ",":
        return frame, decimal == ","
    other = _frame(data, head, ",", label)
    if len(_texts(other, label)) >= len(texts):
        return frame, False
    commas = [cell for k in texts for cell in frame[k].dropna() if isinstance(cell, str) and "," in cell]
    if commas and all(THOUSANDS.fullmatch(cell.strip()) for cell in commas):
        raise TableError(
            f'the comma in {clipped(commas[0])} may separate thousands or decimals. Write decimal="," for decimals; '
            "take the commas out of the file for thousands."
        )
    return other, True


def _frame(data, head, decimal, label):
    pandas, stream = import_pandas("read_table"), io.BytesIO(data)
    stream.seek(head.start)
    numbers, separator = range(len(head.names)), r"\s+" if head.separator == " " else head.separator
    exact = {"float_precision": "round_trip"} if pandas.__version__.startswith("2.") else {}  # as version 3 always is
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pandas.errors.ParserWarning)  # the first row has more cells than names
            frame = pandas.read_csv(
                stream, header=None, names=numbers, index_col=False, sep=separator, decimal=decimal, low_memory=False,
                na_values=[*MISSING, "None"], keep_default_na=False, skipinitialspace=True, encoding="utf-8",
                converters=None if label is None else {label: "=".__add__}, **exact,
            )  # fmt: skip
            if label is not None:
                frame[label] = frame[label].str[1:]  # with "=" before it, no label is taken for a missing cell
            return frame
    except pandas.errors.ParserWarning:
        count = len(head.names)
        raise TableError(f"its first row has more cells than its {count} names, {some(head.names)}.") from None
    except MemoryError:
        raise
    except Exception as error:  # pandas raises many kinds for arbitrary bytes
        found = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error))
        if found is None:
            raise TableError(f"its lines are not those of a table ({reason(error)}).") from error
        raise TableError(
            f"its line {head.lines + int(found[2])} has {found[3]} cells, there are {found[1]} names, "
            f"{some(head.names)}. Correct the line."
        ) from None


def _texts(frame, label):
    """The numbers of the columns that hold text."""
    return [k for k in frame if k != label and frame[k].dtype.kind not in "iufb"]


def numbers_in(frame: Any, places: Sequence[int], names: Sequence[str]) -> Array:
    """Columns as an array (n, d) of float64, NaN where a cell is empty. Raises TableError for text.

    Args:
        frame: from cells_below.
        places: the numbers of the columns to take.
        names: of all columns, for messages.
    """
    columns, texts = [], []
    for k in places:
        numbers = frame[k]
        if numbers.dtype.kind not in "iufb":
            numbers = _as_numbers(frame[k])
            wrong = np.flatnonzero(numbers.isna() & frame[k].notna())
            if len(wrong):
                texts.append((names[k], frame[k].iloc[wrong[0]], wrong[0] + 1))
        columns.append(numbers.to_numpy(np.float64))
    if texts:
        listed = "; ".join(f"{clipped(name)} ({clipped(cell)!r} in row {row})" for name, cell, row in texts[:5])
        more = f"; and {len(texts) - 5} others" if len(texts) > 5 else ""
        raise TableError(
            f"text where numbers are expected in the columns {listed}{more}. Leave them out, "
            f"leave_out={[clipped(name) for name, _, _ in texts[:5]]}; or number their values (pandas.get_dummies)."
        )
    return np.column_stack(columns)


def _as_numbers(column):
    """The numbers in a column of text and of whole numbers, NaN for other text and inf for what float64 cannot hold."""
    pandas = import_pandas("read_table")
    try:
        return pandas.to_numeric(column, errors="coerce")
    except OverflowError:  # whole numbers of hundreds of digits; of their text, to_numeric makes inf
        texts = column.map(lambda cell: str(cell) if isinstance(cell, int) else cell)
        return pandas.to_numeric(texts, errors="coerce")


def labels_in(column: Any) -> tuple[Array, tuple[str, ...], Array]:
    """(y, the names of the classes, where y is missing) of a column of text.

    y: int64 if all cells are whole numbers below 2⁵³, float64 if all are numbers; otherwise the numbers of the classes.
    """
    pandas = import_pandas("read_table")
    text = column.str.strip()
    missing = (text.isna() | text.isin(MISSING)).to_numpy()
    numbers = _as_numbers(text.mask(missing)).to_numpy(np.float64)
    if np.isnan(numbers[~missing]).any():
        _check_lines(text)
        y, classes = pandas.factorize(text.mask(missing), sort=True)  # −1 where it is missing
        return np.maximum(y, 0).astype(np.int64), tuple(map(str, classes)), missing
    missing = missing | ~np.isfinite(numbers)
    numbers = np.where(missing, 0, numbers)
    whole = (numbers == np.round(numbers)).all() and (abs(numbers) < MOST_WHOLE).all()
    return (numbers.astype(np.int64) if whole else numbers), (), missing


def _check_lines(text):
    """Raise TableError for a label of several lines: a quotation mark that is not closed hides the rows behind it."""
    several = np.flatnonzero(text.str.contains("\n", regex=False, na=False))
    if len(several):
        row = several[0]
        raise TableError(
            f"the label in row {row + 1} goes on in the next line, {clipped(text.iloc[row])!r}: a quotation mark may "
            "be missing or too many. Correct the line."
        )
