"""Checks of arrays: values, shapes, dtypes, devices. Each raises one sentence: expected, got, and the cure."""

import math
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from npae.backend.arrays import array_module, device_of
from npae.backend.console import is_open
from npae.backend.typing import Array, DTypeLike

STANDARDISE = "(x - x.mean(axis=0)) / x.std(axis=0)"
Check: TypeAlias = Callable[[Array], Any]  # of a batch; raises for one that cannot be right


class DataWarning(UserWarning):
    """Data that are probably not what was meant: of another scale than the model expects, or numbers as pixels."""


def warn(message: str, category: type[Warning] = DataWarning) -> None:
    """Issue a warning for the line outside of npae that led here.

    Args:
        message: what was found, and the cure.
        category: the class of the warning.

    Example:
        >>> import warnings
        >>> from npae.backend import DataWarning, warn
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     warn("x: all values are 0. Check where they come from.")
        >>> issubclass(caught[0].category, DataWarning)
        True
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "npae":
        frame, level = frame.f_back, level + 1
    try:
        warnings.warn(message, category, stacklevel=level)
    except ValueError:  # from a closed stderr
        if is_open(sys.stderr):
            raise


def check_floats(owner: Any, x: Any) -> None:
    """Raise TypeError unless x is an array of float32 or float64.

    Args:
        owner: a layer or an augmentation, the subject of the message.
        x: a batch.

    Example:
        >>> import numpy as np
        >>> from npae.backend import check_floats
        >>> from npae.layers import Flatten
        >>> check_floats(Flatten(), np.ones((5, 28, 28), np.uint8))
        Traceback (most recent call last):
        TypeError: Flatten(): expected x of float32 or float64, got uint8. Scale it first: x / 255.
    """
    array_module(x)  # raises for a list
    if x.dtype not in ("float32", "float64"):
        raise TypeError(f"{owner!r}: expected x of float32 or float64, got {x.dtype}. Scale it first: x / 255.")


def check_rows(x: Array, numbers: Sequence[Any] | Array, check: Check | None = None, name: str = "data",
               dtype: DTypeLike | None = None) -> None:  # fmt: skip
    """Raise ValueError if a row of x contains NaN or Inf, or if check(x) raises. Only floats are checked.

    Args:
        x: rows (n, …).
        numbers: of the rows within the whole data, or their names (npae.backend.row_names), for the message.
        check: a loss's check_targets, or None.
        name: of the data, for the message.
        dtype: of the network; the values must be finite in it too. None: that of x.

    Example:
        >>> import numpy as np
        >>> from npae.backend import check_rows
        >>> check_rows(np.array([[0.0, 1.0], [2.0, np.nan]]), numbers=[0, 1])
        Traceback (most recent call last):
        ValueError: data: row 1 contains NaN or Inf (nan in column 1). Remove or repair such rows first.
    """
    if x.dtype.kind != "f":
        return
    _check_finite(x, x, numbers, name)
    if dtype is not None and np.dtype(dtype).itemsize < x.dtype.itemsize:
        with np.errstate(over="ignore"):
            _check_finite(x.astype(dtype), x, numbers, name)
    if check is not None:
        check(x)


def _check_finite(converted: Array, x: Array, numbers: Sequence[Any] | Array, name: str) -> None:
    """Raise ValueError unless rows x are finite, once they are converted to the network's dtype."""
    xp = array_module(x)
    good = xp.isfinite(converted.reshape(len(x), -1)).all(axis=1)
    if bool(good.all()):
        return
    k = int(xp.argmin(good))
    where = tuple(int(i) for i in np.unravel_index(int(xp.argmin(xp.isfinite(converted[k]))), x.shape[1:]))
    place, value = f" in column {where[0]}" if len(where) == 1 else f" at {where}" if where else "", x[(k, *where)]
    if math.isfinite(value):
        raise ValueError(
            f"{name}: row {numbers[k]} contains {value:g}{place}, too large for the network's {converted.dtype}. "
            f"Repair such values; if they are right, standardise each feature: {STANDARDISE}."
        )
    raise ValueError(
        f"{name}: row {numbers[k]} contains NaN or Inf ({float(value)}{place}). Remove or repair such rows first."
    )


