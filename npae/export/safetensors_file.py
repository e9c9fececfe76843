"""Safetensors: a model as a file of named tensors, which many libraries read, without pickle.

    encoder.0.W     float32  (784, 32)          every parameter and running statistic by its dotted name
    encoder.0.b     float32  (32,)
    …
    metadata        one entry, "npae", as JSON:
                    format           the version of this format
                    npae_version     the version of npae that wrote the file
                    architecture     the model as a tree of class names and arguments (npae.serialization)
                    training_data    names, shape and range of the data, if the model has been trained
                    checksum         CRC-32 of these entries as JSON, and then of the bytes of all tensors

The metadata are one entry, since the library writes several in a random order. So equal models have equal bytes.

Shared parameters are in the file once, where the model meets them first. A file that is read is not trusted. The
library checks its header, and that the tensors fill the file. Then names, shapes and dtypes are compared with the
architecture, before anything is allocated; it can name registered classes only. The checksum is compared before the
values are used, since the format has none of its own.
"""

import json
import zlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from npae.backend import Array, Parameter, Seen, missing, resolve_device, to_device
from npae.export.checks import check_model
from npae.export.places import place, write
from npae.layers import Layer
from npae.serialization import ModelFileError, build, describe
from npae.serialization.architecture import json_text
from npae.serialization.archive import reason
from npae.serialization.checks import check_values, remember
from npae.serialization.foreign import foreign
from npae.version import __version__

FORMAT = 1
DTYPES = {"F32": np.float32, "F64": np.float64}


def save_safetensors(path: str | PathLike[str], model: Layer) -> Path:
    """Write a model to a safetensors file, with its architecture in the metadata. Returns the Path of the file.

    Args:
        path: of the file; ".safetensors" is added to a name without a suffix, missing folders are made.
        model: a Layer with values, on any device.

    Raises ModuleNotFoundError without the package safetensors; TypeError if `model` is not a Layer; RuntimeError if it
    has no values; ModelFileError if the file could not be loaded, such as for NaN in the model; OSError, with the
    reason, if it cannot be written. After an error an older file is as it was.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.export import load_safetensors, save_safetensors
        >>> path = save_safetensors("digits", dense_autoencoder([784, 32]))
        >>> path.name, load_safetensors("digits").encoder[0].W.shape
        ('digits.safetensors', (784, 32))
    """
    library = _library()
    path = place(path, ".safetensors", "save_safetensors")
    check_model(model, "save_safetensors")
    about = {"format": FORMAT, "npae_version": __version__, "architecture": describe(model, to_build=True)}
    seen: Seen | None = getattr(model, "seen", None)
    if seen is not None:
        about["training_data"] = seen.to_json()
    tensors = {name: np.ascontiguousarray(to_device(p.value, "cpu")) for name, p in _named(model).items()}
    about["checksum"] = checksum(about, tensors)
    content = library.numpy.save(tensors, {"npae": json_text(about, "save_safetensors")})
    return write(path, content, lambda written: _read_back(library, written))


def checksum(about: dict[str, Any], tensors: Mapping[str, Array]) -> int:
    """The CRC-32 of what a file states about a model, and then of its tensors in the order of their names.

    Args:
        about: JSON values, without "checksum".
        tensors: {dotted name: its values, on the CPU}.
    """
    total = zlib.crc32(json_text(about, "save_safetensors").encode())
    for name in sorted(tensors):
        total = zlib.crc32(np.ascontiguousarray(tensors[name]).reshape(-1).view(np.uint8).data, total)
    return total


def _read_back(library: Any, path: Path) -> None:
    """Raise ModelFileError unless the written file can be loaded."""
    try:
        with library.safe_open(path, framework="numpy") as file:
            _read(file)
    except (OSError, MemoryError, Warning):
        raise
    except Exception as error:
        raise ModelFileError(
            f"save_safetensors: the file could not be loaded ({reason(error)}), so it was not written."
        ) from error


