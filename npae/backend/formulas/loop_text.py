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
WIDE = 512  # elements of several short rows that go through a loop at once
BLOCK = 4096  # elements that go through all stages together: 16 KiB of float32, so that some arrays fit into 48 KiB


class Stage(NamedTuple):
    """A loop, and a function of NumPy after it.

    Attributes:
        results: {array name: Symbol}, which result the loop writes into which array.
        operation: of NumPy, on the only array of `results`, whose numbers it replaces; None: no such operation.
    """

    results: Mapping[str, Symbol]
    operation: Symbol | None = None


def loop_text(stages: Sequence[Stage], given: Mapping[int, tuple[str, str]], registers: Sequence[str] = (),
              sums: Sequence[str] = ()) -> tuple[str, dict[str, str]]:  # fmt: skip
    """(text of a function `loop` that computes Symbols, {name: kind} of its arguments, in order).

    In its scope it needs T, sqrt, inf and nan (for constants that are not finite), repeated (for rows), fold (for
    sums), and, for several stages or sums, empty and the functions between stages.

    Args:
        stages: of the formula, in order.
        given: {id of a Symbol: (name, kind)}, the arguments that the loop can read: an "array", a "row" (the same for
            all rows of the arrays) or a "number".
        registers: names of arrays in the stages that are not arguments.
        sums: names in the last stage that are of kind "sum": the sums of the columns of each block (sums.py). With
            them the loop has three more arguments of kind "count": width, lanes, step.
    """
    known, used, written = dict(given), {}, []  # used: a name -> its kind
    for stage in stages:
        lines, names = _lines(stage.results, known, sums)
        used |= names
        written.append((stage, lines, list(names)))
        if stage.operation is not None:
            known[id(stage.operation)] = next(iter(stage.results)), "array"
    used = {name: kind for name, kind in used.items() if name not in registers}
    if sums:
        used |= dict.fromkeys(("width", "lanes", "step"), "count")
    of_kind = {kind: [n for n in used if used[n] == kind] for kind in ("array", "row", "number")}
    arrays, rows = of_kind["array"], of_kind["row"]
    block = "all_" if rows or sums else ""  # a block of an array, where the array's own name is one row of the block
    vectors = {*arrays, *registers}
    body = []
    for stage, lines, names in written:
        body += _sweep(lines, [n for n in names if n in vectors], [n for n in names if n in sums], block)
        if stage.operation is not None:
            body.append(f"{stage.operation.op}({block}{next(iter(stage.results))})")
    head = [f"{n} = {n}.reshape(-1)" for n in [*arrays, *rows, *sums]] + [f"{n} = T({n})" for n in of_kind["number"]]
    if rows and not sums:  # as many rows at once as make long vectors
        head += [f"n = {rows[0]}.size", f"n *= max(min({WIDE}, {arrays[0]}.size) // n, 1)"]
    elif sums:
        head.append("n = lanes")
    head += [f"{n} = repeated({n}, n)" for n in rows]
    if len(stages) > 1 or sums:
        if not sums:
            head.append(f"step = {f'max({BLOCK} // n, 1) * n' if rows else BLOCK}")
        head += [f"whole_{n} = {n}" for n in [*arrays, *sums]] + [f"whole_{n} = empty(step, T)" for n in registers]
        head += [f"lanes_{n} = empty(lanes, T)" for n in sums]
        blocks = f"{sums[0]}.size // width" if sums else f"-(-{arrays[0]}.size // step)"
        body = [
            f"for block in range({blocks}):",
            "    first = block * step",
            *(f"    {block}{n} = whole_{n}[first : first + step]" for n in arrays),
            *(f"    {block}{n} = whole_{n}[: {block}{arrays[-1]}.size]" for n in registers),
            *(f"    lanes_{n}[:] = 0" for n in sums),
            *(f"    {line}" for line in body),
            *(f"    fold(lanes_{n}, whole_{n}[block * width : block * width + width])" for n in sums),
        ]
    elif rows:
        head += [f"all_{n} = {n}" for n in arrays]
    return "\n    ".join([f"def loop({', '.join(used)}):", *head, *body]), used


def _lines(results: Mapping[str, Symbol], given: Mapping[int, tuple[str, str]], sums: Sequence[str]
           ) -> tuple[list[str], dict[str, str]]:  # fmt: skip
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

    values = [(name, value(s)) for name, s in results.items()]
    lines += [f"{name}[i] {'+=' if name in sums else '='} {variable}" for name, variable in values]
    return lines, used | {name: "sum" if name in sums else "array" for name in results}


def _sweep(lines: list[str], arrays: list[str], sums: list[str], block: str) -> list[str]:
    """The loop of a stage."""
    if not block:
        return [f"for i in range({arrays[-1]}.size):", *(f"    {line}" for line in lines)]
    return [  # an inner loop along each row, which the compiler can vectorise
        *["lane = 0"][: len(sums)],
        f"for start in range(0, {block}{arrays[-1]}.size, n):",
        *(f"    {name} = {block}{name}[start : start + n]" for name in arrays),
        *(f"    {name} = lanes_{name}[lane : lane + n]" for name in sums),
        f"    for i in range({arrays[-1]}.size):",
        *(f"        {line}" for line in lines),
        *["    lane = lane + n if lane + n < lanes else 0"][: len(sums)],
    ]
