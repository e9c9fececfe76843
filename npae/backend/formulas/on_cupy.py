"""Elementwise formulas by CuPy: one kernel, in which each GPU thread computes one element.

    t0 = h * h;  t1 = T(1) - t0;  t2 = dy * t1;  out0 = t2;

T is the arrays' element type. Numbers are passed as double and converted to T at once, so float32 stays float32.
Operation by operation, CuPy would launch one kernel per operation and write each result to memory. The one kernel here
reads the inputs and writes the outputs; all else stays in the processor's registers.
"""

import math
import struct
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from npae.backend.arrays import array_module
from npae.backend.formulas.plan import Plan
from npae.backend.typing import Array

if TYPE_CHECKING:
    from npae.backend.formulas.formula import Formula

_C = {  # operation -> C++ expression; NaN goes through maximum and minimum as in NumPy
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}",
    "negative": "-{0}",
    "greater": "T({0} > {1})", "less": "T({0} < {1})",
    "greater_equal": "T({0} >= {1})", "less_equal": "T({0} <= {1})",
    "maximum": "({0} > {1} || {0} != {0}) ? {0} : {1}",
    "minimum": "({0} < {1} || {0} != {0}) ? {0} : {1}",
    "absolute": "fabs({0})", "exp": "exp({0})", "expm1": "expm1({0})", "log": "log({0})", "log1p": "log1p({0})",
    "sqrt": "sqrt({0})", "sin": "sin({0})", "cos": "cos({0})", "tanh": "tanh({0})",
}  # fmt: skip


def kernel_text(formula: "Formula", kinds: Sequence[str]) -> tuple[str, str, str]:
    """(in_params, out_params, body) of cupy.ElementwiseKernel.

    Args:
        formula: a Formula.
        kinds: for each input "array", "row", "number" or "none" (an input that is not used), as in a Plan.
    """
    declared, lines, results = body_of(formula, kinds)
    # All results first, then all writes: an output may be the memory of an input that is itself a result.
    lines += [f"const T result{i} = {result};" for i, result in enumerate(results)]
    lines += [f"out{i} = result{i};" for i in range(len(results))]
    return ", ".join(declared), ", ".join(f"T out{i}" for i in range(len(results))), "\n".join(lines)


def body_of(formula: "Formula", kinds: Sequence[str], element: str = "") -> tuple[list[str], list[str], list[str]]:
    """(declarations of the inputs, statements, expressions of the results) of a kernel.

    Args:
        formula: a Formula.
        kinds: as for kernel_text.
        element: what follows the name of an array for the element in question, such as "[k]".
    """
    inputs, operations, outputs = formula.traced
    names, declared, lines = {}, [], []
    for s, kind in zip(inputs, kinds, strict=True):
        if kind in ("array", "row"):
            declared.append(f"T {s.name}")
            names[id(s)] = s.name + element
        elif kind == "number":
            declared.append(f"float64 {s.name}")
            names[id(s)] = f"{s.name}_"
            lines.append(f"const T {s.name}_ = T({s.name});")

    def name(s):
        return _constant(s.value) if s.op == "constant" else names[id(s)]

    for k, op in enumerate(operations):
        names[id(op)] = f"t{k}"
        lines.append(f"const T t{k} = {_C[op.op].format(*map(name, op.args))};")
    return declared, lines, list(map(name, outputs))


def _constant(value: float) -> str:
    """A number as C++. NVRTC, CuPy's compiler, has no INFINITY and no NAN, so these are given by their bits."""
    if math.isfinite(value):
        return f"T({value!r})"
    bits = struct.unpack("<Q", struct.pack("<d", value))[0]
    return f"T(__longlong_as_double({bits:#x}LL))"


@cache
def _kernel(xp: ModuleType, text: tuple[str, str, str], name: str) -> Any:
    return xp.ElementwiseKernel(*text, f"npae_{name}")


def run_on_cupy(formula: "Formula", plan: Plan, args: Sequence[Any], outs: Sequence[Array]) -> None:
    """Evaluate a formula by one kernel launch.

    Args:
        formula: a Formula.
        plan: for arguments of this kind.
        args: the arguments.
        outs: the arrays to fill.
    """
    if plan.program is None:
        plan.program = _kernel(array_module(outs[0]), kernel_text(formula, plan.kinds), formula.name)
    plan.program(*(a for a in args if a is not None), *outs)
