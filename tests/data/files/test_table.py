"""Tables from text files: every common form gives the same numbers; what could be misread is refused by its cause."""

import bz2
import gzip
import lzma
import sys
import zipfile

import numpy as np
import pytest

from npae.data import TableError, read_table
from npae.data.files.delimited import head_of

pandas = pytest.importorskip("pandas")

X = np.array([[1.5, -2.25, 1e-3], [0.1, 3.0, 7.0], [1e300, 0.3, -0.0], [2.0, 5.5, 1 / 3]])
NAMES = ("a", "b b", "ü")


def text_of(x=X, names=NAMES, separator=",", decimal=".", index=False):
    frame = pandas.DataFrame(x, columns=list(names))
    return frame.to_csv(sep=separator, decimal=decimal, index=index)


def put(path, content, encoding="utf-8"):
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def quiet(capfd):
    return capfd.readouterr() == ("", "")


def check(table, x=X, names=NAMES):
    np.testing.assert_array_equal(table.x, x)
    assert table.x.dtype == np.float64 and table.x.flags.c_contiguous and table.names == names


# ---------------------------------------------------------------------- forms


def test_a_table_has_numbers_names_and_a_path(tmp_path, capfd):
    path = put(tmp_path / "mine.csv", text_of())
    table = read_table(str(path))
    check(table)
    assert table.path == path and table.name == "mine" and table.y is None and quiet(capfd)
    assert repr(table) == "Table(mine: 4 rows of 3 features)"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "bar"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
def test_separators_and_line_ends(tmp_path, separator, newline, capfd):
    check(read_table(put(tmp_path / "t.csv", text_of(separator=separator).replace("\n", newline))))
    assert quiet(capfd)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings(tmp_path, encoding):
    check(read_table(put(tmp_path / "t.csv", text_of(), encoding)))
    check(read_table(tmp_path / "t.csv", encoding=encoding))


def test_an_encoding_may_be_named_and_a_wrong_one_is_refused(tmp_path):
    path = put(tmp_path / "t.csv", text_of(names=("a", "b", "Ж")), "cp1251")
    assert read_table(path, encoding="cp1251").names == ("a", "b", "Ж")
    with pytest.raises(TableError, match="t.csv: its bytes are not utf-8 .*encoding=\"latin-1\""):
        read_table(path, encoding="utf-8")
    with pytest.raises(ValueError, match="unknown encoding 'utf8000'"):
        read_table(path, encoding="utf8000")
    put(path, b"a,b\x81\n1,2\n")  # not a byte of cp1252
    with pytest.raises(TableError, match="its bytes are not cp1252 .*Name its encoding"):
        read_table(path)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=["gzip", "bzip2", "xz"])
def test_packed_files_are_recognised_by_content(tmp_path, pack):
    check(read_table(put(tmp_path / "t.csv", pack(text_of().encode()))))


