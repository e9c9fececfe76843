"""Downloads: files from the first mirror that delivers them, checked by their checksums.

The md5 checksum is that of the *payload*, the decompressed bytes, because mirrors compress the same payload
differently. A file arrives whole and correct or not at all. After an interruption it is enough to try again. Mirrors
are not trusted: what one sends is bounded in size and in time.

urllib opens the addresses. It follows redirects, and takes proxies from the environment and the system's settings.
"""

import contextlib
import hashlib
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.error import URLError

from npae.backend import atomic_write
from npae.data.files.idx import CHUNK, IDXError, opened

ANSWER_SECONDS = 4.0  # mirrors that are silent for so long are not used
READ_SECONDS = 10.0  # the longest pause in the middle of a download
SLOWEST = 1000  # bytes per second
LARGEST = 1 << 26  # bytes of a file, and of its payload
STALE_SECONDS = 86400.0  # a temporary file that is older was left behind by a killed process


class DownloadError(OSError):
    """No mirror delivered the file; the message has the reason for each mirror."""


def download(folder: Path, mirrors: Sequence[str], checksums: Mapping[str, str]) -> None:
    """Complete the files of a folder. Those that exist and are correct are not fetched again.

    Args:
        folder: where the files are to be. It is made if it is missing.
        mirrors: addresses of folders, tried in order.
        checksums: {file name: md5 of its payload, hexadecimal}.

    Raises DownloadError if a file cannot be had, after four seconds if there is no network.
    """
    wanted = [name for name, md5 in checksums.items() if _mismatch(folder / name, md5)]
    answering = _answering([f"{mirror.rstrip('/')}/" for mirror in mirrors], wanted[0]) if wanted else []
    for name in wanted:
        _fetch(name, checksums[name], folder, answering)
    _remove_stale(folder)


def _answering(mirrors, name):
    """The mirrors, in order, that answer or refuse a request for the file `name` in time.

    All are asked at once, in threads. The time-out of urllib is not enough: it limits neither the look-up of a host nor
    the number of its addresses that are tried, so a machine without a network could wait for a minute.
    """

    def ask(mirror):
        with contextlib.suppress(Exception):
            _open(mirror + name, ANSWER_SECONDS, "HEAD").close()

    threads = [threading.Thread(target=ask, args=(mirror,), daemon=True) for mirror in mirrors]
    deadline = time.monotonic() + ANSWER_SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    answering = [mirror for mirror, thread in zip(mirrors, threads, strict=True) if not thread.is_alive()]
    if not answering:
        raise DownloadError(f"no network: none of {', '.join(mirrors)} answered within {ANSWER_SECONDS:g} seconds")
    return answering


def _fetch(name, md5, folder, mirrors):
    """Fetch one file from the first mirror that delivers it. Mirrors that fail move to the end of the list."""
    failures = {}
    for mirror in list(mirrors):
        try:
            with _open(mirror + name, READ_SECONDS) as response, atomic_write(folder / name) as temporary:
                _copy(response, temporary, name)
                if mismatch := _mismatch(temporary, md5):
                    raise DownloadError(mismatch)
            return
        except Exception as error:  # urllib raises many kinds for arbitrary bytes
            failures.setdefault(_reason(error), []).append(mirror)
            mirrors.remove(mirror)
            mirrors.append(mirror)
    reasons = "; ".join(f"{', '.join(where)}: {reason}" for reason, where in failures.items())
    raise DownloadError(f"no mirror delivered {name} ({reasons})")


def _open(url, seconds, method="GET"):
    from urllib.request import Request, build_opener  # here, since it takes 20 ms

    return build_opener().open(Request(url, method=method), timeout=seconds)  # a new opener reads the proxies anew


def _copy(response, path, name):
    """Write what a mirror sends to the file `path`."""
    size, start = 0, time.monotonic()
    with open(path, "wb") as file, _progress_bar(name, response.headers.get("Content-Length")) as bar:
        while block := response.read1(1 << 16):
            size += len(block)
            if size > LARGEST:
                raise DownloadError(f"it has more than {LARGEST} bytes")
            if size < SLOWEST * (time.monotonic() - start - READ_SECONDS):
                raise DownloadError(f"it sends less than {SLOWEST} bytes per second")
            file.write(block)
            if bar is not None:
                bar.update(len(block))


def _progress_bar(name, length):
    """A progress bar, as a context manager; None where there is no terminal or no tqdm."""
    if sys.stderr is None or not sys.stderr.isatty():
        return contextlib.nullcontext()
    try:
        from tqdm import tqdm
    except ImportError:
        return contextlib.nullcontext()
    total = int(length) if length and length.isdecimal() else None
    return tqdm(desc=name, total=total, unit="B", unit_scale=True, dynamic_ncols=True)


def _mismatch(path, md5):
    """What is wrong with the payload of the file `path`, as a text; empty if its md5 is as expected."""
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with opened(path) as (stream, _):
            while stream.tell() <= LARGEST and (chunk := stream.read(CHUNK)):
                digest.update(chunk)
    except IDXError:
        return "its gzip is truncated or corrupt"
    except OSError as error:
        return f"it cannot be read, {_reason(error)}"
    return "" if digest.hexdigest() == md5 else f"its payload has md5 {digest.hexdigest()}, expected {md5}"


def _reason(error):
    cause = error.reason if type(error) is URLError else error
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__


def _remove_stale(folder):
    for left in folder.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()
