"""Elementwise formulas: written once as mathematics, computed fast on the CPU and on the GPU.

Evaluated by NumPy as it stands, dy * (1 - h * h) passes over memory three times and makes two temporary arrays. Here
the formula is first turned into a list of operations, and the list is then computed as a whole. In reading order:

    formula.py      the decorator `elementwise`, and Formula, the object that it makes
    functions.py    exp, tanh, maximum, …: the functions that a formula may use
    trace.py        a Python function becomes a list of operations
    plan.py         the checks of the arguments, made once per kind of arguments
    on_numpy.py     the list as ufunc calls, over blocks that fit into the cache
    loop_text.py    the list as the text of one Python loop
    on_numba.py     that loop, compiled by Numba
    loop.py         a compiled loop, run by one thread or by several
    numpy_loops.py  NumPy's exp, log, tanh, …, as compiled loops call them
    on_cupy.py      the list as one kernel on the GPU
    sums.py         on the CPU: in which order a formula's results are added up
    totals.py       the sum of all results of a formula: a term of J
"""

from npae.backend.formulas.formula import Formula, elementwise
from npae.backend.formulas.functions import (
    absolute,
    cos,
    exp,
    expm1,
    flushed,
    log,
    log1p,
    maximum,
    minimum,
    sigmoid,
    sin,
    smallest_normal,
    softplus,
    sqrt,
    tanh,
)
from npae.backend.formulas.totals import dot, total

__all__ = [
    "Formula", "elementwise",
    "absolute", "cos", "exp", "expm1", "flushed", "log", "log1p", "maximum", "minimum", "sigmoid", "sin",
    "smallest_normal", "softplus", "sqrt", "tanh", "dot", "total",
]  # fmt: skip
