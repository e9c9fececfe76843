"""Servers that are not trusted: after anything that one does, the next mirror is asked, and at the end the sample."""

import functools
import gzip
import importlib
import itertools
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time

import numpy as np
import pytest

from npae.data import DownloadError, fetch_mnist, mnist, read_idx
from npae.data.files import download, transfer
from tests.data.files.conftest import LABELS, NAME

sets_mnist = importlib.import_module("npae.data.sets.mnist")  # the name npae.data.sets.mnist is the function
OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = gzip.compress(b"something else")
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
FOREVER = itertools.repeat


def redirect(location, body=()):
    return lambda: itertools.chain([b"HTTP/1.1 302 F\r\nLocation: " + location + b"\r\n\r\n"], body)


def counted():
    """Redirects to ever new addresses."""
    numbers = itertools.count()
    return lambda: [b"HTTP/1.1 302 F\r\nLocation: /%d\r\n\r\n" % next(numbers)]


def slowly(start, content, pause):
    """Send the start, and then bytes of the content, repeated, with pauses."""

    def answer():
        yield start
        for byte in itertools.cycle(content):
            time.sleep(pause)
            yield bytes([byte])

    return answer


def silent(start=b""):
    def answer():
        yield start
        time.sleep(3)

    return answer


KINDS = {  # kind of server: (a function that returns the pieces of its answer, the reason that is given)
    "no answer": (lambda: [], "closed connection without response"),
    "zero bytes": (lambda: [bytes(4)], "."),
    "random bytes": (lambda: [np.random.default_rng(0).bytes(5000)], "."),
    "a status that is no number": (lambda: [b"HTTP/1.1 abc\r\n\r\n"], "HTTP/1.1 abc"),
    "not found": (lambda: [b"HTTP/1.1 404 Not Found\r\n\r\n"], "HTTP Error 404: Not Found"),
    "not found, with an endless page": (
        lambda: itertools.chain([b"HTTP/1.1 404 No\r\n\r\n"], FOREVER(bytes(9999))), "HTTP Error 404: No"),
    "terminal codes in its reason": (lambda: [b"HTTP/1.1 500 \x1b[31m\x07red\r\n\r\n"], r"Error 500: \?\[31m\?red"),
    "a long reason": (lambda: [b"HTTP/1.1 500 " + b"long " * 9000 + b"\r\n\r\n"], "long lo?n?g? ?…"),
    "no content": (lambda: [b"HTTP/1.1 204 No Content\r\n\r\n"], "its payload has md5"),
    "a partial content": (lambda: [b"HTTP/1.1 206 Partial\r\n\r\n", WHOLE[:9]], "truncated or corrupt"),
    "Content-Length abc": (lambda: [OK + b"Content-Length: abc\r\n\r\n"], "its payload has md5"),
    "Content-Length empty": (lambda: [OK + b"Content-Length: \r\n\r\n"], "its payload has md5"),
    "Content-Length -5": (lambda: [OK + b"Content-Length: -5\r\n\r\n"], "its payload has md5"),
    "Content-Length of 5000 digits": (lambda: [OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"], "md5|more than"),
    "Content-Length of a terabyte": (
        lambda: [OK + b"Content-Length: 1000000000000\r\n\r\n"], "it has more than 100000 bytes"),
    "Content-Length too small": (lambda: [OK + b"Content-Length: 9\r\n\r\n" + WHOLE], "truncated or corrupt"),
    "cut off": (lambda: [OK + b"Content-Length: 999\r\n\r\n" + WHOLE[:15]], "truncated or corrupt"),
    "headers that are not UTF-8": (lambda: [OK + b"Server: \xff\xfe\xe4\r\n\r\n" + WHOLE], "its payload has md5"),
    "200 headers": (lambda: [OK + b"a: b\r\n" * 200 + b"\r\n"], "got more than 100 headers"),
    "a header without end": (lambda: itertools.chain([OK + b"a: "], FOREVER(b"b" * 9999)), "more than 65536 bytes"),
    "another payload": (lambda: [OK + b"\r\n" + WHOLE], "its payload has md5"),
    "a web page": (lambda: [OK + b"\r\n<html>Please log in.</html>"], "its payload has md5"),
    "a damaged archive": (lambda: [OK + b"\r\n" + WHOLE[:-5]], "its gzip is truncated or corrupt"),
    "an endless file": (lambda: itertools.chain([OK + b"\r\n"], FOREVER(bytes(9999))), "more than 100000 bytes"),
    "a small archive of a large payload": (lambda: [OK + b"\r\n" + gzip.compress(bytes(50_000_000), 1)[:90_000]], "."),
    "a chunk without a size": (lambda: [CHUNKED + b"xyz\r\n"], "."),
    "a chunk that is cut off": (lambda: [CHUNKED + b"ff\r\nabc"], "IncompleteRead"),
    "the size of a chunk without end": (lambda: itertools.chain([CHUNKED], FOREVER(b"1" * 9999)), "more than 65536"),
    "endless lines after the chunks": (
        lambda: itertools.chain([CHUNKED + b"3\r\nabc\r\n0\r\n"], FOREVER(b"a: b\r\n" * 999)), "nothing for 0.3"),
    "a chunk size of one byte at a time": (slowly(CHUNKED + b"1;", b"x", 0.02), "it sent nothing for 0.3"),
    "a redirect to itself": (redirect(b"?"), "redirect error that would lead to an infinite loop"),
    "redirects without end": (counted(), "redirect error that would lead to an infinite loop"),
    "a redirect with an endless page": (redirect(b"/there", FOREVER(bytes(9999))), "infinite loop"),
    "a redirect to http://[::1": (redirect(b"http://[::1"), "Invalid IPv6 URL"),
    "a redirect to http://.../": (redirect(b"http://.../"), "."),
    "a redirect to a host that is not UTF-8": (redirect(b"http://\xe4.invalid/"), "."),
    "a redirect to a port of letters": (redirect(b"http://127.0.0.1:abc/"), "nonnumeric port"),
    "a redirect to a closed port": (redirect(b"http://127.0.0.1:1/"), "refused"),
    "a redirect to a file": (redirect(b"file:///etc/hosts"), "is not allowed"),
    "interim answers without end": (lambda: FOREVER(b"HTTP/1.1 100 Continue\r\n\r\n" * 99), "it sent nothing for 0.3"),
    "headers of one byte at a time": (slowly(OK + b"a: ", b"b", 0.02), "it sent nothing for 0.3"),
    "silence": (silent(), "it sent nothing for 0.3|timed out"),
    "silence within the file": (silent(OK + b"\r\n" + WHOLE[:9]), "it sent nothing for 0.3|timed out"),
    "a file of one byte at a time": (slowly(OK + b"\r\n", b"x", 0.02), "it sends less than 1000 bytes per second"),
    "as slow as is permitted, for too long": (slowly(OK + b"\r\n" + bytes(5000), b"x", 0.02), "takes more than 0.5"),
}  # fmt: skip


@pytest.fixture
def limits(monkeypatch, tmp_path):
    """Small limits, an empty cache and no NPAE_DATA."""
    monkeypatch.delenv("NPAE_DATA", raising=False)
    monkeypatch.setenv("NPAE_CACHE", str(tmp_path / "cache"))
    for name, value in (("READ_SECONDS", 0.3), ("LONGEST", 0.5), ("LARGEST", 100_000)):
        monkeypatch.setattr(transfer, name, value)
    monkeypatch.setattr(download, "LARGEST", 100_000)


def tried(bad, good, checksums, tmp_path, monkeypatch, capfd):
    """After `bad` the good mirror is asked; without that, mnist() returns the sample. Returns what is printed."""
    folder = fetch_mnist(tmp_path / "next", mirrors=[bad, good], checksums=checksums)
    assert [p.name for p in folder.iterdir()] == [NAME] and np.array_equal(read_idx(folder / NAME), LABELS)
    only = functools.partial(fetch_mnist, mirrors=[bad], checksums=checksums)
    monkeypatch.setattr(sets_mnist, "fetch_mnist", only)
    monkeypatch.setattr(sets_mnist, "_sample", lambda: "the sample")  # its 2 MB have a test of their own
    assert mnist() == "the sample"
    assert [p.name for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []
    out, err = capfd.readouterr()
    assert out == "" and err.count("\n") == 1 and len(err) < 600 and err[:-1].isprintable()
    return err


WAITING = ("endless lines after the chunks", "a chunk size of one byte at a time", "interim answers without end",
           "headers of one byte at a time", "silence within the file")  # fmt: skip


@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=pytest.mark.slow) if kind in WAITING else kind for kind in KINDS
])  # fmt: skip
def test_after_any_answer_the_next_mirror_is_asked_and_then_the_sample(
    kind, mirror, good, checksums, limits, tmp_path, monkeypatch, capfd
):
    answer, reason = KINDS[kind]
    bad, requests = mirror(answer)
    start = time.monotonic()
    err = tried(bad, good, checksums, tmp_path, monkeypatch, capfd)
    assert time.monotonic() - start < 6
    assert sum(method == "GET" for method, _ in requests) >= 2
    assert re.search(rf"^npae: no full MNIST \(no mirror delivered {NAME} \({bad}/: .*(?:{reason})", err)


