"""Tables with anomalies: correct files in every published form, and files with wrong content or wrong headers."""

import gzip
import io
import os
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from npae.data import ImageError, TableError, adbench, credit_card, data_folder, olivetti, read_npz

X = np.random.default_rng(0).standard_normal((6, 3))
Y = np.array([0, 1, 0, 0, 1, 0])
HEAD = '"Time",' + ",".join(f'"V{k}"' for k in range(1, 29)) + ',"Amount","Class"\n'
ROWS = "".join(f"{k}.0,{','.join(['-1.5e-1'] * 28)},{k + 0.25},\"{k % 2}\"\n" for k in range(4))


@pytest.mark.parametrize("savez", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8])
def test_an_npz_is_read(tmp_path, savez, dtype):
    savez(tmp_path / "6_cardio.npz", X=(X * 9).astype(dtype), y=Y.astype(dtype))
    table = read_npz(tmp_path / "6_cardio.npz")
    np.testing.assert_array_equal(table.x, (X * 9).astype(dtype))
    np.testing.assert_array_equal(table.y, Y == 1)
    assert table.x.dtype == np.float64 and table.y.dtype == bool
    assert repr(table) == "Table(cardio: 6 rows of 3 features, 2 anomalies)"


def test_a_folder_is_read_in_the_order_of_the_names(tmp_path, monkeypatch):
    (tmp_path / "adbench").mkdir()
    for name in ("9_a", "1_c", "b"):
        np.savez(tmp_path / "adbench" / f"{name}.npz", X=X, y=Y)
    monkeypatch.setenv("NPAE_DATA", str(tmp_path))
    assert [t.name for t in adbench()] == [t.name for t in adbench(tmp_path / "adbench")] == ["a", "b", "c"]


