"""Delimited text: where a table begins, what separates its cells, and the names of its columns.

    before       blank lines, comments that begin with "#", and Excel's line "sep=;" come before the table
    separator    "," ";" tab or "|": the one that cuts the first lines into the most cells, as many in each; or spaces
    names        the first line; or the last comment, if numbers follow, as numpy.savetxt writes it
"""

import csv
import re
from dataclasses import dataclass

from npae.data.files.shown import clipped
from npae.data.files.text import SEPARATORS, TableError

MOST_COLUMNS = 100_000
LINES, SAMPLE = 20, 1 << 16  # so many lines are looked at, and no more of them after so many bytes


@dataclass
class Head:
    """The beginning of a table.

    Attributes:
        names: of the columns.
        separator: between them.
        start: the byte at which the first row begins.
        lines: how many come before it.
    """

    names: list[str]
    separator: str
    start: int
    lines: int


def head_of(data: bytes, separator: str | None = None, header: bool | None = None) -> Head:
    """The Head of a table.

    Args:
        data: the table as UTF-8 bytes.
        separator: between the columns; None: it is recognised.
        header: True: the first line has the names; False: there are none, and the columns are called "0", "1", …;
            None: the first line has them, and must not hold numbers alone. A column without a name is called "".

    Raises TableError, without the name of the file, if there is no table or there are no names.
    """
    start, comment, declared = _beginning(data)
    lines = _first_lines(data, start)
    if not lines:
        raise TableError("it has no lines of text. Check the file.")
    separator = separator or declared or _separator(lines)
    cells = _cells(lines[:2], separator)
    if max(map(len, cells)) > MOST_COLUMNS:
        raise TableError(_too_wide(max(map(len, cells))))
    first, last = cells[0], cells[-1]
    titles = _cells([comment], separator)[0] if comment else []
    after = data.find(b"\n", start) + 1 or len(data)
    if header is False:
        names, after = [str(k) for k in range(len(first))], start
    elif len(titles) == len(first) and any(map(_is_number, first)) and header is None:
        names, after = titles, start
    elif header is None and all(_is_number(cell) for cell in first if cell):
        numbers = ", ".join((*map(clipped, first[:3]), *["…"] * (len(first) > 3)))
        raise TableError(
            f"its first line holds numbers ({numbers}) where names are expected. "
            "Write read_table(…, header=False) if the file has no names, header=True if these are the names."
        )
    elif len(last) == len(first) + 1:  # rows end in a separator, or R left out the name of the rows' numbers
        names = [*first, ""] if not last[-1] else ["", *first]
    else:
        names = first
    return Head(names, separator, after, data.count(b"\n", 0, after))


def _beginning(data):
    """(byte at which the table begins, the last comment before it or "", the separator that Excel declares or None)."""
    start, comment, declared = 0, "", None
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        line = data[start : min(end, start + SAMPLE)].decode("utf-8", "ignore").strip()
        if line.startswith("#"):
            comment = line.lstrip("# ")
        elif re.fullmatch(r"(?i)sep=\S", line):
            declared = line[-1]
        elif line.strip('"' + "".join(SEPARATORS)):
            break
        start = end
    return start, comment, declared


def _first_lines(data, start):
    """At least three whole lines, if there are so many, without the empty ones. Raises TableError for a long one."""
    end, count = start, 0
    while count < LINES and end < len(data) and (end - start < SAMPLE or count < 3):
        before, end, count = end, data.find(b"\n", end) + 1 or len(data), count + 1
        cells = 1 + max(data.count(separator.encode(), before, end) for separator in SEPARATORS)
        if cells > 2 * MOST_COLUMNS:  # before a list is made of it; a title may have spaces
            raise TableError(_too_wide(cells))
    return [line.rstrip("\r") for line in data[start:end].decode("utf-8", "replace").split("\n") if line.strip()]


def _too_wide(count):
    return (
        f"a line has {count:,} cells, expected at most {MOST_COLUMNS:,} columns. Rows stand below each other; "
        "read a wider table by numpy.loadtxt, and give fit the array."
    )


def _separator(lines):
    """The separator that fits the first lines best; ",", if none of them occurs."""
    best, found = (False, False, False, 1), ","
    for separator in (s for s in SEPARATORS if s in lines[0]):
        first, *others = (len(row) for row in _cells(lines, separator))
        even = len(set(others)) < 2 and (not others or others[0] in (first, first + 1))
        fit = (even, not others or others[0] == first, separator != " ", first)
        if first > 1 and fit > best and (even or separator != " "):
            best, found = fit, separator
    return found


def _cells(lines, separator):
    try:
        rows = list(csv.reader(lines, delimiter=separator, skipinitialspace=True))
    except csv.Error as error:
        raise TableError(f"its first lines are not those of a table ({error}). Check the file.") from None
    return [[cell.strip() for cell in (row[:-1] if separator == " " and row[-1:] == [""] else row)] for row in rows]


def _is_number(cell):
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True
