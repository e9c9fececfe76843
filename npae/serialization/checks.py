"""Checks of a model and an optimizer: their values are finite, and the training data fit the network.

All readers of model files share them. Writers check the values too, so that what they write can be read.
"""

import math
from typing import Any

from npae.backend import Remembers, Seen, array_module
from npae.layers import Layer
from npae.optim import Optimizer
from npae.serialization.archive import ModelFileError

LONGEST = 2**16 - 1  # bytes in the name of an entry of a zip archive


def check_values(model: Layer) -> None:
    """Raise ModelFileError, with its name, if a parameter or a running statistic holds NaN or Inf, or a variance < 0.

    Args:
        model: with its values.
    """
    for name, p in (*model.named_parameters(), *model.named_buffers()):
        if not bool(array_module(p.value).isfinite(p.value).all()):
            raise ModelFileError(
                f"its {name} holds NaN or Inf, with which no result would be a number. The training diverged, or the "
                "file is damaged: take an earlier checkpoint, or train again with a smaller learning rate."
            )
        if p.least > -math.inf and not bool((p.value >= p.least).all()):
            raise ModelFileError(
                f"its {name} holds values below {p.least:g}. The file is damaged or was assembled by hand."
            )


def check_state(optimizer: Optimizer) -> None:
    """Raise ModelFileError, with its name, if a vector of the state holds NaN or Inf, or a mean of squares < 0.

    Training raises Diverged before it writes such a state, and would raise it again.

    Args:
        optimizer: with its state.
    """
    for name, vector in optimizer.state.items():
        least = 0.0 if name in optimizer.squares else -math.inf
        if not bool((array_module(vector).isfinite(vector) & (vector >= least)).all()):
            what = "NaN, Inf or negative means of squares" if least == 0 else "NaN or Inf"
            raise ModelFileError(f"The optimizer's {name} holds {what}: its run diverged. Take an earlier checkpoint.")


def check_name(name: str) -> None:
    """Raise ModelFileError if the archive of a model file cannot hold an array of this name.

    Its entry is the name in UTF-8, with the suffix ".npy", and has at most 65,535 bytes.

    Args:
        name: of an array.
    """
    try:
        size = len(f"{name}.npy".encode())
    except UnicodeEncodeError as error:
        raise ModelFileError(
            f"save: expected names of arrays in Unicode, got {name[:60]!r}, whose character {error.start} is half of a "
            "surrogate pair. Choose another name."
        ) from None
    if size > LONGEST:
        raise ModelFileError(
            f"save: expected names of arrays of at most {LONGEST:,} bytes with their suffix .npy, got {size:,}: "
            f"{name[:60]!r}…. Choose a shorter name."
        )


def remember(model: Any, tree: Any) -> None:
    """Let a model remember the training data that a file describes.

    Args:
        model: of the file; layers that are not models remember nothing.
        tree: JSON values, as Seen.to_json returns them.

    Raises ModelFileError if they contradict each other or the network; KeyError, TypeError and ValueError for other
    values.
    """
    if not isinstance(model, Remembers):
        return
    seen = Seen.from_json(tree)
    if seen.shape and seen.names is not None and len(seen.names) not in seen.shape:
        raise ModelFileError(
            f"its training data have the shape {seen.shape}, but {len(seen.names)} names of columns. "
            "The file is damaged or was assembled by hand."
        )
    if not (math.isfinite(seen.low) and math.isfinite(seen.high)) or (
        seen.kind != "float" and (seen.low, seen.high) != (0, 1)
    ):
        raise ModelFileError(
            f"its training data are {seen.kind}, but range from {seen.low:g} to {seen.high:g}. "
            "The file is damaged or was assembled by hand."
        )
    model.check_features(seen.shape, "its training data")  # raises ValueError
    model.remember(seen)
