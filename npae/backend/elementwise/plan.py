"""What a formula has to know about its arguments, found out and checked once for every kind of them.

A training step calls its formulas with arrays of the same types, shapes and dtypes ten thousand times. So the checks
and their sentences are here, the Plan is remembered, and a call that was seen before costs a look-up.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from npae.backend.arrays import array_module


@dataclass
class Plan:
    """How a formula runs on arguments of one kind.

    kinds: for each input "array" (of the full shape), "row" (its last axes), "number" or "none". aliases: for each
    output the index of the input that is the same array, or None. model: the index of an input of the full `shape`.
    run(plan, args, outs): fills `outs`. images: is all of it images (B, C, H, W), or channels (C, 1, 1)? loopable: do
    rows repeat, all with one length? program: the compiled loops, or the GPU's kernel, for such arguments, once there
    are any.
    """

    kinds: tuple
    aliases: tuple
    model: int
    shape: tuple
    dtype: Any
    numpy_numbers: bool
    run: Any
    images: bool
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
    at_the_end = all(r == shape[len(shape) - len(r) :] for r in rows)  # and not one number a channel
    return Plan(kinds, aliases, model, shape, dtype, any(isinstance(a, np.generic) for a in args), run,
                images=len(shape) == 4 and rows <= {_channels(shape)},
                loopable=len(rows) < 2 and () not in rows and at_the_end)  # fmt: skip


def _channels(shape):
    """The shape of one number a channel, for images of `shape`; None for what is no images."""
    return (shape[1], 1, 1) if len(shape) == 4 else None


def _is_array(a):
    return hasattr(a, "dtype") and not isinstance(a, np.generic)


def _check(formula, a, model):
    if a.dtype != model.dtype:
        raise TypeError(f"{formula.name}: expected arrays of one dtype, got {model.dtype} and {a.dtype}: use astype.")
    fits = a.shape == model.shape or a.shape == _channels(model.shape)
    if not fits and (a.ndim >= model.ndim or a.shape != model.shape[model.ndim - a.ndim :]):
        raise ValueError(f"{formula.name}: expected arrays of shape {model.shape}, or its last axes, got {a.shape}.")
    if array_module(a) is not array_module(model):
        raise TypeError(f"{formula.name}: one array is on the CPU, another on the GPU: move one with to_device.")
