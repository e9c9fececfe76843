"""What is accepted as data, and for all else the sentence with its cure. Fakes stand in for libraries not here."""

import datetime
import decimal

import numpy as np
import pytest

from npae.backend import LazyRows, as_lazy_source, as_source

X = np.random.default_rng(0).random((5, 2))


def refused(data, *words, error=TypeError, lazy=False, name="data"):
    """The message with which as_source refuses `data`; it contains all `words`."""
    with pytest.raises(error) as caught:
        as_source(data, name, lazy)
    message = str(caught.value)
    assert message.startswith(f"{name}: expected ")
    for word in words:
        assert word in message, message
    return message


# ---------------------------------------------------------------------- arrays


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", ">f8", "bool", "uint8"])
def test_pixels_bool_and_floats_are_taken_as_they_are(dtype):
    x = X.astype(dtype)
    assert as_source(x) is x


def test_subclasses_become_plain_arrays():
    assert type(as_source(X.view(np.recarray))) is np.ndarray
    assert type(as_source(np.ma.array(X))) is np.ndarray


@pytest.mark.parametrize("values, dtype, cure", [
    ([0, 1], "int64", "data.astype(bool) if they are yes and no"),
    ([0, 200], "int64", 'data.astype("uint8") if they are pixels from 0 to 255'),
    ([0, 7], "int8", "one column of 0 and 1 per category"), ([-1, 200], "int16", "per category"),
    ([0, 256, 512, 65535], "uint16", "data / 65535, or the largest possible value"),
    ([0, 10**6], "int64", "per category"), ([0, 70000], "uint32", "per category"),
])  # fmt: skip
def test_integers_are_converted_by_what_they_mean(values, dtype, cure):
    message = refused(np.array([values], dtype), f"integers ({dtype}) from {min(values)} to {max(values)}", cure)
    assert 'data.astype("float32") if they are numbers' in message
    assert ("uint8" in message.partition("got")[2]) == (cure.count("uint8") > 0)  # never a cast that wraps


@pytest.mark.parametrize("array, words", [
    (X.astype(complex), ["complex numbers (complex128)", "abs(data)"]),
    (np.zeros((2, 2), "M8[s]"), ["dates (datetime64[s])", 'np.timedelta64(1, "s")']),
    (np.zeros((2, 2), "m8[h]"), ["durations (timedelta64[h])", 'data / np.timedelta64(1, "s")']),
    (np.array([["a", "b"]]), ["text, 'a' in row 0", "one column of 0 and 1 per category"]),
    (np.array([["1.5", "2"], ["3", "x"]]), ["text, 'x' in row 1", "per category"]),
    (np.array([["1.5", "2"]]), ["numbers as text, '1.5' in row 0", 'data.astype("float32")']),
    (np.array([[b"1.5"]]), ["numbers as text"]),
    (np.zeros((2, 3), [("a", "f4")]), ["records", "structured_to_unstructured(data)"]),
    (np.array([[1.5, 2], [3, None]], object), ["a missing value, None in row 1", "Fill such values"]),
    (np.array([[1.5, True], [decimal.Decimal(2), 3]], object), ["numbers as Python objects", 'data.astype("float32")']),
    (np.array([[1.5, datetime.date(2020, 1, 2)]], object), ["dates, 2020-01-02 in row 0"]),
    (np.array([[{}, 1]], object), ["an object of the type dict in row 0"]),
])  # fmt: skip
def test_other_dtypes_name_the_first_such_value_and_the_cure(array, words):
    refused(array, *words)


def test_the_cures_for_arrays_give_arrays_that_are_taken():
    whole = np.array([[0, 256], [65535, 300]], np.uint16)
    assert as_source(whole / 65535).max() == 1
    x = np.array([["1.5", "2"]]).astype("float32")
    assert as_source(x) is x
    dates = np.array([["2020-01-01", "2020-01-02"]], "M8[s]")
    assert as_source((dates - dates.min()) / np.timedelta64(1, "s"))[0, 1] == 86400


@pytest.mark.parametrize("data, words", [
    (np.zeros(3), ["shape (3,)", "data[None], one feature of many samples data[:, None]"]),
    ([1.0, 2.0], ["np.asarray(data)[None]"]), (np.zeros((0, 4)), ["shape (0, 4)", "Check where it comes from"]),
    (np.zeros((4, 0)), ["shape (4, 0)"]), ([], ["shape (0,)"]), (5.0, ["shape ()", "One number"]),
    (np.float32(3), ["shape ()"]), (range(5), ["shape (5,)"]),
])  # fmt: skip
def test_shapes_without_samples_or_features(data, words):
    message = refused(data, *words, error=ValueError)
    assert ("[None]" in message) == ("(3,)" in message or "(2,)" in message or "(5,)" in message)


def test_the_name_of_the_argument_stands_in_the_cure():
    assert "validation[None]" in refused(np.zeros(3), error=ValueError, name="validation")


# ---------------------------------------------------------------------- masks


