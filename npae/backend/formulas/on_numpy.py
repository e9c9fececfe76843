"""Elementwise formulas by NumPy: ufuncs over blocks that fit into the cache.

Evaluated as it is written, θ − s·m/(√v + ε) passes over main memory four times and makes four temporary arrays. Here a
block of rows, small enough for a core's cache, goes through *all* operations before the next block is begun. Temporary
results are written into registers: arrays of one block, which every block uses again. Long arrays are divided among
threads.
"""

import math
import threading
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from npae.backend.formulas.plan import Plan
from npae.backend.formulas.trace import Symbol
from npae.backend.threads import parallel_for, thread_count
from npae.backend.typing import Array

BLOCK = 65536  # elements: 256 KiB of float32, so that the few registers of a formula stay in a 1 MiB cache
SHARE = 2**23  # operations on elements from which threads save more time than waking them takes


class _Scratch(threading.local):
    """This thread's registers. memory: {(key, dtype): flat array}; views: {(keys, shape, dtype): list of arrays}."""

    def __init__(self) -> None:
        self.memory: dict[tuple, Array] = {}
        self.views: dict[tuple, list[Array]] = {}


_scratch = _Scratch()


def registers(keys: tuple[Hashable, ...], shape: tuple[int, ...], dtype: np.dtype) -> list[Array]:
    """This thread's registers.

    The shapes of one register share its memory, so a thread holds one block per register, whatever shapes it meets. The
    list is made once and then looked up.

    Args:
        keys: of the registers, numbers or names. The register ("filled", "0.5") holds that constant and is only read.
            The constant is a text, since 0.0 == −0.0, and NaN is not equal to itself.
        shape: in which each of them is returned.
        dtype: of the registers.
    """
    views = _scratch.views.get((keys, shape, dtype))
    if views is None:
        views = [_memory(key, math.prod(shape), dtype).reshape(shape) for key in keys]
        if len(_scratch.views) >= 1024:  # shapes that never return must not add up
            _scratch.views.clear()
        _scratch.views[keys, shape, dtype] = views
    return views


def _memory(key: Hashable, size: int, dtype: np.dtype) -> Array:
    """The first `size` elements of a register."""
    flat = _scratch.memory.get((key, dtype))
    if flat is None or flat.size < size:
        n = max(BLOCK, size)
        flat = np.full(n, float(key[1]), dtype) if isinstance(key, tuple) else np.empty(n, dtype)
        _scratch.memory[key, dtype] = flat
    return flat[:size]


