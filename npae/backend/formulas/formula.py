"""Elementwise formulas: the decorator `elementwise` makes one fast operation of a Python function of arrays.

    @elementwise
    def sigmoid_backward(dy, h):
        return dy * h * (1 - h)

    dx = sigmoid_backward(dy, h)            # NumPy or CuPy arrays

The function's text is the mathematics. On the CPU it runs as a sequence of ufuncs over small blocks, or as one compiled
loop; on the GPU as one kernel. `sigmoid_backward.plain(dy, h)` evaluates the text operation by operation: it is the
reference that the fast versions are tested against.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np

from npae.backend.formulas.on_cupy import run_on_cupy
from npae.backend.formulas.on_numba import Loops, loops_of
from npae.backend.formulas.on_numpy import BlockProgram
from npae.backend.formulas.plan import Plan, make_plan, plan_with_sums
from npae.backend.formulas.sums import column_sums, tiling
from npae.backend.formulas.totals import can_total_on_cupy, total, total_on_cupy
from npae.backend.formulas.trace import Traced, trace
from npae.backend.memory import empty, images, is_channels_last
from npae.backend.products import sum_rows
from npae.backend.typing import Array


class Formula:
    """An elementwise operation made from a function; see `elementwise`.

    Args:
        function: combines its arguments element by element.
        out: the names of the outputs.

    Example:
        >>> import numpy as np
        >>> from npae.backend import Formula
        >>> square = Formula(lambda x: x * x)
        >>> square(np.array([1.0, 2.0])).tolist()
        [1.0, 4.0]
    """

    def __init__(self, function: Callable[..., Any], out: Sequence[str] = ()) -> None:
        self.plain = function
        self.input_names = tuple(inspect.signature(function).parameters)
        self.out_names = tuple(out)
        self.name = function.__name__ if function.__name__.isidentifier() else "formula"  # not "<lambda>"
        self._plans: dict[tuple, Plan] = {}

    @cached_property
    def traced(self) -> Traced:
        """(inputs, operations, outputs), as trace() returns them."""
        return trace(self.plain, self.input_names)

    @cached_property
    def uses(self) -> set[str]:
        """The names of the inputs that the result depends on: what a layer has to keep for its backward pass."""
        inputs, operations, outputs = self.traced
        read = {id(s) for op in operations for s in op.args} | {id(s) for s in outputs}
        return {s.name for s in inputs if id(s) in read}

    @cached_property
    def blocks(self) -> BlockProgram:
        """The BlockProgram that computes the formula by ufuncs."""
        return BlockProgram(*self.traced, out_names=self.out_names)

    @cached_property
    def loops(self) -> Loops:
        """The Loops that compute the formula once it is compiled."""
        return loops_of(self.traced)

    def run_compiled(self, plan: Plan, args: Sequence[Any], outs: Sequence[Array]) -> None:
        """Evaluate the formula by a compiled loop if there is one by now, else by ufuncs.

        Args:
            plan: for arguments of this kind.
            args: the arguments.
            outs: the arrays to fill.
        """
        if not self.loops.run(plan, args, outs):
            self.blocks.run(plan, args, outs)

    def run_on_gpu(self, plan: Plan, args: Sequence[Any], outs: Sequence[Array]) -> None:
        """Evaluate the formula in one kernel.

        Args:
            plan: for arguments of this kind.
            args: the arguments.
            outs: the arrays to fill.
        """
        run_on_cupy(self, plan, args, outs)

    def __call__(self, *args: Any, out: Array | tuple[Array, ...] | None = None) -> Any:
        """Evaluate the formula.

        Args:
            *args: arrays of one dtype on one device, and Python numbers. An array has the shape of the result, or its
                last axes (a bias row), or, beside images (B, C, H, W), one number per channel (C, 1, 1). An input that
                the formula does not use may be None.
            out: the array (or tuple of arrays) to write into; None: new ones. An output may be the same array as the
                input that has its name in `out_names`.

        Returns the result, a tuple if the formula returns one.
        Raises TypeError for mixed dtypes or devices and for a wrong number of arguments; ValueError for shapes that do
        not fit and for an output that would overwrite another input.
        """
        outs = () if out is None else out if isinstance(out, tuple) else (out,)
        # The plan depends on types, shapes and dtypes, and on aliases: which input, if any, each output overwrites.
        signature = tuple([(a.__class__, a.shape, a.dtype) if hasattr(a, "dtype") else a.__class__
                           for a in (*args, *outs)])  # fmt: skip
        places = dict(zip(map(id, reversed(args)), range(len(args) - 1, -1, -1), strict=True)) if outs else {}
        aliases = tuple(map(places.get, map(id, outs)))
        plan = self._plans.get((signature, aliases))
        if plan is None:
            plan = make_plan(self, args, outs, aliases)
            if len(self._plans) >= 1024:  # shapes that never return must not add up
                self._plans.clear()
            self._plans[signature, aliases] = plan
        if plan.numpy_numbers:
            args = tuple([a.item() if isinstance(a, np.generic) else a for a in args])
        if plan.images and is_channels_last(args[plan.template]):
            return self._channels_last(args, outs)
        if out is None:
            outs = tuple([empty(plan.shape, args[plan.template]) for _ in self.traced[2]])
        plan.run(plan, args, outs)
        return outs[0] if len(outs) == 1 else outs

    def total(self, *args: Any, scale: float = 1.0, out: tuple[Array, ...] = ()) -> tuple[Any, ...]:
        """(scale · Σ of the first result, the other results): a term of J, as a scalar on the device, and its gradient.

        Args:
            *args: as for a call.
            scale: a factor of the sum.
            out: the arrays for the other results; (): new ones.
        """
        like = args[0] if isinstance(args[0], np.ndarray) else next(a for a in args if getattr(a, "shape", ()))
        if isinstance(like, np.ndarray):
            sums, *rest = self._sums(args, 1, 1, out)
            value = sums[0] if sums.size == 1 else column_sums(sums, 1, *tiling(1))[0]
            return value * value.dtype.type(scale), *rest
        if can_total_on_cupy(args, out):
            rest = out or tuple([empty(like.shape, like) for _ in self.traced[2][1:]])
            return total_on_cupy(self, args, rest, scale), *rest
        results = self(*args, out=(empty(out[0].shape, out[0]), *out) if out else None)
        first, *rest = results if isinstance(results, tuple) else (results,)
        return total(first, scale), *rest

    def sum_rows(self, *args: Any, sums: int = 1) -> tuple[Array, ...]:
        """(Σ_i of the rows of the first results, the other results). On the CPU the first results are not written.

        Args:
            *args: as for a call; the results are matrices (n, m).
            sums: how many of the results are summed, each to a vector (m,).
        """
        like = next(a for a in args if getattr(a, "ndim", 0) == 2)
        if isinstance(like, np.ndarray) and like.size:
            return self._sums(args, like.shape[1], sums, ())
        results = self(*args)
        results = results if isinstance(results, tuple) else (results,)
        return *map(sum_rows, results[:sums]), *results[sums:]

    def _sums(self, args: Sequence[Any], width: int, sums: int, outs: Sequence[Array]) -> tuple[Array, ...]:
        """(the sums of the columns of the first results, …, the other results) on the CPU.

        They are sums of `width` columns, or, beside a row, of as many columns as it has.
        """
        signature = tuple([(a.__class__, a.shape, a.dtype) if hasattr(a, "dtype") else a.__class__ for a in args])
        plan = self._plans.get((signature, sums, width))
        if plan is None:
            plan = plan_with_sums(make_plan(self, args, (), ()), args, sums, width)
            if len(self._plans) >= 1024:
                self._plans.clear()
            self._plans[signature, sums, width] = plan
        like = args[plan.template]
        if plan.images and is_channels_last(like):
            results = self(*args, out=(empty(like.shape, like), *outs) if outs else None)
            results = results if isinstance(results, tuple) else (results,)
            return *[column_sums(result.ravel("K"), *plan.counts) for result in results[:sums]], *results[sums:]
        outs = outs or [empty(plan.shape, like) for _ in self.traced[2][sums:]]
        if self.loops.usable:
            blocks = [empty(plan.blocks, like) for _ in range(sums)]
            if self.loops.run(plan, args, (*blocks, *outs)):
                return *[np.add.reduce(sums_of_blocks, axis=0) for sums_of_blocks in blocks], *outs
        results = [empty(plan.shape, like) for _ in range(sums)]
        self.blocks.run(plan, args, (*results, *outs))
        for k, result in enumerate(results):
            results[k] = column_sums(result.reshape(-1), *plan.counts)
        return *results, *outs

    def _channels_last(self, args: Sequence[Any], outs: tuple[Array, ...]) -> Any:
        """Evaluate the formula for images whose channels are last in memory.

        The views (B, H, W, C) are contiguous, and in them one number per channel, (C, 1, 1), is a row (C,).
        """
        views: dict[int, Array] = {}

        def view(a: Any) -> Any:
            if getattr(a, "ndim", 0) and id(a) not in views:
                views[id(a)] = a.transpose(0, 2, 3, 1) if a.ndim == 4 else a.reshape(-1)
            return views.get(id(a), a)  # an output that is an input's array stays the same array

        result = self(*map(view, args), out=tuple(map(view, outs)) or None)
        if outs:
            return outs[0] if len(outs) == 1 else outs
        return tuple(map(images, result)) if isinstance(result, tuple) else images(result)

    def __reduce__(self) -> tuple:
        return Formula, (self.plain, self.out_names)


@overload
def elementwise(function: Callable[..., Any], *, out: Sequence[str] = ()) -> Formula: ...


@overload
def elementwise(function: None = None, *, out: Sequence[str] = ()) -> Callable[[Callable[..., Any]], Formula]: ...


def elementwise(function: Callable[..., Any] | None = None, *, out: Sequence[str] = ()) -> Any:
    """Make a Formula of a function that combines its arguments element by element. It is used as a decorator.

    Args:
        function: may use + − × ÷, comparisons (1 where true, 0 where false) and the functions of functions.py. It
            returns one expression or a tuple of them.
        out: the names of the outputs. An output that has the name of an input may be written over that input.

    Example:
        >>> import numpy as np
        >>> from npae.backend import elementwise
        >>> @elementwise
        ... def sigmoid_backward(dy, h):
        ...     return dy * h * (1 - h)
        >>> sigmoid_backward(np.array([1.0, 2.0]), np.array([0.5, 0.5])).tolist()
        [0.25, 0.5]
    """
    return Formula(function, out) if function else lambda f: Formula(f, out)