def test_masked_values_are_refused_with_their_first_row():
    x = np.ma.masked_equal(np.array([[1.0, 2], [3, -9999], [-9999, 1]]), -9999)
    refused(x, "MaskedArray with 2 of them, the first in row 1", "np.ma.compress_rows(x)", "np.where(x.mask")
    assert as_source(np.ma.compress_rows(x)).tolist() == [[1, 2]]
    assert as_source(np.where(x.mask, x.mean(axis=0), x.data)).tolist() == [[1, 2], [3, 1.5], [2, 1]]


# ---------------------------------------------------------------------- other objects


class Samples:
    def __len__(self):
        return 3

    def __getitem__(self, k):
        return X[k]


class DataLoader:
    def __iter__(self):
        return iter(X)


class GpuTensor:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


class LazyFrame:
    def collect(self):
        return X

    @property
    def columns(self):
        raise AssertionError("reading the columns of a lazy frame computes them")


@pytest.mark.parametrize("data, words", [
    (None, ["got None"]), ("digits.npy", ["got 'digits.npy'", "numpy.load"]), (b"x", ["got b'x'"]),
    ({"a": [1.0], "b": [2.0]}, ["a dict with the keys 'a', 'b'", "np.stack(list(x.values()), axis=1)"]),
    ({1.0, 2.0}, ["a set, which has no order"]), ((row for row in X), ["a generator, whose rows", "open_memmap"]),
    (map(abs, X), ["a map"]), (zip(X, X, strict=True), ["a zip"]),
    (DataLoader(), ["a DataLoader", "for x, _ in loader"]),
    (Samples(), ["test_inputs.Samples", "np.stack([x[k] for k in range(len(x))])", "shape, a NumPy dtype and x[rows]"]),
    (abs, ["builtin_function_or_method", "Give the samples"]), (object(), ["builtins.object"]),
    (GpuTensor(), ["test_inputs.GpuTensor", "x.detach().cpu()"]), (LazyFrame(), ["a LazyFrame", "x.collect()"]),
])  # fmt: skip
def test_other_objects_are_named_with_their_cure(data, words):
    refused(data, *words)


def test_lists_of_samples_of_different_shapes_are_named_by_their_rows():
    images = [np.ones((28, 28)), np.ones((28, 28)), np.ones((30, 28))]
    refused(images, "(28, 28) in row 0 and (30, 28) in row 2", "image_folder", error=ValueError)
    refused([[1.0, 2.0], [1.0]], "(2,) in row 0 and (1,) in row 1", error=ValueError)
    refused(np.array(images, object), "an array of shape (28, 28) in row 0", "np.stack(list(data))")


def test_cures_for_lists_are_written_for_lists():
    refused([[0, 7]], 'np.asarray(data).astype("float32")')


# ---------------------------------------------------------------------- rows that are read when needed


class Stored:
    """A data set as h5py and zarr have it: row numbers must increase, and it counts what is read."""

    def __init__(self, x):
        self._x, self.shape, self.dtype, self.rows_read = x, x.shape, x.dtype, 0

    def __getitem__(self, rows):
        taken = self._x[rows]
        assert isinstance(rows, slice) or (np.diff(rows) > 0).all()
        self.rows_read += len(taken)
        return taken


def test_stored_rows_are_read_when_they_are_taken():
    stored = Stored(np.arange(40.0).reshape(20, 2))
    source = as_lazy_source(stored)
    assert type(source) is LazyRows and source.shape == (20, 2) and len(source) == 20 and stored.rows_read == 0
    np.testing.assert_array_equal(source[np.array([7, 3, 7])], stored._x[[7, 3, 7]])
    np.testing.assert_array_equal(source[2:9:3], stored._x[2:9:3])
    assert stored.rows_read == 2 + 3


def test_who_needs_all_rows_gets_an_array_of_stored_ones():
    stored = Stored(np.ones((4, 2), np.float32))
    assert type(as_source(stored)) is np.ndarray and stored.rows_read == 4
    refused(Stored(np.ones((4, 2), int)), "integers", lazy=True)


class Sparse:
    """As much of a sparse matrix as LazyRows needs."""

    def __init__(self, x):
        self._x, self.shape, self.dtype = x, x.shape, x.dtype

    def tocsr(self):
        return self

    def __getitem__(self, rows):
        return Sparse(self._x[rows])

    def toarray(self):
        return self._x


def test_sparse_rows_are_expanded_when_they_are_taken():
    source = as_lazy_source(Sparse(X))
    np.testing.assert_array_equal(source[np.array([3, 1])], X[[3, 1]])
    refused(Sparse(X), "a sparse matrix (Sparse)", "data.toarray()")
    refused(Sparse(X.astype(int)), "integers", lazy=True)


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_matrix", "coo_matrix", "csr_array", "coo_array"])
def test_matrices_of_scipy(kind):
    sparse = pytest.importorskip("scipy.sparse")
    x = X * (X > 0.5)
    source = as_lazy_source(getattr(sparse, kind)(x))
    np.testing.assert_array_equal(source[np.array([3, 1, 3])], x[[3, 1, 3]])
    np.testing.assert_array_equal(source[1:4], x[1:4])
    refused(getattr(sparse, kind)(x), f"a sparse matrix ({kind})")


