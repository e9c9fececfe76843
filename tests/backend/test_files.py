"""Files: atomic writes, places that cannot be written, and headers of arrays, which allocate nothing."""

import io
import os
import socket
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from npae.backend import NotAFileError, as_path, atomic_write, check_place, files, open_untrusted, read_array_header


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
    for path in (tmp_path / "file" / "a", tmp_path / "file" / "b" / "a"):
        with pytest.raises(OSError, match="Cannot write .*Choose another place"):
            check_place(path)
    with pytest.raises(IsADirectoryError, match="Cannot write .*: it is a folder. Name a file in it.$"):
        check_place(tmp_path)


def test_a_regular_file_is_opened_and_links_to_it_are_followed(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("a")
    for path in (tmp_path / "a", str(tmp_path / "link"), tmp_path / "link"):
        with open_untrusted(path) as file:
            assert (file.read(2), file.seek(0), file.read()) == (b"ab", 0, b"abc")


@pytest.mark.parametrize("name", ["missing", "dangling", "loop", "a/below", "n" * 300, "null\0character"])
def test_a_path_that_leads_to_nothing_is_named(name, tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(FileNotFoundError, match=r"(?s): expected a file, found nothing there\. Check the path"):
        open_untrusted(tmp_path / name)


needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with a name")


@needs_pipes
def test_what_is_no_regular_file_is_refused_at_once(tmp_path, monkeypatch):
    """To open a pipe is to wait for a writer, and a device may be read without end."""
    monkeypatch.chdir(tmp_path)  # the path of a socket has at most 108 characters
    os.mkfifo("pipe")
    os.symlink("pipe", "link to a pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        for path, kind in {"pipe": "pipe", "link to a pipe": "pipe", "socket": "socket", "/dev/zero": "device"}.items():
            with pytest.raises(NotAFileError, match=f"{path}: expected a regular file, got a {kind}. Copy its content"):
                open_untrusted(path)
    with pytest.raises(IsADirectoryError, match="expected a file, got a folder. Name a file in it"):
        open_untrusted(tmp_path)


@needs_pipes
def test_a_file_that_becomes_a_pipe_while_it_is_opened_is_refused_too(tmp_path, monkeypatch):
    path, before = tmp_path / "a", os.stat
    path.touch()
    regular = before(path)
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(files.os, "stat", lambda _: regular)
    with pytest.raises(NotAFileError, match="got a pipe"):
        open_untrusted(path)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("array", [np.zeros((2, 3), "f4"), np.zeros(0), np.arange(5, dtype=np.int16), np.array(1.0)])
def test_a_header_declares_shape_dtype_and_size(array, version):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version)
    stream.seek(0)
    by_columns = array.flags.f_contiguous and not array.flags.c_contiguous
    assert read_array_header(stream) == (array.shape, array.dtype, len(stream.getvalue()), by_columns)


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


# ---------------------------------------------------------------------- what is left, links, permissions


def test_files_of_killed_writers_are_deleted_by_age_and_by_name(tmp_path):
    path, day = tmp_path / "c.npz", 86400
    names = {  # name: (age in seconds, stays)
        ".c.npz.0123abcd.part": (2 * day, False), ".c.npz.89abcdef.part": (day / 2, True),
        ".other.npz.0123abcd.part": (2 * day, True), ".c.npz.0123.part": (2 * day, True),
        ".c.npz.0123abcd.part.txt": (2 * day, True), ".c.npz.mine.part": (2 * day, True),
    }  # fmt: skip
    (tmp_path / "now").write_text("")
    now = (tmp_path / "now").stat().st_mtime
    for name, (age, _) in names.items():
        (tmp_path / name).write_text("half")
        os.utime(tmp_path / name, (now - age, now - age))
    for _ in range(2):
        with atomic_write(path) as temporary:
            temporary.write_text("whole")
    left = {p.name for p in tmp_path.iterdir()} - {"now", "c.npz"}
    assert left == {name for name, (_, stays) in names.items() if stays}


def test_a_clock_that_is_ahead_deletes_nothing(tmp_path, monkeypatch):
    """The age is the difference of two times of the file system."""
    (tmp_path / ".a.0123abcd.part").write_text("of another process")
    monkeypatch.setattr("time.time", lambda: 1e11)
    with atomic_write(tmp_path / "a") as temporary:
        temporary.write_text("new")
    assert (tmp_path / ".a.0123abcd.part").exists()


@pytest.mark.skipif(os.name == "nt", reason="links and permissions of POSIX")
def test_a_link_stays_a_link_and_its_target_is_written(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "latest").symlink_to(tmp_path / "runs" / "7")
    for text in ("new", "newer"):  # at first the target is missing
        check_place(tmp_path / "latest")
        with atomic_write(tmp_path / "latest") as temporary:
            assert temporary.parent == tmp_path / "runs"
            temporary.write_text(text)
        assert (tmp_path / "latest").is_symlink() and (tmp_path / "runs" / "7").read_text() == text


@pytest.mark.skipif(os.name == "nt", reason="links and permissions of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_the_permissions_of_an_older_file_are_kept(tmp_path, mode):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(mode)
    with atomic_write(path) as temporary:
        assert temporary.stat().st_mode & 0o077 & ~mode == 0  # as private from the first byte on
        temporary.write_text("new")
    assert path.read_text() == "new" and path.stat().st_mode & 0o777 == mode


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(files.NotAFileError, match="Cannot write .*pipe: it is a pipe. Name a file"):
        with atomic_write(tmp_path / "pipe"):
            pass
    with pytest.raises(files.NotAFileError, match="Cannot write .*pipe: it is a pipe. Name a file"):
        check_place(tmp_path / "pipe")
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"] and not (tmp_path / "pipe").is_file()
