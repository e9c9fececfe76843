"""The decorator `elementwise`: a Python function of arrays becomes a fused, allocation-free elementwise operation.

    @elementwise
    def sigmoid_backward(dy, h):
        return dy * h * (1 - h)

    dx = sigmoid_backward(dy, h)            # NumPy or CuPy arrays

The text is the mathematics; what runs is one CuPy kernel on the GPU, and ufuncs writing into reused blocks on the CPU.
`sigmoid_backward.plain(dy, h)` evaluates the text as it stands: the reference that both are tested against.
"""

import inspect
from functools import cached_property

import numpy as np

from npae.backend.elementwise.on_cupy import run_on_cupy
from npae.backend.elementwise.on_numba import loops_of
from npae.backend.elementwise.on_numpy import BlockProgram
from npae.backend.elementwise.plan import make_plan
from npae.backend.elementwise.trace import trace
from npae.backend.memory import empty, images, is_channels_last


class Formula:
    """An elementwise operation made from `function`; see `elementwise`."""

    def __init__(self, function, out=()):
        self.plain = function
        self.input_names = tuple(inspect.signature(function).parameters)
        self.out_names = tuple(out)
        self.name = function.__name__ if function.__name__.isidentifier() else "formula"  # not "<lambda>"
        self._plans = {}

    @cached_property
    def traced(self):
        """(inputs, operations, outputs) as trace() gives them."""
        return trace(self.plain, self.input_names)

    @cached_property
    def uses(self):
        """The names of the inputs that the result depends on: what a layer has to keep for its backward pass."""
        inputs, operations, outputs = self.traced
        read = {id(s) for op in operations for s in op.args} | {id(s) for s in outputs}
        return {s.name for s in inputs if id(s) in read}

    @cached_property
    def _blocks(self):
        return BlockProgram(*self.traced, out_names=self.out_names)

    @cached_property
    def _loops(self):
        return loops_of(self.traced)

    def run_on_cpu(self, plan, args, outs):
        """Fill the arrays `outs` from `args`: by a compiled loop where there is one and it pays, else by ufuncs."""
        if not self._loops.run(plan, args, outs):
            self._blocks.run(args, outs)

    def run_on_gpu(self, plan, args, outs):
        """Fill the arrays `outs` from `args`, in one kernel."""
        run_on_cupy(self, plan, args, outs)

    def __call__(self, *args, out=None):
        """Evaluate the formula.

        args: arrays of one dtype on one device, and Python numbers. Arrays have the shape of the result, or its last
        axes (a bias row), or, beside images (B, C, H, W), one number a channel (C, 1, 1). An input that the formula
        does not use may be None.
        out: the array (or tuple of arrays) to write into; new ones by default. An output may be the same array as the
        input that has its name in `out_names`.
        Returns the result, a tuple if the formula returns one.
        Raises TypeError for mixed dtypes or devices and for a wrong number of arguments, ValueError for shapes that do
        not fit and for an output that would overwrite another input.
        """
        outs = () if out is None else out if isinstance(out, tuple) else (out,)
        plan = self._plan(args, outs)
        if plan.numpy_numbers:
            args = [a.item() if isinstance(a, np.generic) else a for a in args]
        if plan.images and is_channels_last(args[plan.model]):
            return self._channels_last(args, outs)
        if out is None:
            outs = tuple([empty(plan.shape, args[plan.model]) for _ in self.traced[2]])
        plan.run(plan, args, outs)
        return outs[0] if len(outs) == 1 else outs

    def _channels_last(self, args, outs):
        """The same for images whose channels are last in memory: over memory as it lies, with (C, 1, 1) as a row."""
        views = {}

        def view(a):
            if getattr(a, "ndim", 0) and id(a) not in views:
                views[id(a)] = a.transpose(0, 2, 3, 1) if a.ndim == 4 else a.reshape(-1)
            return views.get(id(a), a)  # an output that is an input's array stays the same array

        result = self(*map(view, args), out=tuple(map(view, outs)) or None)
        if outs:
            return outs[0] if len(outs) == 1 else outs
        return tuple(map(images, result)) if isinstance(result, tuple) else images(result)

    def _plan(self, args, outs):
        """The Plan for these arguments: looked up by types, shapes and dtypes, or, for new ones, checked and made."""
        signature = tuple([(a.__class__, a.shape, a.dtype) if hasattr(a, "dtype") else a.__class__
                           for a in (*args, *outs)])  # fmt: skip
        inputs = [id(a) for a in args]
        aliases = tuple([inputs.index(id(o)) if id(o) in inputs else None for o in outs])
        plan = self._plans.get((signature, aliases))
        if plan is None:
            plan = make_plan(self, args, outs, aliases)
            if len(self._plans) >= 1024:  # shapes that never come back must not add up
                self._plans.clear()
            self._plans[signature, aliases] = plan
        return plan

    def __reduce__(self):
        return Formula, (self.plain, self.out_names)


def elementwise(function=None, *, out=()):
    """Make a Formula of a function that combines its arguments element by element.

    The function may use + − × ÷, comparisons (worth 1 where true, 0 where false) and npae.backend.elementwise's functions,
    and returns one expression or a tuple of them. `out` names the outputs; an output named like an input may be
    computed in place.
    """
    return Formula(function, out) if function else lambda f: Formula(f, out)