# ---------------------------------------------------------------- beside HTTP


@pytest.mark.parametrize("address, reason", [
    ("nonsense", "unknown url type"), ("http://", "no host given"), ("http://[::1", "Invalid IPv6 URL"),
    ("http://.../", "."), ("http://127.0.0.1:abc", "nonnumeric port"), ("http://127.0.0.1:99999", "refused|port"),
    ("gopher://127.0.0.1", "unknown url type: gopher"), ("http://a b", "."), ("http://ä\udc80", "."),
    ("file:///nowhere", "No such file"), ("http://127.0.0.1:1", "refused"),
])  # fmt: skip
def test_a_wrong_address_is_passed_over(address, reason, good, checksums, limits, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("no_proxy", "*")
    err = tried(address, good, checksums, tmp_path, monkeypatch, capfd)
    assert re.search(rf"no mirror delivered {NAME} \(.*: .*(?:{reason})", err)


def self_signed(folder):
    """A server's context with a certificate that no authority has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the program openssl")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
                    "-out", str(certificate)], check=True, capture_output=True, timeout=20)  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.parametrize("kind, reason", [
    ("answers without encryption", "SSL"), ("certificate without authority", "CERTIFICATE_VERIFY_FAILED"),
    ("silence", "no network: none of .* answered within 0.3 seconds"),
])  # fmt: skip
def test_an_error_of_TLS_is_one_of_the_mirror(
    kind, reason, mirror, good, checksums, limits, tmp_path, monkeypatch, capfd
):
    def wrap(connection):
        if kind == "silence":
            time.sleep(1)
        return context.wrap_socket(connection, server_side=True) if context else connection

    context = self_signed(tmp_path) if "certificate" in kind else None
    address, _ = mirror(lambda: [OK + b"\r\n"], wrap)
    if kind == "silence":
        monkeypatch.setattr(download, "ANSWER_SECONDS", 0.3)
    else:
        monkeypatch.setattr(transfer, "READ_SECONDS", 5.0)  # reading the authorities takes a while
        monkeypatch.setattr(transfer, "LONGEST", 5.0)
    err = tried(address.replace("http:", "https:"), good, checksums, tmp_path, monkeypatch, capfd)
    assert re.search(reason, err)


def test_a_connection_that_is_reset(mirror, good, checksums, limits, tmp_path, monkeypatch, capfd):
    def reset(connection):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        return connection

    bad, _ = mirror(lambda: [], reset)
    assert "Connection reset" in tried(bad, good, checksums, tmp_path, monkeypatch, capfd)


def test_a_computer_without_threads_uses_the_sample(good, checksums, limits, tmp_path, monkeypatch):
    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(DownloadError, match="can't start new thread"):
        fetch_mnist(tmp_path / "cache", mirrors=[good], checksums=checksums)


# ------------------------------------------------------------------- one Transfer


def threads():
    return [t for t in threading.enumerate() if t.name.startswith(f"{transfer.Transfer.__name__} ")]


@pytest.mark.parametrize("kind", [
    "interim answers without end", "endless lines after the chunks", "an endless file", "a file of one byte at a time",
    "silence within the file", "headers of one byte at a time",
])  # fmt: skip
def test_the_thread_ends_when_the_caller_leaves(kind, mirror, monkeypatch):
    bad, requests = mirror(KINDS[kind][0])
    with transfer.Transfer(f"{bad}/{NAME}"):
        deadline = time.monotonic() + 5
        while not requests and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert requests and threads()
    for thread in threads():
        thread.join(2)
    assert not threads()


def test_a_file_arrives_whole_and_in_order(mirror):
    content = np.random.default_rng(1).bytes(3_000_000)
    address, _ = mirror(lambda: [OK + b"Content-Length: 3000000\r\n\r\n", content])
    with transfer.Transfer(f"{address}/a") as answer:
        assert answer.length() == 3_000_000
        assert b"".join(answer.blocks()) == content


def test_the_first_error_of_the_disk_ends_the_download(mirror, checksums, archive, tmp_path, monkeypatch):
    one, first = mirror(lambda: [OK + b"\r\n" + archive])
    two, second = mirror(lambda: [OK + b"\r\n" + archive])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_copy", full)
    with pytest.raises(DownloadError, match=f"cannot write .*{NAME}: No space left on device"):
        fetch_mnist(tmp_path / "cache", mirrors=[one, two], checksums=checksums)
    gets = [method for method, _ in first + second if method == "GET"]
    assert len(gets) == 1 and list((tmp_path / "cache").iterdir()) == []