def zipped(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return path


def test_a_zip_archive_of_one_file(tmp_path):
    files = {"folder__t_dot_csv": text_of(), "__MACOSX__t": b"x", "folder___dot_t": b"x"}
    files = {("__MACOSX/._t.csv" if "MACOSX" in name else name): content for name, content in files.items()}
    check(read_table(zipped(tmp_path / "t.zip", **files)))


@pytest.mark.parametrize("files, words", [
    ({"a": "x\n1", "b": "x\n1"}, r"expected a zip archive of one file, got 2 \(a, b\). Unpack it"),
    ({}, r"got 0 \(none\)"),
    ({"[Content_Types]_dot_xml": "", "xl": ""}, "got an Excel workbook. Save the sheet as CSV"),
    ({"x_dot_npy": ""}, "got arrays. Read them with data.read_npz"),
])  # fmt: skip
def test_other_archives_are_named(tmp_path, files, words):
    refused(zipped(tmp_path / "t.csv", **files), words)


def test_a_decimal_comma_is_recognised_and_reported(tmp_path, capfd):
    for separator in (";", "\t"):
        path = put(tmp_path / "t.csv", text_of(separator=separator, decimal=","))
        check(read_table(path))
        assert capfd.readouterr().err.startswith("npae: read_table: commas in t.csv are read as decimal signs")
        check(read_table(path, decimal=","))
        assert quiet(capfd)
        with pytest.raises(TableError, match=r"text where numbers are expected in the columns a \('1,5' in row 1\)"):
            read_table(path, decimal=".")


@pytest.mark.parametrize("cells", [("1,234", "5"), ("1,234", "12,345"), ("-1,234", "2")])
def test_a_comma_that_may_separate_thousands_is_asked_about(tmp_path, cells):
    path = put(tmp_path / "t.csv", "a;b\n" + ";".join(cells) + "\n")
    with pytest.raises(TableError, match="the comma in .*1,234.* may separate thousands or decimals"):
        read_table(path)


def test_a_decimal_comma_that_cannot_be_a_thousands_comma(tmp_path):
    table = read_table(put(tmp_path / "t.csv", "a;b\n0,123;1,234\n1,5;2\n"))
    assert table.x.tolist() == [[0.123, 1.234], [1.5, 2.0]]


def test_thousands_that_no_sign_can_hide(tmp_path):
    with pytest.raises(TableError, match=r"columns a \('1,234,567' in row 1\)"):
        read_table(put(tmp_path / "t.csv", "a;b\n1,234,567;2\n"))


def test_thousands_in_quotes_are_never_decimals(tmp_path):
    with pytest.raises(TableError, match="'1,234' in row 1"):
        read_table(put(tmp_path / "t.csv", 'a,b\n"1,234",2\n3,4\n'))


@pytest.mark.parametrize("before", [
    "\n\n", "# made by hand\n", "# a, b\n\n#\n", "sep=,\n", ",,\n", "\ufeff# x\n", " \r\n",
])  # fmt: skip
def test_comments_and_blank_lines_before_the_table(tmp_path, before):
    check(read_table(put(tmp_path / "t.csv", before + text_of())))


def test_excels_own_line_names_the_separator(tmp_path):
    table = read_table(put(tmp_path / "t.csv", "sep=;\na,b;c\n1;2\n"))
    assert table.names == ("a,b", "c") and table.x.tolist() == [[1, 2]]


def test_what_numpy_savetxt_writes(tmp_path):
    for delimiter in (" ", ","):
        np.savetxt(tmp_path / "t.csv", X, delimiter=delimiter, header=delimiter.join("abc"))
        check(read_table(tmp_path / "t.csv"), names=tuple("abc"))


def test_columns_of_spaces(tmp_path):
    table = read_table(put(tmp_path / "t.dat", "  aa   b\n  1.0  2\n 10.0 30 \n"))
    assert table.names == ("aa", "b") and table.x.tolist() == [[1, 2], [10, 30]]


def test_one_column_and_names_with_spaces_and_quotes(tmp_path):
    table = read_table(put(tmp_path / "t.csv", "petal width\n1.5\n2\n"))
    assert table.names == ("petal width",) and table.x.tolist() == [[1.5], [2]]
    table = read_table(put(tmp_path / "t.csv", '"a, in m" , "b"\n"1" , "2"\n'))
    assert table.names == ("a, in m", "b") and table.x.tolist() == [[1, 2]]


def test_a_separator_at_the_end_of_every_line(tmp_path):
    for text in ("a,b,\n1,2,\n3,4,\n", "a,b\n1,2,\n3,4,\n"):
        table = read_table(put(tmp_path / "t.csv", text))
        assert table.names == ("a", "b") and table.x.tolist() == [[1, 2], [3, 4]]


def test_bool_and_large_numbers(tmp_path):
    table = read_table(put(tmp_path / "t.csv", "a,b,c\nTrue,1,18446744073709551616\nFalse,0,1e5\n"))
    assert table.x.tolist() == [[1, 1, 2.0**64], [0, 0, 1e5]]


def test_many_columns(tmp_path):
    names = [f"feature_{k:05}" for k in range(9000)]
    x = np.arange(27000.0).reshape(3, -1)
    check(read_table(put(tmp_path / "t.csv", text_of(x, names))), x, tuple(names))


# ---------------------------------------------------------------------- columns


def test_features_by_name_and_order(tmp_path):
    path = put(tmp_path / "t.csv", "id,b,a,text\n7,1,2,x\n8,3,4,y\n")
    assert read_table(path, columns=["a", "b"]).x.tolist() == [[2, 1], [4, 3]]
    assert read_table(path, columns="a").names == ("a",)
    assert read_table(path, leave_out=["text", "id"]).names == ("b", "a")
    assert read_table(path, "id", leave_out="text").names == ("b", "a")


def refused(path, words, error=TableError, **arguments):
    with pytest.raises(error, match=words) as caught:
        read_table(path, **arguments)
    text = str(caught.value)
    assert "\n" not in text and "opy it again" not in text
    assert path.name in text or error is not TableError


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path):
    path = put(tmp_path / "t.csv", "Time,class\n1,2\n")
    refused(path, "it has no column Klasse. It has the columns Time, class.$", label="Klasse")
    refused(path, "no column Class. It has the columns Time, class; is class meant", label="Class")
    refused(path, "it has no column y, x. It has the columns", leave_out=["x"], columns=["y", "Time"])
    refused(path, "it has no column x. ", leave_out=["x"])
    refused(path, "it has no column x. ", columns=["Time", "x"])
    path = put(tmp_path / "s.csv", "Time;a\n1;2\n")
    refused(path, "no column Time. It has one column, Time;a; is it separated by ';'", label="Time", separator=",")
    refused(put(tmp_path / "l.csv", ",".join(f"v{k}" for k in range(99)) + "\n"), r"v31, … \(99 in all\)", label="x")