def test_a_data_set_of_h5py(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        source = as_lazy_source(file.create_dataset("x", data=X))
        np.testing.assert_array_equal(source[np.array([3, 1, 3])], X[[3, 1, 3]])
        refused(file, "a File with the keys 'x'")


# ---------------------------------------------------------------------- frames


def frame(**columns):
    return pytest.importorskip("pandas").DataFrame(columns)


A, YES = X[:, 0], [True, False, True, True, False]


def test_frames_of_floats_and_bool_become_one_array():
    np.testing.assert_array_equal(as_source(frame(a=A, b=A)), np.stack([A, A], axis=1))
    mixed = as_source(frame(a=A.astype("f4"), yes=YES))
    assert mixed.dtype == np.float32 and mixed[:, 1].tolist() == [1, 0, 1, 1, 0]
    assert as_source(frame(a=A, yes=YES, n=[1, 2, 3, 4, 5])).dtype == np.float64
    assert as_source(frame(yes=YES)).dtype == bool
    assert as_source(frame(a=np.array(YES, np.uint8))).dtype == np.uint8


def test_frames_of_extension_types_are_taken_where_nothing_is_missing():
    pandas = pytest.importorskip("pandas")
    nullable = frame(a=A).astype("Float64").assign(yes=pandas.array(YES, dtype="boolean"))
    np.testing.assert_array_equal(as_source(nullable), np.stack([A, YES], axis=1))
    np.testing.assert_array_equal(as_source(frame(a=pandas.arrays.SparseArray(A))), A[:, None])
    nullable.iloc[3, 0] = pandas.NA
    refused(nullable, "a column 'a' with 1 missing values, the first in row 3", "data.fillna(data.mean())")
    assert as_source(nullable.fillna(0.5))[3, 0] == 0.5
    refused(frame(n=pandas.array([1, None], dtype="Int64")), "a column 'n' with 1 missing values, the first in row 1")


def test_frames_of_integers_are_refused_by_their_meaning():
    refused(frame(a=[1, 2], b=[3, 4]), "integers (int64) from 1 to 4", 'data.astype("float32") if they are numbers')
    refused(frame(a=[1, 2], yes=[True, False]), "integers (int64)")
    refused(frame(a=[1, 2]).astype("Int64"), "integers")


def test_columns_that_are_no_numbers_are_named():
    pandas = pytest.importorskip("pandas")
    for column, words in (
        (["Berlin", "Rome", "x", "y", "z"], ["with text, 'Berlin' in row 0", "per category"]),
        (["1", "2", "3", "4", "5"], ["numbers as text, '1' in row 0", "data['c'].astype(\"float32\")"]),
        (pandas.Series([1.5, None, 2, 3, 4], dtype=object), ["a missing value, None in row 1"]),
        (pandas.Series([1.5, True, 2, 3, 4], dtype=object), ["numbers as Python objects"]),
        (pandas.Categorical([1, 2, 1, 2, 1]), ["with categories", "per category"]),
        (pandas.date_range("2020", periods=5), ["dates (datetime64", "(data['c'] - data['c'].min())"]),
        (pandas.date_range("2020", periods=5, tz="UTC"), ["dates, 2020-01-01"]),
        (pandas.to_timedelta([1] * 5, "s"), ["durations (timedelta64"]), (A * 1j, ["complex numbers"]),
        (pandas.period_range("2020", periods=5), ["an object of the type Period"]),
    ):  # fmt: skip
        refused(frame(a=A, c=column), "a column 'c' with", *words, "Or leave the column out.")


def test_a_column_and_frames_without_rows():
    refused(frame(a=A).a, "shape (5,)", "data.to_numpy()[None]", error=ValueError)
    refused(frame(a=A).iloc[:0], "shape (0, 1)", error=ValueError)
    refused(frame(a=A)[[]], "shape (5, 0)", error=ValueError)


class FakeDtype:
    def __str__(self):
        return "String"


class FakeColumn:
    """A column as polars has it."""

    def __init__(self, values):
        self._values, self.dtype = values, FakeDtype()

    def to_numpy(self):
        return self._values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self._values)


class FakeFrame:
    """A frame as polars has it: columns in order, no items, dtypes that are not NumPy's."""

    def __init__(self, **columns):
        self._columns = {name: FakeColumn(np.asarray(values)) for name, values in columns.items()}
        self.columns, self.shape = list(columns), (5, len(columns))
        self.dtypes = [column.dtype for column in self._columns.values()]

    def iter_columns(self):
        return iter(self._columns.values())

    def to_numpy(self):
        return np.stack([column.to_numpy() for column in self._columns.values()], axis=1)


def test_frames_as_polars_has_them():
    np.testing.assert_array_equal(as_source(FakeFrame(a=A, yes=YES)), np.stack([A, YES], axis=1))
    refused(FakeFrame(n=[1, 2, 3, 4, 5]), 'data.to_numpy().astype("float32")')
    refused(FakeFrame(a=A, c=["x", "y", "z", "u", "v"]), "a column 'c' with text, 'x' in row 0")
