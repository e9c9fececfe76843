"""The readers of shards: .npy and safetensors files of rows."""

import io
import json

import numpy as np

from npae.data import ShardError, Shards
from tests.fuzz import bytes_edits, json_edits
from tests.fuzz.reader import Reader, Wrong

RNG = np.random.default_rng(5)


def save(x):
    """The bytes of numpy.save."""
    file = io.BytesIO()
    np.save(file, x)
    return file.getvalue()


def edit_npy_header(data, rng):
    """A piece of the text of the header of a .npy file is replaced by one of the same length."""
    pieces = [b"<f4", b"<f2", b"False", b"(40,", b" 6)", b"'descr'", b"shape"]
    others = [b"|O8", b">f8", b"True ", b"(-4,", b"**9", b"<i8", b"|V2", b"(10**9,10**9)", b"[[[[[", b"((((("]
    old = rng.choice(pieces)
    return data.replace(old, rng.choice(others)[: len(old)].ljust(len(old)), 1)


def edit_json_header(data, rng):
    """The JSON of a safetensors file is changed, with the right length or without."""
    length = int.from_bytes(data[:8], "little")
    tree = {"tree": json.loads(data[8 : 8 + length])}
    json_edits.edit_tree(tree, rng)
    text = json_edits.text_of(tree["tree"]).encode("utf-8", "surrogatepass")
    stated = len(text) if rng.random() < 0.8 else rng.choice((0, 1, length, 2**20 + 1, 2**40, 2**64 - 1))
    return stated.to_bytes(8, "little") + text + data[8 + length :]


class NpyShards(Reader):
    """npae.data.Shards of a .npy file."""

    suffix, refusals = ".npy", (ShardError,)
    edits = (*bytes_edits.EDITS, *(edit_npy_header,) * 4)

    def valid(self, folder):
        x = RNG.standard_normal((40, 6))
        return {name: save(x.astype(dtype)) for name, dtype in (("single", "<f4"), ("half", "<f2"))}

    def read(self, path):
        return Shards(path)

    def use(self, content, path):
        rows = content[:]
        same = np.array_equal(content[[0]], rows[:1], equal_nan=rows.dtype.kind == "f")
        if rows.shape != content.shape or rows.dtype != content.dtype or not same:
            raise Wrong(f"loaded rows {rows.dtype} {rows.shape} of {content!r}")


class SafetensorsShards(NpyShards):
    """npae.data.Shards of a safetensors file, int8 with a scale of its own."""

    suffix = ".safetensors"
    edits = (*bytes_edits.EDITS, *(edit_json_header,) * 8)

    def valid(self, folder):
        from tests.data.shard_files import write_safetensors

        q = RNG.integers(-127, 128, (40, 6)).astype("i1")
        return {"int8": write_safetensors(folder / "x", {"x": q, "s": np.ones(6, "f4"), "b": q[0]}).read_bytes()}

    def read(self, path):
        return Shards(path, scale="s")