def test_roles_that_exclude_each_other(tmp_path):
    path = put(tmp_path / "t.csv", "a,b\n1,2\n")
    refused(path, "expected a once", ValueError, label="a", columns=["a", "b"])
    refused(path, "expected a once", ValueError, columns=["a", "a"])
    refused(path, "expected a once", ValueError, label="a", leave_out="a")
    refused(path, "expected names of columns as text, got 0", TypeError, label=0)
    refused(path, "it has no column of features. It has the columns a, b", label="a", leave_out="b")


@pytest.mark.parametrize("text, name", [
    (text_of(index=True), ""), ('"","a"\n"1",5\n', ""), ("a b\n1 5 6\n2 7 8\n", ""),
    ("Unnamed: 0,a\n0,5\n", "Unnamed: 0"), ("...1,a\n1,5\n", "...1"),
], ids=["pandas", "R's write.csv", "R's write.table", "pandas twice", "readr"])  # fmt: skip
def test_row_numbers_without_a_name_are_refused(tmp_path, text, name):
    path = put(tmp_path / "t.csv", text)
    refused(path, rf'its column 1 has no name.*row numbers there. Leave it out: leave_out=\["{name}"\]; or write')
    assert read_table(path, leave_out=[name]).names in (NAMES, ("a",), ("a", "b"))


def test_row_numbers_with_a_name_are_reported(tmp_path, capfd):
    path = put(tmp_path / "t.csv", "customer_id,a\n" + "".join(f"{k},{k * k}\n" for k in range(1, 9)))
    assert read_table(path).names == ("customer_id", "a")
    assert "customer_id in t.csv numbers the rows. If it is not a feature: leave_out=['customer_id']" in (
        capfd.readouterr().err
    )
    assert read_table(path, columns=["customer_id", "a"]).names == ("customer_id", "a") and quiet(capfd)


def test_two_columns_of_one_name(tmp_path):
    path = put(tmp_path / "t.csv", "a,a,b\n1,2,3\n")
    refused(path, "it has 2 columns called a. Rename them")
    assert read_table(path, columns=["b"]).x.tolist() == [[3]]


def test_numbers_where_names_are_expected(tmp_path):
    path = put(tmp_path / "t.csv", "0,1,2.5,7\n5,6,7,8\n")
    refused(path, r"its first line holds numbers \(0, 1, 2.5, …\).*header=False.*header=True")
    table = read_table(path, header=False)
    assert table.names == ("0", "1", "2", "3") and table.x.tolist() == [[0, 1, 2.5, 7], [5, 6, 7, 8]]
    table = read_table(path, "7", header=True)
    assert table.names == ("0", "1", "2.5") and table.x.tolist() == [[5, 6, 7]] and table.y.tolist() == [8]


# ---------------------------------------------------------------------- cells


@pytest.mark.parametrize("cell", ["", "NA", "NaN", "null", "None", "?", " ", "#N/A"])
def test_empty_cells_are_placed_by_row_and_name(tmp_path, cell, capfd):
    path = put(tmp_path / "t.csv", f"a,b\n1,2\n3,{cell}\n5,6\n")
    refused(path, 'rows lack a number: row 2, column b is empty. Leave such rows out, read_table.*missing="drop"')
    assert read_table(path, missing="drop").x.tolist() == [[1, 2], [5, 6]]
    assert "1 of its 3 rows lack a number and are left out (t.csv)" in capfd.readouterr().err


def test_infinity_and_several_places(tmp_path):
    path = put(tmp_path / "t.csv", "a,b\n1,inf\n3,-Infinity\n,6\n,8\n1,2\n")
    refused(path, "4 of its 5 rows lack a number: row 1, column b is infinite; row 2, column b is infinite; row 3, "
                  "column a is empty; …")  # fmt: skip
    assert read_table(path, missing="drop").x.tolist() == [[1, 2]]
    refused(put(path, "a\nNA\nNA\n"), "2 of its 2 rows lack a number", missing="drop")
    refused(path, 'expected missing to be "refuse" or "drop", got \'mean\'', ValueError, missing="mean")


