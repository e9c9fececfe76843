"""The meaning of values: which uint8 are pixels, and how to convert what is neither pixels, bool nor floats."""

import numbers
from typing import Any

import numpy as np

from npae.backend.arrays import array_module
from npae.backend.checks import warn
from npae.backend.typing import Array

CATEGORIES = "one column of 0 and 1 per category (such as pandas.get_dummies)"
MISSING = ("NAType", "NaTType", "NoneType")


def first_row(mask: Any) -> int:
    """The number of the first row in which `mask` (n, …) is true."""
    return int(np.argmax(np.asarray(mask).reshape(len(mask), -1).any(axis=1)))


def check_pixels(x: Array, name: str = "data") -> None:
    """Raise ValueError if rows of uint8 contain nothing but 0 and 1; warn if they hardly look like pixels.

    uint8 means pixels from 0 to 255 and is divided by 255. A set of images whose largest value is 1 would be black: its
    values are yes and no, or categories. (If all are 0, nothing is lost.) Below 128 not even half of the range is used:
    pixels of few bits, counts, ages or categories, or pictures that are too dark.

    Args:
        x: rows; only uint8 is checked.
        name: of the data, for the message.
    """
    if x.dtype != np.uint8:
        return
    top, x_ = int(array_module(x).max(x)), name.split()[-1]
    if top == 1:
        raise ValueError(
            f"{name}: expected pixels from 0 to 255 in uint8, which are divided by 255, got 0 and 1 only. "
            f'Convert them: {x_}.astype(bool) if they are yes and no, {x_}.astype("float32") if they are numbers.'
        )
    if 1 < top < 128:
        warn(
            f"{name}: uint8 is taken for pixels from 0 to 255 and divided by 255, but the largest value is {top}. "
            f'If they are numbers, convert them, {x_}.astype("float32"), and standardise each feature; if they are '
            f"pixels, divide by their largest possible value, such as {x_} / {top}; categories: {CATEGORIES}."
        )


def check_in_0_1(target: Array) -> None:
    """Raise ValueError unless the targets of binary cross-entropy lie in [0, 1], but for rounding.

    Scaling to [0, 1] rounds: x · scale − shift is off by a few units in the last place of its largest term, which is
    above 1 for data far from 0 (years, for example). 1e-5 beyond an end changes ℓ = s(a) − x a by 1e-5 |a| only.

    Args:
        target: an array of any shape.

    Example:
        >>> import numpy as np
        >>> from npae.backend import check_in_0_1
        >>> check_in_0_1(np.array([0.0, 0.5, 1.0]))
        >>> check_in_0_1(np.array([0.0, 255.0]))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: BinaryCrossEntropy: expected targets in [0, 1], got values from 0 to 255. ...
    """
    xp = array_module(target)
    low, high = float(xp.min(target)), float(xp.max(target))
    slack = max(1e-5, 8 * float(np.finfo(target.dtype).eps)) if target.dtype.kind == "f" else 0
    if low >= -slack and high <= 1 + slack:
        return
    largest = "255" if high < 256 else "their largest possible value"
    raise ValueError(
        f"BinaryCrossEntropy: expected targets in [0, 1], got values from {low:.9g} to {high:.9g}. "
        + (f"If they are pixels, divide by {largest}. " if low >= 0 else "")
        + 'For real numbers take squared error: dense_autoencoder(sizes, loss="mse").'
    )


def explain(a: Array, x: str = "x") -> tuple[str, str]:
    """(what an array contains, how to convert it), in words.

    Args:
        a: an array of a dtype that is not accepted.
        x: what stands for it in the code of the cure.
    """
    kind = a.dtype.kind
    if kind in "iu":
        return _explain_integers(a, x)
    if kind == "c":
        cure = f"Take the magnitude, abs({x}), or both parts as features: np.concatenate([x.real, x.imag], axis=1)."
        return f"complex numbers ({a.dtype})", cure
    if kind == "M":
        cure = f'Make numbers of them, such as seconds since the first: ({x} - {x}.min()) / np.timedelta64(1, "s").'
        return f"dates ({a.dtype})", cure
    if kind == "m":
        return f"durations ({a.dtype})", f'Make numbers of them: {x} / np.timedelta64(1, "s").'
    if kind == "V" and a.dtype.names is None:
        return f"values of the dtype {a.dtype}", f'Convert them: {x}.astype("float32").'
    if kind == "V":
        return f"records ({a.dtype})", f"Make rows of them: numpy.lib.recfunctions.structured_to_unstructured({x})."
    return _explain_objects(a, x)


def _explain_integers(a: Array, x: str) -> tuple[str, str]:
    low, high = (int(a.min()), int(a.max())) if a.size else (0, 0)
    found, as_floats = f"integers ({a.dtype}) from {low} to {high}", f'{x}.astype("float32") if they are numbers'
    if 0 <= low and high <= 1:
        other = f"{x}.astype(bool) if they are yes and no"
    elif 0 <= low and 128 <= high < 256:
        other = f'{x}.astype("uint8") if they are pixels from 0 to 255'
    elif 0 <= low and 256 <= high < 65536:
        other = f"{x} / 65535, or the largest possible value, if they are pixels of more than 8 bits"
    else:
        other = f"{CATEGORIES} if they are categories"
    return found, f"Say what they mean: {as_floats}, {other}."


def _explain_objects(a: Array, x: str) -> tuple[str, str]:
    """Text and Python objects: by the first value that is not a number."""
    number_as_text = None
    for k, value in enumerate(a.flat):
        row = f"in row {k // (a.size // len(a))}"
        if isinstance(value, (str, bytes)):
            if not _is_number(value):
                return f"text, {str(value)!r} {row}", f"Replace it by {CATEGORIES}."
            number_as_text = number_as_text or f"numbers as text, {str(value)!r} {row}"
        elif type(value).__name__ in MISSING:
            return f"a missing value, {value} {row}", "Fill such values, or leave such rows out."
        elif isinstance(value, np.ndarray):
            return f"an array of shape {value.shape} {row}", f"Make all of one shape, then np.stack(list({x}))."
        elif isinstance(value, (list, tuple)):
            kind = type(value).__name__
            return f"a {kind} of {len(value)} {row}", f"Make all of one length, then np.array({x}.tolist())."
        elif hasattr(value, "isoformat"):
            return f"dates, {value} {row}", "Make numbers of them, such as the seconds since the first."
        elif not isinstance(value, (numbers.Number, np.bool_)):
            return f"an object of the type {type(value).__name__} {row}", "Make numbers of such objects."
    return number_as_text or "numbers as Python objects (dtype object)", f'Convert them: {x}.astype("float32").'


def _is_number(text: str | bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