def check_shape(layer: Any, shape: tuple[int, ...], like: tuple[int | str, ...], fix: str = "") -> None:
    """Raise ValueError unless the shape of one input is as expected.

    Args:
        layer: the subject of the message.
        shape: of one input, without the batch axis.
        like: what is expected; a name in it, "height", stands for any size.
        fix: the cure, a sentence.

    Example:
        >>> from npae.backend import check_shape
        >>> check_shape("MyLayer", (3, 28, 28), (1, "height", "width"))
        Traceback (most recent call last):
        ValueError: 'MyLayer': expected inputs of shape (1, height, width), got (3, 28, 28).
    """
    if shape == like:
        return
    if len(shape) != len(like) or any(n != m for n, m in zip(shape, like, strict=True) if not isinstance(m, str)):
        wanted = ", ".join(map(str, like)) + "," * (len(like) == 1)
        raise ValueError(f"{layer!r}: expected inputs of shape ({wanted}), got {tuple(shape)}. {fix}".rstrip())


def check_input(layer: Any, x: Any, shape: tuple[int, ...], like: Array, fix: str = "") -> None:
    """Raise ValueError for a batch of another shape, TypeError for another dtype or device.

    Args:
        layer: the subject of the message.
        x: a batch.
        shape: of one input, without the batch axis.
        like: an array of the expected dtype and device, such as a parameter's value.
        fix: the cure for another shape, a sentence.

    Example:
        >>> import numpy as np
        >>> from npae.backend import check_input
        >>> W = np.ones((784, 32), np.float32)
        >>> check_input("MyLayer", np.ones((5, 784), np.float32), (784,), W)
        >>> check_input("MyLayer", np.ones((5, 32), np.float32), (784,), W)
        Traceback (most recent call last):
        ValueError: 'MyLayer': expected x of shape (batch, 784), got (5, 32).
    """
    if type(x) is type(like) and x.shape[1:] == shape and x.dtype == like.dtype:
        return
    module = array_module(x)  # raises for a list
    if x.shape[1:] != shape:
        wanted = ", ".join(("batch", *map(str, shape)))
        fix = "" if x.ndim == 2 and len(shape) == 1 else fix  # rows of another length are not images
        raise ValueError(f"{layer!r}: expected x of shape ({wanted}), got {x.shape}. {fix}".rstrip())
    if x.dtype != like.dtype:
        networks = f", or the network, network.astype({str(x.dtype)!r})" if x.dtype.kind == "f" else ""
        raise TypeError(
            f"{layer!r}: expected x of the parameters' dtype {like.dtype}, got {x.dtype}. "
            f"Convert x, x.astype({str(like.dtype)!r}){networks}."
        )
    if module is not array_module(like):
        raise TypeError(
            f"{layer!r}: x is on the {device_of(x)}, the parameters are on the {device_of(like)}. "
            f'Move the network, network.to("{device_of(x)}"), or the data, to_device(x, "{device_of(like)}").'
        )


def check_pair(loss: Any, prediction: Array, target: Array) -> None:
    """Raise ValueError unless prediction and target have one shape, TypeError unless one dtype and device.

    Args:
        loss: the subject of the message.
        prediction: the outputs of a network.
        target: what they are compared with.

    Example:
        >>> import numpy as np
        >>> from npae.backend import check_pair
        >>> check_pair("MyLoss", np.ones((5, 3)), np.zeros((3, 5)))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: 'MyLoss': expected targets of the outputs' shape (5, 3), got (3, 5): their axes are in another ...
    """
    p, t = prediction, target
    if p.shape == t.shape and p.dtype == t.dtype and array_module(p) is array_module(t):
        return
    if p.shape != t.shape:
        fix = "reshape them." if p.size == t.size else "the network must end in the shape that it begins with."
        if sorted(p.shape) == sorted(t.shape):
            fix = "their axes are in another order, so transpose them."
        elif p.ndim == t.ndim == 4:
            fix += " (Images whose size the strides do not divide come back larger, 7 -> 4 -> 8: pad or crop them.)"
        raise ValueError(f"{loss!r}: expected targets of the outputs' shape {p.shape}, got {t.shape}: {fix}")
    raise TypeError(
        f"{loss!r}: expected targets like the outputs ({array_module(p).__name__}, {p.dtype}), "
        f"got ({array_module(t).__name__}, {t.dtype}): convert with astype, move with to_device."
    )
