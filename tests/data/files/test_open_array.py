"""Array files that are not trusted: what is read, and what is refused in a sentence with the name of the file."""

import json
import os
import pickle

import numpy as np
import pytest

from npae.data.files.array_file import ShardError
from npae.data.files.open_array import open_array
from tests.data.shard_files import X, write_safetensors


def rows_of(path, start, n, **settings):
    file = open_array(path, **settings)
    rows = np.empty((n, *file.shape[1:]), file.stored)
    file.read([(start, rows)])
    return rows


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1", "b1", ">f4"])
@pytest.mark.parametrize("kind", ["npy", "safetensors"])
def test_rows_are_read_as_they_are(dtype, kind, tmp_path):
    x, path = (X * 50).astype(dtype).reshape(97, 2, 3), tmp_path / f"x.{kind}"
    if kind == "npy":
        np.save(path, x)
    elif dtype[0] == ">":
        return
    else:
        write_safetensors(path, {"bias": np.zeros(3, "f4"), "x": x})
    rows = rows_of(path, 11, 5)
    assert rows.dtype == x.dtype and (rows == x[11:16]).all()


def test_files_of_the_package_safetensors_are_read(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    library.save_file({"scale": X[0], "rows": X, "more": X[:3]}, tmp_path / "x.safetensors", {"a": "b"})
    assert (rows_of(tmp_path / "x.safetensors", 90, 7, tensor="rows") == X[90:]).all()


def test_the_second_version_of_the_npy_format_is_read(tmp_path):
    with open(tmp_path / "x.npy", "wb") as file:
        np.lib.format.write_array(file, X, (2, 0))
    assert (rows_of(tmp_path / "x.npy", 3, 2) == X[3:5]).all()


def npy(array):
    def write(path):
        np.save(path, array, allow_pickle=True)

    return write


def of_bytes(content):
    def write(path):
        path.write_bytes(content)

    return write


def cut(by):
    def write(path):
        np.save(path, X)
        os.truncate(path, path.stat().st_size + by)

    return write


LOADED = []


class Evil:
    def __reduce__(self):
        return LOADED.append, ("code of the file",)


HUGE = b"\x93NUMPY\x02\x00" + (2**32 - 1).to_bytes(4, "little") + b"{"


@pytest.mark.parametrize("write, message", [
    (cut(-8), r"declares 2456 bytes, the file has 2448: the file was cut short. Copy or write it again\.$"),
    (cut(8), "the file has 2464: something was appended to it"),
    (npy(np.array([[Evil()]])), "pickled Python objects, which are never loaded"),
    (npy(np.asfortranarray(X)), "stored column by column"), (npy(X[:, 0]), r"rows \(n, features…\), got .*\(97,\)"),
    (npy(X.astype("i8")), "expected numbers of float16, .* got int64. Convert it"), (npy(X.astype("c8")), "complex64"),
    (npy(np.array([["a", "b"]])), "got <U1"), (of_bytes(b""), "expected a .npy or .safetensors file"),
    (of_bytes(pickle.dumps(X)), "expected a .npy or .safetensors file"), (of_bytes(b"\x93NUMPY"), "header is damaged"),
    (of_bytes(b"\x93NUMPY\x01\x00\xff\xff{"), "its header is damaged"),
    (of_bytes(HUGE), "its header declares 4294967295 bytes, expected at most"),
    (npy(np.zeros((5, 0))), "expected rows"),
])  # fmt: skip
def test_other_npy_files_are_refused_in_a_sentence(write, message, tmp_path):
    write(tmp_path / "x.npy")
    with pytest.raises(ShardError, match=message) as error:
        open_array(tmp_path / "x.npy")
    assert str(error.value).startswith(f"{tmp_path / 'x.npy'}: ") and str(error.value).endswith(".")
    assert not LOADED


def header(entry, content=b"", length=None):
    text = entry if isinstance(entry, bytes) else json.dumps(entry).encode()
    return of_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + content)


