"""Elementary functions: what an elementwise formula may use besides + − × ÷ and comparisons.

Each takes a Symbol (while a formula is traced), an array of either device (plain evaluation), or a number.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from npae.backend.arrays import array_module
from npae.backend.formulas.trace import Symbol


def _function(name: str, meaning: str) -> Callable[..., Any]:
    def function(*args: Any) -> Any:
        for a in args:
            if isinstance(a, Symbol):
                return a.tape.record(name, args)
        arrays = [a for a in args if not isinstance(a, (int, float))]
        return getattr(array_module(arrays[0]) if arrays else np, name)(*args)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{meaning}, element by element: of a Symbol, an array or a number."
    return function


exp = _function("exp", "eˣ")
expm1 = _function("expm1", "eˣ − 1, exact for small x")
log = _function("log", "ln x")
log1p = _function("log1p", "ln(1 + x), exact for small x")
sqrt = _function("sqrt", "√x")
sin = _function("sin", "sin x")
cos = _function("cos", "cos x")
tanh = _function("tanh", "tanh x")
absolute = _function("absolute", "|x|")
maximum = _function("maximum", "max(x, y), NaN if either is")
minimum = _function("minimum", "min(x, y), NaN if either is")


def sigmoid(x: Any) -> Any:
    """σ(x) = 1/(1 + e⁻ˣ), computed as ½ + ½ tanh(x/2), which cannot overflow.

    Its absolute error is about 6·10⁻⁸ in float32. So far to the left, where σ(x) is smaller than that, the result is 0.
    """
    return 0.5 + 0.5 * tanh(0.5 * x)


def flushed(x: Any, least: float) -> Any:
    """x, but 0 where |x| < least. With the smallest normal number as `least`, no number of it is subnormal.

    Subnormal numbers have fewer digits, and many processors compute with them a hundred times as slowly. Rounding may
    keep a number that shrinks by a factor in every step at one of them for ever.

    Args:
        x: a Symbol, an array or a number.
        least: above 0.

    Example:
        >>> import numpy as np
        >>> from npae.backend.formulas import flushed
        >>> flushed(np.array([1e-40, 2.0]), 1e-38).tolist()
        [0.0, 2.0]
    """
    return x * (absolute(x) >= least)


@cache
def smallest_normal(dtype: np.dtype) -> float:
    """The smallest normal number above 0; smaller ones are subnormal.

    Args:
        dtype: float32 or float64.

    Example:
        >>> import numpy as np
        >>> from npae.backend import smallest_normal
        >>> smallest_normal(np.dtype("float32")) == 2.0**-126
        True
    """
    return float(np.finfo(dtype).smallest_normal)


def softplus(x: Any) -> Any:
    """ln(1 + eˣ), computed as max(x, 0) + ln(1 + e⁻|ˣ|), which cannot overflow. Its derivative is σ(x)."""
    return maximum(x, 0) + log1p(exp(-absolute(x)))
