"""The readers of data: .npz tables, text tables of every packing, IDX files, faces."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np

from npae.data import (
    IDXError,
    ImageError,
    TableError,
    credit_card,
    frey,
    lfw,
    olivetti,
    read_idx,
    read_npz,
    read_table,
    write_idx,
)
from tests.fuzz import archive_edits, bytes_edits
from tests.fuzz.reader import Reader, Wrong, check_finite

RNG = np.random.default_rng(4)
ARCHIVE = (*bytes_edits.EDITS, *archive_edits.EDITS)


def savez(**arrays):
    """The bytes of numpy.savez, packed."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def repacked(data):
    """The same archive, packed by LZMA."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as packed:
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
    return file.getvalue()


class Tables(Reader):
    """npae.data.read_npz."""

    edits, refusals = ARCHIVE, (TableError,)

    def valid(self, folder):
        x, y = RNG.standard_normal((40, 3)), np.arange(40) % 10 == 0
        return {"table": savez(X=x, y=y), "whole": savez(X=(x * 9).astype(np.int16), y=y.astype(np.int64))}

    def read(self, path):
        return read_npz(path)

    def use(self, content, path):
        check_finite("x", content.x)
        if content.x.dtype != np.float64 or content.y.shape != content.x.shape[:1] or content.y.dtype != bool:
            raise Wrong(f"loaded x {content.x.dtype} {content.x.shape}, y {content.y.dtype} {content.y.shape}")


class Faces(Reader):
    """npae.data.olivetti."""

    edits, refusals = ARCHIVE, (ImageError,)

    def valid(self, folder):
        images, person = np.zeros((80, 64, 64), np.uint8), np.arange(40).repeat(2)
        images[:, 10:14] = RNG.integers(0, 256, (80, 4, 64))
        return {"faces": savez(images=images, person=person)}

    def read(self, path):
        return olivetti(path)

    def use(self, content, path):
        if content.train_images.dtype != np.uint8 or content.train_images.shape[1:] != (64, 64):
            raise Wrong(f"loaded images {content.train_images.dtype} {content.train_images.shape}")


class Strangers(Faces):
    """npae.data.lfw, of an archive that is packed by LZMA."""

    def valid(self, folder):
        return {name: repacked(data) for name, data in super().valid(folder).items()}

    def read(self, path):
        return lfw(path)


class Frames(Reader):
    """npae.data.frey."""

    edits, refusals = ARCHIVE, (ImageError,)

    def valid(self, folder):
        return {"frames": savez(images=RNG.integers(0, 256, (12, 28, 20), np.uint8))}

    def read(self, path):
        return frey(path)

    def use(self, content, path):
        if content.dtype != np.uint8 or content.shape[1:] != (28, 20):
            raise Wrong(f"loaded frames {content.dtype} {content.shape}")


CELLS = (
    *(b"nan", b"NaN", b"inf", b"-inf", b"1e400", b"-1e999", b"1e39", b"1e-400", b"9" * 500, b"0x10", b"1_000", b"0#1"),
    *(
        b"",
        b'"',
        b'""',
        b"#",
        b"\0",
        b"\r",
        b"\n",
        b",",
        b";",
        b"\t",
        b"1,5",
        b"None",
        b"text",
        b"True",
        b"'1'",
        b"=1+1",
    ),
    *(b" 1 ", b"1 2", b"sep=;\n", b"+", b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3\xa9", b"\xe9"),
)


def edit_cells(data, rng):
    """Cells of a text table are replaced, lines repeated, shortened or made long."""
    lines = data.split(b"\n")
    for _ in range(rng.choice((1, 1, 2, 5))):
        k = rng.randrange(len(lines))
        cells = lines[k].split(b",")
        kind = rng.choice(("cell", "cell", "cell", "cell", "drop", "more", "line", "long"))
        if kind == "cell":
            cells[rng.randrange(len(cells))] = rng.choice(CELLS)
        elif kind == "drop":
            del cells[rng.randrange(len(cells))]
        elif kind == "more":
            cells += cells[-1:] * rng.choice((1, 20_000))
        elif kind == "long":
            cells[-1] = cells[-1] * rng.choice((1000, 30_000))
        lines[k] = b",".join(cells)
        if kind == "line":
            lines[k : k + 1] = [lines[k]] * rng.choice((0, 2, 20_000))
    return b"\n".join(lines)


def unpack(data):
    """(the packing of a file, its content)."""
    packings = {b"\x1f\x8b": (gzip, {"mtime": 0}), b"BZ": (bz2, {}), b"\xfd7": (lzma, {})}
    if data[:2] in packings:
        module, settings = packings[data[:2]]
        return lambda text: module.compress(text, **settings), module.decompress(data)
    if data[:2] == b"PK":
        name, content = archive_edits.members(data)[0]
        return lambda text: archive_edits.archive_of([(name, text)], zipfile.ZIP_DEFLATED), content
    return bytes, data


def inside(edit):
    """The edit of a file's unpacked content."""

    def edited(data, rng):
        pack, content = unpack(data)
        return pack(edit(content, rng))

    edited.__name__ = f"inside_{edit.__name__}"
    return edited


