"""The IDX format: reading correct, broken and malicious files; reading what was written."""

import gzip
import os
import struct
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from npae.backend import atomic_write
from npae.data.files.idx import IDXError, read_idx, write_idx

LAYOUTS = ("C", "F", "reversed", "strided")
IDX_TYPES = ("uint8", "int8", "int16", "int32", "float32", "float64")
arrays = st.sampled_from(IDX_TYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
)


def header(code, *sizes):
    return struct.pack(f">HBB{len(sizes)}I", 0, code, len(sizes), *sizes)


def write(path, content, zipped):
    path.write_bytes(gzip.compress(content) if zipped else content)
    return path


@settings(derandomize=True, deadline=None, max_examples=100)
@given(array=arrays, suffix=st.sampled_from(["", ".gz"]), layout=st.sampled_from(LAYOUTS))
def test_a_written_array_is_read_again(tmp_path_factory, array, suffix, layout):
    path = tmp_path_factory.getbasetemp() / f"round_trip{suffix}"
    if array.ndim and layout == "reversed":
        array = array[::-1]
    elif array.ndim and layout == "strided":
        array = np.repeat(array, 2, axis=-1)[..., ::2]
    else:
        array = np.asarray(array, order="C" if layout == "C" else "F")
    write_idx(path, array)
    again = read_idx(path)
    assert again.shape == array.shape and again.dtype == array.dtype and again.dtype.isnative
    assert again.tobytes() == array.tobytes()  # bytes, so that every NaN counts too
    assert again.flags.writeable and again.flags.c_contiguous


def test_the_bytes_of_a_file_are_those_of_the_format(tmp_path):
    write_idx(tmp_path / "a", np.array([[1, -2]], dtype="<i2"))
    content = (tmp_path / "a").read_bytes()
    assert content == b"\0\0\x0b\x02" + b"\0\0\0\x01" + b"\0\0\0\x02" + b"\0\x01\xff\xfe"
    write_idx(tmp_path / "b", np.array([[1, -2]], dtype=">i2"))
    assert (tmp_path / "b").read_bytes() == content


def test_gzipped_bytes_depend_on_the_array_alone(tmp_path):
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, np.arange(100, dtype=np.uint8))
    content = (tmp_path / "a.gz").read_bytes()
    assert content == (tmp_path / "b.gz").read_bytes()
    assert content[3:8] == b"\0" * 5  # no name, no time


@pytest.mark.parametrize("zipped", [False, True])
def test_compression_is_recognised_by_content_not_by_name(tmp_path, zipped):
    path = write(tmp_path / ("a" if zipped else "a.gz"), header(0x08, 3) + b"abc", zipped)
    assert read_idx(path).tobytes() == b"abc"


def test_constant_data_at_the_limit_of_deflate_is_read(tmp_path):
    write_idx(tmp_path / "a.gz", np.zeros((5000, 28, 28), np.uint8))
    assert read_idx(tmp_path / "a.gz").shape == (5000, 28, 28)


