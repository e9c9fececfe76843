"""Mutations of bytes: flipped bits, truncation, splices, numbers replaced. They know nothing of the format."""

import struct

NUMBERS = (0, 1, -1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)


def flip_bits(data, rng):
    """One to eight bits are inverted."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(data, rng):
    """The end is missing."""
    return data[: rng.randrange(len(data))]


def cut_out(data, rng):
    """A piece is missing."""
    start, end = _piece(data, rng)
    return data[:start] + data[end:]


def repeat(data, rng):
    """A piece occurs twice, or many times."""
    start, end = _piece(data, rng)
    return data[:end] + data[start:end] * rng.choice((1, 2, 30)) + data[end:]


def splice(data, rng):
    """A piece is written over another place."""
    start, end = _piece(data, rng)
    at = rng.randrange(len(data))
    return data[:at] + data[start:end] + data[at + end - start :]


def append(data, rng):
    """Bytes follow the end."""
    return data + rng.choice((b"\0", rng.randbytes(rng.randint(1, 300)), data))


def set_number(data, rng):
    """A number of 1, 2, 4 or 8 bytes is replaced by an extreme one, most often near the beginning or the end."""
    size = rng.choice((1, 2, 4, 8))
    order = rng.choice("<>")
    code = {1: "B", 2: "H", 4: "I", 8: "Q"}[size]
    number = struct.pack(order + code, rng.choice(NUMBERS) % 256**size)
    near = min(len(data), 300)
    at = rng.choice((rng.randrange(len(data)), rng.randrange(near), len(data) - 1 - rng.randrange(near)))
    return data[:at] + number + data[at + size :]


def _piece(data, rng):
    start = rng.randrange(len(data))
    return start, min(len(data), start + rng.choice((1, 4, 50, 1000)))


EDITS = (flip_bits, truncate, cut_out, repeat, splice, append, set_number)