def inflate(data, rng):
    """A packed file that unpacks to tens of megabytes: numbers, empty lines, one long line, or zeros."""
    piece = rng.choice((b"0,1,2,0\n", b"\n", b"0,", b"\0", b"a"))
    return data + piece * (rng.choice((10**5, 10**6, 2 * 10**7)) // len(piece))


class Texts(Reader):
    """npae.data.read_table and credit_card, plain and packed."""

    suffix, refusals = ".csv", (TableError,)
    edits = (*bytes_edits.EDITS, *(inside(edit) for edit in (*bytes_edits.EDITS, *(edit_cells,) * 6, inflate)))

    def valid(self, folder):
        rows = "\n".join(f"{a:.3f},{b:d},{c:.2e},{'ill' if a > 0 else 'well'}" for a, b, c in zip(
            RNG.standard_normal(30), RNG.integers(0, 99, 30), RNG.random(30), strict=True))  # fmt: skip
        text = f"age,weight,c,diagnosis\n{rows}\n".encode()
        names = ["Time", *(f"V{k}" for k in range(1, 29)), "Amount", "Class"]
        fraud = "\n".join([",".join(names), *(",".join([str(k), *["0.5"] * 28, "9.99", str(k % 2)]) for k in range(8))])
        zipped = archive_edits.archive_of([("table.csv", text)], zipfile.ZIP_DEFLATED)
        return {
            "plain": text, "gzip": gzip.compress(text, mtime=0), "bzip2": bz2.compress(text), "xz": lzma.compress(text),
            "zip": zipped, "credit": fraud.encode(), "utf16": text.decode().encode("utf-16"),
        }  # fmt: skip

    def read(self, path):
        return credit_card(path) if path.name.startswith("credit") else read_table(path, label="diagnosis")

    def use(self, content, path):
        check_finite("x", content.x)
        check_finite("y", content.y)
        if content.x.ndim != 2 or content.y.shape != content.x.shape[:1] or not content.x.size:
            raise Wrong(f"loaded x {content.x.shape}, y {content.y.shape}")


class IDX(Reader):
    """npae.data.read_idx, plain and gzipped."""

    suffix, refusals = ".idx", (IDXError,)
    edits = (*bytes_edits.EDITS, *(inside(edit) for edit in (*bytes_edits.EDITS, bytes_edits.set_number, inflate)))

    def valid(self, folder):
        images, labels = RNG.integers(0, 256, (5, 7, 7), np.uint8), RNG.standard_normal(9)
        found = {}
        for name, array in {"images": images, "images.gz": images, "labels": labels, "labels.gz": labels}.items():
            write_idx(folder / name, array)
            found[name.replace(".", "_")] = (folder / name).read_bytes()
        zeros = np.zeros((400, 28, 28), np.uint8)  # packs well
        write_idx(folder / "zeros.gz", zeros)
        return found | {"zeros_gz": (folder / "zeros.gz").read_bytes()}

    def read(self, path):
        return read_idx(path)

    def use(self, content, path):
        if content.dtype.kind not in "iuf" or not content.dtype.isnative or not content.flags.writeable:
            raise Wrong(f"loaded an array {content.dtype}")
