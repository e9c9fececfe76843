"""Downloads from servers on the loopback interface: good and bad mirrors, interruptions, proxies, and no network."""

import contextlib
import gzip
import hashlib
import http.server
import io
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from npae.data import DownloadError, cache_folder, fetch_mnist
from npae.data.files import download as module
from npae.data.files.idx import opened, read_idx
from npae.data.sets.mnist import MD5
from tests.data.files.conftest import LABELS, NAME

ROOT = Path(__file__).resolve().parents[3]


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves server.files, path -> bytes; a path in server.cut breaks off in the middle."""

    def do_GET(self):
        self.server.requests.append(self.path)
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.path in self.server.cut else content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server with `files`, `cut`, `requests`, and `mirrors`: the addresses of its folders /one and /two."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.cut, server.requests = {}, set(), []
    server.mirrors = [f"http://127.0.0.1:{server.server_port}/{folder}" for folder in ("one", "two")]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


def names(folder):
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def test_a_good_mirror_fills_the_cache_and_is_not_needed_again(server, archive, checksums, tmp_path, capfd):
    server.files[f"/one/{NAME}"] = archive
    cache = tmp_path / "deep" / "cache"
    assert fetch_mnist(cache, mirrors=server.mirrors, checksums=checksums) == cache
    assert names(cache) == [NAME] and np.array_equal(read_idx(cache / NAME), LABELS)
    assert server.requests == [f"/one/{NAME}"]
    assert fetch_mnist(cache, mirrors=server.mirrors, checksums=checksums) == cache
    assert server.requests == [f"/one/{NAME}"]
    assert capfd.readouterr() == ("", "")  # no bar where there is no terminal


@pytest.mark.parametrize("tqdm_is_here", [True, False])
def test_a_terminal_shows_a_bar_if_tqdm_is_here(server, archive, checksums, tmp_path, monkeypatch, tqdm_is_here):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    if tqdm_is_here:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    server.files[f"/one/{NAME}"] = archive
    fetch_mnist(tmp_path, mirrors=server.mirrors, checksums=checksums)
    assert (f"{NAME}: 100%" in sys.stderr.getvalue()) == tqdm_is_here


def test_a_program_without_a_stderr_downloads_too(server, archive, checksums, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)  # as in a program without a console on Windows
    server.files[f"/one/{NAME}"] = archive
    fetch_mnist(tmp_path / "cache", mirrors=server.mirrors, checksums=checksums)
    assert names(tmp_path / "cache") == [NAME]


def test_other_archives_of_the_same_payload_are_accepted(server, archive, checksums, tmp_path):
    payload = gzip.decompress(archive)
    for content in (gzip.compress(payload, 1), payload):
        server.files[f"/one/{NAME}"] = content
        cache = tmp_path / str(len(content))
        fetch_mnist(cache, mirrors=[server.mirrors[0] + "/"], checksums=checksums)
        assert np.array_equal(read_idx(cache / NAME), LABELS)


@pytest.mark.parametrize("bad", ["wrong payload", "not found", "broken gzip", "cut off"])
def test_a_bad_mirror_is_skipped(server, archive, checksums, tmp_path, bad):
    server.files[f"/two/{NAME}"] = archive
    if bad == "wrong payload":
        server.files[f"/one/{NAME}"] = gzip.compress(b"something else")
    elif bad == "broken gzip":
        server.files[f"/one/{NAME}"] = archive[:-5]
    elif bad == "cut off":
        server.files[f"/one/{NAME}"] = archive
        server.cut.add(f"/one/{NAME}")
    cache = tmp_path / "cache"
    fetch_mnist(cache, mirrors=server.mirrors, checksums=checksums)
    assert server.requests == [f"/one/{NAME}", f"/two/{NAME}"]
    assert names(cache) == [NAME] and np.array_equal(read_idx(cache / NAME), LABELS)


def test_a_mirror_that_failed_is_tried_last_for_the_next_file(server, archive, checksums, tmp_path):
    server.files |= {f"/two/{NAME}": archive, "/two/b.gz": archive, "/one/c.gz": archive}
    three = dict.fromkeys((NAME, "b.gz", "c.gz"), checksums[NAME])
    fetch_mnist(tmp_path / "cache", mirrors=server.mirrors, checksums=three)
    assert server.requests == [f"/one/{NAME}", f"/two/{NAME}", "/two/b.gz", "/two/c.gz", "/one/c.gz"]


def test_if_all_mirrors_fail_the_error_has_each_reason_and_no_file_is_left(server, checksums, tmp_path):
    server.files[f"/two/{NAME}"] = gzip.compress(b"something else")
    with pytest.raises(DownloadError) as error:
        fetch_mnist(tmp_path / "cache", mirrors=server.mirrors, checksums=checksums)
    one, two = server.mirrors
    wrong = f"its payload has md5 {hashlib.md5(b'something else').hexdigest()}, expected {checksums[NAME]}"
    assert str(error.value) == f"no mirror delivered {NAME} ({one}/: HTTP Error 404: Not Found; {two}/: {wrong})"
    assert names(tmp_path / "cache") == []


def test_mirrors_that_fail_for_one_reason_are_named_together(server, checksums, tmp_path):
    with pytest.raises(DownloadError) as error:
        fetch_mnist(tmp_path / "cache", mirrors=server.mirrors, checksums=checksums)
    both = ", ".join(f"{mirror}/" for mirror in server.mirrors)
    assert str(error.value) == f"no mirror delivered {NAME} ({both}: HTTP Error 404: Not Found)"


def test_an_incorrect_file_in_the_cache_is_replaced(server, archive, checksums, tmp_path):
    server.files[f"/one/{NAME}"] = archive
    for content in (archive[: len(archive) // 2], gzip.compress(b"old"), b""):
        (tmp_path / NAME).write_bytes(content)
        fetch_mnist(tmp_path, mirrors=server.mirrors, checksums=checksums)
        assert np.array_equal(read_idx(tmp_path / NAME), LABELS)


def test_an_interrupt_leaves_no_half_file_and_the_next_call_continues(
    server, archive, checksums, tmp_path, monkeypatch
):
    def interrupted(transfer, length, path, name):
        if "again" in name:
            path.write_bytes(archive[:20])
            raise KeyboardInterrupt
        copy(transfer, length, path, name)

    copy = module._copy
    server.files |= {f"/one/{NAME}": archive, "/one/again.gz": archive}
    both, cache = checksums | {"again.gz": checksums[NAME]}, tmp_path / "cache"
    with monkeypatch.context() as patch:
        patch.setattr(module, "_copy", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch_mnist(cache, mirrors=server.mirrors, checksums=both)
    assert names(cache) == [NAME]
    fetch_mnist(cache, mirrors=server.mirrors, checksums=both)
    assert names(cache) == sorted(both)
    assert server.requests == [f"/one/{NAME}", "/one/again.gz", "/one/again.gz"]


@pytest.mark.parametrize("delivered", [True, False])
def test_old_temporary_files_of_killed_processes_are_removed(server, archive, checksums, tmp_path, delivered):
    """By age and by name, also if no file has to be fetched, or none can be."""
    ages = {  # in seconds; clocks may differ by hours
        f".{NAME}.0123abcd.part": 2 * module.ABANDONED, f".{NAME}.1123abcd.part": 7200,
        f".{NAME}.2123abcd.part": -7200, ".mine.0123abcd.part": 2 * module.ABANDONED,
        f".{NAME}.part": 2 * module.ABANDONED, f"{NAME}.0123abcd.part": 2 * module.ABANDONED,
    }  # fmt: skip
    for name, age in ages.items():
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    if delivered:
        (tmp_path / NAME).write_bytes(archive)
        fetch_mnist(tmp_path, mirrors=(), checksums=checksums)
    else:
        with pytest.raises(DownloadError):
            fetch_mnist(tmp_path, mirrors=server.mirrors, checksums=checksums)
    assert not (tmp_path / f".{NAME}.0123abcd.part").exists()
    left = {*ages, "labels.gz", *[NAME] * delivered} - {f".{NAME}.0123abcd.part"}
    assert names(tmp_path) == sorted(left)


def test_several_processes_may_fetch_one_file(server, archive, checksums, tmp_path):
    """All of them are in the middle of it at the same time."""
    server.files[f"/one/{NAME}"] = archive
    together, failures = threading.Barrier(4), []

    def copy(*arguments):
        together.wait(10)
        original(*arguments)
        together.wait(10)

    def process():
        try:
            fetch_mnist(tmp_path / "cache", mirrors=server.mirrors[:1], checksums=checksums)
        except Exception as error:
            failures.append(error)

    original = module._copy
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_copy", copy)
        workers = [threading.Thread(target=process) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(20)
    assert failures == [] and names(tmp_path / "cache") == [NAME]
    assert np.array_equal(read_idx(tmp_path / "cache" / NAME), LABELS)


def test_a_file_that_another_process_has_written_meanwhile_will_do(server, archive, checksums, tmp_path, monkeypatch):
    def locked(*arguments):
        (tmp_path / "cache" / NAME).write_bytes(archive)
        raise PermissionError(13, "Access is denied")  # as on Windows, while another process reads the file

    server.files[f"/one/{NAME}"] = archive
    monkeypatch.setattr(module, "_copy", locked)
    fetch_mnist(tmp_path / "cache", mirrors=server.mirrors, checksums=checksums)
    assert server.requests == [f"/one/{NAME}"] and names(tmp_path / "cache") == [NAME]


@pytest.mark.parametrize("kind", ["a file", "a folder in its place", "read-only"])
def test_a_cache_that_cannot_be_written_is_the_reason(server, archive, checksums, tmp_path, monkeypatch, kind):
    def forbidden(path, *arguments, **settings):
        raise PermissionError(13, "Permission denied", str(path))

    cache = tmp_path / "cache"
    server.files |= {f"/{folder}/{NAME}": archive for folder in ("one", "two")}
    if kind == "a file":
        cache.write_bytes(b"")
    elif kind == "a folder in its place":
        (cache / NAME).mkdir(parents=True)
    else:
        monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(DownloadError, match=f"cannot write .*{NAME}: .") as error:
        fetch_mnist(cache, mirrors=server.mirrors, checksums=checksums)
    assert server.requests == [f"/one/{NAME}"] and "no mirror" not in str(error.value)


@pytest.mark.parametrize("broken", ["isatty", "write"])
def test_a_terminal_that_is_gone_ends_no_download(server, archive, checksums, tmp_path, monkeypatch, broken):
    class Gone(io.StringIO):
        def isatty(self):
            if broken == "isatty":
                raise ValueError("I/O operation on closed file")
            return True

        def write(self, text):
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stderr", Gone())
    server.files[f"/one/{NAME}"] = archive
    fetch_mnist(tmp_path / "cache", mirrors=server.mirrors, checksums=checksums)
    assert names(tmp_path / "cache") == [NAME]


# ------------------------------------------------------------------- networks


def test_a_refused_connection_is_the_reason_and_no_folder_is_made(checksums, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as closed:
        port = closed.getsockname()[1]
    mirror = f"http://127.0.0.1:{port}"
    with pytest.raises(DownloadError, match=f"no mirror delivered {NAME} .{mirror}/: .*refused") as error:
        fetch_mnist(tmp_path / "cache", mirrors=[mirror], checksums=checksums)
    assert "urlopen" not in str(error.value) and "Errno" not in str(error.value)
    assert not (tmp_path / "cache").exists()


def test_a_silent_network_costs_one_time_out_for_all_mirrors(checksums, tmp_path, monkeypatch):
    release = threading.Event()

    def stuck(*args, **kwargs):
        release.wait(5)
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    mirrors = [f"http://{k}.invalid/mnist" for k in range(8)]
    monkeypatch.setenv("no_proxy", "*")
    start = time.monotonic()
    try:
        with pytest.raises(DownloadError, match="no network: none of http://0.invalid/mnist/, .* within 0.2 seconds"):
            fetch_mnist(tmp_path / "cache", mirrors=mirrors, checksums=checksums)
        assert time.monotonic() - start < 1 and not (tmp_path / "cache").exists()
    finally:
        release.set()


def test_a_silent_mirror_is_left_out(server, archive, checksums, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)
    server.files[f"/one/{NAME}"] = archive
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:  # nothing is accepted
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        fetch_mnist(tmp_path / "cache", mirrors=[address, *server.mirrors], checksums=checksums)
    assert server.requests == [f"/one/{NAME}"]


# --------------------------------------------------------------------- places


@pytest.mark.parametrize("system, variables, folder", [
    ("linux", {}, "home/.cache/npae/mnist"),
    ("linux", {"XDG_CACHE_HOME": "xdg"}, "xdg/npae/mnist"),
    ("darwin", {"XDG_CACHE_HOME": "xdg"}, "home/Library/Caches/npae/mnist"),
    ("win32", {"LOCALAPPDATA": "local"}, "local/npae/mnist"),
    ("win32", {}, "home/AppData/Local/npae/mnist"),
    ("win32", {"LOCALAPPDATA": "local", "NPAE_CACHE": "cache"}, "cache/mnist"),
])  # fmt: skip
def test_the_cache_is_where_the_system_keeps_caches(monkeypatch, tmp_path, system, variables, folder):
    for name in ("NPAE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name, value in variables.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setattr("npae.data.files.places.sys", SimpleNamespace(platform=system))
    assert cache_folder("mnist") == tmp_path / folder


@pytest.mark.parametrize("given", ["~nosuchuser", "~nosuchuser/cache", "~"])
def test_a_home_folder_that_does_not_exist_is_no_cache(monkeypatch, tmp_path, given):
    """Not even as a folder of that name where the program runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NPAE_CACHE", given)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a user without an entry
    with pytest.raises(NotADirectoryError, match=f"NPAE_CACHE: expected a folder .*, got {given}.*Set the variable"):
        fetch_mnist()
    monkeypatch.delenv("NPAE_CACHE")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NotADirectoryError, match="NPAE_CACHE: .*there is no home folder of that name"):
        fetch_mnist()
    assert names(tmp_path) == []


def test_the_checksums_are_those_of_the_real_files():
    folder = Path(os.environ.get("NPAE_DATA") or "unset") / "mnist"
    if not folder.is_dir():
        pytest.skip("full MNIST: set NPAE_DATA to its parent folder")
    for name, md5 in MD5.items():
        with opened(folder / name) as (stream, _):
            assert hashlib.md5(stream.read()).hexdigest() == md5
    assert fetch_mnist(folder, mirrors=()) == folder  # correct and complete: no mirror is needed


def test_import_npae_does_not_import_what_only_downloads_need():
    program = "import sys, npae; print(sorted({'urllib.request', 'http.client', 'ssl', 'tqdm'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr
