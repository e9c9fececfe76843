"""Elementwise formulas by Numba: one compiled loop that reads each input and writes each output once.

Ufuncs pass over the data once per operation. In a compiled loop an element goes through all operations inside the
processor; Adam takes a fifth of the time. Numba compiles the loop, where it is installed (the extra `fast`). Compiling
takes seconds, so a formula is compiled only after it has processed many elements. Until then, and without Numba,
on_numpy.py computes it. Both give the same bits, since both round + − × ÷ √ and comparisons alike.

NumPy's exp, log and tanh are faster than a compiled loop, and differ from it in their last bits. So a formula with such
functions becomes several loops with NumPy's functions between them, over blocks that stay in the cache:

    σ(a) − x      loop: r = ½ a       NumPy: r = tanh r       loop: out = (½ + ½ r) − x
"""

import importlib.util
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from npae.backend.formulas.loop import Loop
from npae.backend.formulas.loop_text import EXPRESSIONS, loop_text
from npae.backend.formulas.on_numpy import BLOCK, registers
from npae.backend.formulas.plan import Plan
from npae.backend.formulas.trace import Symbol, Traced
from npae.backend.typing import Array

PATIENCE = 2**32  # operations on elements before a formula is compiled: in so many a loop saves what compiling costs


@cache
def available() -> bool:
    """Is Numba installed, and not switched off by NPAE_NUMBA=0?"""
    return os.environ.get("NPAE_NUMBA", "1") != "0" and importlib.util.find_spec("numba") is not None


@cache
def compiler(reorders_sums: bool = False) -> Any:
    """numba.njit; or None, with a warning, if Numba cannot be imported (it may not support this version of NumPy).

    Args:
        reorders_sums: may the compiler add the terms of a sum in another order, so that it can use vectors?
    """
    try:
        import numba
    except ImportError as error:
        warnings.warn(f"Numba is installed but cannot be used, npae goes on without it: {error}", stacklevel=2)
        return None
    fast = {"reassoc", "contract"} if reorders_sums else False
    return numba.njit(nogil=True, error_model="numpy", fastmath=fast)


_all_loops: dict[tuple, "Loops"] = {}  # the operations of a formula, as a tuple -> its Loops


def loops_of(traced: Traced) -> "Loops":
    """The Loops of a traced formula. Formulas of the same operations (a network's ReLUs, for example) share them."""
    inputs, operations, outputs = traced
    number = {id(s): k for k, s in enumerate([*inputs, *operations])}

    def operand(s: Symbol) -> str:
        return repr(s.value) if s.op == "constant" else f"#{number[id(s)]}"  # the text, since 0.0 == −0.0

    text = (len(inputs), *((op.op, *map(operand, op.args)) for op in operations), *map(operand, outputs))
    return _all_loops.setdefault(text, Loops(traced))


class Loops:
    """The compiled loops of one formula, one program per kind of arguments.

    simple: how many of the operations a loop can do, see EXPRESSIONS; usable: is there a compiler, and anything to
    compile? swept: how many of these operations, over all elements, ufuncs have done so far.

    Args:
        traced: what trace() returned.
    """

    def __init__(self, traced: Traced) -> None:
        self.traced = traced
        self.simple = sum(op.op in EXPRESSIONS for op in traced[1])
        self.usable = self.simple > 0 and available()
        self.swept = 0
        self.programs: dict[tuple, LoopProgram] = {}

    def can_help(self, kinds: Sequence[str]) -> bool:
        """Can a loop be faster than ufuncs for such arguments? A single ufunc is as fast, unless it repeats a row."""
        return self.usable and (self.simple > 1 or "row" in kinds)

    def run(self, plan: Plan, args: Sequence[Any], outs: Sequence[Array]) -> bool:
        """Fill `outs` and return True; or return False: not compiled yet, no compiler, or strided arrays.

        The loop is compiled here, at the call at which `swept` has reached PATIENCE.

        Args:
            plan: for arguments of this kind.
            args: the arguments of the formula.
            outs: the arrays to fill.
        """
        if not self.usable:
            return False
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
            self.usable = False
            return False
        if plan.program is None:
            plan.program = self._program(plan)
        plan.program.run(args, outs)
        return True

    def _program(self, plan: Plan) -> "LoopProgram":
        key = (plan.kinds, plan.aliases, plan.dtype)
        if key not in self.programs:
            self.programs[key] = LoopProgram(self.traced, plan.kinds, plan.aliases, plan.dtype)
        return self.programs[key]


class LoopProgram:
    """A formula for one kind of arguments, as stages: a loop, then a NumPy function of the register that it filled.

    Slots, in order: the inputs, the outputs, the registers. An output that is not the memory of an input serves as a
    register first. That saves memory traffic. It also helps the compiler: before it may vectorise a loop, it must check
    that no two arrays overlap, and beyond a few arrays it gives up.

    Args:
        traced: what trace() returned.
        kinds, aliases, dtype: as in a Plan.
    """

    def __init__(
        self, traced: Traced, kinds: tuple[str, ...], aliases: tuple[int | None, ...], dtype: np.dtype
    ) -> None:
        inputs, operations, outputs = traced
        self.kinds, self.dtype = kinds, dtype
        self.stages: list[tuple[Loop, list[int], Any, Any]] = []  # loop, its slots, function, the slot that it changes
        ins = [f"in{k}" for k in range(len(inputs))]  # the inputs' own names could be i or T
        self.slots = ins + [f"out{k}" for k in range(len(outputs))]
        n_arrays = len(self.slots)
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
        # An output that is the memory of an input has the input's name, so that the loop has one array less to check.
        names = [f"out{k}" if a is None else ins[a] for k, a in enumerate(aliases)]
        self._add_stage(dict(zip(names, outputs, strict=True)), given)
        self.register_names = tuple(self.slots[n_arrays:])

    def _add_stage(
        self,
        results: Mapping[str, Symbol],
        given: Mapping[int, tuple[str, str]],
        function: Callable[..., Any] | None = None,
        target: str | None = None,
    ) -> None:
        text, names = loop_text(results, given)
        slots, kind_of = [self.slots.index(n) for n in names], dict(given.values())
        kinds = [kind_of.get(n, "array") for n in names]
        place = None if target is None else self.slots.index(target)
        loop = Loop(text, names, kinds, self.dtype, compiler())
        self.stages.append((loop, slots, function, place))

    def run(self, args: Sequence[Any], outs: Sequence[Array]) -> None:
        """Evaluate the formula.

        Args:
            args: the arguments.
            outs: the arrays to fill.
        """
        if len(self.stages) == 1:
            loop, slots, _, _ = self.stages[0]
            loop(outs[0].size, *map((*args, *outs).__getitem__, slots))
            return
        rows = max(1, len(outs[0]) * BLOCK // max(1, outs[0].size))
        for start in range(0, len(outs[0]), rows):
            part = slice(start, start + rows)
            block = [a[part] if kind == "array" else a for a, kind in zip(args, self.kinds, strict=True)]
            self._run_block(block, [o[part] for o in outs])

    def _run_block(self, args: Sequence[Any], outs: Sequence[Array]) -> None:
        given = (*args, *outs, *registers(self.register_names, outs[0].shape, self.dtype))
        for loop, slots, function, target in self.stages:
            loop.alone(*map(given.__getitem__, slots))
            if function is not None:
                function(given[target], out=given[target])
