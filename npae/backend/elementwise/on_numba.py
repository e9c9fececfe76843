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
import warnings
from functools import cache

import numpy as np

from npae.backend.elementwise.loop_text import EXPRESSIONS, loop_text
from npae.backend.elementwise.on_numpy import BLOCK, register

PATIENCE = 2**32  # operations on elements before a formula is compiled: about what compiling costs, in time saved


@cache
def available():
    """Is Numba installed, and not switched off by NPAE_NUMBA=0?"""
    return os.environ.get("NPAE_NUMBA", "1") != "0" and importlib.util.find_spec("numba") is not None


@cache
def compiler():
    """numba.njit, or None, with a warning, where Numba refuses to be imported (a NumPy newer than it knows, say)."""
    try:
        import numba
    except ImportError as error:
        warnings.warn(f"Numba is installed but cannot be used, npae goes on without it: {error}", stacklevel=2)
        return None
    return numba.njit(nogil=True, error_model="numpy")


_all_loops = {}  # what a formula does, written down -> its Loops


def loops_of(traced):
    """The Loops of a traced formula. Formulas that do the same (the ReLUs of a network, say) share them."""
    inputs, operations, outputs = traced
    number = {id(s): k for k, s in enumerate([*inputs, *operations])}

    def place(s):
        return s.value if s.op == "constant" else f"#{number[id(s)]}"

    text = (len(inputs), *((op.op, *map(place, op.args)) for op in operations), *map(place, outputs))
    return _all_loops.setdefault(text, Loops(traced))


class Loops:
    """The compiled loops of one formula, for every kind of arguments that it met. `traced` is what trace() returned."""

    def __init__(self, traced):
        self.traced = traced
        self.simple = sum(op.op in EXPRESSIONS for op in traced[1])
        self.pay = self.simple > 0 and available()
        self.swept, self.programs = 0, {}

    def run(self, plan, args, outs):
        """Fill `outs` from `args` and return True; or return False: no Numba, too early to pay, or strided arrays."""
        if not (self.pay and plan.loopable):
            return False
        if self.simple == 1 and "row" not in plan.kinds:
            return False  # a single ufunc is a good loop already, unless it has to repeat a row
        if plan.program is None and self.swept < PATIENCE:
            self.swept += self.simple * outs[0].size
            return False
        for a, kind in zip(args, plan.kinds, strict=True):
            if kind in ("array", "row") and not a.flags.c_contiguous:
                return False
        for o in outs:
            if not o.flags.c_contiguous:
                return False
        if compiler() is None:
            self.pay = False
            return False
        if plan.program is None:
            plan.program = self._program(plan)
        plan.program.run(args, outs)
        return True

    def _program(self, plan):
        key = (plan.kinds, plan.aliases, plan.dtype)
        if key not in self.programs:
            self.programs[key] = LoopProgram(self.traced, plan.kinds, plan.aliases, plan.dtype)
        return self.programs[key]


class LoopProgram:
    """A formula for one kind of arguments: stages of a loop, and a function of NumPy on the register that it filled.

    kinds, aliases: as in a Plan. Slots, in order: the inputs, the outputs, the registers. An output that is nobody's
    memory serves as a register first: fewer arrays to pass over, and fewer that a loop must know to be apart before it
    may take many elements at a time (LLVM gives up beyond a few).
    """

    def __init__(self, traced, kinds, aliases, dtype):
        inputs, operations, outputs = traced
        self.kinds, self.dtype, self.stages = kinds, dtype, []
        ins = [f"in{k}" for k in range(len(inputs))]  # not the inputs' own names: one may be called i, or T
        self.slots = ins + [f"out{k}" for k in range(len(outputs))]
        self.first_register = len(self.slots)
        given = {id(s): (name, kind) for s, name, kind in zip(inputs, ins, kinds, strict=True)}
        free = [f"out{k}" for k, a in enumerate(aliases) if a is None]
        for op in operations:
            if op.op not in EXPRESSIONS:
                if free:
                    name = free.pop()
                else:
                    name = f"register{len(self.slots)}"
                    self.slots.append(name)
                self._add_stage({name: op.args[0]}, given, getattr(np, op.op), name)
                given[id(op)] = (name, "array")
        # An output that is the memory of an input goes by the input's name: else the loop would fear that they overlap.
        names = [f"out{k}" if a is None else ins[a] for k, a in enumerate(aliases)]
        self._add_stage(dict(zip(names, outputs, strict=True)), given)

    def _add_stage(self, results, given, function=None, target=None):
        text, names = loop_text(results, given)
        scope = {"T": self.dtype.type, "sqrt": np.sqrt}
        exec(text, scope)  # our own text, made of nothing but a formula's operations
        slots = [self.slots.index(n) for n in names]
        self.stages.append((compiler()(scope["loop"]), slots, function, target and self.slots.index(target)))

    def run(self, args, outs):
        """Evaluate: `args` as the formula takes them, `outs` the arrays to fill."""
        if len(self.stages) == 1:
            loop, slots, _, _ = self.stages[0]
            given = (*args, *outs)
            loop(*[given[k] for k in slots])
            return
        rows = max(1, len(outs[0]) * BLOCK // max(1, outs[0].size))
        for start in range(0, len(outs[0]), rows):
            part = slice(start, start + rows)
            block = [a[part] if kind == "array" else a for a, kind in zip(args, self.kinds, strict=True)]
            self._run_block(block, [o[part] for o in outs])

    def _run_block(self, args, outs):
        names = self.slots[self.first_register :]
        given = (*args, *outs, *[register(name, outs[0].shape, self.dtype) for name in names])
        for loop, slots, function, target in self.stages:
            loop(*[given[k] for k in slots])
            if function is not None:
                function(given[target], out=given[target])
