"""Mutations of JSON: other types, NaN, huge numbers, deep nesting, shared references, missing and added entries."""

import json

import numpy as np

from tests.fuzz.archive_edits import archive_of, array_of, members, npy

SEQUENCE = '{"family": "Layer", "class": "Sequential", "config": {"layers": [', "]}}"
LEAF = {"family": "Layer", "class": "ReLU", "config": {}}
RAW = {  # text that json.dumps would not write: a marker and what replaces it
    "@deep": "[" * 3000 + "]" * 3000, "@deeper": '{"a":' * 100_000 + "1" + "}" * 100_000, "@huge": "1" + "0" * 400,
    "@long": "9" * 5000, "@inf": "1e400", "@nan": "NaN", "@minus": "-Infinity", "@many": "[" + "0," * 50_000 + "0]",
} | {f"@nested{n}": SEQUENCE[0] * n + json.dumps(LEAF) + SEQUENCE[1] * n for n in (10, 500, 5000)}  # fmt: skip
NAMES = ("more", "same", "class", "family", "config", "t", "seed", "dtype")
VALUES = (None, True, False, "", "text", -1, 0, 1, 2, 3.7, 1e-320, 1e308, -1e308, 2**31, 2**63, [], {}, [1], [[]],
          {"a": 1}, [None], "\0", "é" * 3, {"same": ""}, {"same": "encoder"}, *RAW)  # fmt: skip


def places(tree):
    """[(container, key)] of every value in a tree."""
    found, stack = [], [tree]
    while stack:
        node = stack.pop()
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            found.append((node, key))
            if isinstance(node[key], (dict, list)):
                stack.append(node[key])
    return found


def text_of(tree):
    """A tree as JSON, with the texts of RAW in the place of their markers, of each the first three."""
    text = json.dumps(tree)
    for marker, raw in RAW.items():
        text = text.replace(f'"{marker}"', raw, 3)
    return text


def edit_tree(tree, rng):
    """Change a tree at one place, sometimes at several."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        found = places(tree)
        if not found:
            return
        container, key = rng.choice(found)
        kind = rng.choice(("value", "value", "value", "drop", "swap", "add", "number", "laughs"))
        if kind == "value":
            container[key] = rng.choice(VALUES)
        elif kind == "drop":
            del container[key]
        elif kind == "swap":
            other, at = rng.choice(found)
            container[key] = json.loads(json.dumps(other[at]))
        elif kind == "number":
            _edit_number(container, key, rng)
        elif kind == "laughs" and "model" in tree:
            tree["model"] = rng.choice((laughs, flat))(rng)
        elif isinstance(container, dict):
            container[rng.choice(NAMES)] = rng.choice(VALUES)
        else:
            container.extend(container[-1:] * rng.choice((1, 100)))


def _edit_number(container, key, rng):
    value = container[key]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        container[key] = rng.choice((-value, value + 1, value * 2, value / 2, float(value), str(value), [value]))


def laughs(rng):
    """Layers that contain the same layer twice, level by level: a tree of n levels describes 2ⁿ layers."""
    levels, tree = rng.choice((2, 10, 18, 25, 40)), LEAF
    for level in reversed(range(levels)):
        path = ".".join(["layers.0"] * (level + 1))
        tree = {"family": "Layer", "class": "Sequential", "config": {"layers": [tree, {"same": path}]}}
    return tree


def flat(rng):
    """A long sequence of layers, or layers in layers in layers."""
    n = rng.choice((10, 500, 5000))
    if rng.random() < 0.5:
        return {"family": "Layer", "class": "Sequential", "config": {"layers": [LEAF] * n}}
    return f"@nested{n}"


def edit_about(data, rng):
    """The JSON in the array `about` of a model file is changed."""
    content = members(data)
    k = next(k for k, (name, _) in enumerate(content) if name == "about.npy")
    tree = json.loads(bytes(array_of(content[k][1])))
    edit_tree(tree, rng)
    content[k] = "about.npy", npy(np.frombuffer(text_of(tree).encode(), np.uint8))
    return archive_of(content)


def stamped(text, before, data):
    """The description in a safetensors file with the right checksum, so that it is read on; where that is possible.

    text: the description; before: as it was in the file; data: the file, whose tensors must be as they were written.
    """
    from safetensors.numpy import load

    from npae.export.safetensors_file import checksum

    try:
        tensors, old, new = load(data), json.loads(before), json.loads(text)
        del new["checksum"]
        right = old.pop("checksum") == checksum(old, tensors)
        return json.dumps(new | {"checksum": checksum(new, tensors)}) if right else text
    except Exception:  # it is nested too deeply, or the edit has left no entries
        return text


def edit_safetensors(data, rng):
    """The header of a safetensors file, or the description of npae in it, is changed."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    if rng.random() < 0.7:
        before = header["__metadata__"]["npae"]
        about = json.loads(before)
        edit_tree(about, rng)
        header["__metadata__"]["npae"] = stamped(text_of(about), before, data)
        text = json.dumps(header)
    else:
        edit_tree(header, rng)
        text = text_of(header)
    return len(text.encode()).to_bytes(8, "little") + text.encode() + data[8 + length :]
