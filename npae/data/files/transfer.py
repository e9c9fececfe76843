"""One request to a server that is not trusted. Whatever the server does, the caller waits and reads within limits.

The time-out of urllib limits a single read. It limits neither the look-up of a host, nor the number of its addresses
that are tried, nor headers of one byte per second, nor interim answers without end. So the request runs in a thread of
its own, which hands over the payload in blocks, and the caller never waits for more than the next block. When the
caller leaves, the sockets are shut down, and thereby the thread ends.
"""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError, URLError

READ_SECONDS = 10.0  # the longest pause, and the time for which a server may be slow
SLOWEST = 1000  # bytes per second
LONGEST = 600.0  # seconds for one file
LARGEST = 1 << 26  # bytes of a file, and of its payload
BLOCK = 1 << 16
WAITING = 16  # blocks that are read ahead
REASON = 200  # characters of a reason; a server may have written them


class TransferError(Exception):
    """The server did not deliver; the message is the reason."""


class Transfer:
    """A request, as a context: it is sent at the beginning and ended at the end.

    Args:
        url: http:, https:, ftp: or file:.
        method: "GET", or "HEAD" to ask for an answer without a payload.
    """

    def __init__(self, url: str, method: str = "GET") -> None:
        self._url, self._method = url, method
        self._items: queue.Queue[Any] = queue.Queue(WAITING)  # the length, the blocks, b"" at the end; or an error
        self._sockets: list[socket.socket] = []
        self._left = False

    def __enter__(self) -> "Transfer":
        self._start = time.monotonic()
        try:
            threading.Thread(target=self._run, name=f"Transfer {self._url}", daemon=True).start()
        except RuntimeError as error:  # there are too many threads, or this Python has none
            self._items.put(error)
        return self

    def __exit__(self, *_: object) -> None:
        self._left = True
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # that of an SSLSocket may not meet a read
        with contextlib.suppress(queue.Empty):
            while True:  # the thread may wait for room
                self._items.get_nowait()

    def answered(self, seconds: float) -> bool:
        """Whether the server answers or refuses within so many seconds."""
        with contextlib.suppress(queue.Empty):
            self._items.get(timeout=max(0.0, seconds))
            return True
        return False

    def length(self) -> int | None:
        """The number of bytes that the server announces; None if it announces none. To be called before `blocks`."""
        length = self._next()
        if length is not None and length > LARGEST:
            raise TransferError(f"it has more than {LARGEST} bytes")
        return length

    def blocks(self) -> Iterator[bytes]:
        """The payload. It ends early if the server does: compare a checksum."""
        size = 0
        while block := self._next():
            size += len(block)
            if size > LARGEST:
                raise TransferError(f"it has more than {LARGEST} bytes")
            if size < SLOWEST * (time.monotonic() - self._start - READ_SECONDS):
                raise TransferError(f"it sends less than {SLOWEST} bytes per second")
            yield block

    def _next(self) -> Any:
        left = LONGEST - (time.monotonic() - self._start)
        try:
            item = self._items.get(timeout=max(0.0, min(READ_SECONDS, left)))
        except queue.Empty:
            item = TransferError(f"it sent nothing for {READ_SECONDS:g} seconds")
        if time.monotonic() - self._start >= LONGEST:
            raise TransferError(f"it takes more than {LONGEST:g} seconds")
        if isinstance(item, Exception):
            raise TransferError(reason(item)) from item
        return item

    def _run(self) -> None:
        """In the thread: send the request, and put what comes into the queue."""
        try:
            from urllib.request import Request  # here, since it takes 20 ms

            from npae.data.files.opener import opener

            request = Request(self._url, method=self._method)
            with opener(self._watch).open(request, timeout=READ_SECONDS) as response:
                self._items.put(getattr(response, "length", None))
                while self._method == "GET" and not self._left and (block := response.read1(BLOCK)):
                    self._items.put(block)
                self._items.put(b"")
        except Exception as error:  # urllib raises many kinds for arbitrary bytes
            if isinstance(error, HTTPError):
                error.close()
            self._items.put(error)

    def _watch(self, sock: socket.socket) -> None:
        self._sockets.append(sock)
        if self._left:
            sock.close()
            raise ConnectionAbortedError("the caller has left")


def reason(error: Exception) -> str:
    """The cause of an error in one short line of printable characters."""
    cause = error.reason if type(error) is URLError else error
    words = " ".join((getattr(cause, "strerror", None) or str(cause) or type(cause).__name__).split())
    text = "".join(c if c.isprintable() else "?" for c in words)
    return text if len(text) <= REASON else f"{text[:REASON]} …"