def entry(shape=(2, 2), offsets=(0, 16), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize("write, message, tensor", [
    (header({"x": entry()}, b"0" * 12), "declares 89 bytes, the file has 85: the file was cut short", None),
    (header({"x": entry(offsets=(0, 12))}, b"0" * 12), "its header is damaged .12 bytes for the shape", None),
    (header({"x": entry(offsets=(-16, 0))}), "damaged .a size is not a whole number", None),
    (header({"x": entry((True, 4))}, b"0" * 16), "a size is not a whole number", None),
    (header({"x": entry((2**70, 2**70), (0, 2**142))}), "the file was cut short", None),
    (header({"x": entry(dtype="I64")}), "expected numbers of .* got I64. Convert it before", None),
    (header({"x": entry(), "y": entry()}, b"0" * 16), r'found x, y. Name one of them: Shards\(paths, tensor="x"', None),
    (header({"x": entry()}, b"0" * 16), "expected the tensor 'y', found x", "y"),
    (header({"x": entry((4,))}, b"0" * 16), r"expected rows \(n, features…\), got the shape \(4,\)", "x"),
    (header({}), "expected one tensor of rows, found none", None), (header(b"[1]"), "its header is damaged", None),
    (header(b"[" * 5000), "its header is damaged", None), (of_bytes(b"12"), "its header is damaged", None),
    (header({"x": entry()}, b"", 2**60), "its header declares 1152921504606846976 bytes", None),
    (header({"x": 3}), "its header is damaged", None), (header({"x": {"shape": [2, 2]}}), "header is damaged", None),
])  # fmt: skip
def test_other_safetensors_files_are_refused_in_a_sentence(write, message, tensor, tmp_path):
    write(tmp_path / "x.safetensors")
    with pytest.raises(ShardError, match=message) as error:
        open_array(tmp_path / "x.safetensors", tensor)
    assert str(error.value).startswith(f"{tmp_path / 'x.safetensors'}: ") and str(error.value).endswith(".")


Q = np.arange(-6, 6, dtype="i1").reshape(2, 6)
NAN = np.array([1, 1, 1, np.nan, 1, 1])


@pytest.mark.parametrize("array, scale, message", [
    (Q, None, "it holds int8, whose scale is missing. Write Shards"), (Q, NAN, "got nan for feature 3"),
    (Q, np.inf, "got inf for feature 0"), (Q, 1e38, "expected finite numbers, got 1e.38 for feature 0"),
    (Q, 1e300, "got inf"), (Q, np.ones(5), r"expected a number or an array \(6,\), got float64 \(5,\)"),
    (Q, [None], "expected a number or an array"), (Q, "scale", "For .npy, give the array: scale=numpy.load"),
    (X, 0.5, "scale: expected none for float32"),
])  # fmt: skip
def test_a_wrong_scale_is_refused(array, scale, message, tmp_path):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ShardError, match=message):
        open_array(tmp_path / "x.npy", scale=scale)


@pytest.mark.parametrize("tensors, message", [
    ({}, "it has no tensor 'scale' with the scale of its int8, only x"),
    ({"scale": NAN}, "finite numbers, got nan for feature 3"), ({"scale": Q}, "scale: expected floats, 1 or 6"),
    ({"scale": np.ones((2, 6))}, "scale: expected floats, 1 or 6, got F64 of shape"),
    ({"scale": ("F32", (6,), b"0" * 8000)}, "scale: expected floats, 1 or 6"),
    ({"scale": ("BF16", (6,), b"0" * 12)}, "scale: expected floats, 1 or 6, got BF16"),
])  # fmt: skip
def test_a_wrong_scale_within_the_file_is_refused(tensors, message, tmp_path):
    write_safetensors(tmp_path / "x.safetensors", {"x": Q, **tensors})
    with pytest.raises(ShardError, match=message):
        open_array(tmp_path / "x.safetensors", tensor="x", scale="scale")


@pytest.mark.parametrize("scale", [np.float32(0.5), np.arange(6.0), np.array([0.25])])
def test_a_scale_is_a_number_or_one_per_feature(scale, tmp_path):
    np.save(tmp_path / "x.npy", Q)
    found = open_array(tmp_path / "x.npy", scale=scale).scale
    assert found.dtype == np.float32 and found.shape == (() if np.size(scale) == 1 else (6,)) and (found == scale).all()
    write_safetensors(tmp_path / "x.safetensors", {"x": Q, "s": np.atleast_1d(scale)})
    assert (open_array(tmp_path / "x.safetensors", "x", "s").scale == scale).all()


def test_a_file_that_is_cut_or_replaced_while_it_is_in_use_raises_a_sentence(tmp_path):
    np.save(tmp_path / "x.npy", X)
    file, rows = open_array(tmp_path / "x.npy"), np.empty((5, 6), np.float32)
    os.truncate(tmp_path / "x.npy", 2000)
    with pytest.raises(ShardError, match="x.npy: the file was changed while it was in use"):
        file.read([(90, rows)])
    os.unlink(tmp_path / "x.npy")
    with pytest.raises(FileNotFoundError, match="found nothing there"):
        file.read([(90, rows)])
