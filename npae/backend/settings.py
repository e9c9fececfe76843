"""Settings: integers and numbers that the caller gives, as Python's int and float.

NaN compares False with everything, so a check `if x <= 0: raise` lets it pass; infinity passes it too. Every setting is
therefore converted and checked here: what is not a finite number within its range is refused, in one sentence.
"""

import math
import numbers
import operator
import sys
from typing import Any

import numpy as np


def as_int(value: Any, name: str, least: int | None = None, most: int | None = sys.maxsize) -> int:
    """`value` as an int. Raises TypeError if it is not an integer (a bool is none), ValueError if it is out of range.

    Args:
        value: an integer of Python or NumPy.
        name: of the argument, for the message.
        least: the smallest value that is allowed; None: any.
        most: the largest one, by default that of a size or an index; None: any, as for seeds.

    Example:
        >>> from npae.backend import as_int
        >>> as_int(0, "n_out", least=1)
        Traceback (most recent call last):
        ValueError: n_out: expected 1 or more, got 0.
    """
    try:
        n = None if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        n = None
    if n is None:
        raise TypeError(f"{name}: expected an integer, got {value!r}.")
    if most is not None and n > most:
        raise ValueError(f"{name}: expected {most} or less, got {n if n < 2**64 else f'one of {n.bit_length()} bits'}.")
    if least is not None and n < least:
        raise ValueError(f"{name}: expected {least} or more, got {n}.")
    return n


def as_float(value: Any, name: str, *, above: float | None = None, least: float | None = None,
             below: float | None = None, most: float | None = None, cure: str = "") -> float:  # fmt: skip
    """`value` as a float. Raises TypeError if it is not a real number, ValueError unless it is finite and in range.

    Args:
        value: a number of Python, or a number or 0-d array of NumPy.
        name: of the argument, for the message.
        above: it must be larger than this; None: no such limit, here and below.
        least: it must be this or larger.
        below: it must be smaller than this.
        most: it must be this or smaller.
        cure: a sentence at the end of the message.

    Example:
        >>> from npae.backend import as_float
        >>> as_float(1, "rate", above=0, most=1)
        1.0
        >>> as_float(float("nan"), "rate", above=0, most=1)
        Traceback (most recent call last):
        ValueError: rate: expected a number above 0 and at most 1, got nan.
    """
    number: Any = value.item() if getattr(value, "ndim", None) == 0 else value
    if not issubclass(type(number), numbers.Real) or type(number) is bool:
        raise TypeError(f"{name}: expected a number, got {value!r}. {cure}".rstrip())
    try:
        x = float(number)
    except OverflowError:  # an integer beyond the range of a float
        x = math.inf if number > 0 else -math.inf
    within = (
        (above is None or x > above) and (least is None or x >= least)
        and (below is None or x < below) and (most is None or x <= most)
    )  # fmt: skip
    if not (within and math.isfinite(x)):
        limits = {"above": above, "of at least": least, "below": below, "at most": most}
        words = " and ".join(f"{word} {limit:g}" for word, limit in limits.items() if limit is not None)
        wanted = f"number {words}" if words else "finite number"
        raise ValueError(f"{name}: expected a {wanted}, got {x:g}. {cure}".rstrip())
    return x
