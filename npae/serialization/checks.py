"""Checks of a model that was read from a file: its values are finite, and its training data fit the network.

All readers of model files share them.
"""

import math
from typing import Any

import numpy as np

from npae.backend import Remembers, Seen
from npae.layers import Layer
from npae.serialization.archive import ModelFileError


def check_values(model: Layer) -> None:
    """Raise ModelFileError, with its name, if a parameter or a running statistic holds NaN or Inf.

    Args:
        model: with the values of the file, on the CPU.
    """
    for name, p in (*model.named_parameters(), *model.named_buffers()):
        if not np.isfinite(p.value).all():
            raise ModelFileError(
                f"its {name} holds NaN or Inf, with which no result would be a number. The training diverged, or the "
                "file is damaged: take an earlier checkpoint, or train again with a smaller learning rate."
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
