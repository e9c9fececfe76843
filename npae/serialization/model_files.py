"""Model files: a model saved as one .npz file of named arrays, with its architecture as JSON.

    about           JSON: the format's version, the architecture as a tree of class names and arguments, the table of θ,
                    and the names and the range of the training data, if it has been trained
    theta           θ, one vector; the table of (name, shape, start) tells where each parameter begins
    statistics      the running statistics of all layers, one vector, if there are any
    optimizer.…     the state vectors of the optimizer, if one was saved
    extra.…         further arrays that the caller saves, such as the best θ so far

A file contains no pickle, and does not depend on a device. It is written under a temporary name and then renamed, so a
reader never sees half a file. A file that is read is not trusted: before anything is allocated, the declared sizes are
compared with the size of the file and with the architecture. It can name registered classes only.
"""

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from npae.backend import Array, Remembers, atomic_write, resolve_device, to_device
from npae.layers import Layer
from npae.optim import Optimizer
from npae.serialization.architecture import build, describe, json_text
from npae.serialization.archive import ModelFileError, array_in, header_in
from npae.serialization.checks import check_values, remember
from npae.serialization.foreign import foreign
from npae.serialization.places import place_to_read, place_to_write

FORMAT = 2


@dataclass
class Saved:
    """The content of a model file.

    Attributes:
        model: with its values.
        optimizer: with its state, or None.
        extra: JSON values.
        arrays: by name.

    Example:
        >>> from npae import dense_autoencoder, save
        >>> from npae.serialization import load_all
        >>> path = save("model", dense_autoencoder([8, 2]), extra={"note": "first try"})
        >>> saved = load_all(path)
        >>> saved.extra, saved.optimizer, saved.arrays
        ({'note': 'first try'}, None, {})
    """

    model: Any
    optimizer: Optimizer | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)


def save(path: str | os.PathLike[str], model: Layer, optimizer: Optimizer | None = None,
         extra: Mapping[str, Any] | None = None, arrays: Mapping[str, Array] | None = None) -> Path:  # fmt: skip
    """Write a model to an .npz file. Returns the Path of the file.

    Args:
        path: ".npz" is added to a name without a suffix, missing folders are made.
        model: a Layer with values: a model, or a part alone such as model.encoder.
        optimizer: saved with its state.
        extra: further values, by name, of types that JSON has.
        arrays: further arrays, by name.

    Raises OSError, with the reason, if the file cannot be written; TypeError if `model` is not a Layer, for values that
    are not JSON and for arrays that do not hold numbers. After an error an older file is as it was.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, load, save
        >>> model = dense_autoencoder([8, 4, 2])
        >>> save("digits", model).name
        'digits.npz'
        >>> x = np.random.default_rng(0).random((5, 8), np.float32)
        >>> np.array_equal(load("digits").reconstruct(x), model.reconstruct(x))
        True
        >>> path = save("parts/encoder", model.encoder)  # a part alone: calling it returns codes
        >>> load(path)(x).shape
        (5, 2)
    """
    _check(path, model, optimizer)
    theta, statistics = model.theta, model.statistics
    about = {"format": FORMAT, "model": describe(model, to_build=True), "table": theta.table, "extra": extra or {}}
    if isinstance(model, Remembers) and model.seen is not None:
        about["seen"] = model.seen.to_json()
    content = {"theta": theta.value}
    if statistics.size:
        about["statistics"] = statistics.table
        content["statistics"] = statistics.value
    if optimizer is not None:
        about["optimizer"] = describe(optimizer, to_build=True) | {"t": optimizer.t}
        content |= {f"optimizer.{name}": vector for name, vector in optimizer.state.items()}
    content |= {f"extra.{name}": array for name, array in (arrays or {}).items()}
    content: dict[str, Any] = {name: np.ascontiguousarray(to_device(array, "cpu")) for name, array in content.items()}
    for name, array in content.items():
        if array.dtype.hasobject:
            raise TypeError(f"save: expected {name} to hold numbers, got an array of Python objects.")
    content["about"] = np.frombuffer(json_text(about, "save").encode(), np.uint8)
    path = place_to_write(path)
    try:
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **content)
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"Cannot write the model file {path}: {reason}. Choose another place.") from error
    return path


def _check(path: Any, model: Any, optimizer: Any) -> None:
    """Raise TypeError unless `model` can be saved with `optimizer`."""
    if not isinstance(model, Layer):
        cure = "Name a model, or a part of one, such as model.encoder."
        if isinstance(path, Layer):
            cure = "The path comes first: save(path, model)."
        elif hasattr(model, "score_samples"):
            cure = "A detector is written by anomaly.save_detector(path, detector)."
        raise TypeError(f"save: expected a model (a Layer), got {type(model).__name__}. {cure}")
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise TypeError(f"save: expected an Optimizer, such as optim.Adam(), got {optimizer!r}.")


