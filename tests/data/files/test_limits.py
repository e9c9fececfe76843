"""Limits: what comes out of a packed file is counted, and no file costs more memory than its size allows."""

import bz2
import gzip
import io
import json
import lzma
import re
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from npae.data import IDXError, TableError, credit_card, olivetti, read_idx, read_npz, read_table
from npae.data.files.limits import LEAST, PER_BYTE, TooLargeError, check_memory, read_packed
from npae.data.files.picture import ImageError

pytest.importorskip("pandas", reason="could not import 'pandas'")
HEAD, ROWS, TIMES = b"a,b\n", b"0.5,0.5\n" * (LEAST // 1024), 64
TEXT = HEAD + ROWS * TIMES  # half as many bytes as any file may cost: too many with the numbers made of them


def test_small_files_may_cost_as_much_as_any_and_others_in_proportion():
    for size, most in ((1, LEAST), (LEAST, PER_BYTE * LEAST)):
        check_memory(most, size, "Unpack it.")
        with pytest.raises(TooLargeError, match=r"unpacks to .* or more, expected at most .*Unpack it\.$"):
            check_memory(most + 1, size, "Unpack it.")


def test_no_more_is_unpacked_than_may_be():
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size=-1):
            assert size > 0
            self.taken += size
            return bytes(size)

    stream = Endless()
    with pytest.raises(TooLargeError, match="Unpack it first"):
        read_packed(stream, 1, 4, "Unpack it first.")
    assert LEAST // 4 < stream.taken <= LEAST // 4 + (1 << 18)
    assert read_packed(io.BytesIO(b"abc"), 1, 4, "") == b"abc"


def zipped(method, text=TEXT):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("a.csv", text)
    return stream.getvalue()


def members(compress):
    """TEXT as a file of many members, each packed for itself: that is quick, and every reader joins them."""
    return compress(HEAD) + compress(ROWS) * TIMES


@pytest.mark.parametrize("content", [
    lambda: gzip.compress(TEXT, 1), lambda: members(gzip.compress), lambda: members(bz2.compress),
    lambda: members(lzma.compress), lambda: zipped(zipfile.ZIP_DEFLATED), lambda: gzip.compress(bytes(LEAST), 1),
], ids=["gzip", "members of gzip", "bzip2", "xz", "zip", "one line"])  # fmt: skip
def test_a_packed_text_is_refused_with_the_limit_and_the_cure(tmp_path, content):
    path = tmp_path / "bomb.csv"
    path.write_bytes(content())
    words = r"bomb.csv: it unpacks to \S+ MB of memory or more, expected at most 67.11 MB .*Unpack it, and name"
    with pytest.raises(TableError, match=words):
        read_table(path)


def test_the_numbers_made_of_a_packed_text_count_and_unpacking_it_is_the_cure(tmp_path):
    text = b"a,b\n" + b"1,0\n" * 700_000  # 2.8 MB: four times as much is allowed, and the numbers need more
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text, 1))
    with pytest.raises(TableError, match="it unpacks to"):
        read_table(tmp_path / "t.csv.gz")
    (tmp_path / "t.csv").write_bytes(text)
    assert read_table(tmp_path / "t.csv").x.shape == (700_000, 2)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_zipfile_unpacks_in_one_go_are_refused(tmp_path, method):
    (tmp_path / "t.zip").write_bytes(zipped(method, b"a\n1\n"))
    with pytest.raises(TableError, match="expected a zip archive packed by deflate"):
        read_table(tmp_path / "t.zip")


