"""Servers on the loopback interface for the tests of downloads."""

import contextlib
import gzip
import hashlib
import itertools
import socket
import threading

import numpy as np
import pytest

from npae.data import write_idx

NAME = "train-labels-idx1-ubyte.gz"
LABELS = np.arange(200, dtype=np.uint8)


@pytest.fixture
def archive(tmp_path):
    write_idx(tmp_path / "labels.gz", LABELS)
    return (tmp_path / "labels.gz").read_bytes()


@pytest.fixture
def checksums(archive):
    return {NAME: hashlib.md5(gzip.decompress(archive)).hexdigest()}


@pytest.fixture
def mirror(monkeypatch):
    """mirror(answer) starts a server that sends the pieces of answer() to each GET.

    It returns its address, and a list to which (method, path) of each request are added. A HEAD is answered at
    once, so that the mirror is asked for the file. `wrap` is applied to each connection.
    """
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    stop = threading.Event()

    def talk(connection, requests, answer, wrap):
        with contextlib.suppress(OSError), connection, wrap(connection) as stream:
            method, path = [*stream.recv(4096).decode("latin-1").split()[:2], "", ""][:2]
            requests.append((method, path))
            pieces = [b"HTTP/1.1 200 OK\r\n\r\n"] if method == "HEAD" else answer()
            for piece in itertools.takewhile(lambda _: not stop.is_set(), pieces):
                stream.sendall(piece)

    def serve(listener, *arguments):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0], *arguments), daemon=True).start()

    with contextlib.ExitStack() as stack:

        def start(answer, wrap=lambda connection: connection):
            listener, requests = stack.enter_context(socket.create_server(("127.0.0.1", 0))), []
            threading.Thread(target=serve, args=(listener, requests, answer, wrap), daemon=True).start()
            stack.callback(_end, listener)
            return f"http://127.0.0.1:{listener.getsockname()[1]}", requests

        yield start
        stop.set()


def _end(listener):
    with contextlib.suppress(OSError):  # only Linux shuts down a listener
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def good(tmp_path, archive):
    """The address of a mirror that has the file."""
    folder = tmp_path / "good"
    folder.mkdir()
    (folder / NAME).write_bytes(archive)
    return folder.as_uri()
