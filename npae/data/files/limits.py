"""Limits of memory: what a file may cost, by its size.

A file of n bytes may cost 100 n bytes of memory, and a small one 64 MB. A small picture may cost 256 MB: of one colour,
or nearly, a photograph is a small file, and 32 megapixels take that much. A packed file can ask for more: equal bytes
shrink to a thousandth by deflate, and to less by others. Such a file is refused with the way to unpack it. Its declared
sizes are not believed: what comes out is counted while it comes, and no more is taken than the file may cost.
"""

import os
from typing import Any

from npae.backend import size_text

PER_BYTE = 100
LEAST, LEAST_PICTURE = 1 << 26, 1 << 28  # bytes that any file may cost, and that any picture may


class TooLargeError(ValueError):
    """A file would cost more memory than its size allows."""


def size_of(file: Any) -> int:
    """The size of an open file, in bytes."""
    return os.fstat(file.fileno()).st_size


def check_memory(needed: int, size: int, cure: str, least: int = LEAST) -> None:
    """Raise TooLargeError, without the name of the file, if it would cost too much memory.

    Args:
        needed: bytes of memory, at least.
        size: of the file, in bytes.
        cure: what to do about it, a sentence.
        least: bytes that any file may cost.
    """
    allowed = max(least, PER_BYTE * size)
    if needed > allowed:
        raise TooLargeError(
            f"it unpacks to {size_text(needed)} of memory or more, expected at most {size_text(allowed)} for a packed "
            f"file of {size_text(size)}. {cure}"
        )


def read_packed(stream: Any, size: int, cost: int, cure: str) -> bytes:
    """All bytes of a stream that unpacks a file; TooLargeError as soon as there are too many.

    Args:
        stream: of unpacked bytes.
        size: of the packed file, in bytes.
        cost: bytes of memory for each unpacked byte.
        cure: as for check_memory.
    """
    blocks, total = [], 0
    while block := stream.read(1 << 18):
        total += len(block)
        check_memory(total * cost, size, cure)
        blocks.append(block)
    return b"".join(blocks)