def load(path: str | os.PathLike[str], device: str = "cpu") -> Any:
    """The model in a file of `save`.

    Args:
        path: of the file; ".npz" may be left out, as in save.
        device: where the model is then, "cpu", "gpu" or "auto".

    Raises FileNotFoundError; ModelFileError, with the reason, for a damaged or foreign file and for NaN or Inf in the
    values; RuntimeError if the device is "gpu" and there is none.

    Example:
        >>> from npae import dense_autoencoder, load, save
        >>> path = save("model", dense_autoencoder([8, 2]))
        >>> load("model").parameter_count
        42
    """
    return load_all(path, device).model


def load_all(path: str | os.PathLike[str], device: str = "cpu") -> Saved:
    """Everything in a file of `save`.

    Args:
        path: as for load.
        device: as for load, of the model and of the state of the optimizer.

    Raises what load raises.

    Example:
        >>> import numpy as np
        >>> from npae import dense_autoencoder, save
        >>> from npae.optim import Adam
        >>> from npae.serialization import load_all
        >>> path = save("run", dense_autoencoder([8, 2]), Adam(1e-3), arrays={"mean": np.zeros(8)})
        >>> saved = load_all("run")
        >>> saved.model.parameter_count, saved.optimizer.t, saved.arrays["mean"].shape
        (42, 0, (8,))
    """
    path, device = place_to_read(path), resolve_device(device)
    try:
        with zipfile.ZipFile(path) as archive:
            saved = _read(archive, path.stat().st_size)
    except ModelFileError as error:
        other = foreign(path, "npae.load")
        raise ModelFileError(f"{path}: {other or error}") from error.__cause__
    except (PermissionError, MemoryError, Warning):
        raise
    except Exception as error:  # zip, JSON, NumPy and constructors raise many kinds for arbitrary bytes
        other = foreign(path, "npae.load")
        if other is not None:
            raise ModelFileError(f"{path} is no model file of npae: {other}") from None
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ModelFileError(
            f"{path} is not a whole npae model file ({reason}). It may be damaged or from another program: "
            "use a checkpoint or save the model again."
        ) from error
    saved.model.to(device)
    if saved.optimizer is not None:
        saved.optimizer.state = {name: to_device(vector, device) for name, vector in saved.optimizer.state.items()}
    return saved


def _read(archive: zipfile.ZipFile, size: int) -> Saved:
    """The Saved of an open file of `size` bytes, on the CPU."""
    about = json.loads(bytes(array_in(archive, "about", size)))
    if about["format"] != FORMAT:
        raise ModelFileError(
            f"it has format {about['format']}, this version of npae reads format {FORMAT}: "
            "load it with the version that wrote it, or update npae."
        )
    model = _built(about["model"], Layer)  # declares parameters, allocates none
    shape, dtype = header_in(archive, "theta", size)
    if shape != (model.parameter_count,) or dtype not in (np.float32, np.float64):
        raise ModelFileError(
            f"its architecture has {model.parameter_count} parameters, its vector θ has shape {shape} and "
            f"dtype {dtype}. The file is damaged or was assembled by hand."
        )
    beside = sum(buffer.size for _, buffer in model.named_buffers())
    found, kind = header_in(archive, "statistics", size) if beside else ((0,), dtype)
    if found != (beside,) or kind != dtype:
        raise ModelFileError(
            f"its architecture has {beside} running statistics of {dtype}, its vector of them has shape {found} "
            f"and dtype {kind}. The file is damaged or was assembled by hand."
        )
    model.allocate(dtype)
    model.theta.assign(array_in(archive, "theta", size))
    if beside:
        model.statistics.assign(array_in(archive, "statistics", size))
    check_values(model)
    if "seen" in about:
        remember(model, about["seen"])
    saved = Saved(model, extra=dict(about["extra"]))
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    known = {"about", "theta"} | ({"statistics"} if beside else set())
    if "optimizer" in about:
        saved.optimizer = optimizer = _built(about["optimizer"], Optimizer)
        optimizer.t = int(about["optimizer"]["t"])
        state, sizes = {}, optimizer.state_sizes(model) if optimizer.t else {}
        for name, n in sizes.items():
            vector = state[name] = array_in(archive, f"optimizer.{name}", size)
            if vector.shape != (n,) or vector.dtype not in (np.float32, np.float64):
                raise ModelFileError(f"The optimizer's {name} is {vector.dtype} {vector.shape}, θ is {dtype} {(n,)}.")
            if np.isnan(vector).any():  # Inf is possible: the mean of squared gradients overflows before θ does
                raise ModelFileError(f"The optimizer's {name} holds NaN: its run diverged. Take an earlier checkpoint.")
        optimizer.state = state
    for name in names:
        if name.startswith("extra."):
            saved.arrays[name.removeprefix("extra.")] = array_in(archive, name, size)
        elif name not in known and not name.startswith("optimizer."):
            raise ModelFileError(f"it holds an array {name!r}, which npae does not write. The file is damaged.")
    return saved


def _built(tree: Any, kind: type[Any]) -> Any:
    thing = build(tree)
    if not isinstance(thing, kind):
        raise ModelFileError(f"it describes {thing!r} where a {kind.__name__} belongs.")
    return thing
