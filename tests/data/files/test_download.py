"""Downloads from a server on the loopback interface: good and bad mirrors, interruptions, and no network."""

import contextlib
import gzip
import hashlib
import http.server
import os
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from npae.data.files.download import MNIST_MD5, DownloadError, cache_folder, fetch_mnist, reachable_mirrors
from npae.data.files.idx import opened, read_idx, write_idx

pooch = pytest.importorskip("pooch")

NAME = "train-labels-idx1-ubyte.gz"
LABELS = np.arange(200, dtype=np.uint8)


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


@pytest.fixture
def archive(tmp_path):
    write_idx(tmp_path / "labels.gz", LABELS)
    return (tmp_path / "labels.gz").read_bytes()


@pytest.fixture
def checksums(archive):
    return {NAME: hashlib.md5(gzip.decompress(archive)).hexdigest()}


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
    assert str(error.value) == f"no mirror delivered {NAME} ({one}: HTTP 404; {two}: {wrong})"
    assert names(tmp_path / "cache") == []


def test_an_incorrect_file_in_the_cache_is_replaced(server, archive, checksums, tmp_path):
    server.files[f"/one/{NAME}"] = archive
    for content in (archive[: len(archive) // 2], gzip.compress(b"old"), b""):
        (tmp_path / NAME).write_bytes(content)
        fetch_mnist(tmp_path, mirrors=server.mirrors, checksums=checksums)
        assert np.array_equal(read_idx(tmp_path / NAME), LABELS)


def test_an_interrupt_leaves_no_half_file_and_the_next_call_continues(
    server, archive, checksums, tmp_path, monkeypatch
):
    class Interrupted(pooch.HTTPDownloader):
        def __call__(self, url, output_file, pooch, check_only=False):
            if "again" in url:
                Path(output_file).write_bytes(archive[:20])
                raise KeyboardInterrupt
            return super().__call__(url, output_file, pooch)

    server.files |= {f"/one/{NAME}": archive, "/one/again.gz": archive}
    both, cache = checksums | {"again.gz": checksums[NAME]}, tmp_path / "cache"
    with monkeypatch.context() as patch:
        patch.setattr(pooch, "HTTPDownloader", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            fetch_mnist(cache, mirrors=server.mirrors, checksums=both)
    assert names(cache) == [NAME]
    fetch_mnist(cache, mirrors=server.mirrors, checksums=both)
    assert names(cache) == sorted(both)
    assert server.requests == [f"/one/{NAME}", "/one/again.gz"]


def test_old_temporary_files_of_killed_processes_are_removed(server, archive, checksums, tmp_path):
    server.files[f"/one/{NAME}"] = archive
    old, young = tmp_path / ".old.1234.part", tmp_path / ".young.1234.part"
    for path, age in ((old, 7200), (young, 0)):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    fetch_mnist(tmp_path, mirrors=server.mirrors, checksums=checksums)
    assert not old.exists() and young.exists()


def test_without_a_network_the_error_says_so_and_no_folder_is_made(checksums, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DownloadError, match="no network: none of 127.0.0.1 answered within 4 seconds"):
        fetch_mnist(tmp_path / "cache", mirrors=[f"http://127.0.0.1:{port}"], checksums=checksums)
    assert not (tmp_path / "cache").exists()


def test_a_silent_network_costs_one_time_out_for_all_mirrors(monkeypatch):
    release = threading.Event()

    def stuck(*args, **kwargs):
        release.wait(5)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", stuck)
    start = time.monotonic()
    try:
        assert reachable_mirrors([f"http://192.0.2.{i}/mnist" for i in range(1, 9)], seconds=0.2) == []
        assert time.monotonic() - start < 2
    finally:
        release.set()


def test_behind_a_proxy_the_proxy_is_connected_to(server, monkeypatch):
    for name in ("no_proxy", "NO_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.server_port}")
    assert reachable_mirrors(["https://mirror.invalid/mnist"], seconds=2) == ["https://mirror.invalid/mnist"]


def test_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("NPAE_CACHE", str(tmp_path))
    assert cache_folder("mnist") == tmp_path / "mnist"
    monkeypatch.delenv("NPAE_CACHE")
    assert cache_folder("mnist") == Path(pooch.os_cache("npae")) / "mnist"


def test_the_checksums_are_those_of_the_real_files():
    folder = Path(os.environ.get("NPAE_DATA") or "unset") / "mnist"
    if not folder.is_dir():
        pytest.skip("full MNIST: set NPAE_DATA to its parent folder")
    for name, md5 in MNIST_MD5.items():
        with opened(folder / name) as (stream, _):
            assert hashlib.md5(stream.read()).hexdigest() == md5
    assert fetch_mnist(folder, mirrors=()) == folder  # correct and complete: no mirror is needed
