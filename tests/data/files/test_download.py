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
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from npae.data import DownloadError, cache_folder, fetch_mnist
from npae.data.files import download as module
from npae.data.files.idx import opened, read_idx, write_idx
from npae.data.sets.mnist import MD5

ROOT = Path(__file__).resolve().parents[3]
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
    def interrupted(response, path, name):
        if "again" in name:
            path.write_bytes(archive[:20])
            raise KeyboardInterrupt
        copy(response, path, name)

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


def test_old_temporary_files_of_killed_processes_are_removed(server, archive, checksums, tmp_path):
    server.files[f"/one/{NAME}"] = archive
    old, young = tmp_path / ".old.1234.part", tmp_path / ".young.1234.part"
    for path, age in ((old, 2 * module.STALE_SECONDS), (young, 7200)):  # clocks may differ by hours
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    fetch_mnist(tmp_path, mirrors=server.mirrors, checksums=checksums)
    assert not old.exists() and young.exists()


# ------------------------------------------------- mirrors that are not trusted


@pytest.fixture
def mirror():
    """mirror(answer) starts a server that sends these bytes to every request: (its address, [the requests])."""

    def end(listener):
        with contextlib.suppress(OSError):  # only Linux shuts down a listener
            listener.shutdown(socket.SHUT_RDWR)

    with contextlib.ExitStack() as stack:

        def start(answer, pause=0.0):
            listener, requests = stack.enter_context(socket.create_server(("127.0.0.1", 0))), []

            def serve():
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    with connection, contextlib.suppress(OSError):
                        requests.append(connection.recv(4096).split()[0].decode())
                        for k in range(0, len(answer), 1 if pause else max(1, len(answer))):
                            connection.sendall(answer[k : k + 1] if pause else answer)
                            time.sleep(pause if k > 60 else 0)

            threading.Thread(target=serve, daemon=True).start()
            stack.callback(end, listener)
            return f"http://127.0.0.1:{listener.getsockname()[1]}", requests

        yield start


@pytest.mark.parametrize("head", [
    b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", b"HTTP/1.1 302 F\r\nLocation: http://[::1\r\n\r\n",
    b"HTTP/1.1 302 F\r\nLocation: http://.../\r\n\r\n", b"HTTP/1.1 302 F\r\nLocation: http://\xe4.invalid/\r\n\r\n",
    b"HTTP/1.1 302 F\r\nLocation: file:///etc/hosts\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0\0\0\0", b"",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
])  # fmt: skip
def test_the_next_mirror_is_asked_after_any_answer(server, mirror, archive, checksums, tmp_path, head):
    bad, requests = mirror(head)
    server.files[f"/one/{NAME}"] = archive
    fetch_mnist(tmp_path / "cache", mirrors=[bad, *server.mirrors], checksums=checksums)
    assert "GET" in requests and server.requests == [f"/one/{NAME}"]
    assert names(tmp_path / "cache") == [NAME]
    with pytest.raises(DownloadError, match=f"no mirror delivered {NAME}.*{bad}/: .") as error:
        fetch_mnist(tmp_path / "other", mirrors=[bad], checksums=checksums)
    assert names(tmp_path / "other") == [] and "<urlopen" not in str(error.value)


def test_an_endless_file_is_given_up(mirror, checksums, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 100_000)
    endless, _ = mirror(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2_000_000))
    with pytest.raises(DownloadError, match="it has more than 100000 bytes"):
        fetch_mnist(tmp_path / "cache", mirrors=[endless], checksums=checksums)
    assert names(tmp_path / "cache") == []


def test_a_small_archive_of_an_endless_payload_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 100_000)
    payload = bytes(50 << 20)
    server.files[f"/one/{NAME}"] = gzip.compress(payload)
    with pytest.raises(DownloadError, match="its payload has md5"):
        fetch_mnist(tmp_path / "cache", mirrors=server.mirrors[:1], checksums={NAME: hashlib.md5(payload).hexdigest()})
    assert names(tmp_path / "cache") == []


def test_a_slow_mirror_is_given_up_whatever_the_size(server, mirror, archive, checksums, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "READ_SECONDS", 0.3)
    server.files[f"/one/{NAME}"] = archive
    slow, requests = mirror(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + bytes(2000), pause=0.02)
    start = time.monotonic()
    fetch_mnist(tmp_path / "cache", mirrors=[slow, *server.mirrors], checksums=checksums)
    assert time.monotonic() - start < 5 and "GET" in requests and names(tmp_path / "cache") == [NAME]
    with pytest.raises(DownloadError, match="it sends less than 1000 bytes per second"):
        fetch_mnist(tmp_path / "other", mirrors=[slow], checksums=checksums)


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


@pytest.mark.parametrize("scheme", ["http://", ""])
def test_a_proxy_is_asked_for_the_file(server, archive, checksums, tmp_path, monkeypatch, scheme):
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(urllib.request, "proxy_bypass", lambda host, *args: False)
    monkeypatch.setenv("http_proxy", f"{scheme}127.0.0.1:{server.server_port}")
    address = f"http://mirror.invalid/mnist/{NAME}"
    server.files[address] = archive
    fetch_mnist(tmp_path / "cache", mirrors=["http://mirror.invalid/mnist"], checksums=checksums)
    assert server.requests == [address] and names(tmp_path / "cache") == [NAME]


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
