"""Downloads: files from the first mirror that delivers them, checked by their checksums.

The md5 checksum is that of the *payload*, the decompressed bytes, because mirrors compress the same payload
differently. A file arrives whole and correct or not at all. After an interruption it is enough to try again. Mirrors
are not trusted: what one sends is bounded in size and in time (transfer.py), and whatever one does wrong, the next one
is asked.

Several processes may complete one folder at the same time. Each writes to a temporary file of its own, and renames it.
"""

import contextlib
import hashlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from npae.backend import ABANDONED, atomic_write, is_terminal
from npae.data.files.idx import CHUNK, IDXError, opened
from npae.data.files.transfer import LARGEST, Transfer, TransferError, reason

ANSWER_SECONDS = 4.0  # mirrors that are silent for so long are not used


class DownloadError(OSError):
    """No mirror delivered the file, or it cannot be written; the message has the reason, for each mirror."""


def download(folder: Path, mirrors: Sequence[str], checksums: Mapping[str, str]) -> None:
    """Complete the files of a folder. Those that exist and are correct are not fetched again.

    Args:
        folder: where the files are to be. It is made if it is missing.
        mirrors: addresses of folders, tried in order.
        checksums: {file name: md5 of its payload, hexadecimal}.

    Raises DownloadError if a file cannot be had or written, after four seconds if there is no network.
    """
    _remove_stale(folder, checksums)
    wanted = [name for name, md5 in checksums.items() if _mismatch(folder / name, md5)]
    answering = _answering([f"{mirror.rstrip('/')}/" for mirror in mirrors], wanted[0]) if wanted else []
    for name in wanted:
        _fetch(name, checksums[name], folder, answering)


def _answering(mirrors, name):
    """The mirrors, in order, that answer or refuse a request for the file `name` in time. All are asked at once.

    So a machine without a network waits for one time-out, not for one per mirror.
    """
    deadline = time.monotonic() + ANSWER_SECONDS
    with contextlib.ExitStack() as stack:
        asked = [(mirror, stack.enter_context(Transfer(mirror + name, "HEAD"))) for mirror in mirrors]
        answering = [mirror for mirror, transfer in asked if transfer.answered(deadline - time.monotonic())]
    if not answering:
        raise DownloadError(f"no network: none of {', '.join(mirrors)} answered within {ANSWER_SECONDS:g} seconds")
    return answering


def _fetch(name, md5, folder, mirrors):
    """Fetch one file from the first mirror that delivers it. Mirrors that fail move to the end of the list."""
    failures = {}
    for mirror in list(mirrors):
        try:
            with Transfer(mirror + name) as transfer:
                length = transfer.length()
                with atomic_write(folder / name) as temporary:
                    _copy(transfer, length, temporary, name)
                    if mismatch := _mismatch(temporary, md5):
                        raise TransferError(mismatch)
            return
        except TransferError as error:
            failures.setdefault(str(error), []).append(mirror)
            mirrors.remove(mirror)
            mirrors.append(mirror)
        except OSError as error:  # of the disk: another mirror would not help
            if not _mismatch(folder / name, md5):
                return  # another process has written it, and Windows replaces no file that is open
            raise DownloadError(f"cannot write {folder / name}: {reason(error)}") from error
    reasons = "; ".join(f"{', '.join(where)}: {why}" for why, where in failures.items())
    raise DownloadError(f"no mirror delivered {name} ({reasons})")


def _copy(transfer, length, path, name):
    """Write what a mirror sends to the file `path`."""
    with open(path, "wb") as file, _progress_bar(name, length) as update:
        for block in transfer.blocks():
            file.write(block)
            update(len(block))


@contextlib.contextmanager
def _progress_bar(name: str, length: int | None) -> Iterator[Callable[[int], object]]:
    """A function that moves a progress bar on; it does nothing where there is no terminal or no tqdm."""
    harmless = contextlib.suppress(ImportError, OSError, ValueError)  # a terminal that is gone ends no download
    bar = None
    with harmless:
        if is_terminal(sys.stderr):
            from tqdm import tqdm

            bar = tqdm(desc=name, total=length, unit="B", unit_scale=True, dynamic_ncols=True)

    def update(size: int) -> None:
        with harmless:
            if bar is not None:
                bar.update(size)

    try:
        yield update
    finally:
        with harmless:
            if bar is not None:
                bar.close()


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
        return f"it cannot be read, {reason(error)}"
    return "" if digest.hexdigest() == md5 else f"its payload has md5 {digest.hexdigest()}, expected {md5}"


def _remove_stale(folder, names):
    """Delete temporary files of these files that killed processes left behind."""
    with contextlib.suppress(OSError):
        for left in list(folder.iterdir()):
            named = re.fullmatch(r"\.(.+)\.[0-9a-f]{8}\.part", left.name)  # as atomic_write names them
            with contextlib.suppress(OSError):
                if named and named[1] in names and time.time() - left.lstat().st_mtime > ABANDONED:
                    left.unlink()