def arrays(path, method, n=2):
    """An .npz file of a table of n rows, packed by a method of zip."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in "Xy":
            stream = io.BytesIO()
            np.save(stream, np.zeros((n, 2) if name == "X" else n))
            archive.writestr(f"{name}.npy", stream.getvalue())
    return path


def test_arrays_packed_by_lzma_are_read_in_pieces_and_those_by_bzip2_are_refused(tmp_path, monkeypatch):
    packed, asked = arrays(tmp_path / "t.npz", zipfile.ZIP_LZMA, 30_000), []
    read = zipfile.ZipExtFile.read
    monkeypatch.setattr(zipfile.ZipExtFile, "read", lambda self, n: asked.append(n) or read(self, n))
    assert read_npz(packed).x.shape == (30_000, 2) and max(asked) <= 4096
    with pytest.raises(TableError, match="X is packed by method 12 .* Write it by numpy.savez"):
        read_npz(arrays(tmp_path / "b.npz", zipfile.ZIP_BZIP2))
    with pytest.raises(TableError, match="unpacks to"):
        read_npz(arrays(tmp_path / "bomb.npz", zipfile.ZIP_LZMA, 4_000_000))


def test_a_gzipped_idx_file_is_refused_before_memory_is_allocated(tmp_path):
    path = tmp_path / "bomb.gz"
    payload = bytes(LEAST + 1)
    path.write_bytes(gzip.compress(struct.pack(">HBBI", 0, 8, 1, len(payload)) + payload, 9))
    with pytest.raises(IDXError, match="bomb.gz: it unpacks to .*Unpack it by gunzip"):
        read_idx(path)


def test_an_npz_file_counts_the_float64_that_is_made_of_it_and_all_arrays(tmp_path):
    path, n = tmp_path / "bomb.npz", LEAST // 10
    np.savez_compressed(path, X=np.zeros((n, 1), np.uint8), y=np.zeros(n, np.uint8))
    with pytest.raises(TableError, match=r"bomb.npz: it unpacks to .*numpy.savez, without compression\.$"):
        read_npz(path)
    np.savez(path, X=np.zeros((n, 1), np.uint8), y=np.zeros(n, np.uint8))
    assert read_npz(path).x.shape == (n, 1)
    np.savez_compressed(path, images=np.zeros((5000, 64, 64), np.uint8), person=np.zeros(5000, np.uint8))
    with pytest.raises(ImageError, match="bomb.npz: it unpacks to"):
        olivetti(path)


def test_sizes_in_the_directory_of_an_archive_are_not_believed(tmp_path):
    """339 bytes that declare 4 GB, in the header of the array and in the directory of the archive alike."""
    path, rows = tmp_path / "lie.npz", 5 * 10**8
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (rows, 1)})
    label = io.BytesIO()
    np.save(label, np.zeros(1, np.uint8))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", header.getvalue() + bytes(64))
        archive.writestr("y.npy", label.getvalue())
    data, size = bytearray(path.read_bytes()), 8 * rows + len(header.getvalue())
    struct.pack_into("<II", data, data.index(b"PK\1\2") + 20, size // 1000, size)
    path.write_bytes(data)
    refused = "its arrays declare more bytes than the file has|Overlapped entries"  # by npae, or by a newer zipfile
    with pytest.raises(TableError, match=f"lie.npz: .*({refused})"):
        read_npz(path)


def test_an_array_that_is_there_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(tmp_path / "t.npz", "w") as archive:
        for name in "XyX":
            archive.writestr(f"{name}.npy", b"")
    with pytest.raises(TableError, match="it has 2 arrays X"):
        read_npz(tmp_path / "t.npz")


def test_a_table_that_is_too_wide_is_refused_and_a_wide_one_is_read(tmp_path):
    path = tmp_path / "t.csv"
    for names in (b",".join(b"%x" % k for k in range(100_001)), b"a," * 1_000_000):
        path.write_bytes(names + b"\n" + b"0," * 9 + b"\n")
        with pytest.raises(TableError, match="a line has .* cells, expected at most 100,000 columns"):
            read_table(path)
    names = [f"gene number {k}" for k in range(20_000)]  # more characters than the csv module takes for one cell
    path.write_text(",".join(names) + "\n" + ",".join(["0.5"] * len(names)) + "\n")
    assert read_table(path).names == tuple(names)


COST = r"""
import json, pathlib, sys, time
from npae.data import read_table
status, folder = pathlib.Path("/proc/self/status"), pathlib.Path(sys.argv[1])

def memory(name):
    return 1024 * int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith(name)))

