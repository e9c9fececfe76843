"""Model files: a model saved as one .npz file of named arrays, with its architecture as JSON.

    about           JSON: the format's version, the architecture as a tree of class names and arguments, the table of θ
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
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from npae.backend import atomic_write, read_array_header, resolve_device, to_device
from npae.layers import Layer
from npae.optim import Optimizer
from npae.serialization.architecture import build, describe

FORMAT = 2


class ModelFileError(ValueError):
    """The file is not a whole, readable npae model file, or not one for this model."""


@dataclass
class Saved:
    """The content of a file: the model, the optimizer (or None), `extra` JSON values, and `arrays` by name."""

    model: object
    optimizer: object = None
    extra: dict = field(default_factory=dict)
    arrays: dict = field(default_factory=dict)


def save(path, model, optimizer=None, extra=None, arrays=None):
    """Write `model` (a Layer with values) to the .npz file `path`; with it, if given, its optimizer, values and arrays.

    extra: JSON values; arrays: {name: array}. Missing folders are made. Raises OSError, with the reason, if the file
    cannot be written; TypeError for values that are not JSON and for arrays that do not hold numbers. After an error an
    older file is as it was.
    """
    theta, statistics = model.theta, model.statistics
    about = {"format": FORMAT, "model": describe(model), "table": theta.table, "extra": extra or {}}
    content = {"theta": theta.value}
    if statistics.size:
        about["statistics"] = statistics.table
        content["statistics"] = statistics.value
    if optimizer is not None:
        about["optimizer"] = describe(optimizer) | {"t": optimizer.t}
        content |= {f"optimizer.{name}": vector for name, vector in optimizer.state.items()}
    content |= {f"extra.{name}": array for name, array in (arrays or {}).items()}
    content = {name: np.ascontiguousarray(to_device(array, "cpu")) for name, array in content.items()}
    for name, array in content.items():
        if array.dtype.hasobject:
            raise TypeError(f"save: expected {name} to hold numbers, got an array of Python objects.")
    content["about"] = np.frombuffer(json.dumps(about, default=_as_number).encode(), np.uint8)
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        reason = error.strerror or error
        raise OSError(f"Cannot write the model file {path}: {reason}. Choose another place.") from error


def _as_number(value):
    """A NumPy number, such as a learning rate taken from np.linspace, as a JSON value."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"save: expected JSON values, got {value!r}.")


def load(path, device="cpu"):
    """The model in the file `path`, on `device`.

    Raises FileNotFoundError; ModelFileError, with the reason, for a damaged or foreign file; RuntimeError if the device
    is "gpu" and there is none.
    """
    return load_all(path, device).model


def load_all(path, device="cpu"):
    """Everything in the file `path`, as Saved, with the model on `device`. Raises what load raises."""
    path, device = Path(path), resolve_device(device)
    if not path.exists():
        raise FileNotFoundError(f"There is no model file {path}. Check the path.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a model file. Name the .npz file in it.")
    try:
        with zipfile.ZipFile(path) as archive:
            saved = _read(archive, path.stat().st_size)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error.__cause__
    except (PermissionError, MemoryError):
        raise
    except Exception as error:  # zip, JSON, NumPy and constructors raise many kinds for arbitrary bytes
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ModelFileError(
            f"{path} is not a whole npae model file ({reason}). It may be damaged or from another program: "
            "use a checkpoint or save the model again."
        ) from error
    saved.model.to(device)
    if saved.optimizer is not None:
        saved.optimizer.state = {name: to_device(vector, device) for name, vector in saved.optimizer.state.items()}
    return saved


def _read(archive, size):
    """The Saved of an open file of `size` bytes, on the CPU."""
    about = json.loads(bytes(_array(archive, "about", size)))
    if about["format"] != FORMAT:
        raise ModelFileError(
            f"it has format {about['format']}, this version of npae reads format {FORMAT}: "
            "load it with the version that wrote it, or update npae."
        )
    model = _built(about["model"], Layer)  # declares parameters, allocates none
    shape, dtype = _header(archive, "theta", size)
    if shape != (model.parameter_count,) or dtype not in (np.float32, np.float64):
        raise ModelFileError(
            f"its architecture has {model.parameter_count} parameters, its vector θ has shape {shape} and "
            f"dtype {dtype}. The file is damaged or was assembled by hand."
        )
    beside = sum(buffer.size for _, buffer in model.named_buffers())
    there = _header(archive, "statistics", size) if beside else None
    if beside and there != ((beside,), dtype):
        raise ModelFileError(
            f"its architecture has {beside} running statistics of {dtype}, its vector of them has shape {there[0]} "
            f"and dtype {there[1]}. The file is damaged or was assembled by hand."
        )
    model.allocate(dtype)
    model.theta.assign(_array(archive, "theta", size))
    if beside:
        model.statistics.assign(_array(archive, "statistics", size))
    saved = Saved(model, extra=dict(about["extra"]))
    names = [name.removesuffix(".npy") for name in archive.namelist()]
    known = {"about", "theta"} | ({"statistics"} if beside else set())
    if "optimizer" in about:
        saved.optimizer = _built(about["optimizer"], Optimizer)
        saved.optimizer.t = int(about["optimizer"]["t"])
        state, sizes = {}, saved.optimizer.state_sizes(model) if saved.optimizer.t else {}
        for name, n in sizes.items():
            vector = state[name] = _array(archive, f"optimizer.{name}", size)
            if vector.shape != (n,) or vector.dtype not in (np.float32, np.float64):
                raise ModelFileError(f"The optimizer's {name} is {vector.dtype} {vector.shape}, θ is {dtype} {(n,)}.")
        saved.optimizer.state = state
    for name in names:
        if name.startswith("extra."):
            saved.arrays[name.removeprefix("extra.")] = _array(archive, name, size)
        elif name not in known and not name.startswith("optimizer."):
            raise ModelFileError(f"it holds an array {name!r}, which npae does not write. The file is damaged.")
    return saved


def _built(tree, kind):
    thing = build(tree)
    if not isinstance(thing, kind):
        raise ModelFileError(f"it describes {thing!r} where a {kind.__name__} belongs.")
    return thing


def _header(archive, name, file_size):
    """(shape, dtype) that the array `name` declares, after a check that its data are really in the file."""
    if f"{name}.npy" not in archive.namelist():
        raise ModelFileError(
            f"it is not a whole npae model file, it has no array {name!r}: use a checkpoint or save the model again."
        )
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > file_size:
        raise ModelFileError(f"The array {name} is compressed or larger than its file: npae does not write such files.")
    with archive.open(info) as stream:
        shape, dtype, declared = read_array_header(stream)
    if dtype.hasobject or declared != info.file_size:
        raise ModelFileError(f"The array {name} declares {declared} bytes, the file holds {info.file_size}.")
    return shape, dtype


def _array(archive, name, file_size):
    _header(archive, name, file_size)
    with archive.open(f"{name}.npy") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
