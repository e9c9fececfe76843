"""Text files of any packing and encoding, as UTF-8.

    packing     gzip, bzip2, xz, or a zip archive with one file in it, recognised by the first bytes
    encoding    a byte-order mark; zeros in every other byte (UTF-16); UTF-8; otherwise Windows-1252

The files are not trusted. What comes out of a packed file is counted while it comes (limits.py).
"""

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
from pathlib import Path
from typing import Any

from npae.backend import NotAFileError, open_untrusted
from npae.data.files.limits import TooLargeError, check_memory, read_packed, size_of
from npae.data.files.shown import reason, some

OPEN: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
ZIP = b"PK\x03\x04", b"PK\x05\x06"
UNPACK_FIRST = "Unpack it, and name the unpacked file."
PER_BYTE, PER_CELL, PER_ROW = 4, 30, 100  # bytes of memory that pandas and the steps around it take, measured
SEPARATORS = (",", ";", "\t", "|", " ")
MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
OTHERS = {
    b"PAR1": "a Parquet file. Read it with pandas.read_parquet, and give fit its columns",
    b"\x89HDF": "an HDF5 file. Read it with h5py or pandas.read_hdf",
    b"\xd0\xcf\x11\xe0": "an Excel workbook. Save the sheet as CSV",
    b"\x93NUMPY": "an array. Read it with numpy.load",
    b"%PDF": "a PDF. Take the table out of it",
}
EXCEL = "an Excel workbook. Save the sheet as CSV, or read it with pandas.read_excel and give fit its columns"


class TableError(ValueError):
    """The file exists but is not the table that it should be."""


def read_text(path: Path, encoding: str | None = None) -> bytes:
    """The text in a file, unpacked, as UTF-8 bytes whose lines end in "\\n" or "\\r\\n".

    Args:
        path: of the file.
        encoding: of the file; None: it is recognised.

    Raises FileNotFoundError, IsADirectoryError; TableError if it is another kind of file or damaged; ValueError for an
    unknown encoding.
    """
    try:
        with open_untrusted(path) as file:
            data, size = file.read(), size_of(file)
    except NotAFileError as error:
        raise TableError(str(error)) from None
    packed = data.startswith((*OPEN, *ZIP))
    if packed:
        data = _unpacked(path, data)
    for magic, kind in OTHERS.items():
        if data.startswith(magic):
            raise TableError(f"{path}: expected a table as text, got {kind}.")
    data = _as_utf8(path, data, encoding)
    start = data[:200].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise TableError(f"{path}: expected a table as text, got a web page. Download the file itself.")
    data = data if b"\n" in data else data.replace(b"\r", b"\n")
    if packed:
        _check_cells(path, data, size)
    return data


def _check_cells(path, data, size):
    """Raise TableError if the numbers in the text of a packed file would need too much memory."""
    rows = data.count(b"\n")
    cells = rows + max(data.count(separator.encode()) for separator in SEPARATORS)
    try:
        check_memory(PER_BYTE * len(data) + PER_CELL * cells + PER_ROW * rows, size, UNPACK_FIRST)
    except TooLargeError as error:
        raise TableError(f"{path}: {error}") from None


def _unpacked(path, data):
    """The content of a packed file."""
    try:
        if data.startswith(ZIP):
            return _unzip(data)
        unpacker = next(function for magic, function in OPEN.items() if data.startswith(magic))
        with unpacker(io.BytesIO(data)) as stream:
            return read_packed(stream, len(data), PER_BYTE, UNPACK_FIRST)
    except (TableError, TooLargeError) as error:
        raise TableError(f"{path}: {error}") from None
    except Exception as error:  # the unpackers raise many kinds for arbitrary bytes
        raise TableError(
            f"{path}: its packing is damaged ({reason(error)}). Copy the file again, or unpack it."
        ) from error


def _unzip(data):
    """The one file in a zip archive. Hidden files and those of macOS do not count."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [n for n in archive.namelist() if not n.endswith("/") and not n.startswith("__MACOSX")]
        names = [n for n in names if not n.rpartition("/")[2].startswith(".")]
        if "[Content_Types].xml" in names:
            raise TableError(f"expected a table as text, got {EXCEL}.")
        if names and all(n.endswith(".npy") for n in names):
            raise TableError("expected a table as text, got arrays. Read them with data.read_npz or numpy.load.")
        if len(names) != 1:
            found = some(sorted(names), 5) or "none"
            raise TableError(f"expected a zip archive of one file, got {len(names)} ({found}). Unpack it, name one.")
        info = archive.getinfo(names[0])
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # zipfile unpacks others in one go
            raise TableError(f"expected a zip archive packed by deflate, got method {info.compress_type}. Unpack it.")
        with archive.open(info) as stream:
            return read_packed(stream, len(data), PER_BYTE, UNPACK_FIRST)


def _as_utf8(path, data, encoding):
    if encoding is None:
        encoding = next((name for mark, name in MARKS if data.startswith(mark)), None) or _without_mark(path, data)
        if encoding == "utf-8":
            return data
    try:
        return data.decode(encoding).removeprefix("\ufeff").encode()
    except LookupError:
        raise ValueError(f'read_table: unknown encoding {encoding!r}. Expected one such as "cp1252".') from None
    except UnicodeError as error:
        problem = getattr(error, "reason", error)  # that of UTF-16 without a mark is a plain UnicodeError
        raise TableError(
            f"{path}: its bytes are not {encoding} ({problem}). Name its encoding, such as encoding=\"latin-1\"."
        ) from None


def _without_mark(path, data):
    """The encoding of a text without a byte-order mark."""
    if b"\0" in data:
        halves = data[0:4096:2], data[1:4096:2]
        even, odd = (half.count(0) / max(1, len(half)) for half in halves)
        if max(even, odd) < 0.3 or min(even, odd) > 0.02:
            raise TableError(f"{path}: expected a table as text, got a binary file. Check the path.")
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        if not data.isascii():
            data.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
