"""Loop text: a traced formula as the Python text of one loop over the elements, for Numba to compile.

    h * (1 - h) * dy    ->    for i in range(out0.size):
                                  t0 = h[i]
                                  t1 = T(1.0) - t0
                                  ...
                                  out0[i] = t4

T is the arrays' element type. Within one element everything is read before anything is written, so an output may be the
memory of an input.
"""

from collections.abc import Mapping

from npae.backend.formulas.trace import Symbol

EXPRESSIONS = {  # operation -> expression; NaN goes through maximum and minimum as in NumPy
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}",
    "negative": "-{0}", "absolute": "abs({0})", "sqrt": "sqrt({0})",
    "greater": "T({0} > {1})", "less": "T({0} < {1})",
    "greater_equal": "T({0} >= {1})", "less_equal": "T({0} <= {1})",
    "maximum": "{0} if ({0} > {1}) | ({0} != {0}) else {1}",
    "minimum": "{0} if ({0} < {1}) | ({0} != {0}) else {1}",
}  # fmt: skip


def loop_text(results: Mapping[str, Symbol], given: Mapping[int, tuple[str, str]]) -> tuple[str, list[str]]:
    """(text of a function `loop` that computes Symbols, names of its arguments).

    It needs T, sqrt, and, for constants that are not finite, inf and nan in its scope.

    Args:
        results: {array name: Symbol}, which result is written into which array.
        given: {id of a Symbol: (name, kind)}, the arguments that the loop can read: an "array", a "row" (the same for
            all rows of the arrays) or a "number".
    """
    lines, local, used = [], {}, {}  # local: id of a Symbol -> its variable; used: name of an argument -> its kind

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
    used |= dict.fromkeys(results, "array")
    arrays, rows, numbers = ([n for n, kind in used.items() if kind == k] for k in ("array", "row", "number"))
    head = [f"{n} = {n}.reshape(-1)" for n in arrays + rows] + [f"{n} = T({n})" for n in numbers]
    if rows:  # an inner loop along each row, which the compiler can vectorise
        head += [f"n = {rows[0]}.size"] + [f"all_{n} = {n}" for n in arrays]
        lines = [
            f"for start in range(0, all_{arrays[-1]}.size, n):",
            *(f"    {name} = all_{name}[start : start + n]" for name in arrays),
            "    for i in range(n):",
            *(f"        {line}" for line in lines),
        ]
    else:
        lines = [f"for i in range({arrays[-1]}.size):", *(f"    {line}" for line in lines)]
    return "\n    ".join([f"def loop({', '.join(used)}):", *head, *lines]), list(used)
