"""What a formula has to know about its arguments, found out and checked once for every kind of them.

A training step calls its formulas with arrays of the same types, shapes and dtypes ten thousand times. So the checks
and their sentences are here, the Plan is remembered, and a call that was seen before costs a look-up.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from npae.backend import array_module


@dataclass
class Plan:
    """How a formula runs on arguments of one kind.

    kinds: for each input "array" (of the full shape), "row" (its last axes), "number" or "none". aliases: for each
    output the index of the input that is the same array, or None. model: the index of an input of the full `shape`.
    run(plan, args, outs): fills `outs`. loopable: have all rows one length? program: the compiled loops, or
    the GPU's kernel, for such arguments, once there are any.
    """

    kinds: tuple
    aliases: tuple
    model: int
    shape: tuple
    dtype: Any
    numpy_numbers: bool
    run: Any
    loopable: bool
    program: Any = None


def make_plan(formula, args, outs, aliases):
    """Check the arguments of `formula`, return their Plan. Raises TypeError and ValueError as Formula.__call__ says."""
    kinds = tuple("none" if a is None else "array" if _is_array(a) else "number" for a in args)
    arrays = [k for k, kind in enumerate(kinds) if kind == "array"]
    if not arrays or len(args) != len(formula.input_names):
        raise TypeError(
            f"{formula.name}: expected {', '.join(formula.input_names)}, at least one of them an array, got "
            f"{len(args)} arguments ({', '.join(type(a).__name__ for a in args)})."
        )
    model = max(arrays, key=lambda k: args[k].ndim)
    shape, dtype, xp = args[model].shape, args[model].dtype, array_module(args[model])
    for k in arrays:
        _check(formula, args[k], args[model])
    if outs and len(outs) != len(formula.traced[2]):
        raise TypeError(f"{formula.name}: expected {len(formula.traced[2])} outputs, got {len(outs)}.")
    for k, o in enumerate(outs):
        _check(formula, o, args[model])
        if o.shape != shape:
            raise ValueError(f"{formula.name}: expected an output of shape {shape}, got {o.shape}.")
        name = None if aliases[k] is None else formula.input_names[aliases[k]]
        if name is not None and formula.out_names[k : k + 1] != (name,):
            raise ValueError(f"{formula.name}: output {k} may not be the input {name}: name it in `out`.")
    kinds = tuple("row" if kind == "array" and args[k].ndim < len(shape) else kind for k, kind in enumerate(kinds))
    run = formula.run_on_cpu if xp is np else formula.run_on_gpu
    aliases = aliases or (None,) * len(formula.traced[2])
    rows = {args[k].shape for k, kind in enumerate(kinds) if kind == "row"}
    return Plan(kinds, aliases, model, shape, dtype, any(isinstance(a, np.generic) for a in args), run,
                loopable=len(rows) < 2 and () not in rows)  # fmt: skip


def _is_array(a):
    return hasattr(a, "dtype") and not isinstance(a, np.generic)


def _check(formula, a, model):
    if a.dtype != model.dtype:
        raise TypeError(f"{formula.name}: expected arrays of one dtype, got {model.dtype} and {a.dtype}: use astype.")
    if a.shape != model.shape and (a.ndim >= model.ndim or a.shape != model.shape[model.ndim - a.ndim :]):
        raise ValueError(f"{formula.name}: expected arrays of shape {model.shape}, or its last axes, got {a.shape}.")
    if array_module(a) is not array_module(model):
        raise TypeError(f"{formula.name}: one array is on the CPU, another on the GPU: move one with to_device.")
