"""Mutations of .npz archives whose checksums are right: repeated, overlapping, lying, packed and foreign members."""

import io
import struct
import warnings
import zipfile

import numpy as np

LOCAL, DIRECTORY, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
MOST = 4 * 10**6  # bytes of a member that is repeated: larger mutants are not tried
LARGE = ((10**9,), (2**31, 2), (0, 2**40), (10**5, 10**5), (3, -1), (2**62, 4), (7,))


def members(data):
    """[(name, bytes)] of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def archive_of(content, packed=zipfile.ZIP_STORED):
    """The archive of [(name, bytes)], in which a name may be repeated."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", packed) as archive:
        warnings.simplefilter("ignore")  # about repeated names
        for name, part in content:
            archive.writestr(zipfile.ZipInfo(name), part, packed)
    return file.getvalue()


def npy(array):
    """An array in the format .npy."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def array_of(part):
    """The array in the bytes of a .npy file."""
    return np.load(io.BytesIO(part))


def edit_members(data, rng):
    """A member is dropped, repeated, renamed, exchanged with another, emptied, or added."""
    content = members(data)
    k, other = rng.randrange(len(content)), rng.randrange(len(content))
    (name, part), (name_of_other, part_of_other) = content[k], content[other]
    repeats = min(rng.choice((50, 3000)), 1 + MOST // max(1, len(part)))
    changed = rng.choice((
        [], [content[k]] * 2, [content[k]] * repeats, [(name, part_of_other)], [(name_of_other, part)],
        [(name, b"")], [content[k], ("extra.more.npy", npy(np.ones(3)))], [content[k], ("other.txt", b"text")],
        [content[k], *((f"extra.{i}.npy", npy(np.zeros(1))) for i in range(rng.choice((10, 2000))))],
        [content[k], ("../../up.npy", part)], [content[k], (name.upper(), part)],
    ))  # fmt: skip
    return archive_of(content[:k] + changed + content[k + 1 :])


def edit_array(data, rng):
    """An array gets NaN, infinity, another dtype, shape or length; its checksum is right."""
    content = members(data)
    k = rng.choice([k for k, (name, _) in enumerate(content) if name != "about.npy"] or [0])
    name, array = content[k][0], array_of(content[k][1])
    flat = np.atleast_1d(array).reshape(-1).copy()
    if flat.size and flat.dtype.kind == "f":
        flat[rng.randrange(flat.size)] = rng.choice((np.nan, np.inf, -np.inf, 0.0, -1.0))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        changed = rng.choice((
            flat.reshape(array.shape), flat.reshape(array.shape), np.full_like(array, np.nan) if flat.dtype.kind == "f"
            else np.full_like(array, 7), array.astype("f2"), array.astype("f4"), array.astype("f8"),
            array.astype("i8"), array.astype(bool), array.astype("c8"), array.astype("U5"), array.astype(">f4"),
            flat[:-1], np.append(flat, flat[-1:]), flat[:0], array[None], array.reshape(-1, 1), array.sum(),
            np.asfortranarray(array),
        ))  # fmt: skip
    content[k] = name, npy(changed)
    return archive_of(content)


def lie_in_header(data, rng):
    """The header of an array declares another shape, dtype or order than its bytes have."""
    content = members(data)
    k = rng.randrange(len(content))
    name, part = content[k]
    array = array_of(part)
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    header[rng.choice(("descr", "shape", "fortran_order", "more"))] = rng.choice(
        (*LARGE, "|O", "<f8", "<U1000000000", [("a", "<f4")], "V8", True, None, 3, "(" * 200, {"a": 1}, (1.5,), ())
    )
    text = rng.choice((repr(header), repr(header), "[" * 300 + "]" * 300, repr(header) + " " * 70000)).encode()
    version, count = rng.choice(((1, "<H"), (2, "<I"), (3, "<I"), (9, "<I")))
    length = rng.choice((len(text), len(text), 5, 2**16 - 1)) % 256 ** struct.calcsize(count)
    body = part[-array.nbytes :] if array.nbytes else b""
    content[k] = name, b"\x93NUMPY" + bytes([version, 0]) + struct.pack(count, length) + text + body
    return archive_of(content)


def pack(data, rng):
    """The members are compressed, some of them with a large array of zeros in the place of their own."""
    content = members(data)
    if rng.random() < 0.6:
        k = rng.randrange(len(content))
        n = rng.choice((10**5, 10**6, 2 * 10**7))
        zeros = np.zeros(rng.choice(((n,), (n // 10, 10))), rng.choice(("f4", "u1", "?")))
        content[k] = content[k][0], npy(zeros)
    return archive_of(content, rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)))


def edit_directory(data, rng):
    """The directory names a member many times, lets two members share their bytes, or states other sizes."""
    end = data.rindex(END)
    count, size, start = struct.unpack("<HII", data[end + 10 : end + 20])
    entries, at = [], start
    while data[at : at + 4] == DIRECTORY:
        length = 46 + sum(struct.unpack("<HHH", data[at + 28 : at + 34]))
        entries.append(bytearray(data[at : at + length]))
        at += length
    k, other = rng.randrange(len(entries)), rng.randrange(len(entries))
    kind = rng.choice(("many", "overlap", "sizes", "offset", "count", "flags"))
    if kind == "many":
        entries += [entries[k]] * rng.choice((1, 20, 5000))
    elif kind == "overlap":
        entries[k][42:46] = entries[other][42:46]
    elif kind == "sizes":
        place = rng.choice((20, 24))  # the packed size, the size
        entries[k][place : place + 4] = struct.pack("<I", rng.choice((0, 1, 10**6, 2**31, 2**32 - 1)))
    elif kind == "offset":
        entries[k][42:46] = struct.pack("<I", rng.choice((0, 1, start, len(data), 2**32 - 1)))
    elif kind == "flags":
        entries[k][rng.randrange(6, 12)] ^= 1 << rng.randrange(8)
    stated = len(entries) % 2**16 if kind != "count" else rng.choice((0, 1, 65535))
    body = b"".join(entries)
    tail = struct.pack("<HHHHIIH", 0, 0, stated, stated, len(body) if kind != "count" else size, start, 0)
    return data[:start] + body + END + tail


EDITS = (edit_members, edit_array, edit_array, lie_in_header, pack, edit_directory)
