"""Model files: a model saved as one .npz file of named arrays, with its architecture as JSON.

    about           JSON: the format's version, the architecture as a tree of class names and arguments, the table of θ,
                    and the names and the range of the training data, if it has been trained
    theta           θ, one vector; the table of (name, shape, start) tells where each parameter begins
    statistics      the running statistics of all layers, one vector, if there are any
    optimizer.…     the state vectors of the optimizer, if one was saved
    extra.…         further arrays that the caller saves, such as the best θ so far

A file contains no pickle, and does not depend on a device. It is written under a temporary name, read back and then
renamed, so a reader never sees half a file, and no file replaces an older one that could not be loaded. A file that is
read is not trusted: before anything is allocated, the declared sizes are compared with the size of the file and with
the architecture. It can name registered classes only.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from npae.backend import Array, NotAFileError, Remembers, atomic_write, open_untrusted, resolve_device, to_device
from npae.layers import Layer
from npae.optim import Optimizer
from npae.serialization.architecture import describe, json_text
from npae.serialization.archive import Archive, ModelFileError, reason
from npae.serialization.checks import check_name, check_state, check_values
from npae.serialization.content import FORMAT, Content, Saved
from npae.serialization.foreign import foreign
from npae.serialization.places import place_to_read, place_to_write


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
    are not JSON and for arrays that do not hold numbers; ModelFileError, a ValueError, for NaN or Inf in the model, and
    for everything else with which the file could not be loaded. After an error an older file is as it was.

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
    _check(path, model, optimizer, extra, arrays)
    theta, statistics = model.theta, model.statistics
    with _loadable(path):
        check_values(model)
        if optimizer is not None:
            check_state(optimizer)
    about = {"format": FORMAT, "model": describe(model, to_build=True), "table": theta.table, "extra": extra or {}}
    if isinstance(model, Remembers) and model.seen is not None:
        about["seen"] = model.seen.to_json()
    content: dict[str, Any] = {"theta": theta.value}
    if statistics.size:
        about["statistics"] = statistics.table
        content["statistics"] = statistics.value
    if optimizer is not None:
        about["optimizer"] = describe(optimizer, to_build=True) | {"t": optimizer.t}
        content |= {f"optimizer.{name}": vector for name, vector in optimizer.state.items()}
    content |= {f"extra.{name}": array for name, array in (arrays or {}).items()}
    content = {name: np.asarray(to_device(array, "cpu"), order="C") for name, array in content.items()}
    for name, array in content.items():
        check_name(name)
        if array.dtype.hasobject:
            raise TypeError(f"save: expected {name} to hold numbers, got an array of Python objects.")
    content["about"] = np.frombuffer(json_text(about, "save").encode(), np.uint8)
    path = place_to_write(path)
    try:
        with atomic_write(path) as temporary:
            with open(temporary, "wb") as file:
                np.savez(file, **content)
            with _loadable(path):
                _read_back(temporary, set(content))
    except (NotAFileError, IsADirectoryError):  # with the name and the cure
        raise
    except OSError as error:
        cause = error.strerror or error
        raise OSError(f"Cannot write the model file {path}: {cause}. Choose another place.") from error
    return path


def _read_back(path: Path, names: set[str]) -> None:
    """Raise an error unless a file can be loaded and has arrays of these names. No values are allocated."""
    with open_untrusted(path) as file:
        archive = Archive(file)
        for name in names ^ set(archive.members):
            raise ModelFileError(f"a file cannot hold an array of the name {name!r}")
        Content(archive)
        archive.check_sums()


@contextmanager
def _loadable(path: Any) -> Iterator[None]:
    """Raise ModelFileError for whatever the block raises about a file that is to be written to `path`."""
    try:
        yield
    except (OSError, MemoryError, Warning):
        raise
    except Exception as error:  # what the constructors of the user's own classes raise, above all
        raise ModelFileError(
            f"save: the file could not be loaded ({reason(error)}), so it was not written. {path} is as it was."
        ) from error


def _check(path: Any, model: Any, optimizer: Any, extra: Any, arrays: Any) -> None:
    """Raise TypeError unless `model` can be saved with the others."""
    if not isinstance(model, Layer):
        cure = "Name a model, or a part of one, such as model.encoder."
        if isinstance(path, Layer):
            cure = "The path comes first: save(path, model)."
        elif hasattr(model, "score_samples"):
            cure = "A detector is written by anomaly.save_detector(path, detector)."
        raise TypeError(f"save: expected a model (a Layer), got {type(model).__name__}. {cure}")
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise TypeError(f"save: expected an Optimizer, such as optim.Adam(), got {optimizer!r}.")
    for given, what in ((extra, "extra"), (arrays, "arrays")):
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(f"save: expected {what} by name, {{name: …}}, got {given!r}.")
    for name, array in (arrays or {}).items():
        if not isinstance(name, str):
            raise TypeError(f"save: expected names of arrays as text, got {name!r}.")
        if isinstance(array, np.ma.MaskedArray):
            raise TypeError(f"save: expected {name} without a mask, which a file does not keep. Save array.filled(…).")


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
        with open_untrusted(path) as file:
            saved = Content(Archive(file)).saved()
    except NotAFileError as error:
        raise ModelFileError(str(error)) from None
    except ModelFileError as error:
        other = foreign(path, "npae.load")
        raise ModelFileError(f"{path}: {other or reason(error)}") from error.__cause__
    except (PermissionError, MemoryError, Warning):
        raise
    except Exception as error:  # zip, JSON, NumPy and constructors raise many kinds for arbitrary bytes
        other = foreign(path, "npae.load")
        if other is not None:
            raise ModelFileError(f"{path} is no model file of npae: {other}") from None
        raise ModelFileError(
            f"{path} is not a whole npae model file ({reason(error)}). It may be damaged or from another program: "
            "use a checkpoint or save the model again."
        ) from error
    saved.model.to(device)
    if saved.optimizer is not None:
        saved.optimizer.state = {name: to_device(vector, device) for name, vector in saved.optimizer.state.items()}
    return saved
