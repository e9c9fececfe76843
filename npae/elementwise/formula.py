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

from npae.backend import array_module
from npae.elementwise.on_cupy import run_on_cupy
from npae.elementwise.on_numba import Loops
from npae.elementwise.on_numpy import BlockProgram
from npae.elementwise.trace import trace
from npae.memory import empty


class Formula:
    """An elementwise operation made from `function`; see `elementwise`."""

    def __init__(self, function, out=()):
        self.plain = function
        self.input_names = tuple(inspect.signature(function).parameters)
        self.out_names = tuple(out)
        self.name = function.__name__ if function.__name__.isidentifier() else "formula"  # not "<lambda>"

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
    def _block_program(self):
        return BlockProgram(*self.traced, out_names=self.out_names)

    @cached_property
    def _loops(self):
        return Loops(self.traced)

    def __call__(self, *args, out=None):
        """Evaluate the formula.

        args: arrays of one dtype on one device, and Python numbers. Arrays have the shape of the result, or its last
        axes (a bias row). An input that the formula does not use may be None.
        out: the array (or tuple of arrays) to write into; new ones by default. An output may be the same array as the
        input that has its name in `out_names`.
        Returns the result, a tuple if the formula returns one.
        Raises TypeError for mixed dtypes or devices and for a wrong number of arguments, ValueError for shapes that do
        not fit and for an output that would overwrite another input.
        """
        args = [a.item() if isinstance(a, np.generic) else a for a in args]
        model = None
        for a in args:
            if hasattr(a, "dtype") and (model is None or a.ndim > model.ndim):
                model = a
        n_out = len(self.traced[2])
        if model is None or len(args) != len(self.input_names):
            raise TypeError(
                f"{self.name}: expected {', '.join(self.input_names)}, at least one of them an array, got {len(args)} "
                f"arguments ({', '.join(type(a).__name__ for a in args)})."
            )
        if out is None:
            outs = tuple(empty(model.shape, model) for _ in range(n_out))
        else:
            outs = out if isinstance(out, tuple) else (out,)
            self._check_outputs(args, outs, model, n_out)
        for a in args:
            if a is not model and hasattr(a, "dtype"):
                self._check(a, model)
        if array_module(model) is np:
            self._loops.run(args, outs) or self._block_program.run(args, outs)
        else:
            run_on_cupy(self, args, outs)
        return outs[0] if len(outs) == 1 else outs

    def _check_outputs(self, args, outs, model, n_out):
        if len(outs) != n_out:
            raise TypeError(f"{self.name}: expected {n_out} outputs, got {len(outs)}.")
        for k, o in enumerate(outs):
            self._check(o, model)
            if o.shape != model.shape:
                raise ValueError(f"{self.name}: expected an output of shape {model.shape}, got {o.shape}.")
            for name, a in zip(self.input_names, args, strict=True):
                if o is a and self.out_names[k : k + 1] != (name,):
                    raise ValueError(f"{self.name}: output {k} may not be the input {name}: name it in `out`.")

    def _check(self, a, model):
        if a.dtype != model.dtype:
            raise TypeError(f"{self.name}: expected arrays of one dtype, got {model.dtype} and {a.dtype}: use astype.")
        if a.shape != model.shape and (a.ndim >= model.ndim or a.shape != model.shape[model.ndim - a.ndim :]):
            raise ValueError(f"{self.name}: expected arrays of shape {model.shape}, or its last axes, got {a.shape}.")
        if array_module(a) is not array_module(model):
            raise TypeError(f"{self.name}: one array is on the CPU, another on the GPU: move one with to_device.")

    def __reduce__(self):
        return Formula, (self.plain, self.out_names)


def elementwise(function=None, *, out=()):
    """Make a Formula of a function that combines its arguments element by element.

    The function may use + − × ÷, comparisons (worth 1 where true, 0 where false) and npae.elementwise's functions,
    and returns one expression or a tuple of them. `out` names the outputs; an output named like an input may be
    computed in place.
    """
    return Formula(function, out) if function else lambda f: Formula(f, out)