def load_safetensors(path: str | PathLike[str], device: str = "cpu") -> Any:
    """The model in a file that save_safetensors has written.

    Args:
        path: of the file; ".safetensors" may be left out.
        device: where the model is placed, "cpu", "gpu" or "auto".

    Raises ModuleNotFoundError without the package safetensors; FileNotFoundError; ModelFileError, with the reason, for
    a damaged or foreign file and for NaN or Inf in the values; RuntimeError if the device is "gpu" and there is none.

    Example:
        >>> from npae import dense_autoencoder
        >>> from npae.export import load_safetensors, save_safetensors
        >>> path = save_safetensors("encoder.safetensors", dense_autoencoder([8, 2]).encoder)
        >>> load_safetensors(path)
        Sequential(Dense(8 -> 2))
    """
    library, device = _library(), resolve_device(device)
    given = place(path, "", "load_safetensors")
    path = given if given.is_file() else place(path, ".safetensors", "load_safetensors")
    if not path.is_file():
        raise FileNotFoundError(f"There is no model file {path}. Check the path.")
    try:
        with library.safe_open(path, framework="numpy") as file:
            model = _read(file)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {reason(error)}") from error.__cause__
    except (PermissionError, MemoryError, Warning):
        raise
    except Exception as error:  # the library, JSON and constructors raise many kinds for arbitrary bytes
        other = foreign(path, "npae.export.load_safetensors")
        if other is not None:
            raise ModelFileError(f"{path} is no safetensors file of npae: {other}") from None
        raise ModelFileError(
            f"{path} is not a whole safetensors file of npae ({reason(error)}). It may be damaged: "
            "save the model again."
        ) from error
    return model.to(device) if model.parameter_count else model


def _library() -> Any:
    try:
        import safetensors
        import safetensors.numpy  # noqa: F401
    except ModuleNotFoundError:
        raise ModuleNotFoundError(f"npae.export: {missing('safetensors', 'safetensors')}") from None
    return safetensors


def _named(model: Layer) -> dict[str, Parameter]:
    """{dotted name: Parameter} of all parameters and running statistics."""
    return dict((*model.named_parameters(), *model.named_buffers()))


def _read(file: Any) -> Layer:
    """The model in an open file, on the CPU."""
    metadata = file.metadata() or {}
    if "npae" not in metadata:
        raise ModelFileError(
            "it has no description of npae, so another program wrote it. Build the network and fill it: "
            "export.from_torch(model, safetensors.numpy.load_file(path)) for the names of PyTorch."
        )
    about = json.loads(metadata["npae"])
    if about["format"] != FORMAT:
        raise ModelFileError(
            f"it has format {about['format']}, this version of npae reads format {FORMAT}: "
            "load it with the version that wrote it, or update npae."
        )
    model = build(about["architecture"])  # declares parameters, allocates none
    if not isinstance(model, Layer):
        raise ModelFileError(f"it describes {model!r} where a Layer belongs.")
    expected = _named(model)
    dtype = _check(file, {name: p.shape for name, p in expected.items()})
    model.allocate(dtype)
    for name, p in expected.items():
        tensor: Array = file.get_tensor(name)
        p.value[...] = tensor
    stated = about.pop("checksum")
    if stated != checksum(about, {name: p.value for name, p in expected.items()}):
        raise ModelFileError("its checksum is not that of its content: bytes were changed. Copy or save it again.")
    check_values(model)
    if "training_data" in about:
        remember(model, about["training_data"])
    return model


def _check(file: Any, shapes: dict[str, tuple[int, ...]]) -> Any:
    """The dtype of the tensors, after a comparison of their names, shapes and dtypes with those of the architecture."""
    missing_names, others = sorted(shapes.keys() - set(file.keys())), sorted(set(file.keys()) - shapes.keys())
    if missing_names or others:
        found = f"lacks the tensor {missing_names[0]}" if missing_names else f"holds a tensor {others[0]!r} beside it"
        raise ModelFileError(f"it {found}. The file is damaged or was assembled by hand.")
    dtypes = set()
    for name, shape in shapes.items():
        tensor = file.get_slice(name)
        dtypes.add(tensor.get_dtype())
        if tuple(tensor.get_shape()) != shape:
            raise ModelFileError(
                f"its architecture has {name} of shape {shape}, its tensor has {tuple(tensor.get_shape())}. "
                "The file is damaged or was assembled by hand."
            )
    if len(dtypes) > 1 or not dtypes <= DTYPES.keys():
        raise ModelFileError(f"expected tensors of F32 or of F64, got {' and '.join(sorted(dtypes))}. Convert them.")
    return DTYPES[dtypes.pop()] if dtypes else np.float32
