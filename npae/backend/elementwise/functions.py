"""The functions that an elementwise formula may use besides + − × ÷ and comparisons.

Each accepts a Symbol (a formula is being traced), an array of either device (plain evaluation, the reference that
the fast paths are tested against) or a number.
"""

import numpy as np

from npae.backend.arrays import array_module
from npae.backend.elementwise.trace import Symbol


def _function(name, meaning):
    def function(*args):
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


def sigmoid(x):
    """σ(x) = 1/(1 + e⁻ˣ), as ½ + ½ tanh(x/2), which cannot overflow.

    Its error is absolute, about 6·10⁻⁸ in float32: far out on the left, where σ itself is smaller, it is 0.
    """
    return 0.5 + 0.5 * tanh(0.5 * x)


def softplus(x):
    """ln(1 + eˣ), as max(x, 0) + ln(1 + e⁻|ˣ|), which cannot overflow. Its derivative is σ(x)."""
    return maximum(x, 0) + log1p(exp(-absolute(x)))
