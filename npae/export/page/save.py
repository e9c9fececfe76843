"""A live page: one HTML file in which a dense autoencoder can be touched, without a library and without a request.

The file holds the network with 8-bit weights, some samples and their codes, and the scripts of the folder browser/,
which evaluate encoder and decoder. Its Content-Security-Policy forbids requests. The arrays are one sequence of bytes:
compressed by zlib, as the browser's DecompressionStream reads it, and as base64.
"""

import base64
import html
import json
import re
import zlib
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

from npae.backend import Array
from npae.export.checks import check_model
from npae.export.page.contents import contents
from npae.export.places import place, write
from npae.layers import Layer

LARGEST = 1_000_000  # bytes
SCRIPTS = ("arrays", "network", "picture", "code", "map", "decoded", "walk", "sliders", "noise", "drawing", "theme",
           "start")  # fmt: skip
TYPES = {"int8": "Int8Array", "uint8": "Uint8Array", "uint16": "Uint16Array", "float32": "Float32Array"}


def save_page(path: str | PathLike[str], model: Layer, x: Array, labels: Any = None, title: str | None = None,
              image_shape: tuple[int, int] | None = None) -> Path:  # fmt: skip
    """Write a live page of an autoencoder of grey images. Returns the Path of the file, of less than 1 MB.

    A reader drags a point over the map of the samples' codes and watches what is decoded there, changes each number of
    the code, draws an image and sees its place and reconstruction, walks between two codes, and, if the encoder begins
    with a corruption, adds noise with a brush. Weights are rounded to 8 bits, with one scale per matrix;
    `page/quantize.py` has the error bound.

    Args:
        path: of the file; ".html" is added to a name without a suffix, missing folders are made.
        model: an autoencoder of dense layers, such as dense_autoencoder and variational_autoencoder return.
        x: samples for the map, (n, …) of uint8 or of floats in [0, 1]; some hundred test images.
        labels: the class of each sample, for colours; None: one colour.
        title: of the page; None: the model's class.
        image_shape: (height, width); None: the last two axes of x, or square images.

    Raises ValueError for layers that a page cannot compute (convolutions, pooling, TopK), for models without encode and
    decode, for NaN or Inf in the weights, for samples that are not grey images in [0, 1], and for a page above 1 MB;
    TypeError if `model` is not a Layer, and for a title that is not text; RuntimeError if the model has no values;
    OSError, with the reason, if the file cannot be written.

    Example:
        >>> import numpy as np
        >>> from npae import variational_autoencoder
        >>> from npae.export import save_page
        >>> x = np.random.default_rng(0).integers(0, 256, (50, 64), np.uint8)
        >>> path = save_page("digits", variational_autoencoder([64, 16, 2]), x)
        >>> path.name, path.stat().st_size < 100_000
        ('digits.html', True)
    """
    path = place(path, ".html", "save_page")
    check_model(model, "save_page")
    if not isinstance(title, (str, type(None))):
        raise TypeError(f"save_page: expected the title as text, got {title!r}. Labels come before it.")
    return write(path, page(model, x, labels, title, image_shape).encode())


def page(model: Layer, x: Array, labels: Any, title: str | None, image_shape: Any) -> str:
    """The text of the page."""
    about, parts = contents(model, x, labels, image_shape)
    about["arrays"], data = pack(parts.arrays)
    about["title"] = title or re.sub(r"(?<![A-Z])(?!^)(?=[A-Z])", " ", type(model).__name__).capitalize()
    about["weights"] = sum(a.size for name, a in parts.arrays.items() if name[0] == "W")
    text = fill(_file("page.html"), {
        "title": html.escape(about["title"]),
        "style": _file("style.css"),
        "about": json.dumps(about, ensure_ascii=False).replace("<", "\\u003c"),
        "data": data,
        "activations": ",\n".join(parts.activations),
        "scripts": "\n".join(_file(f"{name}.js") for name in SCRIPTS),
    })  # fmt: skip
    size = len(text.encode())
    if size >= LARGEST:
        raise ValueError(
            f"save_page: expected a page below {LARGEST:,} bytes, got {size:,}, of them {len(data):,} for "
            f"{about['weights']:,} weights and {len(x):,} samples. Give fewer samples, or train a smaller network."
        )
    return text


def pack(arrays: dict[str, Array]) -> tuple[dict[str, Any], str]:
    """({name: its type, place and length}, the arrays as text: bytes in little-endian order, zlib, base64)."""
    entries, chunks, start = {}, [], 0
    for name, array in arrays.items():
        chunk = array.astype(array.dtype.newbyteorder("<")).tobytes()
        entries[name] = {"type": TYPES[array.dtype.name], "start": start, "length": array.size}
        chunks.append(chunk)
        start += len(chunk)
    return entries, base64.b64encode(zlib.compress(b"".join(chunks), 9)).decode()


def fill(template: str, values: dict[str, str]) -> str:
    """The template with each {{name}} replaced. What is put in is not searched again."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values[match[1]], template)


def _file(name: str) -> str:
    return (files("npae.export.page") / "browser" / name).read_text(encoding="utf-8")
