"""Loop text: a traced formula as the Python text of one loop over the elements, for Numba to compile.

    h * (1 - h) * dy    ->    for i in range(out0.size):
                                  t0 = h[i]
                                  t1 = T(1.0) - t0
                                  ...
                                  out0[i] = t4

T is the arrays' element type. Within one element everything is read before anything is written, so an output may be the
memory of an input.

NumPy's exp, log and tanh are faster than a compiled loop, and differ from it in their last bits. So a formula with such
functions has several stages, loops with NumPy's functions between them, over blocks that stay in the cache:

    σ(a) − x    ->    for first in range(0, all_out0.size, step):
                          (a, x and out0 are the elements from first to first + step)
                          for i …:  out0[i] = ½ a[i]
                          tanh(out0)
                          for i …:  out0[i] = (½ + ½ out0[i]) − x[i]
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from npae.backend.formulas.trace import Symbol

EXPRESSIONS = {  # operation -> expression; NaN goes through maximum and minimum as in NumPy
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}",
    "negative": "-{0}", "absolute": "abs({0})", "sqrt": "sqrt({0})",
    "greater": "T({0} > {1})", "less": "T({0} < {1})",
    "greater_equal": "T({0} >= {1})", "less_equal": "T({0} <= {1})",
    "maximum": "{0} if ({0} > {1}) | ({0} != {0}) else {1}",
    "minimum": "{0} if ({0} < {1}) | ({0} != {0}) else {1}",
}  # fmt: skip
BLOCK = 4096  # elements that go through all stages together: 16 KiB of float32, so that some arrays fit into 48 KiB


class Stage(NamedTuple):
    """A loop, and a function of NumPy after it.

    Attributes:
        results: {array name: Symbol}, which result the loop writes into which array.
        operation: of NumPy, on the only array of `results`, whose numbers it replaces; None: no such operation.
    """

    results: Mapping[str, Symbol]
    operation: Symbol | None = None


def loop_text(stages: Sequence[Stage], given: Mapping[int, tuple[str, str]], registers: Sequence[str] = ()
              ) -> tuple[str, list[str]]:  # fmt: skip
    """(text of a function `loop` that computes Symbols, names of its arguments).

    In its scope it needs T, sqrt, inf and nan (for constants that are not finite), and, for several stages, empty and
    the functions between them.

    Args:
        stages: of the formula, in order.
        given: {id of a Symbol: (name, kind)}, the arguments that the loop can read: an "array", a "row" (the same for
            all rows of the arrays) or a "number".
        registers: names of arrays in the stages that are not arguments.
    """
    known, used, written = dict(given), {}, []  # used: a name -> its kind
    for stage in stages:
        lines, names = _lines(stage.results, known)
        used |= names
        written.append((stage, lines, [name for name, kind in names.items() if kind == "array"]))
        if stage.operation is not None:
            known[id(stage.operation)] = next(iter(stage.results)), "array"
    arguments = [name for name in used if name not in registers]
    arrays, rows, numbers = ([n for n in arguments if used[n] == kind] for kind in ("array", "row", "number"))
    block = "all_" if rows else ""  # a block of an array, where the array's own name is one row of the block
    body = [line for stage, lines, names in written for line in _sweep(stage, lines, names, block)]
    head = [f"{n} = {n}.reshape(-1)" for n in arrays + rows] + [f"{n} = T({n})" for n in numbers]
    if rows:
        head.append(f"n = {rows[0]}.size")
    if len(stages) > 1:
        head.append(f"step = {'max(BLOCK // n, 1) * n' if rows else 'BLOCK'}".replace("BLOCK", str(BLOCK)))
        head += [f"whole_{n} = {n}" for n in arrays] + [f"whole_{n} = empty(step, T)" for n in registers]
        body = [
            f"for first in range(0, whole_{arrays[-1]}.size, step):",
            *(f"    {block}{n} = whole_{n}[first : first + step]" for n in arrays),
            *(f"    {block}{n} = whole_{n}[: {block}{arrays[-1]}.size]" for n in registers),
            *(f"    {line}" for line in body),
        ]
    elif rows:
        head += [f"all_{n} = {n}" for n in arrays]
    return "\n    ".join([f"def loop({', '.join(arguments)}):", *head, *body]), arguments


def _lines(results: Mapping[str, Symbol], given: Mapping[int, tuple[str, str]]) -> tuple[list[str], dict[str, str]]:
    """(what a loop does with element i, {name: kind} of what it reads and writes)."""
    lines, local, used = [], {}, {}  # local: id of a Symbol -> its variable

    def value(s: Symbol) -> str:
        if s.op == "constant":
            return f"T({s.value!r})"
        if id(s) not in local:
            if id(s) in given:
                name, kind = given[id(s)]
                used[name] = kind
                expression = name if kind == "number" else f"{name}[i]"
            else:
                expression = EXPRESSIONS[s.op].format(*[value(a) for a in s.args])
            local[id(s)] = f"t{len(local)}"
            lines.append(f"{local[id(s)]} = {expression}")
        return local[id(s)]

    lines += [f"{array}[i] = {variable}" for array, variable in [(a, value(s)) for a, s in results.items()]]
    return lines, used | dict.fromkeys(results, "array")


def _sweep(stage: Stage, lines: list[str], arrays: list[str], block: str) -> list[str]:
    """The loop of a stage, and the function after it."""
    if block:  # an inner loop along each row, which the compiler can vectorise
        loop = [
            f"for start in range(0, {block}{arrays[-1]}.size, n):",
            *(f"    {name} = {block}{name}[start : start + n]" for name in arrays),
            "    for i in range(n):",
            *(f"        {line}" for line in lines),
        ]
    else:
        loop = [f"for i in range({arrays[-1]}.size):", *(f"    {line}" for line in lines)]
    return loop if stage.operation is None else [*loop, f"{stage.operation.op}({block}{next(iter(stage.results))})"]