@pytest.mark.parametrize("digits", [309, 400, 4000, 5000])
@pytest.mark.parametrize("other", ["1", "0.5", "9" * 25, "-" + "9" * 400])
def test_whole_numbers_of_hundreds_of_digits_are_refused_by_their_place(tmp_path, digits, other):
    path = put(tmp_path / "t.csv", f"a,b\n1,5\n2,{'9' * digits}\n3,{other}\n")
    infinite = "row 2, column b is infinite|expected in the columns? b"  # of pandas 3, and of pandas 2
    refused(path, infinite if digits < 4300 else r"expected in the columns b \('999.* in row 2")
    put(path, f"a,b\n1,x\n2,{'9' * digits}\n3,y\n")
    assert read_table(path, "b").classes == ("9" * digits, "x", "y")


def test_large_whole_numbers_that_float64_can_hold_are_read(tmp_path):
    path = put(tmp_path / "t.csv", f"a\n{'9' * 30}\n-{'9' * 300}\n1\n")
    np.testing.assert_allclose(read_table(path).x.ravel(), [1e30, -1e300, 1], rtol=1e-15)  # pandas 2 rounds otherwise


@pytest.mark.parametrize("kind", [OverflowError, RuntimeError, IndexError, AttributeError])
def test_whatever_pandas_raises_is_a_table_error(tmp_path, monkeypatch, kind):
    def failing(*arguments, **settings):
        raise kind("of the parser.\n")

    path = put(tmp_path / "t.csv", "a,b\n1,2\n")
    monkeypatch.setattr("pandas.read_csv", failing)
    refused(path, r"t\.csv: its lines are not those of a table \(of the parser\)\.$")


def test_a_short_row_lacks_a_number_and_a_long_one_is_named_by_its_line(tmp_path):
    refused(put(tmp_path / "t.csv", "a,b\n1,2\n3\n"), "row 2, column b is empty")
    refused(put(tmp_path / "t.csv", "# x\na,b\n1,2\n3,4,5\n"), "its line 4 has 3 cells, there are 2 names, a, b")
    refused(put(tmp_path / "t.csv", "a,b\n1,2,3,4\n1,2,3,4\n"), "its first row has more cells than its 2 names, a, b")
    refused(put(tmp_path / "t.csv", 'a,b\n1,"2\n3,4\n'), "its lines are not those of a table .*EOF inside string")


def test_columns_of_text_are_named(tmp_path):
    path = put(tmp_path / "t.csv", "city,n,when\nRome,1,2020-01-01\nParis,2,2020-01-02\n")
    refused(path, r"in the columns city \('Rome' in row 1\); when \('2020-01-01' in row 1\). Leave them out, "
                  r"leave_out=\['city', 'when'\]; or number")  # fmt: skip
    assert read_table(path, leave_out=["city", "when"]).x.tolist() == [[1], [2]]
    refused(put(path, "a,b\n1,2\n3,4 m\n"), r"b \('4 m' in row 2\)")


def test_a_table_without_rows_or_without_text(tmp_path):
    refused(put(tmp_path / "t.csv", "a,b\n"), "it has the columns a, b, and no rows below them")
    for content in (b"", b"\n\n", b"# only a comment\n", b"\xef\xbb\xbf"):
        refused(put(tmp_path / "t.csv", content), "it has no lines of text")


@pytest.mark.parametrize("content, words", [
    (b"<!DOCTYPE html>\n<html>", "got a web page. Download the file itself"),
    (b"PAR1....", "got a Parquet file. Read it with pandas.read_parquet"),
    (b"\xd0\xcf\x11\xe0....", "got an Excel workbook"), (b"\x93NUMPY\x01", "got an array. Read it with numpy.load"),
    (bytes(range(256)) * 9, "got a binary file"),
    (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-5], "its packing is damaged"),
    (b"PK\x03\x04" + bytes(99), "its packing is damaged"),
])  # fmt: skip
def test_other_files_are_named(tmp_path, content, words):
    refused(put(tmp_path / "t.csv", content), words)


def test_a_missing_file_and_a_folder(tmp_path):
    refused(tmp_path / "gone.csv", "gone.csv: expected a file, found nothing there", FileNotFoundError)
    refused(tmp_path, "expected a file, got a folder", IsADirectoryError)


@pytest.mark.parametrize("arguments, words", [
    ({"separator": ";;"}, "expected separator to be one character"), ({"decimal": ";"}, "expected decimal to be"),
])  # fmt: skip
def test_impossible_arguments(tmp_path, arguments, words):
    refused(put(tmp_path / "t.csv", "a\n1\n"), words, ValueError, **arguments)


