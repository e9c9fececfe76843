"""Files of other formats: recognised by their first bytes, so that an error names what reads them."""

import os
import zipfile
from pathlib import Path
from typing import BinaryIO

from npae.backend import open_untrusted

MODEL_FILE = "Name a model file of npae."
PICKLE = "a pickle, which may run any program when it is loaded", "Load it by joblib or pickle, if you trust it."
STARTS = {  # the first bytes: what the file is, and the cure
    b"\x89PNG": ("a PNG picture", MODEL_FILE),
    b"\xff\xd8\xff": ("a JPEG picture", MODEL_FILE),
    b"GIF8": ("a GIF picture", MODEL_FILE),
    b"%PDF": ("a PDF document", MODEL_FILE),
    b"\x89HDF": ("an HDF5 file, such as Keras writes", MODEL_FILE),
    b"\x93NUMPY": ("an array of numpy.save", MODEL_FILE),
    b"\x1f\x8b": ("a gzip archive", "Unpack it first."),
} | {bytes([0x80, protocol]): PICKLE for protocol in range(2, 6)}


def foreign(path: Path, reader: str) -> str | None:
    """What a file of another format is, and the cure: "it is a PNG picture. Name a model file of npae."

    Args:
        path: of the file.
        reader: the function that could not read it, such as "npae.load". None is returned for a file of its format,
            and for one that is not recognised.
    """
    with open_untrusted(path) as file:
        start, size = file.read(9), os.fstat(file.fileno()).st_size
        found = next((about for first, about in STARTS.items() if start.startswith(first)), None)
        if not size:
            found = "empty", MODEL_FILE
        elif path.suffix == ".onnx":
            found = "an ONNX file, of which no model can be made", MODEL_FILE
        elif start[8:] == b"{" and int.from_bytes(start[:8], "little") < size:  # the header's length, and the header
            found = "a safetensors file", "Load it by npae.export.load_safetensors(path)."
        elif zipfile.is_zipfile(file):
            found = _archive(file)
    return f"it is {found[0]}. {found[1]}" if found and f" {reader}(" not in found[1] else None


def _archive(file: BinaryIO) -> tuple[str, str] | None:
    """What a zip archive is, and the cure; None for a damaged one."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except Exception:  # zipfile raises many kinds for arbitrary bytes
        return None
    if {"about.npy", "theta.npy"} & set(names):
        return "a model file of npae.save", "Load it by npae.load(path)."
    if not names:
        return "an empty archive", MODEL_FILE
    if any(name.endswith("data.pkl") for name in names):
        return "a file of torch.save", (
            "Build the network and fill it: npae.export.from_torch(model, torch.load(path, weights_only=True))."
        )
    return f"an archive of other data, such as {names[0]}", MODEL_FILE
