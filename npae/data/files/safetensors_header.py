"""The header of a safetensors file: names, dtypes, shapes and places of its tensors.

    length n of the header, 8 bytes │ header: n bytes of JSON │ numbers

The JSON has an entry for each tensor: {"dtype": "F16", "shape": [1000, 384], "data_offsets": [begin, end]}, counted
from the end of the header. It is parsed only if it is short: the memory for JSON is many times its length.
"""

import json
import math
from pathlib import Path
from typing import Any, BinaryIO

from npae.data.files.array_file import EXPECTED, STORED, ArrayFile, ShardError, checked, stamp_of
from npae.data.files.shown import clipped, some

LONGEST_JSON = 1 << 20  # bytes; the header of a file of five thousand tensors is shorter


def tensors_of(file: BinaryIO) -> dict[str, Any]:
    """{name: entry} of the header of a safetensors file, and {"": where the numbers begin}."""
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > LONGEST_JSON:
        raise ShardError(
            f"its header declares {length} bytes, expected at most {LONGEST_JSON}: it is no safetensors file, or one "
            "of very many tensors. Write the rows to a file of their own"
        )
    tensors = json.loads(file.read(length))
    tensors.pop("__metadata__", None)
    return tensors | {"": 8 + length}


def tensor_file(path: Path, file: BinaryIO, tensors: dict[str, Any], name: str | None) -> ArrayFile:
    """The ArrayFile of one of the tensors, without a scale.

    Args:
        path: of the file.
        file: open.
        tensors: of tensors_of(file).
        name: of the tensor; None: the only one of two or more axes.
    """
    names = [n for n, entry in tensors.items() if n and (name is not None or len(entry["shape"]) > 1)]
    if name not in names if name is not None else len(names) != 1:
        wanted = "one tensor of rows" if name is None else f"the tensor {clipped(repr(name))}"
        cure = f'Name one of them: Shards(paths, tensor="{clipped(names[0])}")' if names else "Check the file"
        raise ShardError(f"expected {wanted}, found {some(names) or 'none'}. {cure}")
    entry = tensors[names[0] if name is None else name]
    shape, (begin, end) = tuple(entry["shape"]), entry["data_offsets"]
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
        raise ValueError("a size is not a whole number of 0 or more")
    if entry["dtype"] not in STORED:
        raise ShardError(f"{EXPECTED}, got {clipped(str(entry['dtype']))}. Convert it before it is written")
    found = ArrayFile(path, shape, STORED[entry["dtype"]], tensors[""] + begin, stamp_of(file))
    if end - begin != math.prod(shape) * found.stored.itemsize:
        raise ValueError(f"{end - begin} bytes for the shape {shape}")
    return checked(found, max(tensors[""] + e["data_offsets"][1] for n, e in tensors.items() if n))