def test_without_pandas_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    words = r"read_table: pandas is not installed: pip install .*\[tables\]"
    refused(put(tmp_path / "t.csv", "a\n1\n"), words, ModuleNotFoundError)


# ---------------------------------------------------------------------- labels


def test_a_label_of_several_lines_is_refused(tmp_path):
    """Quotation marks around a line feed hide the rows in between."""
    path = put(tmp_path / "t.csv", 'a,kind\n1,"dog\n2,cat\n3,dog"\n4,cat\n')
    words = r"the label in row 1 goes on in the next line, 'dog\\n2,cat.*a quotation mark may be missing"
    refused(path, words, label="kind")


def test_labels_beyond_the_whole_numbers_of_float64_stay_floats(tmp_path):
    table = read_table(put(tmp_path / "t.csv", "a,kind\n1,1e30\n2,-7\n"), "kind")
    assert table.y.tolist() == [1e30, -7]


@pytest.mark.parametrize("encoding", [None, "utf-8", "utf-8-sig", "utf-16-le"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path, encoding):
    text = "\ufeffkind,a\n1,2\n"
    path = put(tmp_path / "t.csv", text.encode("utf-16-le" if encoding == "utf-16-le" else "utf-8"))
    assert read_table(path, "kind", encoding=encoding).names == ("a",)


@pytest.mark.parametrize("cell", ["nan", "inf", "-inf", "1e400", "Infinity", "0#garbage", "#1"])
def test_what_is_no_finite_number_is_refused(tmp_path, cell):
    refused(put(tmp_path / "t.csv", f"a,b\n1,2\n{cell},3\n4,5\n"), "lack a number: row 2, column a|a .* in row 2")


@pytest.mark.parametrize("cells, y, classes", [
    (["1", "0", "1"], [1, 0, 1], ()), (["3.0", "-1", "7"], [3, -1, 7], ()), (["0.5", "1", "2"], [0.5, 1, 2], ()),
    (["dog", "cat", "dog"], [1, 0, 1], ("cat", "dog")), (["True", "False", "True"], [1, 0, 1], ("False", "True")),
    (["None", "Mild", " Mild"], [1, 0, 0], ("Mild", "None")), (['"1"', '"0"', '"0"'], [1, 0, 0], ()),
])  # fmt: skip
def test_labels_are_numbers_or_classes(tmp_path, cells, y, classes):
    text = "a,kind,b\n" + "".join(f"{k}.5,{cell},7\n" for k, cell in enumerate(cells))
    table = read_table(put(tmp_path / "t.csv", text), "kind")
    assert table.y.tolist() == y and table.classes == classes and table.names == ("a", "b")
    assert table.y.dtype == (np.int64 if 0.5 not in y else np.float64)
    assert repr(table) == f"Table(t: 3 rows of 2 features, {'2 classes' if classes else 'labels'})"


@pytest.mark.parametrize("values", [("1", "0"), ("dog", "cat")])
@pytest.mark.parametrize("gap", ["", "NA"])
def test_a_missing_label_is_placed(tmp_path, values, gap):
    path = put(tmp_path / "t.csv", f"a,kind\n1,{values[0]}\n2,{gap}\n3,{values[1]}\n")
    refused(path, "1 of its 3 rows lack a number: row 2, column kind is empty", label="kind")
    table = read_table(path, "kind", missing="drop")
    assert table.x.tolist() == [[1], [3]] and table.y.tolist() == [1, 0]


# ---------------------------------------------------------------------- the first lines


@pytest.mark.parametrize("text, separator", [
    ("a;b;c\n1,5;2,5;3,5\n", ";"), ("a;b\n1,5;2\n", ";"), ("a\tb\n1,5\t2,5\n", "\t"), ("a b,c d\n1,2\n", ","),
    ("a|b\n1|2\n", "|"), ("a b\n1 2\n", " "), ("a\n1\n", ","), ("a b\n1\n", ","), ("a,b\n1,2,3\n1\n", ","),
    ('"a;b",c\n1,2\n', ","), ("a\n1,5\n", ","),
])  # fmt: skip
def test_the_separator_is_the_one_that_fits_the_first_lines(text, separator):
    assert head_of(text.encode()).separator == separator


def test_the_head_counts_bytes_and_lines():
    head = head_of("# ü\n\na;b\n1;2\n".encode())
    assert (head.names, head.separator, head.start, head.lines) == (["a", "b"], ";", 10, 3)
