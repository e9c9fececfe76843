"""Files of rows for tests."""

import json

import numpy as np

RNG = np.random.default_rng(0)
X = RNG.standard_normal((97, 6)).astype(np.float32)


def write_safetensors(path, tensors):
    """A file of {name: array, or (dtype of the format, shape, bytes)}."""
    header, content = {"__metadata__": {"made": "here"}}, b""
    names = {"f8": "F64", "f4": "F32", "f2": "F16", "i1": "I8", "u1": "U8", "b1": "BOOL"}
    for name, array in tensors.items():
        dtype, shape, data = array if isinstance(array, tuple) else (names[array.dtype.str[1:]], array.shape, array)
        data = data if isinstance(data, bytes) else data.tobytes()
        offsets = [len(content), len(content) + len(data)]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
        content += data
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content)
    return path


def write_shards(folder, x=X, cuts=(40, 40, 60), kind="npy", **more):
    """Rows in several files, one of them empty. Returns their paths."""
    parts = np.split(x, cuts)
    paths = [folder / f"{k}.{kind}" for k in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        if kind == "npy":
            np.save(path, part)
        else:
            write_safetensors(path, {"rows": part, **more})
    return paths