BROKEN = {
    "a web page": (b"<!DOCTYPE html>", "starts with two zero bytes, got b'<!DO'.*web page"),
    "an unknown type": (header(0x0A, 2) + b"ab", "type code of 0x08 .uint8.*got 0x0A.*download"),
    "no bytes": (b"", "header of 4 bytes, got 0.*truncated"),
    "half a magic number": (b"\0\0\x08", "header of 4 bytes, got 3.*truncated"),
    "half the sizes": (header(0x08, 2, 3)[:10], "header of 12 bytes for 2 dimensions, got 10.*truncated"),
    "a short payload": (header(0x08, 2, 3) + b"abcde", r"expected 18 bytes.*\(2, 3\) of uint8.*truncated"),
    "a long payload": (header(0x08, 2, 3) + b"abcdefg", r"expected 18 bytes.*got more.*follows"),
    "a huge size": (header(0x0E, 2**32 - 1, 100) + bytes(800), "got at most .*truncated"),
    "more than memory": (header(0x0E, *[2**32 - 1] * 3), "fits into memory"),
    "an empty array with huge sizes": (header(0x08, 0, *[2**32 - 1] * 3), "fits into memory"),
    "too many dimensions": (header(0x08, *[1] * 33) + b"a", "at most 32 dimensions, got 33"),
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("content, message", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_one_clear_sentence(tmp_path, content, message, zipped):
    path = write(tmp_path / "broken-idx", content, zipped)
    with pytest.raises(IDXError, match=message) as error:
        read_idx(path)
    assert "broken-idx" in str(error.value) and "\n" not in str(error.value)


def test_a_truncated_gzip_raises(tmp_path):
    write_idx(tmp_path / "a.gz", np.random.default_rng(0).integers(0, 256, 1000, np.uint8))
    whole = (tmp_path / "a.gz").read_bytes()
    for length in (5, 30, len(whole) // 2, len(whole) - 1):
        (tmp_path / "a.gz").write_bytes(whole[:length])
        with pytest.raises(IDXError, match="truncated"):
            read_idx(tmp_path / "a.gz")


@pytest.mark.parametrize("at", [12, 500, -6], ids=["block", "payload", "checksum"])
def test_a_corrupt_gzip_raises(tmp_path, at):
    write_idx(tmp_path / "a.gz", np.random.default_rng(0).integers(0, 256, 1000, np.uint8))
    content = bytearray((tmp_path / "a.gz").read_bytes())
    content[at] ^= 0xFF
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(IDXError, match="corrupt|truncated|declared|two zero bytes"):
        read_idx(tmp_path / "a.gz")


def test_a_wrong_checksum_and_bytes_after_the_gzip_are_corrupt(tmp_path):
    whole = gzip.compress(header(0x08, 3) + b"abc")
    for content in (whole[:-8] + b"\0\0\0\0" + whole[-4:], whole + b"garbage"):
        (tmp_path / "a.gz").write_bytes(content)
        with pytest.raises(IDXError, match="sound gzip file, got a corrupt one"):
            read_idx(tmp_path / "a.gz")


@pytest.mark.parametrize("declared", [100, 40_000_000], ids=["a hundred bytes", "forty megabytes"])
def test_a_decompression_bomb_does_not_fill_memory(tmp_path, declared):
    if declared == 100:
        path = write(tmp_path / "bomb", header(0x08, declared) + bytes(20_000_000), True)
    else:
        path = write(tmp_path / "bomb", header(0x08, declared), True)
    tracemalloc.start()
    try:
        with pytest.raises(IDXError, match="follows|truncated"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing-here: expected a file, found nothing there.*Check the path"):
        read_idx(tmp_path / "nothing-here")
    with pytest.raises(IsADirectoryError, match="got a folder.*idx_folder"):
        read_idx(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in the file system")
def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IDXError, match="regular file"):
        read_idx(tmp_path / "pipe")


@pytest.mark.parametrize("array", [np.zeros(2, bool), np.zeros(2, np.int64), np.zeros(2, complex), ["a"]])
def test_arrays_outside_of_the_format_are_refused(tmp_path, array):
    with pytest.raises(IDXError, match="expected an array of uint8, int8.*astype"):
        write_idx(tmp_path / "a", array)
    assert not list(tmp_path.iterdir())


def test_too_many_dimensions_are_refused(tmp_path):
    try:
        array = np.zeros((1,) * 33, np.uint8)
    except ValueError:
        pytest.skip("this NumPy holds no array of 33 dimensions")
    with pytest.raises(IDXError, match="at most 32 dimensions"):
        write_idx(tmp_path / "a", array)


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path):
    write_idx(tmp_path / "a", np.arange(3, dtype=np.uint8))
    with pytest.raises(KeyboardInterrupt):
        with atomic_write(tmp_path / "a") as temporary:
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert read_idx(tmp_path / "a").tolist() == [0, 1, 2]
