"""Checks of arguments: integers, shapes, dtypes, devices. Each raises one sentence: expected, got, and the cure."""

import operator
import sys
import warnings

import numpy as np

from npae.backend.arrays import array_module, device_of


class DataWarning(UserWarning):
    """Data that are probably not what was meant: of another scale than the model expects, or numbers as pixels."""


def warn(message, category=DataWarning):
    """Issue a warning for the line outside of npae that led here."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "npae":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def as_int(value, name, least=None):
    """`value` as an int. Raises TypeError if it is not an integer, ValueError if it is below `least`."""
    try:
        n = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer, got {value!r}.") from None
    if least is not None and n < least:
        raise ValueError(f"{name}: expected {least} or more, got {n}.")
    return n


def check_floats(owner, x):
    """Raise TypeError unless x is an array of float32 or float64, as `owner`, a layer or an augmentation, needs it."""
    array_module(x)  # raises for a list
    if x.dtype not in ("float32", "float64"):
        raise TypeError(f"{owner!r}: expected x of float32 or float64, got {x.dtype}. Scale it first: x / 255.")


def check_rows(x, numbers, check=None, name="data"):
    """Raise ValueError if a row of x contains NaN or Inf, or if check(x), a loss's check_targets, raises.

    numbers: the row numbers within the whole data, for the message. Only floats are checked.
    """
    if x.dtype.kind != "f":
        return
    xp = array_module(x)
    good = xp.isfinite(x.reshape(len(x), -1)).all(axis=1)
    if not bool(good.all()):
        k = int(xp.argmin(good))
        where = tuple(int(i) for i in np.unravel_index(int(xp.argmin(xp.isfinite(x[k]))), x.shape[1:]))
        place = f" in column {where[0]}" if len(where) == 1 else f" at {where}" if where else ""
        raise ValueError(
            f"{name}: row {int(numbers[k])} contains NaN or Inf ({float(x[(k, *where)])}{place}). "
            "Remove or repair such rows first."
        )
    if check is not None:
        check(x)


def check_shape(layer, shape, like, fix=""):
    """Raise ValueError unless `shape`, of one input, is `like`; a name in it, "height", stands for any size."""
    if len(shape) != len(like) or any(n != m for n, m in zip(shape, like, strict=True) if not isinstance(m, str)):
        wanted = ", ".join(map(str, like)) + "," * (len(like) == 1)
        raise ValueError(f"{layer!r}: expected inputs of shape ({wanted}), got {tuple(shape)}. {fix}".rstrip())


def check_input(layer, x, shape, like, fix=""):
    """Raise unless x is a batch of inputs of `shape`, of the dtype and on the device of the array `like`.

    ValueError for the shape (with `fix` as the cure), TypeError for the dtype and the device.
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


def check_pair(loss, prediction, target):
    """Raise ValueError unless prediction and target have one shape, TypeError unless one dtype and device."""
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
