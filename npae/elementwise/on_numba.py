"""A traced formula on the CPU, compiled: one loop in which a number goes through all operations inside the processor.

Ufuncs pass over memory (or over a cache) once for every operation; a compiled loop reads its inputs and writes its
outputs, once. Adam is five times as fast for it. Numba compiles where it is installed (the extra `fast`), and only
when a formula has swept over so much that compiling pays; until then, and without Numba, `on_numpy.py` does the work.
Nobody can tell from the results: + − × ÷ √ and comparisons are rounded alike by both, so that the bits are the same.

NumPy's exp, log and tanh are faster than a loop of ours, and have bits of their own; a formula with such functions is a
chain of loops, from one function to the next, over blocks that stay in the cache:

    σ(z) − x      loop: r = ½ z       NumPy: r = tanh r       loop: out = (½ + ½ r) − x
"""

import importlib.util
import os
from functools import cache

import numpy as np

from npae.elementwise.on_numpy import BLOCK, register

PATIENCE = 2**30  # operations on elements before a formula is compiled: about as long by ufuncs as compiling takes

_PYTHON = {  # operation -> expression of Numba; NaN goes through maximum and minimum as in NumPy
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}",
    "negative": "-{0}", "absolute": "abs({0})", "sqrt": "sqrt({0})",
    "greater": "T({0} > {1})", "less": "T({0} < {1})",
    "greater_equal": "T({0} >= {1})", "less_equal": "T({0} <= {1})",
    "maximum": "{0} if ({0} > {1}) | ({0} != {0}) else {1}",
    "minimum": "{0} if ({0} < {1}) | ({0} != {0}) else {1}",
}  # fmt: skip


@cache
def available():
    """Is Numba installed, and not switched off by NPAE_NUMBA=0?"""
    return os.environ.get("NPAE_NUMBA", "1") != "0" and importlib.util.find_spec("numba") is not None


class Loops:
    """The compiled loops of one formula, for every kind of arguments that it met. `traced` is what trace() returned."""

    def __init__(self, traced):
        self.traced = traced
        self.simple = sum(op.op in _PYTHON for op in traced[1])
        self.swept, self._programs = 0, {}

    def run(self, args, outs):
        """Fill `outs` from `args` and return True; or return False: no Numba, too early to pay, or strided arrays."""
        if self.simple < 2 or not available():  # a single ufunc is a good loop already
            return False
        if self.swept < PATIENCE:
            self.swept += self.simple * outs[0].size
            return False
        ndim, kinds = outs[0].ndim, []
        for a in args:
            if hasattr(a, "ndim"):
                if not a.flags.c_contiguous or a.ndim == 0:
                    return False
                kinds.append("array" if a.ndim == ndim else "row")
            else:
                kinds.append("none" if a is None else "number")
        aliases = []
        for o in outs:
            if not o.flags.c_contiguous:
                return False
            aliases.append(next((k for k, a in enumerate(args) if a is o), None))
        key = (*kinds, *aliases, outs[0].dtype)
        if key not in self._programs:
            if len({a.size for a, kind in zip(args, kinds, strict=True) if kind == "row"}) > 1:
                return False
            self._programs[key] = LoopProgram(self.traced, kinds, aliases, outs[0].dtype)
        self._programs[key].run(args, outs)
        return True


class LoopProgram:
    """A formula for one kind of arguments: stages of (loop, the names of what it is given, function, its register).

    kinds: "array", "row" (the last axes of one), "number" or "none" for each input. aliases: for each output the index
    of the input whose memory it is, or None.
    """

    def __init__(self, traced, kinds, aliases, dtype):
        self.inputs, operations, outputs = traced
        self.kinds, self.aliases, self.dtype = kinds, aliases, dtype
        self.stages, self.made = [], {}  # made: id of a function's Symbol -> the register that holds its values
        for op in operations:
            if op.op not in _PYTHON:
                key = f"r{len(self.made)}"
                self.stages.append((*self._loop(op.args, [key]), getattr(np, op.op), key))
                self.made[id(op)] = key
        self.stages.append((*self._loop(outputs, [f"out{k}" for k in range(len(outputs))]), None, None))

    def _loop(self, results, targets):
        """(compiled loop, names of its arrays and numbers) that computes the Symbols `results` into `targets`."""
        import numba

        lines, names, read = [], {}, {}  # names: id of a Symbol -> its local variable; read: what the loop is given
        kind_of = dict(zip(map(id, self.inputs), self.kinds, strict=True))

        def value(s):
            if s.op == "constant":
                return f"T({s.value!r})"
            if id(s) not in names:
                if id(s) in self.made:
                    read[self.made[id(s)]] = "array"
                    expression = f"{self.made[id(s)]}[i]"
                elif s.op == "input":
                    read[s.name] = kind_of[id(s)]
                    expression = f"{s.name}_" if read[s.name] == "number" else f"{s.name}[i]"
                else:
                    expression = _PYTHON[s.op].format(*[value(a) for a in s.args])
                names[id(s)] = f"t{len(names)}"
                lines.append(f"{names[id(s)]} = {expression}")
            return names[id(s)]

        computed = [value(s) for s in results]
        for target, variable in zip(targets, computed, strict=True):
            array = self._memory_of(target)
            read[array] = "array"
            lines.append(f"{array}[i] = {variable}")
        arrays = [name for name, kind in read.items() if kind == "array"]
        rows = [name for name, kind in read.items() if kind == "row"]
        head = [f"{name} = {name}.reshape(-1)" for name in arrays + rows]
        head += [f"{name}_ = T({name})" for name, kind in read.items() if kind == "number"]
        written = self._memory_of(targets[0])
        if rows:  # row by row, each a loop of its own
            head += [f"whole_{name} = {name}" for name in arrays]
            lines = [f"for start in range(0, whole_{written}.size, {rows[0]}.size):",
                     *(f"    {name} = whole_{name}[start : start + {rows[0]}.size]" for name in arrays),
                     f"    for i in range({rows[0]}.size):", *(f"        {line}" for line in lines)]  # fmt: skip
        else:
            lines = [f"for i in range({written}.size):", *(f"    {line}" for line in lines)]
        text = "\n    ".join([f"def loop({', '.join(read)}):", *head, *lines])
        scope = {"T": self.dtype.type, "sqrt": np.sqrt}
        exec(text, scope)  # noqa: S102  our own text, made above from a formula's operations
        return numba.njit(nogil=True, error_model="numpy")(scope["loop"]), list(read)

    def _memory_of(self, target):
        """The name under which a loop writes `target`: an output that is an input's memory goes by the input's name."""
        if target.startswith("out") and (k := self.aliases[int(target[3:])]) is not None:
            return self.inputs[k].name
        return target

    def run(self, args, outs):
        """Evaluate: `args` as the formula takes them, `outs` the arrays to fill."""
        if len(self.stages) == 1:
            self._run_block(args, outs)
            return
        rows = max(1, len(outs[0]) * BLOCK // max(1, outs[0].size))
        for start in range(0, len(outs[0]), rows):
            part = slice(start, start + rows)
            block = [a[part] if kind == "array" else a for a, kind in zip(args, self.kinds, strict=True)]
            self._run_block(block, [o[part] for o in outs])

    def _run_block(self, args, outs):
        arrays = dict(zip((s.name for s in self.inputs), args, strict=True))
        for k, o in enumerate(outs):
            arrays[f"out{k}"] = o
        for key in self.made.values():
            arrays[key] = register(key, outs[0].shape, self.dtype)
        for loop, names, function, key in self.stages:
            loop(*[arrays[name] for name in names])
            if function is not None:
                function(arrays[key], out=arrays[key])
