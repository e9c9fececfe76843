"""A traced formula on the CPU: ufuncs that write into reused memory, block by block.

Evaluated as it is written, θ − s·m/(√v + ε) makes four passes over main memory and four temporary arrays. Here a block
of rows that fits into a core's cache goes through *all* operations before the next block is touched, and temporaries
are registers: block-sized arrays that every block uses again. Long sweeps are shared among threads.
"""

import math
import threading

import numpy as np

from npae.backend.threads import parallel_for, thread_count

BLOCK = 65536  # elements: 256 KiB of float32, so that the few registers of a formula stay in a 1 MiB cache
SHARE = 2**23  # operations on elements from which a second thread pays for being woken (BLAS still holds its core)

_scratch = threading.local()  # .memory: this thread's registers; .views: the shapes they were asked for in


def register(key, shape, dtype):
    """This thread's array number `key` in the given shape; key ("filled", c) is an array of constants c.

    All shapes of a register share one memory, so that a thread holds no more than a block for each.
    """
    views = _scratch.__dict__.setdefault("views", {})
    view = views.get((key, shape, dtype))
    if view is None:
        memory, size = _scratch.__dict__.setdefault("memory", {}), math.prod(shape)
        flat = memory.get((key, dtype))
        if flat is None or flat.size < size:
            n = max(BLOCK, size)
            flat = memory[key, dtype] = np.full(n, key[1], dtype) if isinstance(key, tuple) else np.empty(n, dtype)
        if len(views) >= 1024:
            views.clear()
        view = views[key, shape, dtype] = flat[:size].reshape(shape)
    return view


class BlockProgram:
    """The steps (ufunc, operand slots, result slot) of one formula.

    Slots, in order: the inputs, the constants, the outputs, the registers. An output is written straight away where
    no later step reads the input that it may overwrite, and else is copied from a register at the end.
    """

    def __init__(self, inputs, operations, outputs, out_names=()):
        self.slots = {id(s): k for k, s in enumerate(inputs)}
        self.n_inputs, self.n_outputs = len(inputs), len(outputs)
        self.constants = []
        for s in [a for op in operations for a in op.args] + outputs:
            if s.op == "constant" and id(s) not in self.slots:
                self.slots[id(s)] = self.n_inputs + len(self.constants)
                self.constants.append(s.value)
        self.first_out = self.n_inputs + len(self.constants)
        self.registers = []  # the keys of register
        self.steps = []
        self._schedule(inputs, operations, outputs, out_names)

    def _schedule(self, inputs, operations, outputs, out_names):
        named = {s.name: s for s in inputs}
        last_use = {id(a): k for k, op in enumerate(operations) for a in op.args}
        last_use |= {id(s): len(operations) for s in outputs}
        direct = {}  # operation -> index of the output that it writes
        for i, s in enumerate(outputs):
            clobbered = named.get(out_names[i]) if i < len(out_names) else None
            made = next((k for k, op in enumerate(operations) if op is s), None)
            if made is not None and id(s) not in direct and last_use.get(id(clobbered), -1) <= made:
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
                result = free.pop() if free else self._new_register(len(self.registers))
            self.slots[id(op)] = result
            self.steps.append((getattr(np, op.op), *operands, result))
        for s in outputs:  # an input that is itself a result is saved before any output may overwrite it
            if s.op == "input":
                saved = self._new_register(len(self.registers))
                self.steps.append((np.positive, self.slots[id(s)], saved))
                self.slots[id(s)] = saved
        for i, s in enumerate(outputs):
            if direct.get(id(s)) != i:
                self.steps.append((np.positive, self.slots[id(s)], self.first_out + i))

    def _operand(self, op, symbol):
        if op.op in ("maximum", "minimum") and symbol.op == "constant":
            # NumPy's max(array, number) is not vectorised, max(array, array) is: 2.7 times as fast.
            return self._new_register(("filled", symbol.value))
        return self.slots[id(symbol)]

    def _new_register(self, key):
        self.registers.append(key)
        return self.first_out + self.n_outputs + len(self.registers) - 1

    def run(self, args, outs):
        """Evaluate on whole arrays: `args` as the formula takes them, `outs` the arrays to fill."""
        size = outs[0].size
        if size <= BLOCK:
            self._run_block(args, outs)
            return
        ndim, n = outs[0].ndim, len(outs[0])
        n_blocks, shared = min(n, -(-size // BLOCK)), size * len(self.steps) >= SHARE
        if shared:
            n_blocks = min(n, -(-n_blocks // thread_count()) * thread_count())  # as many for every thread
        rows = -(-n // n_blocks)
        whole = [not hasattr(a, "ndim") or a.ndim < ndim for a in args]

        def blocks(first, last):
            for start in range(first * rows, min(last * rows, n), rows):
                part = slice(start, start + rows)
                self._run_block(
                    [a if w else a[part] for a, w in zip(args, whole, strict=True)], [o[part] for o in outs]
                )

        if shared:
            parallel_for(blocks, -(-n // rows))
        else:
            blocks(0, -(-n // rows))

    def _run_block(self, args, outs):
        shape, dtype = outs[0].shape, outs[0].dtype
        slots = [*args, *self.constants, *outs, *[register(key, shape, dtype) for key in self.registers]]
        for step in self.steps:
            if len(step) == 4:
                ufunc, a, b, result = step
                ufunc(slots[a], slots[b], out=slots[result])
            else:
                ufunc, a, result = step
                ufunc(slots[a], out=slots[result])
