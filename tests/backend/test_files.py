"""Files: atomic writes, places that cannot be written, and headers of arrays, which allocate nothing."""

import io
import os
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from npae.backend import as_path, atomic_write, check_place, files, read_array_header


def test_the_file_appears_when_the_block_ends(tmp_path):
    with atomic_write(tmp_path / "a") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_text() == "new" and len(list(tmp_path.iterdir())) == 1


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_write(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert (tmp_path / "a").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_missing_folders_are_made_and_a_folder_is_refused(tmp_path):
    with atomic_write(tmp_path / "new" / "folder" / "a") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "new" / "folder" / "a").read_text() == "new"
    with pytest.raises(IsADirectoryError, match="Cannot write .*new: it is a folder. Name a file in it"):
        with atomic_write(tmp_path / "new"):
            pass


def test_a_path_is_text_bytes_or_a_path(tmp_path):
    assert as_path(str(tmp_path)) == as_path(tmp_path) == as_path(str(tmp_path).encode()) == tmp_path
    with pytest.raises(TypeError, match="here: expected a path, text or a pathlib.Path, got int"):
        as_path(3, "here")


def test_on_windows_only_a_tilde_that_stands_alone_is_the_home_folder(monkeypatch):
    """There, expanduser makes C:/Users/name of "~name", whether there is such a user or not."""
    path = SimpleNamespace(expanduser=lambda text: text.replace("~", "C:/Users/", 1))
    monkeypatch.setattr(files, "os", SimpleNamespace(name="nt", fsdecode=os.fsdecode, path=path))
    assert as_path("~backup.npz") == Path("~backup.npz") and as_path("runs/a.npz") == Path("runs/a.npz")
    assert as_path("~/a.npz") == Path("C:/Users/a.npz") and as_path("~") == Path("C:/Users")


def test_missing_folders_are_made_and_left_empty(tmp_path):
    check_place(tmp_path / "new" / "folder" / "a")
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_places_that_cannot_be_written_raise(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "a", tmp_path / "file" / "b" / "a", tmp_path):
        with pytest.raises(OSError, match="Cannot write .*Choose another place"):
            check_place(path)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("array", [np.zeros((2, 3), "f4"), np.zeros(0), np.arange(5, dtype=np.int16), np.array(1.0)])
def test_a_header_declares_shape_dtype_and_size(array, version):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version)
    stream.seek(0)
    assert read_array_header(stream) == (array.shape, array.dtype, len(stream.getvalue()))


def test_a_header_of_any_size_allocates_nothing():
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)})
    stream.seek(0)
    tracemalloc.start()
    try:
        assert read_array_header(stream)[2] == 8 * 10**18 + len(stream.getvalue())
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff{", b"PK\x03\x04" * 9])
def test_other_bytes_are_not_a_header(content):
    with pytest.raises(ValueError):
        read_array_header(io.BytesIO(content))
