"""Downloads: the folders in which data files are looked for, the cache, and the mirrors that fill it.

MNIST is fetched by pooch, one file at a time, from the first mirror that delivers it. The md5 checksum is that of the
*payload*, the decompressed bytes, because mirrors compress the same payload differently. A file enters the cache whole
and correct or not at all. After an interruption it is enough to try again.

Environment: NPAE_DATA names a folder with one subfolder per data set; NPAE_CACHE replaces the system's cache.
"""

import contextlib
import hashlib
import os
import socket
import threading
import time
from urllib.parse import urlsplit

from npae.backend import as_path, atomic_write
from npae.data.files.idx import CHUNK, IDXError, opened

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://raw.githubusercontent.com/fgnt/mnist/master",
)
MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte.gz": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte.gz": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte.gz": "27ae3e4e09519cfbb04c329615203637",
}
CONNECT_SECONDS = 4.0  # after so long without a connection, the machine counts as offline
READ_SECONDS = 10.0  # the longest pause in the middle of a download
STALE_SECONDS = 3600.0  # a temporary file that is older was left behind by a killed process


class DownloadError(OSError):
    """No mirror delivered the file; the message has the reason for each mirror."""


def data_folder(name):
    """The folder $NPAE_DATA/name as a Path; None if NPAE_DATA is unset or empty, or has no such subfolder.

    Raises NotADirectoryError if NPAE_DATA itself does not name a folder.
    """
    root = os.environ.get("NPAE_DATA")
    if not root:
        return None
    root = as_path(root)
    if not root.is_dir():
        raise NotADirectoryError(
            f"NPAE_DATA: expected a folder with one subfolder per data set, got {root}, which is not a folder. "
            "Correct the variable or unset it."
        )
    return root / name if (root / name).is_dir() else None


def cache_folder(name):
    """The folder of the downloaded data set `name`, in $NPAE_CACHE or the system's cache. It may not exist yet.

    Raises ModuleNotFoundError if NPAE_CACHE is unset and pooch, which knows the system's cache, is not installed.
    """
    root = os.environ.get("NPAE_CACHE")
    return (as_path(root) if root else _pooch().os_cache("npae")) / name


def fetch_mnist(folder=None, *, mirrors=MIRRORS, checksums=MNIST_MD5):
    """Complete the four MNIST files (11 MB) in `folder` (default: the cache) and return it as a Path.

    mirrors: addresses of folders, tried in order. checksums: file name -> md5 of its payload, hexadecimal.
    Files that exist and are correct are not fetched again; incorrect ones are replaced. A terminal shows the progress.
    Raises DownloadError (after four seconds if there is no network), ModuleNotFoundError if files are missing and pooch
    is not installed, and OSError if the folder cannot be made.
    """
    folder = as_path(folder, "fetch_mnist") if folder is not None else cache_folder("mnist")
    wanted = [name for name, md5 in checksums.items() if _mismatch(folder / name, md5)]
    if not wanted:
        return folder
    pooch = _pooch()
    reachable = reachable_mirrors(mirrors)
    if not reachable:
        hosts = ", ".join(str(urlsplit(mirror).hostname) for mirror in mirrors)
        raise DownloadError(f"no network: none of {hosts} answered within {CONNECT_SECONDS:g} seconds")
    folder.mkdir(parents=True, exist_ok=True)
    _remove_stale(folder)
    for name in wanted:
        _fetch(pooch, name, checksums[name], folder, reachable)
    return folder


def reachable_mirrors(mirrors, seconds=CONNECT_SECONDS):
    """The mirrors, in order, whose host (or the proxy in front of it) accepts a connection within `seconds`.

    All are tried at once, in threads. The time-out of an HTTP client is not enough: it limits neither the look-up of a
    name nor the number of addresses tried for it, so an offline machine can wait for a minute.
    """
    reached = set()

    def connect(mirror):
        with contextlib.suppress(OSError, ValueError):
            socket.create_connection(_first_hop(mirror), timeout=seconds / 2).close()
            reached.add(mirror)

    threads = [threading.Thread(target=connect, args=(mirror,), daemon=True) for mirror in mirrors]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [mirror for mirror in mirrors if mirror in reached]


def _fetch(pooch, name, md5, folder, mirrors):
    """Fetch one file from the first mirror that delivers it. Mirrors that fail move to the end of the list."""
    failures = []
    for mirror in list(mirrors):
        try:
            with _progress_bar(name) as bar, atomic_write(folder / name) as temporary:
                download = pooch.HTTPDownloader(bar, 1 << 16, timeout=(CONNECT_SECONDS, READ_SECONDS))
                download(f"{mirror.rstrip('/')}/{name}", temporary, None)
                if mismatch := _mismatch(temporary, md5):
                    raise DownloadError(mismatch)
            return
        except OSError as error:  # all errors of requests are OSErrors
            failures.append(f"{mirror}: {_in_short(error)}")
            mirrors.remove(mirror)
            mirrors.append(mirror)
    raise DownloadError(f"no mirror delivered {name} ({'; '.join(failures)})")


def _mismatch(path, md5):
    """What is wrong with the payload of the file `path`, as a text; empty if its md5 is as expected."""
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with opened(path) as (stream, _):
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
    except IDXError:
        return "its gzip is truncated or corrupt"
    except OSError as error:
        return f"it cannot be read, {_in_short(error)}"
    return "" if digest.hexdigest() == md5 else f"its payload has md5 {digest.hexdigest()}, expected {md5}"


def _in_short(error):
    """A short text for an OSError, without the addresses and object names that requests puts into its messages."""
    if isinstance(error, DownloadError):
        return str(error)
    response = getattr(error, "response", None)
    return f"HTTP {response.status_code}" if response is not None else error.strerror or type(error).__name__


def _remove_stale(folder):
    for left in folder.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()


def _first_hop(url):
    """(host, port) of the machine that a request for `url` connects to: the proxy, if one is set."""
    from requests.utils import get_environ_proxies, select_proxy  # requests comes with pooch

    parts = urlsplit(select_proxy(url, get_environ_proxies(url)) or url)
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _progress_bar(name):
    """A context manager: a progress bar, visible on terminals only; without tqdm False, pooch's value for no bar."""
    try:
        from tqdm import tqdm
    except ImportError:
        return contextlib.nullcontext(False)
    # total=1: pooch tests the truth of the bar, which needs a total, before it sets the right one.
    return tqdm(desc=name, total=1, unit="B", unit_scale=True, ncols=99, disable=None)


def _pooch():
    try:
        import pooch
    except ImportError:
        raise ModuleNotFoundError('downloading needs the package pooch: pip install "npae[demos]"') from None
    return pooch
