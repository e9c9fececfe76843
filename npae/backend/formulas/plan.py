"""Plans: what a formula needs to know about its arguments, checked once per kind of arguments.

A training step calls its formulas with arrays of the same types, shapes and dtypes thousands of times. So the arguments
are checked at the first such call only, and the result, a Plan, is remembered. Later calls only look it up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from npae.backend.arrays import array_module
from npae.backend.formulas.sums import tiling
from npae.backend.typing import Array

if TYPE_CHECKING:
    from npae.backend.formulas.formula import Formula


@dataclass
class Plan:
    """How a formula runs on arguments of one kind.

    Attributes:
        kinds: for each input "array" (of the full shape), "row" (of its last axes, or one number per channel), "number"
            or "none".
        aliases: for each output the index of the input that is the same array, or None.
        template: the index of an input of the full shape; outputs are on its device.
        shape: of the outputs.
        dtype: of the outputs.
        numpy_numbers: is any argument a NumPy scalar?
        run: run(plan, args, outs) fills the arrays `outs`.
        images: are the arrays images (B, C, H, W), and the rows, if any, one number per channel (C, 1, 1)?
        program: the compiled loops, or the GPU's kernel, once there is one.
        sums: how many of the first results are summed, not written (Formula.sum_rows).
        counts: width, lanes and step of these sums (sums.py); empty if there are none.
        blocks: the shape of the sums of their blocks.
    """

    kinds: tuple[str, ...]
    aliases: tuple[int | None, ...]
    template: int
    shape: tuple[int, ...]
    dtype: Any
    numpy_numbers: bool
    run: Callable[["Plan", Sequence[Any], Sequence[Array]], None]
    images: bool
    program: Any = None
    sums: int = 0
    counts: tuple[int, ...] = ()
    blocks: tuple[int, ...] = ()


def make_plan(formula: "Formula", args: Sequence[Any], outs: Sequence[Array], aliases: tuple[int | None, ...]) -> Plan:
    """Check the arguments of a formula; return their Plan. Raises TypeError and ValueError as Formula.__call__ does.

    Args:
        formula: a Formula.
        args: its arguments.
        outs: the outputs that the caller gave; empty if there are none.
        aliases: as in a Plan; empty if there are no outputs.
    """
    kinds = tuple("none" if a is None else "array" if _is_array(a) else "number" for a in args)
    arrays = [k for k, kind in enumerate(kinds) if kind == "array"]
    if not arrays or len(args) != len(formula.input_names):
        raise TypeError(
            f"{formula.name}: expected {', '.join(formula.input_names)}, at least one of them an array, got "
            f"{len(args)} arguments ({', '.join(type(a).__name__ for a in args)})."
        )
    template = max(arrays, key=lambda k: args[k].ndim)
    shape, dtype, xp = args[template].shape, args[template].dtype, array_module(args[template])
    for k in arrays:
        _check(formula, args[k], args[template])
    if outs and len(outs) != len(formula.traced[2]):
        raise TypeError(f"{formula.name}: expected {len(formula.traced[2])} outputs, got {len(outs)}.")
    for k, o in enumerate(outs):
        _check(formula, o, args[template])
        if o.shape != shape:
            raise ValueError(f"{formula.name}: expected an output of shape {shape}, got {o.shape}.")
        alias = aliases[k]
        name = None if alias is None else formula.input_names[alias]
        if name is not None and formula.out_names[k : k + 1] != (name,):
            raise ValueError(f"{formula.name}: output {k} may not be the input {name}: name it in `out`.")
    kinds = tuple("row" if kind == "array" and args[k].ndim < len(shape) else kind for k, kind in enumerate(kinds))
    rows = {args[k].shape for k, kind in enumerate(kinds) if kind == "row"}
    if xp is not np:
        run = formula.run_on_gpu
    elif _rows_repeat(rows, shape) and formula.loops.can_help(kinds):
        run = formula.run_compiled
    else:
        run = formula.blocks.run
    return Plan(kinds, aliases or (None,) * len(formula.traced[2]), template, shape, dtype,
                numpy_numbers=any(isinstance(a, np.generic) for a in args), run=run,
                images=len(shape) == 4 and rows <= {_channels(shape)})  # fmt: skip


def plan_with_sums(plan: Plan, args: Sequence[Any], sums: int, width: int) -> Plan:
    """The Plan of a formula whose first results are summed.

    Args:
        plan: of the formula.
        args: its arguments.
        sums: how many results are summed.
        width: the number of columns; beside a row it is the row's size.
    """
    if "row" in plan.kinds:
        width = args[plan.kinds.index("row")].size
    lanes, step = tiling(width)
    blocks = args[plan.template].size // step + 1, width
    return replace(plan, sums=sums, counts=(width, lanes, step), blocks=blocks)


def _rows_repeat(rows: set[tuple[int, ...]], shape: tuple[int, ...]) -> bool:
    """Does a compiled loop fit: is there at most one shape among `rows`, and is it the last axes of `shape`, not ()?"""
    at_the_end = all(r == shape[len(shape) - len(r) :] for r in rows)  # not one number per channel
    return len(rows) < 2 and () not in rows and at_the_end


def _channels(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of one number per channel, for images of `shape`; None for arrays of other than four axes."""
    return (shape[1], 1, 1) if len(shape) == 4 else None


def _is_array(a: Any) -> bool:
    return hasattr(a, "dtype") and not isinstance(a, np.generic)


def _check(formula: "Formula", a: Array, template: Array) -> None:
    if a.dtype != template.dtype:
        raise TypeError(
            f"{formula.name}: expected arrays of one dtype, got {template.dtype} and {a.dtype}: use astype."
        )
    fits = a.shape == template.shape or a.shape == _channels(template.shape)
    if not fits and (a.ndim >= template.ndim or a.shape != template.shape[template.ndim - a.ndim :]):
        raise ValueError(f"{formula.name}: expected arrays of shape {template.shape}, or its last axes, got {a.shape}.")
    if array_module(a) is not array_module(template):
        raise TypeError(f"{formula.name}: one array is on the CPU, another on the GPU: move one with to_device.")