read_table(folder / "first.csv", "d")  # imports
costs = {}
for path in folder.iterdir():
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak is now the present size
    before, start = memory("VmRSS"), time.perf_counter()
    try:
        read_table(path, "d" if ",d" in path.read_text()[:9] else None, missing="drop")
    except ValueError as error:
        print(error, file=sys.stderr)
    costs[path.name] = memory("VmHWM") - before, time.perf_counter() - start, path.stat().st_size
print(json.dumps(costs))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_no_plain_text_costs_more_memory_or_time_than_its_size_allows(tmp_path):
    """Many numbers, no numbers, many labels, one long label, many columns, many titles, one line, no lines."""
    size = 500_000
    for name, text in {
        "first": "a,d\n0,x\n1,y\n", "numbers": "a,b\n" + "0,0\n" * (size // 4),
        "empty": "a,b,c,d\n1,1,1,1\n" + ",,,\n" * (size // 4), "labels": "a,d\n" + "0,x\n" * (size // 4),
        "names": "a,d\n" + "".join(f"0,{k:x}\n" for k in range(size // 7)),
        "one long label": "a,d\n" + "0,x\n" * 4000 + f"0,{'y' * 100_000}\n",
        "columns": ",".join(f"a{k}" for k in range(10_000)) + "\n" + ("0," * 9_999 + "0\n") * 20,
        "titles": "a," * (size // 4) + "\n" + "0," * (size // 4) + "\n",
        "one line": "a" * size, "no lines": "a\n" + "\n" * size + "0\n", "commas": "a;b\n" + ",5;,5\n" * (size // 6),
    }.items():
        (tmp_path / f"{name}.csv").write_text(text)
    done = subprocess.run([sys.executable, "-c", COST, str(tmp_path)], capture_output=True, text=True)
    costs = json.loads(done.stdout or "{}")
    assert len(costs) == 11, done.stderr
    for name, (peak, seconds, size) in costs.items():
        assert peak <= PER_BYTE * size + 2e6, f"{name}: {peak / size:.0f} bytes per byte"
        assert seconds <= 5e-6 * size + 1, f"{name}: {seconds:.2f} s"


def test_messages_stay_short(tmp_path):
    path, long = tmp_path / "t.csv", "x" * 100_000
    for text, label in ((f"a,b\n0,{long}\n", None), (f"{long},{long}\n1,2\n", None), ("a,b\n1,2\n", long),
                        (f"a,d\n1,{long}\n2,y\n3,\n", "d"), (f"a,d\n1,2\n{long},y\n", "d")):  # fmt: skip
        path.write_text(text)
        with pytest.raises(TableError) as error:
            read_table(path, label)
        assert len(re.sub(r"^.*?t\.csv", "", str(error.value))) < 2000
    digits = "1" * 100_000
    names = ",".join(["Time", *(f"V{k}" for k in range(1, 29)), "Amount", "Class"])
    many = ",".join(f"{long[:500]}{k}" for k in range(90))
    for read, text in (
        (credit_card, f"{names}\n" + "".join(f"{'0,' * 30}{label}\n" for label in ("0", "1", f"1{long}"))),
        (credit_card, f"{names}\n" + "".join(f"{'0,' * 30}{k}{long}\n" for k in range(90))),
        (read_table, f"{digits},{digits},{digits},1\n1,2,3,4\n"), (read_table, f"a;b\n1{',111' * 25_000};2\n"),
        (read_table, f"{long},b\n,1\n"), (read_table, f"{many}\n1,2\n1,2,3{',4' * 99}\n"),
        (read_table, f"Unnamed: {digits},b\n1,2\n"), (read_table, f"{many}\n{'text,' * 89}text\n"),
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(TableError) as error:
            read(path)
        assert len(re.sub(r"^.*?t\.csv", "", str(error.value))) < 2000


def test_messages_about_the_members_of_archives_stay_short(tmp_path):
    path, names = tmp_path / "t.npz", [f"{'x' * 60_000}{k}" for k in range(9)]
    for read, kind in ((read_npz, TableError), (olivetti, ImageError), (read_table, TableError)):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(f"{name}.npy" if read is not read_table else name, b"")
        with pytest.raises(kind) as error:
            read(path)
        assert 50 < len(re.sub(r"^.*?t\.npz", "", str(error.value))) < 2000
