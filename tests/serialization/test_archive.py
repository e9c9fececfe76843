"""Archives of arrays: entries that repeat or overlap are refused, and no file costs more than its size allows."""

import json
import struct
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from npae import dense_autoencoder, load, save
from npae.serialization import ModelFileError, load_all
from npae.serialization.archive import Archive
from npae.serialization.content import FORMAT

MODEL = dense_autoencoder([6, 2])


def with_entries(path, entries):
    """Replace the directory of a zip file by `entries`."""
    raw, end = path.read_bytes(), b"PK\x05\x06"
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    directory = b"".join(entries)
    record = struct.pack("<4s4H2LH", end, 0, 0, len(entries), len(entries), len(directory), start, 0)
    path.write_bytes(raw[:start] + directory + record)


def entries_of(path):
    """The entries in the directory of a zip file."""
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir
    raw = path.read_bytes()
    return [b"PK\x01\x02" + entry for entry in raw[start : raw.rindex(b"PK\x05\x06")].split(b"PK\x01\x02")[1:]]


def test_the_directory_that_these_tests_write_can_be_read(tmp_path):
    path = save(tmp_path / "m", MODEL)
    with_entries(path, entries_of(path))
    assert load(path).parameter_count == MODEL.parameter_count


def test_an_array_that_is_named_twice_is_refused(tmp_path):
    path = save(tmp_path / "m", MODEL, arrays={"a": np.zeros(9)})
    entries = entries_of(path)
    with_entries(path, [*entries, *(entry for entry in entries if b"extra.a" in entry)])
    with pytest.raises(ModelFileError, match="m.npz: it holds several arrays of one name"):
        load_all(path)


def test_arrays_that_share_bytes_are_refused(tmp_path):
    path = save(tmp_path / "m", MODEL, arrays={"a": np.zeros(100_000)})
    entries = entries_of(path)
    (large,) = (entry for entry in entries if b"extra.a" in entry)
    with_entries(path, [*entries, *(large.replace(b"extra.a", f"extra.{k}".encode()) for k in range(9))])
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match=r"The array extra\.\d shares bytes with another one"):
            load_all(path)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_the_time_is_linear_in_the_number_of_arrays(tmp_path):
    def seconds(n):
        path = save(tmp_path / "m", MODEL, arrays={f"{k}": np.zeros(1, np.uint8) for k in range(n)})
        began = time.process_time()
        assert len(load_all(path).arrays) == n
        return time.process_time() - began

    seconds(10)
    few = min(seconds(400) for _ in range(3))
    assert seconds(4000) < 30 * few  # a quadratic loop takes 100 times as long


DENSE = {"family": "Layer", "class": "Dense", "config": {"n_in": 1, "n_out": 1}}
RELU = {"family": "Layer", "class": "ReLU", "config": {}}


def sequential(*parts):
    return {"family": "Layer", "class": "Sequential", "config": {"layers": list(parts)}}


def nested(levels, tree):
    return tree if levels == 0 else sequential(nested(levels - 1, tree))


def described(path, tree, names, extra):
    """A model file with the description `tree`, for Dense(1 -> 1) layers of these names."""
    rows = [(f"{name}{p}", shape) for name in names for p, shape in (("W", [1, 1]), ("b", [1]))]
    table = [[name, shape, k] for k, (name, shape) in enumerate(rows)]
    about = {"format": FORMAT, "model": tree, "table": table, "extra": extra}
    about = np.frombuffer(json.dumps(about, separators=(",", ":")).encode(), np.uint8)
    np.savez(path, theta=np.zeros(len(rows), np.float32), about=about)
    return path


@pytest.mark.parametrize("tree, names, extra", [
    pytest.param(sequential(*[DENSE] * 3000), [f"{k}." for k in range(3000)], {}, marks=pytest.mark.slow),
    pytest.param(sequential(DENSE, *[RELU] * 9000), ["0."], {}, marks=pytest.mark.slow),
    (nested(28, sequential(*[RELU] * 4000, DENSE)), ["0." * 28 + "4000."], {}),
    pytest.param(sequential(DENSE, *[{"same": "layers.0"}] * 20000), ["0."], {}, marks=pytest.mark.slow),
    (sequential(sequential(*[DENSE] * 99), *[{"same": "layers.0"}] * 9000), [f"0.{k}." for k in range(99)], {}),
    (sequential({"x" * 200_000: [RELU] * 3000}), [], {}),
    (DENSE, [""], {"a": [[]] * 99_000}), (DENSE, [""], {"a": [{"": 0}] * 50_000}),
    (DENSE, [""], {"a": [[[[[0]]]]] * 30_000}),
], ids=["parts", "layers", "deep", "same", "same of many", "long path", "lists", "tables", "nested"])  # fmt: skip
def test_a_file_of_n_bytes_costs_at_most_100_n_bytes_and_5_seconds_per_megabyte(tree, names, extra, tmp_path):
    path = described(tmp_path / "m.npz", tree, names, extra)
    n = path.stat().st_size

    def read():
        try:
            load_all(path)
        except ModelFileError as error:
            assert "parts are repeated" in str(error) or "has more than 1000 characters" in str(error)

    began = time.process_time()
    read()
    assert time.process_time() - began < 5 * n / 1e6
    tracemalloc.start()
    try:
        read()
        assert tracemalloc.get_traced_memory()[1] < 100 * n
    finally:
        tracemalloc.stop()


def test_messages_are_short_whatever_a_file_holds(tmp_path):
    layers = {"family": "Layer", "class": "Sequential", "config": {"layers": [[0] * 50_000]}}
    path = described(tmp_path / "m.npz", layers, [], {})
    with pytest.raises(ModelFileError, match=r"m.npz is not a whole npae model file \(TypeError: .* … .*\)") as error:
        load_all(path)
    assert len(str(error.value)) < 700


def test_checksums_are_compared_for_every_array(tmp_path):
    path = save(tmp_path / "m", MODEL, arrays={"a": np.arange(1000.0)})
    raw = bytearray(path.read_bytes())
    raw[raw.index(np.arange(1000.0).tobytes()) + 99] ^= 1
    path.write_bytes(raw)
    with open(path, "rb") as file, pytest.raises(zipfile.BadZipFile, match="CRC"):
        Archive(file).check_sums()
    with pytest.raises(ModelFileError, match="CRC"):
        load_all(path)
