"""Checks of arguments: an integer, an array of floats. Each returns what is right, or raises with what to do."""

import operator

from npae.backend.arrays import array_module


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
