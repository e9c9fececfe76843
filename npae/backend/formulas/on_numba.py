"""Elementwise formulas by Numba: one compiled loop that reads each input and writes each output once.

Ufuncs pass over the data once per operation. In a compiled loop an element goes through all operations inside the
processor; Adam takes a fifth of the time. Numba compiles the loop, where it is installed (the extra `fast`). Compiling
takes seconds, so a formula is compiled only after it has processed many elements. Until then, and without Numba,
on_numpy.py computes it. Both give the same bits, since both round + − × ÷ √ and comparisons alike.

NumPy's exp, log and tanh are faster than a compiled loop, and differ from it in their last bits. The loop calls them
where they lie in NumPy (numpy_loops.py).
"""

import importlib.util
import os
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from npae.backend.formulas.loop import Loop
from npae.backend.formulas.loop_text import EXPRESSIONS, Stage, loop_text
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
    """numba.njit; None if NUMBA_DISABLE_JIT=1, or, with a warning, if Numba cannot be imported.

    It may not support this version of NumPy.

    Args:
        reorders_sums: may the compiler add the terms of a sum in another order, so that it can use vectors?
    """
    try:
        import numba
        from numba.core import config
    except ImportError as error:
        warnings.warn(f"Numba is installed but cannot be used, npae goes on without it: {error}", stacklevel=2)
        return None
    if config.DISABLE_JIT:  # pyright: ignore[reportAttributeAccessIssue]
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
        self.usable = available()
        self.swept = 0
        self.programs: dict[tuple, LoopProgram] = {}

    def can_help(self, kinds: Sequence[str]) -> bool:
        """Can a loop be faster than ufuncs for such arguments? A single ufunc is as fast, unless it repeats a row."""
        return self.usable and (self.simple > 1 or self.simple == 1 and "row" in kinds)

    def run(self, plan: Plan, args: Sequence[Any], outs: Sequence[Array]) -> bool:
        """Fill `outs` and return True; or return False: not compiled yet, no compiler, or strided arrays.

        The loop is compiled here, at the call at which `swept` has reached PATIENCE.

        Args:
            plan: for arguments of this kind.
            args: the arguments of the formula.
            outs: the arrays to fill, sums first.
        """
        if not self.usable:
            return False
        size = args[plan.template].size
        if plan.program is None and self.swept < PATIENCE:
            self.swept += max(self.simple, 1) * size
            return False
        for a, kind in zip(args, plan.kinds, strict=True):
            if kind in ("array", "row") and not a.flags.c_contiguous:
                return False
        for o in outs:
            if not o.flags.c_contiguous:
                return False
        if plan.program is None:
            if not self._can_compile(plan.dtype):
                self.usable = False
                return False
            plan.program = self._program(plan)
        plan.program.run(args, outs, size, plan.counts)
        return True

    def _can_compile(self, dtype: np.dtype) -> bool:
        """Is there a compiler, and can it call NumPy's functions?"""
        if compiler() is None:
            return False
        from npae.backend.formulas.numpy_loops import in_place

        return all(op.op in EXPRESSIONS or in_place(op.op, dtype) for op in self.traced[1])

    def _program(self, plan: Plan) -> "LoopProgram":
        key = (plan.kinds, plan.aliases, plan.dtype, plan.sums)
        if key not in self.programs:
            self.programs[key] = LoopProgram(self.traced, *key)
        return self.programs[key]


class LoopProgram:
    """A formula for one kind of arguments, as one compiled function of the inputs and outputs, with several stages.

    An output that is not the memory of an input holds results of NumPy's functions on the way. That saves memory
    traffic. It also helps the compiler: before it may vectorise a loop, it must check that no two arrays overlap, and
    beyond a few arrays it gives up. Where there are not enough such outputs, there are registers.

    Args:
        traced: what trace() returned.
        kinds, aliases, dtype, sums: as in a Plan.
    """

    def __init__(self, traced: Traced, kinds: tuple[str, ...], aliases: tuple[int | None, ...], dtype: np.dtype,
                 sums: int = 0) -> None:  # fmt: skip
        from npae.backend.formulas.numpy_loops import in_place  # needs Numba

        inputs, operations, outputs = traced
        ins = [f"in{k}" for k in range(len(inputs))]  # the inputs' own names could be i or T
        summed = [f"sum{k}" for k in range(sums)]
        given = {id(s): (name, kind) for s, name, kind in zip(inputs, ins, kinds, strict=True)}
        free = [f"out{k}" for k, a in enumerate(aliases) if a is None and k >= sums]
        by_numpy = [op for op in operations if op.op not in EXPRESSIONS]
        registers = [f"register{k}" for k in range(len(free), len(by_numpy))]
        places = [*reversed(free), *registers]
        stages = [Stage({name: op.args[0]}, op) for name, op in zip(places, by_numpy, strict=False)]
        # An output that is the memory of an input has the input's name, so that the loop has one array less to check.
        names = summed + [f"out{k}" if a is None else ins[a] for k, a in enumerate(aliases)][sums:]
        stages.append(Stage(dict(zip(names, outputs, strict=True))))
        text, used = loop_text(stages, given, registers, summed)
        slots = [*ins, *summed, *(f"out{k}" for k in range(sums, len(outputs))), "width", "lanes", "step"]
        self._slots = [slots.index(name) for name in used]
        functions = {op.op: in_place(op.op, dtype) for op in by_numpy}
        self.loop = Loop(text, used, dtype, compiler(), functions)

    def run(self, args: Sequence[Any], outs: Sequence[Array], size: int, counts: tuple[int, ...] = ()) -> None:
        """Evaluate the formula.

        Args:
            args: the arguments.
            outs: the arrays to fill, sums first.
            size: of the arrays.
            counts: as in a Plan.
        """
        self.loop(size, *map((*args, *outs, *counts).__getitem__, self._slots))