class BlockProgram:
    """A formula as a sequence of ufunc calls: `steps` of (ufunc, slots of the operands, slot of the result).

    A slot is the number of an array or a constant. Slots, in order: the inputs, the constants, the outputs, the
    registers.

    Args:
        inputs, operations, outputs: as trace() returns them.
        out_names: an output that has the name of an input may be its memory.
    """

    def __init__(
        self, inputs: list[Symbol], operations: list[Symbol], outputs: list[Symbol], out_names: Sequence[str] = ()
    ) -> None:
        self.slots = {id(s): k for k, s in enumerate(inputs)}
        self.n_inputs, self.n_outputs = len(inputs), len(outputs)
        self.constants: list[float | None] = []
        for s in [a for op in operations for a in op.args] + outputs:
            if s.op == "constant" and id(s) not in self.slots:
                self.slots[id(s)] = self.n_inputs + len(self.constants)
                self.constants.append(s.value)
        self.first_out = self.n_inputs + len(self.constants)
        self.keys: tuple[Hashable, ...] = ()  # of the registers
        self.steps: list[tuple] = []
        self._schedule(inputs, operations, outputs, out_names)

    def _schedule(
        self, inputs: list[Symbol], operations: list[Symbol], outputs: list[Symbol], out_names: Sequence[str]
    ) -> None:
        """Choose where each operation writes its result, and list the steps.

        An operation writes into a register. After the last operation that reads a register, the register is free, and
        the next result takes it (a ufunc may write over its own operand). So few registers are enough:

            out=("theta", "u"):  u = mu * u + g;  return theta - lr * u, u

            t0 = multiply(mu, u)           multiply(mu, u) -> r0         a new register
            t1 = add(t0, g)                add(r0, g) -> out1            a result: no step below reads the old u
            t2 = multiply(lr, t1)          multiply(lr, out1) -> r0      r0 is free since t1
            t3 = subtract(theta, t2)       subtract(theta, r0) -> out0   a result: no step below reads theta

        An output may be the memory of the input that has its name: here out0 may be theta, and out1 may be u. So a
        result goes straight to its output only if no later step reads that input. Otherwise it waits in a register:

            out=("a", "b"):  return a + b, a - b

            t0 = add(a, b)                 add(a, b) -> r0               not out0: t1 still reads a
            t1 = subtract(a, b)            subtract(a, b) -> out1
                                           positive(r0) -> out0          a copy, now that a is no longer needed
        """
        named = {s.name: s for s in inputs}
        last_use = {id(a): k for k, op in enumerate(operations) for a in op.args}
        last_use |= {id(s): len(operations) for s in outputs}
        direct = {}  # operation -> index of the output that it writes
        for i, s in enumerate(outputs):
            overwritten = named.get(out_names[i]) if i < len(out_names) else None
            step = next((k for k, op in enumerate(operations) if op is s), None)
            if step is not None and id(s) not in direct and last_use.get(id(overwritten), -1) <= step:
                direct[id(s)] = i
        free = []
        for k, op in enumerate(operations):
            operands = [self._operand(op, a) for a in op.args]
            for a in {id(a): a for a in op.args}.values():
                slot = self.slots[id(a)]
                is_register = slot >= self.first_out + self.n_outputs
                if is_register and last_use[id(a)] == k and not any(a is s for s in outputs):
                    free.append(slot)
            if id(op) in direct:
                result = self.first_out + direct[id(op)]
            else:
                result = free.pop() if free else self._new_register(len(self.keys))
            self.slots[id(op)] = result
            self.steps.append((getattr(np, op.op), *operands, result))
        for s in outputs:  # an input that is itself a result is saved before any output may overwrite it
            if s.op == "input":
                saved = self._new_register(len(self.keys))
                self.steps.append((np.positive, self.slots[id(s)], saved))
                self.slots[id(s)] = saved
        for i, s in enumerate(outputs):
            if direct.get(id(s)) != i:
                self.steps.append((np.positive, self.slots[id(s)], self.first_out + i))

    def _operand(self, op: Symbol, symbol: Symbol) -> int:
        if op.op in ("maximum", "minimum") and symbol.op == "constant":
            # NumPy's max(array, number) is not vectorised, max(array, array) is: 2.7 times as fast.
            return self._new_register(("filled", repr(symbol.value)))
        return self.slots[id(symbol)]

    def _new_register(self, key: Hashable) -> int:
        self.keys += (key,)
        return self.first_out + self.n_outputs + len(self.keys) - 1

    def run(self, plan: Plan, args: Sequence[Any], outs: Sequence[Array]) -> None:
        """Evaluate the formula: at once if the arrays are no larger than a block, else block by block.

        Args:
            plan: for arguments of this kind.
            args: the arguments.
            outs: the arrays to fill.
        """
        size = outs[0].size
        if size <= BLOCK:
            self._run_block(args, outs)
            return
        n = len(outs[0])
        n_blocks, shared = min(n, -(-size // BLOCK)), size * len(self.steps) >= SHARE
        if shared:
            n_blocks = min(n, -(-n_blocks // thread_count()) * thread_count())  # as many for every thread
        rows = -(-n // n_blocks)

        def blocks(first: int, last: int) -> None:
            for start in range(first * rows, min(last * rows, n), rows):
                part, some_args, some_outs = slice(start, start + rows), list(args), list(outs)
                for k, kind in enumerate(plan.kinds):
                    if kind == "array":
                        some_args[k] = args[k][part]
                for k, o in enumerate(outs):
                    some_outs[k] = o[part]
                self._run_block(some_args, some_outs)

        if shared:
            parallel_for(blocks, -(-n // rows))
        else:
            blocks(0, -(-n // rows))

    def _run_block(self, args: Sequence[Any], outs: Sequence[Array]) -> None:
        slots = [*args, *self.constants, *outs]
        if self.keys:
            slots += registers(self.keys, outs[0].shape, outs[0].dtype)
        for step in self.steps:
            if len(step) == 4:
                ufunc, a, b, result = step
                ufunc(slots[a], slots[b], out=slots[result])
            else:
                ufunc, a, result = step
                ufunc(slots[a], out=slots[result])
