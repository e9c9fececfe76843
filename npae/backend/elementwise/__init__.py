"""Elementwise formulas, written once as mathematics and run well on either device.

Reading order: `formula.py` (the decorator), `trace.py` (a formula becomes a list of operations), `on_numpy.py` (the
list becomes ufunc calls over cache-sized blocks), `on_numba.py` (it becomes one compiled loop), `on_cupy.py` (one fused
kernel).
"""

from npae.backend.elementwise.formula import Formula, elementwise
from npae.backend.elementwise.functions import (
    absolute,
    cos,
    exp,
    expm1,
    log,
    log1p,
    maximum,
    minimum,
    sigmoid,
    sin,
    softplus,
    sqrt,
    tanh,
)

__all__ = [
    "Formula", "elementwise",
    "absolute", "cos", "exp", "expm1", "log", "log1p", "maximum", "minimum", "sigmoid", "sin", "softplus", "sqrt",
    "tanh",
]  # fmt: skip