def packed(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.npy", content)
    return path


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def declared(shape, payload=b"", dtype="'<f8'"):
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (117 - len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + payload


BROKEN = {
    "no zip": (b"<!DOCTYPE html>", "not a zip file"),
    "no y": ({"X": npy(X), "labels": npy(Y)}, "it has the arrays X, labels. Write it by numpy.savez"),
    "y of another kind": ({"X": npy(X), "y": npy(np.array(["a"] * 6))}, "y is <U1 of shape"),
    "one-dimensional X": ({"X": npy(Y), "y": npy(Y)}, r"X is int64 of shape \(6,\)"),
    "objects": ({"X": declared((2, 2), b"cposix\nsystem\n(S'false'\ntR.", "'|O'"), "y": npy(Y)}, "X is object"),
    "a huge size": ({"X": declared((10**9, 10**9)), "y": npy(Y)}, "X declares 8000000000000000128 bytes in"),
    "a negative size": ({"X": declared((-2, 3)), "y": npy(Y)}, "X declares 80 bytes"),
    "too much": ({"X": npy(X) + b"more", "y": npy(Y)}, "X declares"),
    "other labels": ({"X": npy(X), "y": npy(Y * 2)}, "label of 0 or 1 for each of 6 rows, got 6 labels: 0, 2"),
    "too few labels": ({"X": npy(X), "y": npy(Y[:5])}, "label of 0 or 1 for each of 6 rows"),
}


@pytest.mark.parametrize("content, words", BROKEN.values(), ids=BROKEN)
def test_a_broken_npz_is_one_sentence(tmp_path, content, words):
    path = tmp_path / "7_broken.npz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        packed(path, **content)
    with pytest.raises(TableError, match=words) as error:
        read_npz(path)
    assert "7_broken.npz" in str(error.value) and "\n" not in str(error.value)


def test_a_declared_size_allocates_nothing(tmp_path):
    path = packed(tmp_path / "a.npz", X=declared((5_000_000, 1)), y=npy(Y))
    tracemalloc.start()
    try:
        with pytest.raises(TableError, match="X declares 40000128 bytes"):
            read_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.fixture(params=["pandas", "numpy"])
def reader(request, monkeypatch):
    """credit_card with pandas, and without it."""
    if request.param == "pandas":
        pytest.importorskip("pandas")
    else:
        monkeypatch.setitem(sys.modules, "pandas", None)
    return request.param


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("quoted", [False, True])
def test_the_credit_card_csv_is_read(tmp_path, monkeypatch, zipped, quoted, reader):
    (tmp_path / "creditcard").mkdir()
    text = (HEAD + ROWS) if quoted else (HEAD + ROWS).replace('"', "")
    path = tmp_path / "creditcard" / ("creditcard_sample.csv.gz" if zipped else "creditcard.csv")
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    monkeypatch.setenv("NPAE_DATA", str(tmp_path))
    for table in (credit_card(), credit_card(path)):
        assert table.x.shape == (4, 29) and table.path == path and table.names == (*HEAD.split('"')[3:58:2], "Amount")
        np.testing.assert_array_equal(table.x[:, 0], -0.15)
        np.testing.assert_array_equal(table.x[:, 28], [0.25, 1.25, 2.25, 3.25])
        np.testing.assert_array_equal(table.y, [False, True, False, True])


FORMS = {
    "a byte-order mark": lambda text: "\ufeff" + text,
    "semicolons": lambda text: text.replace(",", ";"),
    "tabs": lambda text: text.replace(",", "\t"),
    "a comment": lambda text: "# from a colleague\n\n" + text,
    "pandas' index": lambda text: "".join(f"{k - 1 if k else ''},{line}\n" for k, line in enumerate(text.splitlines())),
    "no Time": lambda text: "".join(line.partition(",")[2] + "\n" for line in text.splitlines()),
    "a customer's number": lambda text: "".join(
        f"{'customer_id' if k == 0 else 900 + k},{line}\n" for k, line in enumerate(text.splitlines())
    ),
    "another order": lambda text: "".join(",".join(line.split(",")[::-1]) + "\n" for line in text.splitlines()),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_29_features_are_taken_by_name_and_order(tmp_path, form, reader):
    plain, other = tmp_path / "plain.csv", tmp_path / "other.csv"
    rows = ["".join(f"{k + j / 100}," for j in range(30)) + f"{k % 2}" for k in range(6)]
    text = HEAD.replace('"', "") + "\n".join(rows) + "\n"
    plain.write_text(text, encoding="utf-8")
    other.write_text(FORMS[form](text), encoding="utf-8")
    expected, table = credit_card(plain), credit_card(other)
    assert table.names == expected.names and table.x.shape == (6, 29)
    np.testing.assert_array_equal(table.x, expected.x)
    np.testing.assert_array_equal(table.y, expected.y)


def test_other_content_is_named(tmp_path, reader):
    path = tmp_path / "t.csv"
    for text, words in {
        HEAD.replace("Class", "class") + ROWS: "it has no column Class. It has the columns Time, V1.*; is class meant",
        "a,Class\n1,0\n": "it has no column V1, V2, .*It has the columns a, Class",
        HEAD: "no rows below them|0 rows have",
        HEAD + ROWS.replace('"1"', '"2"'): "label of 0 or 1 for each of 4 rows, got 4 labels: 0, 2",
        HEAD + ROWS.replace("3.25", "x"): "Amount|could not convert string 'x'",
    }.items():
        path.write_text(text)
        with pytest.raises(TableError, match=words) as error:
            credit_card(path)
        assert str(error.value).count("t.csv") == 1 and "\n" not in str(error.value)
        assert "opy it again" not in str(error.value)


@pytest.mark.parametrize("cell", ["nan", "inf", "1e400", "0#garbage", "# 0"])
def test_what_is_no_finite_number_is_refused_by_either_reader(tmp_path, reader, cell):
    text = HEAD + ROWS.replace("1.25", cell)
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(TableError, match="Amount|could not convert|got inf in row|got nan in row|cells"):
        credit_card(tmp_path / "t.csv")


def test_a_row_that_begins_with_a_comment_sign_does_not_vanish(tmp_path, reader):
    lines = ROWS.splitlines()
    (tmp_path / "t.csv").write_text(HEAD + "\n".join([*lines[:1], "#" + lines[1], *lines[2:]]) + "\n")
    if reader == "numpy":  # it takes numbers alone
        with pytest.raises(TableError, match="could not convert string '#1.0'"):
            credit_card(tmp_path / "t.csv")
    else:
        assert len(credit_card(tmp_path / "t.csv").x) == len(lines)  # the sign is in Time, which is left out


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_npz_file_with_a_number_that_is_not_finite_is_refused_with_its_place(tmp_path, value):
    x = np.ones((5, 3), np.float32)
    x[3, 1] = value
    np.savez(tmp_path / "t.npz", X=x, y=np.arange(5) == 2)
    words = f"t.npz: expected finite numbers, got {value} in row 3, column 1, the first of 1"
    with pytest.raises(TableError, match=words):
        read_npz(tmp_path / "t.npz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with a name")
def test_a_pipe_is_refused_at_once_by_every_reader(tmp_path, reader):
    os.mkfifo(tmp_path / "pipe")
    for read, error in ((read_npz, TableError), (credit_card, TableError), (olivetti, ImageError)):
        with pytest.raises(error, match="expected a regular file, got a pipe"):
            read(tmp_path / "pipe")


def test_without_pandas_the_extra_is_named_for_other_forms(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    (tmp_path / "t.csv").write_text((HEAD + ROWS).replace(",", ";").replace(".", ","))
    words = r"Other forms are read with pandas, but pandas is not installed: pip install .*\[tables\]"
    with pytest.raises(TableError, match=words):
        credit_card(tmp_path / "t.csv")


def test_a_truncated_gzip_raises(tmp_path, reader):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress((HEAD + ROWS * 50).encode())[:-9])
    with pytest.raises(TableError, match="t.csv.gz: its packing is damaged .*end-of-stream"):
        credit_card(tmp_path / "t.csv.gz")


def test_the_error_for_a_missing_file_names_the_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("NPAE_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="expected .npz files in .NPAE_DATA/adbench, found none. .*ADBench"):
        adbench()
    with pytest.raises(FileNotFoundError, match="NPAE_DATA/creditcard/creditcard.csv, found none. .*kaggle"):
        credit_card()
    with pytest.raises(FileNotFoundError, match="mine.csv, found none. .*kaggle"):
        credit_card(tmp_path / "mine.csv")
    with pytest.raises(FileNotFoundError, match="nothing.npz: expected a file, found nothing there"):
        read_npz(tmp_path / "nothing.npz")


@pytest.mark.skipif(data_folder("adbench") is None, reason="ADBench tables: set NPAE_DATA to the parent of adbench/")
def test_the_published_tables_have_the_published_sizes():
    sizes = {t.name: (*t.x.shape, int(t.y.sum())) for t in adbench()}
    assert sizes["cardio"] == (1831, 21, 176) and sizes["mammography"] == (11183, 6, 260)


@pytest.mark.skipif(
    data_folder("creditcard") is None, reason="credit card table: set NPAE_DATA to the parent of creditcard/"
)
def test_the_published_transactions_have_492_frauds():
    assert credit_card().x.shape[1] == 29 and credit_card().y.sum() == 492
